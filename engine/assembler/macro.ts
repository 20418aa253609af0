/** Single-line and multi-line macros and the lines a preprocessor works on (NASM manual, 4.1 to 4.3). */
import type { MacroFrame } from './diagnostic.ts';
import type { Token } from './token.ts';

/** A line as it comes from a file or a macro's body. */
export interface SourceLine {
  readonly tokens: readonly Token[];
  /** The text as written, for the listing and for %error. */
  readonly text: string;
  readonly file: string;
  readonly line: number;
}

/** An expanded line, ready for the parser. */
export interface ExpandedLine {
  readonly tokens: readonly Token[];
  readonly source: SourceLine;
  /** Where a diagnostic points: the source line itself, or the line that invoked the outermost macro. */
  readonly file: string;
  readonly line: number;
  /** The invocation's column; used instead of the tokens' columns inside a macro. */
  readonly invocationColumn: number | undefined;
  readonly macroStack: readonly MacroFrame[];
  /** The listing leaves the line out. */
  readonly hidden: boolean;
}

export interface SingleMacroParameter {
  readonly name: string;
  /** `=name`: the argument is evaluated first. */
  readonly evaluated: boolean;
  /** `&name`: the argument becomes a string. */
  readonly stringified: boolean;
  /** `name+`: takes the rest of the arguments. */
  readonly greedy: boolean;
}

export interface SingleMacro {
  readonly name: string;
  readonly ignoreCase: boolean;
  /** Undefined: used without parentheses. */
  readonly parameters: readonly SingleMacroParameter[] | undefined;
  readonly body: readonly Token[];
}

export interface MultiMacro {
  readonly name: string;
  readonly ignoreCase: boolean;
  readonly minimum: number;
  readonly maximum: number;
  /** The last parameter takes the rest of the line. */
  readonly greedy: boolean;
  readonly defaults: readonly (readonly Token[])[];
  readonly body: SourceLine[];
  readonly hidden: boolean;
  readonly file: string;
  readonly line: number;
}

/** One expansion of a multi-line macro under way. */
export interface MacroCall {
  readonly macro: MultiMacro;
  /** The name as it was written. */
  readonly spelling: string;
  readonly unique: number;
  /** `%rotate` turns it. */
  arguments: (readonly Token[])[];
  /** Arguments of the invocation, without defaults. */
  readonly given: number;
  /** The label before the invocation, for `%00`. */
  readonly label: readonly Token[];
}

/** Condition codes and their opposites, for `%-1`. */
export const oppositeConditions: ReadonlyMap<string, string> = new Map(
  [
    ['a', 'na'],
    ['ae', 'nae'],
    ['b', 'nb'],
    ['be', 'nbe'],
    ['c', 'nc'],
    ['e', 'ne'],
    ['g', 'ng'],
    ['ge', 'nge'],
    ['l', 'nl'],
    ['le', 'nle'],
    ['o', 'no'],
    ['p', 'np'],
    ['pe', 'po'],
    ['s', 'ns'],
    ['z', 'nz'],
  ].flatMap(([one = '', other = '']): [string, string][] => [
    [one, other],
    [other, one],
  ]),
);
for (const sign of ['cxz', 'ecxz']) {
  // They are condition codes for %+1, and have no opposite.
  (oppositeConditions as Map<string, string>).set(sign, '');
}

/** Cuts macro arguments at commas; braces (and, for single-line macros, parentheses) protect commas. */
export function splitArguments(tokens: readonly Token[], parentheses: boolean): Token[][] {
  const result: Token[][] = [];
  let current: Token[] = [];
  let braces = 0;
  let depth = 0;
  for (const token of tokens) {
    if (token.kind === 'operator') {
      if (token.text === '{') braces++;
      else if (token.text === '}') braces = Math.max(0, braces - 1);
      else if (parentheses && token.text === '(') depth++;
      else if (parentheses && token.text === ')') depth--;
      else if (token.text === ',' && braces === 0 && depth === 0) {
        result.push(withoutBraces(current));
        current = [];
        continue;
      }
    }
    current.push(token);
  }
  result.push(withoutBraces(current));
  return result;
}

/** An argument in braces stands for what is between them. */
function withoutBraces(tokens: Token[]): Token[] {
  const first = tokens[0];
  const last = tokens[tokens.length - 1];
  if (first?.kind !== 'operator' || first.text !== '{' || last?.kind !== 'operator' || last.text !== '}') return tokens;
  let depth = 0;
  for (const [index, token] of tokens.entries()) {
    if (token.kind !== 'operator') continue;
    if (token.text === '{') depth++;
    if (token.text === '}' && --depth === 0 && index < tokens.length - 1) return tokens;
  }
  return tokens.slice(1, -1);
}
