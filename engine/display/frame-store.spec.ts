import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameStore } from './frame-store.ts';

const size = fc.integer({ min: 1, max: 70 });

describe('the frame store', () => {
  it('gives any viewer what it lacks: pasting the changed rectangles makes its picture the newest one', () => {
    const step = fc.record({
      x: fc.integer({ min: 0, max: 69 }),
      y: fc.integer({ min: 0, max: 69 }),
      width: size,
      height: size,
      colour: fc.integer({ min: 0, max: 3 }),
      viewerLooks: fc.boolean(),
    });
    fc.assert(
      fc.property(size, size, fc.array(step, { maxLength: 12 }), (width, height, steps) => {
        const store = new FrameStore();
        const pixels = new Uint32Array(width * height);
        const frame = { width, height, rgba: new Uint8Array(pixels.buffer), changed: [{ x: 0, y: 0, width, height }] };
        store.take(frame);
        const seen = store.pixels.slice();
        let seenFrame = store.frame;
        for (const { colour, viewerLooks, ...where } of steps) {
          const x = Math.min(where.x, width - 1);
          const y = Math.min(where.y, height - 1);
          const region = { x, y, width: Math.min(where.width, width - x), height: Math.min(where.height, height - y) };
          for (let row = y; row < y + region.height; row++) pixels.fill(colour, row * width + x, row * width + x + region.width);
          store.take({ ...frame, changed: [region] });
          if (!viewerLooks) continue;
          const covered = new Uint8Array(width * height);
          for (const rectangle of store.changedSince(seenFrame)) {
            const block = store.extract(rectangle);
            for (let i = 0; i < block.length; i++) {
              const at = (rectangle.y + Math.floor(i / rectangle.width)) * width + rectangle.x + (i % rectangle.width);
              expect(covered[at]).toBe(0);
              covered[at] = 1;
              seen[at] = block[i] ?? 0;
            }
          }
          seenFrame = store.frame;
          expect(seen).toEqual(pixels);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('has no new frame when what is reported as changed is the same', () => {
    const store = new FrameStore();
    const frame = { width: 20, height: 20, rgba: new Uint8Array(1600), changed: [{ x: 0, y: 0, width: 20, height: 20 }] };
    expect(store.take(frame)).toBe(true);
    const { frame: number } = store;
    expect(store.take(frame)).toBe(false);
    expect(store.changedSince(number)).toEqual([]);
  });

  it('joins tiles to rectangles', () => {
    const store = new FrameStore();
    const rgba = new Uint8Array(64 * 64 * 4);
    const frame = { width: 64, height: 64, rgba, changed: [{ x: 0, y: 0, width: 64, height: 64 }] };
    store.take(frame);
    const { frame: number } = store;
    rgba.fill(1, 4 * 64 * 16, 4 * 64 * 48);
    store.take(frame);
    expect(store.changedSince(number)).toEqual([{ x: 0, y: 16, width: 64, height: 32 }]);
  });
});
