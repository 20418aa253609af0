/** The console fonts as bytes, for guests that start without a video BIOS to load one. */
import { console8x16 } from '../../../assets/fonts/console-8x16.ts';
import { console8x8 } from '../../../assets/fonts/console-8x8.ts';

/** 256 glyphs of `height` bytes each, code page 437, bit 7 leftmost. */
export interface Font {
  readonly height: 8 | 16;
  readonly glyphs: Uint8Array;
}

function decode(height: 8 | 16, lines: readonly string[]): Font {
  const glyphs = new Uint8Array(256 * height);
  for (const [code, line] of lines.entries()) {
    for (let row = 0; row < height; row++) glyphs[code * height + row] = Number.parseInt(line.slice(2 * row, 2 * row + 2), 16);
  }
  return { height, glyphs };
}

export const font8x16 = decode(16, console8x16);
export const font8x8 = decode(8, console8x8);

/** Bytes that plane 2 keeps for each glyph, whatever the character's height (PS/2 Technical Reference, "RAM Loadable Character Generator"). */
export const glyphStride = 32;

/** Plane 2 address of the eight character maps, by the three bits of the character map select register. */
export const fontAddress = new Uint16Array([0x0000, 0x4000, 0x8000, 0xc000, 0x2000, 0x6000, 0xa000, 0xe000]);
