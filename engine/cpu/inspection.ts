/**
 * Address translation for tools: reads page tables and nothing else. It sets no accessed bit, fills no TLB, and raises nothing;
 * it shares no code with the page walk of the vCPU, which it serves as an oracle for. Every tool that translates (read windows,
 * debugger, inspector, guard) does it by this walk.
 */
import { Control0, Control4, Efer } from './control-bits.ts';
import { PageFault } from './faults.ts';
import type { CpuState } from './registers.ts';

/** What decides how linear addresses are translated. */
export interface PagingState {
  cr0: number;
  cr3: number;
  cr4: number;
  efer: number;
  /** The four PAE page-directory-pointer entries as they were loaded: low and high word of each. */
  pdptes: readonly number[];
}

/** One entry that the walk went through, outermost first. */
export interface WalkStep {
  level: 'pointer' | 'directory' | 'table';
  /** Guest-physical address of the entry; undefined for a PAE pointer entry, which the CPU holds itself. */
  address: number | undefined;
  value: bigint;
}

/** Where a walk ended. */
export interface Walked {
  reason: 'mapped' | 'not-present' | 'reserved-bit' | 'unreadable';
  /** Guest-physical address when mapped; the address of the entry when that is unreadable. */
  physical: number;
  /** AND of the low words of all entries, OR of their high words, and the low word of the last. */
  low: number;
  high: number;
  leaf: number;
  /** Bytes of the page. */
  pageSize: number;
}

export interface InspectedTranslation {
  /** Guest-physical address; undefined if the page is not present or an entry has a reserved bit set. */
  physical: number | undefined;
  reason: Walked['reason'];
  /** What the entries allow, all levels together; WP, CPL and NX enable are up to the reader. */
  writable: boolean;
  user: boolean;
  executable: boolean;
  accessed: boolean;
  dirty: boolean;
  global: boolean;
  /** Bytes of the page. */
  pageSize: number;
  steps: WalkStep[];
}

/** Reads 4 bytes of guest-physical memory without side effects; undefined where there is no memory. */
export type ReadPhysical = (address: number) => number | undefined;

/** Told of each entry the walk reads. `address` is undefined for a PAE pointer entry. */
type OnEntry = (level: WalkStep['level'], address: number | undefined, low: number, high: number) => void;

/** Bits of an entry (SDM vol. 3, tables 4-4 to 4-11). */
const present = 1 << 0;
const writable = 1 << 1;
const user = 1 << 2;
const accessed = 1 << 5;
const dirty = 1 << 6;
const large = 1 << 7;
const global = 1 << 8;
const noExecute = 0x80000000;
/** Address bits 32-35: physical addresses have 36 bits. */
const highAddress = 0xf;

/** The paging state of a vCPU that stands still, or whose own thread asks. */
export function pagingStateOf(state: CpuState): PagingState {
  const pdptes = [0, 1, 2, 3].flatMap((number) => [state.pdpte(number, 0), state.pdpte(number, 1)]);
  return { cr0: state.cr0, cr3: state.cr3, cr4: state.cr4, efer: state.efer, pdptes };
}

/** The same modes with another CR3, whose pointer entries (PAE) are read from memory, as MOV to CR3 would. */
export function withRoot(paging: PagingState, cr3: number, read: ReadPhysical): PagingState {
  if ((paging.cr0 & Control0.paging) === 0 || (paging.cr4 & Control4.physicalAddressExtension) === 0) return { ...paging, cr3 };
  const table = (cr3 & 0xffffffe0) >>> 0;
  return { ...paging, cr3, pdptes: Array.from({ length: 8 }, (_, word) => read(table + 4 * word) ?? 0) };
}

/** Whether a directory entry may map a large page. */
export function hasLargePages({ cr4 }: PagingState): boolean {
  return (cr4 & (Control4.physicalAddressExtension | Control4.pageSizeExtension)) !== 0;
}

/** Bits of an entry of directory or table that must be clear, low and high word (SDM vol. 3, 4.3 and 4.4.2). */
export function reservedBits({ cr4, efer }: PagingState, isLarge: boolean): { low: number; high: number } {
  if ((cr4 & Control4.physicalAddressExtension) === 0) return { low: isLarge ? 0x003e0000 : 0, high: 0 };
  return { low: isLarge ? 0x001fe000 : 0, high: (efer & Efer.noExecuteEnable) !== 0 ? 0x7ffffff0 : 0xfffffff0 };
}

