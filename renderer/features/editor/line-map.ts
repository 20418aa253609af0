/** Where the lines of a text are in a later one. Lines count from 1. */

export interface LineMap {
  /** Undefined: the line is gone. */
  forward(line: number): number | undefined;
  /** Undefined: the line is new. */
  back(line: number): number | undefined;
}

export function linesOf(text: string): string[] {
  return text.split(/\r\n|\n|\r/);
}

/**
 * By lines that are equal at both ends, then by those that stand once in each text, in one order (patience diff). Between them lines that were
 * changed one for one stay where they are.
 */
export function lineMap(before: readonly string[], after: readonly string[]): LineMap {
  const to = new Map<number, number>();
  match(before, after, 0, before.length, 0, after.length, to);
  const from = new Map([...to].map(([old, now]) => [now, old]));
  return {
    forward: (line) => shifted(to.get(line - 1)),
    back: (line) => shifted(from.get(line - 1)),
  };
}

const shifted = (index: number | undefined): number | undefined => (index === undefined ? undefined : index + 1);

function match(
  before: readonly string[],
  after: readonly string[],
  start: number,
  end: number,
  startAfter: number,
  endAfter: number,
  to: Map<number, number>,
): void {
  let [low, lowAfter, high, highAfter] = [start, startAfter, end, endAfter];
  while (low < high && lowAfter < highAfter && before[low] === after[lowAfter]) to.set(low++, lowAfter++);
  while (low < high && lowAfter < highAfter && before[high - 1] === after[highAfter - 1]) to.set(--high, --highAfter);
  if (low >= high || lowAfter >= highAfter) return;
  const anchors = inOrder(unique(before, low, high, after, lowAfter, highAfter));
  if (anchors.length === 0) {
    const count = Math.min(high - low, highAfter - lowAfter);
    for (let index = 0; index < count; index++) to.set(low + index, lowAfter + index);
    return;
  }
  for (const [old, now] of [...anchors, [high, highAfter] as const]) {
    match(before, after, low, old, lowAfter, now, to);
    if (old < high) to.set(old, now);
    low = old + 1;
    lowAfter = now + 1;
  }
}

/** Pairs of lines that stand once in both stretches, by their place in the first one. */
function unique(
  before: readonly string[],
  low: number,
  high: number,
  after: readonly string[],
  lowAfter: number,
  highAfter: number,
): (readonly [number, number])[] {
  const places = (lines: readonly string[], from: number, to: number): Map<string, number> => {
    const found = new Map<string, number>();
    for (let index = from; index < to; index++) {
      const line = lines[index] ?? '';
      found.set(line, found.has(line) ? -1 : index);
    }
    return found;
  };
  const now = places(after, lowAfter, highAfter);
  return [...places(before, low, high)].flatMap(([line, index]) => {
    const other = now.get(line) ?? -1;
    return index < 0 || other < 0 ? [] : [[index, other] as const];
  });
}

/** The longest part of the pairs that rises in both places. */
function inOrder(pairs: readonly (readonly [number, number])[]): (readonly [number, number])[] {
  /** By length: the pair that ends a rising run of that length with the least place. */
  const ends: number[] = [];
  const previous: number[] = [];
  for (const [index, pair] of pairs.entries()) {
    let low = 0;
    let high = ends.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((pairs[ends[middle] ?? 0]?.[1] ?? 0) < pair[1]) low = middle + 1;
      else high = middle;
    }
    previous[index] = low === 0 ? -1 : (ends[low - 1] ?? -1);
    ends[low] = index;
  }
  const result: (readonly [number, number])[] = [];
  for (let at = ends.at(-1) ?? -1; at >= 0; at = previous[at] ?? -1) {
    const pair = pairs[at];
    if (pair) result.unshift(pair);
  }
  return result;
}
