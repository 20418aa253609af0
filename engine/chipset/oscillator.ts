/** A fixed frequency, counted from power-on. */
export interface Oscillator {
  /** Whole periods that have passed at `nanoseconds` since power-on. Exact below 2^53. */
  ticksAt(nanoseconds: number): number;
  /** The first nanosecond at which `ticksAt` is `tick` or more. */
  timeOf(tick: number): number;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

/**
 * An oscillator of `hertz` (an integer below 4,000,000). Integer arithmetic throughout: the time is split into whole
 * cycles of the reduced fraction, so that no product leaves the 53 bits of a number.
 */
export function oscillator(hertz: number): Oscillator {
  const divisor = greatestCommonDivisor(1_000_000_000, hertz);
  const ticksPerCycle = hertz / divisor;
  const cycle = 1_000_000_000 / divisor;
  return {
    ticksAt(nanoseconds) {
      const cycles = Math.floor(nanoseconds / cycle);
      return cycles * ticksPerCycle + Math.floor(((nanoseconds - cycles * cycle) * ticksPerCycle) / cycle);
    },
    timeOf(tick) {
      const cycles = Math.floor(tick / ticksPerCycle);
      return cycles * cycle + Math.ceil(((tick - cycles * ticksPerCycle) * cycle) / ticksPerCycle);
    },
  };
}
