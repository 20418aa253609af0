/** Rounding to the formats of the x87 (SDM vol. 1, 4.8.4, 4.9.1.4, 4.9.1.5 and 8.1.5). */
import { bitLength, Exception, exponentBias, infinity, zero, type Extended, type Outcome } from './extended.ts';

/** RC, bits 10-11 of the control word. */
export const enum Rounding {
  nearest,
  down,
  up,
  zero,
}
export const roundingOf = (control: number): Rounding => (control >> 10) & 3;

/** Bits of significand by PC, bits 8-9 of the control word; the reserved value 1 means extended precision. */
const precisions = [24, 64, 53, 64] as const;
export const precisionOf = (control: number): number => precisions[(control >> 8) & 3] ?? 64;

/** A binary format: bits of significand, and the unbiased exponents of its smallest and largest normal numbers. */
export interface Format {
  readonly precision: number;
  readonly minimum: number;
  readonly maximum: number;
}
export const single: Format = { precision: 24, minimum: -126, maximum: 127 };
export const double: Format = { precision: 53, minimum: -1022, maximum: 1023 };
const extendedMinimum = 1 - exponentBias;
const extendedMaximum = exponentBias;

/** What unmasked overflow and underflow take off or add to the exponent of a result in a register (SDM vol. 1, 8.5.4 and 8.5.5). */
const exponentAdjustment = 24576;

/** magnitude * 2^-shift as an integer. `sign` directs rounding down and up. */
export function shiftRounded(
  magnitude: bigint,
  shift: number,
  sign: 0 | 1,
  mode: Rounding,
): { value: bigint; inexact: boolean; up: boolean } {
  if (shift <= 0) return { value: magnitude << BigInt(-shift), inexact: false, up: false };
  const by = BigInt(shift);
  const value = magnitude >> by;
  const rest = magnitude - (value << by);
  if (rest === 0n) return { value, inexact: false, up: false };
  const half = 1n << (by - 1n);
  const up =
    mode === Rounding.nearest
      ? rest > half || (rest === half && (value & 1n) === 1n)
      : mode === Rounding.up
        ? sign === 0
        : mode === Rounding.down && sign === 1;
  return { value: up ? value + 1n : value, inexact: true, up };
}

/** A finite number in some format: mantissa * 2^weight, or overflow to `largest` or infinity. */
export interface Rounded {
  readonly mantissa: bigint;
  readonly weight: number;
  readonly exceptions: number;
  readonly up: boolean;
  /** Overflow: the masked result, infinity or the largest number. */
  readonly overflow: 'none' | 'infinity' | 'largest';
  /** Exponent of the leading bit, had the format no bounds, and the mantissa then. */
  readonly unbounded: { readonly mantissa: bigint; readonly weight: number };
}

/**
 * Rounds magnitude * 2^weight (magnitude not 0). Overflow and underflow are judged after rounding as if the exponent had no
 * bounds; underflow is reported if the result is tiny and (`tinyCounts` or inexact).
 */
export function roundTo(
  format: Format,
  sign: 0 | 1,
  magnitude: bigint,
  weight: number,
  mode: Rounding,
  tinyCounts: boolean,
): Rounded {
  const { precision } = format;
  const drop = bitLength(magnitude) - precision;
  const first = shiftRounded(magnitude, drop, sign, mode);
  let bound = { mantissa: first.value, weight: weight + drop };
  if (bitLength(bound.mantissa) > precision) bound = { mantissa: bound.mantissa >> 1n, weight: bound.weight + 1 };
  const exponent = bound.weight + bitLength(bound.mantissa) - 1;
  const inexact = first.inexact ? Exception.precision : 0;
  if (exponent > format.maximum) {
    const outward = mode === Rounding.nearest || mode === (sign === 0 ? Rounding.up : Rounding.down);
    const overflow = outward ? 'infinity' : 'largest';
    return { ...bound, exceptions: Exception.overflow | inexact, up: first.up, overflow, unbounded: bound };
  }
  if (exponent >= format.minimum) return { ...bound, exceptions: inexact, up: first.up, overflow: 'none', unbounded: bound };
  const quantum = format.minimum - precision + 1;
  const tiny = shiftRounded(magnitude, quantum - weight, sign, mode);
  const lost = tiny.inexact ? Exception.precision : 0;
  const underflow = tiny.inexact || tinyCounts ? Exception.underflow : 0;
  return { mantissa: tiny.value, weight: quantum, exceptions: underflow | lost, up: tiny.up, overflow: 'none', unbounded: bound };
}

