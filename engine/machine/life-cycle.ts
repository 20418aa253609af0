/** A machine's state (off, running, paused, crashed), what it is taken up with, and the ways from one state to another. Service worker. */
import type { MachineClock } from './clock.ts';
import type { MachineDebugger } from './debug/machine-debugger.ts';
import type { DiskService } from './disk-service.ts';
import type { MachineReset } from './machine-reset.ts';
import { MachineError, type MachineState } from './machine.ts';
import type { Standstill } from './standstill.ts';
import { StopReason } from './stop.ts';

/** Its state is being written, read, copied or replaced: nothing else may happen to the machine. */
export type Busy = 'suspended' | 'resumed' | 'copied' | 'synchronized';

export interface LivingMachine {
  readonly name: string;
  readonly clock: MachineClock;
  readonly standstill: Standstill;
  readonly disks: DiskService;
  readonly debug: MachineDebugger;
  readonly reset: MachineReset;
  /** It is in another state, or runs with other vCPUs. `isTold`: whoever debugs it hears that it stands still. */
  changed(reason: string, isTold: boolean): void;
  wasReset(reason: string): void;
  /** It does not get where it was going. */
  interrupted(why: string): void;
}

export class LifeCycle {
  #state: MachineState = 'off';
  /** Why it is in its state. */
  #reason = '';
  busy: Busy | undefined;
  #asksItself = false;
  #poweringOff: Promise<void> | undefined;
  /** It has crashed. */
  #isDead = false;
  /** What the next resume says. */
  #resumeReason = 'Resumed.';
  /** Host milliseconds that the machine has run, up to the last time it stood still; and since when it runs. */
  #ranFor = 0;
  #ranSince: number | undefined;

  constructor(private readonly machine: LivingMachine) {}

  get state(): MachineState {
    return this.#state;
  }

  get reason(): string {
    return this.#reason;
  }

  /** It runs, or could. */
  get isOn(): boolean {
    return this.#state === 'running' || this.#state === 'paused';
  }

