/**
 * One viewer's side of the remote framebuffer protocol, server end, as a state machine: bytes in, bytes and events out. It knows no
 * socket and no time. Versions 3.3, 3.7 and 3.8.
 *
 *     version ──► security ──► [challenge] ──► client init ──► normal
 *
 * Whatever breaks the protocol throws RfbError out of `receive`; the owner closes the connection.
 */
import { randomBytes } from 'node:crypto';
import type { Rectangle } from '../frame.ts';
import type { FrameStore } from '../frame-store.ts';
import type { Link } from '../link.ts';
import { ByteQueue } from './byte-queue.ts';
import { ByteWriter } from './byte-writer.ts';
import { ContinuousUpdates, longestFence } from './continuous-updates.ts';
import { RectangleEncoder } from './encodings.ts';
import type { PixelEncoding } from './encodings.ts';
import { ViewerKeyboard } from './keyboard.ts';
import { PixelTranslator, readPixelFormat, serverPixelFormat, writePixelFormat } from './pixel-format.ts';
import type { MouseMotion } from './pointer.ts';
import { ViewerPointer } from './pointer.ts';
import { readResizeRequest, ViewerResizing, type ResizeRequest } from './resizing.ts';
import {
  ClientMessage,
  Encoding,
  QemuMessage,
  ResizeReason,
  ResizeStatus,
  RfbError,
  SecurityType,
  ServerMessage,
  protocolVersion,
} from './protocol.ts';
import { challengeSize, vncResponseMatches } from './vnc-authentication.ts';

export interface RfbSessionOptions {
  /** Shown by viewers as the window's title. */
  name: string;
  /** `none` only where something else keeps strangers out. */
  security: { kind: 'none' } | { kind: 'vnc'; password: string };
  /** False: keys and pointer are ignored. */
  input?: boolean;
  /**
   * What is between us and the viewer. On the same host pixels go as they are: compressing a frame and unpacking it takes longer
   * than carrying it over. Absent: a network, and the viewer's first choice of what we have.
   */
  link?: Link;
}

export interface RfbSessionEvents {
  /** Bytes for the viewer. */
  send(bytes: Uint8Array): void;
  /** Set 1 scancodes. */
  scancodes(bytes: number[]): void;
  mouse(motion: MouseMotion): void;
  /**
   * The pointer as it is, with its buttons as RFB numbers them, on a picture of that size. True: it was taken so, and moves no mouse. Absent: never.
   */
  position?(place: { x: number; y: number; buttons: number; wheel: number; width: number; height: number }): boolean;
  /** The viewer is in; `shared`: others may be as well. */
  initialized?(shared: boolean): void;
  /** The viewer asks for another size; `resizing` is to be told what becomes of it. Absent: no viewer may. */
  resize?(request: ResizeRequest): void;
  /** The viewer waits for a picture: `update` is worth calling. */
  wanted(): void;
}

type Phase = 'version' | 'security' | 'challenge' | 'client-init' | 'normal' | 'refused';

/** More encodings than any viewer has; a count above is taken for an attack. */
const mostEncodings = 1024;
/** Clipboard text is dropped as it comes; more than this ends the connection. */
const largestCutText = 16 << 20;
const mostScreens = 64;
/** Where a framebuffer update says how many rectangles it has. */
const rectanglesAt = 2;

export class RfbSession {
  private phase: Phase = 'version';
  private minorVersion = 8;
  private readonly queue = new ByteQueue();
  private readonly challenge = new Uint8Array(randomBytes(challengeSize));
  private skipping = 0;

  private translator = new PixelTranslator(serverPixelFormat);
  private readonly encoder = new RectangleEncoder();
  private encoding: PixelEncoding = Encoding.raw;
  private desktopSize = false;
  private extendedDesktopSize = false;
  private announceExtendedKeys = false;
  private announceDesktopSize = false;
  /** What becomes of the sizes that the viewer asks for. */
  readonly resizing = new ViewerResizing();
  private inputAllowed: boolean;

