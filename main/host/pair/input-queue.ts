import type { Machine, MachineInput } from '../../../engine/machine/machine.ts';

/** Milliseconds after which a machine is offered again what it had no room for, or could not take while it was held. */
const again = 10;

/** Gives inputs to a machine one after the other. One that it has not taken yet belongs to the state that is about to be transferred. */
export class InputQueue {
  #queue: MachineInput[] = [];
  #working = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly machine: Machine) {}

  push(input: MachineInput): void {
    this.#queue.push(input);
    void this.#work();
  }

  /** What the machine has not taken. Exact while it is held, and what was told it before has been answered. */
  get left(): readonly MachineInput[] {
    return this.#queue;
  }

  /** What is left is that of another state. The machine is held. */
  replace(inputs: readonly MachineInput[]): void {
    this.#queue = [...inputs];
    void this.#work();
  }

  async #work(): Promise<void> {
    if (this.#working) return;
    this.#working = true;
    clearTimeout(this.#timer);
    try {
      for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
        const from = this.#queue;
        await this.machine.input(next);
        // Another state came meanwhile: its inputs were not this one.
        if (from === this.#queue) this.#queue.shift();
      }
    } catch {
      this.#timer = setTimeout(() => void this.#work(), again);
    } finally {
      this.#working = false;
    }
  }
}
