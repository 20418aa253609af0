/**
 * The local APIC of one vCPU as a saved block (SDM vol. 3, chapter 11). IRR, TMR and the vector of a SIPI are written by whoever sends
 * (Atomics only, without the device lock); everything else by the vCPU's own thread, or by anyone while it stands still.
 */
import { array, defineBlock, scalar } from '../../layout/block.ts';

/** Bits of IA32_APIC_BASE (SDM vol. 3, figure 11-5). */
export const enum ApicBase {
  bootstrap = 1 << 8, // BSP
  x2apic = 1 << 10, // EXTD
  enable = 1 << 11, // EN
}

export const defaultApicBase = 0xfee00000;

export const localApicState = defineBlock('local-apic', 1, {
  /** 256 bits each, by vector. Requested; in service; level-triggered. */
  requested: array('i32', 8),
  inService: array('i32', 8),
  levelTriggered: array('i32', 8),
  id: scalar('u32'),
  taskPriority: scalar('u32'),
  logicalDestination: scalar('u32'),
  destinationFormat: scalar('u32'),
  spurious: scalar('u32'),
  /** What ESR shows, and what the next write to it will make it show. */
  errorStatus: scalar('u32'),
  errors: scalar('i32'),
  commandLow: scalar('u32'),
  commandHigh: scalar('u32'),
  localTimer: scalar('u32'),
  localThermal: scalar('u32'),
  localPerformance: scalar('u32'),
  localLint0: scalar('u32'),
  localLint1: scalar('u32'),
  localError: scalar('u32'),
  timerInitial: scalar('u32'),
  timerDivide: scalar('u32'),
  /** Guest nanoseconds at which the running count began; meaningless while `timerInitial` is 0. */
  timerStart: scalar('f64'),
  /** IA32_TSC_DEADLINE. */
  timestampDeadline: scalar('u64'),
  /** Vector of the last start-up IPI. */
  sipiVector: scalar('i32'),
});

export type LocalApicState = ReturnType<typeof localApicState.at>;
