/** What may stand where the cursor is. */
import { isOperator, tokenize } from '../token.ts';
import type { NameKind, SourceIndex } from './source-index.ts';
import { preprocessorWords, words, type WordKind } from './words.ts';

export interface Completion {
  readonly text: string;
  readonly kind: WordKind | NameKind | 'preprocessor';
  readonly detail: string;
}

const first: ReadonlySet<WordKind> = new Set<WordKind>(['instruction', 'flow', 'prefix', 'data', 'directive']);
const behind: ReadonlySet<WordKind> = new Set<WordKind>(['register', 'keyword']);

/** `before`: the line up to the cursor; `scope`: the label that local ones belong to. */
export function completionsAt(before: string, index: SourceIndex, scope: string): Completion[] {
  const tokens = tokenize(before);
  const last = tokens.at(-1);
  // Nothing is proposed in comments and strings.
  if (last?.kind === 'bad' || isComment(before, last?.end)) return [];
  if (last?.end === before.length + 1 && (last.kind === 'directive' || isOperator(last, '%')))
    return [...preprocessorWords].map(([word, detail]) => ({ text: `%${word}`, kind: 'preprocessor', detail }));
  const isTyping = last?.kind === 'identifier' && last.end === before.length + 1;
  const whole = isTyping ? tokens.slice(0, -1) : tokens;
  const atStart =
    whole.length === 0 ||
    (whole.length === 2 && isOperator(whole[1], ':')) ||
    whole.every(({ text }) => words.get(text.toLowerCase())?.kind === 'prefix');
  const kinds = atStart ? first : behind;
  const found: Completion[] = [...words]
    .filter(([, { kind }]) => kinds.has(kind))
    .map(([text, { kind, summary }]) => ({ text, kind, detail: summary }));
  const opener = whole[0]?.text.toLowerCase();
  const seen = new Set<string>();
  for (const { name, kind, file, line } of index.definitions) {
    if (seen.has(name) || (atStart && kind !== 'macro')) continue;
    seen.add(name);
    const text = kind === 'local' && name.startsWith(`${scope}.`) ? name.slice(scope.length) : name;
    found.push({ text, kind, detail: `${file}, line ${line}` });
  }
  // TIMES and the like are followed by an instruction.
  if (!atStart && (opener === 'times' || whole.at(-1)?.text.toLowerCase() === 'lock'))
    found.push(
      ...[...words]
        .filter(([, { kind }]) => first.has(kind))
        .map(([text, { kind, summary }]) => ({ text, kind, detail: summary })),
    );
  return found;
}

function isComment(before: string, end = 1): boolean {
  return before.slice(end - 1).includes(';');
}
