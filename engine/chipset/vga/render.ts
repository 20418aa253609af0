/**
 * The screen as pixels. A renderer owns its picture and a shadow of what it has drawn, so that a frame costs what changed in it;
 * nothing of the guest is touched, and any thread may hold one.
 */
import { everyPage, type WrittenPages } from '../../machine/bus.ts';
import { attributeColours } from './colours.ts';
import { linearMode } from './dispi.ts';
import type { DispiRegisters, LinearMode } from './dispi.ts';
import { displayMode } from './geometry.ts';
import type { DisplayMode } from './geometry.ts';
import { GraphicsRenderer } from './render-graphics.ts';
import { blanked, LinearRenderer } from './render-linear.ts';
import { TextRenderer } from './render-text.ts';
import { planeAddresses, type VgaRegisters } from './registers.ts';

/** Pixels; x and y from the top left. */
export interface Region {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface RenderedFrame {
  width: number;
  height: number;
  /** RGBA, top row first; valid until the next render. */
  rgba: Uint8Array;
  /** What may differ from the frame before. */
  changed: Region[];
}

/** Which half of their blinking the cursor and blinking characters are in. */
export interface BlinkPhase {
  cursorVisible: boolean;
  charactersVisible: boolean;
}

/** Everything visible: for screenshots that should not depend on the moment. */
export const steady: BlinkPhase = { cursorVisible: true, charactersVisible: true };

/** Size of the dark picture while no mode is set. */
export const darkWidth = 720;
export const darkHeight = 400;

const opaqueBlack = 0xff000000;
/** Pixels that a picture of the VGA's own modes may have at most; registers cannot ask for more than 256 × 9 × 2 by 1,024. */
const largestWidth = 4608;
const largestHeight = 1024;

export class VgaRenderer {
  private width = 0;
  private height = 0;
  private pixels = new Uint32Array(0);
  private rgba = new Uint8Array(0);
  private readonly colours = new Uint32Array(16);
  private kind: DisplayMode['kind'] | 'linear' | undefined;
  private readonly text: TextRenderer;
  private readonly graphics: GraphicsRenderer;
  private readonly linear: LinearRenderer;
  /** Of the VGA's own memory. */
  private readonly planes: WrittenPages;

  /**
   * `vram` is the machine's video memory: at least the 256 KiB of the planes, 4-byte aligned. Without `dispi` only the VGA's modes are drawn.
   * `watch`: for whoever draws again and again; each call gives another.
   */
  constructor(
    private readonly registers: VgaRegisters,
    private readonly vram: Uint8Array<SharedArrayBuffer>,
    private readonly dispi?: DispiRegisters,
    watch: () => WrittenPages = () => everyPage,
  ) {
    this.text = new TextRenderer(registers, vram);
    this.planes = watch();
    this.graphics = new GraphicsRenderer(registers, vram, this.planes);
    this.linear = new LinearRenderer(registers, vram, watch());
  }

  /** Whether the picture may look different by now, as far as memory goes. */
  mayDiffer(): boolean {
    const mode = this.dispi === undefined ? undefined : linearMode(this.dispi, this.vram.length);
    return mode === undefined ? this.planes.any(0, 4 * planeAddresses) : this.linear.mayDiffer(mode);
  }

  /** Draws what differs from the last call. The same registers, memory and phase give the same picture. */
  render(phase: BlinkPhase = steady): RenderedFrame {
    const linear = this.dispi === undefined ? undefined : linearMode(this.dispi, this.vram.length);
    const mode = this.modeOf(linear);
    // A picture that is switched off keeps its size.
    const size = linear ?? (mode.kind === 'linear' ? mode.linear : sizeOf(mode));
    let whole = mode.kind !== this.kind;
    this.kind = mode.kind;
    if (size.width !== this.width || size.height !== this.height) {
      this.width = size.width;
      this.height = size.height;
      this.pixels = new Uint32Array(size.width * size.height);
      this.rgba = new Uint8Array(this.pixels.buffer);
      whole = true;
    }
    const changed: Region[] = [];
    if (mode.kind === 'off') {
      if (whole) this.pixels.fill(opaqueBlack);
    } else if (mode.kind === 'linear') {
      this.linear.draw(mode.linear, { pixels: this.pixels, width: this.width, height: this.height }, whole, changed);
    } else {
      attributeColours(this.registers, this.colours);
      const target = { pixels: this.pixels, width: this.width, height: this.height };
      if (mode.kind === 'text') {
        this.planes.look();
        this.text.draw(mode, phase, this.colours, target, whole, changed);
        this.planes.seen();
      } else this.graphics.draw(mode, this.colours, target, whole, changed);
    }
    if (whole) changed.splice(0, changed.length, { x: 0, y: 0, width: this.width, height: this.height });
    return { width: this.width, height: this.height, rgba: this.rgba, changed };
  }

  private modeOf(linear: LinearMode | undefined): DisplayMode | { kind: 'linear'; linear: LinearMode } {
    if (linear === undefined) return displayMode(this.registers);
    return blanked(this.registers) ? { kind: 'off' } : { kind: 'linear', linear };
  }
}

/**
 * Size of the picture of a mode in pixels. Text modes show what a monitor does; graphics modes give one pixel for each that the guest can
 * address, so that 320×200 is not sent four times over.
 */
export function sizeOf(mode: DisplayMode): { width: number; height: number } {
  if (mode.kind === 'off') return { width: darkWidth, height: darkHeight };
  if (mode.kind === 'text') {
    return {
      width: Math.min(mode.columns * mode.dots * mode.dotWidth, largestWidth),
      height: Math.min(mode.lines, largestHeight),
    };
  }
  return {
    width: mode.columns * (mode.shift === 'packed' ? 4 : 8),
    height: Math.max(1, Math.floor(mode.lines / (mode.repeat * mode.scansAPixel))),
  };
}
