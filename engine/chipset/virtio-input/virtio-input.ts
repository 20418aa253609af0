/**
 * One input device of whoever looks at the machine, as a virtio input device: a keyboard, a mouse, an absolute pointer, a touch screen or a pen. It is
 * there while the session has such a thing (hot-plug). What a person does becomes the difference between what is so and what the driver was told, so
 * nothing stays pressed when a driver is late.
 */
import type { ChipFacts } from '../../layout/facts.ts';
import type { Bus, Chip, Width } from '../../machine/bus.ts';
import { inputKinds, type InputKind } from '../../machine/display-face.ts';
import type { HotPlug, Pluggable } from '../hot-plug/hot-plug.ts';
import type { PciBus } from '../pci/pci.ts';
import { VirtioFunction } from '../virtio/virtio-function.ts';
import { configurationOf, firstSlot, kindFacts } from './kinds.ts';
import { Axis, configRoom, eventBytes, eventQueue, EventType, InputConfig, inputDevice, ledCount, Relative, statusQueue } from './registers.ts';
import { forget, hold, isHeld, letGo, report, setContact } from './report.ts';
import { eventCapacity, inputBlock } from './state.ts';

/** What a device with positions is: its number of contacts, and steps of a position in a millimetre. */
export interface InputForm {
  contacts: number;
  resolutionX: number;
  resolutionY: number;
}

/** As the slots number forms; 0 is none. */
export function numberOfForm({ contacts, resolutionX, resolutionY }: InputForm): number {
  const within = (value: number) => Math.max(0, Math.min(value, 0x1fff));
  return (1 | (contacts << 1) | (within(resolutionX) << 5) | (within(resolutionY) << 18)) >>> 0;
}

function formOf(number: number): InputForm {
  return { contacts: (number >>> 1) & 0xf, resolutionX: (number >>> 5) & 0x1fff, resolutionY: number >>> 18 };
}

export class VirtioInput extends VirtioFunction implements Chip, Pluggable {
  private readonly state;
  private readonly form: () => number;
  readonly slot: number;

  constructor(
    private readonly bus: Bus,
    pci: PciBus,
    private readonly hotPlug: HotPlug,
    readonly kind: InputKind,
  ) {
    const slot = firstSlot + inputKinds.indexOf(kind);
    super(bus, pci, { device: slot, function: 0 }, { device: inputDevice, classCode: kindFacts[kind].classCode, features: 0, queues: 2 }, `virtio-input.${kind}`);
    this.slot = slot;
    this.state = bus.block(inputBlock, kind);
    this.form = hotPlug.addSlot(slot, this);
  }

  override get present(): boolean {
    return this.form() !== 0;
  }

  /** The guest's driver is there for what a person does. */
  get takes(): boolean {
    return this.present && this.driverReady && !this.hotPlug.leaving(this.slot);
  }

  get contacts(): number {
    return this.present ? this.state.contacts : 0;
  }

  plugged(form: number): void {
    this.unplugged();
    Object.assign(this.state, formOf(form));
  }

  unplugged(): void {
    super.reset();
    this.state.contacts = this.state.resolutionX = this.state.resolutionY = 0;
  }

  leaves(): void {
    letGo(this.state);
    this.tell();
  }

  // What a person does. False: there is nobody to take it now, or no room for it.

  /** Only what a key says anew counts: the guest repeats by itself. */
  key(key: number, down: boolean): boolean {
    const { state } = this;
    // The key, the end of its report, and the same for its release.
    if (!this.takes || state.count + 4 > eventCapacity) return false;
    hold(state.keys, key, down);
    return this.tell();
  }

  holds(key: number): boolean {
    return isHeld(this.state.keys, key);
  }

  /** Motion and steps are added to what was not told yet; `pressed` are all buttons that are down. */
  act({ pressed, x, y, pressure, dx = 0, dy = 0, wheel = 0 }: { pressed: readonly number[]; x?: number; y?: number; pressure?: number; dx?: number; dy?: number; wheel?: number }): boolean {
    if (!this.takes) return false;
    const { keys, axes, moved } = this.state;
    for (const button of kindFacts[this.kind].keys) hold(keys, button, pressed.includes(button));
    if (x !== undefined) axes[Axis.x] = x;
    if (y !== undefined) axes[Axis.y] = y;
    if (pressure !== undefined) axes[Axis.pressure] = pressure;
    moved[Relative.x] = (moved[Relative.x] ?? 0) + dx;
    moved[Relative.y] = (moved[Relative.y] ?? 0) + dy;
    moved[Relative.wheel] = (moved[Relative.wheel] ?? 0) + wheel;
    return this.tell();
  }

