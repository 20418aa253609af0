/**
 * Operands to bytes: of the table's forms that fit, the shortest; of equally short ones the first in the table, as NASM
 * chooses with its default optimisation (NASM manual, 2.1.24; encodings: SDM vol. 2, 2.1).
 */
import type { OperandCode } from '../isa/instruction.ts';
import type { Candidate } from './candidate.ts';
import { LineError } from './diagnostic.ts';
import { baseOf, isNumber, resolve, type Base, type Value } from './evaluate.ts';
import type { Operand } from './operand.ts';
import type { Register } from './register.ts';

export interface Prefixes {
  /** lock and rep prefixes in NASM's order. */
  readonly bytes: readonly number[];
  readonly segment: Register | undefined;
  readonly operandSize: 16 | 32 | undefined;
  readonly addressSize: 16 | 32 | undefined;
}

/** Where an instruction stands. */
export interface Site {
  readonly bits: 16 | 32;
  readonly offset: number;
  /** What `offset` counts from; undefined for an absolute place. */
  readonly base: Base | undefined;
  /** Labels and layout are final: values are checked, and bytes are right. */
  readonly last: boolean;
  readonly warn: (code: string, message: string) => void;
}

const segmentPrefixes: Readonly<Record<string, number>> = { es: 0x26, cs: 0x2e, ss: 0x36, ds: 0x3e, fs: 0x64, gs: 0x65 };
export const lockPrefix = 0xf0;
export const repeatPrefixes: Readonly<Record<string, number>> = { rep: 0xf3, repe: 0xf3, repz: 0xf3, repne: 0xf2, repnz: 0xf2 };
const operandSizePrefix = 0x66;
const addressSizePrefix = 0x67;

interface Match {
  readonly candidate: Candidate;
  readonly size: 16 | 32;
  readonly length: number;
  /** Bits of memory that the form reads or writes; 0 where that is no matter. */
  readonly memoryBits: number;
  /** An operand says which operand size is meant. */
  readonly sizeSaid: boolean;
}

/** How one operand fits one code: bits of memory accessed, and whether it fixes the operand size. */
interface Fit {
  readonly memoryBits: number;
  readonly saysSize: boolean;
}
const plainFit: Fit = { memoryBits: 0, saysSize: false };
const sizedFit: Fit = { memoryBits: 0, saysSize: true };

/** Codes of one register, which are its name in capitals. */
const fixedRegisters: ReadonlyMap<OperandCode, string> = new Map(
  (['AL', 'AX', 'CL', 'DX', 'ES', 'CS', 'SS', 'DS', 'FS', 'GS'] as const).map((code) => [code, code.toLowerCase()]),
);
const letterBits: Readonly<Record<string, number>> = { b: 8, w: 16, d: 32, q: 64, t: 80 };
const waitOpcode = 0x9b;

function widthOf(code: OperandCode, size: 16 | 32): number {
  const letter = code[1] ?? '';
  return letter === 'v' || letter === 'z' ? size : (letterBits[letter] ?? 0);
}

