/**
 * Expressions of conditions and log texts: C's operators over unsigned 32-bit numbers, registers and memory.
 *
 *     eax == 0x1234 && dword[ebx + 4] > 10        word[ss:sp]        physical dword[0xb8000]        value & 1
 *
 * Names are registers (see registers.ts), `value`, `before` and `address` of the hit, `hits` so far, `cpu`, or symbols, which become numbers when
 * an expression is parsed. `byte[…]`, `word[…]` and `dword[…]` read memory as the vCPU would see it, without side effects; a segment register before a colon
 * adds its base. The parsed form is plain data and may be posted to other threads.
 */

export type BinaryOperator =
  '||' | '&&' | '|' | '^' | '&' | '==' | '!=' | '<' | '<=' | '>' | '>=' | '<<' | '>>' | '+' | '-' | '*' | '/' | '%';

export type Expression =
  | { readonly op: 'number'; readonly value: number }
  | { readonly op: 'name'; readonly name: string }
  | {
      readonly op: 'memory';
      readonly size: 1 | 2 | 4;
      readonly physical: boolean;
      readonly segment: string | undefined;
      readonly at: Expression;
    }
  | { readonly op: '!' | '~' | 'minus'; readonly of: Expression }
  | { readonly op: BinaryOperator; readonly left: Expression; readonly right: Expression };

/** What an expression is evaluated in. */
export interface Surroundings {
  /** The value of a register or other name; undefined if there is none now. */
  name(name: string): number | undefined;
  /** The base of a segment register. */
  segmentBase(segment: string): number;
  /** Undefined where nothing can be read. */
  memory(address: number, size: 1 | 2 | 4, physical: boolean): number | undefined;
}

/** An expression that cannot be parsed or evaluated; the message is a sentence. */
export class ExpressionError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ExpressionError';
  }
}

const levels: readonly (readonly BinaryOperator[])[] = [
  ['||'],
  ['&&'],
  ['|'],
  ['^'],
  ['&'],
  ['==', '!='],
  ['<', '<=', '>', '>='],
  ['<<', '>>'],
  ['+', '-'],
  ['*', '/', '%'],
];
const sizes = new Map<string, 1 | 2 | 4>([
  ['byte', 1],
  ['word', 2],
  ['dword', 4],
]);
const segments: ReadonlySet<string> = new Set(['es', 'cs', 'ss', 'ds', 'fs', 'gs']);
/** Deeper ones could exhaust the stack of whoever evaluates them. */
const deepest = 64;
const longestText = 1000;

