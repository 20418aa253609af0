/** Memory operands of x87 instructions. Reads and writes throw guestFault; a write that does changed nothing. */
import type { Cpu } from '../core.ts';
import { guestFault, Vector } from '../faults.ts';
import { Seg, segmentBytes } from '../../isa/state.ts';
import { X87Format } from '../../isa/x87.ts';

const realBytes = 10;
export const formatBytes: Partial<Record<X87Format, number>> = {
  [X87Format.real32]: 4,
  [X87Format.real64]: 8,
  [X87Format.real80]: realBytes,
  [X87Format.integer16]: 2,
  [X87Format.integer32]: 4,
  [X87Format.integer64]: 8,
  [X87Format.decimal]: realBytes,
  [X87Format.word]: 2,
};

/** A place in memory as services get it. */
export interface Place {
  /** Seg times segmentBytes. */
  readonly segment: number;
  readonly offset: number;
}

/** Pieces of at most four bytes do not wrap at the end of the address space. */
function checkWrap(cpu: Cpu, { segment, offset }: Place, bytes: number): void {
  if ((offset >>> 0) + bytes > 2 ** 32)
    cpu.raise(segment === Seg.ss * segmentBytes ? Vector.stackFault : Vector.generalProtection);
}

export function readBits(cpu: Cpu, place: Place, bytes: number): bigint {
  checkWrap(cpu, place, bytes);
  let bits = 0n;
  for (let at = 0; at < bytes; at += 4) {
    const size = Math.min(4, bytes - at);
    bits |= BigInt(cpu.access.readOperand(place.segment, place.offset + at, size)) << BigInt(8 * at);
  }
  return bits;
}

export function writeBits(cpu: Cpu, place: Place, bytes: number, bits: bigint): void {
  if (bytes > 4) probe(cpu, place, bytes);
  for (let at = 0; at < bytes; at += 4) {
    const size = Math.min(4, bytes - at);
    cpu.access.writeOperand(place.segment, place.offset + at, size, Number((bits >> BigInt(8 * at)) & 0xffffffffn));
  }
}

/** Faults now if the bytes could not be written. */
export function probe(cpu: Cpu, place: Place, bytes: number): void {
  checkWrap(cpu, place, bytes);
  cpu.access.probeWrite(place.segment, place.offset, bytes);
  if (cpu.state.faultVector >= 0) throw guestFault;
}
