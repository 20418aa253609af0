/** How long each vCPU has slept for want of work, in host time: a guest never sees it, and it is no part of a saved machine. */
import { defineBlock, scalar } from '../layout/block.ts';
import type { MachineMemory } from './memory.ts';

const usageBlock = defineBlock('vcpu-usage', 1, {
  /** Milliseconds of sleep that is over. */
  idle: scalar('f64'),
  /** When the sleep that goes on began (host milliseconds); 0: it is awake. */
  asleepSince: scalar('f64'),
});

/** Milliseconds of the host's monotonic clock, which all threads share. */
const hostTime = (): number => Number(process.hrtime.bigint()) / 1e6;

export class VcpuUsage {
  readonly #block;

  constructor(memory: MachineMemory, cpu: number) {
    this.#block = memory.transientBlock(usageBlock, String(cpu));
  }

  /** The vCPU's own thread, around a wait. */
  asleep(wait: () => void): void {
    const block = this.#block;
    const since = hostTime();
    block.asleepSince = since;
    wait();
    block.idle += Math.max(0, hostTime() - since);
    block.asleepSince = 0;
  }

  /** Seconds of sleep so far, the one that goes on included. Any thread. */
  get idleSeconds(): number {
    const { idle, asleepSince } = this.#block;
    return (idle + (asleepSince === 0 ? 0 : Math.max(0, hostTime() - asleepSince))) / 1000;
  }
}
