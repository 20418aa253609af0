/**
 * The decoder, derived from the table: bytes → what a record needs (SDM vol. 2, chapter 2 and appendix A).
 * It knows 16- and 32-bit code. Nothing here touches guest memory.
 */
import { Seg } from './state.ts';
import { encodings, impliedNumber, type Encoding, type Repeat, type SizedForm } from './sized.ts';

/** The longest instruction (SDM vol. 2, 2.3.11); a longer one is #GP(0). */
export const maximumLength = 15;

export const enum DecodeStatus {
  ok,
  /** No such instruction, or a LOCK that is not allowed: #UD. `length` says how far the decoder read. */
  invalid,
  /** More bytes are needed. */
  truncated,
  /** More than 15 bytes: #GP(0). */
  tooLong,
}

/** Filled by `decode`; one object is used again and again. */
export class Decoded {
  status: DecodeStatus = DecodeStatus.invalid;
  length = 0;
  form: SizedForm | undefined;
  encoding: Encoding | undefined;
  operandSize: 2 | 4 = 4;
  addressSize: 2 | 4 = 4;
  /** The instruction has a memory operand by ModRM or moffs. */
  memory = false;
  /** Register numbers of the operands that have one, in operand order (also segment, control and debug registers). */
  readonly registers: number[] = [0, 0, 0];
  registerCount = 0;
  /** Low and high half of the immediate: value as 32 bits; selector of a far pointer; second immediate of ENTER. */
  immediate = 0;
  immediateHigh = 0;
  displacement = 0;
  /** Register numbers or -1. */
  base = -1;
  index = -1;
  /** Shift count 0-3. */
  scale = 0;
  /** Seg of the memory operand, override included. */
  segment: number = Seg.ds;
  /** -1 or the Seg of an override prefix. */
  override = -1;
}

const oneByte: Encoding[][] = Array.from({ length: 256 }, () => []);
const twoByte: Encoding[][] = Array.from({ length: 256 }, () => []);

for (const encoding of encodings) {
  const [first = 0, second = 0] = encoding.opcode;
  const map = first === 0x0f ? twoByte : oneByte;
  const opcode = first === 0x0f ? second : first;
  const span = encoding.form.operands.some((code) => code[0] === 'Z') ? 8 : 1;
  for (let low = 0; low < span; low++) map[opcode + low]?.push(encoding);
}

/** CR1 and CR5-CR7 do not exist, CR8 only in 64-bit mode (SDM vol. 2, MOV to/from control registers). */
const controlRegisters: readonly number[] = [0, 2, 3, 4];

/** Base and index by ModRM.rm with 16-bit addresses (SDM vol. 2, table 2-1). */
const base16 = [3, 3, 5, 5, 6, 7, 5, 3] as const;
const index16 = [6, 7, 6, 7, -1, -1, -1, -1] as const;

/**
 * Decodes one instruction from `bytes[start, end)` with the code segment's default size (2 or 4). Fills `out`.
 */
