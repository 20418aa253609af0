/** Words of the text that describes types, and of expressions. */
import { StructureError } from './types.ts';

export interface Token {
  readonly kind: 'name' | 'number' | 'sign' | 'end';
  readonly text: string;
  readonly value: number;
  readonly line: number;
  readonly column: number;
}

const pattern =
  /(?<blank>(?:\s|\/\/[^\n]*|\/\*[\s\S]*?\*\/)+)|(?<name>[A-Za-z_$][A-Za-z0-9_$]*)|(?<number>0[xX][0-9a-fA-F]+|0[bB][01]+|[0-9]+)|(?<sign>->|\/(?!\*)|[{}()[\];:,*&.=@+\-<>])/y;
/** More is no description that anybody wrote. */
const longestText = 8 << 20;

export function tokenize(text: string): Token[] {
  if (text.length > longestText) throw new StructureError(`The text has ${text.length} characters; the most is ${longestText}.`);
  const tokens: Token[] = [];
  let line = 1;
  let lineStart = 0;
  pattern.lastIndex = 0;
  for (let at = 0; at < text.length; at = pattern.lastIndex) {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    const column = at - lineStart + 1;
    if (match?.groups === undefined) {
      const isComment = text.startsWith('/*', at);
      throw new StructureError(isComment ? 'This comment has no end.' : `${JSON.stringify(text[at])} means nothing here.`, {
        line,
        column,
      });
    }
    const { blank, name, number, sign } = match.groups;
    if (blank !== undefined) {
      for (let newline = blank.indexOf('\n'); newline >= 0; newline = blank.indexOf('\n', newline + 1)) {
        line++;
        lineStart = at + newline + 1;
      }
      continue;
    }
    if (number !== undefined && /[A-Za-z_0-9]/.test(text[pattern.lastIndex] ?? ''))
      throw new StructureError(`${number}${text[pattern.lastIndex]} is no number.`, { line, column });
    const kind = name !== undefined ? 'name' : number !== undefined ? 'number' : 'sign';
    const value = number === undefined ? 0 : Number(number);
    if (!Number.isSafeInteger(value)) throw new StructureError(`${number} is too large.`, { line, column });
    tokens.push({ kind, text: name ?? number ?? sign ?? '', value, line, column });
  }
  tokens.push({ kind: 'end', text: '', value: 0, line, column: text.length - lineStart + 1 });
  return tokens;
}

/** Reads tokens one after the other. */
export class Reader {
  #at = 0;

  constructor(private readonly tokens: readonly Token[]) {}

  get token(): Token {
    const token = this.tokens[this.#at];
    if (token === undefined) throw new StructureError('The text ends too early.');
    return token;
  }

  get position(): number {
    return this.#at;
  }
  set position(at: number) {
    this.#at = at;
  }

  next(): Token {
    const { token } = this;
    if (token.kind !== 'end') this.#at++;
    return token;
  }

  is(text: string): boolean {
    return this.token.kind !== 'end' && this.token.text === text;
  }

  /** Takes the token if it is this one. */
  take(text: string): boolean {
    if (!this.is(text)) return false;
    this.#at++;
    return true;
  }

  expect(text: string): Token {
    if (!this.is(text)) this.fail(`"${text}" is missing here`);
    return this.next();
  }

  name(what: string): Token {
    if (this.token.kind !== 'name') this.fail(`${what} is missing here`);
    return this.next();
  }

  number(what: string): number {
    if (this.token.kind !== 'number') this.fail(`${what} is missing here`);
    return this.next().value;
  }

  fail(problem: string, token = this.token): never {
    const found = token.kind === 'end' ? 'the end' : `"${token.text}"`;
    throw new StructureError(`${problem}, where ${found} stands.`, { line: token.line, column: token.column });
  }
}
