/**
 * Modes of the display interface, and frames of the display device. Pages that were not written since the last time are not read. Of those that were, each
 * line is compared with a copy of what was drawn, and only what differs is drawn again.
 */
import { everyPage, type WrittenPages } from '../../machine/bus.ts';
import { attributeColours, dacColour } from './colours.ts';
import type { LinearMode } from './dispi.ts';
import type { VgaRegisters } from './registers.ts';
import { paletteAddressSource } from './registers.ts';
import type { Region } from './render.ts';
import type { Target } from './render-text.ts';

const pageBytes = 4096;
const opaque = 0xff000000;
const widen5 = (value: number): number => (value << 3) | (value >> 2);
const widen6 = (value: number): number => (value << 2) | (value >> 4);

/** RGBA words of every 15-bit and 16-bit pixel, made when first needed. */
function coloursOf(depth: number): Uint32Array {
  const colours = new Uint32Array(0x10000);
  for (let pixel = 0; pixel < 0x10000; pixel++) {
    const red = widen5((pixel >> (depth === 15 ? 10 : 11)) & 31);
    const green = depth === 15 ? widen5((pixel >> 5) & 31) : widen6((pixel >> 5) & 63);
    colours[pixel] = red | (green << 8) | (widen5(pixel & 31) << 16) | opaque;
  }
  return colours;
}

export class LinearRenderer {
  /** Lines as they were drawn, without the gaps between them. */
  private drawn = new Uint8Array(0);
  private depth = 0;
  private palette = new Uint32Array(256);
  private direct: Uint32Array | undefined;
  /** Where the picture lay that was drawn last. */
  private start = 0;
  private pitch = 0;
  /** The part of a line that differs, in bytes: [first, end). */
  private first = 0;
  private end = 0;

  constructor(
    private readonly registers: VgaRegisters,
    private readonly vram: Uint8Array<SharedArrayBuffer>,
    private readonly written: WrittenPages = everyPage,
  ) {}

  /** Whether the picture may look different at the next draw, as far as memory goes. */
  mayDiffer({ start, pitch, height }: LinearMode): boolean {
    return this.written.any(start, pitch * height);
  }

  /** Draws the lines that differ; `changed` gets them, joined to bands as wide as what differs in them. */
  draw(mode: LinearMode, target: Target, whole: boolean, changed: Region[]): void {
    const { bits, width, height } = mode;
    const rowBytes = (width * bits) / 8;
    let everything = whole || mode.depth !== this.depth || this.drawn.length !== rowBytes * height;
    if (everything) {
      this.drawn = new Uint8Array(rowBytes * height);
      this.direct = bits === 16 ? coloursOf(mode.depth) : undefined;
      this.depth = mode.depth;
    }
    if (this.paletteChanged(mode)) everything = true;
    const moved = everything || mode.start !== this.start || mode.pitch !== this.pitch;
    this.start = mode.start;
    this.pitch = mode.pitch;
    this.written.look();
    const pixelsAByte = 8 / bits;
    let band: Region | undefined;
    for (let y = 0; y < height; y++) {
      const from = mode.start + y * mode.pitch;
      const now = this.vram.subarray(from, from + rowBytes);
      const before = this.drawn.subarray(y * rowBytes, (y + 1) * rowBytes);
      this.first = 0;
      this.end = rowBytes;
      if (everything) before.set(now);
      else this.takeDifference(now, before, from, moved);
      if (this.end === 0) {
        band = undefined;
        continue;
      }
      // Whole groups of eight pixels, so that no pixel is torn apart.
      const left = Math.floor((this.first * pixelsAByte) / 8) * 8;
      const right = Math.min(width, Math.ceil((this.end * pixelsAByte) / 8) * 8);
      this.drawLine(mode, before, left, right, target.pixels.subarray(y * width, (y + 1) * width));
      if (band === undefined) changed.push((band = { x: left, y, width: right - left, height: 1 }));
      else {
        const end = Math.max(band.x + band.width, right);
        band.x = Math.min(band.x, left);
        band.width = end - band.x;
        band.height++;
      }
    }
    this.written.seen();
  }

  /** Copies what differs in those pages of a line that were written, or in all of them; leaves `first` and `end`. */
  private takeDifference(now: Uint8Array, before: Uint8Array, from: number, all: boolean): void {
    let first = -1;
    let end = 0;
    const isWritten = (at: number): boolean => all || this.written.isWritten(from + at);
    for (let at = 0; at < now.length;) {
      let next = Math.min(now.length, at + pageBytes - ((from + at) % pageBytes));
      if (isWritten(at)) {
        // Pages that follow each other are compared as one.
        while (next < now.length && isWritten(next)) next = Math.min(now.length, next + pageBytes);
        const piece = now.subarray(at, next);
        const old = before.subarray(at, next);
        if (Buffer.compare(piece, old) !== 0) {
          let start = 0;
          let last = piece.length - 1;
          while (start < last && piece[start] === old[start]) start++;
          while (last > start && piece[last] === old[last]) last--;
          // The copy is what is drawn, and no more of it is taken than that: the guest may go on writing meanwhile, which the next frame finds.
          old.set(piece.subarray(start, last + 1), start);
          if (first < 0) first = at + start;
          end = at + last + 1;
        }
      }
      at = next;
    }
    this.first = first;
    this.end = end;
  }

  /** Takes over the palette of modes that have one. True when it differs from the one drawn with. */
  private paletteChanged(mode: LinearMode): boolean {
    if (mode.bits > 8) return false;
    const palette = new Uint32Array(256);
    if (mode.bits === 4) attributeColours(this.registers, palette, mode.dac8);
    else for (let index = 0; index < 256; index++) palette[index] = dacColour(this.registers, index, mode.dac8);
    if (palette.every((colour, index) => colour === this.palette[index])) return false;
    this.palette = palette;
    return true;
  }

  private drawLine(mode: LinearMode, row: Uint8Array, left: number, right: number, pixels: Uint32Array): void {
    const byte = (at: number): number => row[at] ?? 0;
    switch (mode.bits) {
      case 4:
        for (let x = left; x < right; x++) {
          const at = 4 * (x >> 3);
          const shift = 7 - (x & 7);
          let code = 0;
          for (let plane = 0; plane < 4; plane++) code |= ((byte(at + plane) >> shift) & 1) << plane;
          pixels[x] = this.palette[code] ?? opaque;
        }
        return;
      case 8:
        for (let x = left; x < right; x++) pixels[x] = this.palette[byte(x)] ?? opaque;
        return;
      case 16:
        for (let x = left; x < right; x++) pixels[x] = this.direct?.[byte(2 * x) | (byte(2 * x + 1) << 8)] ?? opaque;
        return;
      case 24:
      case 32: {
        // Blue, green, red in memory.
        const step = mode.bits / 8;
        for (let x = left; x < right; x++) {
          const at = step * x;
          pixels[x] = byte(at + 2) | (byte(at + 1) << 8) | (byte(at) << 16) | opaque;
        }
      }
    }
  }
}

/** True while the display has no palette, by which drivers switch the picture off. */
export function blanked(registers: VgaRegisters): boolean {
  return (registers.attributeIndex & paletteAddressSource) === 0;
}
