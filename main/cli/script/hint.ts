/** What somebody meant who wrote a step that there is not. */

export const STEPS = [
  'wait-screen',
  'wait-serial',
  'wait-stop',
  'wait-off',
  'wait',
  'type',
  'keys',
  'send',
  'screenshot',
  'break',
  'pause',
  'continue',
  'peek',
  'assert',
  'timeout',
  'cpu',
  'profile',
] as const;

/** Words of other tools for the same. */
const others: Record<string, string> = {
  sleep: 'wait',
  delay: 'wait',
  expect: 'wait-serial',
  press: 'keys',
  sendkey: 'keys',
  sendkeys: 'keys',
  serial: 'send',
  echo: 'type',
  write: 'type',
  resume: 'continue',
  cont: 'continue',
  go: 'continue',
  stop: 'pause',
  breakpoint: 'break',
  print: 'peek',
  check: 'assert',
  capture: 'screenshot',
};

/** Two words that differ by so much are the same word, mistyped. */
const closest = 2;

export function mistaken(word: string): string {
  const plain = word.toLowerCase().replaceAll('_', '-');
  const [near] = STEPS.map((step) => ({ step, distance: distance(plain, step) })).sort((a, b) => a.distance - b.distance);
  const meant = Object.hasOwn(others, plain)
    ? others[plain]
    : near !== undefined && near.distance <= closest
      ? near.step
      : undefined;
  return meant === undefined
    ? `There is no step “${word}”; the steps are ${STEPS.slice(0, -1).join(', ')} and ${STEPS.at(-1)}.`
    : `There is no step “${word}”; did you mean ${meant}?`;
}

/** Letters to put in, take out or change (Levenshtein). */
function distance(left: string, right: string): number {
  // Nobody mistypes so much.
  if (Math.abs(left.length - right.length) > closest) return closest + 1;
  let row = Array.from({ length: right.length + 1 }, (_, at) => at);
  for (const [index, letter] of [...left].entries()) {
    const next = [index + 1];
    for (let at = 1; at <= right.length; at++) {
      const change = (row[at - 1] ?? 0) + (right[at - 1] === letter ? 0 : 1);
      next.push(Math.min(change, (row[at] ?? 0) + 1, (next[at - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