export function decode(bytes: Uint8Array, start: number, end: number, defaultSize: 2 | 4, out: Decoded): DecodeStatus {
  let at = start;
  const limit = Math.min(end, start + maximumLength);
  const finish = (status: DecodeStatus): DecodeStatus => {
    // Running out of bytes at the limit of 15 is the instruction's fault, before it the caller's.
    out.status = status === DecodeStatus.truncated && limit === start + maximumLength ? DecodeStatus.tooLong : status;
    out.length = Math.min(at, limit) - start;
    return out.status;
  };
  let operandPrefix = false;
  let addressPrefix = false;
  let lock = false;
  let repeat: Repeat = 'none';
  out.override = -1;
  out.form = undefined;
  out.encoding = undefined;
  let opcode: number;
  prefixes: for (;;) {
    if (at >= limit) return finish(DecodeStatus.truncated);
    opcode = bytes[at++] ?? 0;
    switch (opcode) {
      case 0x26: out.override = Seg.es; break;
      case 0x2e: out.override = Seg.cs; break;
      case 0x36: out.override = Seg.ss; break;
      case 0x3e: out.override = Seg.ds; break;
      case 0x64: out.override = Seg.fs; break;
      case 0x65: out.override = Seg.gs; break;
      case 0x66: operandPrefix = true; break;
      case 0x67: addressPrefix = true; break;
      case 0xf0: lock = true; break;
      case 0xf2: repeat = 'repne'; break;
      case 0xf3: repeat = 'rep'; break;
      default: break prefixes;
    }
  }
  const operandSize = (operandPrefix ? 6 - defaultSize : defaultSize) as 2 | 4;
  const addressSize = (addressPrefix ? 6 - defaultSize : defaultSize) as 2 | 4;
  out.operandSize = operandSize;
  out.addressSize = addressSize;
  let candidates: readonly Encoding[] | undefined;
  if (opcode === 0x0f) {
    if (at >= limit) return finish(DecodeStatus.truncated);
    opcode = bytes[at++] ?? 0;
    candidates = twoByte[opcode];
  } else {
    candidates = oneByte[opcode];
  }
  if (!candidates || candidates.length === 0) return finish(DecodeStatus.invalid);

  let chosen: Encoding | undefined;
  let form: SizedForm | undefined;
  let modrm = -1;
  for (const candidate of candidates) {
    const { prefix } = candidate.form;
    if (prefix !== undefined && !(prefix === 0xf3 ? repeat === 'rep' : prefix === 0xf2 ? repeat === 'repne' : operandPrefix)) continue;
    if (candidate.form.noPrefix && (operandPrefix || repeat !== 'none')) continue;
    const fixed = candidate.fixedModrm;
    let memory = false;
    if (candidate.modrm !== 'none' || fixed !== undefined) {
      if (modrm < 0) {
        if (at >= limit) return finish(DecodeStatus.truncated);
        modrm = bytes[at] ?? 0;
      }
      if (fixed !== undefined && fixed !== modrm) continue;
      if (typeof candidate.modrm === 'number' && candidate.modrm !== ((modrm >> 3) & 7)) continue;
      // MOV to and from control and debug registers ignores mod.
      memory = fixed === undefined && modrm < 0xc0 && !candidate.form.operands.includes('Rd');
    }
    const selected = candidate.select(operandSize, addressSize, memory, lock, candidate.instruction.repeat ? repeat : 'none');
    if (!selected) continue;
    chosen = candidate;
    form = selected;
    out.memory = memory;
    break;
  }
  if (!chosen || !form) return finish(DecodeStatus.invalid);
  out.encoding = chosen;
  out.form = form;

  const hasModrm = chosen.modrm !== 'none' || chosen.fixedModrm !== undefined;
  out.base = -1;
  out.index = -1;
  out.scale = 0;
  out.displacement = 0;
  let defaultSegment: number = Seg.ds;
  if (hasModrm) {
    at++;
    const mod = modrm >> 6;
    const rm = modrm & 7;
    if (out.memory) {
      let displacementBytes = mod === 1 ? 1 : mod === 2 ? addressSize : 0;
      if (addressSize === 2) {
        if (mod === 0 && rm === 6) displacementBytes = 2;
        else {
          out.base = base16[rm] ?? -1;
          out.index = index16[rm] ?? -1;
          if (rm === 2 || rm === 3 || rm === 6) defaultSegment = Seg.ss;
        }
      } else if (rm === 4) {
        if (at >= limit) return finish(DecodeStatus.truncated);
        const sib = bytes[at++] ?? 0;
        out.scale = sib >> 6;
        const index = (sib >> 3) & 7;
        if (index !== 4) out.index = index;
        const base = sib & 7;
        if (base === 5 && mod === 0) displacementBytes = 4;
        else {
          out.base = base;
          if (base === 4 || base === 5) defaultSegment = Seg.ss;
        }
      } else if (rm === 5 && mod === 0) displacementBytes = 4;
      else {
        out.base = rm;
        if (rm === 5) defaultSegment = Seg.ss;
      }
      if (displacementBytes > 0) {
        if (at + displacementBytes > limit) {
          at = limit;
          return finish(DecodeStatus.truncated);
        }
        out.displacement = readSigned(bytes, at, displacementBytes);
        at += displacementBytes;
      }
    }
  }

  out.registerCount = 0;
  out.immediate = 0;
  out.immediateHigh = 0;
  for (const code of chosen.form.operands) {
    const implied = impliedNumber(code);
    if (implied !== undefined) {
      out.registers[out.registerCount++] = implied;
      continue;
    }
    if (code === 'STi') {
      out.registers[out.registerCount++] = modrm & 7;
      continue;
    }
    let bytesNeeded = 0;
    switch (code[0]) {
      case 'E':
      case 'R':
        if (!out.memory) out.registers[out.registerCount++] = modrm & 7;
        break;
      case 'S':
        // There are six segment registers, and CS cannot be loaded by MOV (SDM vol. 2, MOV).
        if (((modrm >> 3) & 7) > (Seg.gs as number) || (code === chosen.form.operands[0] && ((modrm >> 3) & 7) === (Seg.cs as number))) return finish(DecodeStatus.invalid);
        out.registers[out.registerCount++] = (modrm >> 3) & 7;
        break;
      case 'C':
        if (!controlRegisters.includes((modrm >> 3) & 7)) return finish(DecodeStatus.invalid);
        out.registers[out.registerCount++] = (modrm >> 3) & 7;
        break;
      case 'G':
      case 'D':
        out.registers[out.registerCount++] = (modrm >> 3) & 7;
        break;
      case 'Z':
        out.registers[out.registerCount++] = opcode & 7;
        break;
      case 'I':
      case 'J':
        bytesNeeded = code[1] === 'b' ? 1 : code[1] === 'w' ? 2 : operandSize;
        break;
      case 'A':
        bytesNeeded = operandSize + 2;
        break;
      case 'O':
        out.memory = true;
        bytesNeeded = addressSize;
        break;
    }
    if (bytesNeeded === 0) continue;
    if (at + bytesNeeded > limit) {
      at = limit;
      return finish(DecodeStatus.truncated);
    }
    if (code[0] === 'O') out.displacement = readSigned(bytes, at, addressSize);
    else if (code[0] === 'A') {
      out.immediate = readUnsigned(bytes, at, operandSize);
      out.immediateHigh = readUnsigned(bytes, at + operandSize, 2);
    } else if (code[0] === 'J') out.immediate = readSigned(bytes, at, bytesNeeded);
    else if (code === 'Ibs') out.immediate = operandSize === 2 ? readSigned(bytes, at, 1) & 0xffff : readSigned(bytes, at, 1);
    else if (code === 'Ib' && chosen.form.operands[0] === 'Iw') out.immediateHigh = readUnsigned(bytes, at, 1);
    else out.immediate = readUnsigned(bytes, at, bytesNeeded);
    at += bytesNeeded;
  }
  out.segment = out.override >= 0 ? out.override : defaultSegment;
  return finish(DecodeStatus.ok);
}

function readUnsigned(bytes: Uint8Array, at: number, size: number): number {
  let value = 0;
  for (let index = size - 1; index >= 0; index--) value = (value << 8) | (bytes[at + index] ?? 0);
  return value;
}

function readSigned(bytes: Uint8Array, at: number, size: number): number {
  const shift = 32 - size * 8;
  return (readUnsigned(bytes, at, size) << shift) >> shift;
}
