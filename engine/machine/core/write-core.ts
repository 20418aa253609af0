/**
 * Writes a machine that stands still as an ELF64 core: chunk by chunk, so that a MiB is all that is needed beside the machine. Service
 * worker. Zeros are left out of the file as holes, where the file system has them.
 */
import { open, unlink, type FileHandle } from 'node:fs/promises';
import { pagingStateOf } from '../../cpu/inspection.ts';
import { physicalPages } from '../../cpu/platform.ts';
import type { CpuState } from '../../cpu/registers.ts';
import type { VcpuRegisters } from '../debug/calls.ts';
import { InspectedMemory } from '../debug/memory.ts';
import type { WrittenCore } from '../machine.ts';
import type { MachineMemory } from '../memory.ts';
import { pageSize } from '../memory.ts';
import type { Following } from '../saved-state.ts';
import { fileRefusal } from '../suspend.ts';
import { coreHead } from './header.ts';
import { linearRuns } from './linear-runs.ts';
import { coreNotes } from './notes.ts';
import { mostSegments, runsOfPages, segmentsOf, type Segment } from './segments.ts';

/** Nobody but its owner may read what a guest had in memory. */
const fileMode = 0o600;
const chunkBytes = 1 << 20;
/** What is zero in pieces of this size is not written. */
const holeBytes = 1 << 16;
/** Milliseconds of reading page tables before others have their turn. */
const longestSlice = 5;

export interface CoreSource {
  readonly memory: MachineMemory;
  /** Registers of each vCPU. */
  readonly vcpus: readonly VcpuRegisters[];
  /** The vCPU whose paging gives the virtual addresses, and its number. */
  readonly state: CpuState;
  readonly cpu: number;
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function runsOf({ memory, state }: CoreSource, check: () => void) {
  const inspected = new InspectedMemory(memory);
  const runs = linearRuns(pagingStateOf(state), (address) => inspected.physical(address, 4), mostSegments);
  let end = performance.now() + longestSlice;
  for (;;) {
    const next = runs.next();
    if (next.done === true) return next.value;
    if (performance.now() < end) continue;
    check();
    await nextTurn();
    end = performance.now() + longestSlice;
  }
}

function isZero(bytes: Uint8Array): boolean {
  const words = new BigUint64Array(bytes.buffer, bytes.byteOffset, bytes.length / 8);
  for (const word of words) if (word !== 0n) return false;
  return true;
}

async function writeAt(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    done += (await file.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
  }
}

/** Writes what is not zero, in runs as long as they come. `bytes` starts at a multiple of 8. */
async function writeSparsely(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  let from: number | undefined;
  for (let at = 0; at <= bytes.length; at += holeBytes) {
    const piece = bytes.subarray(at, Math.min(bytes.length, at + holeBytes));
    const isData = piece.length > 0 && !isZero(piece);
    if (isData) from ??= at;
    else if (from !== undefined) {
      await writeAt(file, bytes.subarray(from, at), position + from);
      from = undefined;
    }
  }
  if (from !== undefined) await writeAt(file, bytes.subarray(from), position + from);
}

/** Copies a run of guest-physical pages out of the shared memory; each of them is backed. */
function copyPages(memory: MachineMemory, all: Uint8Array, address: number, into: Uint8Array): void {
  for (let done = 0; done < into.length;) {
    const page = (address + done) / pageSize;
    const from = memory.pageRead[page] ?? 0;
    let bytes = pageSize;
    while (done + bytes < into.length && memory.pageRead[page + bytes / pageSize] === from + bytes) bytes += pageSize;
    into.set(all.subarray(from, from + bytes), done);
    done += bytes;
  }
}

async function writeData(
  file: FileHandle,
  memory: MachineMemory,
  segments: readonly Segment[],
  { progress, check }: Following,
): Promise<void> {
  const all = new Uint8Array(memory.buffer);
  // A private buffer: what is written may not lie in shared memory.
  const chunk = new Uint8Array(chunkBytes);
  const distinct = segments.filter(({ physical }, index) => segments[index - 1]?.physical !== physical);
  const total = distinct.reduce((sum, { bytes }) => sum + bytes, 0);
  let done = 0;
  for (const { physical, bytes, offset } of distinct) {
    for (let at = 0; at < bytes; at += chunkBytes) {
      check();
      const part = chunk.subarray(0, Math.min(chunkBytes, bytes - at));
      copyPages(memory, all, physical + at, part);
      await writeSparsely(file, part, offset + at);
      done += part.length;
      progress(done, total);
      // Of a machine full of zeros nothing is awaited; a wish to end it must be heard all the same.
      await nextTurn();
    }
  }
}

/** Writes the core to `path`, which must not exist, and brings it to the medium. No file is left when it fails or `check` ends it. */
export async function writeCore(source: CoreSource, path: string, following: Following): Promise<WrittenCore> {
  const { memory, vcpus, cpu } = source;
  let made = false;
  try {
    const file = await open(path, 'wx', fileMode);
    made = true;
    try {
      const runs = await runsOf(source, following.check);
      const physical = runsOfPages(physicalPages, pageSize, (page) => (memory.pageRead[page] ?? 0) !== 0);
      const { segments, isWhole } = segmentsOf(physical, runs);
      const { head, placed, fileBytes } = coreHead(segments, coreNotes(vcpus, cpu));
      await writeAt(file, head, 0);
      await writeData(file, memory, placed, following);
      await file.truncate(fileBytes);
      following.check();
      await file.sync();
      return { bytes: fileBytes, hasLinear: isWhole };
    } finally {
      await file.close();
    }
  } catch (error) {
    // Half a core is of no use; that it could not even be removed adds nothing to the first failure.
    if (made) await unlink(path).catch(() => undefined);
    throw fileRefusal(error, path, 'written');
  }
}
