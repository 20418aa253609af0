/**
 * The timer of one local APIC (SDM vol. 3, section 11.5.4). It counts guest nanoseconds: its input clock is 1 GHz before the divider. Nothing
 * ticks; the count is derived from the guest time at which it began, and the machine calls `expired` at the deadline that was armed.
 */
import type { VcpuState } from '../../isa/state.ts';
import { TimerMode } from './registers.ts';
import type { LocalApicState } from './state.ts';

export interface TimerHost {
  /** Guest nanoseconds and the machine's time-stamp counter. */
  now(): number;
  timestamp(): bigint;
  /** Sets the deadline of a vCPU's timer in guest nanoseconds, or takes it away. */
  armTimer(cpu: number, deadline: number | undefined): void;
  /** Runs `body` while no timer expires. */
  whileNoneExpires(body: () => void): void;
}

/** A deadline further off is looked at again then. */
const longestWait = 2n ** 50n;

function modeOf(entry: number): number {
  return (entry >>> TimerMode.shift) & 3;
}

/** Divide configuration (figure 11-10): bits 0, 1 and 3; 7 means 1. */
export function divisorOf(configuration: number): number {
  const code = (configuration & 3) | ((configuration & 8) >>> 1);
  return code === 7 ? 1 : 2 << code;
}

export class ApicTimer {
  constructor(
    private readonly cpu: number,
    private readonly state: LocalApicState,
    private readonly vcpu: VcpuState,
    private readonly host: TimerHost,
  ) {}

  get #mode(): number {
    return modeOf(this.state.localTimer);
  }

  /** The count runs, or has come to its end: not in the deadline mode, nor in the reserved one. */
  get #counts(): boolean {
    return this.state.timerInitial !== 0 && (this.#mode === TimerMode.oneShot || this.#mode === TimerMode.periodic);
  }

  get #period(): number {
    return this.state.timerInitial * divisorOf(this.state.timerDivide);
  }

  /** What the current-count register shows; 0 in the deadline mode. */
  get current(): number {
    return this.#counts ? this.#countIn(this.#mode) : 0;
  }

  #countIn(mode: number): number {
    const { state, host } = this;
    if (state.timerInitial === 0) return 0;
    const counted = Math.floor((host.now() - state.timerStart) / divisorOf(state.timerDivide));
    if (mode === TimerMode.periodic) return state.timerInitial - (counted % state.timerInitial);
    return Math.max(0, state.timerInitial - counted);
  }

  /** The count begins; 0 ends it. Nothing happens in the deadline mode. */
  writeInitial(value: number): void {
    if (this.#mode === TimerMode.deadline) return;
    this.host.whileNoneExpires(() => {
      this.state.timerInitial = value;
      this.state.timerStart = this.host.now();
      this.#arm();
    });
  }

  /** The count that has been reached goes on at the new pace. */
  writeDivide(value: number): void {
    this.host.whileNoneExpires(() => {
      const { current } = this;
      this.state.timerDivide = value;
      this.#goOn(current);
    });
  }

  /** The LVT entry was written; `before` is what it was. To or from the deadline mode the timer is disarmed; else the count goes on. */
  entryChanged(before: number): void {
    const mode = this.#mode;
    const old = modeOf(before);
    if (mode === old) return;
    this.host.whileNoneExpires(() => {
      if (mode === TimerMode.deadline || old === TimerMode.deadline) {
        this.state.timerInitial = 0;
        this.state.timestampDeadline = 0n;
        this.#arm();
      } else this.#goOn(this.#countIn(old));
    });
  }

  #goOn(current: number): void {
    const { state, host } = this;
    if (state.timerInitial === 0) return;
    state.timerStart = host.now() - (state.timerInitial - current) * divisorOf(state.timerDivide);
    // One that has come to its end stays so; and if the end is not served yet, it will be.
    if (current > 0 || this.#mode === TimerMode.periodic) this.#arm();
  }

  /** IA32_TSC_DEADLINE: reads as zero and takes no value without the mode. */
  get deadline(): bigint {
    return this.#mode === TimerMode.deadline ? this.state.timestampDeadline : 0n;
  }

  writeDeadline(value: bigint): void {
    if (this.#mode !== TimerMode.deadline) return;
    // The end of the deadline before, on another thread, would take this one away.
    this.host.whileNoneExpires(() => {
      this.state.timestampDeadline = value;
      this.#arm();
    });
  }

  /** The time-stamp counter was written. */
  timestampMoved(): void {
    if (this.#mode === TimerMode.deadline) this.host.whileNoneExpires(() => this.#arm());
  }

  /** INIT, or the APIC was disabled: its registers are those of a reset by now. */
  stopped(): void {
    this.host.armTimer(this.cpu, undefined);
  }

  /** The deadline of `armTimer` has come; true if the timer's interrupt is due. Under the device lock, any thread. */
  expired(): boolean {
    const { state } = this;
    if (this.#mode === TimerMode.deadline) {
      if (state.timestampDeadline === 0n) return false;
      if (this.#untilDeadline() > 0n) {
        this.#arm();
        return false;
      }
      state.timestampDeadline = 0n;
      return true;
    }
    if (!this.#counts) return false;
    if (this.#mode === TimerMode.periodic) this.#arm();
    return true;
  }

  /** Counts of the guest's time-stamp counter up to the deadline: they are compared as unsigned numbers of 64 bits. */
  #untilDeadline(): bigint {
    return this.state.timestampDeadline - BigInt.asUintN(64, this.host.timestamp() + this.vcpu.tscOffset);
  }

  #arm(): void {
    this.host.armTimer(this.cpu, this.#nextDeadline());
  }

  #nextDeadline(): number | undefined {
    const { state, host } = this;
    if (this.#mode === TimerMode.deadline) {
      if (state.timestampDeadline === 0n) return undefined;
      const left = this.#untilDeadline();
      return host.now() + Number(left < 0n ? 0n : left < longestWait ? left : longestWait);
    }
    if (!this.#counts) return undefined;
    if (this.#mode === TimerMode.oneShot) return state.timerStart + this.#period;
    // Periods that nobody looked at are not made up for.
    const gone = Math.floor((host.now() - state.timerStart) / this.#period);
    return state.timerStart + (Math.max(0, gone) + 1) * this.#period;
  }
}
