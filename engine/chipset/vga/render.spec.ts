import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { FakeBus } from '../testing/fake-bus.ts';
import { font8x16 } from './font.ts';
import { VgaRenderer } from './render.ts';
import type { RenderedFrame } from './render.ts';
import { Vga } from './vga.ts';

class VgaBus extends FakeBus {
  override readonly vram = new Uint8Array(new SharedArrayBuffer(256 * 1024));
}

let bus: VgaBus;
let vga: Vga;
let renderer: VgaRenderer;

beforeEach(() => {
  bus = new VgaBus();
  vga = new Vga(bus);
  vga.reset();
  vga.setTextMode();
  crtc(0x0a, 0x20);
  renderer = new VgaRenderer(vga.registers, vga.vram);
});

function crtc(index: number, value: number): void {
  bus.out(0x3d4, index | (value << 8), 2);
}

function attribute(index: number, value: number): void {
  bus.in(0x3da);
  bus.out(0x3c0, index);
  bus.out(0x3c0, value);
  bus.out(0x3c0, 0x20);
}

function put(cell: number, code: number, attributes: number): void {
  bus.mmioWrite(0xb8000 + 2 * cell, code | (attributes << 8), 2);
}

/** Colour of a pixel as #rrggbb. */
function at(frame: RenderedFrame, x: number, y: number): string {
  const from = 4 * (y * frame.width + x);
  return `#${Buffer.from(frame.rgba.subarray(from, from + 3)).toString('hex')}`;
}

/** Rows of a cell as strings, `#` where the pixel is not the colour of `background`. */
function cell(
  frame: RenderedFrame,
  column: number,
  row: number,
  width: number,
  height: number,
  background = '#000000',
): string[] {
  return Array.from({ length: height }, (_, y) =>
    Array.from({ length: width }, (_, x) => (at(frame, column * width + x, row * height + y) === background ? '.' : '#')).join(
      '',
    ),
  );
}

function glyph(code: number): string[] {
  return Array.from({ length: 16 }, (_, row) =>
    (font8x16.glyphs[16 * code + row] ?? 0).toString(2).padStart(8, '0').replaceAll('0', '.').replaceAll('1', '#'),
  );
}

