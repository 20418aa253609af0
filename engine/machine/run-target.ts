/** Where a virtual machine is to pause, for `runUntil`. Set by the service worker while every vCPU stands still. */
import { defineBlock, scalar } from '../layout/block.ts';
import type { MachineMemory } from './memory.ts';

const runTargetBlock = defineBlock('run-target', 1, {
  /** Instructions since power-on, or 0 for none. */
  count: scalar('f64'),
});

export function runTarget(memory: MachineMemory): { count: number } {
  return memory.transientBlock(runTargetBlock);
}
