/** Rectangles of pixels as bytes: Raw, Zlib, ZRLE (RFC 6143, 7.7). */
import type { PixelTranslator } from './pixel-format.ts';
import { Encoding } from './protocol.ts';
import { ZlibStream } from './zlib-stream.ts';

/** Pixels of one rectangle: RGBA words, row by row without gaps. */
export interface PixelBlock {
  pixels: Uint32Array;
  width: number;
  height: number;
}

export type PixelEncoding = Encoding.raw | Encoding.zlib | Encoding.zrle;

const tileSize = 64;
/** Subencoding numbers of a ZRLE tile. 2-16 are packed palettes of that size. */
const tileRaw = 0;
const tileSolid = 1;
const largestPalette = 16;

/** Encodes for one viewer; keeps its zlib streams, so rectangles must be sent in the order they are encoded. */
export class RectangleEncoder {
  private readonly zlib = new ZlibStream();
  private readonly zrle = new ZlibStream();
  private readonly palette = new Map<number, number>();
  private readonly tile = new Uint32Array(tileSize * tileSize);

  /** The rectangle's body, without its header. Uses up the block's pixels. */
  encode(encoding: PixelEncoding, block: PixelBlock, translator: PixelTranslator): Uint8Array {
    if (encoding === Encoding.raw) return translator.translate(block.pixels);
    const compressed =
      encoding === Encoding.zlib
        ? this.zlib.compress(translator.translate(block.pixels))
        : this.zrle.compress(this.zrleTiles(block, translator));
    const body = new Uint8Array(4 + compressed.length);
    new DataView(body.buffer).setUint32(0, compressed.length);
    body.set(compressed, 4);
    return body;
  }

  private zrleTiles(block: PixelBlock, translator: PixelTranslator): Uint8Array {
    const tiles = Math.ceil(block.width / tileSize) * Math.ceil(block.height / tileSize);
    const bytes = new Uint8Array(tiles * (1 + largestPalette * 4) + block.width * block.height * translator.compactSize);
    let at = 0;
    for (let y = 0; y < block.height; y += tileSize) {
      for (let x = 0; x < block.width; x += tileSize) {
        at = this.zrleTile(bytes, at, block, x, y, translator);
      }
    }
    return bytes.subarray(0, at);
  }

  private zrleTile(into: Uint8Array, at: number, block: PixelBlock, x: number, y: number, translator: PixelTranslator): number {
    const width = Math.min(tileSize, block.width - x);
    const height = Math.min(tileSize, block.height - y);
    const { palette, tile } = this;
    palette.clear();
    let count = 0;
    let last = -1;
    for (let row = 0; row < height; row++) {
      const from = (y + row) * block.width + x;
      for (let column = 0; column < width; column++) {
        const colour = block.pixels[from + column] ?? 0;
        tile[count++] = colour;
        if (colour !== last && palette.size <= largestPalette) {
          last = colour;
          if (!palette.has(colour)) palette.set(colour, palette.size);
        }
      }
    }
    if (palette.size > largestPalette) {
      into[at++] = tileRaw;
      for (let i = 0; i < count; i++) at = translator.putCompact(into, at, tile[i] ?? 0);
      return at;
    }
    into[at++] = palette.size;
    for (const colour of palette.keys()) at = translator.putCompact(into, at, colour);
    if (palette.size === tileSolid) return at;
    const bits = palette.size === 2 ? 1 : palette.size <= 4 ? 2 : 4;
    let index = 0;
    // Neighbours are mostly alike: a look-up only where the colour changes.
    let known = -1;
    let code = 0;
    for (let row = 0; row < height; row++) {
      // Each row begins on a byte; the leftmost pixel is in the highest bits.
      let byte = 0;
      let used = 0;
      for (let column = 0; column < width; column++) {
        const colour = tile[index++] ?? 0;
        if (colour !== known) {
          known = colour;
          code = palette.get(colour) ?? 0;
        }
        byte = (byte << bits) | code;
        used += bits;
        if (used === 8) {
          into[at++] = byte;
          byte = 0;
          used = 0;
        }
      }
      if (used > 0) into[at++] = byte << (8 - used);
    }
    return at;
  }
}
