/** Where a virtual machine is to pause, for `runUntil` and at the ends of epochs. Set by the service worker while every vCPU stands still. */
import { defineBlock, scalar } from '../layout/block.ts';
import type { MachineMemory } from './memory.ts';

const runTargetBlock = defineBlock('run-target', 1, {
  /** Instructions since power-on, or 0 for none. */
  count: scalar('f64'),
  /** Guest nanoseconds at which the epoch ends (epochs.ts), or 0 for none. */
  time: scalar('f64'),
});

export function runTarget(memory: MachineMemory): { count: number; time: number } {
  return memory.transientBlock(runTargetBlock);
}
