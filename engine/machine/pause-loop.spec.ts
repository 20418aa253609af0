import { describe, expect, it } from 'vitest';
import { PauseLoop } from './pause-loop.ts';

/** The first of `count` PAUSEs, `distance` instructions apart, that makes the vCPU give way. */
function firstSleep(loop: PauseLoop, distance: number, count: number, from = 0): number | undefined {
  for (let spin = 0; spin < count; spin++) if (loop.spin(from + spin * distance, false)) return spin;
  return undefined;
}

describe('PAUSE', () => {
  it('makes a vCPU that does nothing else sleep after a while, and sooner the next time', () => {
    const loop = new PauseLoop();
    const first = firstSleep(loop, 3, 5000) ?? Infinity;
    expect(first).toBeGreaterThan(100);
    loop.giveWay();
    expect(loop.due).toBe(false);
    expect(firstSleep(loop, 3, 5000, 3 * first + 3)).toBeLessThan(first / 2);
  });

  it('does nothing to a program that works in between', () => {
    expect(firstSleep(new PauseLoop(), 500, 5000)).toBeUndefined();
  });

  it('gives way at once where vCPUs take turns', () => {
    expect(new PauseLoop().spin(10, true)).toBe(true);
  });
});
