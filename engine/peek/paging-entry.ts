/** Entries of page tables in words: what each bit means at its level (SDM vol. 3, tables 4-4 to 4-11). */
import type { WalkStep } from '../cpu/inspection.ts';

export interface EntryFlag {
  /** The manual's short name. */
  readonly name: string;
  readonly set: boolean;
  /** What it means as it is. */
  readonly meaning: string;
}

export interface PagingEntry {
  readonly present: boolean;
  /** It maps a page itself, and does not name a table. */
  readonly isLeaf: boolean;
  readonly flags: readonly EntryFlag[];
  /** Guest-physical address of the table or page it names. */
  readonly target: number;
  /** Bytes that it covers when it is a leaf. */
  readonly pageSize: number;
}

/** How entries look in a paging mode. */
export interface EntryForm {
  /** PAE: entries have 8 bytes. */
  readonly extended: boolean;
  /** Directory entries may map large pages. */
  readonly large: boolean;
}

type Level = WalkStep['level'];

/** Bit, name, and its meaning when set and when clear. */
type FlagRow = readonly [bit: number, name: string, set: string, clear: string];

const present: FlagRow = [0, 'P', 'present', 'not present'];
const rights: readonly FlagRow[] = [
  [1, 'W', 'writable', 'read-only'],
  [2, 'U', 'user', 'supervisor'],
];
const caching: readonly FlagRow[] = [
  [3, 'PWT', 'write-through', 'write-back'],
  [4, 'PCD', 'not cached', 'cached'],
];
const accessed: FlagRow = [5, 'A', 'accessed', 'not accessed'];
const size: FlagRow = [7, 'PS', 'large page', 'names a table'];
const noExecute: FlagRow = [63, 'NX', 'not executable', 'executable'];
const ofPages: readonly FlagRow[] = [
  [6, 'D', 'dirty', 'clean'],
  [8, 'G', 'global', 'not global'],
];

function rowsOf(level: Level, form: EntryForm, isLeaf: boolean): readonly FlagRow[] {
  if (level === 'pointer') return [present, ...caching];
  return [
    present,
    ...rights,
    ...caching,
    accessed,
    ...(isLeaf ? ofPages : []),
    ...(level === 'directory' && form.large ? [size] : []),
    ...(form.extended ? [noExecute] : []),
  ];
}

/** `value` has 32 or, with PAE, 64 bits. */
export function decodeEntry(value: bigint, level: Level, form: EntryForm): PagingEntry {
  const bit = (number: number): boolean => ((value >> BigInt(number)) & 1n) !== 0n;
  const isLarge = level === 'directory' && form.large && bit(size[0]);
  const isLeaf = isLarge || level === 'table';
  const pageSize = isLarge ? (form.extended ? 2 ** 21 : 2 ** 22) : 4096;
  const low = Number(value & 0xffffffffn);
  // 36 bits of physical addresses; 32-bit entries of 4 MiB pages keep the upper four in bits 13-16 (PSE-36).
  const upper = form.extended ? Number((value >> 32n) & 0xfn) : isLarge ? (low >>> 13) & 0xf : 0;
  return {
    present: bit(0),
    isLeaf,
    flags: rowsOf(level, form, isLeaf).map(([number, name, set, clear]) => ({
      name,
      set: bit(number),
      meaning: bit(number) ? set : clear,
    })),
    target: upper * 2 ** 32 + Math.floor(low / pageSize) * pageSize,
    pageSize,
  };
}

const hex = (value: number | bigint): string => `0x${value.toString(16)}`;

const sizeWords = new Map([
  [4096, 'page'],
  [2 ** 21, '2 MiB'],
  [2 ** 22, '4 MiB'],
]);

/** An entry in one line: "page at 0x5000, writable, supervisor, accessed". */
export function describeEntry(value: bigint, level: Level, form: EntryForm): string {
  const { present: isPresent, isLeaf, flags, target, pageSize } = decodeEntry(value, level, form);
  if (!isPresent) return value === 0n ? 'not present' : `not present; the guest keeps ${hex(value)} there`;
  const said = flags.filter(({ name, set }) => name === 'W' || name === 'U' || (set && ['A', 'D', 'G', 'NX'].includes(name)));
  const what = isLeaf ? (sizeWords.get(pageSize) ?? 'page') : 'table';
  return [`${what} at ${hex(target)}`, ...said.map(({ meaning }) => meaning)].join(', ');
}
