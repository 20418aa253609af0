import { describe, expect, it } from 'vitest';
import { checkRequest } from '../../../engine/display/properties.ts';
import { outputOf } from './window-output.ts';

describe('the display that a window is', () => {
  it('has host pixels, an even width, and millimetres that are said to be a guess', () => {
    expect(outputOf(1, { width: 801, height: 600.4 }, { pixelRatio: 2, angle: 0 })).toEqual({
      output: 1,
      width: 1602,
      height: 1201,
      widthMillimetres: 212,
      heightMillimetres: 159,
      estimated: true,
      scale: 200,
      orientation: 0,
    });
    expect(outputOf(0, { width: 801, height: 600 }, { pixelRatio: 1, angle: 90 })).toMatchObject({ width: 800, orientation: 90 });
    expect(outputOf(0, { width: 801, height: 600 }, { pixelRatio: 1, angle: -90 }).orientation).toBe(270);
  });

  it('is one that every machine takes, however small or large the window', () => {
    for (const [width, height, pixelRatio] of [[0, 0, 1], [1, 5000, 0.5], [9000, 90, 3], [333.3, 333.3, 1.25]] as const) {
      const result = checkRequest({ outputs: [outputOf(0, { width, height }, { pixelRatio, angle: 0 })] }, 2 ** 30);
      expect(result).toMatchObject({ ok: true, ignored: [] });
    }
  });
});
