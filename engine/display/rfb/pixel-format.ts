/** A viewer's pixel format (RFC 6143, 7.4) and the way from our RGBA to it. */
import type { ByteWriter } from './byte-writer.ts';
import { RfbError } from './protocol.ts';

export interface PixelFormat {
  bitsPerPixel: 8 | 16 | 32;
  depth: number;
  bigEndian: boolean;
  redMax: number;
  greenMax: number;
  blueMax: number;
  redShift: number;
  greenShift: number;
  blueShift: number;
}

/** What ServerInit offers: 32 bits, little-endian, red in bits 16-23. */
export const serverPixelFormat: PixelFormat = {
  bitsPerPixel: 32,
  depth: 24,
  bigEndian: false,
  redMax: 255,
  greenMax: 255,
  blueMax: 255,
  redShift: 16,
  greenShift: 8,
  blueShift: 0,
};

export function writePixelFormat(writer: ByteWriter, format: PixelFormat): void {
  writer.u8(format.bitsPerPixel);
  writer.u8(format.depth);
  writer.u8(format.bigEndian ? 1 : 0);
  writer.u8(1);
  writer.u16(format.redMax);
  writer.u16(format.greenMax);
  writer.u16(format.blueMax);
  writer.u8(format.redShift);
  writer.u8(format.greenShift);
  writer.u8(format.blueShift);
  writer.u8(0);
  writer.u16(0);
}

/** Reads the 16 bytes at `at`. Throws RfbError on formats that are not true colour or do not fit their pixel. */
export function readPixelFormat(view: DataView, at: number): PixelFormat {
  const bitsPerPixel = view.getUint8(at);
  if (bitsPerPixel !== 8 && bitsPerPixel !== 16 && bitsPerPixel !== 32) {
    throw new RfbError(`the viewer asked for ${bitsPerPixel} bits a pixel; 8, 16 and 32 are possible`);
  }
  if (view.getUint8(at + 3) === 0) throw new RfbError('the viewer asked for a colour map; only true colour is possible');
  const format: PixelFormat = {
    bitsPerPixel,
    depth: view.getUint8(at + 1),
    bigEndian: view.getUint8(at + 2) !== 0,
    redMax: view.getUint16(at + 4),
    greenMax: view.getUint16(at + 6),
    blueMax: view.getUint16(at + 8),
    redShift: view.getUint8(at + 10),
    greenShift: view.getUint8(at + 11),
    blueShift: view.getUint8(at + 12),
  };
  const fits = (max: number, shift: number): boolean =>
    max > 0 && (max & (max + 1)) === 0 && shift < bitsPerPixel && max * 2 ** shift < 2 ** bitsPerPixel;
  if (
    !fits(format.redMax, format.redShift) ||
    !fits(format.greenMax, format.greenShift) ||
    !fits(format.blueMax, format.blueShift)
  ) {
    throw new RfbError(`the viewer's colours do not fit ${bitsPerPixel} bits a pixel`);
  }
  return format;
}

/** Turns RGBA words (red lowest, on a little-endian host) into a viewer's pixels. */
export class PixelTranslator {
  private readonly red = new Uint32Array(256);
  private readonly green = new Uint32Array(256);
  private readonly blue = new Uint32Array(256);
  /** Bytes of a pixel. */
  readonly size: number;
  /** Bytes of a ZRLE CPIXEL (RFC 6143, 7.7.5): 3 when the colours leave the lowest or highest byte of 32 bits free. */
  readonly compactSize: number;
  private readonly compactFrom: number;
  /** How a pixel of 8 bits a colour in 32 differs from our words: not at all, or by red and blue in each other's place. */
  private readonly words: 'same' | 'swapped' | undefined;

  constructor(readonly format: PixelFormat) {
    const table = (into: Uint32Array, max: number, shift: number): number => {
      for (let value = 0; value < 256; value++) into[value] = (Math.round((value * max) / 255) << shift) >>> 0;
      return (max << shift) >>> 0;
    };
    const used =
      (table(this.red, format.redMax, format.redShift) |
        table(this.green, format.greenMax, format.greenShift) |
        table(this.blue, format.blueMax, format.blueShift)) >>>
      0;
    this.size = format.bitsPerPixel / 8;
    const low = (used & 0xff000000) === 0;
    const high = (used & 0x000000ff) === 0;
    const compact = this.size === 4 && format.depth <= 24 && (low || high);
    this.compactSize = compact ? 3 : this.size;
    // First byte, in the order they are sent, that belongs to a CPIXEL.
    const whole = format.redMax === 255 && format.greenMax === 255 && format.blueMax === 255 && format.greenShift === 8;
    const asWords = this.size === 4 && !format.bigEndian && whole;
    const [red, blue] = [format.redShift, format.blueShift];
    this.words = asWords && red === 0 && blue === 16 ? 'same' : asWords && red === 16 && blue === 0 ? 'swapped' : undefined;
    this.compactFrom = compact && (low ? format.bigEndian : !format.bigEndian) ? 1 : 0;
  }

  pixel(rgba: number): number {
    const value = (this.red[rgba & 0xff] ?? 0) | (this.green[(rgba >>> 8) & 0xff] ?? 0) | (this.blue[(rgba >>> 16) & 0xff] ?? 0);
    return value >>> 0;
  }

  /** All pixels as the viewer has them. May use up `pixels`, and be the same memory; bits that are no colour are anything. */
  translate(pixels: Uint32Array): Uint8Array {
    if (this.words === undefined) {
      const bytes = new Uint8Array(pixels.length * this.size);
      let at = 0;
      for (const colour of pixels) at = this.put(bytes, at, colour);
      return bytes;
    }
    if (this.words === 'swapped') {
      for (let at = 0; at < pixels.length; at++) {
        const colour = pixels[at] ?? 0;
        pixels[at] = (colour & 0xff00ff00) | ((colour & 0xff) << 16) | ((colour >>> 16) & 0xff);
      }
    }
    return new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.byteLength);
  }

  /** Writes one pixel at `at`; returns the place after it. */
  put(into: Uint8Array, at: number, rgba: number): number {
    return this.putBytes(into, at, rgba, 0, this.size);
  }

  /** Writes one CPIXEL at `at`; returns the place after it. */
  putCompact(into: Uint8Array, at: number, rgba: number): number {
    return this.putBytes(into, at, rgba, this.compactFrom, this.compactSize);
  }

  private putBytes(into: Uint8Array, at: number, rgba: number, from: number, count: number): number {
    const value = this.pixel(rgba);
    for (let i = from; i < from + count; i++) {
      into[at++] = value >>> (8 * (this.format.bigEndian ? this.size - 1 - i : i));
    }
    return at;
  }
}
