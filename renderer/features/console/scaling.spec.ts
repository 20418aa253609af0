import { describe, expect, it } from 'vitest';
import { parseScaling, scalingKey, screenSize } from './scaling.ts';

const guest = { width: 720, height: 400 };
const mat = { width: 1280, height: 738 };

describe('the size of the guest’s screen', () => {
  it('is one host pixel a guest pixel at 1:1, at any zoom', () => {
    expect(screenSize(guest, mat, 1, 1)).toEqual({ width: 720, height: 400, factor: 1 });
    expect(screenSize(guest, mat, 1, 2)).toEqual({ width: 360, height: 200, factor: 1 });
  });

  it('keeps its shape when it fits the window', () => {
    const { width, height } = screenSize(guest, mat, 'fit', 1);
    expect(width).toBe(1280);
    expect(width / height).toBeCloseTo(guest.width / guest.height);
  });

  it('is a whole multiple when pixels are to stay exact', () => {
    expect(screenSize(guest, mat, 'pixel-exact', 1).factor).toBe(1);
    expect(screenSize(guest, { width: 1500, height: 900 }, 'pixel-exact', 1).factor).toBe(2);
  });

  it('shrinks rather than hides a screen larger than the window', () => {
    const { width } = screenSize({ width: 1920, height: 1080 }, mat, 'pixel-exact', 1);
    expect(width).toBeLessThanOrEqual(mat.width);
  });

  it('is as large when it is smoothed as when it is sharp', () => {
    expect(screenSize(guest, mat, 'smooth', 1)).toEqual(screenSize(guest, mat, 'fit', 1));
  });

  it('is remembered by machine and host screen, and only if it is one', () => {
    expect(scalingKey('hello', guest, 1)).not.toBe(scalingKey('hello', guest, 2));
    expect(scalingKey('hello', guest, 1)).not.toBe(scalingKey('other', guest, 1));
    expect(['fit', '2', 'smooth', 'huge', null].map(parseScaling)).toEqual(['fit', 2, 'smooth', undefined, undefined]);
  });
});
