/** `%if` and its kin (NASM manual, 4.4). */
import { LineError } from './diagnostic.ts';
import { isFloat, numberValue, stringBytes } from './literal.ts';
import type { SourceLine } from './macro.ts';
import type { Preprocessor } from './preprocessor.ts';
import { isOperator, spelling, type Token } from './token.ts';

interface Conditional {
  /** `waiting`: no branch was taken yet; `done`: one was; `dead`: the whole construct stands in a skipped part. */
  state: 'emitting' | 'waiting' | 'done' | 'dead';
  elseSeen: boolean;
  readonly source: SourceLine;
}

type Test = (preprocessor: Preprocessor, rest: readonly Token[]) => boolean;

const word = /^(if|elif)(n?)(ctx|defalias|def|diropt|empty|env|file|id|idn|idni|macro|num|str|token)?$/;

export class Conditionals {
  private readonly stack: Conditional[] = [];
  private readonly preprocessor: Preprocessor;

  constructor(preprocessor: Preprocessor) {
    this.preprocessor = preprocessor;
  }

  get depth(): number {
    return this.stack.length;
  }
  get emitting(): boolean {
    const top = this.stack[this.stack.length - 1];
    return top === undefined || top.state === 'emitting';
  }
  /** Forgets what was opened beyond a depth; returns the line that opened the outermost of it. */
  cut(depth: number): SourceLine | undefined {
    const open = this.stack[depth]?.source;
    this.stack.length = Math.min(this.stack.length, depth);
    return open;
  }

  /** A directive in a skipped part. */
  skip(name: string, line: SourceLine): void {
    if (name.startsWith('if') && word.test(name)) {
      this.stack.push({ state: 'dead', elseSeen: false, source: line });
      return;
    }
    if (name === 'endif' || name === 'else' || word.test(name)) {
      const first = line.tokens[0];
      if (first) this.handle(first, this.preprocessor.parameters(line.tokens).slice(1));
    }
  }

  /** Handles a directive if it is a conditional one. */
  handle(directive: Token, rest: readonly Token[]): boolean {
    const name = directive.text;
    const top = this.stack[this.stack.length - 1];
    if (name === 'endif') {
      if (!top || this.belongsOutside())
        throw new LineError('stray-conditional', "`%endif': no matching `%if'", directive.column, directive.end);
      this.stack.pop();
      return true;
    }
    if (name === 'else') {
      if (!top || this.belongsOutside())
        throw new LineError('stray-conditional', "`%else': no matching `%if'", directive.column, directive.end);
      if (top.elseSeen) throw new LineError('stray-conditional', "This `%if' has two `%else'.", directive.column, directive.end);
      top.elseSeen = true;
      if (top.state !== 'dead') top.state = top.state === 'waiting' ? 'emitting' : 'done';
      return true;
    }
    const match = word.exec(name);
    if (!match) return false;
    const [, kind, not, what = ''] = match;
    if (kind === 'if') {
      const entry: Conditional = { state: 'done', elseSeen: false, source: this.preprocessor.source };
      this.stack.push(entry);
      // If the condition is wrong, neither branch is taken: its errors would mislead.
      if (this.test(name, what, rest) !== (not === 'n')) entry.state = 'emitting';
      else entry.state = 'waiting';
      return true;
    }
    if (!top || this.belongsOutside())
      throw new LineError('stray-conditional', `\`%${name}': no matching \`%if'`, directive.column, directive.end);
    if (top.elseSeen)
      throw new LineError('stray-conditional', `\`%${name}' stands after \`%else'.`, directive.column, directive.end);
    if (top.state === 'emitting') top.state = 'done';
    else if (top.state === 'waiting') {
      top.state = 'done';
      top.state = this.test(name, what, rest) !== (not === 'n') ? 'emitting' : 'waiting';
    }
    return true;
  }

  private belongsOutside(): boolean {
    return this.stack.length <= this.preprocessor.conditionalFloor;
  }

  private test(name: string, what: string, rest: readonly Token[]): boolean {
    const test = tests[what];
    if (!test) throw new LineError('unknown-directive', `The directive \`%${name}' is not supported.`);
    return test(this.preprocessor, rest);
  }
}

function firstName(rest: readonly Token[], what: string): Token {
  const token = rest[0];
  if (!token || (token.kind !== 'identifier' && token.kind !== 'contextLocal')) {
    throw new LineError('name-expected', `${what} expects a name.`, token?.column, token?.end);
  }
  return token;
}

