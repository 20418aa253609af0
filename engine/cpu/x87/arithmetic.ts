/**
 * Arithmetic on double extended numbers (SDM vol. 2, FADD to FXTRACT; vol. 1, 8.5 for the answers to invalid operands). Pure
 * functions: operands and control word in, outcome out. If an outcome's exception is unmasked and precedes the calculation
 * (invalid, denormal, zero divide), its value is not to be used.
 */
import {
  bitLength,
  exact,
  Exception,
  exponentBias,
  fromInteger,
  infinity,
  integerBit,
  invalid,
  isNan,
  Kind,
  kindOf,
  maximumExponent,
  negated,
  quieted,
  weightOf,
  zero,
  type Extended,
  type Outcome,
} from './extended.ts';
import { round, Rounding, roundingOf, shiftRounded } from './rounding.ts';

/** Bits kept below the larger operand where the smaller one only matters as "not nothing". */
const guardBits = 130;

/**
 * The answer to operands that are not numbers: the propagated NaN (SDM vol. 1, table 4-7), or the indefinite for an unsupported
 * format. `undefined` if both are numbers.
 */
export function notNumbers(a: Extended, b: Extended): Outcome | undefined {
  const kindA = kindOf(a);
  const kindB = kindOf(b);
  if (kindA === Kind.unsupported || kindB === Kind.unsupported) return invalid;
  if (!isNan(kindA) && !isNan(kindB)) return undefined;
  const exceptions = kindA === Kind.signallingNan || kindB === Kind.signallingNan ? Exception.invalid : 0;
  if (!isNan(kindB)) return exact(quieted(a), exceptions);
  if (!isNan(kindA)) return exact(quieted(b), exceptions);
  if (kindA !== kindB) return exact(kindA === Kind.quietNan ? a : b, exceptions);
  const larger = a.mantissa === b.mantissa ? a.sign === 0 : a.mantissa > b.mantissa;
  return exact(quieted(larger ? a : b), exceptions);
}

/** The same for one operand. */
export function notNumber(a: Extended): Outcome | undefined {
  const kind = kindOf(a);
  if (kind === Kind.unsupported) return invalid;
  if (kind === Kind.signallingNan) return exact(quieted(a), Exception.invalid);
  return kind === Kind.quietNan ? exact(a) : undefined;
}

export function denormals(...operands: readonly Extended[]): number {
  return operands.some((each) => each.denormal === true || kindOf(each) === Kind.denormal) ? Exception.denormal : 0;
}

/** Adds the denormal exception; if that one is unmasked, nothing else happens. */
function withDenormals(denormal: number, control: number, calculate: () => Outcome): Outcome {
  if (denormal === 0) return calculate();
  if ((control & Exception.denormal) === 0) return exact(zero(0), denormal);
  const outcome = calculate();
  return { ...outcome, exceptions: outcome.exceptions | denormal };
}

export function add(a: Extended, b: Extended, control: number): Outcome {
  return notNumbers(a, b) ?? sum(a, b, control);
}

export function subtract(a: Extended, b: Extended, control: number): Outcome {
  return notNumbers(a, b) ?? sum(a, negated(b), control);
}

function sum(a: Extended, b: Extended, control: number): Outcome {
  const kindA = kindOf(a);
  const kindB = kindOf(b);
  if (kindA === Kind.infinity && kindB === Kind.infinity && a.sign !== b.sign) return invalid;
  return withDenormals(denormals(a, b), control, () => {
    if (kindA === Kind.infinity) return exact(a);
    if (kindB === Kind.infinity) return exact(b);
    if (kindA === Kind.zero && kindB === Kind.zero) return exact(zero(a.sign === b.sign ? a.sign : zeroSign(control)));
    let weightA = weightOf(a);
    let weightB = weightOf(b);
    let x = a.sign === 0 ? a.mantissa : -a.mantissa;
    let y = b.sign === 0 ? b.mantissa : -b.mantissa;
    // Far apart, the smaller one decides about rounding only.
    if (x !== 0n && y !== 0n && Math.abs(weightA - weightB) > guardBits + 64) {
      if (weightA > weightB) {
        y = y < 0n ? -1n : 1n;
        weightB = weightA - guardBits;
      } else {
        x = x < 0n ? -1n : 1n;
        weightA = weightB - guardBits;
      }
    } else if (x === 0n) weightA = weightB;
    else if (y === 0n) weightB = weightA;
    const weight = Math.min(weightA, weightB);
    const total = (x << BigInt(weightA - weight)) + (y << BigInt(weightB - weight));
    if (total === 0n) return exact(zero(zeroSign(control)));
    return round(total < 0n ? 1 : 0, total < 0n ? -total : total, weight, control);
  });
}

/** The sign of an exact zero difference (SDM vol. 1, 4.8.3.1). */
function zeroSign(control: number): 0 | 1 {
  return roundingOf(control) === Rounding.down ? 1 : 0;
}

