/**
 * What the display device is and does, without its place on a bus: outputs with the properties of somebody's displays, a frame of each, and the input
 * of whoever looks. All of it lies in one block. Under the device lock, but for what says otherwise.
 */
import {
  largestPosition,
  type DisplayProperties,
  type InputProperties,
  type Orientation,
  type OutputState,
} from '../../machine/display-face.ts';
import { forgetInput, putEvent } from './input-events.ts';
import { contactCount, DisplayInterrupt, edidRoom, FrameStatus, frameRefusals, InputDevice, InputEventKind, outputCount, PenState } from './registers.ts';
import type { DisplayState } from './state.ts';

const largestSide = 8192;
const bytesAPixel = 4;

/** What `point` and `touch` take: a position is 0 to 0xFFFF across an output. */
export interface PointerInput {
  output: number;
  x: number;
  y: number;
  /** Bit 0 left, 1 right, 2 middle. */
  buttons: number;
  /** Steps, positive away from the user. */
  wheel: number;
}

export interface TouchInput {
  output: number;
  contact: number;
  phase: 'down' | 'move' | 'up' | 'cancel';
  x: number;
  y: number;
}

/** See MachineInput. */
export interface PenInput {
  output: number;
  x: number;
  y: number;
  near: boolean;
  pressure: number;
  button: boolean;
  eraser: boolean;
}

/** A frame as it lies in the device's memory. */
export interface ShownFrame {
  width: number;
  height: number;
  base: number;
  stride: number;
}

const touchKinds = {
  down: InputEventKind.touchDown,
  move: InputEventKind.touchMove,
  up: InputEventKind.touchUp,
  cancel: InputEventKind.touchCancel,
} as const;

export interface DisplayHooks {
  /** The level of the interrupt. */
  interrupt(asserted: boolean): void;
  /** What is shown changed. */
  changed(): void;
  /** Guest time in nanoseconds. */
  now(): number;
}

export class DisplayDevice {
  constructor(
    readonly state: DisplayState,
    readonly memoryBytes: number,
    private readonly hooks: DisplayHooks,
  ) {}

  /** Frames, interrupts and input are gone; what is attached stays, as plugs do. */
  reset(): void {
    const { state } = this;
    state.interruptEnable = 0;
    // What is attached is news to whoever comes up now.
    state.interruptStatus = state.configured === 0 ? 0 : DisplayInterrupt.display | DisplayInterrupt.devices;
    for (const field of [state.frameBase, state.frameStride, state.frameWidth, state.frameHeight]) field.fill(0);
    for (let output = 0; output < outputCount; output++) this.darken(output);
    state.frames.fill(0);
    state.edidRead.fill(0);
    forgetInput(state);
    this.updateLine();
  }

  /** No display was ever attached. */
  get bare(): boolean {
    return this.state.configured === 0;
  }

  // What the host does, under the device lock

  /**
   * Becomes what a client has. `edids` are by output, each at most 256 bytes. Outputs that stay as they are keep their generation and their frame.
   * True when anything is different.
   */
  configure({ outputs, input }: DisplayProperties, edids: readonly (Uint8Array | undefined)[], session: number): boolean {
    const { state } = this;
    let changed = state.configured === 0;
    state.configured = 1;
    for (let index = 0; index < outputCount; index++) {
      const output = outputs[index];
      const fields: [keyof typeof numbers, number][] = [];
      const numbers = {
        width: output?.width ?? 0,
        height: output?.height ?? 0,
        x: output?.x ?? 0,
        y: output?.y ?? 0,
        widthMillimetres: output?.millimetres?.width ?? 0,
        heightMillimetres: output?.millimetres?.height ?? 0,
        estimated: output?.millimetres?.estimated === true ? 1 : 0,
        scale: output?.scale ?? 0,
        orientation: output?.orientation ?? 0,
        refresh: output?.refresh ?? 0,
        depth: output?.depth ?? 0,
        primary: output?.primary === true ? 1 : 0,
      };
      for (const [name, value] of Object.entries(numbers) as typeof fields) if (state[name][index] !== value) fields.push([name, value]);
      if (fields.length === 0) continue;
      changed = true;
      for (const [name, value] of fields) state[name][index] = value;
      const edid = (output === undefined ? undefined : edids[index]) ?? new Uint8Array(0);
      if (edid.length > edidRoom) throw new RangeError(`An EDID of ${edid.length} bytes does not fit; ${edidRoom} do.`);
      state.edid.fill(0, index * edidRoom, (index + 1) * edidRoom);
      state.edid.set(edid, index * edidRoom);
      state.edidLength[index] = edid.length;
      state.edidRead[index] = 0;
      state.outputGeneration[index] = (state.outputGeneration[index] ?? 0) + 1;
      if (output === undefined) this.darken(index);
    }
    state.session = session;
    if (changed) {
      state.generation += 1;
      state.interruptStatus |= DisplayInterrupt.display;
    }
    const devices = devicesOf(input);
    if (devices !== state.inputDevices || input.touchPoints !== state.touchPoints) {
      changed = true;
      state.inputDevices = devices;
      state.touchPoints = input.touchPoints;
      state.inputGeneration += 1;
      state.interruptStatus |= DisplayInterrupt.devices;
      // What a device that is gone held is let go.
      forgetInput(state);
    }
    this.updateLine();
    if (changed) this.hooks.changed();
    return changed;
  }

