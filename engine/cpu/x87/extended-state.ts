/**
 * FXSAVE and FXRSTOR of a processor without SSE (SDM vol. 2, FXSAVE, table 3-43): what lies beyond the x87's part of the image is neither
 * written nor read.
 */
import { segmentBytes } from '../../isa/state.ts';
import type { Cpu } from '../core.ts';
import { Vector } from '../faults.ts';
import { bitsOf, fromBits } from './environment.ts';
import { probe, readBits, writeBits, type Place } from './operand.ts';
import type { X87Registers } from './registers.ts';

const imageBytes = 512;
const alignment = 16;
const registersAt = 32;
const slotBytes = 16;
const realBytes = 10;
const opcodeMask = 0x7ff;

function checkAlignment(cpu: Cpu, { segment, offset }: Place): void {
  const linear = cpu.state.segmentBase(segment / segmentBytes) + offset;
  if (linear % alignment !== 0) cpu.raise(Vector.generalProtection);
}

const at = (place: Place, bytes: number): Place => ({ ...place, offset: place.offset + bytes });

/** Nothing is stored if any of it cannot be. The x87 keeps its state. */
export function saveExtendedState(cpu: Cpu, registers: X87Registers, place: Place): void {
  checkAlignment(cpu, place);
  probe(cpu, place, imageBytes);
  const { block } = cpu.state;
  const put = (offset: number, bytes: number, value: number | bigint) => writeBits(cpu, at(place, offset), bytes, BigInt(value));
  put(0, 2, registers.control);
  put(2, 2, registers.status);
  // A bit a register that is not empty, by its own number.
  put(4, 2, block.fpuTags & 0xff);
  put(6, 2, block.fpuOpcode & opcodeMask);
  put(8, 4, block.fpuInstructionOffset & 0xffff_ffffn);
  put(12, 4, block.fpuInstructionSelector);
  put(16, 4, block.fpuDataOffset & 0xffff_ffffn);
  put(20, 4, block.fpuDataSelector);
  for (let index = 0; index < 8; index++) put(registersAt + index * slotBytes, slotBytes, bitsOf(registers.read(index)));
}

/** Nothing changes if a read faults. */
export function restoreExtendedState(cpu: Cpu, registers: X87Registers, place: Place): void {
  checkAlignment(cpu, place);
  const get = (offset: number, bytes: number) => readBits(cpu, at(place, offset), bytes);
  // The whole image has to be readable.
  get(imageBytes - 4, 4);
  const head = [0, 2, 4, 6].map((offset) => Number(get(offset, 2)));
  const [instruction, instructionSelector, data, dataSelector] = [8, 12, 16, 20].map((offset) => get(offset, 4));
  const values = Array.from({ length: 8 }, (_, index) => fromBits(get(registersAt + index * slotBytes, realBytes)));
  const [control = 0, status = 0, tags = 0, opcode = 0] = head;
  const { block } = cpu.state;
  registers.control = control;
  registers.status = status;
  values.forEach((value, index) => registers.write(index, value));
  block.fpuTags = tags & 0xff;
  block.fpuOpcode = opcode & opcodeMask;
  block.fpuInstructionOffset = instruction ?? 0n;
  block.fpuInstructionSelector = Number((instructionSelector ?? 0n) & 0xffffn);
  block.fpuDataOffset = data ?? 0n;
  block.fpuDataSelector = Number((dataSelector ?? 0n) & 0xffffn);
}
