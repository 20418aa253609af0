/**
 * Deadlines of chips, in the shared memory: one saved block per timer, so that each thread sees all of them and any thread may run them.
 * Everything here happens under the device lock.
 */
import { defineBlock, scalar } from '../layout/block.ts';
import type { Timer } from './bus.ts';
import type { MachineMemory } from './memory.ts';

const timerBlock = defineBlock('timer', 1, {
  armed: scalar('u32'),
  /** Guest nanoseconds. */
  deadline: scalar('f64'),
});

/** More callbacks than this in one go mean that a chip arms itself into the past; the rest waits for the next look. */
const longestBurst = 10_000;

interface Entry {
  readonly name: string;
  readonly state: { armed: number; deadline: number };
  readonly callback: () => void;
}

export class TimerSet {
  readonly #entries: Entry[] = [];
  /** Where in memory `armed` and `deadline` of each timer are, in elements; `next` is asked for before every slice of instructions. */
  readonly #armedAt: number[] = [];
  readonly #deadlineAt: number[] = [];
  readonly #words: Uint32Array;
  readonly #doubles: Float64Array;
  /** Told of each deadline that was armed, so that whoever sleeps can plan anew. */
  onArmed: (deadline: number) => void = () => {};

  constructor(private readonly memory: MachineMemory) {
    this.#words = new Uint32Array(memory.buffer);
    this.#doubles = new Float64Array(memory.buffer);
  }

  add(name: string, callback: () => void): Timer {
    if (this.#entries.some((entry) => entry.name === name)) throw new RangeError(`The timer ${name} exists already.`);
    const base = this.memory.directory.open(timerBlock, name);
    const state = timerBlock.at(this.memory.buffer, base);
    this.#armedAt.push((base + timerBlock.offset.armed) >>> 2);
    this.#deadlineAt.push((base + timerBlock.offset.deadline) >>> 3);
    this.#entries.push({ name, state, callback });
    return {
      arm: (deadline) => {
        if (!Number.isSafeInteger(deadline))
          throw new RangeError(`The deadline ${deadline} of timer ${name} is no whole number of nanoseconds.`);
        state.deadline = deadline;
        state.armed = 1;
        this.onArmed(deadline);
      },
      cancel: () => {
        state.armed = 0;
      },
      get deadline() {
        return state.armed === 0 ? Infinity : state.deadline;
      },
    };
  }

  /** The earliest deadline, or Infinity. */
  next(): number {
    let earliest = Infinity;
    for (let index = 0; index < this.#armedAt.length; index++) {
      if (this.#words[this.#armedAt[index]!] === 0) continue;
      const deadline = this.#doubles[this.#deadlineAt[index]!]!;
      if (deadline < earliest) earliest = deadline;
    }
    return earliest;
  }

  /**
   * Runs every timer that is due at `now`, by deadline and then in the order of declaration; each is disarmed before its callback,
   * which may arm it again. True if any ran.
   */
  runDue(now: number): boolean {
    let ran = 0;
    for (; ran < longestBurst; ran++) {
      let due: Entry | undefined;
      for (const entry of this.#entries) {
        const { armed, deadline } = entry.state;
        if (armed !== 0 && deadline <= now && (due === undefined || deadline < due.state.deadline)) due = entry;
      }
      if (due === undefined) break;
      due.state.armed = 0;
      due.callback();
    }
    return ran > 0;
  }

  /** Disarms all: power-on. */
  clear(): void {
    for (const { state } of this.#entries) state.armed = 0;
  }
}
