import { array, defineBlock, scalar } from '../../layout/block.ts';
import { setNames, type Fact } from '../../layout/facts.ts';
import type { Bus } from '../../machine/bus.ts';
import { ByteQueue, queueBlock } from './byte-queue.ts';
import { Answer, type Ps2Device } from './device.ts';
import { keyLength, releasePrefix, set1ToSet2, set3Code } from './scancodes.ts';

const enum Command {
  setIndicators = 0xed,
  echo = 0xee,
  scancodeSet = 0xf0,
  identify = 0xf2,
  setTypematic = 0xf3,
  enable = 0xf4,
  defaultDisable = 0xf5,
  setDefault = 0xf6,
  allTypematic = 0xf7,
  allMakeBreak = 0xf8,
  allMake = 0xf9,
  allTypematicMakeBreak = 0xfa,
  keyTypematic = 0xfb,
  keyMakeBreak = 0xfc,
  keyMake = 0xfd,
  resend = 0xfe,
  reset = 0xff,
}

/** MF2 keyboard. */
const identity = [0xab, 0x83] as const;
/** Keys that report their release in set 3 from the start: the shifts, Ctrl, Alt and Caps Lock. */
const set3MakeBreak = [0x11, 0x12, 0x14, 0x19, 0x39, 0x58, 0x59];

const keyboardBlock = defineBlock('ps2.keyboard', 1, {
  scanning: scalar('u8'),
  set: scalar('u8'),
  /** Bit 0 Scroll Lock, 1 Num Lock, 2 Caps Lock. */
  indicators: scalar('u8'),
  typematic: scalar('u8'),
  /** The command whose parameter is awaited, or 0. */
  command: scalar('u8'),
  lastSent: scalar('u8'),
  /** Set 3, per key code: 1 if its release is reported. */
  reportsRelease: array('u8', 256),
});

/** A 102-key MF2 keyboard (IBM PS/2 Technical Reference, "Keyboards"). Repetition of held keys comes from the host. */
export class Keyboard implements Ps2Device {
  private readonly state;
  private readonly answers: ByteQueue;
  private readonly events: ByteQueue;

  constructor(bus: Bus) {
    this.state = bus.block(keyboardBlock);
    this.answers = new ByteQueue(bus.block(queueBlock, 'keyboard.answers'));
    this.events = new ByteQueue(bus.block(queueBlock, 'keyboard.events'));
  }

  reset(): void {
    this.state.indicators = 0;
    this.state.lastSent = 0;
    this.state.command = 0;
    this.answers.clear();
    this.setDefaults();
    this.state.scanning = 1;
  }

  inspect(): Fact[] {
    const { state } = this;
    const lights = setNames(state.indicators, { Scroll: 1, Num: 2, Caps: 4 });
    return [
      { name: 'Keyboard', value: state.scanning ? `scans, set ${state.set}` : 'does not scan', note: `lights: ${lights}` },
      { name: 'Keys waiting', value: `${this.events.length} bytes`, note: `${this.answers.length} bytes of answers` },
    ];
  }

  private setDefaults(): void {
    const { state } = this;
    this.events.clear();
    state.set = 2;
    state.typematic = 0x2b;
    state.reportsRelease.fill(0);
    for (const key of set3MakeBreak) state.reportsRelease[key] = 1;
  }

  /** Bit 0 Scroll Lock, 1 Num Lock, 2 Caps Lock. */
  get indicators(): number {
    return this.state.indicators;
  }

  /** Whole keys of set 1: how many bytes were accepted. None while the guest has scanning off. */
  type(bytes: readonly number[]): number {
    if (!this.state.scanning) return 0;
    let accepted = 0;
    for (;;) {
      const length = keyLength(bytes, accepted);
      if (length === 0) return accepted;
      const key = bytes.slice(accepted, accepted + length).map((byte) => byte & 0xff);
      if (!this.events.push(...this.encode(key))) return accepted;
      accepted += length;
    }
  }

  private encode(key: readonly number[]): number[] {
    switch (this.state.set) {
      case 1:
        return [...key];
      case 2:
        return key.flatMap(set1ToSet2);
      default:
        return this.encodeSet3(key);
    }
  }

  private encodeSet3(key: readonly number[]): number[] {
    const last = key[key.length - 1] ?? 0;
    const isRelease = (last & 0x80) !== 0;
    // 0xE1 begins Pause only, which has no release.
    const code = key[0] === 0xe1 ? (isRelease ? undefined : 0x62) : set3Code(last & 0x7f, key[0] === 0xe0);
    if (code === undefined) return [];
    if (!isRelease) return [code];
    return this.state.reportsRelease[code] ? [releasePrefix, code] : [];
  }

  get hasData(): boolean {
    return this.answers.length > 0 || this.events.length > 0;
  }

  take(): number | undefined {
    const byte = this.answers.shift() ?? this.events.shift();
    if (byte !== undefined) this.state.lastSent = byte;
    return byte;
  }

  receive(byte: number): void {
    const { state } = this;
    const awaiting = state.command;
    state.command = 0;
    if (awaiting !== 0) this.parameter(awaiting, byte);
    else this.execute(byte);
  }

  private execute(byte: number): void {
    const { state } = this;
    switch (byte) {
      case Command.echo:
        this.answers.push(Answer.echo);
        return;
      case Command.resend:
        this.answers.push(state.lastSent);
        return;
      case Command.reset:
        this.reset();
        this.answers.push(Answer.acknowledge, Answer.selfTestPassed);
        return;
      case Command.setIndicators:
      case Command.scancodeSet:
      case Command.setTypematic:
      case Command.keyTypematic:
      case Command.keyMakeBreak:
      case Command.keyMake:
        state.command = byte;
        break;
      case Command.identify:
        this.answers.push(Answer.acknowledge, ...identity);
        return;
      case Command.enable:
        this.events.clear();
        state.scanning = 1;
        break;
      case Command.defaultDisable:
        this.setDefaults();
        state.scanning = 0;
        break;
      case Command.setDefault:
        this.setDefaults();
        break;
      case Command.allTypematic:
      case Command.allMake:
        state.reportsRelease.fill(0);
        break;
      case Command.allMakeBreak:
      case Command.allTypematicMakeBreak:
        state.reportsRelease.fill(1);
        break;
      default:
        this.answers.push(Answer.resend);
        return;
    }
    this.answers.push(Answer.acknowledge);
  }

  private parameter(command: number, byte: number): void {
    const { state } = this;
    switch (command) {
      case Command.setIndicators:
        state.indicators = byte & 7;
        break;
      case Command.setTypematic:
        state.typematic = byte & 0x7f;
        break;
      case Command.scancodeSet:
        if (byte > 3) {
          this.answers.push(Answer.resend);
          state.command = command;
          return;
        }
        if (byte === 0) {
          this.answers.push(Answer.acknowledge, state.set);
          return;
        }
        this.events.clear();
        state.set = byte;
        break;
      default:
        // A list of keys goes on until a command ends it.
        if (byte >= Command.setIndicators) {
          this.execute(byte);
          return;
        }
        state.reportsRelease[byte] = command === Command.keyMakeBreak ? 1 : 0;
        state.command = command;
    }
    this.answers.push(Answer.acknowledge);
  }
}