  /** The guest has said that it wants to hear of input. */
  get takesPositions(): boolean {
    return (this.state.interruptEnable & DisplayInterrupt.input) !== 0;
  }

  /** False: there is no such device or output now. */
  point({ output, x, y, buttons, wheel }: PointerInput): boolean {
    if ((this.state.inputDevices & InputDevice.pointer) === 0) return false;
    const data = (buttons & 0xff) | ((wheel & 0xff) << 8);
    return this.put(InputEventKind.pointer, output, x, y, data);
  }

  touch({ output, contact, phase, x, y }: TouchInput): boolean {
    if (contact < 0 || contact >= Math.min(this.state.touchPoints, contactCount)) return false;
    return this.put(touchKinds[phase], output, x, y, contact);
  }

  pen({ output, x, y, near, pressure, button, eraser }: PenInput): boolean {
    if ((this.state.inputDevices & InputDevice.pen) === 0) return false;
    const tip = near && pressure > 0;
    const bits = near ? PenState.near | (tip ? PenState.tip : 0) | (button ? PenState.button : 0) | (eraser ? PenState.eraser : 0) : 0;
    return this.put(InputEventKind.pen, output, x, y, (bits | ((tip ? pressure : 0) << 16)) >>> 0);
  }

  /** A place on an output as one on the rectangle around all of them; undefined where there is no such output now. */
  placeOnDesktop({ output, x, y }: { output: number; x: number; y: number }): { x: number; y: number } | undefined {
    const size = this.size(output);
    if (size === undefined) return undefined;
    const { desktop, state } = this;
    const along = (position: number, start: number, extent: number, whole: number): number =>
      Math.round(((start + (Math.max(0, Math.min(position, largestPosition)) / largestPosition) * (extent - 1)) / Math.max(1, whole - 1)) * largestPosition);
    return {
      x: along(x, (state.x[output] ?? 0) - desktop.x, size.width, desktop.width),
      y: along(y, (state.y[output] ?? 0) - desktop.y, size.height, desktop.height),
    };
  }

  private put(kind: InputEventKind, output: number, x: number, y: number, data: number): boolean {
    const { width, height } = this.state;
    const [across = 0, down = 0] = [width[output], height[output]];
    if (across === 0) return false;
    const place = (position: number, pixels: number) => Math.min(pixels - 1, Math.floor((Math.max(0, Math.min(position, largestPosition)) * pixels) / (largestPosition + 1)));
    putEvent(this.state, { kind, output, x: place(x, across), y: place(y, down), data });
    this.state.interruptStatus |= DisplayInterrupt.input;
    this.updateLine();
    return true;
  }

  // What viewers look at; any thread

  /** The frame that an output shows; undefined while it is dark. Checked when the guest asked for it. */
  frame(output: number): ShownFrame | undefined {
    const { state } = this;
    const [width = 0, height = 0, base = 0, stride = 0] = [state.shownWidth[output], state.shownHeight[output], state.shownBase[output], state.shownStride[output]];
    // Another thread may be changing it: what does not lie in memory, or is larger than all of it, is not looked at.
    if (width === 0 || height === 0 || stride < width * bytesAPixel || base + (height - 1) * stride + width * bytesAPixel > this.memoryBytes) return undefined;
    return { width, height, base, stride };
  }

  /** The size that somebody connected has; undefined while the output is off. */
  size(output: number): { width: number; height: number } | undefined {
    const [width = 0, height = 0] = [this.state.width[output], this.state.height[output]];
    return width === 0 ? undefined : { width, height };
  }

  /** The rectangle around all outputs that are on. */
  get desktop(): { x: number; y: number; width: number; height: number } {
    const { state } = this;
    const on = Array.from({ length: outputCount }, (_, index) => index).filter((index) => this.size(index) !== undefined);
    if (on.length === 0) return { x: 0, y: 0, width: 0, height: 0 };
    const [left, top] = [Math.min(...on.map((index) => state.x[index] ?? 0)), Math.min(...on.map((index) => state.y[index] ?? 0))];
    const right = Math.max(...on.map((index) => (state.x[index] ?? 0) + (state.width[index] ?? 0)));
    const bottom = Math.max(...on.map((index) => (state.y[index] ?? 0) + (state.height[index] ?? 0)));
    return { x: left, y: top, width: right - left, height: bottom - top };
  }

  get generation(): number {
    return this.state.generation;
  }

  get session(): number {
    return this.state.session;
  }

