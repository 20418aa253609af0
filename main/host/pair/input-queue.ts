import type { Machine, MachineInput } from '../../../engine/machine/machine.ts';

/** Milliseconds after which a machine is offered again what it had no room for, or could not take while it was held. */
const again = 10;

/** The first input of a queue, and those behind it that are more bytes of the same line. */
function together(first: MachineInput, queue: readonly MachineInput[]): { input: MachineInput; count: number } {
  if (first.kind !== 'serial') return { input: first, count: 1 };
  const pieces: Uint8Array[] = [];
  for (const input of queue) {
    if (input.kind !== 'serial') break;
    pieces.push(input.bytes);
  }
  return { input: pieces.length === 1 ? first : { kind: 'serial', bytes: new Uint8Array(Buffer.concat(pieces)) }, count: pieces.length };
}

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

  /** The machine may take them now. */
  offer(): void {
    void this.#work();
  }

  async #work(): Promise<void> {
    if (this.#working) return;
    this.#working = true;
    clearTimeout(this.#timer);
    try {
      for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
        const from = this.#queue;
        const { input, count } = together(next, from);
        await this.machine.input(input);
        // Another state came meanwhile: its inputs were not this one.
        if (from === this.#queue) this.#queue.splice(0, count);
      }
    } catch {
      this.#timer = setTimeout(() => void this.#work(), again);
    } finally {
      this.#working = false;
    }
  }
}
