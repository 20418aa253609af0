/** What a display server shows. Implemented by whoever can draw a scanout. Used on the machine's service worker only. */

/** Pixels; x and y from the top left. */
export interface Rectangle {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Frame {
  width: number;
  height: number;
  /** RGBA, top row first, `width * height * 4` bytes. Belongs to the source and is valid until its next render. */
  rgba: Uint8Array;
  /** What may differ from the source's previous frame; covers all of the frame when the size changed. */
  changed: readonly Rectangle[];
}

export interface FrameSource {
  /** Any number that differs from the last one when the next render may look different. Cheap: asked for up to 60 times a second. */
  changeCounter(): number;
  /** Draws the scanout as it is now. No side effect on the guest. */
  render(): Frame;
}
