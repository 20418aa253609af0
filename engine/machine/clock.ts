/**
 * The machine's clock: the only time a guest ever sees, in nanoseconds since power-on.
 *
 * wall     The host's monotonic time, less the time that the machine stood still (paused).
 * virtual  One nanosecond per instruction retired by any vCPU, plus what was skipped while they were idle or spun. Nothing of the host gets in.
 *
 * The time-stamp counter derives from it: it counts at 1 GHz in both modes and never stops.
 */
import { defineBlock, scalar } from '../layout/block.ts';
import { vcpuState } from '../isa/state.ts';
import type { Clock } from './bus.ts';
import type { ClockMode } from './machine.ts';
import type { MachineMemory } from './memory.ts';

/** Frequency of the time-stamp counter in Hz. */
export const timestampFrequency = 1_000_000_000;

/** What RTC a virtual machine shows at power-on when nothing else was asked for: 2000-01-01 00:00:00 UTC. */
export const virtualStartTime = 946_684_800;

const clockBlock = defineBlock('clock', 1, {
  /** 0 wall, 1 virtual. */
  virtual: scalar('u32'),
  /** Wall: guest time at which the clock stands while it does not run. */
  frozen: scalar('f64'),
  /** Virtual: guest time that passed while no instruction was retired. */
  idle: scalar('f64'),
  startTime: scalar('f64'),
});

const hostClockBlock = defineBlock('host-clock', 1, {
  running: scalar('u32'),
  /** Host time at guest time 0, while running. */
  origin: scalar('u64'),
});

export class MachineClock implements Clock {
  readonly #state;
  readonly #host;
  /** Host time in nanoseconds; monotonic and the same on all threads. */
  readonly #hostTime: () => bigint;

  /**
   * Instructions that vCPU `cpu` has retired since power-on. The thread of a vCPU replaces its own by what is exact in the middle of a run;
   * other threads see what was last written back, which is exact while the vCPU stands still.
   */
  readonly retired: (() => number)[];

  constructor(memory: MachineMemory, hostTime: () => bigint = process.hrtime.bigint) {
    this.#state = memory.block(clockBlock);
    this.#host = memory.transientBlock(hostClockBlock);
    this.#hostTime = hostTime;
    this.retired = Array.from({ length: memory.shape.cpus }, (_, cpu) => {
      const vcpu = memory.block(vcpuState, String(cpu));
      return () => Number(vcpu.retired);
    });
  }

  get mode(): ClockMode {
    return this.#state.virtual === 0 ? 'wall' : 'virtual';
  }

  get startTime(): number {
    return this.#state.startTime;
  }

  /** Sets the clock to power-on, standing still. `startTime` in seconds since 1970. */
  initialise(mode: ClockMode, startTime: number): void {
    this.#state.virtual = mode === 'virtual' ? 1 : 0;
    this.#state.frozen = 0;
    this.#state.idle = 0;
    this.#state.startTime = startTime;
    this.#host.running = 0;
  }

  /** Instructions retired by all vCPUs since power-on. */
  instructions(): number {
    let sum = 0;
    for (const retired of this.retired) sum += retired();
    return sum;
  }

  now(): number {
    if (this.#state.virtual !== 0) return this.instructions() + this.#state.idle;
    if (this.#host.running === 0) return this.#state.frozen;
    return Number(this.#hostTime() - this.#host.origin);
  }

  timestamp(): bigint {
    return BigInt(this.now());
  }

  /** Wall: time goes on. Called with every vCPU quiescent; no effect when it runs. */
  resume(): void {
    if (this.#state.virtual !== 0 || this.#host.running !== 0) return;
    this.#host.origin = this.#hostTime() - BigInt(this.#state.frozen);
    this.#host.running = 1;
  }

  /** Wall: time stands still. Called with every vCPU quiescent; no effect when it does. */
  pause(): void {
    if (this.#state.virtual !== 0 || this.#host.running === 0) return;
    this.#state.frozen = Number(this.#hostTime() - this.#host.origin);
    this.#host.running = 0;
  }

  /** Virtual: the guest is idle, so time jumps to `deadline`. The vCPU's own thread. */
  skipTo(deadline: number): void {
    const missing = deadline - this.now();
    if (missing > 0) this.#state.idle += missing;
  }

  get running(): boolean {
    return this.#state.virtual !== 0 || this.#host.running !== 0;
  }
}