export function multiply(a: Extended, b: Extended, control: number): Outcome {
  const special = notNumbers(a, b);
  if (special) return special;
  const kindA = kindOf(a);
  const kindB = kindOf(b);
  if ((kindA === Kind.infinity && kindB === Kind.zero) || (kindA === Kind.zero && kindB === Kind.infinity)) return invalid;
  const sign = (a.sign ^ b.sign) as 0 | 1;
  return withDenormals(denormals(a, b), control, () => {
    if (kindA === Kind.infinity || kindB === Kind.infinity) return exact(infinity(sign));
    return round(sign, a.mantissa * b.mantissa, weightOf(a) + weightOf(b), control);
  });
}

export function divide(a: Extended, b: Extended, control: number): Outcome {
  const special = notNumbers(a, b);
  if (special) return special;
  const kindA = kindOf(a);
  const kindB = kindOf(b);
  if (kindA === kindB && (kindA === Kind.infinity || kindA === Kind.zero)) return invalid;
  const sign = (a.sign ^ b.sign) as 0 | 1;
  if (kindB === Kind.zero && kindA !== Kind.infinity) return exact(infinity(sign), Exception.zeroDivide);
  return withDenormals(denormals(a, b), control, () => {
    if (kindA === Kind.infinity) return exact(infinity(sign));
    if (kindB === Kind.infinity || kindA === Kind.zero) return exact(zero(sign));
    const { value, weight } = quotient(a, b);
    return round(sign, value, weight, control);
  });
}

/** |a / b| with more bits than any format has, the last one set if the division does not end. */
export function quotient(a: Extended, b: Extended): { value: bigint; weight: number } {
  const numerator = a.mantissa << BigInt(2 * guardBits);
  const whole = numerator / b.mantissa;
  const value = (whole << 1n) | (whole * b.mantissa === numerator ? 0n : 1n);
  return { value, weight: weightOf(a) - weightOf(b) - 2 * guardBits - 1 };
}

/** The integer square root, rounded down. */
export function integerSquareRoot(value: bigint): bigint {
  if (value < 2n) return value;
  let guess = 1n << BigInt((bitLength(value) + 1) >> 1);
  for (;;) {
    const next = (guess + value / guess) >> 1n;
    if (next >= guess) return guess;
    guess = next;
  }
}

export function squareRoot(a: Extended, control: number): Outcome {
  const special = notNumber(a);
  if (special) return special;
  const kind = kindOf(a);
  if (kind === Kind.zero) return exact(a);
  if (a.sign === 1) return invalid;
  return withDenormals(denormals(a), control, () => {
    if (kind === Kind.infinity) return exact(a);
    const weight = weightOf(a);
    const even = weight & 1;
    const shifted = a.mantissa << BigInt(2 * guardBits + even);
    const root = integerSquareRoot(shifted);
    return round(0, (root << 1n) | (root * root === shifted ? 0n : 1n), (weight - even) / 2 - guardBits - 1, control);
  });
}

export const enum Order {
  greater,
  less,
  equal,
  unordered,
}

/** `quiet`: only a signalling NaN is an invalid operand (FUCOM). */
export function compare(a: Extended, b: Extended, quiet: boolean): { order: Order; exceptions: number } {
  const special = notNumbers(a, b);
  if (special) return { order: Order.unordered, exceptions: quiet ? special.exceptions : Exception.invalid };
  const exceptions = denormals(a, b);
  const x = comparable(a);
  const y = comparable(b);
  return { order: x > y ? Order.greater : x < y ? Order.less : Order.equal, exceptions };
}

/** An integer that grows with the number. */
function comparable({ sign, exponent, mantissa }: Extended): bigint {
  const weight = BigInt(Math.max(exponent, 1) - 1) << 64n;
  const magnitude = mantissa === 0n ? 0n : weight + mantissa;
  return sign === 0 ? magnitude : -magnitude;
}

/** FRNDINT. */
export function roundToInteger(a: Extended, control: number): Outcome {
  const special = notNumber(a);
  if (special) return special;
  const kind = kindOf(a);
  const weight = weightOf(a);
  if (kind === Kind.zero || kind === Kind.infinity || weight >= 0) return exact(a);
  return withDenormals(denormals(a), control, () => {
    const { value, inexact, up } = shiftRounded(a.mantissa, -weight, a.sign, roundingOf(control));
    return { value: { ...fromInteger(value), sign: a.sign }, exceptions: inexact ? Exception.precision : 0, roundedUp: up };
  });
}

/** FSCALE: a * 2^truncate(b). */
export function scale(a: Extended, b: Extended, control: number): Outcome {
  const special = notNumbers(a, b);
  if (special) return special;
  const kindA = kindOf(a);
  const kindB = kindOf(b);
  if (kindB === Kind.infinity && ((b.sign === 0 && kindA === Kind.zero) || (b.sign === 1 && kindA === Kind.infinity)))
    return invalid;
  return withDenormals(denormals(a, b), control, () => {
    if (kindB === Kind.infinity) return exact(b.sign === 0 ? infinity(a.sign) : zero(a.sign));
    if (kindA === Kind.infinity || kindA === Kind.zero) return exact(a);
    return round(a.sign, a.mantissa, weightOf(a) + scaleExponent(b), control, 64);
  });
}