  private request: { incremental: boolean; rectangle: Rectangle } | undefined;
  private readonly continuous = new ContinuousUpdates();
  /** Size that the viewer knows, and number of the newest frame of which it has everything. */
  private width = 0;
  private height = 0;
  private frame = 0;

  private readonly keyboard = new ViewerKeyboard();
  private readonly pointer = new ViewerPointer();

  /** Sends the version at once. `store` must hold a frame before the viewer's ClientInit is received. */
  constructor(
    private readonly options: RfbSessionOptions,
    private readonly store: FrameStore,
    private readonly events: RfbSessionEvents,
  ) {
    this.inputAllowed = options.input !== false;
    this.write((writer) => {
      writer.text(protocolVersion);
    });
  }

  /** Whether keys and pointer count from now on; what is held is let go when they do not. */
  allowInput(allowed: boolean): void {
    if (!allowed) this.end();
    this.inputAllowed = allowed;
  }

  /** True while the viewer waits for an update, or takes one without asking. */
  get waiting(): boolean {
    return this.request !== undefined || this.continuous.ready !== undefined;
  }

  /** Takes bytes as they come, in pieces of any size. Throws RfbError when the viewer does not speak the protocol, and ever after. */
  receive(bytes: Uint8Array): void {
    this.queue.push(bytes);
    try {
      while (this.step());
    } catch (error) {
      this.phase = 'refused';
      this.request = undefined;
      throw error;
    }
  }

  /** The viewer is gone: lets go of its keys and buttons. */
  end(): void {
    const scancodes = this.keyboard.releaseAll();
    if (scancodes.length > 0) this.events.scancodes(scancodes);
    const motion = this.pointer.release();
    if (motion !== undefined) this.events.mouse(motion);
  }

  /** Answers the viewer's request with what it lacks; true when something was sent. Call after the store took a frame. */
  update(): boolean {
    const area = this.continuous.ready;
    const request = this.request ?? (area && { incremental: true, rectangle: area });
    if (request === undefined) return false;
    const { store } = this;
    const resized = store.width !== this.width || store.height !== this.height;
    const canResize = this.desktopSize || this.extendedDesktopSize;
    const writer = new ByteWriter();
    writer.u8(ServerMessage.framebufferUpdate);
    writer.u8(0);
    // How many rectangles: known at the end.
    writer.u16(0);
    let count = 0;
    if (this.announceExtendedKeys) {
      header(writer, 0, 0, 0, 0, Encoding.qemuExtendedKeyEvent);
      this.announceExtendedKeys = false;
      count++;
    }
    const answer = this.resizing.answer(store.width, store.height);
    const asked = answer === ResizeStatus.done;
    if (answer !== undefined && !asked) {
      this.desktopSizeRectangle(writer, ResizeReason.thisClient, answer);
      count++;
    }
    if ((resized && canResize) || this.announceDesktopSize || asked) {
      if (resized && canResize) {
        this.width = store.width;
        this.height = store.height;
        // The viewer's picture is undefined now.
        this.frame = 0;
        this.continuous.resize(store.width, store.height);
      }
      if (this.extendedDesktopSize) this.desktopSizeRectangle(writer, asked ? ResizeReason.thisClient : ResizeReason.server, ResizeStatus.done);
      else header(writer, 0, 0, this.width, this.height, Encoding.desktopSize);
      this.announceDesktopSize = false;
      count++;
      // Pixels come with the answer to the next request, which is in terms of the new size.
      if (resized && canResize) return this.sendUpdate(writer, count);
    }
    const rectangles = this.lacking(request);
    for (const rectangle of rectangles) {
      header(writer, rectangle.x, rectangle.y, rectangle.width, rectangle.height, this.encoding);
      const block = { pixels: store.extract(rectangle), width: rectangle.width, height: rectangle.height };
      writer.put(this.encoder.encode(this.encoding, block, this.translator));
      count++;
    }
    if (count === 0) return false;
    if (covers(request.rectangle, this.width, this.height)) this.frame = store.frame;
    if (this.request === undefined) this.continuous.frame = store.frame;
    return this.sendUpdate(writer, count);
  }

