import { array, defineBlock, scalar } from '../../layout/block.ts';
import { setNames, type Fact } from '../../layout/facts.ts';
import type { Bus } from '../../machine/bus.ts';
import { ByteQueue, queueBlock } from './byte-queue.ts';
import { Answer, type Ps2Device } from './device.ts';

const enum Command {
  scaling1 = 0xe6,
  scaling2 = 0xe7,
  setResolution = 0xe8,
  status = 0xe9,
  streamMode = 0xea,
  readData = 0xeb,
  leaveWrap = 0xec,
  wrapMode = 0xee,
  remoteMode = 0xf0,
  identify = 0xf2,
  setSampleRate = 0xf3,
  enable = 0xf4,
  disable = 0xf5,
  setDefaults = 0xf6,
  resend = 0xfe,
  reset = 0xff,
}

/** Three sample rates set in this order turn the wheel on (Microsoft IntelliMouse). */
const wheelKnock = [200, 100, 80] as const;
const wheelIdentity = 3;
const sampleRates = [10, 20, 40, 60, 80, 100, 200];
/** Scaling 2:1: what small motions become; larger ones are doubled. */
const scaled = [0, 1, 1, 3, 6, 9];
const packetLimit = 255;

const enum Packet {
  always = 1 << 3,
  negativeX = 1 << 4,
  negativeY = 1 << 5,
}

const mouseBlock = defineBlock('ps2.mouse', 1, {
  reporting: scalar('u8'),
  remote: scalar('u8'),
  wrap: scalar('u8'),
  scaling2: scalar('u8'),
  resolution: scalar('u8'),
  sampleRate: scalar('u8'),
  /** 0 standard, 3 with wheel. */
  identity: scalar('u8'),
  /** The last three sample rates. */
  knock: array('u8', 3),
  command: scalar('u8'),
  lastSent: scalar('u8'),
  /** Bit 0 left, 1 right, 2 middle. */
  buttons: scalar('u8'),
  /** Motion that no packet has told yet. */
  x: scalar('i32'),
  y: scalar('i32'),
  wheel: scalar('i32'),
});

/** Relative motion in counts, y up; wheel steps, positive towards the user; buttons: bit 0 left, 1 right, 2 middle. */
export interface MouseEvent {
  dx: number;
  dy: number;
  wheel: number;
  buttons: number;
}

function clamp(value: number, limit: number): number {
  return Math.max(-limit, Math.min(limit, value));
}

/** A PS/2 mouse with wheel (IBM PS/2 Technical Reference, "Mouse"). Packets go when there is motion, not at the sample rate. */
export class Mouse implements Ps2Device {
  private readonly state;
  private readonly answers: ByteQueue;
  private readonly events: ByteQueue;

  constructor(bus: Bus) {
    this.state = bus.block(mouseBlock);
    this.answers = new ByteQueue(bus.block(queueBlock, 'mouse.answers'));
    this.events = new ByteQueue(bus.block(queueBlock, 'mouse.events'));
  }

  inspect(): Fact[] {
    const { state } = this;
    const mode = state.wrap ? 'echoes (wrap mode)' : state.remote ? 'remote mode' : state.reporting ? 'reports' : 'does not report';
    const kind = state.identity === wheelIdentity ? 'with wheel' : 'standard';
    return [
      { name: 'Mouse', value: `${mode}, ${kind}`, note: `${state.sampleRate} samples/s, ${2 ** state.resolution} counts/mm` },
      { name: 'Motion waiting', value: `${this.events.length} bytes`, note: `buttons: ${setNames(state.buttons, { left: 1, right: 2, middle: 4 })}` },
    ];
  }

  reset(): void {
    const { state } = this;
    state.identity = 0;
    state.wrap = 0;
    state.command = 0;
    state.lastSent = 0;
    state.buttons = 0;
    state.knock.fill(0);
    this.answers.clear();
    this.setDefaults();
  }

  private setDefaults(): void {
    const { state } = this;
    state.reporting = 0;
    state.remote = 0;
    state.scaling2 = 0;
    state.resolution = 2;
    state.sampleRate = 100;
    this.forgetMotion();
  }

  private forgetMotion(): void {
    this.events.clear();
    this.state.x = 0;
    this.state.y = 0;
    this.state.wheel = 0;
  }

  /**
   * False when the event was not taken: the guest has reporting off, or the buttons changed and the queue is full. Motion alone is
   * added up while the queue is full.
   */
  move(event: MouseEvent): boolean {
    const { state } = this;
    if (!state.reporting && !state.remote) return false;
    const pressed = event.buttons & 7;
    if (!state.remote && pressed !== state.buttons) {
      // The motion before the click is told first, then the click, whole.
      this.report();
      if (this.motionLeft || this.events.space < this.packetSize * this.packetsFor(event)) return false;
    }
    const changed = pressed !== state.buttons;
    const limit = 1 << 20;
    state.x = clamp(state.x + Math.trunc(event.dx), limit);
    state.y = clamp(state.y + Math.trunc(event.dy), limit);
    state.wheel = clamp(state.wheel + Math.trunc(event.wheel), limit);
    state.buttons = pressed;
    if (state.remote) return true;
    if (changed && !this.motionLeft) this.events.push(...this.packet());
    else this.report();
    return true;
  }