  /** Throws MachineError 'wrong-state' unless the machine is in one of these states, and not busy. */
  require(states: readonly MachineState[], action: string): void {
    const { name } = this.machine;
    if (this.busy !== undefined && !this.#asksItself) {
      throw new MachineError('wrong-state', `The machine ${name} is being ${this.busy}, so it cannot be ${action} now.`);
    }
    if (states.includes(this.#state)) return;
    throw new MachineError('wrong-state', `The machine ${name} is ${this.#state}, so it cannot be ${action}.`);
  }

  /** Throws when a busy machine, which stands still, has changed its state by itself. */
  requireUnchanged(): void {
    if (this.#state === (this.busy === 'resumed' ? 'off' : 'paused')) return;
    throw new MachineError(
      'wrong-state',
      `The machine ${this.machine.name} is ${this.#state} by now, so it was not ${this.busy ?? 'suspended'}.`,
    );
  }

  /** What the machine itself asks for is part of its state, so it is done in `body` although the machine is busy: it comes before a suspend. */
  forItself(body: () => void): void {
    this.#asksItself = true;
    try {
      body();
    } finally {
      this.#asksItself = false;
    }
  }

  #set(state: MachineState, reason: string, isTold = true): void {
    const wasRunning = this.#state === 'running';
    this.#state = state;
    this.#reason = reason;
    const now = performance.now();
    if (wasRunning && this.#ranSince !== undefined) {
      this.#ranFor += now - this.#ranSince;
      this.#ranSince = undefined;
    }
    if (state === 'running') this.#ranSince = now;
    this.machine.changed(reason, isTold);
  }

  /** Host milliseconds that the machine has run. */
  get ranFor(): number {
    return this.#ranFor + (this.#ranSince === undefined ? 0 : performance.now() - this.#ranSince);
  }

  /** Of a machine that stands still. */
  set ranFor(milliseconds: number) {
    this.#ranFor = milliseconds;
  }

  // Power

  /** Images, if the machine has any, were opened before (`disks.open`). */
  start(options: { paused: boolean }): void {
    this.require(['off'], 'started');
    this.#requireWhole();
    this.clear();
    this.machine.reset.prepare(true);
    this.#comeUp(options.paused, options.paused ? 'Started paused.' : 'Started.');
  }

  /** Memory and clock of power-on. */
  clear(): void {
    this.machine.reset.clear();
    this.#ranFor = 0;
  }

  /** Who lost a thread gets no other one. */
  #requireWhole(): void {
    if (this.#isDead) throw new MachineError('crashed', `The machine ${this.machine.name} has crashed, so it cannot be started again: a new one has to be made.`);
  }

  /** The machine was off, and has got a state that was kept. Paused, it says `reason` at its resume too. */
  comeBack(paused: boolean, reason: string): void {
    this.#requireWhole();
    this.#comeUp(paused, reason);
    this.#resumeReason = paused ? reason : 'Resumed.';
  }

  #comeUp(paused: boolean, reason: string): void {
    const { standstill, clock, disks } = this.machine;
    if (paused) {
      standstill.stop(StopReason.pause);
      standstill.release(StopReason.power);
      this.#set('paused', reason);
    } else {
      clock.resume();
      // Somebody may have had it stand still while it was switched off.
      for (const bit of [StopReason.pause, StopReason.power]) standstill.release(bit);
      this.#set('running', reason);
      disks.deliver();
    }
  }

  reset(reason = 'Reset by the user.'): void {
    this.require(['running', 'paused'], 'reset');
    const { standstill } = this.machine;
    standstill.whileStopped(() => {
      this.machine.reset.prepare(false);
      standstill.release(StopReason.request);
    });
    this.machine.interrupted('The machine was reset before it got there.');
    this.machine.wasReset(reason);
  }

  /** Done when the machine is off, which it is when its images are closed. */
  powerOff(reason = 'Switched off by the user.'): Promise<void> {
    if (this.#state === 'off') return Promise.resolve();
    if (this.#poweringOff !== undefined) return this.#poweringOff;
    this.require(['running', 'paused', 'crashed'], 'switched off');
    const { standstill, clock, disks } = this.machine;
    // One that has crashed was told to stand still then, and a vCPU that died answers no more.
    if (this.#state !== 'crashed') standstill.stop(StopReason.power);
    clock.pause();
    for (const bit of [StopReason.pause, StopReason.request]) standstill.release(bit);
    this.machine.interrupted('The machine was switched off before it got there.');
    if (!disks.any) {
      this.#set('off', reason);
      return Promise.resolve();
    }
    this.#poweringOff = disks.close().then(() => {
      this.#poweringOff = undefined;
      this.#set('off', reason);
    });
    return this.#poweringOff;
  }

  /** Set while the machine is on its way to being off. */
  get poweringOff(): Promise<void> | undefined {
    return this.#poweringOff;
  }

  /** The machine cannot go on. Its memory stays for whoever wants to look. */
  crash(reason: string): void {
    if (this.#state === 'crashed') return;
    this.#isDead = true;
    this.machine.standstill.ask(StopReason.power);
    this.machine.clock.pause();
    this.machine.interrupted(`The machine crashed: ${reason}`);
    this.#set('crashed', reason);
  }

  // Pause

  pause(reason = 'Paused.'): void {
    this.require(['running', 'paused'], 'paused');
    if (this.#state === 'running') this.pauseNow(reason);
  }

  /** A machine that runs, whatever it is busy with. `isTold` false: nobody who debugs it hears of it. */
  pauseNow(reason: string, isTold = true): void {
    this.machine.standstill.stop(StopReason.pause);
    this.machine.clock.pause();
    this.machine.interrupted('The machine was paused before it got there.');
    this.#set('paused', reason, isTold);
  }

  resume(): void {
    this.require(['running', 'paused'], 'resumed');
    const { debug } = this.machine;
    if (this.#state === 'running' && !debug.someRun) return;
    if (this.#state === 'paused' && debug.holdsBack()) return;
    debug.allRun();
    this.go(this.#resumeReason);
    this.#resumeReason = 'Resumed.';
  }

  /** Lets a machine go on that is paused, or only those vCPUs. `inTime` false: a wall clock stands still meanwhile. */
  go(reason: string, { cpus, inTime = true }: { cpus?: readonly number[]; inTime?: boolean } = {}): void {
    if (inTime) this.machine.clock.resume();
    this.machine.standstill.release(StopReason.pause, cpus);
    this.#set('running', reason);
    this.machine.disks.deliver();
  }

  /** A paused machine stays so, for another reason. */
  stayPaused(reason: string): void {
    this.#set('paused', reason);
  }
}
