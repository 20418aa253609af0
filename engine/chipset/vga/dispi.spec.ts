import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { FakeBus } from '../testing/fake-bus.ts';
import { VgaRenderer } from './render.ts';
import type { RenderedFrame } from './render.ts';
import { VgaScreen } from './screen.ts';
import { Vga } from './vga.ts';

const megabyte = 1 << 20;

class VgaBus extends FakeBus {
  override readonly vram = new Uint8Array(new SharedArrayBuffer(16 * megabyte));
}

const enabled = 0x01;
const linear = 0x40;
const keep = 0x80;

let bus: VgaBus;
let vga: Vga;
let renderer: VgaRenderer;

beforeEach(() => {
  bus = new VgaBus();
  vga = new Vga(bus);
  vga.reset();
  vga.setTextMode();
  renderer = new VgaRenderer(vga.registers, vga.vram, vga.dispi.registers);
});

function set(index: number, value: number): void {
  bus.out(0x1ce, index, 2);
  bus.out(0x1cf, value, 2);
}

function get(index: number): number {
  bus.out(0x1ce, index, 2);
  return bus.in(0x1cf, 2);
}

function mode(width: number, height: number, depth: number, flags = linear): void {
  set(4, 0);
  set(1, width);
  set(2, height);
  set(3, depth);
  set(4, enabled | flags);
}

function at(frame: RenderedFrame, x: number, y: number): string {
  const from = 4 * (y * frame.width + x);
  return Buffer.from(frame.rgba.subarray(from, from + 4)).toString('hex');
}

