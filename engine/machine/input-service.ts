/** Keys, mouse, positions and serial bytes from outside, on their way to the chips; what these have no room for waits here. */
import type { MachineChips } from './chips.ts';
import { requireOutput } from './display-service.ts';
import type { LifeCycle } from './life-cycle.ts';
import { MachineError, type MachineInput } from './machine.ts';

/** Bytes of input that may wait for the guest, and how often they are offered again, in milliseconds. */
const longestInput = 1 << 20;
const feedInterval = 10;

/** Input that the chips had no room for. */
export interface WaitingInput {
  readonly scancodes: readonly number[];
  readonly serialInput: readonly number[];
}

export interface TypedMachine {
  readonly name: string;
  readonly chips: Pick<MachineChips, 'typeScancodes' | 'receiveSerial' | 'moveMouse' | 'point' | 'touch' | 'pen'>;
  readonly life: Pick<LifeCycle, 'require' | 'isOn' | 'busy'>;
  /** It takes input between two epochs only (epochs.ts), by `give`. */
  readonly hasEpochs: boolean;
  /** Works on chips, at an exact time under the virtual clock. */
  deviceWork(body: () => void): void;
}

export class InputService {
  #scancodes: number[] = [];
  #serial: number[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly machine: TypedMachine) {}

  /** Input that a chip has no room for waits here; more than a person could mean is refused. */
  accept(input: MachineInput): void {
    const { name, life, hasEpochs } = this.machine;
    life.require(['running', 'paused'], 'given input');
    if (hasEpochs) throw new MachineError('wrong-state', `The machine ${name} is a side of a pair, and takes input between two epochs only.`);
    if ('bytes' in input && this.#queueOf(input).length + input.bytes.length > longestInput) {
      throw new MachineError(
        'wrong-state',
        `The guest does not read its ${input.kind === 'serial' ? 'serial port' : 'keyboard'}; no more input is taken.`,
      );
    }
    this.#take(input);
    this.feed();
  }

  /** Between two epochs. Every vCPU stands still; what chips have no room for waits for the next call. */
  give(inputs: readonly MachineInput[]): void {
    for (const input of inputs) this.#take(input);
    this.#offer();
  }

  #queueOf({ kind }: MachineInput): number[] {
    return kind === 'serial' ? this.#serial : this.#scancodes;
  }

  #take(input: MachineInput): void {
    const { chips } = this.machine;
    if (input.kind === 'mouse') {
      // Motion that the mouse does not take is lost, as on the wire.
      this.machine.deviceWork(() => chips.moveMouse(input));
      return;
    }
    if (input.kind === 'pointer' || input.kind === 'touch' || input.kind === 'pen') {
      requireOutput(input.output);
      this.machine.deviceWork(() => {
        if (input.kind === 'pointer') chips.point(input);
        else if (input.kind === 'touch') chips.touch(input);
        else chips.pen(input);
      });
      return;
    }
    const queue = this.#queueOf(input);
    for (const byte of input.bytes) queue.push(byte);
  }

  /** Offers what waits, now and again until it is taken. What waits for a machine that is off is dropped. */
  feed(): void {
    this.hold();
    this.#timer = undefined;
    const { life, hasEpochs } = this.machine;
    if (life.busy !== undefined || hasEpochs) return;
    if (!life.isOn) this.replace({ scancodes: [], serialInput: [] });
    this.#offer();
    if (this.#scancodes.length > 0 || this.#serial.length > 0) this.#timer = setTimeout(() => this.feed(), feedInterval);
  }

  #offer(): void {
    if (this.#scancodes.length === 0 && this.#serial.length === 0) return;
    const { chips } = this.machine;
    this.machine.deviceWork(() => {
      if (this.#scancodes.length > 0) this.#scancodes = this.#scancodes.slice(chips.typeScancodes(this.#scancodes));
      if (this.#serial.length > 0) this.#serial = this.#serial.slice(chips.receiveSerial(Uint8Array.from(this.#serial)));
    });
  }

  /** Nothing is offered until `feed`. */
  hold(): void {
    clearTimeout(this.#timer);
  }

  /** A copy, since it is written down when the machine runs again and takes input. */
  get waiting(): WaitingInput {
    return { scancodes: [...this.#scancodes], serialInput: [...this.#serial] };
  }

  replace({ scancodes, serialInput }: WaitingInput): void {
    this.#scancodes = [...scancodes];
    this.#serial = [...serialInput];
  }
}
