/** Between the register format and the formats of memory operands (SDM vol. 1, 4.2 and 8.2; vol. 2, FLD, FST, FILD, FIST, FBLD, FBSTP). */
import {
  Exception,
  exponentBias,
  fromInteger,
  integerBit,
  Kind,
  kindOf,
  maximumExponent,
  quietBit,
  weightOf,
  zero,
  type Extended,
} from './extended.ts';
import { double, pack, roundingOf, roundTo, shiftRounded, single, type Format } from './rounding.ts';

/** Bits of a value for memory, with the exceptions of the conversion. */
export interface Stored {
  readonly bits: bigint;
  readonly exceptions: number;
  readonly roundedUp: boolean;
}

interface Layout {
  readonly format: Format;
  readonly fractionBits: number;
  readonly exponentBits: number;
}
const layouts: Readonly<Record<4 | 8, Layout>> = {
  4: { format: single, fractionBits: 23, exponentBits: 8 },
  8: { format: double, fractionBits: 52, exponentBits: 11 },
};

/** A real in memory, exactly; a signalling NaN stays one. */
export function fromReal(bits: bigint, bytes: 4 | 8): Extended {
  const { format, fractionBits, exponentBits } = layouts[bytes];
  const fraction = bits & ((1n << BigInt(fractionBits)) - 1n);
  const biased = Number((bits >> BigInt(fractionBits)) & ((1n << BigInt(exponentBits)) - 1n));
  const sign: 0 | 1 = (bits >> BigInt(8 * bytes - 1)) & 1n ? 1 : 0;
  if (biased === 2 ** exponentBits - 1) {
    return { sign, exponent: maximumExponent, mantissa: integerBit | (fraction << BigInt(63 - fractionBits)) };
  }
  if (biased === 0) {
    if (fraction === 0n) return zero(sign);
    return { ...pack(sign, fraction, format.minimum - fractionBits), denormal: true };
  }
  const mantissa = integerBit | (fraction << BigInt(63 - fractionBits));
  return { sign, exponent: biased - 1 + format.minimum + exponentBias, mantissa };
}

/** FST m32, m64. If overflow or underflow is unmasked and reported, the bits are not to be stored. */
export function toReal(value: Extended, bytes: 4 | 8, control: number): Stored {
  const { format, fractionBits, exponentBits } = layouts[bytes];
  const fractionMask = (1n << BigInt(fractionBits)) - 1n;
  const top = ((1n << BigInt(exponentBits)) - 1n) << BigInt(fractionBits);
  const { sign } = value;
  const signed = (bits: bigint) => (sign === 1 ? bits | (1n << BigInt(8 * bytes - 1)) : bits);
  const plain = (bits: bigint, exceptions = 0): Stored => ({ bits: signed(bits), exceptions, roundedUp: false });
  switch (kindOf(value)) {
    case Kind.zero:
      return plain(0n);
    case Kind.infinity:
      return plain(top);
    case Kind.unsupported:
      return {
        bits: (1n << BigInt(8 * bytes - 1)) | top | (1n << BigInt(fractionBits - 1)),
        exceptions: Exception.invalid,
        roundedUp: false,
      };
    case Kind.quietNan:
    case Kind.signallingNan: {
      const fraction = ((value.mantissa | quietBit) >> BigInt(63 - fractionBits)) & fractionMask;
      return plain(top | fraction, kindOf(value) === Kind.signallingNan ? Exception.invalid : 0);
    }
  }
  const rounded = roundTo(
    format,
    sign,
    value.mantissa,
    weightOf(value),
    roundingOf(control),
    (control & Exception.underflow) === 0,
  );
  // Unmasked overflow and underflow keep the value from being stored, and say nothing of its precision.
  if (rounded.overflow !== 'none') {
    const outward = rounded.overflow === 'infinity';
    if ((control & Exception.overflow) === 0) return { bits: 0n, exceptions: Exception.overflow, roundedUp: false };
    return { bits: signed(outward ? top : top - 1n), exceptions: Exception.overflow | Exception.precision, roundedUp: outward };
  }
  if ((rounded.exceptions & ~control & Exception.underflow) !== 0)
    return { bits: 0n, exceptions: Exception.underflow, roundedUp: false };
  if (rounded.mantissa === 0n) return { bits: signed(0n), exceptions: rounded.exceptions, roundedUp: rounded.up };
  // A mantissa in units of the smallest denormal carries into the exponent by itself.
  const quantum = format.minimum - format.precision + 1;
  const shift = rounded.weight - quantum;
  const bits = normalised(rounded.mantissa, shift, fractionBits);
  return { bits: signed(bits), exceptions: rounded.exceptions, roundedUp: rounded.up };
}

