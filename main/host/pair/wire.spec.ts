import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decode, encode, WireError } from './wire.ts';

const whole = (value: unknown) => Buffer.concat(encode(value));

const plain = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(undefined, null, true, false),
    fc.double(),
    fc.string({ unit: 'grapheme' }),
    fc.uint8Array(),
    fc.uint32Array(),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.string().filter((name) => name !== '__proto__'), tie('value'), { maxKeys: 4, noNullPrototype: true }),
  ),
})).value;

describe('messages as bytes', { timeout: 60_000 }, () => {
  it('come back as they were', () => {
    fc.assert(
      fc.property(plain, (value) => {
        expect(decode(whole(value))).toEqual(value);
      }),
      { numRuns: 60 },
    );
    // Long byte strings are not copied on their way out, and stand between others.
    const long = new Uint8Array(300_000).map((_, index) => index);
    const message = { before: 'a', long, after: [long.subarray(1), 'b'] };
    const back = decode(whole(message)) as typeof message;
    expect([back.before, back.after[1], Buffer.compare(back.long, long), Buffer.compare(back.after[0] as Uint8Array, long.subarray(1))]).toEqual(['a', 'b', 0, 0]);
    expect(encode(message).some((piece) => piece.buffer === long.buffer)).toBe(true);
  });

  it('whatever they are, are values or refused, and never anything else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          // What is taken can be said again.
          encode(decode(Buffer.from(bytes)));
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
        }
      }),
      { numRuns: 2000 },
    );
    fc.assert(
      fc.property(plain, fc.nat(), fc.nat(255), (value, at, byte) => {
        const bytes = whole(value);
        bytes[at % bytes.length] = byte;
        try {
          decode(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('are refused when they end early, go on, are too deep, or name what may not be named', () => {
    const bytes = whole({ a: [1, 'two', Uint8Array.of(3)] });
    for (let length = 0; length < bytes.length; length++) expect(() => decode(bytes.subarray(0, length))).toThrow(WireError);
    expect(() => decode(Buffer.concat([bytes, Buffer.of(0)]))).toThrow(WireError);
    expect(() => decode(Buffer.concat(Array.from({ length: 100 }, () => Buffer.of(8, 1, 0, 0, 0))))).toThrow(/deep/);
    expect(() => decode(Buffer.concat([Buffer.of(9, 1, 0, 0, 0, 9, 0, 0, 0), Buffer.from('__proto__'), Buffer.of(1)]))).toThrow(WireError);
    // A length is not believed before the bytes are there.
    expect(() => decode(Buffer.of(6, 255, 255, 255, 255))).toThrow(WireError);
  });

  it('hold no functions, no big numbers and nothing of a class', () => {
    for (const value of [() => 1, 1n, new Date(0), new Map(), Symbol('a')]) expect(() => encode({ value })).toThrow(WireError);
  });
});