  private sendUpdate(update: ByteWriter, rectangles: number): boolean {
    this.request = undefined;
    update.u16At(rectanglesAt, rectangles);
    this.continuous.follow(update);
    this.events.send(update.take());
    return true;
  }

  /** Rectangles to send for a request, inside what the viewer knows as its screen. */
  private lacking(request: { incremental: boolean; rectangle: Rectangle }): Rectangle[] {
    const whole = { x: 0, y: 0, width: this.width, height: this.height };
    const wanted = intersection(request.rectangle, whole);
    if (wanted === undefined) return [];
    if (!request.incremental) return [wanted];
    // A viewer that cannot resize gets the whole of its old size anew when the guest's size changed.
    const since = this.request === undefined ? Math.max(this.frame, this.continuous.frame) : this.frame;
    const candidates = since < this.store.sizeFrame ? [whole] : this.store.changedSince(since);
    return candidates.flatMap((rectangle) => intersection(rectangle, wanted) ?? []);
  }

  private desktopSizeRectangle(writer: ByteWriter, reason: ResizeReason, status: ResizeStatus): void {
    header(writer, reason, status, this.width, this.height, Encoding.extendedDesktopSize);
    writer.u8(1);
    writer.put(new Uint8Array(3));
    writer.u32(0);
    writer.u16(0);
    writer.u16(0);
    writer.u16(this.width);
    writer.u16(this.height);
    writer.u32(0);
  }

  private write(fill: (writer: ByteWriter) => void): void {
    const writer = new ByteWriter();
    fill(writer);
    this.events.send(writer.take());
  }

  /** Handles one message if all of it is here. */
  private step(): boolean {
    if (this.skipping > 0) {
      this.skipping -= this.queue.skip(this.skipping);
      if (this.skipping > 0) return false;
    }
    switch (this.phase) {
      case 'version':
        return this.take(protocolVersion.length, (view) => {
          this.receiveVersion(view);
        });
      case 'security':
        return this.take(1, (view) => {
          this.receiveSecurity(view.getUint8(0));
        });
      case 'challenge':
        return this.take(challengeSize, (view) => {
          this.receiveResponse(view);
        });
      case 'client-init':
        return this.take(1, (view) => {
          this.sendServerInit();
          this.events.initialized?.(view.getUint8(0) !== 0);
        });
      case 'normal':
        return this.message();
      case 'refused':
        throw new RfbError('the viewer was refused and goes on');
    }
  }

  private take(count: number, handle: (view: DataView) => void): boolean {
    const view = this.queue.peek(count);
    if (view === undefined) return false;
    this.queue.skip(count);
    handle(view);
    return true;
  }