function fits(
  code: OperandCode,
  operand: Operand,
  size: 16 | 32,
  candidate: Candidate,
  site: Site,
  operands: readonly Operand[],
  prefixes: Prefixes,
): Fit | undefined {
  const { register, value, address } = operand;
  const fixed = fixedRegisters.get(code);
  if (fixed !== undefined) return register?.name === fixed ? plainFit : undefined;
  const mnemonic = candidate.instruction.mnemonic;
  const transfer = mnemonic === 'jmp' || mnemonic === 'call';
  if (code === 'ST') return register?.class === 'float' && register.number === 0 ? plainFit : undefined;
  if (code === 'STi') return register?.class === 'float' && candidate.to === (operand.to ?? false) ? plainFit : undefined;
  switch (code[0]) {
    case 'e':
      return register?.class === 'general' && register.number === 0 && register.size === size ? sizedFit : undefined;
    case '1':
      return operand.kind === 'immediate' &&
        value &&
        isNumber(value) &&
        value.constant === 1n &&
        operand.size === 0 &&
        !operand.strict
        ? plainFit
        : undefined;
    case 'Z':
    case 'G':
      if (register?.class !== 'general' || register.size !== widthOf(code, size)) return undefined;
      // The result of BSWAP with a word register is undefined (SDM vol. 2, BSWAP).
      if (mnemonic === 'bswap' && size === 16) return undefined;
      return code[1] === 'v' ? sizedFit : plainFit;
    case 'R':
      return register?.class === 'general' && register.size === 32 ? plainFit : undefined;
    case 'S':
      return register?.class === 'segment' ? plainFit : undefined;
    case 'C':
      return register?.class === 'control' ? plainFit : undefined;
    case 'D':
      return register?.class === 'debug' ? plainFit : undefined;
    case 'E': {
      if (transfer && operand.distance === 'far') return undefined;
      const width = widthOf(code, size);
      // MOVZX from word to word extends nothing.
      const extendsWord = code === 'Ew' && size === 16 && (mnemonic === 'movzx' || mnemonic === 'movsx');
      if (register) {
        if (register.class !== 'general' || extendsWord) return undefined;
        // The upper half of a doubleword register is ignored where a selector is read.
        const selector = code === 'Ew' && (candidate.codes[0] === 'Sw' || mnemonic === 'lar' || mnemonic === 'lsl');
        if (register.size !== width && !(selector && register.size === 32)) return undefined;
        return code[1] === 'v' ? sizedFit : plainFit;
      }
      if (!address) return undefined;
      if (code === 'Ev/w') return operand.size === 0 || operand.size === 16 ? plainFit : undefined;
      if (extendsWord) return undefined;
      if (operand.size !== 0 && operand.size !== width) return undefined;
      if (transfer && operand.size === 0) return plainFit;
      return { memoryBits: width, saysSize: operand.size !== 0 && code[1] === 'v' };
    }
    case 'M': {
      if (!address) return undefined;
      if (code === 'Mp' && transfer) {
        if (operand.distance !== 'far') return undefined;
        if (operand.size === 0) return plainFit;
        return operand.size === size ? sizedFit : undefined;
      }
      const width = letterBits[code[1] ?? ''] ?? 0;
      if (mnemonic === 'lea') return plainFit;
      return operand.size === 0 || operand.size === width ? { memoryBits: width, saysSize: false } : undefined;
    }
    case 'O':
      if (!address?.plain) return undefined;
      if (operand.size !== 0 && operand.size !== widthOf(code, size)) return undefined;
      return { memoryBits: widthOf(code, size), saysSize: operand.size !== 0 && code[1] === 'v' };
    case 'I':
      return operand.kind === 'immediate' && value ? fitsImmediate(code, operand, value, size) : undefined;
    case 'J':
      return operand.kind === 'immediate' && value
        ? fitsRelative(code, operand, value, size, candidate, site, operands, prefixes)
        : undefined;
    case 'A':
      if (operand.kind !== 'far') return undefined;
      if (operand.size === 0) return plainFit;
      return operand.size === size ? sizedFit : undefined;
    default:
      return undefined;
  }
}

function fitsImmediate(code: OperandCode, operand: Operand, value: Value, size: 16 | 32): Fit | undefined {
  if (code === 'Ibs') {
    if (operand.size === 8) return plainFit;
    if (operand.strict || (operand.size !== 0 && operand.size !== size)) return undefined;
    const said = operand.size === size;
    if (value.unknown) return said ? sizedFit : plainFit;
    if (!isNumber(value)) return undefined;
    const constant = BigInt.asIntN(size, value.constant);
    return constant >= -128n && constant <= 127n ? (said ? sizedFit : plainFit) : undefined;
  }
  const width = widthOf(code, size);
  if (operand.size !== 0 && operand.size !== width) return undefined;
  return code === 'Iz' && operand.size !== 0 ? sizedFit : plainFit;
}