  private get motionLeft(): boolean {
    const { state } = this;
    return state.x !== 0 || state.y !== 0 || (state.identity === wheelIdentity && state.wheel !== 0);
  }

  private get packetSize(): number {
    return this.state.identity === wheelIdentity ? 4 : 3;
  }

  private packetsFor(event: MouseEvent): number {
    const longest = Math.max(Math.abs(event.dx), Math.abs(event.dy));
    return Math.max(1, Math.ceil(longest / packetLimit), Math.ceil(Math.abs(event.wheel) / 7));
  }

  /** Queues packets for the motion there is, as far as there is room. */
  private report(): void {
    if (!this.state.reporting || this.state.remote) return;
    while (this.motionLeft && this.events.space >= this.packetSize) this.events.push(...this.packet());
  }

  /** Takes as much motion as one packet holds. */
  private packet(): number[] {
    const { state } = this;
    const dx = clamp(state.x, packetLimit);
    const dy = clamp(state.y, packetLimit);
    state.x -= dx;
    state.y -= dy;
    const [x, y] = [this.scale(dx), this.scale(dy)];
    const flags = Packet.always | state.buttons | (x < 0 ? Packet.negativeX : 0) | (y < 0 ? Packet.negativeY : 0);
    const bytes = [flags, x & 0xff, y & 0xff];
    if (state.identity === wheelIdentity) {
      const wheel = clamp(state.wheel, 7);
      state.wheel -= wheel;
      bytes.push(wheel & 0xff);
    } else {
      state.wheel = 0;
    }
    return bytes;
  }

  private scale(value: number): number {
    if (!this.state.scaling2 || this.state.remote) return value;
    const size = Math.abs(value);
    return clamp(Math.sign(value) * (scaled[size] ?? size * 2), packetLimit);
  }

  get hasData(): boolean {
    return this.answers.length > 0 || this.events.length > 0;
  }

  take(): number | undefined {
    const byte = this.answers.shift() ?? this.events.shift();
    if (byte === undefined) return undefined;
    this.state.lastSent = byte;
    if (this.motionLeft) this.report();
    return byte;
  }

  receive(byte: number): void {
    const { state } = this;
    if (state.wrap && byte !== Command.reset && byte !== Command.leaveWrap) {
      this.answers.push(byte);
      return;
    }
    const awaiting = state.command;
    state.command = 0;
    if (awaiting === 0) this.execute(byte);
    else if (awaiting === Command.setSampleRate) this.setSampleRate(byte);
    else this.setResolution(byte);
  }

  private execute(byte: number): void {
    const { state } = this;
    switch (byte) {
      case Command.scaling1:
      case Command.scaling2:
        state.scaling2 = byte === Command.scaling2 ? 1 : 0;
        break;
      case Command.setResolution:
      case Command.setSampleRate:
        state.command = byte;
        break;
      case Command.status:
        this.answers.push(Answer.acknowledge, this.statusByte(), state.resolution, state.sampleRate);
        return;
      case Command.streamMode:
        state.remote = 0;
        this.forgetMotion();
        break;
      case Command.readData:
        this.answers.push(Answer.acknowledge, ...this.packet());
        return;
      case Command.leaveWrap:
        state.wrap = 0;
        this.forgetMotion();
        break;
      case Command.wrapMode:
        state.wrap = 1;
        this.forgetMotion();
        break;
      case Command.remoteMode:
        state.remote = 1;
        this.forgetMotion();
        break;
      case Command.identify:
        this.answers.push(Answer.acknowledge, state.identity);
        return;
      case Command.enable:
        state.reporting = 1;
        break;
      case Command.disable:
        state.reporting = 0;
        this.forgetMotion();
        break;
      case Command.setDefaults:
        this.setDefaults();
        break;
      case Command.resend:
        this.answers.push(state.lastSent);
        return;
      case Command.reset:
        this.reset();
        this.answers.push(Answer.acknowledge, Answer.selfTestPassed, state.identity);
        return;
      default:
        this.answers.push(Answer.resend);
        return;
    }
    this.answers.push(Answer.acknowledge);
  }

  /** Bits 0-2: right, middle, left button; 4: scaling 2:1; 5: reporting; 6: remote mode. */
  private statusByte(): number {
    const { buttons, scaling2, reporting, remote } = this.state;
    const order = ((buttons & 1) << 2) | ((buttons & 4) >> 1) | ((buttons & 2) >> 1);
    return order | (scaling2 << 4) | (reporting << 5) | (remote << 6);
  }

  private setResolution(byte: number): void {
    if (byte > 3) {
      this.answers.push(Answer.resend);
      return;
    }
    this.state.resolution = byte;
    this.answers.push(Answer.acknowledge);
  }

  private setSampleRate(byte: number): void {
    const { state } = this;
    if (!sampleRates.includes(byte)) {
      this.answers.push(Answer.resend);
      return;
    }
    state.sampleRate = byte;
    state.knock.copyWithin(0, 1);
    state.knock[2] = byte;
    if (wheelKnock.every((rate, index) => state.knock[index] === rate)) state.identity = wheelIdentity;
    this.answers.push(Answer.acknowledge);
  }
}
