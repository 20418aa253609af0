/**
 * The save-state maps: where a processor leaves its state at SMBASE + 0xFE00 to 0xFFFF when it enters SMM, and takes it from at RSM. As tables, so
 * that writing, reading and showing are one description.
 *
 * intel32  SDM vol. 3, table 31-1. The reserved fields hold what processors keep there without describing it (CR4, the descriptor caches);
 *          where a place is widely known it is that one.
 * amd64    AMD64 APM vol. 2, table 10-1. In its reserved fields what a 32-bit processor has beyond it.
 *
 * Everything is a number of at most 32 bits; the upper half of an eight-byte field is zero.
 */
import { Seg } from '../../isa/state.ts';

/** What is saved, as indices of a Uint32Array. */
export const enum Slot {
  /** Eight, in the order of Reg. */
  general = 0,
  eip = 8,
  eflags,
  cr0,
  cr3,
  cr4,
  efer,
  dr6,
  dr7,
  /** Four for each Seg: selector, attributes (bits 40-47 and 52-55 of the descriptor as bits 0-7 and 12-15), limit, base. */
  segments = 16,
  gdtLimit = 48,
  gdtBase,
  idtLimit,
  idtBase,
  smbase,
  revision,
  ioRestart,
  haltRestart,
  /** About the I/O instruction that the SMI came from. */
  ioState,
  ioAddress,
  ioEip,
  ioEcx,
  ioEsi,
  ioEdi,
  /** 1: STI, 2: MOV SS. */
  shadow,
  nmiBlocked,
  /** See Activity. */
  activity,
  cpl,
  debugPending,
  /** Page-directory-pointer entries, low and high halves, and the CR3 they were loaded from. */
  pdptes,
  pdptesFrom = pdptes + 8,
  count,
}

export type SaveStateName = 'intel32' | 'amd64';

export interface SaveStateEntry {
  readonly name: string;
  /** From SMBASE. */
  readonly offset: number;
  readonly bytes: 1 | 2 | 4 | 8;
  readonly slot: number;
  /** No manual describes it. */
  readonly hidden: boolean;
}

export interface SaveStateMap {
  readonly name: SaveStateName;
  readonly revision: number;
  readonly entries: readonly SaveStateEntry[];
  /** A map is gone through at every SMI and RSM. Offset from saveStateStart and slot of each word, one behind the other; of wider fields the lower word. */
  readonly words: Int32Array;
  /** Offset, bytes and slot of each narrower field. */
  readonly narrow: Int32Array;
  /** Offsets of the upper words of wider fields. */
  readonly zeros: Int32Array;
}

/** First byte of all maps, and one past the last, from SMBASE. */
export const saveStateStart = 0xfe00;
export const saveStateEnd = 0x10000;
/** Where the handler begins, from SMBASE. */
export const smmEntryOffset = 0x8000;

/** Bits 16 and 17 of the revision: I/O instruction restart and SMBASE relocation are there (SDM vol. 3, 31.4.2). */
const withRestartAndRelocation = 0x3_0000;

const generalNames = ['eax', 'ecx', 'edx', 'ebx', 'esp', 'ebp', 'esi', 'edi'] as const;
const segmentNames = ['es', 'cs', 'ss', 'ds', 'fs', 'gs', 'ldtr', 'tr'] as const;

type Row = readonly [name: string, offset: number, slot: number, bytes: SaveStateEntry['bytes']];

function entries(documented: readonly Row[], hidden: readonly Row[]): Pick<SaveStateMap, 'entries' | 'words' | 'narrow' | 'zeros'> {
  const make =
    (isHidden: boolean) =>
    ([name, offset, slot, bytes]: Row): SaveStateEntry => ({ name, offset, slot, bytes, hidden: isHidden });
  const sorted = [...documented.map(make(false)), ...hidden.map(make(true))].sort((a, b) => a.offset - b.offset);
  return {
    entries: sorted,
    words: Int32Array.from(sorted.flatMap(({ offset, bytes, slot }) => (bytes >= 4 ? [offset - saveStateStart, slot] : []))),
    narrow: Int32Array.from(sorted.flatMap(({ offset, bytes, slot }) => (bytes < 4 ? [offset - saveStateStart, bytes, slot] : []))),
    zeros: Int32Array.from(sorted.flatMap(({ offset, bytes }) => (bytes === 8 ? [offset - saveStateStart + 4] : []))),
  };
}

