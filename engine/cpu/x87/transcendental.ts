/**
 * Transcendental functions (SDM vol. 1, 8.3.7 to 8.3.10) in fixed point with enough bits that the rounded result is right but for
 * the rarest of cases: better than the one unit in the last place that processors promise.
 *
 * Operands are finite and not zero here, and in range; special operands are the caller's (functions.ts).
 */
import { integerSquareRoot, topOf } from './arithmetic.ts';
import { bitLength, weightOf, type Extended } from './extended.ts';

/** A positive or negative value significand * 2^weight; never exact. */
export interface Real {
  readonly significand: bigint;
  readonly weight: number;
}

/** Fraction bits of fixed-point numbers. */
const bits = 320;
const scaleBits = BigInt(bits);
const unit = 1n << scaleBits;
const ln2 = 0xb17217f7d1cf79abc9e3b39803f2f6af40f343267298b62d8a0d175b8baafa2be7b876206debac98n;
const pi = 0x3243f6a8885a308d313198a2e03707344a4093822299f31d0082efa98ec4e6c89452821e638d01377n;
/** Below 2^-this, a function's first term is all that counts. */
const tinyExponent = -90;
/** Bits added below a mantissa to say "a little less or more". */
const guard = 130n;

const multiplied = (a: bigint, b: bigint): bigint => (a * b) >> scaleBits;
const divided = (a: bigint, b: bigint): bigint => (a << scaleBits) / b;

/** A number as fixed point. Its lowest bits are lost if it is below 2^(64 - bits). */
function fixed(value: Extended): bigint {
  const shift = weightOf(value) + bits;
  const magnitude = shift >= 0 ? value.mantissa << BigInt(shift) : value.mantissa >> BigInt(-shift);
  return value.sign === 1 ? -magnitude : magnitude;
}
const real = (significand: bigint): Real => ({ significand, weight: -bits });
const signedMantissa = (value: Extended): bigint => (value.sign === 1 ? -value.mantissa : value.mantissa);

/** The number itself, a little nearer to zero (-1) or farther from it (1). */
function nearly(value: Extended, direction: -1n | 1n): Real {
  const magnitude = (value.mantissa << guard) + direction;
  return { significand: value.sign === 1 ? -magnitude : magnitude, weight: weightOf(value) - Number(guard) };
}

/** 2^x - 1 for |x| <= 1. */
export function powerOfTwoMinusOne(x: Extended): Real {
  if (topOf(x) < tinyExponent) return { significand: signedMantissa(x) * ln2, weight: weightOf(x) - bits };
  const t = multiplied(fixed(x), ln2);
  let term = t;
  let sum = t;
  for (let n = 2n; term !== 0n && term !== -1n; n++) {
    term = multiplied(term, t) / n;
    sum += term;
  }
  return real(sum);
}

/** 2 artanh(z) for small |z|. */
function doubleAreaTangent(z: bigint): bigint {
  const square = multiplied(z, z);
  let power = z;
  let sum = z;
  for (let n = 3n; power !== 0n && power !== -1n; n += 2n) {
    power = multiplied(power, square);
    sum += power / n;
  }
  return 2n * sum;
}

/** The binary logarithm of mantissa * 2^weight, which is positive and not 1. */
function binaryLogarithm(mantissa: bigint, weight: number): bigint {
  const length = bitLength(mantissa);
  let exponent = weight + length - 1;
  // Significand in [sqrt(1/2), sqrt(2)), so that next to 1 nothing cancels.
  const shift = bits - length + 1;
  let significand = shift >= 0 ? mantissa << BigInt(shift) : mantissa >> BigInt(-shift);
  if (significand * significand >= unit * unit * 2n) {
    significand >>= 1n;
    exponent++;
  }
  const logarithm = doubleAreaTangent(divided(significand - unit, significand + unit));
  return divided(logarithm, ln2) + (BigInt(exponent) << scaleBits);
}

/** y * log2(x), x positive and not 1. */
export function scaledLogarithm(y: Extended, x: Extended): Real {
  return { significand: signedMantissa(y) * binaryLogarithm(x.mantissa, weightOf(x)), weight: weightOf(y) - bits };
}

/** y * log2(1 + x), x > -1. */
export function scaledLogarithmPlusOne(y: Extended, x: Extended): Real {
  if (topOf(x) < tinyExponent) {
    const quotient = (signedMantissa(x) << BigInt(2 * bits)) / ln2;
    return { significand: signedMantissa(y) * quotient, weight: weightOf(y) + weightOf(x) - bits };
  }
  if (topOf(x) >= -1) {
    const weight = Math.min(weightOf(x), 0);
    const sum = (1n << BigInt(-weight)) + (signedMantissa(x) << BigInt(weightOf(x) - weight));
    return { significand: signedMantissa(y) * binaryLogarithm(sum, weight), weight: weightOf(y) - bits };
  }
  const value = fixed(x);
  const logarithm = divided(doubleAreaTangent(divided(value, 2n * unit + value)), ln2);
  return { significand: signedMantissa(y) * logarithm, weight: weightOf(y) - bits };
}