function fitsRelative(
  code: OperandCode,
  operand: Operand,
  value: Value,
  size: 16 | 32,
  candidate: Candidate,
  site: Site,
  operands: readonly Operand[],
  prefixes: Prefixes,
): Fit | undefined {
  if (operand.distance === 'far') return undefined;
  const sized = operand.size === 16 || operand.size === 32;
  if (operand.size !== 0 && !sized) return undefined;
  if (sized && operand.size !== size) return undefined;
  const fit = sized ? sizedFit : plainFit;
  if (code === 'Jz') return operand.distance === 'short' ? undefined : fit;
  const onlyShort = !candidate.instruction.forms.some((form) => form.operands[0] === 'Jz');
  if (onlyShort) return operand.distance === undefined ? fit : undefined;
  if (operand.distance === 'short') return fit;
  if (operand.distance === 'near' || operand.strict || sized) return undefined;
  if (value.unknown) return fit;
  if (baseOf(value) !== site.base) return undefined;
  const length = measure(candidate, operands, size, prefixes, site.bits);
  // Both are offsets in a section, far below 2^53; what is not is too far anyway.
  const distance = Number(value.constant) - site.offset - length;
  return distance >= -128 && distance <= 127 ? fit : undefined;
}

function immediateBytes(code: OperandCode, size: 16 | 32, addressSize: number): number {
  switch (code) {
    case 'Ib':
    case 'Ibs':
    case 'Jb':
      return 1;
    case 'Iw':
      return 2;
    case 'Iz':
    case 'Jz':
      return size / 8;
    case 'Ap':
      return size / 8 + 2;
    case 'Ob':
    case 'Ov':
      return addressSize / 8;
    default:
      return 0;
  }
}

/** The size of addresses in this instruction, as far as anything but the code's default says. */
function addressSizeOf(candidate: Candidate, operands: readonly Operand[], prefixes: Prefixes, bits: 16 | 32): 16 | 32 {
  const memory = operands.find((operand) => operand.address)?.address;
  if (memory) return memory.size;
  return candidate.form.addressSize ?? prefixes.addressSize ?? bits;
}

function needsOperandPrefix(candidate: Candidate, size: 16 | 32, prefixes: Prefixes, bits: 16 | 32): boolean {
  if (candidate.sizeMatters && size !== bits) return true;
  return prefixes.operandSize !== undefined && prefixes.operandSize !== bits;
}

function measure(candidate: Candidate, operands: readonly Operand[], size: 16 | 32, prefixes: Prefixes, bits: 16 | 32): number {
  const addressSize = addressSizeOf(candidate, operands, prefixes, bits);
  const memory = operands.find((operand) => operand.address)?.address;
  let length = prefixes.bytes.length + candidate.opcode.length + (candidate.waits ? 1 : 0);
  if (prefixes.segment ?? memory?.segment) length++;
  if (candidate.form.prefix !== undefined) length++;
  if (needsOperandPrefix(candidate, size, prefixes, bits)) length++;
  if (addressSize !== bits) length++;
  if (candidate.modrm !== 'none') {
    length++;
    if (memory) length += memory.displacementBytes + (memory.sib === undefined ? 0 : 1);
  }
  for (const code of candidate.codes) length += immediateBytes(code, size, addressSize);
  return length;
}

/** LOOP label, CX: the second operand chooses the counter, which is an address size. */
function loopCounter(
  name: string,
  operands: readonly Operand[],
  prefixes: Prefixes,
): { operands: readonly Operand[]; prefixes: Prefixes } {
  const counter = operands[1]?.register;
  if (
    operands.length !== 2 ||
    !/^loopn?[ez]?$/.test(name) ||
    counter?.number !== 1 ||
    counter.class !== 'general' ||
    counter.size === 8 ||
    counter.size === 80
  ) {
    return { operands, prefixes };
  }
  return { operands: operands.slice(0, 1), prefixes: { ...prefixes, addressSize: counter.size } };
}

