/** Transcendental instructions with their special operands (SDM vol. 2, F2XM1, FYL2X, FYL2XP1, FPATAN, FPTAN, FSIN, FCOS: the tables). */
import { denormals, notNumber, notNumbers } from './arithmetic.ts';
import {
  exact,
  Exception,
  exponentBias,
  infinity,
  invalid,
  Kind,
  kindOf,
  one,
  zero,
  type Extended,
  type Outcome,
} from './extended.ts';
import { round } from './rounding.ts';
import {
  angle,
  cosine as cosineValue,
  partOfPi,
  powerOfTwoMinusOne,
  scaledLogarithm,
  scaledLogarithmPlusOne,
  sine as sineValue,
  tangent as tangentValue,
  type Real,
} from './transcendental.ts';

/** Always to full precision, and never exact. */
function rounded(value: Real, control: number): Outcome {
  const { significand, weight } = value;
  const outcome = round(significand < 0n ? 1 : 0, significand < 0n ? -significand : significand, weight, control, 64);
  const underflow = outcome.value.exponent === 0 ? Exception.underflow : 0;
  return { ...outcome, exceptions: outcome.exceptions | Exception.precision | underflow };
}

function calculated(denormal: number, control: number, calculate: () => Outcome): Outcome {
  if ((denormal & ~control) !== 0) return exact(zero(0), denormal);
  const outcome = calculate();
  return { ...outcome, exceptions: outcome.exceptions | denormal };
}

/** F2XM1. Outside of -1 to 1 the result is undefined; the operand stays. */
export function powerOfTwo(x: Extended, control: number): Outcome {
  const special = notNumber(x);
  if (special) return special;
  const kind = kindOf(x);
  if (kind === Kind.zero) return exact(x);
  if (kind === Kind.infinity) return exact(x.sign === 0 ? x : one(1));
  return calculated(denormals(x), control, () => {
    if (x.exponent > exponentBias) return exact(x);
    if (x.exponent === exponentBias) {
      if (x.mantissa !== one(0).mantissa) return exact(x);
      return x.sign === 0 ? exact(x) : exact({ sign: 1, exponent: exponentBias - 1, mantissa: x.mantissa });
    }
    return rounded(powerOfTwoMinusOne(x), control);
  });
}

/** FYL2X: y * log2(x). */
export function logarithm(y: Extended, x: Extended, control: number): Outcome {
  const special = notNumbers(y, x);
  if (special) return special;
  const kindX = kindOf(x);
  const kindY = kindOf(y);
  if (kindX === Kind.zero) {
    if (kindY === Kind.zero) return invalid;
    const value = infinity((1 - y.sign) as 0 | 1);
    return kindY === Kind.infinity ? exact(value) : exact(value, Exception.zeroDivide);
  }
  if (x.sign === 1) return invalid;
  const below = x.exponent < exponentBias;
  const isOne = x.exponent === exponentBias && x.mantissa === one(0).mantissa;
  if ((kindX === Kind.infinity && kindY === Kind.zero) || (isOne && kindY === Kind.infinity)) return invalid;
  const sign = (below ? 1 - y.sign : y.sign) as 0 | 1;
  return calculated(denormals(y, x), control, () => {
    if (kindX === Kind.infinity || kindY === Kind.infinity) return exact(infinity(sign));
    if (kindY === Kind.zero || isOne) return exact(zero(sign));
    return rounded(scaledLogarithm(y, x), control);
  });
}

/** FYL2XP1: y * log2(x + 1). Outside of its range the result is undefined. */
export function logarithmPlusOne(y: Extended, x: Extended, control: number): Outcome {
  const special = notNumbers(y, x);
  if (special) return special;
  const kindX = kindOf(x);
  const kindY = kindOf(y);
  const sign = (x.sign ^ y.sign) as 0 | 1;
  if (kindX === Kind.zero && kindY === Kind.infinity) return invalid;
  if (kindX === Kind.infinity && (x.sign === 1 || kindY === Kind.zero)) return invalid;
  return calculated(denormals(y, x), control, () => {
    if (kindX === Kind.zero || kindY === Kind.zero) return exact(zero(sign));
    if (kindX === Kind.infinity || kindY === Kind.infinity) return exact(infinity(sign));
    if (x.sign === 1 && x.exponent >= exponentBias) return invalid;
    return rounded(scaledLogarithmPlusOne(y, x), control);
  });
}

/** FPATAN: arctan(y / x) by quadrant. */
export function arcTangent(y: Extended, x: Extended, control: number): Outcome {
  const special = notNumbers(y, x);
  if (special) return special;
  const kindX = kindOf(x);
  const kindY = kindOf(y);
  const signed = (value: Real) => rounded(y.sign === 1 ? { ...value, significand: -value.significand } : value, control);
  return calculated(denormals(y, x), control, () => {
    if (kindY === Kind.infinity) {
      if (kindX === Kind.infinity) return signed(x.sign === 0 ? partOfPi(1n, 4n) : partOfPi(3n, 4n));
      return signed(partOfPi(1n, 2n));
    }
    if (kindX === Kind.infinity || kindY === Kind.zero) return x.sign === 0 ? exact(zero(y.sign)) : signed(partOfPi(1n, 1n));
    if (kindX === Kind.zero) return signed(partOfPi(1n, 2n));
    return rounded(angle(y, x), control);
  });
}

/** |x| < 2^63; beyond, FSIN and its kin set C2 and do nothing. Infinities are in range: they are invalid. */
export function inTrigonometricRange(x: Extended): boolean {
  return kindOf(x) !== Kind.normal || x.exponent < exponentBias + 63;
}

function trigonometric(x: Extended, control: number, ofZero: Extended, calculate: (x: Extended) => Real): Outcome {
  const special = notNumber(x);
  if (special) return special;
  const kind = kindOf(x);
  if (kind === Kind.infinity) return invalid;
  if (kind === Kind.zero) return exact(ofZero);
  return calculated(denormals(x), control, () => rounded(calculate(x), control));
}

export const sine = (x: Extended, control: number): Outcome => trigonometric(x, control, x, sineValue);
export const cosine = (x: Extended, control: number): Outcome => trigonometric(x, control, one(0), cosineValue);
/** FPTAN without the 1 it pushes. */
export const tangent = (x: Extended, control: number): Outcome => trigonometric(x, control, x, tangentValue);
