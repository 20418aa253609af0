/**
 * System Management Mode as the host sees it: what machine.ts, the contract and the views speak of. Times are host nanoseconds, monotonic
 * and the same on all threads; they say nothing of guest time.
 */

/** Which save-state map the processors write at SMBASE + 0xFE00: the 32-bit one of the SDM, or AMD64's. */
export type SaveStateLayout = 'intel32' | 'amd64';

/** Where an SMI came from: port 0xB2, another chip, a local APIC's message, the host. */
export type SmiCause = 'apm' | 'chipset' | 'ipi' | 'injected';

/**
 * What is on the timeline. `smi`: one was sent to the vCPU (`latched`: while it was in SMM, or had one pending; it is served behind its
 * RSM, once). `stop`: the vCPU asks all others to stand still; `acknowledge`: this one does. `map`, `unmap`: SMRAM comes into the view of
 * memory and leaves it. `enter`, `rsm`: the vCPU begins and ends SMM. `hold`: it has resumed, and stands still because others are in
 * SMM; `release`: it may go on.
 */
export type SmmEventKind = 'smi' | 'latched' | 'stop' | 'acknowledge' | 'map' | 'enter' | 'rsm' | 'unmap' | 'hold' | 'release';

export interface SmmEvent {
  /** Counts from 0 since the machine was made; gaps never. */
  sequence: number;
  kind: SmmEventKind;
  cpu: number;
  time: number;
  /** Of `smi`, `latched` and `enter`. */
  cause: SmiCause | undefined;
}

/** A piece of the ring of events. */
export interface SmmEvents {
  events: SmmEvent[];
  /** What to ask for next. */
  next: number;
  /** Events that were overwritten before they were asked for. */
  lost: number;
  /** Host time at which this was read, on the scale of the events. */
  now: number;
}

/** How often something took how long: `counts[n]` times from 2^n to 2^(n+1) - 1 ns; 32 buckets, the last one open. */
export interface DurationHistogram {
  counts: number[];
  count: number;
  /** Sum and largest, in ns. */
  total: number;
  longest: number;
}

export interface SmmVcpuStatistics {
  inSmm: boolean;
  /** Stopped because another vCPU is in SMM. */
  stopped: boolean;
  /** Host time since when it is in SMM, or stopped for it. */
  since: number | undefined;
  /** SMIs sent to it, and those of them that fell together with one that was pending. */
  smis: number;
  latched: number;
  entries: number;
  /** Times it was stopped for others, and ns that took; ns in SMM. */
  stops: number;
  stoppedFor: number;
  inSmmFor: number;
  smbase: number;
}

/** SMM figures since power-on. */
export interface SmmStatistics {
  /** SMIs sent, those that fell together with a pending one, and by cause. */
  smis: number;
  latched: number;
  causes: Record<SmiCause, number>;
  entries: number;
  /** Times the machine was stopped and SMRAM mapped; entries that found it mapped are `joins`. */
  rendezvous: number;
  joins: number;
  /** From the SMI to the first instruction in SMM; from the request to stop to the last acknowledgement; in SMM; from RSM to the next instruction. */
  latency: DurationHistogram;
  stop: DurationHistogram;
  residency: DurationHistogram;
  exit: DurationHistogram;
  vcpus: SmmVcpuStatistics[];
}

/** A range of guest-physical memory that is SMRAM. */
export interface SmramRange {
  name: 'compatible' | 'tseg';
  base: number;
  size: number;
}

export interface SmmState {
  layout: SaveStateLayout;
  /** SMRAM is in the view of memory because somebody is in SMM. */
  mapped: boolean;
  /** D_OPEN: everybody sees it. D_CLS: data accesses in SMM pass by it. D_LCK: its registers are locked until reset. */
  open: boolean;
  closed: boolean;
  locked: boolean;
  ranges: SmramRange[];
  breakOn: SmmBreak;
  statistics: SmmStatistics;
  now: number;
}

/** Whether the machine pauses when a vCPU has entered SMM, before its first instruction there; and when one has resumed. */
export interface SmmBreak {
  entry: boolean;
  exit: boolean;
}

export interface InjectedSmis {
  /** SMIs sent, over all vCPUs; those of them that fell together with a pending one. */
  sent: number;
  latched: number;
}

/** One field of a save-state map. */
export interface SaveStateField {
  name: string;
  /** From SMBASE. */
  offset: number;
  /** 1, 2, 4 or 8. */
  bytes: number;
  /** Hexadecimal, `bytes` wide. */
  value: string;
  /** Neither the SDM nor the APM describes it: processors keep such state in their reserved fields. */
  hidden: boolean;
}

/** What SMRAM holds of a vCPU: written at its last SMI, and read by its next RSM. */
export interface SmmSaveState {
  cpu: number;
  layout: SaveStateLayout;
  smbase: number;
  /** In SMM now, so that this is what RSM will find. False: left from before, or never written. */
  inSmm: boolean;
  fields: SaveStateField[];
}
