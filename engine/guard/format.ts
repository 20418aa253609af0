/**
 * The bytes of the guard's tree as they lie in guest memory (docs/formats/guard-tree.md). A node fills one page with 512 entries of 8 bytes; three
 * levels of nine bits cover page numbers of 27 bits, and physical addresses have page numbers of 24.
 *
 *   word 0   bit 0 used, bit 1 the entry lists a page, bits 4-7 level of the node it points to, bits 8-15 action, bits 16-23 flags
 *   word 1   number of the page: of the node below, or of the listed page
 */
export const entriesPerNode = 512;
export const entryWords = 2;
export const levelBits = 9;
/** Level of the root; leaves are level 0. */
export const rootLevel = 2;

export const Entry = {
  used: 1 << 0,
  listed: 1 << 1,
  levelShift: 4,
  levelMask: 0xf,
  actionShift: 8,
  flagsShift: 16,
  byte: 0xff,
} as const;

/** What happens at a write to a listed page. The numbers are those of entries, alerts and hypercalls. */
export const actions = ['log', 'notify', 'pause', 'deny', 'fault', 'powerOff'] as const;
export type GuardAction = (typeof actions)[number];

export const enum Action {
  log = 1,
  notify,
  pause,
  deny,
  fault,
  powerOff,
}
export const highestAction = Action.powerOff;

export function actionNumber(action: GuardAction): Action {
  return actions.indexOf(action) + 1;
}

export function actionName(action: number): GuardAction | undefined {
  return actions[action - 1];
}

/** Flags of a listed page. */
export const enum ListedFlag {
  /** Set by the host: the guest's agent may neither change nor remove it. */
  host = 1 << 0,
}

/** Index of a page number's entry in a node of this level. */
export function indexAt(page: number, level: number): number {
  return (page >>> (levelBits * level)) & (entriesPerNode - 1);
}

export function interiorEntry(level: number): number {
  return Entry.used | (level << Entry.levelShift);
}

export function listedEntry(action: number, flags: number): number {
  return Entry.used | Entry.listed | (action << Entry.actionShift) | (flags << Entry.flagsShift);
}
