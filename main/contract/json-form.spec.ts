import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { byteArray } from './bytes.ts';
import { jsonForm, toJson } from './json-form.ts';

const schema = z.object({
  number: z.number(),
  big: z.bigint(),
  bytes: byteArray(8).nullable(),
  list: z.array(z.object({ big: z.bigint().nullable() })),
  either: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('a'), big: z.bigint() }),
    z.object({ kind: z.literal('b'), text: z.string() }),
  ]),
  maybe: z.bigint().nullish(),
  table: z.record(z.string(), z.bigint()),
});

const value = fc.record({
  number: fc.integer(),
  big: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  bytes: fc.option(fc.uint8Array({ maxLength: 8 })),
  list: fc.array(fc.record({ big: fc.option(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })) })),
  either: fc.oneof(
    fc.record({ kind: fc.constant('a' as const), big: fc.bigInt({ min: 0n, max: 9n }) }),
    fc.record({ kind: fc.constant('b' as const), text: fc.string() }),
  ),
  maybe: fc.option(fc.bigInt({ min: 0n, max: 9n }), { nil: undefined }),
  table: fc.dictionary(fc.stringMatching(/^[a-z]+$/u), fc.bigInt({ min: 0n, max: 9n })),
});

describe('the form of a value in JSON', () => {
  it('fits the schema that follows from the value’s own, over text and back', () => {
    fc.assert(
      fc.property(value, (one) => {
        const form = toJson(one);
        expect(jsonForm(schema).parse(JSON.parse(JSON.stringify(form)))).toEqual(form);
      }),
    );
  });

  it('is exact about large numbers and bytes', () => {
    expect(toJson({ big: 2n ** 64n - 1n, bytes: Uint8Array.of(0, 255), gone: undefined })).toEqual({
      big: '0xffffffffffffffff',
      bytes: '00ff',
    });
  });

  it('refuses what is not in it, and what is not of that form', () => {
    const form = jsonForm(z.object({ big: z.bigint(), bytes: byteArray() }));
    expect(form.safeParse({ big: '0x1f', bytes: '1f' }).success).toBe(true);
    for (const wrong of [
      { big: 31, bytes: '' },
      { big: '1f', bytes: '' },
      { big: '0x1', bytes: 'f' },
      { big: '0x1', bytes: '', more: 1 },
    ]) {
      expect(form.safeParse(wrong).success, JSON.stringify(wrong)).toBe(false);
    }
  });
});
