/** Pictures between the processes of a pair, compressed beside the thread that asks: whole screens would fill a link between hosts. */
import { promisify } from 'node:util';
import { constants, deflateRaw, inflateRaw } from 'node:zlib';
import type { Picture } from '../../../engine/machine/machine.ts';

export interface PackedPicture {
  readonly width: number;
  readonly height: number;
  /** Its RGBA, by DEFLATE (RFC 1951). */
  readonly packed: Uint8Array;
}

export async function packPicture({ width, height, rgba }: Picture): Promise<PackedPicture> {
  return { width, height, packed: await promisify(deflateRaw)(rgba, { level: constants.Z_BEST_SPEED }) };
}

/** No screen has more, either way and in all. */
const longest = 8192;
const mostPixels = 1 << 25;

/** Rejects what is not the picture that it says to be: it may come from another host. */
export async function unpackPicture({ width, height, packed }: PackedPicture): Promise<Picture> {
  const isSize = [width, height].every((size) => Number.isInteger(size) && size >= 1 && size <= longest);
  if (!isSize || width * height > mostPixels) throw new RangeError(`A picture of ${width} x ${height} is none.`);
  const bytes = width * height * 4;
  // One byte more shows that there are too many, and no more are made.
  const rgba = await promisify(inflateRaw)(packed, { maxOutputLength: bytes + 1 });
  if (rgba.length !== bytes) throw new RangeError(`A picture of ${width} x ${height} has ${rgba.length} bytes.`);
  return { width, height, rgba: new Uint8Array(rgba) };
}