/** Walks the tables as they are in memory now (the vCPU's TLB may still know an older answer). `paging` has paging switched on. */
function walk(paging: PagingState, read: ReadPhysical, linear: number, onEntry?: OnEntry): Walked {
  const isExtended = (paging.cr4 & Control4.physicalAddressExtension) !== 0;
  const result: Walked = { reason: 'not-present', physical: 0, low: -1, high: 0, leaf: 0, pageSize: 4096 };
  let table = (paging.cr3 & 0xfffff000) >>> 0;
  if (isExtended) {
    const low = paging.pdptes[2 * (linear >>> 30)] ?? 0;
    const high = paging.pdptes[2 * (linear >>> 30) + 1] ?? 0;
    onEntry?.('pointer', undefined, low, high);
    if ((low & present) === 0) return result;
    table = frame(low, high);
  }
  const entryBytes = isExtended ? 8 : 4;
  const tableBits = isExtended ? 9 : 10;
  const largeAllowed = hasLargePages(paging);
  for (const level of ['directory', 'table'] as const) {
    const shift = level === 'directory' ? 12 + tableBits : 12;
    const address = table + ((linear >>> shift) & ((1 << tableBits) - 1)) * entryBytes;
    const low = read(address);
    const high = isExtended ? read(address + 4) : 0;
    if (low === undefined || high === undefined) return { ...result, reason: 'unreadable', physical: address };
    onEntry?.(level, address, low, high);
    if ((low & present) === 0) return result;
    const isLarge = level === 'directory' && largeAllowed && (low & large) !== 0;
    const reserved = reservedBits(paging, isLarge);
    if ((low & reserved.low) !== 0 || (high & reserved.high) !== 0) return { ...result, reason: 'reserved-bit' };
    result.low &= low;
    result.high |= high;
    result.leaf = low;
    if (isLarge) {
      result.pageSize = 2 ** shift;
      const upper = isExtended ? high & highAddress : (low >>> 13) & highAddress;
      const base = ((low >>> shift) << shift) >>> 0;
      result.physical = upper * 2 ** 32 + base + (linear & (result.pageSize - 1));
      result.reason = 'mapped';
      return result;
    }
    table = frame(low, high);
  }
  result.physical = table + (linear & 0xfff);
  result.reason = 'mapped';
  return result;
}

/** The frame that an entry names. The high word is 0 without PAE. */
function frame(low: number, high: number): number {
  return (high & highAddress) * 2 ** 32 + ((low & 0xfffff000) >>> 0);
}

/** As walk, for any mode: without paging every address is mapped to itself. */
export function walkSilently(paging: PagingState, read: ReadPhysical, linear: number, onEntry?: OnEntry): Walked {
  linear >>>= 0;
  if ((paging.cr0 & Control0.paging) !== 0) return walk(paging, read, linear, onEntry);
  return { reason: 'mapped', physical: linear, low: writable | user | accessed | dirty, high: 0, leaf: dirty, pageSize: 4096 };
}

/**
 * The error code of the page fault that `access` (PageFault.write, user, fetch) ends in (SDM vol. 3, 4.6 and 4.7), or undefined if
 * it goes ahead or the walk could not tell.
 */
export function pageFaultOf(paging: PagingState, walked: Walked, access: number): number | undefined {
  if (walked.reason === 'unreadable') return undefined;
  const hasNoExecute = (paging.cr4 & Control4.physicalAddressExtension) !== 0 && (paging.efer & Efer.noExecuteEnable) !== 0;
  const code = access & (PageFault.write | PageFault.user | (hasNoExecute ? PageFault.fetch : 0));
  if (walked.reason === 'not-present') return code;
  if (walked.reason === 'reserved-bit') return code | PageFault.present | PageFault.reserved;
  const isUser = (access & PageFault.user) !== 0;
  const mayWrite = (walked.low & writable) !== 0 || (!isUser && (paging.cr0 & Control0.writeProtect) === 0);
  const refused =
    (isUser && (walked.low & user) === 0) ||
    ((access & PageFault.write) !== 0 && !mayWrite) ||
    ((access & PageFault.fetch) !== 0 && (walked.high & noExecute) !== 0);
  return refused ? code | PageFault.present : undefined;
}

/** What the entries of a walk that ended in a page allow, all levels together. */
export function rightsOf({ low, high }: Walked): { writable: boolean; user: boolean; executable: boolean } {
  return { writable: (low & writable) !== 0, user: (low & user) !== 0, executable: (high & noExecute) === 0 };
}

/** Translates a linear address and tells everything about it: for views. */
export function translateForInspection(paging: PagingState, readPhysical: ReadPhysical, linear: number): InspectedTranslation {
  const steps: WalkStep[] = [];
  const walked = walkSilently(paging, readPhysical, linear, (level, address, low, high) => {
    steps.push({ level, address, value: (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0) });
  });
  return {
    physical: walked.reason === 'mapped' ? walked.physical : undefined,
    reason: walked.reason,
    ...rightsOf(walked),
    accessed: (walked.low & accessed) !== 0,
    dirty: (walked.leaf & dirty) !== 0,
    global: (walked.leaf & global) !== 0,
    pageSize: walked.pageSize,
    steps,
  };
}