const expanded = (preprocessor: Preprocessor, rest: readonly Token[]): readonly Token[] => preprocessor.expand(rest);

function identical(preprocessor: Preprocessor, rest: readonly Token[], ignoreCase: boolean): boolean {
  const tokens = expanded(preprocessor, rest);
  const comma = tokens.findIndex((token) => isOperator(token, ','));
  const left = tokens.slice(0, comma);
  const right = tokens.slice(comma + 1);
  if (comma < 0) throw new LineError('two-arguments', '%ifidn expects two arguments with a comma between them.');
  if (left.length !== right.length) return false;
  const key = (token: Token): string => {
    const text = token.kind === 'string' ? `"${Array.from(stringBytes(token.text)).join(' ')}` : spelling(token);
    return ignoreCase
      ? token.kind === 'string'
        ? `"${new TextDecoder().decode(stringBytes(token.text)).toLowerCase()}`
        : text.toLowerCase()
      : text;
  };
  return left.every((token, index) => {
    const other = right[index];
    return other !== undefined && key(token) === key(other);
  });
}

const tests: Readonly<Record<string, Test>> = {
  '': (preprocessor, rest) => {
    const tokens = expanded(preprocessor, rest);
    if (tokens.length === 0) throw new LineError('expression-expected', "`%if' needs an expression.");
    return preprocessor.evaluate(tokens) !== 0n;
  },
  def: (preprocessor, rest) =>
    rest.some((token) => {
      if (token.kind === 'contextLocal') return preprocessor.single.find(preprocessor.contextName(token.text)) !== undefined;
      return (
        token.kind === 'identifier' &&
        (preprocessor.single.find(token.text) !== undefined || preprocessor.builtin(token.text) !== undefined)
      );
    }) || (firstName(rest, '%ifdef'), false),
  macro: (preprocessor, rest) => {
    const name = firstName(rest, '%ifmacro').text;
    const macros = preprocessor.findMulti(name);
    if (rest.length === 1) return macros.length > 0;
    const range = parseCount(rest.slice(1));
    return macros.some((macro) => macro.minimum <= range.maximum && (macro.greedy || range.minimum <= macro.maximum));
  },
  ctx: (preprocessor, rest) => {
    const top = preprocessor.contexts[preprocessor.contexts.length - 1];
    return top !== undefined && rest.some((token) => token.text.toLowerCase() === top.name.toLowerCase());
  },
  env: () => false,
  empty: (preprocessor, rest) => expanded(preprocessor, rest).length === 0,
  id: (preprocessor, rest) => expanded(preprocessor, rest)[0]?.kind === 'identifier',
  num: (preprocessor, rest) => {
    let tokens = expanded(preprocessor, rest);
    if (tokens[0]?.kind === 'operator' && /^[+-]$/.test(tokens[0].text)) tokens = tokens.slice(1);
    const first = tokens[0];
    return first?.kind === 'number' && (numberValue(first.text) !== undefined || isFloat(first.text));
  },
  str: (preprocessor, rest) => expanded(preprocessor, rest)[0]?.kind === 'string',
  token: (preprocessor, rest) => expanded(preprocessor, rest).length === 1,
  idn: (preprocessor, rest) => identical(preprocessor, rest, false),
  idni: (preprocessor, rest) => identical(preprocessor, rest, true),
};

/** `2`, `1-3`, `2-*`, `2+`: how many parameters a multi-line macro takes. */
export function parseCount(tokens: readonly Token[]): {
  minimum: number;
  maximum: number;
  greedy: boolean;
  rest: readonly Token[];
} {
  const fail = (): never => {
    throw new LineError('parameter-count', 'A macro needs the number of its parameters: 2, 1-3, 1-* or 2+.', tokens[0]?.column);
  };
  const number = (token: Token | undefined): number => {
    const value = token?.kind === 'number' ? numberValue(token.text) : undefined;
    return value !== undefined && value >= 0n && value <= 10_000n ? Number(value) : fail();
  };
  const minimum = number(tokens[0]);
  let maximum = minimum;
  let index = 1;
  if (tokens[index]?.text === '-') {
    const bound = tokens[index + 1];
    maximum = bound?.text === '*' ? Number.MAX_SAFE_INTEGER : number(bound);
    index += 2;
    if (maximum < minimum) fail();
  }
  let greedy = false;
  if (tokens[index]?.text === '+') {
    greedy = true;
    index++;
  }
  return { minimum, maximum, greedy, rest: tokens.slice(index) };
}
