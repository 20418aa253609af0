/** One line of source: label, prefixes, instruction or pseudo-instruction (NASM manual, 3.1 and 3.2). */
import type { Candidate } from './candidate.ts';
import { LineError } from './diagnostic.ts';
import { Cursor, isConstant, parseExpression, type Expression } from './expression.ts';
import { isFloat, stringBytes } from './literal.ts';
import { parseOperand, sizeKeywords, type OperandSyntax } from './operand.ts';
import { lockPrefix, repeatPrefixes, type Prefixes } from './encoder.ts';
import { registers, type Register } from './register.ts';
import { isOperator, type Token } from './token.ts';

export type DataItem =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'value'; readonly expression: Expression; readonly token: Token | undefined }
  | { readonly kind: 'float'; readonly text: string; readonly negative: boolean; readonly token: Token }
  | { readonly kind: 'blank' }
  | {
      readonly kind: 'repeat';
      readonly count: Expression;
      readonly items: readonly DataItem[];
      readonly unit: number | undefined;
    };

export type Body =
  | { readonly kind: 'nothing' }
  | {
      readonly kind: 'instruction';
      readonly name: string;
      readonly candidates: readonly Candidate[];
      readonly operands: readonly OperandSyntax[];
      readonly prefixes: Prefixes;
      readonly constant: boolean;
      /** A jump: its bytes depend on where it stands, even to a constant target. */
      readonly placed: boolean;
    }
  | {
      readonly kind: 'data';
      readonly unit: number;
      readonly items: readonly DataItem[];
      readonly constant: boolean;
      /** It takes as much room in each pass. */
      readonly sized: boolean;
    }
  | { readonly kind: 'reserve'; readonly unit: number; readonly count: Expression }
  | { readonly kind: 'equ'; readonly expression: Expression }
  | {
      readonly kind: 'file';
      readonly name: string;
      readonly skip: Expression | undefined;
      readonly length: Expression | undefined;
    }
  | { readonly kind: 'directive'; readonly name: string; readonly tokens: readonly Token[] };

export interface Statement {
  /** Full name of the label defined here. */
  readonly label: string | undefined;
  readonly labelToken: Token | undefined;
  /** The label stands alone and has no colon. */
  readonly orphan: boolean;
  readonly times: Expression | undefined;
  readonly body: Body;
  /** The rest of the line was wrong; the label counts all the same. */
  readonly error: LineError | undefined;
  /** The body is an instruction. */
  readonly isCode: boolean;
}

const nothing: Body = { kind: 'nothing' };
const emptyStatement: Statement = {
  label: undefined,
  labelToken: undefined,
  orphan: false,
  times: undefined,
  body: nothing,
  error: undefined,
  isCode: false,
};

const dataUnits: ReadonlyMap<string, number> = new Map([
  ['db', 1],
  ['dw', 2],
  ['dd', 4],
  ['dq', 8],
  ['dt', 10],
  ['do', 16],
]);
const reserveUnits: ReadonlyMap<string, number> = new Map([
  ['resb', 1],
  ['resw', 2],
  ['resd', 4],
  ['resq', 8],
  ['rest', 10],
  ['reso', 16],
]);
const sizePrefixes: ReadonlyMap<string, { what: 'operandSize' | 'addressSize'; bits: 16 | 32 }> = new Map([
  ['o16', { what: 'operandSize', bits: 16 }],
  ['o32', { what: 'operandSize', bits: 32 }],
  ['a16', { what: 'addressSize', bits: 16 }],
  ['a32', { what: 'addressSize', bits: 32 }],
]);
const otherWords = new Set([
  'equ',
  'incbin',
  'times',
  'lock',
  'o64',
  'a64',
  ...Object.keys(repeatPrefixes),
  ...sizePrefixes.keys(),
  ...dataUnits.keys(),
  ...reserveUnits.keys(),
]);

/** Words that may stand before an instruction and change it. */
const prefixWords = new Set(['lock', 'o64', 'a64', ...Object.keys(repeatPrefixes), ...sizePrefixes.keys()]);
for (const [name, register] of registers) if (register.class === 'segment') prefixWords.add(name);

/** Parses lines; remembers the last full label, to which local ones belong. */
export class StatementParser {
  private readonly candidates: ReadonlyMap<string, readonly Candidate[]>;
  private fullLabel = '';

  constructor(candidates: ReadonlyMap<string, readonly Candidate[]>) {
    this.candidates = candidates;
  }

  /** Whether a word is taken: it can be a label only with a colon or a dollar sign. */
  isReserved(word: string): boolean {
    const lower = word.toLowerCase();
    return this.candidates.has(lower) || otherWords.has(lower) || registers.has(lower) || sizeKeywords.has(lower);
  }

  /** The full name of a label as it is written here. */
  readonly qualify = (name: string): string => {
    const plain = name.startsWith('$') ? name.slice(1) : name;
    return plain.startsWith('.') && !plain.startsWith('..') ? this.fullLabel + plain : plain;
  };

  cursor(tokens: readonly Token[]): Cursor {
    return new Cursor(tokens, this.qualify);
  }