const segmentSlot = (seg: Seg) => Slot.segments + 4 * seg;
const pdpteRows = (first: number): Row[] =>
  Array.from({ length: 8 }, (_, half): Row => [
    `pdpte${half >> 1}${(half & 1) === 0 ? '' : '.high'}`,
    first + 4 * half,
    Slot.pdptes + half,
    4,
  ]);

/** Attributes, limit and base at consecutive words. */
const intelCache = (seg: Seg, offset: number): Row[] => {
  const name = segmentNames[seg];
  return [
    [`${name}.attributes`, offset, segmentSlot(seg) + 1, 4],
    [`${name}.limit`, offset + 4, segmentSlot(seg) + 2, 4],
    [`${name}.base`, offset + 8, segmentSlot(seg) + 3, 4],
  ];
};

export const intel32: SaveStateMap = {
  name: 'intel32',
  revision: withRestartAndRelocation,
  ...entries(
    [
      ['smbase', 0xfef8, Slot.smbase, 4],
      ['revision', 0xfefc, Slot.revision, 4],
      ['ioRestart', 0xff00, Slot.ioRestart, 2],
      ['haltRestart', 0xff02, Slot.haltRestart, 2],
      ['ioAddress', 0xffa0, Slot.ioAddress, 4],
      ['ioState', 0xffa4, Slot.ioState, 4],
      ...[Seg.es, Seg.cs, Seg.ss, Seg.ds, Seg.fs, Seg.gs].map((seg): Row => [
        segmentNames[seg],
        0xffa8 + 4 * seg,
        segmentSlot(seg),
        4,
      ]),
      ['tr', 0xffc4, segmentSlot(Seg.tr), 4],
      ['dr7', 0xffc8, Slot.dr7, 4],
      ['dr6', 0xffcc, Slot.dr6, 4],
      // EAX, ECX, EDX, EBX, ESP, EBP, ESI, EDI.
      ...generalNames.map((name, number): Row => [name, 0xffd0 + 4 * number, Slot.general + number, 4]),
      ['eip', 0xfff0, Slot.eip, 4],
      ['eflags', 0xfff4, Slot.eflags, 4],
      ['cr3', 0xfff8, Slot.cr3, 4],
      ['cr0', 0xfffc, Slot.cr0, 4],
    ],
    [
      ...pdpteRows(0xfe00),
      ['pdptes.cr3', 0xfe20, Slot.pdptesFrom, 4],
      ['io.edi', 0xff04, Slot.ioEdi, 4],
      ['io.ecx', 0xff08, Slot.ioEcx, 4],
      ['io.esi', 0xff0c, Slot.ioEsi, 4],
      ['io.eip', 0xff10, Slot.ioEip, 4],
      ['cr4', 0xff14, Slot.cr4, 4],
      ['nmiBlocked', 0xff18, Slot.nmiBlocked, 1],
      ['activity', 0xff19, Slot.activity, 1],
      ['shadow', 0xff1a, Slot.shadow, 1],
      ['cpl', 0xff1b, Slot.cpl, 1],
      // The known place of SS, 0xFF9C, is where the SDM has the I/O fields.
      ...intelCache(Seg.ss, 0xff1c),
      ['debugPending', 0xff28, Slot.debugPending, 4],
      ...intelCache(Seg.ds, 0xff2c),
      ...intelCache(Seg.fs, 0xff38),
      ...intelCache(Seg.gs, 0xff44),
      ['idtr.limit', 0xff54, Slot.idtLimit, 4],
      ['idtr.base', 0xff58, Slot.idtBase, 4],
      ...intelCache(Seg.tr, 0xff5c),
      ['gdtr.limit', 0xff70, Slot.gdtLimit, 4],
      ['gdtr.base', 0xff74, Slot.gdtBase, 4],
      ...intelCache(Seg.ldt, 0xff78),
      ...intelCache(Seg.es, 0xff84),
      ...intelCache(Seg.cs, 0xff90),
      ['ldtr', 0xffc0, segmentSlot(Seg.ldt), 4],
    ],
  ),
};

const amdSegment = (seg: Seg, offset: number): Row[] => {
  const name = segmentNames[seg];
  return [
    [`${name}`, offset, segmentSlot(seg), 2],
    [`${name}.attributes`, offset + 2, segmentSlot(seg) + 1, 2],
    [`${name}.limit`, offset + 4, segmentSlot(seg) + 2, 4],
    [`${name}.base`, offset + 8, segmentSlot(seg) + 3, 8],
  ];
};