  private receiveVersion(view: DataView): void {
    const text = String.fromCharCode(...new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
    const match = /^RFB 003\.(\d{3})\n$/.exec(text);
    if (match === null) throw new RfbError('the viewer does not speak RFB 3');
    const minor = Number(match[1]);
    this.minorVersion = minor >= 8 ? 8 : minor === 7 ? 7 : 3;
    const type = this.options.security.kind === 'none' ? SecurityType.none : SecurityType.vncAuthentication;
    this.write((writer) => {
      if (this.minorVersion === 3) writer.u32(type);
      else {
        writer.u8(1);
        writer.u8(type);
      }
    });
    if (this.minorVersion === 3) this.beginSecurity(type);
    else this.phase = 'security';
  }

  private receiveSecurity(chosen: number): void {
    const offered = this.options.security.kind === 'none' ? SecurityType.none : SecurityType.vncAuthentication;
    if (chosen !== offered) throw new RfbError(`the viewer chose security type ${chosen}, which was not offered`);
    this.beginSecurity(offered);
  }

  private beginSecurity(type: SecurityType): void {
    if (type === SecurityType.vncAuthentication) {
      this.events.send(this.challenge.slice());
      this.phase = 'challenge';
      return;
    }
    if (this.minorVersion === 8) this.sendSecurityResult(true);
    this.phase = 'client-init';
  }

  private receiveResponse(view: DataView): void {
    const { security } = this.options;
    const response = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    const right = security.kind === 'vnc' && vncResponseMatches(security.password, this.challenge, response);
    this.sendSecurityResult(right);
    if (!right) throw new RfbError('the viewer gave a wrong password');
    this.phase = 'client-init';
  }

  private sendSecurityResult(right: boolean): void {
    this.write((writer) => {
      writer.u32(right ? 0 : 1);
      if (right || this.minorVersion < 8) return;
      const reason = 'wrong password';
      writer.u32(reason.length);
      writer.text(reason);
    });
  }

  private sendServerInit(): void {
    const { store } = this;
    this.width = store.width;
    this.height = store.height;
    const name = new TextEncoder().encode(this.options.name);
    this.write((writer) => {
      writer.u16(this.width);
      writer.u16(this.height);
      writePixelFormat(writer, serverPixelFormat);
      writer.u32(name.length);
      writer.put(name);
    });
    this.phase = 'normal';
  }

  private message(): boolean {
    const type = this.queue.peek(1)?.getUint8(0);
    switch (type) {
      case undefined:
        return false;
      case ClientMessage.setPixelFormat:
        return this.take(20, (view) => {
          this.translator = new PixelTranslator(readPixelFormat(view, 4));
        });
      case ClientMessage.setEncodings:
        return this.receiveEncodings();
      case ClientMessage.framebufferUpdateRequest:
        return this.take(10, (view) => {
          this.receiveRequest(view);
        });
      case ClientMessage.keyEvent:
        return this.take(8, (view) => {
          this.key(this.keyboard.keysym(view.getUint8(1) !== 0, view.getUint32(4)));
        });
      case ClientMessage.pointerEvent:
        return this.take(6, (view) => {
          this.movePointer(view.getUint8(1), view.getUint16(2), view.getUint16(4));
        });
      case ClientMessage.clientCutText:
        return this.take(8, (view) => {
          this.dropCutText(view.getUint32(4));
        });
      case ClientMessage.enableContinuousUpdates:
        return this.take(10, (view) => {
          const on = view.getUint8(1) !== 0;
          this.continuous.enable(on ? rectangleAt(view, 2) : undefined);
          if (on) this.events.wanted();
          else this.write((writer) => writer.u8(ServerMessage.endOfContinuousUpdates));
        });
      case ClientMessage.fence:
        return this.receiveFence();
      case ClientMessage.setDesktopSize:
        return this.receiveDesktopSize();
      case ClientMessage.qemu:
        return this.receiveQemu();
      default:
        throw new RfbError(`the viewer sent a message of type ${type}, which was not offered`);
    }
  }

  private receiveEncodings(): boolean {
    const count = this.queue.peek(4)?.getUint16(2);
    if (count === undefined) return false;
    if (count > mostEncodings) throw new RfbError(`the viewer named ${count} encodings; ${mostEncodings} are allowed`);
    return this.take(4 + 4 * count, (view) => {
      const named = Array.from({ length: count }, (_, i) => view.getInt32(4 + 4 * i));
      // The viewer's order is its preference.
      const choices = this.options.link === 'same-host' ? [] : named;
      const pixels = choices.find((one) => one === Encoding.zrle || one === Encoding.zlib || one === Encoding.raw);
      this.encoding = pixels === Encoding.zrle ? Encoding.zrle : pixels === Encoding.zlib ? Encoding.zlib : Encoding.raw;
      this.desktopSize = named.includes(Encoding.desktopSize);
      this.extendedDesktopSize = named.includes(Encoding.extendedDesktopSize);
      this.announceDesktopSize = this.extendedDesktopSize;
      this.announceExtendedKeys = named.includes(Encoding.qemuExtendedKeyEvent);
      this.continuous.support(named.includes(Encoding.fence), named.includes(Encoding.continuousUpdates));
      if (this.continuous.takeAnnouncement()) this.write((writer) => writer.u8(ServerMessage.endOfContinuousUpdates));
      this.events.wanted();
    });
  }

  private receiveRequest(view: DataView): void {
    const incremental = view.getUint8(1) !== 0;
    const rectangle = rectangleAt(view, 2);
    const before = this.request;
    // Requests that come before the answer are one: complete if any was, over what covers both.
    this.request = before === undefined ? { incremental, rectangle } : merge(before, { incremental, rectangle });
    this.events.wanted();
  }

  private receiveFence(): boolean {
    const length = this.queue.peek(9)?.getUint8(8);
    if (length === undefined) return false;
    if (length > longestFence) throw new RfbError(`the viewer sent a fence of ${length} bytes; ${longestFence} are allowed`);
    return this.take(9 + length, (view) => {
      const answer = this.continuous.receive(view.getUint32(4), new Uint8Array(view.buffer, view.byteOffset + 9, length));
      if (answer === undefined) this.events.wanted();
      else this.write(answer);
    });
  }

  private receiveDesktopSize(): boolean {
    const screens = this.queue.peek(8)?.getUint8(6);
    if (screens === undefined) return false;
    if (screens > mostScreens) throw new RfbError(`the viewer asked for ${screens} screens; ${mostScreens} are allowed`);
    return this.take(8 + 16 * screens, (view) => {
      if (!this.extendedDesktopSize) throw new RfbError('the viewer asked for another size without saying that it can resize');
      if (this.events.resize === undefined) this.resizing.refuse(ResizeStatus.prohibited);
      else this.events.resize(readResizeRequest(view));
      this.events.wanted();
    });
  }

  private receiveQemu(): boolean {
    const submessage = this.queue.peek(2)?.getUint8(1);
    if (submessage === undefined) return false;
    if (submessage !== QemuMessage.extendedKeyEvent) {
      throw new RfbError(`the viewer sent QEMU message ${submessage}, which was not offered`);
    }
    return this.take(12, (view) => {
      this.key(this.keyboard.extendedKey(view.getUint16(2) !== 0, view.getUint32(4), view.getUint32(8)));
    });
  }

  private key(scancodes: number[]): void {
    if (scancodes.length > 0 && this.inputAllowed) this.events.scancodes(scancodes);
  }

  private movePointer(mask: number, x: number, y: number): void {
    const motion = this.pointer.event(mask, x, y);
    if (motion === undefined || !this.inputAllowed) return;
    const place = { x, y, buttons: motion.buttons, wheel: motion.wheel, width: this.width, height: this.height };
    if (this.events.position?.(place) === true) return;
    this.events.mouse(motion);
  }

  private dropCutText(length: number): void {
    if (length > largestCutText)
      throw new RfbError(`the viewer sent ${length} bytes of clipboard; ${largestCutText} are allowed`);
    this.skipping = length;
  }
}

function header(writer: ByteWriter, x: number, y: number, width: number, height: number, encoding: Encoding): void {
  writer.u16(x);
  writer.u16(y);
  writer.u16(width);
  writer.u16(height);
  writer.u32(encoding);
}

function rectangleAt(view: DataView, at: number): Rectangle {
  return { x: view.getUint16(at), y: view.getUint16(at + 2), width: view.getUint16(at + 4), height: view.getUint16(at + 6) };
}

function intersection(a: Rectangle, b: Rectangle): Rectangle | undefined {
  const x = Math.max(a.x, b.x);
  const y = Math.max(a.y, b.y);
  const width = Math.min(a.x + a.width, b.x + b.width) - x;
  const height = Math.min(a.y + a.height, b.y + b.height) - y;
  return width > 0 && height > 0 ? { x, y, width, height } : undefined;
}

function covers(rectangle: Rectangle, width: number, height: number): boolean {
  return rectangle.x === 0 && rectangle.y === 0 && rectangle.width >= width && rectangle.height >= height;
}

type Request = { incremental: boolean; rectangle: Rectangle };

function merge(a: Request, b: Request): Request {
  const x = Math.min(a.rectangle.x, b.rectangle.x);
  const y = Math.min(a.rectangle.y, b.rectangle.y);
  return {
    incremental: a.incremental && b.incremental,
    rectangle: {
      x,
      y,
      width: Math.max(a.rectangle.x + a.rectangle.width, b.rectangle.x + b.rectangle.width) - x,
      height: Math.max(a.rectangle.y + a.rectangle.height, b.rectangle.y + b.rectangle.height) - y,
    },
  };
}
