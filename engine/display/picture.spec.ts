import { PNG } from 'pngjs';
import { describe, expect, it } from 'vitest';
import { encodePng } from './picture.ts';

function picture(
  width: number,
  height: number,
  colour: (i: number) => number,
): { width: number; height: number; rgba: Uint8Array } {
  const pixels = Uint32Array.from({ length: width * height }, (_, i) => (colour(i) | 0xff000000) >>> 0);
  return { width, height, rgba: new Uint8Array(pixels.buffer) };
}

describe('a screenshot', () => {
  it.each([
    ['one colour', 33, 7, () => 0xaa5500],
    ['256 colours', 32, 16, (i: number) => (i % 256) * 0x010203],
    ['257 colours', 257, 3, (i: number) => (i % 257) * 0x000301],
    ['many colours', 100, 100, (i: number) => Math.imul(i, 0x9e3779b1) & 0xffffff],
  ])('of %s reads back as it was', (_name, width, height, colour) => {
    const shown = picture(width, height, colour);
    const read = PNG.sync.read(Buffer.from(encodePng(shown)));
    expect([read.width, read.height]).toEqual([width, height]);
    expect(Buffer.compare(read.data, shown.rgba)).toBe(0);
  });

  it('of a text screen is small', () => {
    expect(encodePng(picture(720, 400, (i) => (i % 9 === 0 ? 0xaaaaaa : 0))).length).toBeLessThan(5000);
  });

  it('of nothing, or of fewer bytes than the size says, is refused', () => {
    expect(() => encodePng({ width: 0, height: 1, rgba: new Uint8Array(4) })).toThrow(RangeError);
    expect(() => encodePng({ width: 2, height: 1, rgba: new Uint8Array(4) })).toThrow('no picture of 2×1 in 4 bytes');
  });
});
