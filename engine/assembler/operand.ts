/** Operands of instructions: their syntax, and their value in a pass (NASM manual, 3.3 and 3.7). */
import { LineError } from './diagnostic.ts';
import { addressOf, type Address } from './address.ts';
import { evaluate, isAddress, type Scope, type Value } from './evaluate.ts';
import { isConstant, parseExpression, type Cursor, type Expression } from './expression.ts';
import { registers, type Register } from './register.ts';
import { isOperator } from './token.ts';

/** Bits; 0 is "not said". */
export type SizeKeyword = 0 | 8 | 16 | 32 | 64 | 80 | 128;
export const sizeKeywords: ReadonlyMap<string, SizeKeyword> = new Map<string, SizeKeyword>([
  ['byte', 8],
  ['word', 16],
  ['dword', 32],
  ['qword', 64],
  ['tword', 80],
  ['oword', 128],
]);

export interface MemorySyntax {
  readonly segment: Register | undefined;
  readonly expression: Expression;
  /** `[byte ebp+1]`: the size of the displacement; without registers also the size of the address. */
  readonly displacementSize: 0 | 8 | 16 | 32;
  readonly noSplit: boolean;
  /** `[eax,ebx*2]`: the second part is the index. */
  readonly index: Expression | undefined;
}

export interface OperandSyntax {
  readonly size: SizeKeyword;
  readonly strict: boolean;
  readonly distance: 'short' | 'near' | 'far' | undefined;
  /** FADD TO ST1: the register is the destination. */
  readonly to: boolean;
  readonly column: number;
  readonly end: number;
  readonly memory: MemorySyntax | undefined;
  /** The immediate, the register, or the offset of a far pointer. */
  readonly expression: Expression | undefined;
  /** The selector of a far pointer. */
  readonly selector: Expression | undefined;
  /** Nothing of it changes between passes. */
  readonly constant: boolean;
  /** What it was, if it is constant, at this code size. */
  memo: { readonly bits: 16 | 32; readonly operand: Operand } | undefined;
}

/** An operand with its value in this pass. */
export interface Operand {
  readonly kind: 'register' | 'immediate' | 'memory' | 'far';
  readonly size: SizeKeyword;
  readonly strict: boolean;
  readonly distance: 'short' | 'near' | 'far' | undefined;
  readonly to?: boolean;
  readonly register?: Register;
  readonly value?: Value;
  readonly selector?: Value;
  readonly address?: Address;
  /** Something odd about it that does no harm. */
  readonly warning?: string;
}

export function parseOperand(cursor: Cursor): OperandSyntax {
  let size: SizeKeyword = 0;
  let strict = false;
  let to = false;
  let distance: 'short' | 'near' | 'far' | undefined;
  const first = cursor.current;
  for (;;) {
    const word = cursor.word;
    const keyword = word === undefined ? undefined : sizeKeywords.get(word);
    if (keyword !== undefined) size = keyword;
    else if (word === 'strict') strict = true;
    else if (word === 'short' || word === 'near' || word === 'far') distance = word;
    else if (word === 'to') to = true;
    else break;
    cursor.index++;
  }
  const column = first?.column ?? 1;
  let memory: MemorySyntax | undefined;
  let expression: Expression | undefined;
  let selector: Expression | undefined;
  let constant: boolean;
  // ES:[DI] is [ES:DI].
  const outer = cursor.word === undefined ? undefined : registers.get(cursor.word);
  const isOutside = outer?.class === 'segment' && isOperator(cursor.ahead(), ':') && isOperator(cursor.ahead(2), '[');
  if (isOutside) cursor.index += 2;
  if (cursor.accept('[')) {
    memory = parseMemory(cursor);
    if (isOutside) memory = { ...memory, segment: memory.segment ?? outer };
    constant = isConstant(memory.expression) && (!memory.index || isConstant(memory.index));
  } else {
    expression = parseExpression(cursor);
    constant = isConstant(expression);
    if (cursor.accept(':')) {
      selector = expression;
      expression = parseExpression(cursor);
      constant = constant && isConstant(expression);
    }
  }
  const end = cursor.tokens[cursor.index - 1]?.end ?? column;
  return { size, strict, distance, to, column, end, memory, expression, selector, constant, memo: undefined };
}

