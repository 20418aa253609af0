import { beforeEach, describe, expect, it } from 'vitest';
import type { FrameSource } from '../../display/frame.ts';
import { FakeBus } from '../testing/fake-bus.ts';
import { VgaScreen } from './screen.ts';
import { Vga } from './vga.ts';

class VgaBus extends FakeBus {
  override readonly vram = new Uint8Array(new SharedArrayBuffer(256 * 1024));
}

let bus: VgaBus;
let screen: FrameSource;

beforeEach(() => {
  bus = new VgaBus();
  const vga = new Vga(bus);
  vga.reset();
  vga.setTextMode();
  screen = new VgaScreen(
    vga,
    () => bus.displayChanges,
    () => bus.clock.now(),
    () => bus.watch('vram'),
  );
});

/** 16 frames at 70.09 Hz, and a little more, so that rounding falls on one side. */
const blinkTime = 16 * (1e9 / 70.09) * 1.005;

describe('the VGA as a frame source', () => {
  it('moves its counter when the guest changes the screen, and only then', () => {
    screen.render();
    const before = screen.changeCounter();
    expect(screen.changeCounter()).toBe(before);
    bus.mmioWrite(0xb8000, 0x0720, 2);
    expect(screen.changeCounter()).toBe(before);
    bus.mmioWrite(0xb8000, 0x0741, 2);
    expect(screen.changeCounter()).not.toBe(before);
  });

  it('blinks the cursor every 16 frames, and says where the picture changed', () => {
    screen.render();
    const before = screen.changeCounter();
    bus.stall(blinkTime);
    expect(screen.changeCounter()).not.toBe(before);
    expect(screen.render().changed).toEqual([{ x: 0, y: 0, width: 9, height: 16 }]);
    expect(screen.render().changed).toEqual([]);
    bus.stall(blinkTime);
    expect(screen.render().changed).toEqual([{ x: 0, y: 0, width: 9, height: 16 }]);
  });

  it('blinks characters half as fast', () => {
    bus.mmioWrite(0xb8000 + 2 * 40, 0x87db, 2);
    const shown = Array.from({ length: 8 }, () => {
      const { rgba } = screen.render();
      bus.stall(blinkTime);
      return rgba[4 * 9 * 40] === 0 ? 'dark' : 'lit';
    });
    expect(shown).toEqual(['lit', 'lit', 'dark', 'dark', 'lit', 'lit', 'dark', 'dark']);
  });

  it('changes nothing of the guest', () => {
    const before = bus.image();
    const vram = bus.vram.slice();
    screen.render();
    screen.changeCounter();
    expect(bus.image()).toEqual(before);
    expect(Buffer.compare(bus.vram, vram)).toBe(0);
  });
});
