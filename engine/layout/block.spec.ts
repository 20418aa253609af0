import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { array, defineBlock, scalar, type Field, type FieldType } from './block.ts';

const types: FieldType[] = ['u8', 'i8', 'u16', 'i16', 'u32', 'i32', 'u64', 'f64'];

describe('a declared block', () => {
  it('places fields naturally aligned, without overlap, in a multiple of 64 bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom(...types), fc.integer({ min: 1, max: 20 })), { minLength: 1 }), (list) => {
        const fields: Record<string, Field> = {};
        list.forEach(([type, count], index) => (fields[`f${index}`] = { type, count }));
        const layout = defineBlock('test', 1, fields);
        let end = 0;
        for (const field of Object.values(layout.fields)) {
          expect(field.offset % (field.size / field.count)).toBe(0);
          expect(field.offset).toBeGreaterThanOrEqual(end);
          end = field.offset + field.size;
        }
        expect(layout.size % 64).toBe(0);
        expect(layout.size).toBeGreaterThanOrEqual(end);
      }),
    );
  });

  it('gives views that share the bytes', () => {
    const layout = defineBlock('test', 1, { a: scalar('u32'), b: array('u16', 4), c: scalar('u64') });
    const buffer = new SharedArrayBuffer(256);
    const one = layout.at(buffer, 64);
    const two = layout.at(buffer, 64);
    one.a = 0xdeadbeef;
    one.b[3] = 7;
    one.c = 1n << 63n;
    expect([two.a, two.b[3], two.c]).toEqual([0xdeadbeef, 7, 1n << 63n]);
  });

  it('refuses a base that would share a cache line', () => {
    expect(() => defineBlock('test', 1, { a: scalar('u8') }).at(new SharedArrayBuffer(128), 32)).toThrow(RangeError);
  });
});
