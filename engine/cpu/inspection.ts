/**
 * Address translation for tools: reads page tables and nothing else. It sets no accessed bit, fills no TLB, and raises nothing;
 * it shares no code with the page walk of the vCPU, which it serves as an oracle for.
 */
import { Control0, Control4, Efer } from './control-bits.ts';
import type { CpuState } from './registers.ts';

/** What decides how linear addresses are translated. */
export interface PagingState {
  cr0: number;
  cr3: number;
  cr4: number;
  efer: number;
  /** The four PAE page-directory-pointer entries as they were loaded. */
  pdptes: readonly bigint[];
}

/** One entry that the walk went through, outermost first. */
export interface WalkStep {
  level: 'pointer' | 'directory' | 'table';
  /** Guest-physical address of the entry; undefined for a PAE pointer entry, which the CPU holds itself. */
  address: number | undefined;
  value: bigint;
}

export interface InspectedTranslation {
  /** Guest-physical address; undefined if the page is not present or an entry has a reserved bit set. */
  physical: number | undefined;
  reason: 'mapped' | 'not-present' | 'reserved-bit' | 'unreadable';
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

/** The paging state of a vCPU that stands still. */
export function pagingStateOf(state: CpuState): PagingState {
  const pdptes = [0, 1, 2, 3].map((number) => (BigInt(state.pdpte(number, 1)) << 32n) | BigInt(state.pdpte(number, 0)));
  return { cr0: state.cr0, cr3: state.cr3, cr4: state.cr4, efer: state.efer, pdptes };
}

const bit = (value: bigint, number: number): boolean => ((value >> BigInt(number)) & 1n) === 1n;
/** Bits first to last of a value. */
const field = (value: bigint, first: number, last: number): bigint => (value >> BigInt(first)) & ((1n << BigInt(last - first + 1)) - 1n);

interface Level {
  name: WalkStep['level'];
  entryBytes: 4 | 8;
  /** The linear address bits that index the table. */
  index: readonly [first: number, last: number];
}

const plainLevels: readonly Level[] = [
  { name: 'directory', entryBytes: 4, index: [22, 31] },
  { name: 'table', entryBytes: 4, index: [12, 21] },
];
const extendedLevels: readonly Level[] = [
  { name: 'directory', entryBytes: 8, index: [21, 29] },
  { name: 'table', entryBytes: 8, index: [12, 20] },
];

/** Translates a linear address as the tables in memory say now (the vCPU's TLB may still know an older answer). */
export function translateForInspection(paging: PagingState, readPhysical: ReadPhysical, linear: number): InspectedTranslation {
  const address = BigInt(linear >>> 0);
  const result: InspectedTranslation = {
    physical: undefined,
    reason: 'mapped',
    writable: true,
    user: true,
    executable: true,
    accessed: true,
    dirty: true,
    global: false,
    pageSize: 4096,
    steps: [],
  };
  if ((paging.cr0 & Control0.paging) === 0) return { ...result, physical: Number(address) };

  const extended = (paging.cr4 & Control4.physicalAddressExtension) !== 0;
  const largeAllowed = extended || (paging.cr4 & Control4.pageSizeExtension) !== 0;
  const noExecute = (paging.efer & Efer.noExecuteEnable) !== 0;
  let table = BigInt(paging.cr3 >>> 0) & 0xfffff000n;
  if (extended) {
    const pointer = paging.pdptes[Number(field(address, 30, 31))] ?? 0n;
    result.steps.push({ level: 'pointer', address: undefined, value: pointer });
    if (!bit(pointer, 0)) return { ...result, reason: 'not-present' };
    table = field(pointer, 12, 35) << 12n;
  }
  for (const level of extended ? extendedLevels : plainLevels) {
    const at = Number(table + field(address, ...level.index) * BigInt(level.entryBytes));
    const low = readPhysical(at);
    const high = level.entryBytes === 8 ? readPhysical(at + 4) : 0;
    if (low === undefined || high === undefined) return { ...result, reason: 'unreadable' };
    const entry = (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
    result.steps.push({ level: level.name, address: at, value: entry });
    if (!bit(entry, 0)) return { ...result, reason: 'not-present' };
    const large = level.name === 'directory' && largeAllowed && bit(entry, 7);
    if (reservedBits(entry, extended, large, noExecute)) return { ...result, reason: 'reserved-bit' };
    result.writable &&= bit(entry, 1);
    result.user &&= bit(entry, 2);
    result.executable &&= !(extended && bit(entry, 63));
    result.accessed &&= bit(entry, 5);
    result.dirty = bit(entry, 6);
    result.global = bit(entry, 8);
    if (large) {
      const size = extended ? 21 : 22;
      const frame = extended ? field(entry, 21, 35) : field(entry, 22, 31) | (field(entry, 13, 16) << 10n);
      result.pageSize = 2 ** size;
      result.physical = Number((frame << BigInt(size)) | field(address, 0, size - 1));
      return result;
    }
    table = (extended ? field(entry, 12, 35) : field(entry, 12, 31)) << 12n;
  }
  result.physical = Number(table | field(address, 0, 11));
  return result;
}

/** SDM vol. 3, 4.3 and 4.4.2, for physical addresses of 36 bits. */
function reservedBits(entry: bigint, extended: boolean, large: boolean, noExecute: boolean): boolean {
  if (!extended) return large && field(entry, 17, 21) !== 0n;
  if (field(entry, 36, 62) !== 0n || (bit(entry, 63) && !noExecute)) return true;
  return large && field(entry, 13, 20) !== 0n;
}