/** mantissa * 2^weight, which must fit the format, as a number in it. */
export function pack(sign: 0 | 1, mantissa: bigint, weight: number): Extended {
  if (mantissa === 0n) return zero(sign);
  const bits = bitLength(mantissa);
  const leading = weight + bits - 1;
  if (leading < extendedMinimum) {
    const shift = weight - (extendedMinimum - 63);
    return { sign, exponent: 0, mantissa: shift >= 0 ? mantissa << BigInt(shift) : mantissa >> BigInt(-shift) };
  }
  return {
    sign,
    exponent: leading + exponentBias,
    mantissa: bits <= 64 ? mantissa << BigInt(64 - bits) : mantissa >> BigInt(bits - 64),
  };
}

/**
 * Rounds magnitude * 2^weight to a register by control word: RC, the masks of overflow and underflow, and PC unless
 * another `precision` is given.
 */
export function round(
  sign: 0 | 1,
  magnitude: bigint,
  weight: number,
  control: number,
  precision: number = precisionOf(control),
): Outcome {
  if (magnitude === 0n) return { value: zero(sign), exceptions: 0, roundedUp: false };
  const mode = roundingOf(control);
  const tinyCounts = (control & Exception.underflow) === 0;
  const format = { precision, minimum: extendedMinimum, maximum: extendedMaximum };
  const rounded = roundTo(format, sign, magnitude, weight, mode, tinyCounts);
  const { exceptions, unbounded } = rounded;
  const masked = (exceptions & control & (Exception.overflow | Exception.underflow)) !== 0;
  if (rounded.overflow !== 'none') {
    if (!masked) return adjusted(sign, unbounded, -exponentAdjustment, exceptions, rounded.up);
    const value = rounded.overflow === 'infinity' ? infinity(sign) : largest(sign, precision);
    return { value, exceptions: exceptions | Exception.precision, roundedUp: rounded.overflow === 'infinity' };
  }
  if ((exceptions & Exception.underflow) !== 0 && !masked) {
    const first = roundTo({ precision, minimum: -1e6, maximum: 1e6 }, sign, magnitude, weight, mode, false);
    return adjusted(sign, unbounded, exponentAdjustment, Exception.underflow | first.exceptions, first.up);
  }
  return { value: pack(sign, rounded.mantissa, rounded.weight), exceptions, roundedUp: rounded.up };
}

function adjusted(
  sign: 0 | 1,
  from: { mantissa: bigint; weight: number },
  by: number,
  exceptions: number,
  roundedUp: boolean,
): Outcome {
  const weight = from.weight + by;
  const leading = weight + bitLength(from.mantissa) - 1;
  // FSCALE can leave even the adjusted range: then the result is infinity or zero (SDM vol. 1, 8.5.4 and 8.5.5).
  if (leading > extendedMaximum) return { value: infinity(sign), exceptions: exceptions | Exception.precision, roundedUp: true };
  if (leading < extendedMinimum) return { value: zero(sign), exceptions: exceptions | Exception.precision, roundedUp: false };
  return { value: pack(sign, from.mantissa, weight), exceptions, roundedUp };
}

function largest(sign: 0 | 1, precision: number): Extended {
  const mantissa = ((1n << BigInt(precision)) - 1n) << BigInt(64 - precision);
  return { sign, exponent: extendedMaximum + exponentBias, mantissa };
}
