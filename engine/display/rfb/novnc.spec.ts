import { describe, expect, it } from 'vitest';
import { RectangleEncoder } from './encodings.ts';
import type { PixelEncoding } from './encodings.ts';
import { PixelTranslator } from './pixel-format.ts';
import { Encoding } from './protocol.ts';

/** What noVNC's decoders need of their surroundings. */
interface Socket {
  rQwait(message: string, count: number): boolean;
  rQshift32(): number;
  rQshiftBytes(count: number, copy: boolean): Uint8Array;
}
interface Display {
  blitImage(x: number, y: number, width: number, height: number, data: Uint8Array, offset: number): void;
  fillRect(x: number, y: number, width: number, height: number, colour: readonly [number, number, number]): void;
}
interface Decoder {
  decodeRect(x: number, y: number, width: number, height: number, socket: Socket, display: Display, depth: number): boolean;
}

/** noVNC exports no decoder; its files are taken by path. */
async function decoder(name: string): Promise<Decoder> {
  const path = new URL(`../../../node_modules/@novnc/novnc/core/decoders/${name}.js`, import.meta.url).href;
  const loaded: { default: new () => Decoder } = await import(/* @vite-ignore */ path);
  return new loaded.default();
}

/** The pixel format that noVNC asks for. */
const format = {
  bitsPerPixel: 32,
  depth: 24,
  bigEndian: false,
  redMax: 255,
  greenMax: 255,
  blueMax: 255,
  redShift: 0,
  greenShift: 8,
  blueShift: 16,
} as const;

describe("noVNC's own decoders", () => {
  it.each<[string, PixelEncoding]>([
    ['zrle', Encoding.zrle],
    ['zlib', Encoding.zlib],
    ['raw', Encoding.raw],
  ])('read a stream of our %s rectangles', async (name, encoding) => {
    const reader = await decoder(name);
    const encoder = new RectangleEncoder();
    const translator = new PixelTranslator(format);
    for (let round = 0; round < 40; round++) {
      const width = 1 + ((round * 37) % 200);
      const height = 1 + ((round * 53) % 150);
      // One colour, a few, and more than a palette holds, in turn.
      const colours = [1, 2, 4, 16, 17, 100_000][round % 6] ?? 1;
      const pixels = Uint32Array.from({ length: width * height }, (_, i) => {
        return (Math.imul((Math.imul(i, i) + round) % colours, 0x9e3779b1) | 0xff000000) >>> 0;
      });
      const body = Buffer.from(encoder.encode(encoding, { pixels, width, height }, translator));
      const picture = new Uint32Array(width * height);
      let at = 0;
      const socket: Socket = {
        rQwait: (_message, count) => body.length - at < count,
        rQshift32: () => body.readUInt32BE((at += 4) - 4),
        rQshiftBytes: (count) => body.subarray(at, (at += count)),
      };
      const display: Display = {
        blitImage(x, y, w, h, data, offset) {
          for (let i = 0; i < w * h; i++) {
            const from = offset + 4 * i;
            const colour = (data[from] ?? 0) | ((data[from + 1] ?? 0) << 8) | ((data[from + 2] ?? 0) << 16);
            picture[(y + Math.floor(i / w)) * width + x + (i % w)] = (colour | 0xff000000) >>> 0;
          }
        },
        fillRect(x, y, w, h, [red, green, blue]) {
          const colour = (red | (green << 8) | (blue << 16) | 0xff000000) >>> 0;
          for (let row = y; row < y + h; row++) picture.fill(colour, row * width + x, row * width + x + w);
        },
      };
      expect(reader.decodeRect(0, 0, width, height, socket, display, 24)).toBe(true);
      expect(at).toBe(body.length);
      expect(picture).toEqual(pixels);
    }
  });
});