/** Bytes of an instruction; throws LineError if no form fits. */
export function encode(
  name: string,
  candidates: readonly Candidate[],
  given: readonly Operand[],
  givenPrefixes: Prefixes,
  site: Site,
): number[] {
  const { operands, prefixes } =
    given.length === 2 && name.startsWith('loop')
      ? loopCounter(name, given, givenPrefixes)
      : { operands: given, prefixes: givenPrefixes };
  const { bits } = site;
  const other: 16 | 32 = bits === 16 ? 32 : 16;
  let best: Match | undefined;
  let widths = 0;
  let firstWidth = -1;
  for (const candidate of candidates) {
    if (candidate.codes.length !== operands.length) continue;
    for (let turn = 0; turn < 2; turn++) {
      const size = turn === 0 ? bits : other;
      if (candidate.onlySize !== undefined && candidate.onlySize !== size) continue;
      if (!candidate.sizeMatters && size !== bits) continue;
      const match = matchOf(candidate, operands, size, prefixes, site);
      if (!match) continue;
      const isPlain = !match.sizeSaid && match.memoryBits === 0 && candidate.onlySize === undefined;
      if (candidate.sizeMatters && isPlain && size !== (prefixes.operandSize ?? bits)) continue;
      if (match.memoryBits !== 0) {
        if (firstWidth < 0) firstWidth = match.memoryBits;
        if (match.memoryBits !== firstWidth) widths++;
      }
      if (!best || match.length < best.length) best = match;
    }
  }
  if (!best) throw unencodable(candidates, operands);
  if (widths > 0) throw new LineError('size-not-specified', 'operation size not specified');
  if (prefixes.bytes.includes(lockPrefix) && site.last) checkLock(best, operands, site);
  return emit(best, operands, prefixes, site);
}

function matchOf(
  candidate: Candidate,
  operands: readonly Operand[],
  size: 16 | 32,
  prefixes: Prefixes,
  site: Site,
): Match | undefined {
  let memoryBits = 0;
  let sizeSaid = false;
  for (let index = 0; index < operands.length; index++) {
    const code = candidate.codes[index];
    const operand = operands[index];
    if (code === undefined || operand === undefined) return undefined;
    // ADD [x], byte 5 means a byte in memory: the keyword says the size of both.
    if (code === 'Ibs' && operand.size === 8 && candidate.codes[0]?.[0] === 'E' && operands[0]?.address && operands[0].size === 0)
      return undefined;
    const fit = fits(code, operand, size, candidate, site, operands, prefixes);
    if (!fit) return undefined;
    if (fit.memoryBits !== 0) memoryBits = fit.memoryBits;
    if (fit.saysSize) sizeSaid = true;
  }
  return { candidate, size, length: measure(candidate, operands, size, prefixes, site.bits), memoryBits, sizeSaid };
}

function unencodable(candidates: readonly Candidate[], operands: readonly Operand[]): LineError {
  const widths = new Set<number>(
    operands.flatMap((operand) => (operand.register?.class === 'general' ? [operand.register.size] : [])),
  );
  const memorySize = operands.find((operand) => operand.address)?.size ?? 0;
  const rightCount = candidates.some((candidate) => candidate.codes.length === operands.length);
  if (rightCount && (widths.size > 1 || (memorySize !== 0 && widths.size === 1 && !widths.has(memorySize)))) {
    return new LineError('size-mismatch', 'mismatch in operand sizes, or invalid combination of opcode and operands');
  }
  return new LineError('no-such-form', 'invalid combination of opcode and operands');
}

function checkLock(match: Match, operands: readonly Operand[], site: Site): void {
  const operand = operands[0]?.address ?? (match.candidate.instruction.mnemonic === 'xchg' ? operands[1]?.address : undefined);
  if (!match.candidate.instruction.lock || !operand) site.warn('prefix-lock', 'instruction is not lockable');
}

