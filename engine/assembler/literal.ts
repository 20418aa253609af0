/** Numbers, character constants and floating-point numbers as NASM writes them (manual, 3.4). */

const radixOfLetter: Readonly<Record<string, number>> = { b: 2, y: 2, o: 8, q: 8, d: 10, t: 10, h: 16, x: 16 };

function digits(text: string, radix: number): bigint | undefined {
  const clean = text.replaceAll('_', '').toLowerCase();
  if (clean === '') return undefined;
  const allowed = radix === 2 ? /^[01]+$/ : radix === 8 ? /^[0-7]+$/ : radix === 10 ? /^\d+$/ : /^[\da-f]+$/;
  if (!allowed.test(clean)) return undefined;
  const prefix = { 2: '0b', 8: '0o', 10: '', 16: '0x' }[radix] ?? '';
  return BigInt(prefix + clean);
}

/**
 * The value of a number token, wrapped to 64 bits; undefined if it is none. Where prefix and suffix disagree (0b1h),
 * the larger radix is meant.
 */
export function numberValue(text: string): bigint | undefined {
  const known = numbers.get(text);
  if (known !== undefined) return known;
  const value = readNumber(text);
  if (value !== undefined && text.length <= 20) {
    if (numbers.size >= mostNumbers) numbers.clear();
    numbers.set(text, value);
  }
  return value;
}

/** Numbers that were read lately: a program writes the same ones again and again. */
const numbers = new Map<string, bigint>();
const mostNumbers = 4096;

function readNumber(text: string): bigint | undefined {
  if (/^[0-9]{1,15}$/.test(text)) return BigInt(Number(text));
  let value: bigint | undefined;
  if (text.startsWith('$')) {
    value = digits(text.slice(1), 16);
  } else {
    const prefix = text.length > 2 && text[0] === '0' ? (radixOfLetter[(text[1] ?? '').toLowerCase()] ?? 0) : 0;
    const suffix = text.length > 1 ? (radixOfLetter[(text[text.length - 1] ?? '').toLowerCase()] ?? 0) : 0;
    if (prefix > suffix) value = digits(text.slice(2), prefix);
    else if (suffix > prefix) value = digits(text.slice(0, -1), suffix);
    else value = digits(text, 10);
  }
  return value === undefined ? undefined : BigInt.asIntN(64, value);
}

const encoder = new TextEncoder();
const simpleEscapes: Readonly<Record<string, number>> = {
  a: 7,
  b: 8,
  t: 9,
  n: 10,
  v: 11,
  f: 12,
  r: 13,
  e: 27,
  "'": 39,
  '"': 34,
  '`': 96,
  '\\': 92,
  '?': 63,
};

/** The bytes of a string token (UTF-8); escapes count in backquotes only. */
export function stringBytes(quoted: string): Uint8Array {
  const inner = quoted.slice(1, -1);
  if (quoted[0] !== '`' || !inner.includes('\\')) return encoder.encode(inner);
  const bytes: number[] = [];
  for (let at = 0; at < inner.length;) {
    const rest = inner.slice(at);
    const octal = /^\\([0-7]{1,3})/.exec(rest);
    const hexadecimal = /^\\x([0-9a-fA-F]{1,2})/.exec(rest);
    const unicode = /^\\u([0-9a-fA-F]{1,4})|^\\U([0-9a-fA-F]{1,8})/.exec(rest);
    if (octal) {
      bytes.push(parseInt(octal[1] ?? '', 8) & 0xff);
      at += octal[0].length;
    } else if (hexadecimal) {
      bytes.push(parseInt(hexadecimal[1] ?? '', 16));
      at += hexadecimal[0].length;
    } else if (unicode) {
      const point = parseInt(unicode[1] ?? unicode[2] ?? '', 16);
      bytes.push(...encoder.encode(point <= 0x10ffff ? String.fromCodePoint(point) : '\ufffd'));
      at += unicode[0].length;
    } else if (rest[0] === '\\' && rest.length > 1) {
      const simple = simpleEscapes[rest[1] ?? ''];
      if (simple !== undefined) bytes.push(simple);
      else bytes.push(...encoder.encode(rest.slice(0, 2)));
      at += 2;
    } else {
      const character = String.fromCodePoint(rest.codePointAt(0) ?? 0);
      bytes.push(...encoder.encode(character));
      at += character.length;
    }
  }
  return Uint8Array.from(bytes);
}

/** A character constant in an expression: little-endian, the first eight bytes count. */
export function stringValue(bytes: Uint8Array): bigint {
  let value = 0n;
  for (let index = Math.min(bytes.length, 8) - 1; index >= 0; index--) value = (value << 8n) | BigInt(bytes[index] ?? 0);
  return BigInt.asIntN(64, value);
}

/** Text as a string token, in the quotes that need no escape. */
export function quote(text: string): string {
  if (!text.includes("'")) return `'${text}'`;
  if (!text.includes('"')) return `"${text}"`;
  return `\`${text.replaceAll('\\', '\\\\').replaceAll('`', '\\`')}\``;
}

