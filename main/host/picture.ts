import { PNG } from 'pngjs';
import type { Picture } from '../../engine/machine/machine.ts';

/** A picture as a PNG file. */
export function encodePng(picture: Picture): Uint8Array {
  const png = new PNG({ width: picture.width, height: picture.height });
  png.data.set(picture.rgba);
  return PNG.sync.write(png, { colorType: 2, inputHasAlpha: true });
}

/** Thumbnails are at most this wide: twice a case of the library's grid. */
export const THUMBNAIL_WIDTH = 560;

/** The picture made smaller by averaging, if it is wider than a thumbnail. */
export function shrink(picture: Picture, width: number = THUMBNAIL_WIDTH): Picture {
  if (picture.width <= width) return picture;
  const height = Math.max(1, Math.round((picture.height * width) / picture.width));
  const rgba = new Uint8Array(width * height * 4);
  for (let y = 0; y < height; y++) {
    const top = Math.floor((y * picture.height) / height);
    const bottom = Math.max(top + 1, Math.floor(((y + 1) * picture.height) / height));
    for (let x = 0; x < width; x++) {
      const left = Math.floor((x * picture.width) / width);
      const right = Math.max(left + 1, Math.floor(((x + 1) * picture.width) / width));
      rgba.set(average(picture, left, top, right, bottom), (y * width + x) * 4);
    }
  }
  return { width, height, rgba };
}

function average(picture: Picture, left: number, top: number, right: number, bottom: number): [number, number, number, number] {
  let red = 0;
  let green = 0;
  let blue = 0;
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) {
      const at = (y * picture.width + x) * 4;
      red += picture.rgba[at] ?? 0;
      green += picture.rgba[at + 1] ?? 0;
      blue += picture.rgba[at + 2] ?? 0;
    }
  }
  const count = (right - left) * (bottom - top);
  return [red / count, green / count, blue / count, 255];
}