/** arctan of 0 <= r <= 1. */
function arcTangentOf(r: bigint): bigint {
  let value = r;
  const halvings = 3;
  for (let count = 0; count < halvings; count++) {
    value = divided(value, unit + integerSquareRoot(unit * unit + value * value));
  }
  const square = multiplied(value, value);
  let power = value;
  let sum = value;
  for (let n = 3n; power !== 0n; n += 2n) {
    power = multiplied(power, square);
    sum += (n & 2n) === 2n ? -power / n : power / n;
  }
  return sum << BigInt(halvings);
}

/** The angle of the point (x, y), both not zero: arctan(y / x), in the quadrant of the point. */
export function angle(y: Extended, x: Extended): Real {
  const difference = topOf(y) - topOf(x);
  const negative = y.sign === 1;
  const signed = (magnitude: bigint): Real => real(negative ? -magnitude : magnitude);
  if (difference < tinyExponent && x.sign === 0) {
    // y / x, a little nearer to zero.
    const quotient = (y.mantissa << (2n * guard)) / x.mantissa;
    const weight = weightOf(y) - weightOf(x) - Number(2n * guard);
    const magnitude = 2n * quotient + (quotient * x.mantissa === y.mantissa << (2n * guard) ? -1n : 1n);
    return { significand: negative ? -magnitude : magnitude, weight: weight - 1 };
  }
  if (difference < -bits) return signed(pi - 1n);
  if (difference > bits) return signed(x.sign === 0 ? pi / 2n - 1n : pi / 2n + 1n);
  const weight = Math.min(weightOf(x), weightOf(y));
  const a = x.mantissa << BigInt(weightOf(x) - weight);
  const b = y.mantissa << BigInt(weightOf(y) - weight);
  const first = b <= a ? arcTangentOf(divided(b, a)) : pi / 2n - arcTangentOf(divided(a, b));
  return signed(x.sign === 0 ? first : pi - first);
}

/** Bits of pi that the argument reduction uses: 66, as documented (SDM vol. 1, 8.3.8). */
const reductionPi = 0xc90fdaa22168c234cn;
/** reductionPi / 2 = 0xC90FDAA22168C234C * 2^-67. */
const halfPiWeight = -67;

/** x - n * pi/2 with |result| <= pi/4, in fixed point, and n mod 4. */
function reduced(x: Extended): { rest: bigint; quadrant: number } {
  const value = fixed(x);
  const half = reductionPi << BigInt(bits + halfPiWeight);
  let count = value / half;
  let rest = value - count * half;
  if (2n * rest > half) {
    count += 1n;
    rest -= half;
  } else if (2n * rest < -half) {
    count -= 1n;
    rest += half;
  }
  return { rest, quadrant: Number(((count % 4n) + 4n) % 4n) };
}

function sineOf(t: bigint): bigint {
  const square = multiplied(t, t);
  let term = t;
  let sum = t;
  for (let n = 2n; term !== 0n && term !== -1n; n += 2n) {
    term = -multiplied(term, square) / (n * (n + 1n));
    sum += term;
  }
  return sum;
}
function cosineOf(t: bigint): bigint {
  const square = multiplied(t, t);
  let term = unit;
  let sum = unit;
  for (let n = 1n; term !== 0n && term !== -1n; n += 2n) {
    term = -multiplied(term, square) / (n * (n + 1n));
    sum += term;
  }
  return sum;
}

/** |x| < 2^63. */
export function sine(x: Extended): Real {
  if (topOf(x) < tinyExponent) return nearly(x, -1n);
  const { rest, quadrant } = reduced(x);
  const magnitude = (quadrant & 1) === 0 ? sineOf(rest) : cosineOf(rest);
  return real(quadrant < 2 ? magnitude : -magnitude);
}

export function cosine(x: Extended): Real {
  if (topOf(x) < tinyExponent) return real(unit - 1n);
  const { rest, quadrant } = reduced(x);
  const magnitude = (quadrant & 1) === 0 ? cosineOf(rest) : sineOf(rest);
  return real(quadrant === 0 || quadrant === 3 ? magnitude : -magnitude);
}

export function tangent(x: Extended): Real {
  if (topOf(x) < tinyExponent) return nearly(x, 1n);
  const { rest, quadrant } = reduced(x);
  const s = sineOf(rest);
  const c = cosineOf(rest);
  return real((quadrant & 1) === 0 ? divided(s, c) : -divided(c, s));
}

/** pi times numerator / denominator. */
export function partOfPi(numerator: bigint, denominator: bigint): Real {
  return real((pi * numerator) / denominator);
}