describe('the text picture', () => {
  it('is 720×400 for 80×25 characters of 9×16, and dark after a reset', () => {
    expect(renderer.render()).toMatchObject({ width: 720, height: 400 });
    vga.reset();
    const frame = renderer.render();
    expect(frame.rgba.every((byte, i) => byte === (i % 4 === 3 ? 255 : 0))).toBe(true);
  });

  it('shows the glyph of plane 2 in the colours of the attribute, the ninth dot empty', () => {
    put(81, 0x41, 0x1e);
    const frame = renderer.render();
    expect(cell(frame, 1, 1, 9, 16, '#0000aa')).toEqual(glyph(0x41).map((row) => `${row}.`));
    expect(at(frame, 9 + 1, 16 + 6)).toBe('#ffff55');
  });

  it('repeats the eighth dot of line graphics characters only', () => {
    put(0, 0xc4, 0x07);
    put(1, 0xb0, 0x07);
    const frame = renderer.render();
    expect(cell(frame, 0, 0, 9, 16)).toContain('#########');
    expect(cell(frame, 1, 0, 9, 16).every((row) => row.endsWith('.'))).toBe(true);
    attribute(0x10, 0x08);
    expect(cell(renderer.render(), 0, 0, 9, 16)).not.toContain('#########');
  });

  it('blinks with attribute bit 7, or has 16 backgrounds', () => {
    put(0, 0xdb, 0x87);
    expect(at(renderer.render({ cursorVisible: true, charactersVisible: true }), 0, 0)).toBe('#aaaaaa');
    expect(at(renderer.render({ cursorVisible: true, charactersVisible: false }), 0, 0)).toBe('#000000');
    attribute(0x10, 0x04);
    put(0, 0x20, 0xf0);
    expect(at(renderer.render({ cursorVisible: true, charactersVisible: false }), 0, 0)).toBe('#ffffff');
  });

  it('draws the cursor between its two lines, where it is and only while it is on', () => {
    crtc(0x0a, 13);
    crtc(0x0b, 14);
    crtc(0x0f, 2);
    const shown = cell(renderer.render(), 2, 0, 9, 16);
    expect(shown.flatMap((row, line) => (row === '#########' ? [line] : []))).toEqual([13, 14]);
    expect(cell(renderer.render({ cursorVisible: false, charactersVisible: true }), 2, 0, 9, 16).join('')).not.toContain('#');
    crtc(0x0a, 0x20 | 13);
    expect(cell(renderer.render(), 2, 0, 9, 16).join('')).not.toContain('#');
  });

  it('has no cursor when its end lies above its start', () => {
    crtc(0x0a, 10);
    crtc(0x0b, 5);
    expect(cell(renderer.render(), 0, 0, 9, 16).join('')).not.toContain('#');
  });

  it('takes attribute bit 3 as the choice between two fonts', () => {
    for (let row = 0; row < 16; row++) vga.vram[4 * (0x4000 + 0x41 * 32 + row) + 2] = 0xff;
    bus.out(0x3c4, 0x0403, 2);
    put(0, 0x41, 0x07);
    put(1, 0x41, 0x0f);
    const frame = renderer.render();
    expect(cell(frame, 0, 0, 9, 16)).toEqual(glyph(0x41).map((row) => `${row}.`));
    expect(cell(frame, 1, 0, 9, 16)).toEqual(Array.from({ length: 16 }, () => '########.'));
  });

  it('shows a changed glyph at once', () => {
    put(0, 0x41, 0x07);
    renderer.render();
    for (let row = 0; row < 16; row++) vga.vram[4 * (0x41 * 32 + row) + 2] = 0x81;
    expect(cell(renderer.render(), 0, 0, 9, 16)[0]).toBe('#......#.');
  });

  it('doubles the dots of 40 columns and the lines of doubled modes', () => {
    vga.setTextMode(40, 25);
    crtc(0x0a, 0x20);
    put(0, 0x41, 0x07);
    const wide = renderer.render();
    expect(wide).toMatchObject({ width: 720, height: 400 });
    expect(cell(wide, 0, 0, 18, 16)).toEqual(glyph(0x41).map((row) => `${row}.`.replace(/./g, '$&$&')));
    vga.setTextMode();
    crtc(0x0a, 0x20);
    put(0, 0x41, 0x07);
    crtc(0x09, 0x80 | 0x40 | 15);
    expect(cell(renderer.render(), 0, 0, 9, 32)).toEqual(glyph(0x41).flatMap((row) => [`${row}.`, `${row}.`]));
  });

  it('starts again at address 0 below the split line', () => {
    crtc(0x0c, 0x04);
    for (let column = 0; column < 80; column++) put(column, 0xdb, 0x07);
    crtc(0x09, 15);
    crtc(0x18, 199);
    crtc(0x11, 0);
    crtc(0x07, 0x0f);
    const frame = renderer.render();
    expect(at(frame, 0, 199)).toBe('#000000');
    expect(at(frame, 0, 200)).toBe('#aaaaaa');
    expect(at(frame, 0, 215)).toBe('#aaaaaa');
    expect(at(frame, 0, 216)).toBe('#000000');
  });

  it('scrolls by lines with the preset row scan and by dots with panning', () => {
    put(1, 0x41, 0x07);
    crtc(0x08, 4);
    attribute(0x13, 2);
    const frame = renderer.render();
    const shown = Array.from({ length: 12 }, (_, y) =>
      Array.from({ length: 9 }, (_, x) => (at(frame, 9 - 3 + x, y) === '#000000' ? '.' : '#')).join(''),
    );
    expect(shown).toEqual(
      glyph(0x41)
        .slice(4)
        .map((row) => `${row}.`),
    );
  });
});

