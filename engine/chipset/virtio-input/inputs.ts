/**
 * Where what a person does goes: to the virtio input device of its kind while the guest has a driver for that, else to the keyboard and mouse at the
 * i8042, or to the display device's registers. Never to two of them. Under the device lock.
 */
import type { DisplayDevice, PenInput, PointerInput, TouchInput } from '../display/display-device.ts';
import { contactCount } from '../display/registers.ts';
import type { HotPlug } from '../hot-plug/hot-plug.ts';
import type { PciBus } from '../pci/pci.ts';
import type { MouseEvent } from '../ps2/mouse.ts';
import type { Ps2 } from '../ps2/ps2.ts';
import { keyLength } from '../ps2/scancodes.ts';
import { keyOf, type KeyStroke } from './keys.ts';
import { Button } from './registers.ts';
import { hold, isHeld } from './report.ts';
import { numberOfForm, VirtioInput, type InputForm } from './virtio-input.ts';
import { array, defineBlock } from '../../layout/block.ts';
import type { Bus, Chip } from '../../machine/bus.ts';
import { inputKinds, largestPosition, type InputDeviceState, type InputKind } from '../../machine/display-face.ts';

/** Keys that went down at the i8042: they go up there, whoever has a driver by then. */
const heldBlock = defineBlock('input.held', 1, { keys: array('u32', 8) });

const noForm: InputForm = { contacts: 0, resolutionX: 0, resolutionY: 0 };
const buttonsOf = (bits: number): Button[] => [...(bits & 1 ? [Button.left] : []), ...(bits & 2 ? [Button.right] : []), ...(bits & 4 ? [Button.middle] : [])];

export class MachineInputs {
  private readonly devices: ReadonlyMap<InputKind, VirtioInput>;
  private readonly held;

  constructor(
    bus: Bus,
    pci: PciBus,
    private readonly hotPlug: HotPlug,
    private readonly display: DisplayDevice,
    private readonly ps2: Ps2,
    /** Without them the machine has what is at the i8042, and the registers. */
    private readonly virtio: boolean,
  ) {
    this.held = bus.block(heldBlock);
    this.devices = new Map((virtio ? inputKinds : []).map((kind) => [kind, new VirtioInput(bus, pci, hotPlug, kind)]));
  }

  get chips(): readonly Chip[] {
    return [...this.devices.values()];
  }

  /** Behind the reset of the chips: nothing is held. */
  reset(): void {
    this.held.keys.fill(0);
  }

  /** What the slots should have, as the display device says whose they are; `HotPlug.settle` or a reset carries it out. */
  follow(): void {
    if (!this.virtio) return;
    const { input } = this.display;
    const resolution = this.resolution();
    const forms: Record<InputKind, InputForm | undefined> = {
      keyboard: input.keyboard ? noForm : undefined,
      mouse: input.mouse ? noForm : undefined,
      pointer: input.pointer ? { ...noForm, ...resolution } : undefined,
      touch: input.touchPoints > 0 ? { contacts: Math.min(input.touchPoints, contactCount), ...resolution } : undefined,
      pen: input.pen ? { ...noForm, ...resolution } : undefined,
    };
    for (const { kind, slot } of this.devices.values()) {
      const form = forms[kind];
      this.hotPlug.want(slot, form === undefined ? 0 : numberOfForm(form));
    }
  }

  /** Steps of a position in a millimetre. Where there are several displays positions go across all of them, and nobody knows the gaps. */
  private resolution(): { resolutionX: number; resolutionY: number } {
    const on = [...this.display.state.width.keys()].filter((output) => this.display.size(output) !== undefined);
    const [only] = on;
    const [across = 0, down = 0] = on.length === 1 && only !== undefined ? [this.display.state.widthMillimetres[only], this.display.state.heightMillimetres[only]] : [];
    const steps = (millimetres: number) => (millimetres === 0 ? 0 : Math.round(largestPosition / millimetres));
    return { resolutionX: steps(across), resolutionY: steps(down) };
  }

  /** Absolute positions reach the guest. */
  get takesPositions(): boolean {
    return this.display.takesPositions || this.ready('pointer') !== undefined;
  }

  get states(): InputDeviceState[] {
    return [...this.devices.values()].flatMap((device): InputDeviceState[] => {
      const { kind, slot, present, place, driver, contacts } = device;
      const wanted = this.hotPlug.wanted(slot);
      if (!present) return [];
      return [{ kind, place, state: !this.hotPlug.leaving(slot) ? 'present' : wanted === 0 ? 'leaving' : 'coming', driver, contacts }];
    });
  }

  private ready(kind: InputKind): VirtioInput | undefined {
    const device = this.devices.get(kind);
    return device?.takes === true ? device : undefined;
  }

  /** How many bytes of scancodes are taken now. */
  type(bytes: readonly number[]): number {
    let taken = 0;
    for (let length = keyLength(bytes, taken); length > 0; length = keyLength(bytes, taken)) {
      const key = bytes.slice(taken, taken + length);
      if (!this.stroke(key, keyOf(key))) break;
      taken += length;
    }
    return taken;
  }

  private stroke(bytes: readonly number[], stroke: KeyStroke | undefined): boolean {
    const keyboard = this.ready('keyboard');
    const { keys } = this.held;
    if (keyboard !== undefined && (stroke === undefined || !isHeld(keys, stroke.key))) return stroke === undefined || keyboard.key(stroke.key, stroke.down);
    if (this.ps2.keyboardScancodes(bytes) === 0) return false;
    if (stroke !== undefined) hold(keys, stroke.key, stroke.down);
    return true;
  }

  moveMouse(event: MouseEvent): boolean {
    const mouse = this.ready('mouse');
    if (mouse === undefined) return this.ps2.mouse(event);
    // As PS/2 has them, y grows upwards and steps towards the user are positive.
    return mouse.act({ pressed: buttonsOf(event.buttons), dx: event.dx, dy: -event.dy, wheel: -event.wheel });
  }

  point(event: PointerInput): boolean {
    const pointer = this.ready('pointer');
    if (pointer === undefined) return this.display.point(event);
    const place = this.display.placeOnDesktop(event);
    return place !== undefined && pointer.act({ ...place, pressed: buttonsOf(event.buttons), wheel: event.wheel });
  }

  touch(event: TouchInput): boolean {
    const screen = this.ready('touch');
    if (screen === undefined) return this.display.touch(event);
    const place = this.display.placeOnDesktop(event);
    return place !== undefined && screen.contact(event.contact, event.phase === 'down' || event.phase === 'move', place.x, place.y);
  }

  pen(event: PenInput): boolean {
    const pen = this.ready('pen');
    if (pen === undefined) return this.display.pen(event);
    const place = this.display.placeOnDesktop(event);
    if (place === undefined) return false;
    const tip = event.near && event.pressure > 0;
    const pressed = [...(event.near ? [event.eraser ? Button.rubber : Button.pen] : []), ...(tip ? [Button.touch] : []), ...(event.near && event.button ? [Button.stylus] : [])];
    return pen.act({ ...place, pressed, pressure: tip ? event.pressure : 0 });
  }
}
