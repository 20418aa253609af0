/** Numbers of the x87's registers as people read them. */

const BIAS = 16383;
const MANTISSA_BITS = 63;
const LARGEST_EXPONENT = 0x7fff;
/** Digits that a double keeps of the 64 bits. */
const DIGITS = 17;

/** Ten bytes, lowest first, as a decimal number: rounded to a double where it fits into one, else by its power of two. */
export function extendedText(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const mantissa = view.getBigUint64(0, true);
  const top = view.getUint16(8, true);
  const sign = (top & 0x8000) === 0 ? '' : '-';
  const exponent = top & LARGEST_EXPONENT;
  if (exponent === LARGEST_EXPONENT) {
    const fraction = BigInt.asUintN(MANTISSA_BITS, mantissa);
    if (fraction === 0n) return `${sign}infinity`;
    return `${sign}${fraction >> 62n === 1n ? 'quiet' : 'signalling'} NaN`;
  }
  if (mantissa === 0n) return `${sign}0`;
  const power = (exponent === 0 ? 1 : exponent) - BIAS - MANTISSA_BITS;
  const value = Number(mantissa) * 2 ** power;
  if (Number.isFinite(value) && Math.abs(value) > Number.MIN_VALUE * 2 ** 52) {
    const short = String(value);
    return sign + (short.replace(/\D/g, '').length < DIGITS ? short : value.toPrecision(DIGITS));
  }
  return `${sign}${(Number(mantissa) / 2 ** MANTISSA_BITS).toPrecision(10)} × 2^${power + MANTISSA_BITS}`;
}
