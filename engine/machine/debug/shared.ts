/** What the service worker and the threads of the vCPUs share about debugging. Nothing of it is the guest's: neither saved nor hashed. */
import { array, defineBlock, scalar } from '../../layout/block.ts';
import { maximumVcpus, type MachineMemory } from '../memory.ts';
import type { ArmedBreakpoint, StopCause } from './breakpoint.ts';

const debugBlock = defineBlock('debug', 1, {
  /** Raised behind each DebugOrders that was posted. */
  orders: scalar('i32'),
  /** Raised when a person lets a machine go on: breakpoints where vCPUs stand have been seen. */
  resumed: scalar('i32'),
  /** Instructions after which a vCPU stops; 0: it does not. */
  steps: array('i32', maximumVcpus),
});

/** Written by the service worker while every vCPU stands still; a vCPU counts its own `steps` down. */
export function debugState(memory: MachineMemory) {
  return memory.transientBlock(debugBlock);
}

/** An entry of a trace ring, in words: linear address, EIP, selector of CS with the mode above it, low half of the count of instructions. */
export const traceWords = 4;

/** What a vCPU has to watch from now on; posted to its port, and looked for there when `orders` has moved. */
export interface DebugOrders {
  readonly breakpoints: readonly ArmedBreakpoint[];
  /** Hits by index of `breakpoints`; Atomics only. */
  readonly counts: Int32Array<SharedArrayBuffer>;
  readonly trace: TraceOrders | undefined;
}

export interface TraceOrders {
  /** `transfers`: only instructions that were not reached from the one in front of them. */
  readonly what: 'instructions' | 'transfers';
  /** Word 0: entries written so far, modulo 2^32; then a ring of entries of traceWords. One ring a vCPU. */
  readonly rings: readonly Int32Array<SharedArrayBuffer>[];
}

/** From a vCPU's thread to the service worker. */
export type FromDebugger =
  | { kind: 'stopped'; cause: StopCause }
  /** A hit that is only logged. `held`: the vCPU stands still (StopReason.request) until this was taken. */
  | { kind: 'logged'; id: number; text: string; held: boolean };
