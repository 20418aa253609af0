/** Where the page tables of a vCPU lead: all linear addresses that are mapped, as runs. */
import { Control0, Control4 } from '../../cpu/control-bits.ts';
import { walkSilently, type PagingState, type ReadPhysical } from '../../cpu/inspection.ts';
import type { LinearRun } from './segments.ts';

const pageBytes = 4096;
const linearEnd = 2 ** 32;

/**
 * Yields after each entry of a directory, so that others may have their turn. 'too many': there are more than `most` runs.
 */
export function* linearRuns(
  paging: PagingState,
  read: ReadPhysical,
  most: number,
): Generator<undefined, readonly LinearRun[] | 'off' | 'too many'> {
  if ((paging.cr0 & Control0.paging) === 0) return 'off';
  const directoryBytes = (paging.cr4 & Control4.physicalAddressExtension) !== 0 ? 2 << 20 : 4 << 20;
  const runs: { linear: number; physical: number; bytes: number }[] = [];
  const add = (linear: number, physical: number, bytes: number): void => {
    const last = runs.at(-1);
    if (last !== undefined && last.linear + last.bytes === linear && last.physical + last.bytes === physical) last.bytes += bytes;
    else runs.push({ linear, physical, bytes });
  };
  for (let linear = 0; linear < linearEnd; linear += directoryBytes) {
    yield;
    let levels = 0;
    const first = walkSilently(paging, read, linear, (level) => {
      if (level === 'table') levels++;
    });
    if (levels === 0) {
      // The directory's entry ends it: a large page, or nothing.
      if (first.reason === 'mapped') add(linear, first.physical, directoryBytes);
      continue;
    }
    for (let at = linear; at < linear + directoryBytes; at += pageBytes) {
      const { reason, physical } = walkSilently(paging, read, at);
      if (reason === 'mapped') add(at, physical, pageBytes);
    }
    if (runs.length > most) return 'too many';
  }
  return runs;
}
