/** What of System Management Mode lies in the machine's shared memory, besides `smbase` and `inSmm` of each vCPU's block. */
import { array, defineBlock, scalar } from '../layout/block.ts';
import { maximumVcpus } from '../machine/memory.ts';

export const histogramBuckets = 32;
/** Events that the ring remembers; a power of two. */
export const ringEvents = 4096;

/** Figures that have a histogram. */
export const enum Duration {
  latency,
  stop,
  residency,
  exit,
}
export const durations = 4;

/**
 * Transient: the words of the rendezvous, which follow from the vCPU blocks when a state is resumed, and what is observed. An array that is
 * indexed by vCPU is written by that vCPU's thread only, except where a comment says otherwise.
 */
export const smmBlock = defineBlock('smm', 1, {
  /** See SmmWords. */
  turn: scalar('i32'),
  members: scalar('i32'),
  view: scalar('i32'),
  /** Bit 0: the machine pauses on entry, bit 1: on exit. */
  breakOn: scalar('i32'),

  /** Events ever noted; any thread, Atomics. */
  noted: scalar('i32'),
  /** Number of the event in a slot of the ring plus one, written last; then when, and what (see observation.ts). */
  ringNumber: array('i32', ringEvents),
  ringTime: array('f64', ringEvents),
  ringWhat: array('i32', ringEvents),

  rendezvous: scalar('i32'),
  joins: scalar('i32'),
  /** By SmiCause; any thread, Atomics. */
  causes: array('i32', 4),
  /** Any thread, Atomics. */
  smis: array('i32', maximumVcpus),
  latched: array('i32', maximumVcpus),
  /** Cause and time of the SMI that is pending; whoever sends the first. */
  pendingCause: array('i32', maximumVcpus),
  pendingSince: array('f64', maximumVcpus),
  entries: array('i32', maximumVcpus),
  /** When it entered SMM, or 0; ns it was there before. */
  inSmmSince: array('f64', maximumVcpus),
  inSmmFor: array('f64', maximumVcpus),
  /** When it was stopped for others, or 0; how often, and for how long. Whoever has the turn. */
  stoppedSince: array('f64', maximumVcpus),
  stops: array('i32', maximumVcpus),
  stoppedFor: array('f64', maximumVcpus),

  /** By duration, vCPU and bucket; by duration and vCPU. */
  counts: array('u32', durations * maximumVcpus * histogramBuckets),
  totals: array('f64', durations * maximumVcpus),
  longest: array('f64', durations * maximumVcpus),
});

/**
 * Saved. The I/O instruction at which a vCPU's SMI arose, until it is taken: what the save state says of it, and where I/O instruction
 * restart leads. Indexed by vCPU.
 */
export const smiIoBlock = defineBlock('smi-io', 1, {
  /** Bytes of the access; 0: the SMI did not come from an instruction. */
  width: array('u8', maximumVcpus),
  /** See IoKind. */
  kind: array('u8', maximumVcpus),
  port: array('u16', maximumVcpus),
  address: array('u32', maximumVcpus),
  eip: array('u32', maximumVcpus),
  ecx: array('u32', maximumVcpus),
  esi: array('u32', maximumVcpus),
  edi: array('u32', maximumVcpus),
});

export type SmmBlock = ReturnType<typeof smmBlock.at>;
export type SmiIoBlock = ReturnType<typeof smiIoBlock.at>;