/** What stands between brackets; the opening one was read. */
function parseMemory(cursor: Cursor): MemorySyntax {
  let displacementSize: 0 | 8 | 16 | 32 = 0;
  let noSplit = false;
  for (;;) {
    const word = cursor.word;
    const keyword = word === undefined ? undefined : sizeKeywords.get(word);
    if (keyword === 8 || keyword === 16 || keyword === 32) displacementSize = keyword;
    else if (keyword !== undefined) cursor.fail('bad-address', `A displacement cannot be a ${word}.`);
    else if (word === 'nosplit') noSplit = true;
    else if (word === 'rel')
      cursor.fail('no-64-bit', 'Addresses relative to RIP exist in 64-bit code only, which is not supported.');
    else if (word !== 'abs') break;
    cursor.index++;
  }
  let segment: Register | undefined;
  const register = cursor.word === undefined ? undefined : registers.get(cursor.word);
  if (register?.class === 'segment' && cursor.ahead()?.text === ':') {
    segment = register;
    cursor.index += 2;
  }
  const expression = parseExpression(cursor);
  const index = cursor.accept(',') ? parseExpression(cursor) : undefined;
  if (!cursor.accept(']')) cursor.fail('expected-bracket', 'The closing ] of the address is missing.');
  return { segment, expression, displacementSize, noSplit, index };
}

/** Evaluates an operand. `addressPrefix` is the size an a16 or a32 prefix asks for. */
export function evaluateOperand(syntax: OperandSyntax, scope: Scope, bits: 16 | 32, addressPrefix: 16 | 32 | undefined): Operand {
  if (syntax.memo?.bits === bits) return syntax.memo.operand;
  const operand = evaluateFresh(syntax, scope, bits, addressPrefix);
  if (syntax.constant) syntax.memo = { bits, operand };
  return operand;
}

/** All operands have one shape, which makes them quick to look at. */
function operandOf(
  kind: Operand['kind'],
  { strict, distance, to }: OperandSyntax,
  size: SizeKeyword,
  value: Value | undefined,
  selector: Value | undefined,
  address: Address | undefined,
): Operand {
  return { kind, size, strict, distance, to, register: undefined, value, selector, address, warning: undefined };
}

function evaluateFresh(syntax: OperandSyntax, scope: Scope, bits: 16 | 32, addressPrefix: 16 | 32 | undefined): Operand {
  const { size } = syntax;
  try {
    if (syntax.memory) {
      return operandOf('memory', syntax, size, undefined, undefined, addressOf(syntax.memory, scope, bits, addressPrefix));
    }
    if (!syntax.expression) throw new LineError('operand-expected', 'An operand is missing.');
    const value = evaluate(syntax.expression, scope);
    if (syntax.selector) {
      const selector = evaluate(syntax.selector, scope);
      if (!isAddress(selector) || !isAddress(value))
        throw new LineError('bad-operand', 'A far pointer is made of two numbers or labels.');
      return operandOf('far', syntax, size, value, selector, undefined);
    }
    const term = value.registers[0];
    if (term) {
      if (value.registers.length === 1 && term.scale === 1n && value.constant === 0n && value.bases.length === 0) {
        const warning =
          size !== 0 && size !== term.register.size
            ? `invalid register size specification ignored: ${term.register.name} is not ${size} bits wide`
            : undefined;
        return { ...operandOf('register', syntax, 0, undefined, undefined, undefined), warning, register: term.register };
      }
      throw new LineError('bad-operand', 'A register can be calculated with inside an address in brackets only.');
    }
    if (!isAddress(value)) throw new LineError('bad-operand', 'The expression is not a number or a single label plus a number.');
    return operandOf('immediate', syntax, size, value, undefined, undefined);
  } catch (error) {
    if (error instanceof LineError && error.column === undefined)
      throw new LineError(error.code, error.message, syntax.column, syntax.end);
    throw error;
  }
}