export const amd64: SaveStateMap = {
  name: 'amd64',
  revision: withRestartAndRelocation | 0x64,
  ...entries(
    [
      ...[Seg.es, Seg.cs, Seg.ss, Seg.ds, Seg.fs, Seg.gs].flatMap((seg) => amdSegment(seg, 0xfe00 + 16 * seg)),
      ['gdtr.limit', 0xfe64, Slot.gdtLimit, 4],
      ['gdtr.base', 0xfe68, Slot.gdtBase, 8],
      ...amdSegment(Seg.ldt, 0xfe70),
      ['idtr.limit', 0xfe84, Slot.idtLimit, 4],
      ['idtr.base', 0xfe88, Slot.idtBase, 8],
      ...amdSegment(Seg.tr, 0xfe90),
      ['io.rip', 0xfea0, Slot.ioEip, 8],
      ['io.rcx', 0xfea8, Slot.ioEcx, 8],
      ['io.rsi', 0xfeb0, Slot.ioEsi, 8],
      ['io.rdi', 0xfeb8, Slot.ioEdi, 8],
      ['ioState', 0xfec0, Slot.ioState, 4],
      ['ioRestart', 0xfec8, Slot.ioRestart, 1],
      ['haltRestart', 0xfec9, Slot.haltRestart, 1],
      ['nmiBlocked', 0xfeca, Slot.nmiBlocked, 1],
      ['efer', 0xfed0, Slot.efer, 8],
      ['revision', 0xfefc, Slot.revision, 4],
      ['smbase', 0xff00, Slot.smbase, 4],
      ['cr4', 0xff48, Slot.cr4, 8],
      ['cr3', 0xff50, Slot.cr3, 8],
      ['cr0', 0xff58, Slot.cr0, 8],
      ['dr7', 0xff60, Slot.dr7, 8],
      ['dr6', 0xff68, Slot.dr6, 8],
      ['rflags', 0xff70, Slot.eflags, 8],
      ['rip', 0xff78, Slot.eip, 8],
      // R15 to R8 would be before them: RDI, RSI, RBP, RSP, RBX, RDX, RCX, RAX.
      ...generalNames.map((name, number): Row => [name.replace('e', 'r'), 0xfff8 - 8 * number, Slot.general + number, 8]),
    ],
    [
      ['shadow', 0xfecb, Slot.shadow, 1],
      ['activity', 0xfecc, Slot.activity, 1],
      ['cpl', 0xfecd, Slot.cpl, 1],
      ['ioAddress', 0xfef0, Slot.ioAddress, 4],
      ['debugPending', 0xfef4, Slot.debugPending, 4],
      // The state of an SVM guest would be here.
      ...pdpteRows(0xff20),
      ['pdptes.cr3', 0xff40, Slot.pdptesFrom, 4],
    ],
  ),
};

export const saveStateMaps: Readonly<Record<SaveStateName, SaveStateMap>> = { intel32, amd64 };

/** Writes an image; SMBASE + saveStateStart is `base` bytes into `view`. Bytes of no field stay. */
export function encodeSaveState(map: SaveStateMap, image: Uint32Array, view: DataView, base: number): void {
  const { words, narrow, zeros } = map;
  for (let index = 0; index < words.length; index += 2) view.setUint32(base + words[index]!, image[words[index + 1]!]!, true);
  for (const offset of zeros) view.setUint32(base + offset, 0, true);
  for (let index = 0; index < narrow.length; index += 3) {
    const at = base + narrow[index]!;
    const value = image[narrow[index + 2]!]!;
    if (narrow[index + 1] === 1) view.setUint8(at, value);
    else view.setUint16(at, value, true);
  }
}

/** Reads an image back. */
export function decodeSaveState(map: SaveStateMap, view: DataView, base: number, image: Uint32Array): void {
  const { words, narrow } = map;
  for (let index = 0; index < words.length; index += 2) image[words[index + 1]!] = view.getUint32(base + words[index]!, true);
  for (let index = 0; index < narrow.length; index += 3) {
    const at = base + narrow[index]!;
    image[narrow[index + 2]!] = narrow[index + 1] === 1 ? view.getUint8(at) : view.getUint16(at, true);
  }
}