/** More than the format's whole range; where the result lies outside of it does not matter. */
const farOut = 0x20000;
function scaleExponent(b: Extended): number {
  const weight = weightOf(b);
  if (b.mantissa === 0n || weight <= -64) return 0;
  const magnitude = weight >= -40 ? farOut : Math.min(farOut, Number(b.mantissa >> BigInt(-weight)));
  return b.sign === 0 ? magnitude : -magnitude;
}

/** FXTRACT: exponent and significand. */
export function extract(a: Extended, control: number): { exponent: Extended; significand: Extended; exceptions: number } {
  const special = notNumber(a);
  if (special) return { exponent: special.value, significand: special.value, exceptions: special.exceptions };
  const kind = kindOf(a);
  if (kind === Kind.infinity) return { exponent: infinity(0), significand: a, exceptions: 0 };
  if (kind === Kind.zero) return { exponent: infinity(1), significand: a, exceptions: Exception.zeroDivide };
  const exceptions = denormals(a);
  if ((exceptions & ~control) !== 0) return { exponent: a, significand: a, exceptions };
  const bits = bitLength(a.mantissa);
  const significand: Extended = { sign: a.sign, exponent: exponentBias, mantissa: a.mantissa << BigInt(64 - bits) };
  return { exponent: fromInteger(BigInt(weightOf(a) + bits - 1)), significand, exceptions };
}

/**
 * Reduction of FPREM in one step, if it cannot be completed: by 32 to 63 bits of the exponents' difference (SDM vol. 2, FPREM), so that what is
 * left of it is a multiple of 32, as processors do.
 */
const partialBits = (difference: number): number => 32 + (difference & 31);

export interface Remainder extends Outcome {
  /** The low three bits of the quotient; undefined if the remainder is partial or none. */
  readonly quotient: number | undefined;
  /** More steps are needed. */
  readonly partial: boolean;
}

/** FPREM (`nearest` false) and FPREM1 (true). */
export function remainder(a: Extended, b: Extended, control: number, nearest: boolean): Remainder {
  const special = notNumbers(a, b);
  if (special) return { ...special, quotient: undefined, partial: false };
  const kindA = kindOf(a);
  const kindB = kindOf(b);
  if (kindA === Kind.infinity || kindB === Kind.zero) return { ...invalid, quotient: undefined, partial: false };
  let low: number | undefined = 0;
  let partial = false;
  const outcome = withDenormals(denormals(a, b), control, () => {
    if (kindA === Kind.zero || kindB === Kind.infinity)
      return kindA === Kind.denormal ? round(a.sign, a.mantissa, weightOf(a), control, 64) : exact(a);
    const difference = topOf(a) - topOf(b);
    if (difference < -1) return kindA === Kind.denormal ? round(a.sign, a.mantissa, weightOf(a), control, 64) : exact(a);
    const weight = Math.min(weightOf(a), weightOf(b));
    const x = a.mantissa << BigInt(weightOf(a) - weight);
    let y = b.mantissa << BigInt(weightOf(b) - weight);
    if (difference >= 64) {
      partial = true;
      low = undefined;
      y <<= BigInt(difference - partialBits(difference));
      return round(a.sign, x % y, weight, control, 64);
    }
    let count = x / y;
    let rest = x - count * y;
    let sign = a.sign;
    if (nearest && (2n * rest > y || (2n * rest === y && (count & 1n) === 1n))) {
      count += 1n;
      rest = y - rest;
      sign = (1 - sign) as 0 | 1;
    }
    low = Number(count & 7n);
    if (rest === 0n) return exact(zero(a.sign));
    return round(sign, rest, weight, control, 64);
  });
  return { ...outcome, quotient: low, partial };
}

/** Exponent of the leading bit of a number that is not zero. */
export function topOf(a: Extended): number {
  return weightOf(a) + bitLength(a.mantissa) - 1;
}

/** C3, C2, C0 of FXAM as a number C3:C2:C0 (SDM vol. 2, table 3-42). */
export function examination(a: Extended, empty: boolean): number {
  if (empty) return 5;
  switch (kindOf(a)) {
    case Kind.unsupported:
      return 0;
    case Kind.quietNan:
    case Kind.signallingNan:
      return 1;
    case Kind.normal:
      return 2;
    case Kind.infinity:
      return 3;
    case Kind.zero:
      return 4;
    case Kind.denormal:
      return 6;
  }
}

/** Two bits of the tag word for what a register holds (SDM vol. 1, 8.1.7): valid, zero, special. */
export function tagOf({ exponent, mantissa }: Extended): number {
  if (exponent === 0 && mantissa === 0n) return 1;
  return exponent === 0 || exponent === maximumExponent || (mantissa & integerBit) === 0n ? 2 : 0;
}
