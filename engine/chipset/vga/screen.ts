/** The VGA as something a display server can show: rendering at the blinking rate of the real adapter. */
import type { WrittenPages } from '../../machine/bus.ts';
import { VgaRenderer } from './render.ts';
import type { BlinkPhase, RenderedFrame } from './render.ts';
import { frameTiming } from './retrace.ts';
import type { Vga } from './vga.ts';

/** Frames that the cursor stays on, and off; characters blink half as fast. */
const cursorFrames = 16;

/** Satisfies display/frame.ts's FrameSource. Used on the service worker only; changes nothing of the guest. */
export class VgaScreen {
  private readonly renderer: VgaRenderer;
  /** How often the memory was found written. */
  private looks = 0;

  /**
   * `changes` reads the counter behind bus.displayChanged(); `now` reads guest time in nanoseconds (bus.clock.now). While the guest
   * is paused its time stands still, and so does the blinking. `watch` gives what is known of writes to video memory, another one at each call.
   */
  constructor(
    private readonly vga: Vga,
    private readonly changes: () => number,
    private readonly now: () => number,
    watch: () => WrittenPages,
  ) {
    this.renderer = new VgaRenderer(vga.registers, vga.vram, vga.dispi.registers, watch);
  }

  changeCounter(): number {
    if (this.renderer.mayDiffer()) this.looks++;
    // Blinking has four phases; the counter moves on by four at each change so that the sum never stands still between two of them.
    return 4 * (this.changes() + this.looks) + this.blinkStep();
  }

  render(): RenderedFrame {
    const step = this.blinkStep();
    const phase: BlinkPhase = { cursorVisible: (step & 1) === 0, charactersVisible: (step & 2) === 0 };
    return this.renderer.render(phase);
  }

  /** 0-3: bit 0 set while the cursor is dark, bit 1 while blinking characters are. */
  private blinkStep(): number {
    return Math.floor(this.now() / (frameTiming(this.vga.registers).frame * cursorFrames)) & 3;
  }
}