describe('a second rendering', () => {
  it('reports nothing when nothing changed', () => {
    renderer.render();
    expect(renderer.render().changed).toEqual([]);
  });

  it('reports the cells that changed and no more', () => {
    renderer.render();
    put(80 * 3 + 10, 0x42, 0x07);
    put(80 * 3 + 12, 0x42, 0x07);
    expect(renderer.render().changed).toEqual([{ x: 90, y: 48, width: 27, height: 16 }]);
  });

  it('shows the same as a first one, whatever the guest did, and covers every difference by what it reports', () => {
    const port = fc.record({
      kind: fc.constant('port' as const),
      port: fc.constantFrom(0x3c0, 0x3c2, 0x3c4, 0x3c5, 0x3c6, 0x3c8, 0x3c9, 0x3ce, 0x3cf, 0x3d4, 0x3d5),
      value: fc.integer({ min: 0, max: 0xffff }),
    });
    const memory = fc.record({
      kind: fc.constant('memory' as const),
      address: fc.integer({ min: 0, max: 0x1ffff }),
      value: fc.integer({ min: 0, max: 0xffff }),
    });
    const crtcWrite = fc.record({
      kind: fc.constant('crtc' as const),
      index: fc.integer({ min: 8, max: 0x18 }),
      value: fc.integer({ min: 0, max: 255 }),
    });
    fc.assert(
      fc.property(
        fc.array(
          fc.array(
            fc.oneof({ weight: 1, arbitrary: port }, { weight: 6, arbitrary: memory }, { weight: 1, arbitrary: crtcWrite }),
            { maxLength: 12 },
          ),
          { minLength: 1, maxLength: 4 },
        ),
        (rounds) => {
          vga.setTextMode();
          const incremental = new VgaRenderer(vga.registers, vga.vram);
          let before = incremental.render();
          let copy = before.rgba.slice();
          for (const round of rounds) {
            for (const step of round) {
              if (step.kind === 'port') bus.out(step.port, step.value, 2);
              else if (step.kind === 'crtc') crtc(step.index, step.value);
              else
                bus.mmioWrite(
                  0xa0000 + (step.address & 1 ? 0x18000 | (step.address & 0xffe) : step.address & 0x1fffe),
                  step.value,
                  2,
                );
            }
            const size = { width: before.width, height: before.height };
            const now = incremental.render();
            const fresh = new VgaRenderer(vga.registers, vga.vram).render();
            expect(Buffer.compare(now.rgba, fresh.rgba)).toBe(0);
            if (now.width === size.width && now.height === size.height) {
              const was = new Uint32Array(copy.buffer);
              const is = new Uint32Array(now.rgba.buffer);
              for (let i = 0; i < is.length; i++) {
                if (was[i] === is[i]) continue;
                const x = i % now.width;
                const y = Math.floor(i / now.width);
                if (!now.changed.some((r) => x >= r.x && x < r.x + r.width && y >= r.y && y < r.y + r.height)) {
                  throw new Error(`the pixel at ${x},${y} changed unreported`);
                }
              }
            }
            before = now;
            copy = now.rgba.slice();
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('graphics modes', () => {
  function graphics(sequencer4: number, mode: number, miscellaneous: number, crtcValues: Record<number, number>): void {
    bus.out(0x3c4, 0x0101, 2);
    bus.out(0x3c4, 0x0f02, 2);
    bus.out(0x3c4, 0x04 | (sequencer4 << 8), 2);
    bus.out(0x3ce, 0x05 | (mode << 8), 2);
    bus.out(0x3ce, 0x06 | (miscellaneous << 8), 2);
    crtc(0x11, 0);
    for (const [index, value] of Object.entries(crtcValues)) crtc(Number(index), value);
    attribute(0x10, 0x01);
    attribute(0x13, 0);
  }

  it('13h: 320×200, a byte a pixel through the DAC', () => {
    graphics(0x0e, 0x40, 0x05, { 1: 79, 7: 0x1f, 9: 0x41, 0x12: 0x8f, 0x13: 0x28, 0x14: 0x40, 0x17: 0xa3 });
    bus.out(0x3c8, 200);
    for (const value of [63, 0, 21]) bus.out(0x3c9, value);
    bus.mmioWrite(0xa0000 + 320 * 7 + 13, 200, 1);
    const frame = renderer.render();
    expect(frame).toMatchObject({ width: 320, height: 200 });
    expect(at(frame, 13, 7)).toBe('#ff0055');
    expect(at(frame, 14, 7)).toBe('#000000');
    bus.mmioWrite(0xa0000 + 320 * 9, 200, 1);
    expect(renderer.render().changed).toEqual([{ x: 0, y: 9, width: 320, height: 1 }]);
  });

  it('12h: 640×480, four planes', () => {
    graphics(0x06, 0x00, 0x05, { 1: 79, 7: 0x3e, 9: 0x40, 0x12: 0xdf, 0x13: 0x28, 0x14: 0, 0x17: 0xe3 });
    bus.out(0x3c4, 0x0a02, 2);
    bus.mmioWrite(0xa0000 + 80 * 100 + 2, 0x01, 1);
    const frame = renderer.render();
    expect(frame).toMatchObject({ width: 640, height: 480 });
    // Planes 1 and 3: colour 10, light green.
    expect(at(frame, 23, 100)).toBe('#55ff55');
    expect(at(frame, 22, 100)).toBe('#000000');
  });

  it('4: 320×200, two bits a pixel, odd lines 8 KiB further', () => {
    graphics(0x02, 0x30, 0x0f, { 1: 39, 7: 0x1f, 9: 0xc1 & 0x7f, 0x12: 0x8f, 0x13: 0x14, 0x14: 0, 0x17: 0xa2 });
    bus.out(0x3c4, 0x0901, 2);
    bus.out(0x3c4, 0x0302, 2);
    crtc(0x09, 0xc1);
    vga.vram.fill(0);
    bus.mmioWrite(0xb8000 + 0x2000 + 1, 0b00_01_10_11, 1);
    const frame = renderer.render();
    expect(frame).toMatchObject({ width: 320, height: 200 });
    expect([4, 5, 6, 7].map((x) => at(frame, x, 1))).toEqual(['#000000', '#0000aa', '#00aa00', '#00aaaa']);
    expect(at(frame, 5, 0)).toBe('#000000');
  });
});
