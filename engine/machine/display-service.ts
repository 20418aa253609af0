/** The display as the main thread asks for it: its properties, what the guest shows, and an event when that changes its size. */
import type { MachineChips } from './chips.ts';
import type { MachineControl } from './control.ts';
import type { DeviceLock } from './device-lock.ts';
import { mostOutputs, type DisplayDeviceState, type DisplayProperties } from './display-face.ts';
import type { LifeCycle } from './life-cycle.ts';
import { MachineError, type MachineEvent, type Picture } from './machine.ts';

/** How often the size of the screen is looked at, in milliseconds. */
const screenInterval = 100;
/** How often it is looked whether the guest has drawn, in milliseconds, while somebody waits for that. */
const frameInterval = 2;

export function requireOutput(output: number): void {
  if (Number.isInteger(output) && output >= 0 && output < mostOutputs) return;
  throw new MachineError('bad-configuration', `There is no output ${output}: they are numbered from 0 to ${mostOutputs - 1}.`);
}

export interface DisplayedMachine {
  readonly control: MachineControl;
  readonly chips: MachineChips;
  readonly lock: DeviceLock;
  readonly life: LifeCycle;
  /** Works on chips, at an exact time under the virtual clock. */
  deviceWork(body: () => void): void;
  onEvent(event: MachineEvent): void;
}

export class DisplayService {
  #timer: NodeJS.Timeout | undefined;
  #changes = -1;
  /** What was told last. */
  #shape = '';
  #outputs = '';

  constructor(private readonly machine: DisplayedMachine) {}

  /** Looks at the screen from now on, or no more, as the machine's state is. */
  watch(): void {
    this.dispose();
    this.#timer = undefined;
    if (!this.machine.life.isOn) return;
    this.#look();
    this.#timer = setInterval(() => this.#look(), screenInterval);
  }

  /** Says so when the size of what the guest shows has changed. */
  #look(): void {
    const { control, chips, onEvent } = this.machine;
    const changes = control.displayChanges();
    if (changes === this.#changes) return;
    this.#changes = changes;
    const { generation, takesPositions, devices, outputs } = this.state();
    const uses = JSON.stringify([generation, takesPositions, devices, outputs.map(({ use, shown, right, refusal }) => [use, shown, right, refusal])]);
    if (uses !== this.#outputs) {
      this.#outputs = uses;
      onEvent({ kind: 'outputs', generation });
    }
    const shape = chips.screenShape();
    const text = JSON.stringify(shape);
    if (text === this.#shape) return;
    this.#shape = text;
    onEvent({ kind: 'display', ...shape });
  }

  state(): DisplayDeviceState {
    return this.machine.lock.with(() => this.machine.chips.displayState());
  }

  /** See Machine.configureDisplay. */
  configure(properties: DisplayProperties, session: number): DisplayDeviceState {
    const { life, chips } = this.machine;
    life.require(['running', 'paused'], 'given another display');
    this.machine.deviceWork(() => chips.configureDisplay(properties, session));
    this.#look();
    return this.state();
  }

  /** See Machine.awaitFrames. */
  async awaitFrames(generation: number, milliseconds: number): Promise<boolean> {
    const end = performance.now() + milliseconds;
    for (;;) {
      const { generation: now, outputs } = this.state();
      if (now !== generation) return false;
      if (outputs.every(({ properties, right }) => properties === undefined || right)) return true;
      if (performance.now() >= end || !this.machine.life.isOn) return false;
      await new Promise((resolve) => setTimeout(resolve, frameInterval));
    }
  }

  screenshot(output = 0): Picture {
    requireOutput(output);
    return this.machine.lock.with(() => this.machine.chips.screenshot(output));
  }

  screenText(): string[] | undefined {
    return this.machine.lock.with(() => this.machine.chips.screenText());
  }

  dispose(): void {
    clearInterval(this.#timer);
  }
}