/** The fields of mantissa * 2^shift smallest denormals. */
function normalised(mantissa: bigint, shift: number, fractionBits: number): bigint {
  const hidden = 1n << BigInt(fractionBits);
  let exponent = shift;
  let value = mantissa;
  while (value < hidden && exponent > 0) {
    value <<= 1n;
    exponent--;
  }
  if (value < hidden) return value;
  return (BigInt(exponent + 1) << BigInt(fractionBits)) | (value & (hidden - 1n));
}

/** FIST: the integer indefinite and an invalid exception where the value does not fit. */
export function toInteger(value: Extended, bytes: 2 | 4 | 8, control: number): Stored {
  const bits = 8 * bytes;
  const limit = 1n << BigInt(bits - 1);
  const refused: Stored = { bits: limit, exceptions: Exception.invalid, roundedUp: false };
  const rounded = integerOf(value, control, limit);
  if (!rounded) return refused;
  const { integer, inexact, up } = rounded;
  if (integer >= limit || integer < -limit) return refused;
  return { bits: BigInt.asUintN(bits, integer), exceptions: inexact ? Exception.precision : 0, roundedUp: up };
}

/** Rounded to an integer by RC; undefined for what is none, or certainly above `limit`. */
function integerOf(
  value: Extended,
  control: number,
  limit: bigint,
): { integer: bigint; inexact: boolean; up: boolean } | undefined {
  const kind = kindOf(value);
  if (kind !== Kind.zero && kind !== Kind.denormal && kind !== Kind.normal) return undefined;
  if (kind === Kind.zero) return { integer: 0n, inexact: false, up: false };
  const weight = weightOf(value);
  if (weight > 8) return undefined;
  const { value: magnitude, inexact, up } = shiftRounded(value.mantissa, -weight, value.sign, roundingOf(control));
  if (magnitude > limit) return undefined;
  return { integer: value.sign === 1 ? -magnitude : magnitude, inexact, up };
}

const bcdDigits = 18;
const bcdLimit = 10n ** BigInt(bcdDigits);
const bcdSign = 1n << 79n;
/** SDM vol. 1, 4.7. */
const bcdIndefinite = 0xffffc000000000000000n;

/** FBLD. Digits above nine count as what they are (undefined in the manual). */
export function fromBcd(bits: bigint): Extended {
  let integer = 0n;
  for (let digit = bcdDigits - 1; digit >= 0; digit--) integer = integer * 10n + ((bits >> BigInt(4 * digit)) & 0xfn);
  return { ...fromInteger(integer), sign: (bits & bcdSign) === 0n ? 0 : 1 };
}

/** FBSTP. */
export function toBcd(value: Extended, control: number): Stored {
  const refused: Stored = { bits: bcdIndefinite, exceptions: Exception.invalid, roundedUp: false };
  const rounded = integerOf(value, control, bcdLimit);
  if (!rounded) return refused;
  let magnitude = rounded.integer < 0n ? -rounded.integer : rounded.integer;
  if (magnitude >= bcdLimit) return refused;
  let bits = value.sign === 1 ? bcdSign : 0n;
  for (let digit = 0; digit < bcdDigits; digit++) {
    bits |= (magnitude % 10n) << BigInt(4 * digit);
    magnitude /= 10n;
  }
  return { bits, exceptions: rounded.inexact ? Exception.precision : 0, roundedUp: rounded.up };
}
