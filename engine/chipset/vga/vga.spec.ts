import { describe, expect, it } from 'vitest';
import { FakeBus } from '../testing/fake-bus.ts';
import { font8x16 } from './font.ts';
import { VgaRenderer } from './render.ts';
import { textScreen, textSize } from './text.ts';
import { Vga } from './vga.ts';

/** A fake bus with the 256 KiB of video memory that a VGA has. */
class VgaBus extends FakeBus {
  override readonly vram = new Uint8Array(new SharedArrayBuffer(256 * 1024));
}

function poweredOn(): { bus: VgaBus; vga: Vga } {
  const bus = new VgaBus();
  const vga = new Vga(bus);
  vga.reset();
  return { bus, vga };
}

const indexed = (bus: FakeBus, port: number, index: number, value: number): void => {
  bus.out(port, index | (value << 8), 2);
};

const readIndexed = (bus: FakeBus, port: number, index: number): number => {
  bus.out(port, index);
  return bus.in(port + 1);
};

describe('the VGA ports', () => {
  it('answer at 0x3Dx or at 0x3Bx, as the miscellaneous output says, and not at both', () => {
    const { bus } = poweredOn();
    bus.out(0x3c2, 1);
    indexed(bus, 0x3d4, 0x0e, 0x12);
    expect(readIndexed(bus, 0x3d4, 0x0e)).toBe(0x12);
    expect(bus.in(0x3b5)).toBe(0xff);
    bus.out(0x3c2, 0);
    expect(readIndexed(bus, 0x3b4, 0x0e)).toBe(0x12);
    expect(bus.in(0x3d5)).toBe(0xff);
    expect(bus.in(0x3cc)).toBe(0);
  });

  it('take index and data in one 16-bit write', () => {
    const { bus } = poweredOn();
    bus.out(0x3c4, 0x0f02, 2);
    expect(bus.in(0x3c4)).toBe(2);
    expect(bus.in(0x3c5)).toBe(0x0f);
  });

  it('alternate between index and data at 0x3C0, and start over after a read of input status 1', () => {
    const { bus } = poweredOn();
    bus.out(0x3c2, 1);
    bus.out(0x3c0, 0x05);
    bus.in(0x3da);
    bus.out(0x3c0, 0x03);
    bus.out(0x3c0, 0x2a);
    expect(bus.in(0x3c1)).toBe(0x2a);
    bus.out(0x3c0, 0x05);
    expect(bus.in(0x3c1)).toBe(0);
  });

  it('leave the flip-flop alone when a tool peeks', () => {
    const { bus } = poweredOn();
    bus.out(0x3c2, 1);
    bus.out(0x3c0, 0x05);
    bus.peek(0x3da);
    bus.out(0x3c0, 0x2a);
    expect(bus.in(0x3c1)).toBe(0x2a);
  });

  it('keep the palette registers from the CPU while the display has them', () => {
    const { bus } = poweredOn();
    bus.out(0x3c2, 1);
    bus.out(0x3c0, 0x23);
    bus.out(0x3c0, 0x2a);
    bus.out(0x3c0, 0x30);
    bus.out(0x3c0, 0x0c);
    bus.out(0x3c0, 0x03);
    expect(bus.in(0x3c1)).toBe(0);
    bus.in(0x3da);
    bus.out(0x3c0, 0x30);
    expect(bus.in(0x3c1)).toBe(0x0c);
  });

  it('protect CRTC registers 0-7, but for line compare bit 8', () => {
    const { bus } = poweredOn();
    bus.out(0x3c2, 1);
    indexed(bus, 0x3d4, 0x00, 0x5f);
    indexed(bus, 0x3d4, 0x07, 0x0f);
    indexed(bus, 0x3d4, 0x11, 0x8e);
    indexed(bus, 0x3d4, 0x00, 0x11);
    indexed(bus, 0x3d4, 0x07, 0xf0);
    expect(readIndexed(bus, 0x3d4, 0x00)).toBe(0x5f);
    expect(readIndexed(bus, 0x3d4, 0x07)).toBe(0x1f);
    indexed(bus, 0x3d4, 0x11, 0x0e);
    indexed(bus, 0x3d4, 0x00, 0x11);
    expect(readIndexed(bus, 0x3d4, 0x00)).toBe(0x11);
  });

  it('walk through the DAC three components a colour, six bits each', () => {
    const { bus } = poweredOn();
    bus.out(0x3c8, 7);
    for (const value of [1, 2, 3, 0xff, 5, 6]) bus.out(0x3c9, value);
    expect(bus.in(0x3c7)).toBe(0);
    bus.out(0x3c7, 7);
    expect(bus.in(0x3c7)).toBe(3);
    expect([1, 2, 3, 4, 5, 6].map(() => bus.in(0x3c9))).toEqual([1, 2, 3, 0x3f, 5, 6]);
  });

  it('store a colour only when its third component has come', () => {
    const { bus, vga } = poweredOn();
    bus.out(0x3c8, 1);
    bus.out(0x3c9, 9);
    bus.out(0x3c9, 9);
    expect([...vga.registers.palette.subarray(3, 6)]).toEqual([0, 0, 0]);
    bus.out(0x3c9, 9);
    expect([...vga.registers.palette.subarray(3, 6)]).toEqual([9, 9, 9]);
  });

  it('survive garbage written to every one of them in every width', () => {
    const { bus, vga } = poweredOn();
    for (let round = 0; round < 40; round++) {
      for (let port = 0x3b0; port < 0x3e0; port++) {
        const value = Math.imul(round * 977 + port, 0x9e3779b1) >>> 0;
        bus.out(port, value & 0xff, 1);
        bus.out(port, value & 0xffff, 2);
        bus.out(port, value, 4);
        bus.in(port, 4);
      }
    }
    vga.setTextMode();
    expect(textSize(vga.registers)).toEqual({ columns: 80, rows: 25 });
  });
});