const pattern =
  /\s*(?:(0x[0-9a-f]+|[0-9][0-9a-f]*h|0b[01]+|[0-9]+)|([a-z_.$@?][\w.$@?#~]*)|(\|\||&&|==|!=|<=|>=|<<|>>|[-+*/%|^&<>!~()[\]:]))/iy;

interface Token {
  readonly kind: 'number' | 'name' | 'operator';
  readonly text: string;
}

function tokens(text: string): Token[] {
  if (text.length > longestText) throw new ExpressionError(`An expression has at most ${longestText} characters.`);
  const found: Token[] = [];
  pattern.lastIndex = 0;
  while (text.slice(pattern.lastIndex).trim() !== '') {
    const at = pattern.lastIndex;
    const match = pattern.exec(text);
    if (match === null) throw new ExpressionError(`“${text.slice(at).trim().slice(0, 20)}” is not understood.`);
    const [, number, name, operator] = match;
    if (number !== undefined) found.push({ kind: 'number', text: number });
    else if (name !== undefined) found.push({ kind: 'name', text: name });
    else if (operator !== undefined) found.push({ kind: 'operator', text: operator });
  }
  return found;
}

function numberOf(text: string): number {
  const value = /h$/i.test(text) ? Number.parseInt(text, 16) : Number(text);
  if (!Number.isSafeInteger(value) || value > 0xffffffff) throw new ExpressionError(`${text} is no number of 32 bits.`);
  return value;
}

class Parser {
  #at = 0;
  #depth = 0;

  constructor(
    private readonly tokens: readonly Token[],
    private readonly known: ReadonlySet<string>,
    private readonly symbol: (name: string) => number | undefined,
  ) {}

  whole(): Expression {
    if (this.tokens.length === 0) throw new ExpressionError('The expression is empty.');
    const result = this.#binary(0);
    const rest = this.tokens[this.#at];
    if (rest !== undefined) throw new ExpressionError(`“${rest.text}” is not expected there.`);
    return result;
  }

  #take(text: string): boolean {
    const token = this.tokens[this.#at];
    if (token === undefined || token.kind === 'number' || token.text.toLowerCase() !== text) return false;
    this.#at++;
    return true;
  }

  #need(text: string): void {
    if (this.#take(text)) return;
    const found = this.tokens[this.#at]?.text;
    throw new ExpressionError(`A “${text}” is missing${found === undefined ? ' at the end' : ` before “${found}”`}.`);
  }

  #binary(level: number): Expression {
    const operators = levels[level];
    if (operators === undefined) return this.#unary();
    if (++this.#depth > deepest * levels.length) throw new ExpressionError('The expression is nested too deeply.');
    let left = this.#binary(level + 1);
    this.#depth--;
    for (;;) {
      const op = operators.find((operator) => this.#take(operator));
      if (op === undefined) return left;
      left = { op, left, right: this.#binary(level + 1) };
    }
  }

  #unary(): Expression {
    if (++this.#depth > deepest * levels.length) throw new ExpressionError('The expression is nested too deeply.');
    try {
      if (this.#take('!')) return { op: '!', of: this.#unary() };
      if (this.#take('~')) return { op: '~', of: this.#unary() };
      if (this.#take('-')) return { op: 'minus', of: this.#unary() };
      if (this.#take('(')) {
        const inner = this.#binary(0);
        this.#need(')');
        return inner;
      }
      return this.#primary();
    } finally {
      this.#depth--;
    }
  }

  #primary(): Expression {
    const token = this.tokens[this.#at];
    if (token === undefined) throw new ExpressionError('Something is missing at the end of the expression.');
    if (token.kind === 'operator') throw new ExpressionError(`“${token.text}” is not expected there.`);
    this.#at++;
    if (token.kind === 'number') return { op: 'number', value: numberOf(token.text) };
    const word = token.text.toLowerCase();
    const physical = word === 'physical';
    const size = sizes.get(physical ? (this.tokens[this.#at]?.text.toLowerCase() ?? '') : word);
    if (physical && size === undefined) throw new ExpressionError('“physical” stands before byte, word or dword.');
    if (size !== undefined) {
      if (physical) this.#at++;
      return this.#memory(size, physical);
    }
    if (this.known.has(word)) return { op: 'name', name: word };
    const value = this.symbol(token.text);
    if (value !== undefined) return { op: 'number', value };
    throw new ExpressionError(`There is no register or symbol named ${token.text}.`);
  }

  #memory(size: 1 | 2 | 4, physical: boolean): Expression {
    this.#need('[');
    const first = this.tokens[this.#at]?.text.toLowerCase() ?? '';
    let segment: string | undefined;
    if (segments.has(first) && this.tokens[this.#at + 1]?.text === ':') {
      if (physical) throw new ExpressionError('A physical address has no segment.');
      segment = first;
      this.#at += 2;
    }
    const at = this.#binary(0);
    this.#need(']');
    return { op: 'memory', size, physical, segment, at };
  }
}

/** Parses a text. `known` are the names that `Surroundings.name` will answer. Throws ExpressionError. */
export function parseExpression(
  text: string,
  known: ReadonlySet<string>,
  symbol: (name: string) => number | undefined = () => undefined,
): Expression {
  return new Parser(tokens(text), known, symbol).whole();
}

/** Parses a log text: expressions stand in braces, `{{` is a brace. */
export function parseLogText(
  text: string,
  known: ReadonlySet<string>,
  symbol?: (name: string) => number | undefined,
): (string | Expression)[] {
  const parts: (string | Expression)[] = [];
  let plain = '';
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character !== '{' || text[at + 1] === '{') {
      if (character === '{') at++;
      plain += character;
      continue;
    }
    const end = text.indexOf('}', at);
    if (end < 0) throw new ExpressionError('A “}” is missing in the log text.');
    if (plain !== '') parts.push(plain);
    plain = '';
    parts.push(parseExpression(text.slice(at + 1, end), known, symbol));
    at = end;
  }
  if (plain !== '') parts.push(plain);
  return parts;
}

/** The value of an expression, unsigned. Throws ExpressionError for memory that cannot be read, a name without a value, and division by zero. */
export function evaluate(expression: Expression, around: Surroundings): number {
  switch (expression.op) {
    case 'number':
      return expression.value;
    case 'name': {
      const value = around.name(expression.name);
      if (value === undefined) throw new ExpressionError(`${expression.name} has no value here.`);
      return value >>> 0;
    }
    case 'memory': {
      const base = expression.segment === undefined ? 0 : around.segmentBase(expression.segment);
      const address = (base + evaluate(expression.at, around)) >>> 0;
      const value = around.memory(address, expression.size, expression.physical);
      if (value === undefined) throw new ExpressionError(`Memory at 0x${address.toString(16)} cannot be read.`);
      return value >>> 0;
    }
    case '!':
      return evaluate(expression.of, around) === 0 ? 1 : 0;
    case '~':
      return ~evaluate(expression.of, around) >>> 0;
    case 'minus':
      return -evaluate(expression.of, around) >>> 0;
    case '&&':
      return evaluate(expression.left, around) !== 0 && evaluate(expression.right, around) !== 0 ? 1 : 0;
    case '||':
      return evaluate(expression.left, around) !== 0 || evaluate(expression.right, around) !== 0 ? 1 : 0;
    default:
      return apply(expression.op, evaluate(expression.left, around), evaluate(expression.right, around));
  }
}

function apply(op: Exclude<BinaryOperator, '&&' | '||'>, left: number, right: number): number {
  switch (op) {
    case '|':
      return (left | right) >>> 0;
    case '^':
      return (left ^ right) >>> 0;
    case '&':
      return (left & right) >>> 0;
    case '==':
      return left === right ? 1 : 0;
    case '!=':
      return left !== right ? 1 : 0;
    case '<':
      return left < right ? 1 : 0;
    case '<=':
      return left <= right ? 1 : 0;
    case '>':
      return left > right ? 1 : 0;
    case '>=':
      return left >= right ? 1 : 0;
    case '<<':
      return right > 31 ? 0 : (left << right) >>> 0;
    case '>>':
      return right > 31 ? 0 : left >>> right;
    case '+':
      return (left + right) >>> 0;
    case '-':
      return (left - right) >>> 0;
    case '*':
      return Math.imul(left, right) >>> 0;
    case '/':
    case '%':
      if (right === 0) throw new ExpressionError('Something is divided by zero.');
      return op === '/' ? Math.floor(left / right) : left % right;
  }
}
