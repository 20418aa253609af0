import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lineMap } from './line-map.ts';

const text = (lines: string): string[] => lines.split(' ');

describe('lines of a text in a later one', () => {
  it('follow what is put in and taken out before them', () => {
    const map = lineMap(text('a b c d'), text('x a b d'));
    expect([1, 2, 3, 4].map((line) => map.forward(line))).toEqual([2, 3, undefined, 4]);
    expect([1, 2, 3, 4].map((line) => map.back(line))).toEqual([undefined, 1, 2, 4]);
  });

  it('stay where they are when they are changed themselves', () => {
    expect(lineMap(text('a b c'), text('a B c')).forward(2)).toBe(2);
    expect(lineMap(text('a b c d'), text('new a B c d new2')).forward(2)).toBe(3);
  });

  it('are found by lines that stand once, on both sides of changes', () => {
    const map = lineMap(text('start nop nop middle nop end'), text('nop start nop middle nop nop end nop'));
    expect(map.forward(1)).toBe(2);
    expect(map.forward(4)).toBe(4);
    expect(map.forward(6)).toBe(7);
  });

  it('keep their order, and go back to where they came from', () => {
    const lines = fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e'), { maxLength: 12 });
    fc.assert(
      fc.property(lines, lines, (before, after) => {
        const map = lineMap(before, after);
        let last = 0;
        for (let line = 1; line <= before.length; line++) {
          const to = map.forward(line);
          if (to === undefined) continue;
          expect(to).toBeGreaterThan(last);
          expect(to).toBeLessThanOrEqual(after.length);
          expect(map.back(to)).toBe(line);
          last = to;
        }
        expect(lineMap(before, before).forward(before.length)).toBe(before.length === 0 ? undefined : before.length);
      }),
    );
  });
});