  parse(tokens: readonly Token[]): Statement {
    if (tokens.length === 0) return emptyStatement;
    const cursor = this.cursor(tokens);
    let labelToken: Token | undefined;
    let label: string | undefined;
    let colon = false;
    const first = cursor.current;
    if (first?.kind === 'identifier' && (isOperator(cursor.ahead(), ':') || !this.isReserved(first.text))) {
      labelToken = first;
      label = this.qualify(first.text);
      cursor.index++;
      colon = cursor.accept(':');
    }
    const equ = cursor.word === 'equ';
    if (label !== undefined && !equ && !label.startsWith('..') && !(labelToken?.text.startsWith('.') ?? false))
      this.fullLabel = label;
    const orphan = label !== undefined && !colon && cursor.atEnd;
    try {
      const times = this.parseTimes(cursor);
      const body = this.parseBody(cursor, label);
      if (times && body.kind === 'nothing') cursor.fail('instruction-expected', 'TIMES needs something to repeat.');
      if (!cursor.atEnd) cursor.fail('trailing', `The line should end here, not go on with \`${cursor.current?.text ?? ''}'.`);
      return { label, labelToken, orphan, times, body, error: undefined, isCode: body.kind === 'instruction' };
    } catch (error) {
      if (!(error instanceof LineError)) throw error;
      return { label, labelToken, orphan, times: undefined, body: nothing, error, isCode: false };
    }
  }

  private parseTimes(cursor: Cursor): Expression | undefined {
    if (cursor.word !== 'times') return undefined;
    cursor.index++;
    return parseExpression(cursor);
  }

  private parseBody(cursor: Cursor, label: string | undefined): Body {
    if (cursor.isOperator('[')) return this.parseDirective(cursor);
    const prefixes = this.parsePrefixes(cursor);
    const token = cursor.current;
    const word = cursor.word;
    if (word === undefined || token === undefined) {
      if (token) cursor.fail('instruction-expected', 'A label or an instruction is expected at the start of the line.');
      return prefixes
        ? { kind: 'instruction', name: '', candidates: [], operands: [], prefixes, constant: true, placed: false }
        : { kind: 'nothing' };
    }
    const unit = dataUnits.get(word);
    if (unit !== undefined) {
      cursor.index++;
      const items = this.parseItems(cursor, unit);
      return { kind: 'data', unit, items, constant: items.every(isConstantItem), sized: items.every(isSized) };
    }
    const reserved = reserveUnits.get(word);
    if (reserved !== undefined) {
      cursor.index++;
      return { kind: 'reserve', unit: reserved, count: parseExpression(cursor) };
    }
    if (word === 'equ') {
      if (label === undefined) cursor.fail('label-expected', 'EQU needs a label in front of it.');
      cursor.index++;
      return { kind: 'equ', expression: parseExpression(cursor) };
    }
    if (word === 'incbin') return this.parseFile(cursor);
    const candidates = this.candidates.get(word);
    if (!candidates) {
      cursor.fail(
        'instruction-expected',
        label !== undefined
          ? `An instruction is expected after the label \`${label}'; \`${token.text}' is none.`
          : `\`${token.text}' is not an instruction.`,
      );
    }
    cursor.index++;
    const operands: OperandSyntax[] = [];
    if (!cursor.atEnd) {
      do operands.push(parseOperand(cursor));
      while (cursor.accept(','));
    }
    const fitting = candidates.filter(({ codes }) => codes.length === operands.length);
    return {
      kind: 'instruction',
      name: word,
      // With none of that many operands, all of them say why not; LOOP takes its counter as one more.
      candidates: fitting.length > 0 && !/^loop/.test(word) ? fitting : candidates,
      operands,
      prefixes: prefixes ?? noPrefixes,
      constant: operands.every((operand) => operand.constant),
      placed: candidates.some(({ codes }) => codes[0]?.startsWith('J') === true),
    };
  }

  private parsePrefixes(cursor: Cursor): Prefixes | undefined {
    if (cursor.word === undefined || !prefixWords.has(cursor.word)) return undefined;
    let repeat = 0;
    let lock = false;
    let segment: Register | undefined;
    let operandSize: 16 | 32 | undefined;
    let addressSize: 16 | 32 | undefined;
    const start = cursor.index;
    for (;;) {
      const word = cursor.word;
      if (word === undefined) break;
      const size = sizePrefixes.get(word);
      const register = registers.get(word);
      if (Object.hasOwn(repeatPrefixes, word)) {
        if (repeat !== 0) cursor.fail('conflicting-prefixes', 'instruction has conflicting prefixes');
        repeat = repeatPrefixes[word] ?? 0;
      } else if (word === 'lock') {
        if (lock) cursor.fail('conflicting-prefixes', 'instruction has conflicting prefixes');
        lock = true;
      } else if (register?.class === 'segment') {
        if (segment) cursor.fail('conflicting-prefixes', 'instruction has conflicting prefixes');
        segment = register;
      } else if (size?.what === 'operandSize') {
        if (operandSize !== undefined && operandSize !== size.bits)
          cursor.fail('conflicting-prefixes', 'instruction has conflicting prefixes');
        operandSize = size.bits;
      } else if (size) {
        if (addressSize !== undefined && addressSize !== size.bits)
          cursor.fail('conflicting-prefixes', 'instruction has conflicting prefixes');
        addressSize = size.bits;
      } else if (word === 'o64' || word === 'a64') {
        cursor.fail('no-64-bit', '64-bit code is not supported yet.');
      } else {
        break;
      }
      cursor.index++;
    }
    if (cursor.index === start) return undefined;
    return { bytes: [...(repeat !== 0 ? [repeat] : []), ...(lock ? [lockPrefix] : [])], segment, operandSize, addressSize };
  }

