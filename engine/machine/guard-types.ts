/** What the host says to the guard of a machine (engine/guard), and hears of it. */

/** At a write to a listed page: see docs/decisions/0019. */
export type GuardAction = 'log' | 'notify' | 'pause' | 'deny' | 'fault' | 'powerOff';

/** Guest memory to protect; whole pages, so whatever shares them is protected too. Addresses and sizes in bytes. */
export type GuardRange =
  | { kind: 'physical'; address: number; bytes: number }
  /** As the paging of a vCPU maps it now. */
  | { kind: 'linear'; address: number; bytes: number; cpu: number }
  /** A structure that a vCPU's registers point to. */
  | { kind: 'table'; table: 'idt' | 'gdt' | 'ldt' | 'tss'; cpu: number };

export type GuardRequest =
  | { kind: 'look' }
  | { kind: 'add'; range: GuardRange; action: GuardAction }
  | { kind: 'remove'; range: GuardRange }
  /** Lets go of everything, also out of a damaged tree. */
  | { kind: 'clear' }
  /** What happens at a write to the tree itself. */
  | { kind: 'treeAction'; action: GuardAction };

/** Pages in a row with the same action. */
export interface GuardedRange {
  /** Guest-physical. */
  address: number;
  bytes: number;
  action: GuardAction;
  /** Set by the host, not by the guest's agent. */
  byHost: boolean;
}

export interface GuardNode {
  /** Guest-physical address of its page. */
  address: number;
  /** 0 leaf, 2 root; undefined: a page that is kept for a node. */
  level: number | undefined;
  /** Address of the node above. */
  parent: number | undefined;
  /** Address of the first byte that it can list; a leaf reaches 2 MiB from there. Undefined: no way leads to it. */
  first: number | undefined;
  /** RAM that the guest's agent gave; else a page that the machine has for this. */
  given: boolean;
}

export interface GuardAlert {
  sequence: number;
  /** `tree`: a node was written. `damaged`: the page cannot be looked up, since the tree was damaged. */
  kind: 'listed' | 'tree' | 'damaged';
  action: GuardAction;
  outcome: 'made' | 'dropped' | 'refused';
  cause: 'instruction' | 'delivery' | 'walk' | 'dma';
  /** Guest nanoseconds since power-on. */
  time: number;
  /** Guest-physical address of the first byte. */
  physical: number;
  /** Undefined for a device. For `walk`: the page that was being translated. */
  linear: number | undefined;
  /** Bytes from the first to the last that were written to the page; 0: refused before that was known. */
  size: number;
  /** The node that was written, or beside which the tree is damaged; its level if it is in use. */
  node: number | undefined;
  level: number | undefined;
  /** Undefined for a device. */
  writer: { cpu: number; cs: number; eip: number; linear: number; cpl: number; cr3: number } | undefined;
  /** The first bytes; `after` is undefined when the write was refused before they were made. */
  before: Uint8Array;
  after: Uint8Array | undefined;
}

export interface GuardState {
  ranges: GuardedRange[];
  nodes: GuardNode[];
  treeAction: GuardAction;
  /** The name under which the guest's agent has registered. */
  agent: string | undefined;
  sealed: boolean;
  alerts: number;
  treeAlerts: number;
  /** Entries of the tree that cannot be right. */
  damaged: number;
}
