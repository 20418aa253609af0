/** When the service worker runs the machine's timers: a wall clock's, if nobody has done so before. */
import { Attention } from '../isa/state.ts';
import type { MachineControl } from './control.ts';
import type { MachineBus } from './machine-bus.ts';

/** Milliseconds after which timers are looked at again in any case. */
const longestTimeout = 1000;

export class TimerPlan {
  #timeout: NodeJS.Timeout | undefined;
  #planning = false;

  constructor(
    private readonly bus: MachineBus,
    private readonly control: MachineControl,
    private readonly isRunning: () => boolean,
  ) {
    control.block.plan = Infinity;
  }

  /** A timer was armed on this thread, for `deadline` (nanoseconds of the machine's clock). Timeouts come a millisecond late: a vCPU that watches for deadlines has to know. */
  armed(deadline: number): void {
    this.#planLater();
    const { bus, control } = this;
    if (bus.clock.mode === 'virtual' || !this.isRunning()) return;
    // Read once: it may wake and be none any more, and then looks at the timers itself.
    const keeper = control.block.timekeeper;
    if (keeper === 0 || deadline < control.block.timekeeperDeadline) control.attend(keeper === 0 ? 0 : keeper - 1, Attention.timer);
  }

  /** As `plan`, at the end of this task: many timers may be armed in a row. */
  #planLater(): void {
    if (this.#planning) return;
    this.#planning = true;
    queueMicrotask(() => {
      this.#planning = false;
      this.plan();
    });
  }

  /** What is armed, or whether the machine runs, may have changed. */
  plan(): void {
    const { bus, control } = this;
    clearTimeout(this.#timeout);
    this.#timeout = undefined;
    if (bus.clock.mode === 'virtual') {
      // The vCPU runs the timers itself, at exact instructions; it has to hear of what was armed here.
      if (this.isRunning()) control.attend(control.turn.holder, Attention.timer);
      return;
    }
    const deadline = this.isRunning() ? bus.timers.next() : Infinity;
    control.block.plan = deadline;
    if (deadline === Infinity) return;
    this.#timeout = setTimeout(() => this.run(), Math.min(longestTimeout, Math.max(0, (deadline - bus.clock.now()) / 1e6)));
  }

  /** Runs what is due. */
  run(): void {
    if (!this.isRunning() || this.bus.clock.mode === 'virtual') return;
    this.bus.runDueTimers();
    this.plan();
  }

  dispose(): void {
    clearTimeout(this.#timeout);
  }
}