/** Whether a number token is a floating-point number. */
export function isFloat(text: string): boolean {
  return /^[0-9][0-9_]*\.[0-9_]*([eE][+-]?[0-9_]+)?$|^[0-9][0-9_]*[eE][+-]?[0-9_]+$|^0[xh][0-9a-f_]*\.?[0-9a-f_]*p[+-]?\d+$/i.test(
    text,
  );
}

/** A floating-point number as an exact fraction. */
function fraction(text: string): { numerator: bigint; denominator: bigint } {
  const clean = text.replaceAll('_', '').toLowerCase();
  const hexadecimal = /^0[xh]([0-9a-f]*)\.?([0-9a-f]*)p([+-]?\d+)$/.exec(clean);
  if (hexadecimal) {
    const [, whole = '', part = '', power = '0'] = hexadecimal;
    const exponent = clampExponent(Number(power)) - 4 * part.length;
    const mantissa = BigInt(`0x${whole}${part}0`) >> 4n;
    return exponent >= 0
      ? { numerator: mantissa << BigInt(exponent), denominator: 1n }
      : { numerator: mantissa, denominator: 1n << BigInt(-exponent) };
  }
  const [mantissa = '0', power = '0'] = clean.split('e');
  const [whole = '0', part = ''] = mantissa.split('.');
  const exponent = clampExponent(Number(power)) - part.length;
  const value = BigInt(whole + part);
  return exponent >= 0
    ? { numerator: value * 10n ** BigInt(exponent), denominator: 1n }
    : { numerator: value, denominator: 10n ** BigInt(-exponent) };
}

/** Beyond this even the 80-bit format has overflowed or become zero. */
function clampExponent(power: number): number {
  return Math.max(-20000, Math.min(20000, power));
}

const formats = {
  2: { exponentBits: 5, mantissaBits: 10, explicit: false },
  4: { exponentBits: 8, mantissaBits: 23, explicit: false },
  8: { exponentBits: 11, mantissaBits: 52, explicit: false },
  10: { exponentBits: 15, mantissaBits: 64, explicit: true },
} as const;

/** The IEEE 754 bits of a floating-point number in a format of so many bytes, rounded to nearest even; undefined on overflow. */
export function floatBits(text: string, size: 2 | 4 | 8 | 10, negative: boolean): bigint | undefined {
  const { exponentBits, mantissaBits, explicit } = formats[size];
  const fractionBits = explicit ? mantissaBits - 1 : mantissaBits;
  const bias = (1 << (exponentBits - 1)) - 1;
  const sign = (negative ? 1n : 0n) << BigInt(exponentBits + mantissaBits);
  const { numerator, denominator } = fraction(text);
  if (numerator === 0n) return sign;
  // The exponent such that 1 <= value / 2^exponent < 2.
  let exponent = numerator.toString(2).length - denominator.toString(2).length;
  const scaled = (power: number): [bigint, bigint] =>
    power >= 0 ? [numerator, denominator << BigInt(power)] : [numerator << BigInt(-power), denominator];
  const [top, bottom] = scaled(exponent);
  if (top < bottom) exponent--;
  const lowest = 1 - bias;
  const unit = Math.max(exponent, lowest) - fractionBits;
  const [up, down] = scaled(unit);
  let significand = up / down;
  const twice = (up % down) * 2n;
  if (twice > down || (twice === down && (significand & 1n) === 1n)) significand++;
  let biased = Math.max(exponent, lowest) + bias;
  if (significand >> BigInt(fractionBits + 1) !== 0n) {
    significand >>= 1n;
    biased++;
  }
  if (significand >> BigInt(fractionBits) === 0n) biased = 0;
  if (biased >= (1 << exponentBits) - 1) return undefined;
  const mantissa = explicit ? significand : significand & ((1n << BigInt(fractionBits)) - 1n);
  return sign | (BigInt(biased) << BigInt(mantissaBits)) | mantissa;
}

/** `__Infinity__` and its kin: their bits in a format of so many bytes; undefined if the name is none of them. */
export function specialFloatBits(name: string, size: 2 | 4 | 8 | 10, negative: boolean): bigint | undefined {
  const kind = /^__\??(infinity|nan|qnan|snan)\??__$/i.exec(name)?.[1]?.toLowerCase();
  if (kind === undefined) return undefined;
  const { exponentBits, mantissaBits, explicit } = formats[size];
  const fractionBits = explicit ? mantissaBits - 1 : mantissaBits;
  const integer = explicit ? 1n << BigInt(mantissaBits - 1) : 0n;
  const payload = kind === 'infinity' ? 0n : kind === 'snan' ? 1n : 1n << BigInt(fractionBits - 1);
  const exponent = ((1n << BigInt(exponentBits)) - 1n) << BigInt(mantissaBits);
  return ((negative ? 1n : 0n) << BigInt(exponentBits + mantissaBits)) | exponent | integer | payload;
}
