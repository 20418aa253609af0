import { describe, expect, it } from 'vitest';
import { linePoints, pointsOf } from './vcpu-figures.ts';

describe('what vCPUs did', () => {
  it('is a point a second as long as there is room', () => {
    expect(pointsOf([1, 2, 3], 60)).toEqual({ values: [1, 2, 3], most: 60 });
    expect(pointsOf(Array.from({ length: 100 }, (_, at) => at), 60).values).toEqual(Array.from({ length: 60 }, (_, at) => at + 40));
  });

  it('is a mean of seconds of an hour, and what is newest is not waited for', () => {
    const { values, most } = pointsOf(Array.from({ length: 25 }, (_, at) => at), 3600);
    expect(most).toBe(300);
    expect(values).toEqual([0, 6.5, 18.5]);
    expect(pointsOf(new Array<number>(5000).fill(1), 3600).values).toHaveLength(300);
  });

  it('is drawn with the newest at the right edge', () => {
    expect(linePoints([0, 10], 11, 10, 100, 50)).toBe('90.0,50.0 100.0,0.0');
  });
});
