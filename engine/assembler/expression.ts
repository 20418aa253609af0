/** Expressions: tokens to a tree (NASM manual, 3.5). Evaluation is in evaluate.ts. */
import { LineError } from './diagnostic.ts';
import type { Value } from './evaluate.ts';
import { isFloat, numberValue, stringBytes, stringValue } from './literal.ts';
import { isLaterRegister, registers, type Register } from './register.ts';
import { isOperator, spelling, type Token } from './token.ts';

export type UnaryOperator = '-' | '~' | '!' | 'ilog2e' | 'ilog2w' | 'ilog2f' | 'ilog2c';
export type BinaryOperator =
  | '||'
  | '^^'
  | '&&'
  | '='
  | '!='
  | '<'
  | '>'
  | '<='
  | '>='
  | '<=>'
  | '|'
  | '^'
  | '&'
  | '<<'
  | '>>'
  | '>>>'
  | '+'
  | '-'
  | '*'
  | '/'
  | '//'
  | '%'
  | '%%';

export type Expression =
  /** `memo`: its value, once somebody has asked for it. */
  | { readonly kind: 'number'; readonly value: bigint; memo?: Value }
  | { readonly kind: 'register'; readonly register: Register; memo?: Value }
  | { readonly kind: 'symbol'; readonly name: string; readonly token: Token }
  /** `$` and `$$`. */
  | { readonly kind: 'here' }
  | { readonly kind: 'sectionStart' }
  | { readonly kind: 'unary'; readonly operator: UnaryOperator; readonly operand: Expression; readonly token: Token }
  | {
      readonly kind: 'binary';
      readonly operator: BinaryOperator;
      readonly left: Expression;
      readonly right: Expression;
      readonly token: Token;
    }
  | { readonly kind: 'conditional'; readonly condition: Expression; readonly then: Expression; readonly otherwise: Expression };

/** A walk over a line's tokens. */
export class Cursor {
  readonly tokens: readonly Token[];
  /** Full name of a label (`.x` belongs to the last full label). */
  readonly qualify: (name: string, token: Token) => string;
  index: number;
  private depth = 0;
  private wordIndex = -1;
  private lastWord: string | undefined;

  constructor(tokens: readonly Token[], qualify: (name: string, token: Token) => string, index = 0) {
    this.tokens = tokens;
    this.qualify = qualify;
    this.index = index;
  }

  get current(): Token | undefined {
    return this.tokens[this.index];
  }
  get atEnd(): boolean {
    return this.index >= this.tokens.length;
  }
  ahead(distance = 1): Token | undefined {
    return this.tokens[this.index + distance];
  }
  isOperator(text: string): boolean {
    return isOperator(this.current, text);
  }
  accept(text: string): boolean {
    if (!this.isOperator(text)) return false;
    this.index++;
    return true;
  }
  /** The current token as a lower-case word, if it is one. */
  get word(): string | undefined {
    if (this.wordIndex !== this.index) {
      const token = this.current;
      this.wordIndex = this.index;
      this.lastWord = token?.kind === 'identifier' ? token.text.toLowerCase() : undefined;
    }
    return this.lastWord;
  }
  fail(code: string, message: string, token: Token | undefined = this.current): never {
    const last = this.tokens[this.tokens.length - 1];
    throw new LineError(code, message, token?.column ?? last?.end, token?.end);
  }
  /** Bounds the recursion of nested parentheses and operators. */
  nested<T>(parse: () => T): T {
    if (++this.depth > 200) this.fail('expression-too-deep', 'The expression is nested more than 200 levels deep.');
    const result = parse();
    this.depth--;
    return result;
  }
}

/** Binary operators from weakest to strongest; those of a row associate to the left. */
const levels: readonly Readonly<Record<string, BinaryOperator>>[] = [
  { '||': '||' },
  { '^^': '^^' },
  { '&&': '&&' },
  { '=': '=', '==': '=', '!=': '!=', '<>': '!=', '<': '<', '>': '>', '<=': '<=', '>=': '>=', '<=>': '<=>' },
  { '|': '|' },
  { '^': '^' },
  { '&': '&' },
  { '<<': '<<', '<<<': '<<', '>>': '>>', '>>>': '>>>' },
  { '+': '+', '-': '-' },
  { '*': '*', '/': '/', '//': '//', '%': '%', '%%': '%%' },
];
const binaryOperators: ReadonlyMap<string, { readonly level: number; readonly operator: BinaryOperator }> = new Map(
  levels.flatMap((row, level) =>
    Object.entries(row).map(([text, operator]): [string, { level: number; operator: BinaryOperator }] => [
      text,
      { level, operator },
    ]),
  ),
);

const functions: Readonly<Record<string, UnaryOperator>> = {
  ilog2: 'ilog2e',
  ilog2e: 'ilog2e',
  ilog2w: 'ilog2w',
  ilog2f: 'ilog2f',
  ilog2c: 'ilog2c',
};

