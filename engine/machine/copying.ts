/** Holding a machine while its memory and state are read, as for a report or a core, and letting it go as if nothing had been. Service worker. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { CpuState } from '../cpu/registers.ts';
import { vcpuState } from '../isa/state.ts';
import { writeCore } from './core/write-core.ts';
import { snapshot } from './debug/machine-debugger.ts';
import { MachineError, type WrittenCore } from './machine.ts';
import type { RunUntil } from './run-until.ts';
import { tellProgress, type ServedMachine } from './served-machine.ts';

export class Copying {
  /** While somebody copies the machine: whether it ran before, and why. */
  #held: { wasRunning: boolean; reason: string } | undefined;
  #cancelled = false;

  constructor(
    private readonly machine: ServedMachine,
    private readonly runUntil: RunUntil,
  ) {}

  /** See Machine.hold. */
  async hold(): Promise<void> {
    const { life, debug, input, standstill, configuration } = this.machine;
    life.require(['running', 'paused', 'crashed'], 'copied');
    if (debug.someRun || this.runUntil.isUnderWay) {
      const why = debug.someRun ? 'only some of its processors run' : 'it runs to an exact instruction';
      throw new MachineError('wrong-state', `The machine ${configuration.name} cannot be copied now, because ${why}; pause it first.`);
    }
    const wasRunning = life.state === 'running';
    const { reason } = life;
    // Nobody who debugs it hears of this stop: it is not theirs, and over before they could look.
    if (wasRunning) life.pauseNow('Stands still while it is copied.', false);
    life.busy = 'copied';
    this.#cancelled = false;
    this.#held = { wasRunning, reason };
    input.hold();
    try {
      // What chips asked for is carried out before anybody looks.
      while (life.state !== 'crashed' && standstill.isAsked(debug.heldTripleFault)) await nextTurn();
      if (life.state === 'off')
        throw new MachineError('wrong-state', `The machine ${configuration.name} is off by now, so it was not copied.`);
    } catch (error) {
      this.letGo();
      throw error;
    }
  }

  letGo(): void {
    const { life, debug, input } = this.machine;
    const held = this.#held;
    if (held === undefined) return;
    this.#held = undefined;
    life.busy = undefined;
    input.feed();
    if (!held.wasRunning || life.state !== 'paused') return;
    const stop = debug.stopsFor();
    if (stop === undefined) life.go(held.reason);
    else life.stayPaused(stop);
  }

  /** See Machine.writeCore. */
  async writeCore(path: string, cpu: number): Promise<WrittenCore> {
    const { memory, life, control, configuration } = this.machine;
    if (this.#held === undefined) throw new MachineError('wrong-state', 'A core is written of a machine that is held.');
    const states = Array.from(
      { length: control.cpus },
      (_, number) => new CpuState(memory.buffer, memory.directory.open(vcpuState, String(number))),
    );
    const state = states[cpu];
    if (state === undefined) throw new MachineError('bad-configuration', `There is no virtual CPU ${cpu}.`);
    const { state: before } = life;
    const vcpus = states.map((each, number) => snapshot(number, each));
    const check = (): void => {
      if (this.#cancelled) throw new MachineError('cancelled', 'The core was cancelled; nothing of it is left.');
      if (this.#held === undefined || life.state !== before)
        throw new MachineError('wrong-state', `The machine ${configuration.name} changed while it was copied.`);
    };
    this.#cancelled = false;
    return writeCore({ memory, vcpus, state, cpu }, path, { progress: tellProgress(this.machine, 'core'), check });
  }

  cancelCore(): void {
    if (this.machine.life.busy === 'copied') this.#cancelled = true;
  }
}