  private parseDirective(cursor: Cursor): Body {
    const open = cursor.index;
    let close = cursor.tokens.length - 1;
    while (close > open && !isOperator(cursor.tokens[close], ']')) close--;
    if (close === open) cursor.fail('expected-bracket', 'The closing ] of the directive is missing.');
    const name = cursor.tokens[open + 1];
    if (name?.kind !== 'identifier') cursor.fail('directive-expected', 'A directive is expected between the brackets.', name);
    cursor.index = close + 1;
    return { kind: 'directive', name: name.text.toLowerCase(), tokens: cursor.tokens.slice(open + 2, close) };
  }

  private parseFile(cursor: Cursor): Body {
    cursor.index++;
    const name = cursor.current;
    if (name?.kind !== 'string') cursor.fail('file-name-expected', 'INCBIN expects a file name in quotes.');
    cursor.index++;
    const skip = cursor.accept(',') ? parseExpression(cursor) : undefined;
    const length = cursor.accept(',') ? parseExpression(cursor) : undefined;
    return { kind: 'file', name: new TextDecoder().decode(stringBytes(name.text)), skip, length };
  }

  private parseItems(cursor: Cursor, unit: number): DataItem[] {
    const items: DataItem[] = [];
    for (;;) {
      if (cursor.atEnd || cursor.isOperator(')')) return items;
      items.push(cursor.nested(() => this.parseItem(cursor, unit)));
      if (!cursor.accept(',')) return items;
    }
  }

  private parseItem(cursor: Cursor, unit: number): DataItem {
    const token = cursor.current;
    const next = cursor.ahead();
    if (token?.kind === 'identifier' && token.text === '?') {
      cursor.index++;
      return { kind: 'blank' };
    }
    if (token?.kind === 'string' && (next === undefined || isOperator(next, ',') || isOperator(next, ')'))) {
      cursor.index++;
      return { kind: 'bytes', bytes: padded(stringBytes(token.text), unit) };
    }
    const float = parseFloatItem(cursor);
    if (float) return float;
    const expression = parseExpression(cursor);
    if (cursor.word !== 'dup') return { kind: 'value', expression, token };
    cursor.index++;
    return this.parseRepeated(cursor, expression, unit);
  }

  private parseRepeated(cursor: Cursor, count: Expression, unit: number): DataItem {
    const keyword = cursor.word === undefined ? undefined : sizeKeywords.get(cursor.word);
    if (keyword !== undefined) cursor.index++;
    const inner = keyword === undefined ? unit : keyword / 8;
    cursor.accept('%');
    if (!cursor.isOperator('(')) return { kind: 'repeat', count, items: [this.parseItem(cursor, inner)], unit: inner };
    cursor.index++;
    const items = this.parseItems(cursor, inner);
    if (!cursor.accept(')')) cursor.fail('expected-parenthesis', "expecting `)'");
    return { kind: 'repeat', count, items, unit: inner };
  }
}

const noPrefixes: Prefixes = { bytes: [], segment: undefined, operandSize: undefined, addressSize: undefined };

function padded(bytes: Uint8Array, unit: number): Uint8Array {
  if (bytes.length % unit === 0) return bytes;
  const result = new Uint8Array(Math.ceil(bytes.length / unit) * unit);
  result.set(bytes);
  return result;
}

function parseFloatItem(cursor: Cursor): DataItem | undefined {
  let at = 0;
  let negative = false;
  while (isOperator(cursor.ahead(at), '-') || isOperator(cursor.ahead(at), '+')) {
    if (isOperator(cursor.ahead(at), '-')) negative = !negative;
    at++;
  }
  const token = cursor.ahead(at);
  if (!token) return undefined;
  const special = token.kind === 'identifier' && /^__\??(infinity|nan|qnan|snan)\??__$/i.test(token.text);
  if (!special && (token.kind !== 'number' || !isFloat(token.text))) return undefined;
  cursor.index += at + 1;
  return { kind: 'float', text: token.text, negative, token };
}

function isConstantItem(item: DataItem): boolean {
  if (item.kind === 'value') return isConstant(item.expression);
  if (item.kind === 'repeat') return isConstant(item.count) && item.items.every(isConstantItem);
  return true;
}

function isSized(item: DataItem): boolean {
  return item.kind !== 'repeat' || (isConstant(item.count) && item.items.every(isSized));
}
