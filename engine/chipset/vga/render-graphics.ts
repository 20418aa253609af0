/** Graphics modes: 16 colours in planes, CGA's interleaved two bits a pixel, and 256 colours. */
import { everyPage, type WrittenPages } from '../../machine/bus.ts';
import { dacColour } from './colours.ts';
import { planeAddressOf } from './geometry.ts';
import type { GraphicsModeGeometry } from './geometry.ts';
import type { Region } from './render.ts';
import type { Target } from './render-text.ts';
import { planeAddresses } from './registers.ts';
import type { VgaRegisters } from './registers.ts';

const pageBytes = 4096;
const planesBytes = 4 * planeAddresses;

/** Spreads the bits of a byte over eight nibbles: the leftmost pixel in the lowest nibble. */
const spread = new Uint32Array(256);
for (let byte = 0; byte < 256; byte++) {
  for (let pixel = 0; pixel < 8; pixel++) {
    if (byte & (0x80 >> pixel)) spread[byte] = ((spread[byte] ?? 0) | (1 << (4 * pixel))) >>> 0;
  }
}

export class GraphicsRenderer {
  private readonly words: Uint32Array;
  private readonly colours256 = new Uint32Array(256);
  private line = new Uint32Array(0);
  /** What the lines were drawn with, memory apart. */
  private signature = '';
  private readonly fresh = new Uint8Array(planesBytes / pageBytes);

  constructor(
    private readonly registers: VgaRegisters,
    vram: Uint8Array<SharedArrayBuffer>,
    private readonly written: WrittenPages = everyPage,
  ) {
    this.words = new Uint32Array(vram.buffer, vram.byteOffset, planeAddresses);
  }

  /** Draws every line out of a page that was written, and compares it with the picture; `changed` gets the lines that differ, joined to bands. */
  draw(mode: GraphicsModeGeometry, colours: Uint32Array, target: Target, whole: boolean, changed: Region[]): void {
    const { pixels, width, height } = target;
    if (mode.shift === 'packed') for (let i = 0; i < 256; i++) this.colours256[i] = dacColour(this.registers, i);
    if (this.line.length !== width + 8) this.line = new Uint32Array(width + 8);
    this.written.look();
    for (let page = 0; page < this.fresh.length; page++) this.fresh[page] = this.written.isWritten(page * pageBytes) ? 1 : 0;
    const signature = JSON.stringify([mode, [...colours], mode.shift === 'packed' ? [...this.colours256] : [], [...this.registers.crtc]]);
    const all = whole || signature !== this.signature;
    this.signature = signature;
    let band: Region | undefined;
    const scansALine = mode.repeat * mode.scansAPixel;
    for (let y = 0; y < height; y++) {
      if (!all && !this.lineIsWritten(mode, y * scansALine)) {
        band = undefined;
        continue;
      }
      this.drawLine(mode, y * scansALine, colours);
      const from = y * width;
      let differs = whole;
      const line = this.line;
      const pan = mode.pan;
      for (let x = 0; x < width; x++) {
        const colour = line[x + pan] ?? 0;
        if (pixels[from + x] !== colour) {
          pixels[from + x] = colour;
          differs = true;
        }
      }
      if (!differs) band = undefined;
      else if (band !== undefined) band.height++;
      else changed.push((band = { x: 0, y, width, height: 1 }));
    }
    this.written.seen();
  }

  /** Where a monitor line begins: a counter of characters, and the scan line within the row. */
  private lineStart(mode: GraphicsModeGeometry, monitorLine: number): { base: number; rowScan: number } {
    const below = monitorLine > mode.split;
    const scan = Math.floor((below ? monitorLine - mode.split - 1 : monitorLine) / mode.repeat) + (below ? 0 : mode.firstScan);
    return { base: (below ? 0 : mode.start) + Math.floor(scan / mode.rowScans) * mode.pitch, rowScan: scan % mode.rowScans };
  }

  private lineIsWritten(mode: GraphicsModeGeometry, monitorLine: number): boolean {
    const { base, rowScan } = this.lineStart(mode, monitorLine);
    for (let column = 0; column <= mode.columns; column++) {
      const word = planeAddressOf(this.registers.crtc, (base + column) & 0xffff, rowScan);
      if (this.fresh[word >>> 10] === 1) return true;
    }
    return false;
  }

  /** Fills `line` with the pixels of a monitor line, one character clock more than is shown (for panning). */
  private drawLine(mode: GraphicsModeGeometry, monitorLine: number, colours: Uint32Array): void {
    const { base, rowScan } = this.lineStart(mode, monitorLine);
    const { line, words } = this;
    const { crtc } = this.registers;
    let x = 0;
    for (let column = 0; column <= mode.columns; column++) {
      const word = words[planeAddressOf(crtc, (base + column) & 0xffff, rowScan)] ?? 0;
      if (mode.shift === 'packed') {
        for (let plane = 0; plane < 4; plane++) line[x++] = this.colours256[(word >>> (8 * plane)) & 0xff] ?? 0;
      } else if (mode.shift === 'planar') {
        let nibbles =
          (spread[word & 0xff] ?? 0) |
          ((spread[(word >>> 8) & 0xff] ?? 0) << 1) |
          ((spread[(word >>> 16) & 0xff] ?? 0) << 2) |
          ((spread[word >>> 24] ?? 0) << 3);
        for (let pixel = 0; pixel < 8; pixel++) {
          line[x++] = colours[nibbles & 15] ?? 0;
          nibbles >>>= 4;
        }
      } else {
        // Planes 0 and 2 hold the first four pixels, planes 1 and 3 the others; the second of each pair gives the two upper bits.
        for (let half = 0; half < 2; half++) {
          const low = (word >>> (8 * half)) & 0xff;
          const high = (word >>> (16 + 8 * half)) & 0xff;
          for (let shift = 6; shift >= 0; shift -= 2) {
            line[x++] = colours[((low >> shift) & 3) | (((high >> shift) & 3) << 2)] ?? 0;
          }
        }
      }
    }
  }
}
