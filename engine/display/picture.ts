/** Screenshots as PNG files (W3C PNG specification): palette where 256 colours are enough, else 24 bits. */
import { crc32, deflateSync } from 'node:zlib';

/** RGBA, top row first; alpha is ignored, screens are opaque. */
export interface RgbaPicture {
  width: number;
  height: number;
  rgba: Uint8Array;
}

const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
const colourTypeRgb = 2;
const colourTypePalette = 3;
const largestPalette = 256;

function chunk(type: string, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(12 + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  for (let i = 0; i < 4; i++) bytes[4 + i] = type.charCodeAt(i);
  bytes.set(data, 8);
  view.setUint32(8 + data.length, crc32(bytes.subarray(4, 8 + data.length)));
  return bytes;
}

/** Indexed pixels, one byte each and a filter byte before each row, or undefined when there are too many colours. */
function indexed(picture: RgbaPicture): { rows: Uint8Array; palette: Uint8Array } | undefined {
  const { width, height, rgba } = picture;
  const rows = new Uint8Array((width + 1) * height);
  const seen = new Map<number, number>();
  let from = 0;
  for (let y = 0; y < height; y++) {
    let to = y * (width + 1) + 1;
    for (let x = 0; x < width; x++, from += 4) {
      const colour = ((rgba[from] ?? 0) << 16) | ((rgba[from + 1] ?? 0) << 8) | (rgba[from + 2] ?? 0);
      let index = seen.get(colour);
      if (index === undefined) {
        index = seen.size;
        if (index === largestPalette) return undefined;
        seen.set(colour, index);
      }
      rows[to++] = index;
    }
  }
  const palette = new Uint8Array(3 * seen.size);
  let at = 0;
  for (const colour of seen.keys()) {
    palette[at++] = colour >> 16;
    palette[at++] = colour >> 8;
    palette[at++] = colour;
  }
  return { rows, palette };
}

function trueColour(picture: RgbaPicture): Uint8Array {
  const { width, height, rgba } = picture;
  const rows = new Uint8Array((3 * width + 1) * height);
  let from = 0;
  let to = 0;
  for (let y = 0; y < height; y++) {
    rows[to++] = 0;
    for (let x = 0; x < width; x++, from += 4) {
      rows[to++] = rgba[from] ?? 0;
      rows[to++] = rgba[from + 1] ?? 0;
      rows[to++] = rgba[from + 2] ?? 0;
    }
  }
  return rows;
}

/** The PNG file of a picture. Throws RangeError when the size is not positive or the bytes are too few. */
export function encodePng(picture: RgbaPicture): Uint8Array {
  const { width, height, rgba } = picture;
  if (!(width > 0) || !(height > 0) || rgba.length < 4 * width * height) {
    throw new RangeError(`no picture of ${width}×${height} in ${rgba.length} bytes`);
  }
  const few = indexed(picture);
  const head = new Uint8Array(13);
  const view = new DataView(head.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  head[8] = 8;
  head[9] = few === undefined ? colourTypeRgb : colourTypePalette;
  const parts = [signature, chunk('IHDR', head)];
  if (few !== undefined) parts.push(chunk('PLTE', few.palette));
  parts.push(chunk('IDAT', deflateSync(few?.rows ?? trueColour(picture), { level: 6 })), chunk('IEND', new Uint8Array(0)));
  return new Uint8Array(Buffer.concat(parts));
}
