/** An output of the display device as something a display server can show. Used on the service worker only; changes nothing of the guest. */
import { everyPage, type WrittenPages } from '../../machine/bus.ts';
import { LinearRenderer } from '../vga/render-linear.ts';
import type { RenderedFrame } from '../vga/render.ts';
import type { VgaRegisters } from '../vga/registers.ts';
import type { LinearMode } from '../vga/dispi.ts';
import type { DisplayDevice, ShownFrame } from './display-device.ts';

/** What is shown instead of a frame. */
interface OtherScreen {
  changeCounter(): number;
  render(): RenderedFrame;
}

export interface ScanoutWiring {
  device: DisplayDevice;
  memory: Uint8Array<SharedArrayBuffer>;
  /** The counter behind bus.displayChanged(). */
  changes: () => number;
  /** What is known of writes to `memory`; another one at each call. Absent: nothing, which is for those who draw once. */
  watch?: () => WrittenPages;
  vga: VgaRegisters;
}

/** The picture of an output that nobody has connected. */
const offSize = { width: 640, height: 400 };
const opaqueBlack = 0xff000000;

/** Satisfies display/frame.ts's FrameSource. Without a frame of the guest's: `other`, or darkness of the output's size. */
export class ScanoutScreen {
  private readonly linear: LinearRenderer;
  private pixels = new Uint32Array(0);
  private width = 0;
  private height = 0;
  private shows: 'frame' | 'dark' | 'other' | undefined;
  private looks = 0;
  private counted = 0;
  private lastOther = -1;

  constructor(
    private readonly output: number,
    private readonly wiring: ScanoutWiring,
    private readonly other?: OtherScreen,
  ) {
    this.linear = new LinearRenderer(wiring.vga, wiring.memory, wiring.watch?.() ?? everyPage);
  }

  changeCounter(): number {
    const { device, changes } = this.wiring;
    const frame = device.frame(this.output);
    if (frame !== undefined) {
      if (this.linear.mayDiffer(linearModeOf(frame))) this.looks++;
    } else if (this.other !== undefined) {
      const counter = this.other.changeCounter();
      if (counter !== this.lastOther) this.counted++;
      this.lastOther = counter;
    }
    return changes() + this.looks + this.counted;
  }

  render(): RenderedFrame {
    const { device } = this.wiring;
    const frame = device.frame(this.output);
    if (frame === undefined && this.other !== undefined) {
      const rendered = this.other.render();
      const whole = this.shows !== 'other';
      this.shows = 'other';
      return whole ? { ...rendered, changed: [{ x: 0, y: 0, width: rendered.width, height: rendered.height }] } : rendered;
    }
    const { width, height } = frame ?? device.size(this.output) ?? offSize;
    const shows = frame === undefined ? 'dark' : 'frame';
    const whole = shows !== this.shows || width !== this.width || height !== this.height;
    if (whole) {
      this.shows = shows;
      this.width = width;
      this.height = height;
      this.pixels = new Uint32Array(width * height).fill(opaqueBlack);
    }
    const changed: RenderedFrame['changed'] = [];
    if (frame !== undefined) {
      this.linear.draw(linearModeOf(frame), { pixels: this.pixels, width, height }, whole, changed);
    }
    if (whole) changed.splice(0, changed.length, { x: 0, y: 0, width, height });
    return { width, height, rgba: new Uint8Array(this.pixels.buffer), changed };
  }
}

function linearModeOf({ width, height, base, stride }: ShownFrame): LinearMode {
  return { width, height, depth: 32, bits: 32, start: base, pitch: stride, dac8: true };
}
