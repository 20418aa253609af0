import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { evaluate, ExpressionError, parseExpression, parseLogText, type Surroundings } from './expression.ts';

const known = new Set(['eax', 'ebx', 'sp']);
const around: Surroundings = {
  name: (name) => (name === 'eax' ? 10 : name === 'ebx' ? 0x1000 : undefined),
  segmentBase: (segment) => (segment === 'es' ? 0x20000 : 0),
  memory: (address, size, physical) => (address < 0x100 ? undefined : (physical ? 1 : 0) * 1000 + size * 100 + (address & 0xff)),
};
const value = (text: string, symbol?: (name: string) => number | undefined) =>
  evaluate(parseExpression(text, known, symbol), around);
const refusal = (text: string): string => {
  try {
    value(text);
  } catch (error) {
    if (error instanceof ExpressionError) return error.message;
    throw error;
  }
  return 'accepted';
};

describe('an expression', () => {
  it('has the operators of C, with their precedence, over unsigned 32-bit numbers', () => {
    expect(value('1 + 2 * 3 == 7 && !(4 < 3)')).toBe(1);
    expect(value('0x10 | 1 ^ 3 & 6')).toBe(0x10 | (1 ^ (3 & 6)));
    expect(value('-1')).toBe(0xffffffff);
    expect(value('~0 >> 28')).toBe(15);
    expect(value('0ffh + 0b11 - 1')).toBe(257);
    expect(value('2 - 3 > 5')).toBe(1);
  });

  it('names registers and symbols, whatever their case for registers', () => {
    expect(value('EAX * 2')).toBe(20);
    expect(value('Label.x + 1', (name) => (name === 'Label.x' ? 41 : undefined))).toBe(42);
  });

  it('reads memory of three widths, by segment, and physical', () => {
    expect(value('byte[ebx + 4]')).toBe(104);
    expect(value('dword[es:0x10]')).toBe(416);
    expect(value('physical word[0x123]')).toBe(1235);
  });

  it('decides && and || from the left, so that the right need not have a value', () => {
    expect(value('0 && byte[0]')).toBe(0);
    expect(value('1 || 1 / 0')).toBe(1);
  });

  it('is refused with a sentence', () => {
    expect(refusal('')).toBe('The expression is empty.');
    expect(refusal('eax ==')).toBe('Something is missing at the end of the expression.');
    expect(refusal('rax')).toBe('There is no register or symbol named rax.');
    expect(refusal('(1')).toBe('A “)” is missing at the end.');
    expect(refusal('1 2')).toBe('“2” is not expected there.');
    expect(refusal('1 ; 2')).toBe('“; 2” is not understood.');
    expect(refusal('0x123456789')).toBe('0x123456789 is no number of 32 bits.');
    expect(refusal('byte[1]')).toBe('Memory at 0x1 cannot be read.');
    expect(refusal('sp')).toBe('sp has no value here.');
    expect(refusal('physical 5')).toBe('“physical” stands before byte, word or dword.');
    expect(refusal('('.repeat(2000))).toContain('at most 1000 characters');
    expect(refusal('('.repeat(900))).toContain('nested too deeply');
  });

  it('throws nothing but its own errors, whatever the text', () => {
    const piece = fc.constantFrom(
      'eax',
      '1',
      '(',
      ')',
      '[',
      ']',
      'dword',
      'es:',
      '+',
      '&&',
      '!',
      '0x',
      ' ',
      'physical',
      '%',
      '{',
      'é',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary', maxLength: 60 }),
          fc.array(piece, { maxLength: 30 }).map((parts) => parts.join('')),
        ),
        (text) => {
          const result = refusal(text);
          expect(result.length).toBeGreaterThan(0);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('agrees with JavaScript on arithmetic', () => {
    const number = fc.integer({ min: 0, max: 0xffffffff });
    fc.assert(
      fc.property(number, number, fc.integer({ min: 0, max: 31 }), (a, b, shift) => {
        expect(value(`${a} + ${b}`)).toBe(Number(BigInt.asUintN(32, BigInt(a) + BigInt(b))));
        expect(value(`${a} * ${b}`)).toBe(Number(BigInt.asUintN(32, BigInt(a) * BigInt(b))));
        expect(value(`${a} << ${shift}`)).toBe(Number(BigInt.asUintN(32, BigInt(a) << BigInt(shift))));
        expect(value(`${a} < ${b}`)).toBe(a < b ? 1 : 0);
      }),
    );
  });
});

describe('a log text', () => {
  it('has expressions in braces', () => {
    expect(parseLogText('a={eax} {{x', known)).toEqual(['a=', { op: 'name', name: 'eax' }, ' {x']);
    expect(() => parseLogText('a={eax', known)).toThrow('A “}” is missing');
  });
});