function emit(match: Match, operands: readonly Operand[], prefixes: Prefixes, site: Site): number[] {
  const { candidate, size } = match;
  const { bits } = site;
  const memory = operands.find((operand) => operand.address)?.address;
  const addressSize = addressSizeOf(candidate, operands, prefixes, bits);
  const bytes: number[] = [];
  if (candidate.waits) bytes.push(waitOpcode);
  for (const prefix of prefixes.bytes) bytes.push(prefix);
  const segment = prefixes.segment ?? memory?.segment;
  if (segment) bytes.push(segmentPrefixes[segment.name] ?? 0);
  if (needsOperandPrefix(candidate, size, prefixes, bits)) bytes.push(operandSizePrefix);
  if (addressSize !== bits) bytes.push(addressSizePrefix);
  if (candidate.form.prefix !== undefined) bytes.push(candidate.form.prefix);
  for (const opcode of candidate.opcode) bytes.push(opcode);
  const put = (value: bigint, count: number) => {
    const low = Number(BigInt.asIntN(32, value));
    for (let index = 0; index < Math.min(count, 4); index++) bytes.push((low >> (index * 8)) & 0xff);
    for (let index = 4; index < count; index++) bytes.push(Number((value >> BigInt(index * 8)) & 0xffn));
  };
  let reg = typeof candidate.modrm === 'number' ? candidate.modrm : 0;
  let rm = -1;
  for (let index = 0; index < candidate.codes.length; index++) {
    const code = candidate.codes[index];
    const register = operands[index]?.register;
    if (!register || code === undefined) continue;
    if (code[0] === 'Z') bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) + register.number;
    else if ((code[0] === 'E' && code !== 'ES') || code[0] === 'R' || code === 'STi') rm = register.number;
    else if ((code[0] === 'G' && code !== 'GS') || code === 'Sw' || code === 'Cd' || code === 'Dd') reg = register.number;
  }
  if (candidate.repeatsFirst) rm = reg;
  if (candidate.modrm !== 'none') {
    if (memory) {
      bytes.push((memory.mod << 6) | (reg << 3) | memory.rm);
      if (memory.sib !== undefined) bytes.push(memory.sib);
      put(site.last ? checkedDisplacement(memory.displacement, memory.displacementBytes, site) : 0n, memory.displacementBytes);
    } else {
      bytes.push(0xc0 | (reg << 3) | (rm < 0 ? candidate.impliedRm : rm));
    }
  }
  for (let index = 0; index < candidate.codes.length; index++) {
    const code = candidate.codes[index];
    if (code === undefined) continue;
    const count = immediateBytes(code, size, addressSize);
    const operand = operands[index];
    if (count === 0 || !operand) continue;
    const value = operand.value ?? operand.address?.displacement;
    if (!site.last || !value) {
      put(0n, count);
    } else if (code[0] === 'J') {
      put(relative(value, site, match.length, count), count);
    } else if (code === 'Ap') {
      put(resolve(value), count - 2);
      put(operand.selector ? resolve(operand.selector) : 0n, 2);
    } else {
      put(checkedImmediate(code, value, count, size, site), count);
    }
  }
  return bytes;
}

function relative(value: Value, site: Site, length: number, count: number): bigint {
  const from = (site.base?.virtualStart ?? 0n) + BigInt(site.offset) + BigInt(length);
  const distance = baseOf(value) === site.base ? value.constant - BigInt(site.offset) - BigInt(length) : resolve(value) - from;
  if (count === 1 && (distance < -128n || distance > 127n))
    throw new LineError('short-jump', `short jump is out of range: ${distance} bytes`);
  return distance;
}

function checkedDisplacement(value: Value, count: number, site: Site): bigint {
  const number = resolve(value);
  const limit = 1n << BigInt(count * 8);
  if (
    count === 1
      ? BigInt.asIntN(8, number) !== number &&
        BigInt.asIntN(32, number) !== BigInt.asIntN(8, number) &&
        BigInt.asIntN(16, number) !== BigInt.asIntN(8, number)
      : number < -limit || number >= limit
  ) {
    site.warn('number-overflow', `${count === 1 ? 'byte' : count === 2 ? 'word' : 'dword'} displacement exceeds bounds`);
  }
  return number;
}

function checkedImmediate(code: OperandCode, value: Value, count: number, size: 16 | 32, site: Site): bigint {
  const number = resolve(value);
  const limit = 1n << BigInt(count * 8);
  const signed = code === 'Ibs';
  const compared = signed ? BigInt.asIntN(size, number) : number;
  if (signed ? compared < -128n || compared > 127n : number < -limit / 2n || number >= limit) {
    site.warn(
      'number-overflow',
      `${signed ? 'signed byte' : count === 1 ? 'byte' : count === 2 ? 'word' : 'dword'} value exceeds bounds`,
    );
  }
  return number;
}
