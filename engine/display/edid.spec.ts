import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defaultDisplay, edidBytes, edidOf, reducedBlankingTiming } from './edid.ts';

const sizes = { width: fc.integer({ min: 64, max: 4095 }), height: fc.integer({ min: 64, max: 2160 }) };

function text(block: Uint8Array, tag: number): string | undefined {
  for (let at = 54; at < 126; at += 18) {
    if (block[at] === 0 && block[at + 1] === 0 && block[at + 3] === tag) {
      return Buffer.from(block.subarray(at + 5, at + 18))
        .toString('latin1')
        .split('\n')[0];
    }
  }
  return undefined;
}

describe('an EDID block', () => {
  it('has the signature, version 1.4, and a checksum that makes the sum of its bytes zero, for every display', () => {
    fc.assert(
      fc.property(fc.record({ ...sizes, serial: fc.integer({ min: 0, max: 0xffff_ffff }) }), (display) => {
        const block = edidOf(display);
        expect(block.length).toBe(edidBytes);
        expect([...block.subarray(0, 8)]).toEqual([0, 255, 255, 255, 255, 255, 255, 0]);
        expect([block[18], block[19]]).toEqual([1, 4]);
        expect(block.reduce((sum, byte) => (sum + byte) & 0xff, 0)).toBe(0);
      }),
    );
  });

  it('prefers the size of the display, in pixels and millimetres', () => {
    fc.assert(
      fc.property(
        fc.record({
          ...sizes,
          widthMillimetres: fc.integer({ min: 10, max: 4095 }),
          heightMillimetres: fc.integer({ min: 10, max: 4095 }),
        }),
        (display) => {
          const block = edidOf(display);
          const at = (offset: number) => block[54 + offset] ?? 0;
          expect(at(2) | ((at(4) >> 4) << 8)).toBe(display.width);
          expect(at(5) | ((at(7) >> 4) << 8)).toBe(display.height);
          expect(at(12) | ((at(14) >> 4) << 8)).toBe(display.widthMillimetres);
          expect(at(13) | ((at(14) & 15) << 8)).toBe(display.heightMillimetres);
        },
      ),
    );
  });

  it('carries name and serial number, and 96 dots an inch where nobody measured', () => {
    const block = edidOf({ ...defaultDisplay, name: 'Left window', serial: 77 });
    expect(text(block, 0xfc)).toBe('Left window');
    expect(text(block, 0xff)).toBe('77');
    expect([block[21], block[22]]).toEqual([34, 21]);
    expect(text(edidOf({ ...defaultDisplay, name: 'ThirteenChars' }), 0xfc)).toBe('ThirteenChars');
  });

  it('names smaller modes only', () => {
    const of = (width: number, height: number) => edidOf({ width, height });
    expect([of(640, 480)[35], of(800, 480)[35], of(1920, 1080)[35]]).toEqual([0x20, 0x20, 0x21]);
    expect([...of(640, 480).subarray(38, 54)]).toEqual(Array(16).fill(1));
    expect([...of(1280, 800).subarray(38, 42)]).toEqual([1280 / 8 - 31, 0xc0, 1, 1]);
  });

  it('refuses what it cannot say, with a sentence', () => {
    const refusal = (display: Parameters<typeof edidOf>[0]) => {
      try {
        return edidOf(display).length;
      } catch (error) {
        return error instanceof RangeError ? error.message : error;
      }
    };
    expect(refusal({ width: 4096, height: 100 })).toBe(
      'The width of a display must be a whole number from 64 to 4095, not 4096.',
    );
    expect(refusal({ width: 800, height: 600.5 })).toBe(
      'The height of a display must be a whole number from 64 to 4095, not 600.5.',
    );
    expect(refusal({ width: 800, height: 600, refresh: 0 })).toContain('refresh rate');
    expect(refusal({ width: 800, height: 600, widthMillimetres: 9 })).toContain('width in millimetres');
    expect(refusal({ width: 800, height: 600, name: 'a name that is too long' })).toContain('1 to 13 printable');
    expect(refusal({ width: 800, height: 600, serial: -1 })).toContain('serial number');
    expect(refusal({ width: 4095, height: 4095, refresh: 240 })).toContain('beyond what an EDID block can say');
  });
});

describe('a timing with reduced blanking', () => {
  // VESA CVT 1.2 spreadsheet, and what Linux's cvt -r prints.
  it.each([
    [1920, 1080, 13850, 2080, 1111],
    [1280, 800, 7100, 1440, 823],
    [2560, 1600, 26850, 2720, 1646],
    [1680, 1050, 11900, 1840, 1080],
  ])('%i×%i at 60 Hz has the clock and totals of the standard', (width, height, clock, totalWidth, totalHeight) => {
    const timing = reducedBlankingTiming(width, height, 60);
    expect(timing.clock).toBe(clock);
    expect(timing.width + timing.horizontalBlank).toBe(totalWidth);
    expect(timing.height + timing.verticalBlank).toBe(totalHeight);
  });
});
