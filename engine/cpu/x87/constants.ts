/** The constants that FLD1 to FLDZ load, with bits to round (SDM vol. 2, FLD1). */
import { one, zero, type Extended } from './extended.ts';
import { X87 } from '../../isa/x87.ts';
import { round } from './rounding.ts';

/** Each constant times 2^128, cut off. */
const scaled: Partial<Record<X87, bigint>> = {
  [X87.loadPi]: 0x3243f6a8885a308d313198a2e03707344n,
  [X87.loadLogarithm2Of10]: 0x35269e12f346e2bf924afdbfd36bf6d33n,
  [X87.loadLogarithmE]: 0x171547652b82fe1777d0ffda0d23a7d11n,
  [X87.loadLogarithm10]: 0x4d104d427de7fbcc47c4acd605be48bcn,
  [X87.loadNaturalLogarithm2]: 0xb17217f7d1cf79abc9e3b39803f2f6afn,
};
const fractionBits = 128;

/** The constant by RC; PC is no matter, and no exception is reported. */
export function constant(operation: X87, control: number): Extended | undefined {
  if (operation === X87.loadOne) return one(0);
  if (operation === X87.loadZero) return zero(0);
  const value = scaled[operation];
  return value === undefined ? undefined : round(0, value, -fractionBits, control, 64).value;
}
