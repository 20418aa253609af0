/** Numbers and bytes as hexadecimal columns show them: lower case, full width, without 0x. */

export function hexNumber(value: number | bigint, digits = 8): string {
  return value.toString(16).padStart(digits, '0');
}

export function hexByte(byte: number): string {
  return hexNumber(byte, 2);
}

/** Leading zeros, which are shown fainter, and the rest; of zero the last digit is the rest. */
export function splitZeros(hex: string): readonly [zeros: string, rest: string] {
  const zeros = /^0*(?=.)/.exec(hex)?.[0] ?? '';
  return [zeros, hex.slice(zeros.length)];
}

/** A byte as text; a dot for what has no ASCII sign. */
export function textByte(byte: number): string {
  return byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·';
}

/** A number as people type it into a hexadecimal field, with 0x or without; undefined when it is none. */
export function readHex(text: string): bigint | undefined {
  const digits = /^(?:0x)?([0-9a-f_]+)$/i.exec(text.trim())?.[1]?.replaceAll('_', '');
  return digits === undefined || digits === '' ? undefined : BigInt(`0x${digits}`);
}
