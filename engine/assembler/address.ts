/** Effective addresses: which ModRM, SIB and displacement stand for an expression (SDM vol. 2, 2.1.5; NASM manual, 3.3). */
import { LineError } from './diagnostic.ts';
import { evaluate, isAddress, isNumber, type Scope, type Value } from './evaluate.ts';
import type { Expression } from './expression.ts';
import type { MemorySyntax } from './operand.ts';
import type { Register } from './register.ts';

export interface Address {
  /** Bits of the address. */
  readonly size: 16 | 32;
  readonly segment: Register | undefined;
  readonly mod: 0 | 1 | 2;
  readonly rm: number;
  readonly sib: number | undefined;
  /** Bytes. */
  readonly displacementBytes: 0 | 1 | 2 | 4;
  /** Number or label. */
  readonly displacement: Value;
  /** No register: it may also be encoded as a plain offset. */
  readonly plain: boolean;
}

const invalid = (bits: number): LineError => new LineError('bad-address', `invalid ${bits}-bit effective address`);

/** The register that the source names first, and whether it was multiplied there: the base, unless it was. */
function firstRegister(expression: Expression): { register: Register; multiplied: boolean } | undefined {
  switch (expression.kind) {
    case 'register':
      return { register: expression.register, multiplied: false };
    case 'unary':
      return firstRegister(expression.operand);
    case 'binary': {
      const found = firstRegister(expression.left) ?? firstRegister(expression.right);
      return found && expression.operator === '*' ? { ...found, multiplied: true } : found;
    }
    case 'conditional':
      return firstRegister(expression.then) ?? firstRegister(expression.otherwise);
    default:
      return undefined;
  }
}

interface Parts {
  base: Register | undefined;
  index: Register | undefined;
  scale: number;
}

export function addressOf(memory: MemorySyntax, scope: Scope, bits: 16 | 32, addressPrefix: 16 | 32 | undefined): Address {
  let value = evaluate(memory.expression, scope);
  let parts: Parts | undefined;
  if (memory.index) {
    const index = evaluate(memory.index, scope);
    parts = splitParts(value, index);
    value = {
      ...value,
      constant: value.constant + index.constant,
      registers: [...value.registers, ...index.registers],
      unknown: value.unknown || index.unknown,
    };
  }
  const displacement: Value = { constant: value.constant, registers: [], bases: value.bases, unknown: value.unknown };
  if (!isAddress(displacement))
    throw new LineError('bad-address', 'The displacement of an address is a number or a single label plus a number.');
  const fromRegisters = value.registers[0]?.register.size;
  for (const { register } of value.registers) {
    if (register.class !== 'general' || register.size === 8)
      throw new LineError('bad-address', `The register ${register.name} cannot be part of an address.`);
  }
  if (value.registers.some(({ register }) => register.size !== fromRegisters))
    throw new LineError('bad-address', 'impossible combination of address sizes: 16 and 32-bit registers');
  const wanted = memory.displacementSize === 16 || memory.displacementSize === 32 ? memory.displacementSize : undefined;
  const size = fromRegisters === 16 || fromRegisters === 32 ? fromRegisters : (wanted ?? addressPrefix ?? bits);
  if (addressPrefix !== undefined && addressPrefix !== size)
    throw new LineError('bad-address', 'impossible combination of address sizes: the prefix and the registers differ');
  if (size === 16) return address16(memory, value, displacement);
  return address32(memory, parts ?? chooseParts(memory, value), displacement);
}

function address16(memory: MemorySyntax, value: Value, displacement: Value): Address {
  if (value.registers.some((term) => term.scale !== 1n) || value.registers.length > 2) throw invalid(16);
  const key = value.registers
    .map((term) => term.register.name)
    .sort()
    .join('+');
  if (key === '') return address(16, memory.segment, 0, 6, undefined, 2, displacement, true);
  const rm = ['bx+si', 'bx+di', 'bp+si', 'bp+di', 'si', 'di', 'bp', 'bx'].indexOf(key);
  if (rm < 0) throw invalid(16);
  const { mod, bytes } = displacementOf(memory, displacement, rm === 6, 16);
  return address(16, memory.segment, mod, rm, undefined, bytes, displacement, false);
}