describe('input status 1', () => {
  it('shows the retrace 70 times in a second of text mode', () => {
    const { bus, vga } = poweredOn();
    vga.setTextMode();
    let pulses = 0;
    let before = 0;
    for (let i = 0; i < 50_000; i++) {
      bus.stall(20_000);
      const now = bus.in(0x3da) & 8;
      if (now !== 0 && before === 0) pulses++;
      before = now;
    }
    expect(pulses).toBe(70);
  });

  it('says display enabled for most of a line, and disabled in every retrace', () => {
    const { bus, vga } = poweredOn();
    vga.setTextMode();
    let enabled = 0;
    for (let i = 0; i < 20_000; i++) {
      bus.stall(997);
      const status = bus.in(0x3da);
      if ((status & 8) !== 0) expect(status & 1).toBe(1);
      if ((status & 1) === 0) enabled++;
    }
    // 400 of 449 lines, 80 of 100 characters.
    expect(enabled / 20_000).toBeGreaterThan(0.66);
    expect(enabled / 20_000).toBeLessThan(0.76);
  });
});

describe('setTextMode', () => {
  it('leaves a blank 80×25 screen at 0xB8000 with the font in plane 2', () => {
    const { bus, vga } = poweredOn();
    vga.setTextMode();
    const screen = textScreen(vga.registers, vga.vram);
    expect(screen).toMatchObject({ columns: 80, rows: 25, cursor: { column: 0, row: 0, startLine: 13, endLine: 14 } });
    expect(screen?.lines).toEqual(Array.from({ length: 25 }, () => ' '.repeat(80)));
    expect(bus.mmioRead(0xb8000, 2)).toBe(0x0720);
    expect(bus.mmioRead(0xb8000 + 2 * 1999, 2)).toBe(0x0720);
    expect(vga.vram[4 * (65 * 32 + 5) + 2]).toBe(font8x16.glyphs[65 * 16 + 5]);
  });

  it('shows what is written at 0xB8000 as code page 437', () => {
    const { bus, vga } = poweredOn();
    vga.setTextMode();
    for (const [i, code] of [0x48, 0x69, 0x01, 0xb0, 0xe3].entries()) bus.mmioWrite(0xb8000 + 160 + 2 * i, code | 0x1e00, 2);
    const screen = textScreen(vga.registers, vga.vram);
    expect(screen?.lines[1]?.trimEnd()).toBe('Hi☺░π');
    expect(screen?.attributes[80]).toBe(0x1e);
  });

  it('takes a font through the window at 0xA0000 as a video BIOS loads it, and the text stays', () => {
    const { bus, vga } = poweredOn();
    vga.setTextMode();
    bus.mmioWrite(0xb8000, 0x0741, 2);
    for (const [port, value] of [
      [0x3c4, 0x0402],
      [0x3c4, 0x0704],
      [0x3ce, 0x0204],
      [0x3ce, 0x0005],
      [0x3ce, 0x0406],
    ] as const) {
      bus.out(port, value, 2);
    }
    for (let row = 0; row < 16; row++) bus.mmioWrite(0xa0000 + 0x41 * 32 + row, 0xc0 | row, 1);
    expect(bus.mmioRead(0xa0000 + 0x41 * 32 + 5, 1)).toBe(0xc5);
    for (const [port, value] of [
      [0x3c4, 0x0302],
      [0x3c4, 0x0304],
      [0x3ce, 0x0004],
      [0x3ce, 0x1005],
      [0x3ce, 0x0e06],
    ] as const) {
      bus.out(port, value, 2);
    }
    bus.out(0x3c4, 0x0204, 2);
    expect(bus.mmioRead(0xb8000, 2)).toBe(0x0741);
    const { rgba, width } = new VgaRenderer(vga.registers, vga.vram).render({ cursorVisible: false, charactersVisible: true });
    const row5 = Array.from({ length: 8 }, (_, x) => (rgba[4 * (5 * width + x)] === 0 ? 0 : 1)).join('');
    expect(row5).toBe('11000101');
  });

  it('follows start address and cursor', () => {
    const { bus, vga } = poweredOn();
    vga.setTextMode();
    bus.mmioWrite(0xb8000 + 160, 0x0741, 2);
    indexed(bus, 0x3d4, 0x0d, 80);
    indexed(bus, 0x3d4, 0x0f, 81);
    const screen = textScreen(vga.registers, vga.vram);
    expect(screen?.lines[0]?.[0]).toBe('A');
    expect(screen?.cursor).toMatchObject({ column: 1, row: 0 });
    indexed(bus, 0x3d4, 0x0a, 0x20);
    expect(textScreen(vga.registers, vga.vram)?.cursor).toBeUndefined();
  });

  it.each([
    [40, 25],
    [80, 28],
    [80, 30],
    [80, 43],
    [80, 50],
    [80, 60],
    [132, 25],
    [132, 50],
  ])('sets %i×%i', (columns, rows) => {
    const { vga } = poweredOn();
    vga.setTextMode(columns, rows);
    expect(textSize(vga.registers)).toEqual({ columns, rows });
  });

  it('refuses a size that it does not know, with a sentence', () => {
    const { vga } = poweredOn();
    expect(() => {
      vga.setTextMode(81, 25);
    }).toThrow('no text mode of 81×25; columns: 40, 80, 132; rows: 25, 28, 30, 43, 50, 60');
  });

  it('is undone by a reset: the window is closed and no text is there', () => {
    const { bus, vga } = poweredOn();
    vga.setTextMode();
    vga.reset();
    expect(bus.mmioRead(0xb8000, 2)).toBe(0xffff);
    expect(textScreen(vga.registers, vga.vram)).toBeUndefined();
  });
});
