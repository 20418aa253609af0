/** The machine's memory and bus on one thread, without workers: what the unit tests of this folder stand on. */
import type { ChipRequest } from '../bus.ts';
import { MachineClock } from '../clock.ts';
import { MachineControl } from '../control.ts';
import { DeviceLock } from '../device-lock.ts';
import { MachineBus } from '../machine-bus.ts';
import { mebibyte, MachineMemory } from '../memory.ts';
import type { ClockMode } from '../machine.ts';

export class BareMachine {
  readonly control: MachineControl;
  readonly clock: MachineClock;
  readonly bus: MachineBus;
  readonly requests: ChipRequest[] = [];
  readonly armed: number[] = [];
  /** Host time in nanoseconds as the wall clock sees it. */
  hostTime = 5_000n;

  constructor(readonly memory: MachineMemory) {
    this.control = new MachineControl(memory);
    this.clock = new MachineClock(memory, () => this.hostTime);
    const lock = new DeviceLock(memory.words, this.control.stopWords, this.control.lockWord, -1);
    this.bus = new MachineBus(memory, this.control, this.clock, lock, {
      onRequest: (request) => this.requests.push(request),
      onOutput: () => undefined,
      onDisk: () => undefined,
      onArmed: (deadline) => this.armed.push(deadline),
    });
  }

  static create(options: { ramBytes?: number; cpus?: number; clock?: ClockMode } = {}): BareMachine {
    const memory = MachineMemory.create({ ramBytes: options.ramBytes ?? 2 * mebibyte, cpus: options.cpus ?? 1, romBytes: mebibyte });
    const machine = new BareMachine(memory);
    machine.clock.initialise(options.clock ?? 'wall', 0);
    machine.bus.memory.initialise();
    return machine;
  }

  /** The same machine as another thread sees it. */
  onAnotherThread(): BareMachine {
    return new BareMachine(MachineMemory.attach(this.memory.memory));
  }
}