function displacementOf(
  memory: MemorySyntax,
  displacement: Value,
  needsOne: boolean,
  size: 16 | 32,
): { mod: 0 | 1 | 2; bytes: 0 | 1 | 2 | 4 } {
  const full = size === 16 ? 2 : 4;
  if (memory.displacementSize === 8) return { mod: 1, bytes: 1 };
  if (memory.displacementSize !== 0) return { mod: 2, bytes: full };
  if (!isNumber(displacement)) return { mod: 2, bytes: full };
  const constant = BigInt.asIntN(size, displacement.constant);
  if (constant === 0n && !needsOne) return { mod: 0, bytes: 0 };
  return constant >= -128n && constant <= 127n ? { mod: 1, bytes: 1 } : { mod: 2, bytes: full };
}

function splitParts(first: Value, second: Value): Parts {
  const base = first.registers[0];
  const index = second.registers[0];
  if (first.registers.length > 1 || second.registers.length > 1 || (base && base.scale !== 1n) || second.bases.length > 0)
    throw invalid(32);
  return { base: base?.register, index: index?.register, scale: Number(index?.scale ?? 1n) };
}

/** NASM's choice of base and index. */
function chooseParts(memory: MemorySyntax, value: Value): Parts {
  const [one, two, more] = value.registers;
  if (more) throw invalid(32);
  const hint = firstRegister(memory.expression);
  if (!one) return { base: undefined, index: undefined, scale: 1 };
  if (one.scale < 1n || (two && two.scale < 1n)) throw invalid(32);
  if (two) {
    if (one.scale !== 1n && two.scale !== 1n) throw invalid(32);
    if (one.scale !== 1n) return { base: two.register, index: one.register, scale: Number(one.scale) };
    if (two.scale !== 1n) return { base: one.register, index: two.register, scale: Number(two.scale) };
    let [base, index] = [one.register, two.register];
    if (hint && (hint.multiplied ? hint.register === base : hint.register === index)) [base, index] = [index, base];
    // ESP cannot be an index (SDM vol. 2, table 2-3).
    if (index.number === 4) [base, index] = [index, base];
    return { base, index, scale: 1 };
  }
  const scale = Number(one.scale);
  const { register } = one;
  const kept = memory.noSplit && hint?.multiplied === true;
  if (scale === 1)
    return kept && register.number !== 4
      ? { base: undefined, index: register, scale: 1 }
      : { base: register, index: undefined, scale: 1 };
  if (scale === 3 || scale === 5 || scale === 9) return { base: register, index: register, scale: scale - 1 };
  if (scale === 2 && !kept) return { base: register, index: register, scale: 1 };
  return { base: undefined, index: register, scale };
}

function address32(memory: MemorySyntax, { base, index, scale }: Parts, displacement: Value): Address {
  const shift = [1, 2, 4, 8].indexOf(scale);
  if (index && (index.number === 4 || shift < 0)) throw invalid(32);
  const { segment } = memory;
  if (!base && !index) return address(32, segment, 0, 5, undefined, 4, displacement, true);
  if (!base) return address(32, segment, 0, 4, (shift << 6) | ((index?.number ?? 4) << 3) | 5, 4, displacement, false);
  const { mod, bytes } = displacementOf(memory, displacement, base.number === 5, 32);
  const needsSib = index !== undefined || base.number === 4;
  const sib = needsSib ? ((index ? shift : 0) << 6) | ((index?.number ?? 4) << 3) | base.number : undefined;
  return address(32, segment, mod, needsSib ? 4 : base.number, sib, bytes, displacement, false);
}

function address(
  size: 16 | 32,
  segment: Register | undefined,
  mod: 0 | 1 | 2,
  rm: number,
  sib: number | undefined,
  displacementBytes: 0 | 1 | 2 | 4,
  displacement: Value,
  plain: boolean,
): Address {
  return { size, segment, mod, rm, sib, displacementBytes, displacement, plain };
}
