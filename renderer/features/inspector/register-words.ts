/** What a register says beside its value. */
import type { RegisterMessage, SegmentRegisterMessage } from '../../../main/contract/debug.ts';

/** The largest number that is worth saying in decimal as well. */
const SMALL = 0xffffn;

/** For instance "page_fault+0x1a", "-1" or "512". */
export function generalRemark({ value, symbol, bits }: RegisterMessage): string {
  if (symbol !== null) return symbol;
  if (value < 10n) return '';
  if (value <= SMALL) return String(value);
  const signed = BigInt.asIntN(bits, value);
  return signed < 0n && -signed <= SMALL ? String(signed) : '';
}

/** The names of the bits that are set, and fields with their values: "PE ET PG". */
export function fieldsRemark({ fields }: RegisterMessage): string {
  return fields
    .filter(({ value, width }) => value !== 0 && width < 20)
    .map(({ name, value, width }) => (width === 1 ? name : `${name}=${value}`))
    .join(' ');
}

/** The cached part of a segment register. */
export function segmentCache({ base, limit }: SegmentRegisterMessage): string {
  return `base ${base.toString(16)}, limit ${limit.toString(16)}`;
}