/** Parses one expression and leaves the cursor behind it. */
export function parseExpression(cursor: Cursor): Expression {
  return cursor.nested(() => {
    const condition = parseLevel(cursor, 0);
    if (!cursor.accept('?')) {
      // A question mark may be part of a word for the tokenizer: `a ?b:c` needs its space.
      if (cursor.word !== '?') return condition;
      cursor.index++;
    }
    const then = parseExpression(cursor);
    if (!cursor.accept(':')) cursor.fail('expected-colon', 'The operator ? needs a colon and a second value.');
    const otherwise = parseExpression(cursor);
    return { kind: 'conditional', condition, then, otherwise };
  });
}

/** Operands and the operators between them that bind at least as strongly as `level`. */
function parseLevel(cursor: Cursor, level: number): Expression {
  let left = parseUnary(cursor);
  for (;;) {
    const token = cursor.current;
    if (token?.kind !== 'operator') return left;
    const found = binaryOperators.get(token.text);
    if (found === undefined || found.level < level) return left;
    cursor.index++;
    left = { kind: 'binary', operator: found.operator, left, right: parseLevel(cursor, found.level + 1), token };
  }
}

function parseUnary(cursor: Cursor): Expression {
  const token = cursor.current;
  if (!token) cursor.fail('expression-expected', 'A value is missing here.');
  if (token.kind === 'operator') {
    if (token.text === '+') {
      cursor.index++;
      return cursor.nested(() => parseUnary(cursor));
    }
    if (token.text === '-' || token.text === '~' || token.text === '!') {
      const operator = token.text;
      cursor.index++;
      const operand = cursor.nested(() => parseUnary(cursor));
      if (operator === '-' && operand.kind === 'number') return { kind: 'number', value: BigInt.asIntN(64, -operand.value) };
      return { kind: 'unary', operator, operand, token };
    }
    if (token.text === '(') {
      cursor.index++;
      const inner = parseExpression(cursor);
      if (!cursor.accept(')')) cursor.fail('expected-parenthesis', 'A closing parenthesis is missing.');
      return inner;
    }
    if (token.text === '$' || token.text === '$$') {
      cursor.index++;
      return { kind: token.text === '$' ? 'here' : 'sectionStart' };
    }
  }
  return parsePrimary(cursor, token);
}

function parsePrimary(cursor: Cursor, token: Token): Expression {
  switch (token.kind) {
    case 'number': {
      const value = numberValue(token.text);
      if (value === undefined) {
        cursor.fail(
          'bad-number',
          isFloat(token.text) ? 'A floating-point number cannot stand in an expression.' : `\`${token.text}' is not a number.`,
        );
      }
      cursor.index++;
      return { kind: 'number', value };
    }
    case 'string':
      cursor.index++;
      return { kind: 'number', value: stringValue(stringBytes(token.text)) };
    case 'identifier': {
      const lower = token.text.toLowerCase();
      const register = registers.get(lower);
      if (register) {
        cursor.index++;
        return { kind: 'register', register };
      }
      if (isLaterRegister(lower))
        cursor.fail('register-unsupported', `The register ${lower} is not supported: only 16 and 32-bit integer code is.`);
      const operator = functions[/^__\??(ilog2[ewfc]?)\??__$/.exec(lower)?.[1] ?? ''];
      if (operator !== undefined && isOperator(cursor.ahead(), '(')) {
        cursor.index++;
        return { kind: 'unary', operator, operand: parseUnary(cursor), token };
      }
      if (lower === 'seg' || lower === 'wrt') {
        cursor.fail('no-segments', `The flat binary format has no segments to take ${lower.toUpperCase()} of.`);
      }
      cursor.index++;
      return { kind: 'symbol', name: cursor.qualify(token.text, token), token };
    }
    case 'bad':
      return cursor.fail('bad-token', token.text);
    case 'directive':
    case 'parameter':
    case 'macroLocal':
    case 'contextLocal':
    case 'environment':
    case 'paste':
    case 'indirect':
      return cursor.fail('stray-preprocessor', `\`${spelling(token)}' cannot stand here.`);
    default:
      return cursor.fail('expression-expected', `A value is expected here, not \`${token.text}'.`);
  }
}

/** Whether an expression mentions no label and no place: its value never changes between passes. */
export function isConstant(expression: Expression): boolean {
  switch (expression.kind) {
    case 'number':
    case 'register':
      return true;
    case 'unary':
      return isConstant(expression.operand);
    case 'binary':
      return isConstant(expression.left) && isConstant(expression.right);
    case 'conditional':
      return isConstant(expression.condition) && isConstant(expression.then) && isConstant(expression.otherwise);
    default:
      return false;
  }
}