  contact(contact: number, down: boolean, x: number, y: number): boolean {
    const { state } = this;
    if (!this.takes || contact < 0 || contact >= state.contacts) return false;
    setContact(state, contact, down);
    if (down) {
      state.contactX[contact] = x;
      state.contactY[contact] = y;
    }
    return this.tell();
  }

  private tell(): boolean {
    const told = report(this.state, this.kind);
    this.deliver();
    return told;
  }

  /** Events that wait go into the driver's buffers, and what had no room then follows. */
  private deliver(): void {
    const { state } = this;
    const next = (): Uint8Array => {
      const bytes = new Uint8Array(eventBytes);
      const view = new DataView(bytes.buffer);
      const at = 2 * (state.first % eventCapacity);
      view.setUint32(0, state.events[at] ?? 0, true);
      view.setUint32(4, state.events[at + 1] ?? 0, true);
      state.first = (state.first + 1) % eventCapacity;
      state.count -= 1;
      if (state.count === 0) report(state, this.kind);
      return bytes;
    };
    if (state.count > 0) this.fill(eventQueue, eventBytes, () => state.count > 0, next);
  }

  // What the driver does

  protected override queueNotified(number: number): void {
    if (number === eventQueue) this.deliver();
    else super.queueNotified(number);
  }

  /** The status queue: lights of the keyboard. */
  protected override serve(queue: number, request: Uint8Array): Uint8Array {
    if (queue === statusQueue && request.length >= eventBytes) {
      const view = new DataView(request.buffer, request.byteOffset, request.byteLength);
      const [type, code, value] = [view.getUint16(0, true), view.getUint16(2, true), view.getUint32(4, true)];
      if (type === EventType.led && code < ledCount && this.kind === 'keyboard') this.state.leds = value === 0 ? this.state.leds & ~(1 << code) : this.state.leds | (1 << code);
    }
    return new Uint8Array(0);
  }

  protected override restarted(): void {
    forget(this.state);
    this.state.select = this.state.subselect = this.state.leds = 0;
  }

  protected override driverChanged(): void {
    this.bus.displayChanged();
  }

  protected override configRead(offset: number): number {
    const { state, kind } = this;
    const facts = { kind, number: inputKinds.indexOf(kind), contacts: state.contacts, resolutionX: state.resolutionX, resolutionY: state.resolutionY };
    const answer = configurationOf(state.select, state.subselect, facts);
    const at = (index: number): number => {
      if (index === InputConfig.select) return state.select;
      if (index === InputConfig.subselect) return state.subselect;
      if (index === InputConfig.size) return answer.length;
      return index >= InputConfig.data && index < InputConfig.data + configRoom ? (answer[index - InputConfig.data] ?? 0) : 0;
    };
    return (at(offset) | (at(offset + 1) << 8) | (at(offset + 2) << 16) | (at(offset + 3) << 24)) >>> 0;
  }

  protected override configWrite(offset: number, width: Width, value: number): void {
    for (let index = 0; index < width; index++) {
      const byte = (value >>> (8 * index)) & 0xff;
      if (offset + index === InputConfig.select) this.state.select = byte;
      else if (offset + index === InputConfig.subselect) this.state.subselect = byte;
    }
  }

  /** Begins anew where it is: whether it is there at all is the slots' affair. */
  override reset(): void {
    if (this.present) this.plugged(this.form());
  }

  inspect(): ChipFacts {
    const { state, kind, present } = this;
    const leds = ['Num', 'Caps', 'Scroll'].filter((_, led) => ((state.leds >>> led) & 1) !== 0);
    return {
      id: `virtio-input-${kind}`,
      title: `virtio ${kindFacts[kind].name.replace('Vitrine ', '')}`,
      place: `PCI ${this.place}`,
      group: 'devices',
      facts: [
        { name: 'There', value: present ? 'yes' : 'no', note: this.hotPlug.leaving(this.slot) ? 'the guest was asked to eject it' : '' },
        { name: 'Driver', value: this.driver, note: `status ${this.transport.status.toString(16)}` },
        { name: 'Events waiting', value: String(state.count), note: `room for ${eventCapacity}` },
        ...(kind === 'touch' ? [{ name: 'Contacts', value: String(state.contacts) }] : []),
        ...(kind === 'keyboard' ? [{ name: 'Lights', value: leds.join(' ') || '-' }] : []),
        { name: 'Base addresses', value: this.describe().bars },
      ],
      tables: [],
    };
  }

  get place(): string {
    return `${this.slot.toString(16).padStart(2, '0')}.0`;
  }
}

