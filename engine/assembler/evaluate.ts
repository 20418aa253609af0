/** The value of an expression: a number plus multiples of registers and of section starts. */
import { LineError } from './diagnostic.ts';
import type { BinaryOperator, Expression, UnaryOperator } from './expression.ts';
import type { Register } from './register.ts';
import type { Token } from './token.ts';

/** Something whose address is known only after the layout: a section's start. */
export interface Base {
  readonly baseName: string;
  /** Known in the last pass. */
  virtualStart: bigint;
}

export interface Value {
  /** Wrapped to signed 64 bits. */
  readonly constant: bigint;
  readonly registers: readonly { readonly register: Register; readonly scale: bigint }[];
  readonly bases: readonly { readonly base: Base; readonly scale: bigint }[];
  /** A label of it has no value yet (first pass only); the rest means nothing then. */
  readonly unknown: boolean;
}

/** Names and places, for the evaluation of one line in one pass. */
export interface Scope {
  /** Undefined: reported by the callee, or not known in this pass. */
  symbol(name: string, token: Token): Value;
  here(): Value;
  sectionStart(): Value;
}

const none: readonly never[] = [];

export function numberValueOf(constant: bigint): Value {
  return { constant: BigInt.asIntN(64, constant), registers: none, bases: none, unknown: false };
}
export const unknownValue: Value = { constant: 0n, registers: none, bases: none, unknown: true };

/** A plain number: no register, nothing to be relocated. */
export function isNumber(value: Value): boolean {
  return value.registers.length === 0 && value.bases.length === 0 && !value.unknown;
}
/** A number or an address in one section. */
export function isAddress(value: Value): boolean {
  const [first, second] = value.bases;
  return value.registers.length === 0 && (first === undefined || (second === undefined && first.scale === 1n));
}
/** What an address is relative to. */
export function baseOf(value: Value): Base | undefined {
  return value.bases[0]?.base;
}
/** The final number of an address, once the layout is known. */
export function resolve(value: Value): bigint {
  let sum = value.constant;
  for (const { base, scale } of value.bases) sum += base.virtualStart * scale;
  return BigInt.asIntN(64, sum);
}

export function evaluate(expression: Expression, scope: Scope): Value {
  switch (expression.kind) {
    case 'number':
      return (expression.memo ??= { constant: expression.value, registers: none, bases: none, unknown: false });
    case 'register':
      return (expression.memo ??= {
        constant: 0n,
        registers: [{ register: expression.register, scale: 1n }],
        bases: none,
        unknown: false,
      });
    case 'symbol':
      return scope.symbol(expression.name, expression.token);
    case 'here':
      return scope.here();
    case 'sectionStart':
      return scope.sectionStart();
    case 'unary':
      return evaluateUnary(expression.operator, evaluate(expression.operand, scope), expression.token);
    case 'binary':
      return evaluateBinary(
        expression.operator,
        evaluate(expression.left, scope),
        evaluate(expression.right, scope),
        expression.token,
      );
    case 'conditional': {
      const condition = evaluate(expression.condition, scope);
      if (condition.unknown) return unknownValue;
      if (!isNumber(condition)) throw new LineError('not-scalar', 'The condition of ? must be a number.');
      return evaluate(condition.constant !== 0n ? expression.then : expression.otherwise, scope);
    }
  }
}

function scalar(value: Value, token: Token): bigint {
  if (isNumber(value)) return value.constant;
  const what = value.registers.length > 0 ? 'a register' : 'an address';
  throw new LineError(
    'not-scalar',
    `The operator ${token.text} may only be applied to scalar values, not to ${what}.`,
    token.column,
    token.end,
  );
}

function multiply(value: Value, factor: bigint): Value {
  const { registers, bases } = value;
  return {
    constant: BigInt.asIntN(64, value.constant * factor),
    registers:
      registers.length === 0
        ? registers
        : registers.map(({ register, scale }) => ({ register, scale: scale * factor })).filter(({ scale }) => scale !== 0n),
    bases:
      bases.length === 0
        ? bases
        : bases.map(({ base, scale }) => ({ base, scale: scale * factor })).filter(({ scale }) => scale !== 0n),
    unknown: value.unknown,
  };
}

