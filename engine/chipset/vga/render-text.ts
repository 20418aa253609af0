/**
 * Text modes. The screen is a list of strips (a character row, or the part of one at a split or at the edge) of cells. A shadow keeps what
 * each cell showed; only cells whose character, attribute or cursor differ are drawn again.
 */
import { fontAddress, glyphStride } from './font.ts';
import { planeAddressOf } from './geometry.ts';
import type { TextMode } from './geometry.ts';
import type { BlinkPhase, Region } from './render.ts';
import { Attribute, AttributeMode, Crtc, Sequencer, planeAddresses } from './registers.ts';
import type { VgaRegisters } from './registers.ts';

/** A picture to draw into: RGBA words, row by row. */
export interface Target {
  pixels: Uint32Array;
  width: number;
  height: number;
}

/** One band of cells: `height` monitor lines from `y`, showing scan lines of the row from `firstScan` (counted in monitor lines) on. */
interface Strip {
  y: number;
  height: number;
  counter: number;
  firstScan: number;
}

const glyphBytes = 256 * glyphStride;
/** Shadow value of a cell that has not been drawn. */
const undrawn = 0xffffffff;
const cursorBit = 1 << 16;

/** Everything but the cells themselves that decides how a cell looks. */
interface Look {
  colours: Uint32Array;
  mode: TextMode;
  underline: number;
  cursorStart: number;
  cursorEnd: number;
  blink: boolean;
  charactersVisible: boolean;
  lineGraphics: boolean;
  monochrome: boolean;
}

export class TextRenderer {
  private readonly words: Uint32Array;
  private shadow = new Uint32Array(0);
  private signature = '';
  /** Glyphs of both maps as they were drawn: map B (attribute bit 3 clear), then map A. */
  private readonly fonts = new Uint8Array(2 * glyphBytes);

  constructor(
    private readonly registers: VgaRegisters,
    private readonly vram: Uint8Array<SharedArrayBuffer>,
  ) {
    this.words = new Uint32Array(vram.buffer, vram.byteOffset, planeAddresses);
  }

  draw(mode: TextMode, phase: BlinkPhase, colours: Uint32Array, target: Target, whole: boolean, changed: Region[]): void {
    const look = this.look(mode, phase, colours);
    const strips = this.strips(mode, target.height);
    const shown = mode.columns + (mode.pan > 0 ? 1 : 0);
    const cells = strips.length * shown;
    const fontsChanged = this.loadFonts();
    const signature = JSON.stringify([
      mode,
      [...colours],
      look.underline,
      look.cursorStart,
      look.cursorEnd,
      look.blink,
      look.lineGraphics,
      look.monochrome,
    ]);
    let fresh = whole || fontsChanged || signature !== this.signature;
    this.signature = signature;
    if (this.shadow.length !== cells) {
      this.shadow = new Uint32Array(cells);
      fresh = true;
    }
    if (fresh) {
      this.shadow.fill(undrawn);
      changed.push({ x: 0, y: 0, width: target.width, height: target.height });
    }

    const { crtc } = this.registers;
    const cursorSkew = ((crtc[Crtc.cursorEnd] ?? 0) >> 5) & 3;
    const cursorAt = ((((crtc[Crtc.cursorLocationHigh] ?? 0) << 8) | (crtc[Crtc.cursorLocationLow] ?? 0)) + cursorSkew) & 0xffff;
    const cursorOn = phase.cursorVisible && ((crtc[Crtc.cursorStart] ?? 0) & 0x20) === 0 && look.cursorStart <= look.cursorEnd;
    const cellWidth = mode.dots * mode.dotWidth;
    let index = 0;
    for (const strip of strips) {
      let first = -1;
      let last = -1;
      for (let column = 0; column < shown; column++) {
        const counter = (strip.counter + column) & 0xffff;
        const word = this.words[planeAddressOf(crtc, counter, 0)] ?? 0;
        let cell = word & 0xffff;
        // A blinking character that is dark now looks like a space.
        if (look.blink && !look.charactersVisible && (cell & 0x8000) !== 0) cell |= 1 << 17;
        if (cursorOn && counter === cursorAt) cell |= cursorBit;
        if (this.shadow[index] !== cell) {
          this.shadow[index] = cell;
          this.drawCell(cell, column * cellWidth - mode.pan * mode.dotWidth, strip, look, target);
          if (first < 0) first = column;
          last = column;
        }
        index++;
      }
      if (first >= 0 && !fresh) {
        const x = Math.max(0, first * cellWidth - mode.pan * mode.dotWidth);
        const end = Math.min(target.width, (last + 1) * cellWidth - mode.pan * mode.dotWidth);
        changed.push({ x, y: strip.y, width: end - x, height: strip.height });
      }
    }
  }