describe('the display interface', () => {
  it('has version B0C5, answers as any older one when asked, and as no other', () => {
    expect(get(0)).toBe(0xb0c5);
    for (const id of [0xb0c0, 0xb0c1, 0xb0c2, 0xb0c3, 0xb0c4, 0xb0c5]) {
      set(0, id);
      expect(get(0)).toBe(id);
    }
    for (const id of [0, 0xb0bf, 0xb0c6, 0xffff]) set(0, id);
    expect(get(0)).toBe(0xb0c5);
  });

  it('has its data at 0x1D0 too, and says nothing to accesses of other widths', () => {
    bus.out(0x1ce, 0, 2);
    expect(bus.in(0x1d0, 2)).toBe(0xb0c5);
    expect(bus.in(0x1cf)).toBe(0xff);
    bus.out(0x1ce, 0x0280_0001, 4);
    expect(get(1)).toBe(0x280);
  });

  it('says what it can do: 2560×1600×32, and its memory in pieces of 64 KiB', () => {
    mode(640, 480, 8);
    set(4, enabled | 2);
    expect([get(1), get(2), get(3)]).toEqual([2560, 1600, 32]);
    set(4, enabled);
    expect([get(1), get(2), get(3)]).toEqual([640, 480, 8]);
    expect(get(10)).toBe(256);
  });

  it('refuses sizes and depths that there are not, and any while a mode is on', () => {
    mode(640, 480, 32);
    set(4, 0);
    set(1, 2561);
    set(2, 1601);
    for (const depth of [0, 1, 2, 12, 33, 0xffff]) set(3, depth);
    expect([get(1), get(2), get(3)]).toEqual([640, 480, 32]);
    set(4, enabled);
    set(1, 800);
    set(2, 600);
    set(3, 16);
    expect([get(1), get(2), get(3)]).toEqual([640, 480, 32]);
  });

  it('takes its largest mode, and refuses one without pixels or with more planes than there are', () => {
    mode(2560, 1600, 32);
    expect(get(4) & enabled).toBe(1);
    mode(0, 480, 32);
    expect(get(4) & enabled).toBe(0);
    mode(1024, 768, 4);
    expect(get(4) & enabled).toBe(0);
    mode(800, 600, 4);
    expect(get(4) & enabled).toBe(1);
    expect(renderer.render()).toMatchObject({ width: 800, height: 600 });
    mode(1366, 768, 32);
    expect(get(1)).toBe(1360);
  });

  it('clears what will be seen, unless asked not to', () => {
    vga.vram.fill(0x5a);
    mode(640, 480, 32, keep);
    expect(vga.vram[0]).toBe(0x5a);
    mode(640, 480, 32);
    expect(vga.vram.subarray(0, 640 * 480 * 4).every((byte) => byte === 0)).toBe(true);
    expect(vga.vram[640 * 480 * 4]).toBe(0x5a);
  });

  it('shows a part of a larger picture, and refuses a part that is not in memory', () => {
    mode(640, 480, 8);
    set(6, 1024);
    expect([get(6), get(7)]).toEqual([1024, 16384]);
    set(8, 16);
    set(9, 100);
    vga.registers.palette.set([63, 0, 0], 3);
    vga.vram[100 * 1024 + 16] = 1;
    expect(at(renderer.render(), 0, 0)).toBe('ff0000ff');
    set(9, 16384 - 479);
    expect(get(9)).toBe(100);
    set(6, 100);
    expect(get(6)).toBe(640);
  });

  it('shows banks of 64 KiB at 0xA0000, and gives the window back to the VGA', () => {
    mode(640, 480, 8);
    set(5, 3);
    bus.mmioWrite(0xa0010, 0x04030201, 4);
    expect([...vga.vram.subarray(0x30010, 0x30014)]).toEqual([1, 2, 3, 4]);
    expect(bus.mmioRead(0xa0010, 4)).toBe(0x04030201);
    expect(bus.mmioRead(0xb8000, 2)).toBe(0xffff);
    set(5, 256);
    expect(get(5)).toBe(3);
    set(4, 0);
    bus.mmioWrite(0xb8000, 0x0741, 2);
    expect(bus.mmioRead(0xb8000, 2)).toBe(0x0741);
  });

  it('is off after a reset', () => {
    mode(640, 480, 32);
    vga.reset();
    expect([get(0), get(4), vga.dispi.mode]).toEqual([0xb0c5, 0, undefined]);
  });

  it('survives any accesses: what is shown lies in memory, and nothing else throws', () => {
    const access = fc.record({
      port: fc.constantFrom(0x1ce, 0x1cf, 0x1d0),
      width: fc.constantFrom(1, 2, 4) as fc.Arbitrary<1 | 2 | 4>,
      value: fc.oneof(fc.integer({ min: 0, max: 16 }), fc.constantFrom(0x41, 0xc1, 0xe1, 24, 32, 320, 640), fc.integer({ min: 0, max: 0xffff })),
    });
    fc.assert(
      fc.property(fc.array(access, { maxLength: 60 }), (accesses) => {
        vga.reset();
        for (const { port, width, value } of accesses) {
          bus.out(port, width === 1 ? value & 0xff : value, width);
          bus.in(port, width);
          bus.mmioWrite(0xa0000 + (value & 0xfffc), value, 4);
          const shown = vga.dispi.mode;
          if (shown === undefined) continue;
          expect(shown.start + (shown.height - 1) * shown.pitch + (shown.width * shown.bits) / 8).toBeLessThanOrEqual(vga.vram.length);
          expect(shown.width <= 2560 && shown.height <= 1600).toBe(true);
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe('the picture of a linear mode', () => {
  it.each([
    [15, [0x00, 0x7c, 0xe0, 0x03, 0x1f, 0x00], 2],
    [16, [0x00, 0xf8, 0xe0, 0x07, 0x1f, 0x00], 2],
    [24, [0, 0, 255, 0, 255, 0, 255, 0, 0], 3],
    [32, [0, 0, 255, 9, 0, 255, 0, 9, 255, 0, 0, 9], 4],
  ])('has red, green and blue where a depth of %i has them', (depth, bytes, size) => {
    mode(640, 480, depth);
    vga.vram.set(bytes, (640 * 2 + 8) * size);
    const frame = renderer.render();
    expect(frame).toMatchObject({ width: 640, height: 480 });
    expect([8, 9, 10, 11].map((x) => at(frame, x, 2))).toEqual(['ff0000ff', '00ff00ff', '0000ffff', '000000ff']);
  });

  it('takes colours of depth 8 from the palette, of 6 bits or of 8, and shows a change of it', () => {
    mode(640, 480, 8);
    const colour = (red: number, green: number, blue: number) => {
      bus.out(0x3c8, 7);
      for (const part of [red, green, blue]) bus.out(0x3c9, part);
    };
    vga.vram[5] = 7;
    colour(63, 32, 0);
    expect(at(renderer.render(), 5, 0)).toBe('ff8200ff');
    set(4, enabled | 0x20);
    colour(0x12, 0x34, 0xfe);
    expect(at(renderer.render(), 5, 0)).toBe('1234feff');
    set(4, 0);
    expect([...vga.registers.palette.subarray(21, 24)]).toEqual([0x04, 0x0d, 0x3f]);
  });

  it('joins the bits of four planes at depth 4', () => {
    mode(640, 480, 4);
    vga.vram.set([0x80, 0x40, 0x80, 0x00], 4 * 80);
    const frame = renderer.render();
    const expected = (code: number) => {
      const entry = 3 * (vga.registers.attribute[code] ?? 0);
      return Buffer.from([...vga.registers.palette.subarray(entry, entry + 3)].map((part) => (part << 2) | (part >> 4))).toString('hex');
    };
    expect([at(frame, 0, 1), at(frame, 1, 1), at(frame, 2, 1)]).toEqual([`${expected(5)}ff`, `${expected(2)}ff`, `${expected(0)}ff`]);
  });

  it('says which lines changed, and finds writes that nobody told of', () => {
    mode(640, 480, 32);
    expect(renderer.render().changed).toEqual([{ x: 0, y: 0, width: 640, height: 480 }]);
    expect(renderer.render().changed).toEqual([]);
    vga.vram[4 * (640 * 10 + 100)] = 1;
    vga.vram[4 * (640 * 11 + 200)] = 1;
    vga.vram[4 * (640 * 300)] = 1;
    expect(renderer.render().changed).toEqual([
      { x: 96, y: 10, width: 112, height: 2 },
      { x: 0, y: 300, width: 8, height: 1 },
    ]);
  });

  it('is the same drawn in steps as drawn afresh', () => {
    const write = fc.record({ at: fc.integer({ min: 0, max: 64 * 48 * 4 }), value: fc.integer({ min: 0, max: 255 }) });
    fc.assert(
      fc.property(fc.constantFrom(4, 8, 15, 16, 24, 32), fc.array(fc.array(write, { maxLength: 8 }), { maxLength: 4 }), (depth, steps) => {
        mode(64, 48, depth);
        for (const step of steps) {
          renderer.render();
          for (const { at: address, value } of step) vga.vram[address] = value;
        }
        const fresh = new VgaRenderer(vga.registers, vga.vram, vga.dispi.registers).render();
        expect(Buffer.compare(renderer.render().rgba, fresh.rgba)).toBe(0);
      }),
      { numRuns: 40 },
    );
  });

  it('is dark while the palette is taken away, and of the same size', () => {
    mode(640, 480, 32);
    vga.vram.fill(0xff, 0, 4000);
    expect(at(renderer.render(), 0, 0)).toBe('ffffffff');
    bus.in(0x3da);
    bus.out(0x3c0, 0);
    const frame = renderer.render();
    expect([frame.width, frame.height, at(frame, 0, 0)]).toEqual([640, 480, '000000ff']);
    bus.out(0x3c0, 0);
    bus.out(0x3c0, 0x20);
    expect(at(renderer.render(), 0, 0)).toBe('ffffffff');
  });

  it('is looked at again when the guest has written into the picture, and not otherwise', () => {
    const screen = new VgaScreen(
      vga,
      () => bus.displayChanges,
      () => bus.clock.now(),
      () => bus.watch('vram'),
    );
    mode(640, 480, 32);
    screen.render();
    const first = screen.changeCounter();
    bus.stall(1000);
    expect(screen.changeCounter()).toBe(first);
    bus.mmioWrite(0xa0000, 1, 1);
    expect(screen.changeCounter()).not.toBe(first);
    expect(screen.render().changed).toEqual([{ x: 0, y: 0, width: 8, height: 1 }]);
    const second = screen.changeCounter();
    // Behind the picture.
    bus.out(0x1ce, 5, 2);
    bus.out(0x1cf, 0x20, 2);
    bus.mmioWrite(0xa0000, 1, 1);
    expect(screen.changeCounter()).toBe(second);
  });
});
