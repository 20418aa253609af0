/** Inputs of an interrupt controller on which several drivers are wired together: asserted while any of them asserts it. */
import type { InterruptLine } from '../machine/bus.ts';

const driversOfInput = 32;

export class WiredInputs {
  private readonly counts: Uint8Array;

  /**
   * `drivers` has a word per input in shared memory, with a bit for each driver; `onChange` is told when an input changes.
   * Every thread must make its lines in the same order; at most 32 an input.
   */
  constructor(
    private readonly drivers: Uint32Array<SharedArrayBuffer>,
    private readonly onChange: (input: number, asserted: boolean) => void,
  ) {
    this.counts = new Uint8Array(drivers.length);
  }

  /** A new driver of `input`. */
  line(input: number): InterruptLine {
    const { drivers, counts } = this;
    const index = counts[input];
    if (index === undefined) throw new RangeError(`there is no input ${input}`);
    if (index === driversOfInput) throw new RangeError(`input ${input} has more than ${driversOfInput} drivers`);
    counts[input] = index + 1;
    const bit = 2 ** index;
    return {
      set: (asserted) => {
        const before = drivers[input] ?? 0;
        const after = (asserted ? before | bit : before & ~bit) >>> 0;
        if (after === before) return;
        drivers[input] = after;
        if ((before === 0) !== (after === 0)) this.onChange(input, after !== 0);
      },
    };
  }

  asserted(input: number): boolean {
    return (this.drivers[input] ?? 0) !== 0;
  }
}
