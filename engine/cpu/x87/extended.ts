/**
 * The x87's one number format: double extended precision (SDM vol. 1, 4.2.2 and table 4-3). Values are immutable, and every bit
 * pattern of 80 bits is a value, the unsupported ones included.
 */

/** The six exceptions, as in status and control word (SDM vol. 1, 8.1.3.3). */
export const Exception = {
  invalid: 1 << 0,
  denormal: 1 << 1,
  zeroDivide: 1 << 2,
  overflow: 1 << 3,
  underflow: 1 << 4,
  precision: 1 << 5,
} as const;

export interface Extended {
  /** 1: negative. */
  readonly sign: 0 | 1;
  /** Biased, 0-0x7fff. */
  readonly exponent: number;
  /** 64 bits; bit 63 is the integer bit. */
  readonly mantissa: bigint;
  /** It was a denormal number in the narrower format it was read from: operations count it as one. */
  readonly denormal?: boolean;
}

/** What an operation gives: the value, the exceptions it met (Exception), and whether rounding made the magnitude larger (C1). */
export interface Outcome {
  readonly value: Extended;
  readonly exceptions: number;
  readonly roundedUp: boolean;
}

export const maximumExponent = 0x7fff;
export const exponentBias = 0x3fff;
/** Exponent of the mantissa's bit 0 in a number whose biased exponent is 0 or 1. */
export const lowestWeight = 1 - exponentBias - 63;
export const integerBit = 1n << 63n;
export const quietBit = 1n << 62n;
const fractionMask = integerBit - 1n;

export const indefinite: Extended = { sign: 1, exponent: maximumExponent, mantissa: integerBit | quietBit };
export const zero = (sign: 0 | 1): Extended => ({ sign, exponent: 0, mantissa: 0n });
export const infinity = (sign: 0 | 1): Extended => ({ sign, exponent: maximumExponent, mantissa: integerBit });
export const one = (sign: 0 | 1): Extended => ({ sign, exponent: exponentBias, mantissa: integerBit });

export const enum Kind {
  zero,
  /** Also pseudo-denormals: exponent 0 with the integer bit set. */
  denormal,
  normal,
  infinity,
  quietNan,
  signallingNan,
  /** Unnormals, pseudo-infinities, pseudo-NaNs: invalid operands since the 80387. */
  unsupported,
}

export function kindOf({ exponent, mantissa }: Extended): Kind {
  if (exponent === 0) return mantissa === 0n ? Kind.zero : Kind.denormal;
  if ((mantissa & integerBit) === 0n) return Kind.unsupported;
  if (exponent !== maximumExponent) return Kind.normal;
  if ((mantissa & fractionMask) === 0n) return Kind.infinity;
  return (mantissa & quietBit) === 0n ? Kind.signallingNan : Kind.quietNan;
}

export const isNan = (kind: Kind): boolean => kind === Kind.quietNan || kind === Kind.signallingNan;

/** Exponent of bit 0 of a finite number's mantissa: its value is mantissa * 2^weight. */
export function weightOf({ exponent }: Extended): number {
  return exponent === 0 ? lowestWeight : exponent - exponentBias - 63;
}

export const negated = (value: Extended): Extended => ({ ...value, sign: value.sign === 0 ? 1 : 0 });

/** A NaN made quiet. */
export const quieted = (value: Extended): Extended => ({ ...value, mantissa: value.mantissa | quietBit });

/** An outcome that needed no rounding. */
export const exact = (value: Extended, exceptions = 0): Outcome => ({ value, exceptions, roundedUp: false });
export const invalid: Outcome = exact(indefinite, Exception.invalid);

/** Number of bits of a non-negative integer; 0 for 0. */
export function bitLength(value: bigint): number {
  if (value < 1n << 53n) return value === 0n ? 0 : Math.floor(Math.log2(Number(value))) + correction(value);
  const text = value.toString(16);
  return (text.length - 1) * 4 + 32 - Math.clz32(parseInt(text[0] ?? '0', 16));
}

/** Math.log2 rounds up just below powers of two. */
function correction(value: bigint): number {
  return 1n << BigInt(Math.floor(Math.log2(Number(value)))) > value ? 0 : 1;
}

/** The signed integer as a number in the format; exact for magnitudes below 2^64. */
export function fromInteger(value: bigint): Extended {
  if (value === 0n) return zero(0);
  const magnitude = value < 0n ? -value : value;
  const bits = bitLength(magnitude);
  if (bits > 64) throw new RangeError(`${value} has more than 64 bits`);
  return { sign: value < 0n ? 1 : 0, exponent: exponentBias + bits - 1, mantissa: magnitude << BigInt(64 - bits) };
}
