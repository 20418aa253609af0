import { describe, expect, it } from 'vitest';
import { PointerMotion } from './pointer.ts';

describe('pointer motion', () => {
  it('goes upwards where the page counts downwards, in guest pixels', () => {
    const motion = new PointerMotion();
    motion.move(10, 4, 0, 2);
    expect(motion.take()).toEqual([{ dx: 5, dy: -2, wheel: 0, buttons: 0 }]);
  });

  it('loses no fraction', () => {
    const motion = new PointerMotion();
    let total = 0;
    for (let step = 0; step < 9; step++) {
      motion.move(1, 0, 0, 3);
      total += motion.take().reduce((sum, { dx }) => sum + dx, 0);
    }
    expect(total).toBe(3);
  });

  it('is cut into packets a PS/2 mouse can send', () => {
    const motion = new PointerMotion();
    motion.move(600, 0, 1, 1);
    expect(motion.take().map(({ dx }) => dx)).toEqual([255, 255, 90]);
  });

  it('says that a button was released even without motion, once', () => {
    const motion = new PointerMotion();
    motion.press(1);
    expect(motion.take()).toHaveLength(1);
    motion.press(0);
    expect(motion.take()).toEqual([{ dx: 0, dy: 0, wheel: 0, buttons: 0 }]);
    expect(motion.take()).toEqual([]);
  });
});
