import { describe, expect, it } from 'vitest';
import { screenSize } from './scaling.ts';

const guest = { width: 720, height: 400 };
const mat = { width: 1280, height: 738 };

describe('the size of the guest’s screen', () => {
  it('is one host pixel a guest pixel at 1:1, at any zoom', () => {
    expect(screenSize(guest, mat, 1, 1, true)).toEqual({ width: 720, height: 400, factor: 1 });
    expect(screenSize(guest, mat, 1, 2, true)).toEqual({ width: 360, height: 200, factor: 1 });
  });

  it('keeps its shape when it fits the window smoothly', () => {
    const { width, height } = screenSize(guest, mat, 'fit', 1, false);
    expect(width).toBe(1280);
    expect(width / height).toBeCloseTo(guest.width / guest.height);
  });

  it('is a whole multiple when pixels are to stay exact', () => {
    expect(screenSize(guest, mat, 'fit', 1, true).factor).toBe(1);
    expect(screenSize(guest, { width: 1500, height: 900 }, 'fit', 1, true).factor).toBe(2);
  });

  it('shrinks rather than hides a screen larger than the window', () => {
    const { width } = screenSize({ width: 1920, height: 1080 }, mat, 'fit', 1, true);
    expect(width).toBeLessThanOrEqual(mat.width);
  });
});
