/** The walk from a linear address to its byte as people follow it, and the way back: which linear addresses lead to a frame. */
import { Control0, Control4, Efer } from '../cpu/control-bits.ts';
import { PageFault } from '../cpu/faults.ts';
import {
  hasLargePages,
  pageFaultOf,
  reservedBits,
  rightsOf,
  translateForInspection,
  walkSilently,
  type PagingState,
  type ReadPhysical,
  type Walked,
  type WalkStep,
} from '../cpu/inspection.ts';
import { decodeEntry, type EntryForm, type PagingEntry } from './paging-entry.ts';

export type PagingMode = 'none' | '32-bit' | 'PAE';

export interface WalkedEntry extends PagingEntry {
  readonly level: WalkStep['level'];
  /** Which entry of its table. */
  readonly index: number;
  /** Guest-physical; undefined for a pointer entry that the processor holds itself. */
  readonly address: number | undefined;
  readonly value: bigint;
  /** A pointer entry: what memory has by now in place of what the processor loaded. */
  readonly replacement: bigint | undefined;
}

/** What an access of a kind would meet. */
export interface AccessVerdict {
  readonly access: 'read' | 'write' | 'fetch';
  readonly user: boolean;
  /** The error code of its page fault; undefined: it goes ahead, or the walk could not tell. */
  readonly fault: number | undefined;
}

export interface PageWalk {
  readonly mode: PagingMode;
  readonly linear: number;
  readonly cr3: number;
  readonly entries: readonly WalkedEntry[];
  readonly reason: Walked['reason'];
  /** Sentences: where the walk leads, or why it ends. */
  readonly text: string;
  readonly physical: number | undefined;
  readonly pageSize: number;
  readonly verdicts: readonly AccessVerdict[];
}

const hex = (value: number | bigint): string => `0x${value.toString(16)}`;
const entryWords = { pointer: 'page-directory-pointer entry', directory: 'page-directory entry', table: 'page-table entry' };

export function pagingModeOf({ cr0, cr4 }: PagingState): PagingMode {
  if ((cr0 & Control0.paging) === 0) return 'none';
  return (cr4 & Control4.physicalAddressExtension) !== 0 ? 'PAE' : '32-bit';
}

export function entryFormOf(paging: PagingState): EntryForm {
  return { extended: (paging.cr4 & Control4.physicalAddressExtension) !== 0, large: hasLargePages(paging) };
}

/** Which entry of a table of this level belongs to a linear address. */
export function entryIndex(linear: number, level: WalkStep['level'], extended: boolean): number {
  if (level === 'pointer') return linear >>> 30;
  const bits = extended ? 9 : 10;
  return (linear >>> (level === 'directory' ? 12 + bits : 12)) & ((1 << bits) - 1);
}

/** `isLoaded`: the pointer entries of `paging` are those that the processor holds, not just read from memory. */
export function walkPage(paging: PagingState, read: ReadPhysical, linear: number, isLoaded: boolean): PageWalk {
  linear >>>= 0;
  const walked = translateForInspection(paging, read, linear);
  const form = entryFormOf(paging);
  const entries = walked.steps.map((step): WalkedEntry => {
    const index = entryIndex(linear, step.level, form.extended);
    const inMemory = ((paging.cr3 & 0xffffffe0) >>> 0) + 8 * index;
    const isHeld = step.level === 'pointer' && isLoaded;
    const now = isHeld ? quadAt(read, inMemory) : undefined;
    return {
      level: step.level,
      index,
      address: step.level === 'pointer' && !isLoaded ? inMemory : step.address,
      value: step.value,
      replacement: now === step.value ? undefined : now,
      ...decodeEntry(step.value, step.level, form),
    };
  });
  const bare = walkSilently(paging, read, linear);
  return {
    mode: pagingModeOf(paging),
    linear,
    cr3: paging.cr3,
    entries,
    reason: walked.reason,
    text: ending(paging, bare, entries.at(-1)),
    physical: walked.physical,
    pageSize: walked.pageSize,
    verdicts: verdictsOf(paging, bare),
  };
}

function quadAt(read: ReadPhysical, address: number): bigint | undefined {
  const [low, high] = [read(address), read(address + 4)];
  return low === undefined || high === undefined ? undefined : (BigInt(high) << 32n) | BigInt(low);
}