function add(left: Value, right: Value): Value {
  const constant = BigInt.asIntN(64, left.constant + right.constant);
  const { registers: leftRegisters, bases: leftBases } = left;
  // Most sums have registers and labels on one side only.
  if (right.registers.length === 0 && right.bases.length === 0)
    return { constant, registers: leftRegisters, bases: leftBases, unknown: false };
  if (leftRegisters.length === 0 && (leftBases.length === 0 || right.bases.length === 0))
    return { constant, registers: right.registers, bases: leftBases.length === 0 ? right.bases : leftBases, unknown: false };
  const registers = [...left.registers];
  for (const term of right.registers) {
    const index = registers.findIndex((each) => each.register === term.register);
    if (index < 0) registers.push(term);
    else registers[index] = { register: term.register, scale: (registers[index]?.scale ?? 0n) + term.scale };
  }
  const bases = [...left.bases];
  for (const term of right.bases) {
    const index = bases.findIndex((each) => each.base === term.base);
    if (index < 0) bases.push(term);
    else bases[index] = { base: term.base, scale: (bases[index]?.scale ?? 0n) + term.scale };
  }
  return {
    constant,
    registers: registers.filter((term) => term.scale !== 0n),
    bases: bases.filter((term) => term.scale !== 0n),
    unknown: false,
  };
}

function logarithm(operator: UnaryOperator, value: bigint, token: Token): bigint {
  const unsigned = BigInt.asUintN(64, value);
  const powerOfTwo = unsigned !== 0n && (unsigned & (unsigned - 1n)) === 0n;
  if (operator === 'ilog2e' && !powerOfTwo)
    throw new LineError('not-a-power-of-two', `${token.text} needs a power of two.`, token.column, token.end);
  if (unsigned === 0n) return 0n;
  const floor = BigInt(unsigned.toString(2).length - 1);
  return operator === 'ilog2c' && !powerOfTwo ? floor + 1n : floor;
}

function evaluateUnary(operator: UnaryOperator, operand: Value, token: Token): Value {
  if (operand.unknown) return unknownValue;
  if (operator === '-') return multiply(operand, -1n);
  const value = scalar(operand, token);
  if (operator === '~') return numberValueOf(~value);
  if (operator === '!') return numberValueOf(value === 0n ? 1n : 0n);
  return numberValueOf(logarithm(operator, value, token));
}

/** Two addresses in one section compare like their difference. */
function comparable(left: Value, right: Value, token: Token): bigint {
  const difference = add(left, multiply(right, -1n));
  if (difference.registers.length > 0 || difference.bases.length > 0) {
    if (token.text === '=' || token.text === '==' || token.text === '!=' || token.text === '<>') return 1n;
    scalar(difference, token);
  }
  return isNumber(left) && isNumber(right)
    ? left.constant < right.constant
      ? -1n
      : left.constant > right.constant
        ? 1n
        : 0n
    : difference.constant;
}

function evaluateBinary(operator: BinaryOperator, left: Value, right: Value, token: Token): Value {
  if (left.unknown || right.unknown) return unknownValue;
  const truth = (condition: boolean) => numberValueOf(condition ? 1n : 0n);
  switch (operator) {
    case '+':
      return add(left, right);
    case '-':
      return add(left, multiply(right, -1n));
    case '*':
      if (isNumber(left)) return multiply(right, left.constant);
      if (isNumber(right)) return multiply(left, right.constant);
      throw new LineError('not-scalar', 'Two values that are not plain numbers cannot be multiplied.', token.column, token.end);
    case '=':
      return truth(comparable(left, right, token) === 0n);
    case '!=':
      return truth(comparable(left, right, token) !== 0n);
    case '<':
      return truth(comparable(left, right, token) < 0n);
    case '>':
      return truth(comparable(left, right, token) > 0n);
    case '<=':
      return truth(comparable(left, right, token) <= 0n);
    case '>=':
      return truth(comparable(left, right, token) >= 0n);
    // The manual's -1, 0 and 1; the binary of NASM 2.16.01 gives 0 where -1 is due.
    case '<=>': {
      const order = comparable(left, right, token);
      return numberValueOf(order < 0n ? -1n : order > 0n ? 1n : 0n);
    }
    default:
      return numberValueOf(scalarOperation(operator, scalar(left, token), scalar(right, token), token));
  }
}

function scalarOperation(operator: BinaryOperator, left: bigint, right: bigint, token: Token): bigint {
  const unsigned = (value: bigint) => BigInt.asUintN(64, value);
  const divisor = (): bigint => {
    if (right === 0n) throw new LineError('division-by-zero', 'division by zero', token.column, token.end);
    return right;
  };
  switch (operator) {
    case '||':
      return left !== 0n || right !== 0n ? 1n : 0n;
    case '^^':
      return (left !== 0n) !== (right !== 0n) ? 1n : 0n;
    case '&&':
      return left !== 0n && right !== 0n ? 1n : 0n;
    case '|':
      return left | right;
    case '^':
      return left ^ right;
    case '&':
      return left & right;
    // Shift counts are taken modulo 64, as the host's 64-bit shifts do it.
    case '<<':
      return left << (right & 63n);
    case '>>':
      return unsigned(left) >> (right & 63n);
    case '>>>':
      return left >> (right & 63n);
    case '/':
      return unsigned(left) / unsigned(divisor());
    case '//':
      return left / divisor();
    case '%':
      return unsigned(left) % unsigned(divisor());
    default:
      return left % divisor();
  }
}