  private look(mode: TextMode, phase: BlinkPhase, colours: Uint32Array): Look {
    const { attribute, crtc } = this.registers;
    const control = attribute[Attribute.modeControl] ?? 0;
    return {
      colours,
      mode,
      underline: (crtc[Crtc.underlineLocation] ?? 0) & 0x1f,
      cursorStart: (crtc[Crtc.cursorStart] ?? 0) & 0x1f,
      cursorEnd: (crtc[Crtc.cursorEnd] ?? 0) & 0x1f,
      blink: (control & AttributeMode.blink) !== 0,
      charactersVisible: phase.charactersVisible,
      lineGraphics: (control & AttributeMode.lineGraphics) !== 0,
      monochrome: (control & AttributeMode.monochrome) !== 0,
    };
  }

  private strips(mode: TextMode, height: number): Strip[] {
    const rowHeight = mode.rowScans * mode.repeat;
    const strips: Strip[] = [];
    const add = (from: number, to: number, counter: number, firstScan: number): void => {
      let y = from;
      let scan = firstScan % rowHeight;
      let at = counter;
      while (y < to) {
        const lines = Math.min(rowHeight - scan, to - y);
        strips.push({ y, height: lines, counter: at, firstScan: scan });
        y += lines;
        scan = 0;
        at += mode.pitch;
      }
    };
    const split = Math.min(height, mode.split + 1);
    add(0, split, mode.start, mode.firstScan * mode.repeat);
    add(split, height, 0, 0);
    return strips;
  }

  /** Copies the glyphs of both selected character maps; true when any of them changed. */
  private loadFonts(): boolean {
    const select = this.registers.sequencer[Sequencer.characterMapSelect] ?? 0;
    const mapB = (select & 3) | ((select >> 2) & 4);
    const mapA = ((select >> 2) & 3) | ((select >> 3) & 4);
    const changedB = this.loadFont(0, fontAddress[mapB] ?? 0);
    const changedA = this.loadFont(glyphBytes, fontAddress[mapA] ?? 0);
    return changedA || changedB;
  }

  private loadFont(at: number, planeAddress: number): boolean {
    let changed = false;
    const { fonts, vram } = this;
    for (let i = 0; i < glyphBytes; i++) {
      const bits = vram[4 * ((planeAddress + i) & 0xffff) + 2] ?? 0;
      if (fonts[at + i] !== bits) {
        fonts[at + i] = bits;
        changed = true;
      }
    }
    return changed;
  }

  private drawCell(cell: number, x: number, strip: Strip, look: Look, target: Target): void {
    const { mode, colours } = look;
    const code = cell & 0xff;
    const attribute = (cell >> 8) & 0xff;
    const foreground = colours[attribute & 15] ?? 0;
    const background = colours[look.blink ? (attribute >> 4) & 7 : attribute >> 4] ?? 0;
    const dark = (cell & (1 << 17)) !== 0;
    const font = (attribute & 8) !== 0 ? glyphBytes : 0;
    const ninthCopies = look.lineGraphics && code >= 0xc0 && code <= 0xdf;
    const underlined = look.monochrome && (attribute & 7) === 1;
    const { pixels } = target;
    // Nearly every cell: wholly inside, a pixel a dot.
    const plain = mode.dotWidth === 1 && x >= 0 && x + mode.dots <= target.width;
    const lastDot = mode.dots === 9 ? 1 : 2;
    for (let line = 0; line < strip.height; line++) {
      const scan = (strip.firstScan + line) >> (mode.repeat - 1);
      // Nine bits, the leftmost dot in bit 8.
      let bits = (this.fonts[font + code * glyphStride + scan] ?? 0) << 1;
      if (ninthCopies) bits |= (bits >> 1) & 1;
      if (underlined && scan === look.underline) bits = 0x1ff;
      if (dark) bits = 0;
      if ((cell & cursorBit) !== 0 && scan >= look.cursorStart && scan <= look.cursorEnd) bits = 0x1ff;
      const row = (strip.y + line) * target.width;
      if (plain) {
        let at = row + x;
        for (let dot = 0x100; dot >= lastDot; dot >>= 1) pixels[at++] = (bits & dot) !== 0 ? foreground : background;
        continue;
      }
      let at = x;
      for (let dot = 0; dot < mode.dots; dot++) {
        const colour = (bits & (0x100 >> dot)) !== 0 ? foreground : background;
        for (let repeat = 0; repeat < mode.dotWidth; repeat++) {
          if (at >= 0 && at < target.width) pixels[row + at] = colour;
          at++;
        }
      }
    }
  }
}