function verdictsOf(paging: PagingState, walked: Walked): AccessVerdict[] {
  const kinds = [
    ['read', 0],
    ['write', PageFault.write],
    ['fetch', PageFault.fetch],
  ] as const;
  return [false, true].flatMap((user) =>
    kinds.map(([access, bits]) => ({ access, user, fault: pageFaultOf(paging, walked, bits | (user ? PageFault.user : 0)) })),
  );
}

function ending(paging: PagingState, walked: Walked, last: WalkedEntry | undefined): string {
  if (last === undefined && walked.reason === 'mapped')
    return 'Paging is off (CR0.PG is clear): the linear address is the physical one.';
  switch (walked.reason) {
    case 'mapped':
      return last?.level === 'directory'
        ? `The page-directory entry maps a page of ${walked.pageSize / 2 ** 20} MiB itself.`
        : 'The page-table entry maps a page of 4 KiB.';
    case 'not-present': {
      const kept = (last?.value ?? 0n) === 0n ? '' : ' The other bits are the guest’s own.';
      return `Bit 0, present, of the ${entryWords[last?.level ?? 'table']} is clear.${kept}`;
    }
    case 'reserved-bit':
      return reservedText(paging, last);
    case 'unreadable':
      return `The next entry, at physical ${hex(walked.physical)}, lies in a device that cannot be asked without side effects.`;
  }
}

function reservedText(paging: PagingState, last: WalkedEntry | undefined): string {
  const value = last?.value ?? 0n;
  const reserved = reservedBits(paging, last?.isLeaf === true && last.level === 'directory');
  const wrong = value & ((BigInt(reserved.high >>> 0) << 32n) | BigInt(reserved.low));
  const bits = Array.from({ length: 64 }, (_, bit) => bit).filter((bit) => ((wrong >> BigInt(bit)) & 1n) !== 0n);
  const noExecute = bits.includes(63) && (paging.efer & Efer.noExecuteEnable) === 0 ? ' NX needs EFER.NXE, which is clear.' : '';
  const [are, them] = bits.length === 1 ? ['Bit', 'is set and has'] : ['Bits', 'are set and have'];
  return `${are} ${listed(bits.map(String))} of the ${entryWords[last?.level ?? 'table']} ${them} to be clear.${noExecute}`;
}

function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1) ?? ''}`;
}

/** A linear address at which a frame is seen. */
export interface FrameMapping {
  readonly linear: number;
  /** Of the page that it lies in. */
  readonly pageSize: number;
  readonly writable: boolean;
  readonly user: boolean;
  readonly executable: boolean;
}

const frameBytes = 4096;
const addressSpace = 2 ** 32;

/**
 * Every linear address that leads to the 4 KiB frame at `frame`, in ascending order. Yields after each piece of the address space that one directory
 * entry covers: mappings found there, or none, so that the caller may do something else in between.
 */
export function* mappingsOf(
  paging: PagingState,
  read: ReadPhysical,
  frame: number,
): Generator<readonly FrameMapping[], void, void> {
  const wanted = Math.floor(frame / frameBytes) * frameBytes;
  if (pagingModeOf(paging) === 'none') {
    const open = { pageSize: frameBytes, writable: true, user: true, executable: true };
    yield wanted < addressSpace ? [{ linear: wanted, ...open }] : [];
    return;
  }
  const slot = entryFormOf(paging).extended ? 2 ** 21 : 2 ** 22;
  for (let base = 0; base < addressSpace; base += slot) yield mappingsIn(paging, read, wanted, base, slot);
}

function mappingsIn(paging: PagingState, read: ReadPhysical, wanted: number, base: number, slot: number): FrameMapping[] {
  let hasTable = false;
  const first = walkSilently(paging, read, base, (level) => {
    hasTable = level === 'table';
  });
  if (first.reason === 'mapped' && first.pageSize === slot) {
    const inside = wanted - first.physical;
    return inside >= 0 && inside < slot ? [mapping(base + inside, first)] : [];
  }
  if (!hasTable) return [];
  const found: FrameMapping[] = [];
  for (let linear = base; linear < base + slot; linear += frameBytes) {
    const walked = walkSilently(paging, read, linear);
    if (walked.reason === 'mapped' && walked.physical === wanted) found.push(mapping(linear, walked));
  }
  return found;
}

function mapping(linear: number, walked: Walked): FrameMapping {
  return { linear, pageSize: walked.pageSize, ...rightsOf(walked) };
}
