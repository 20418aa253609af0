/** How far an access into a segment may go: limit and type checks of SDM vol. 3, 5.3 and 5.5, without raising anything. */
import { type CpuState, rights } from './registers.ts';

/**
 * How many bytes from `offset` on may be accessed through a segment register (Seg); 0: not even the first. Offsets do not wrap: an
 * access that passes 0xffffffff faults even in a segment of 4 GiB (implementation-specific there).
 */
export function segmentReach(state: CpuState, seg: number, offset: number, write: boolean): number {
  return reachOf(state.segmentRights(seg), state.segmentLimit(seg), offset, write);
}

/** The same for a segment of these rights (in the form of the vCPU block) and limit. */
export function reachOf(segmentRights: number, limit: number, offset: number, write: boolean): number {
  const usable = rights.present | rights.segment;
  if ((segmentRights & usable) !== usable) return 0;
  const isCode = (segmentRights & rights.code) !== 0;
  if (isCode ? write || (segmentRights & rights.readable) === 0 : write && (segmentRights & rights.writable) === 0) return 0;
  if (isCode || (segmentRights & rights.expandDown) === 0) return offset > limit ? 0 : limit - offset + 1;
  const top = segmentRights & rights.big ? 0xffffffff : 0xffff;
  return offset <= limit || offset > top ? 0 : top - offset + 1;
}
