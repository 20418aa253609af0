/** The stacks of inner levels and the I/O bitmap that the current TSS holds (SDM vol. 3, 8.2.1 and 8.6). */
import { Seg } from '../isa/state.ts';
import type { Cpu } from './core.ts';
import { Vector } from './faults.ts';

/** Type bit of a 32-bit TSS in the rights of TR. */
const is32Bit = 8;

/** Result of readInnerStack. */
export const innerStack = { selector: 0, pointer: 0 };

/** Reads SS and ESP for privilege level 0-2 from the current TSS into `innerStack`; #TS(TR) when it is too short. */
export function readInnerStack(cpu: Cpu, privilege: number): void {
  const { state, access } = cpu;
  const base = state.segmentBase(Seg.tr);
  const limit = state.segmentLimit(Seg.tr);
  const wide = (state.segmentRights(Seg.tr) & is32Bit) !== 0;
  const at = wide ? 4 + 8 * privilege : 2 + 4 * privilege;
  if (at + (wide ? 5 : 3) > limit) cpu.fail(Vector.invalidTss, state.selector(Seg.tr));
  innerStack.pointer = access.read(base + at, wide ? 4 : 2);
  innerStack.selector = access.read(base + at + (wide ? 4 : 2), 2);
}

const ioMapBaseAt = 0x66;

/** True if the I/O bitmap of the current TSS allows all `size` ports from `port` (SDM vol. 1, 19.5.2). */
export function bitmapAllows(cpu: Cpu, port: number, size: number): boolean {
  const { state, access } = cpu;
  const limit = state.segmentLimit(Seg.tr);
  if ((state.segmentRights(Seg.tr) & is32Bit) === 0 || ioMapBaseAt + 1 > limit) return false;
  const base = state.segmentBase(Seg.tr);
  const at = access.read(base + ioMapBaseAt, 2) + (port >>> 3);
  // The processor always reads two bytes, so the map needs one byte of ones behind it.
  if (at + 1 > limit) return false;
  const bits = access.read(base + at, 2) >>> (port & 7);
  return (bits & ((1 << size) - 1)) === 0;
}