  /** What an output is and shows; `vga` is the size of the VGA's picture. Under the device lock. */
  look(index: number, vga: { width: number; height: number }): OutputState {
    const { state } = this;
    const at = (field: Uint32Array | Int32Array): number => field[index] ?? 0;
    const size = this.size(index);
    const frame = this.frame(index);
    const read = state.edidRead[index] ?? 0;
    const shown = frame ?? (index === 0 ? vga : { width: 0, height: 0 });
    const current = frame === undefined ? index === 0 : at(state.frameGeneration) === at(state.outputGeneration) + 1;
    return {
      properties:
        size === undefined
          ? undefined
          : {
              ...size,
              millimetres:
                at(state.widthMillimetres) === 0
                  ? undefined
                  : { width: at(state.widthMillimetres), height: at(state.heightMillimetres), estimated: at(state.estimated) !== 0 },
              scale: at(state.scale),
              orientation: orientationOf(at(state.orientation)),
              refresh: at(state.refresh),
              depth: at(state.depth),
              x: at(state.x),
              y: at(state.y),
              primary: at(state.primary) !== 0,
            },
      edid: state.edid.slice(index * edidRoom, index * edidRoom + at(state.edidLength)),
      edidRead: read === 0 ? undefined : read - 1,
      use: frame !== undefined ? 'frame' : index === 0 ? 'vga' : 'dark',
      shown: { width: shown.width, height: shown.height },
      frames: at(state.frames),
      right: size !== undefined && current && shown.width === size.width && shown.height === size.height,
      refusal: frameRefusals[at(state.frameStatus)] ?? '',
    };
  }

  get input(): InputProperties {
    const { inputDevices, touchPoints } = this.state;
    const has = (device: InputDevice) => (inputDevices & device) !== 0;
    return { keyboard: has(InputDevice.keyboard), mouse: has(InputDevice.mouse), pointer: has(InputDevice.pointer), touchPoints, pen: has(InputDevice.pen) };
  }

  /** Shows what the guest wrote in the frame's registers, if that can be shown: FrameStatus says so. What is shown stays otherwise. */
  show(output: number): void {
    const { frameBase, frameStride, frameWidth, frameHeight } = this.state;
    const [base = 0, stride = 0, width = 0, height = 0] = [frameBase[output], frameStride[output], frameWidth[output], frameHeight[output]];
    this.showFrame(output, { base, stride, width, height });
  }

  /** The same for a frame that another face of the device has; true when it is shown. */
  showFrame(output: number, { base, stride, width, height }: ShownFrame): boolean {
    const { state } = this;
    const sized = width > 0 && width <= largestSide && height > 0 && height <= largestSide;
    if (!sized || base % bytesAPixel !== 0 || stride % bytesAPixel !== 0 || stride < width * bytesAPixel) {
      state.frameStatus[output] = FrameStatus.badSize;
    } else if (base + (height - 1) * stride + width * bytesAPixel > this.memoryBytes) state.frameStatus[output] = FrameStatus.outside;
    else {
      state.shownBase[output] = base;
      state.shownStride[output] = stride;
      state.shownWidth[output] = width;
      state.shownHeight[output] = height;
      state.frameStatus[output] = FrameStatus.shown;
    }
    this.hooks.changed();
    return state.frameStatus[output] === FrameStatus.shown;
  }

  /** The guest has read an output's EDID. */
  edidWasRead(output: number): void {
    if (this.state.edidRead[output] === 0) this.state.edidRead[output] = this.hooks.now() + 1;
  }

  /** The guest takes its frame away. */
  dark(output: number): void {
    this.darken(output);
    this.hooks.changed();
  }

  private darken(output: number): void {
    const { state } = this;
    for (const field of [state.shownBase, state.shownStride, state.shownWidth, state.shownHeight, state.frameGeneration]) field[output] = 0;
    state.frameStatus[output] = FrameStatus.dark;
  }

  /** The guest says that its frame is complete. */
  frameDone(output: number): void {
    const { state } = this;
    state.frames[output] = (state.frames[output] ?? 0) + 1;
    state.frameGeneration[output] = (state.outputGeneration[output] ?? 0) + 1;
    this.hooks.changed();
  }

  clearInterrupts(bits: number): void {
    this.state.interruptStatus &= ~bits;
    this.updateLine();
  }

  enableInterrupts(bits: number): void {
    // Viewers send positions as soon as the guest listens to them.
    if ((this.state.interruptEnable ^ bits) & DisplayInterrupt.input) this.hooks.changed();
    this.state.interruptEnable = bits & DisplayInterrupt.all;
    this.updateLine();
  }

  private updateLine(): void {
    this.hooks.interrupt((this.state.interruptStatus & this.state.interruptEnable) !== 0);
  }
}

function orientationOf(degrees: number): Orientation {
  return degrees === 90 || degrees === 180 || degrees === 270 ? degrees : 0;
}

function devicesOf({ keyboard, mouse, pointer, touchPoints, pen }: InputProperties): number {
  return (
    (keyboard ? InputDevice.keyboard : 0) |
    (mouse ? InputDevice.mouse : 0) |
    (pointer ? InputDevice.pointer : 0) |
    (touchPoints > 0 ? InputDevice.touch : 0) |
    (pen ? InputDevice.pen : 0)
  );
}
