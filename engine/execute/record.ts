/**
 * The decoded record: 32 bytes per instruction in a vCPU's own cache region (decision 0002). Generated code reads it with
 * constant offsets; records of a block follow each other.
 */
import { vcpuState, Reg, segmentBytes } from '../isa/state.ts';
import type { Decoded } from '../isa/decoder.ts';

export const recordBytes = 32;

/** Offsets in a record. */
export const field = {
  /** u16, index of the handler. */
  handler: 0,
  /** u8, bytes of the instruction. */
  length: 2,
  /** u8, instructions of the block behind this one. */
  remaining: 3,
  /** u16, offset of the instruction in its page. */
  pageOffset: 4,
  /** u8 each, in operand order: byte offset of a general register in the vCPU block, or the number of a segment, control, debug or x87 register. */
  registers: [6, 7, 28],
  /** i32 each. */
  immediate: 8,
  immediateHigh: 12,
  displacement: 16,
  /** u8 each: byte offsets of registers (the zero slot if absent), shift count, Seg times segmentBytes. */
  base: 20,
  index: 21,
  scale: 22,
  segment: 23,
  /** u32. Memory operands: mask of the address size. Direct branches: target record, 0 not looked up yet, 1 never linked. */
  addressMask: 24,
  link: 24,
} as const;

/** `link` of a branch whose target may lie elsewhere. */
export const neverLinked = 1;

const slotBytes = 8;
const zeroSlot = vcpuState.offset.registers + Reg.zero * slotBytes;

/** Byte offset of general register `number` of `size` bytes in the vCPU block; AH CH DH BH are byte 1 of their slot. */
export function registerOffset(number: number, size: number): number {
  const slot = size === 1 ? number & 3 : number;
  return vcpuState.offset.registers + slot * slotBytes + (size === 1 && number >= 4 ? 1 : 0);
}

/** Writes everything but handler, length, remaining and pageOffset, which belong to the block. */
export function writeOperands(view: DataView, at: number, decoded: Decoded): void {
  const form = decoded.form;
  if (!form) throw new TypeError('only a decoded instruction has operands');
  view.setInt32(at + field.immediate, decoded.immediate, true);
  view.setInt32(at + field.immediateHigh, decoded.immediateHigh, true);
  let slot = 0;
  for (const shape of form.operands) {
    const place = field.registers[slot];
    if (place === undefined) throw new RangeError('a record has room for three register operands');
    if (shape.kind === 'register') view.setUint8(at + place, registerOffset(decoded.registers[slot++] ?? 0, shape.size));
    else if (['segment', 'control', 'debug', 'stack'].includes(shape.kind))
      view.setUint8(at + place, decoded.registers[slot++] ?? 0);
  }
  view.setUint8(at + field.segment, decoded.segment * segmentBytes);
  if (form.operands.some((shape) => shape.kind === 'relative')) {
    view.setUint32(at + field.link, 0, true);
    return;
  }
  let displacement = decoded.displacement;
  if (form.instruction.addressAfterPop && decoded.base === (Reg.esp as number)) displacement += form.operandSize;
  view.setInt32(at + field.displacement, displacement, true);
  view.setUint8(at + field.base, decoded.base < 0 ? zeroSlot : registerOffset(decoded.base, 4));
  view.setUint8(at + field.index, decoded.index < 0 ? zeroSlot : registerOffset(decoded.index, 4));
  view.setUint8(at + field.scale, decoded.scale);
  view.setUint32(at + field.addressMask, decoded.addressSize === 2 ? 0xffff : 0xffffffff, true);
}
