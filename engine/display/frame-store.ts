/**
 * The last frame, shared by all viewers: one copy of its pixels, and for each tile of 16×16 the number of the frame in which it last
 * changed. A viewer only remembers the number of the frame that it has; what it lacks are the tiles with a higher one.
 */
import type { Frame, Rectangle } from './frame.ts';

export const tileSize = 16;

export class FrameStore {
  width = 0;
  height = 0;
  /** Number of the newest frame that brought a change; 0 before the first. */
  frame = 0;
  /** Number of the frame that brought this size. */
  sizeFrame = 0;
  /** RGBA words. */
  pixels = new Uint32Array(0);
  private columns = 0;
  private rows = 0;
  private stamps = new Float64Array(0);

  /** Takes what changed out of `frame`; true when any pixel, or the size, is new. */
  take(frame: Frame): boolean {
    const number = this.frame + 1;
    const source = new Uint32Array(frame.rgba.buffer, frame.rgba.byteOffset, frame.width * frame.height);
    if (frame.width !== this.width || frame.height !== this.height || this.frame === 0) {
      this.width = frame.width;
      this.height = frame.height;
      this.pixels = source.slice();
      this.columns = Math.ceil(frame.width / tileSize);
      this.rows = Math.ceil(frame.height / tileSize);
      this.stamps = new Float64Array(this.columns * this.rows).fill(number);
      this.frame = number;
      this.sizeFrame = number;
      return true;
    }
    let any = false;
    for (const region of frame.changed) {
      const lastColumn = Math.min(this.columns, Math.ceil((region.x + region.width) / tileSize));
      const lastRow = Math.min(this.rows, Math.ceil((region.y + region.height) / tileSize));
      for (let row = Math.floor(region.y / tileSize); row < lastRow; row++) {
        for (let column = Math.floor(region.x / tileSize); column < lastColumn; column++) {
          const tile = row * this.columns + column;
          if (this.stamps[tile] === number || !this.takeTile(source, column, row)) continue;
          this.stamps[tile] = number;
          any = true;
        }
      }
    }
    if (any) this.frame = number;
    return any;
  }

  private takeTile(source: Uint32Array, column: number, row: number): boolean {
    const left = column * tileSize;
    const right = Math.min(left + tileSize, this.width);
    const bottom = Math.min((row + 1) * tileSize, this.height);
    let changed = false;
    for (let y = row * tileSize; y < bottom; y++) {
      for (let at = y * this.width + left, end = y * this.width + right; at < end; at++) {
        const colour = source[at] ?? 0;
        if (this.pixels[at] !== colour) {
          this.pixels[at] = colour;
          changed = true;
        }
      }
    }
    return changed;
  }

  /** Rectangles, disjoint and inside the frame, that cover all tiles changed after frame number `since`. */
  changedSince(since: number): Rectangle[] {
    const found: Rectangle[] = [];
    // Runs of the tile row above by their first and last tile, to grow downwards.
    let above = new Map<number, Rectangle>();
    for (let row = 0; row < this.rows; row++) {
      const here = new Map<number, Rectangle>();
      const y = row * tileSize;
      const height = Math.min(tileSize, this.height - y);
      let column = 0;
      while (column < this.columns) {
        if ((this.stamps[row * this.columns + column] ?? 0) <= since) {
          column++;
          continue;
        }
        const first = column;
        while (column < this.columns && (this.stamps[row * this.columns + column] ?? 0) > since) column++;
        const key = first * this.columns + column;
        const upper = above.get(key);
        if (upper !== undefined) {
          upper.height += height;
          here.set(key, upper);
        } else {
          const x = first * tileSize;
          const run = { x, y, width: Math.min(column * tileSize, this.width) - x, height };
          found.push(run);
          here.set(key, run);
        }
      }
      above = here;
    }
    return found;
  }

  /** Copies a rectangle's pixels; what lies outside the frame is black. */
  extract(rectangle: Rectangle): Uint32Array {
    const { x, y, width, height } = rectangle;
    const block = new Uint32Array(width * height);
    const inside = Math.max(0, Math.min(width, this.width - x));
    const opaqueBlack = 0xff000000;
    if (inside < width || y + height > this.height) block.fill(opaqueBlack);
    if (inside === 0) return block;
    for (let row = 0; row < Math.min(height, this.height - y); row++) {
      const from = (y + row) * this.width + x;
      block.set(this.pixels.subarray(from, from + inside), row * width);
    }
    return block;
  }
}
