/**
 * A viewer for tests: its own reading of RFC 6143, sharing nothing with the server. Works on any byte pipe; keeps its picture as RGBA.
 */
import { constants, createInflate } from 'node:zlib';
import type { Inflate } from 'node:zlib';

export const encodings = {
  raw: 0,
  zlib: 6,
  zrle: 16,
  desktopSize: -223,
  extendedKey: -258,
  extendedDesktopSize: -308,
  fence: -312,
  continuousUpdates: -313,
} as const;

/** 32 bits little-endian, red in the lowest byte. */
const pixelFormat = Buffer.from([32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 0, 8, 16, 0, 0, 0]);

export interface ViewedRectangle {
  x: number;
  y: number;
  width: number;
  height: number;
  encoding: number;
}

export class RfbViewer {
  width = 0;
  height = 0;
  name = '';
  picture = Buffer.alloc(0);
  /** All rectangles received, oldest first. */
  readonly rectangles: ViewedRectangle[] = [];
  updates = 0;
  private pending = Buffer.alloc(0);
  private waiting: { count: number; resolve: (bytes: Buffer) => void; reject: (error: Error) => void } | undefined;
  private ended: Error | undefined;
  private readonly streams = new Map<number, Inflate>();

  constructor(private readonly output: (bytes: Uint8Array) => void) {}

  /** Bytes from the server. */
  feed(bytes: Uint8Array): void {
    this.pending = Buffer.concat([this.pending, bytes]);
    const waiting = this.waiting;
    if (waiting === undefined || this.pending.length < waiting.count) return;
    this.waiting = undefined;
    waiting.resolve(this.cut(waiting.count));
  }

  end(): void {
    this.ended = new Error('the server ended the connection');
    this.waiting?.reject(this.ended);
  }

  private cut(count: number): Buffer {
    const bytes = this.pending.subarray(0, count);
    this.pending = this.pending.subarray(count);
    return bytes;
  }

  private read(count: number): Promise<Buffer> {
    if (this.pending.length >= count) return Promise.resolve(this.cut(count));
    if (this.ended !== undefined) return Promise.reject(this.ended);
    return new Promise((resolve, reject) => {
      this.waiting = { count, resolve, reject };
    });
  }

  send(...bytes: number[]): void {
    this.output(Uint8Array.from(bytes));
  }

  /** Version 3.8, shared; security type `none`, or VNC authentication with the response to a challenge. */
  async connect(respond?: (challenge: Buffer) => Uint8Array): Promise<void> {
    const version = (await this.read(12)).toString('latin1');
    if (version !== 'RFB 003.008\n') throw new Error(`version ${version}`);
    this.output(Buffer.from(version));
    const types = await this.read((await this.read(1)).readUInt8(0));
    const wanted = respond === undefined ? 1 : 2;
    if (!types.includes(wanted)) throw new Error(`security type ${wanted} is not offered`);
    this.send(wanted);
    if (respond !== undefined) this.output(respond(await this.read(16)));
    if ((await this.read(4)).readUInt32BE(0) !== 0) throw new Error('security failed');
    await this.initialize();
  }

  async initialize(): Promise<void> {
    this.send(1);
    const init = await this.read(24);
    this.resize(init.readUInt16BE(0), init.readUInt16BE(2));
    this.name = (await this.read(init.readUInt32BE(20))).toString();
    this.output(Buffer.concat([Buffer.from([0, 0, 0, 0]), pixelFormat]));
  }

  setEncodings(...list: number[]): void {
    const message = Buffer.alloc(4 + 4 * list.length);
    message.writeUInt8(2, 0);
    message.writeUInt16BE(list.length, 2);
    list.forEach((encoding, i) => message.writeInt32BE(encoding, 4 + 4 * i));
    this.output(message);
  }

  request(incremental: boolean): void {
    const message = Buffer.alloc(10);
    message.writeUInt8(3, 0);
    message.writeUInt8(incremental ? 1 : 0, 1);
    message.writeUInt16BE(this.width, 6);
    message.writeUInt16BE(this.height, 8);
    this.output(message);
  }

  /** Undefined switches them off. */
  enableContinuousUpdates(area: { x: number; y: number; width: number; height: number } | undefined): void {
    const message = Buffer.alloc(10);
    message.writeUInt8(150, 0);
    message.writeUInt8(area === undefined ? 0 : 1, 1);
    [area?.x, area?.y, area?.width, area?.height].forEach((value, i) => message.writeUInt16BE(value ?? 0, 2 + 2 * i));
    this.output(message);
  }

  /** Takes a message of one byte, if it is the next of what has arrived. */
  takeMessage(type: number): boolean {
    if (this.pending.length === 0 || this.pending.readUInt8(0) !== type) return false;
    this.cut(1);
    return true;
  }

  async readFence(): Promise<{ flags: number; payload: number[] }> {
    const head = await this.read(9);
    if (head.readUInt8(0) !== 248) throw new Error(`server message ${head.readUInt8(0)}`);
    return { flags: head.readUInt32BE(4), payload: [...(await this.read(head.readUInt8(8)))] };
  }

  /** Reads a fence of the server and sends it back. */
  async answerFence(): Promise<void> {
    const { flags, payload } = await this.readFence();
    if (flags >>> 31 !== 1) throw new Error('the fence asks for no answer');
    this.send(248, 0, 0, 0, 0, 0, 0, flags & 3, payload.length, ...payload);
  }

  /** Reads one FramebufferUpdate and applies it; returns its rectangles. */
  async update(): Promise<ViewedRectangle[]> {
    const head = await this.read(4);
    if (head.readUInt8(0) !== 0) throw new Error(`server message ${head.readUInt8(0)}`);
    const here: ViewedRectangle[] = [];
    for (let i = 0; i < head.readUInt16BE(2); i++) {
      const bytes = await this.read(12);
      const rectangle = {
        x: bytes.readUInt16BE(0),
        y: bytes.readUInt16BE(2),
        width: bytes.readUInt16BE(4),
        height: bytes.readUInt16BE(6),
        encoding: bytes.readInt32BE(8),
      };
      await this.apply(rectangle);
      here.push(rectangle);
    }
    this.rectangles.push(...here);
    this.updates++;
    return here;
  }

  private async apply(r: ViewedRectangle): Promise<void> {
    switch (r.encoding) {
      case encodings.raw:
        this.blit(r, await this.read(4 * r.width * r.height));
        return;
      case encodings.zlib:
        this.blit(r, await this.inflate(r.encoding));
        return;
      case encodings.zrle:
        this.zrle(r, await this.inflate(r.encoding));
        return;
      case encodings.desktopSize:
        this.resize(r.width, r.height);
        return;
      case encodings.extendedDesktopSize: {
        await this.read(16 * (await this.read(4)).readUInt8(0));
        if (r.y === 0) this.resize(r.width, r.height);
        return;
      }
      case encodings.extendedKey:
        return;
      default:
        throw new Error(`encoding ${r.encoding} was not asked for`);
    }
  }

  private async inflate(encoding: number): Promise<Buffer> {
    const data = await this.read((await this.read(4)).readUInt32BE(0));
    let stream = this.streams.get(encoding);
    if (stream === undefined) {
      stream = createInflate({ finishFlush: constants.Z_SYNC_FLUSH });
      this.streams.set(encoding, stream);
    }
    const inflater = stream;
    return new Promise((resolve, reject) => {
      const parts: Buffer[] = [];
      const collect = (part: Buffer): void => void parts.push(part);
      inflater.on('data', collect);
      inflater.once('error', reject);
      inflater.write(data, () => {
        inflater.flush(constants.Z_SYNC_FLUSH, () => {
          inflater.off('data', collect);
          inflater.off('error', reject);
          resolve(Buffer.concat(parts));
        });
      });
    });
  }

  private blit(r: ViewedRectangle, pixels: Buffer): void {
    if (pixels.length !== 4 * r.width * r.height) throw new Error(`${pixels.length} bytes for ${r.width}×${r.height}`);
    for (let row = 0; row < r.height; row++) {
      pixels.copy(this.picture, 4 * ((r.y + row) * this.width + r.x), 4 * row * r.width, 4 * (row + 1) * r.width);
    }
  }

  private zrle(r: ViewedRectangle, data: Buffer): void {
    let at = 0;
    const colour = (): number => {
      const value = data.readUIntLE(at, 3);
      at += 3;
      return value;
    };
    for (let top = 0; top < r.height; top += 64) {
      for (let left = 0; left < r.width; left += 64) {
        const width = Math.min(64, r.width - left);
        const height = Math.min(64, r.height - top);
        const kind = data.readUInt8(at++);
        const set = (x: number, y: number, value: number): void => {
          this.picture.writeUIntLE(value, 4 * ((r.y + top + y) * this.width + r.x + left + x), 3);
        };
        if (kind === 0 || kind === 1) {
          const solid = kind === 1 ? colour() : undefined;
          for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) set(x, y, solid ?? colour());
        } else if (kind <= 16) {
          const palette = Array.from({ length: kind }, colour);
          const bits = kind === 2 ? 1 : kind <= 4 ? 2 : 4;
          for (let y = 0; y < height; y++) {
            const row = data.subarray(at, (at += Math.ceil((width * bits) / 8)));
            for (let x = 0; x < width; x++) {
              const place = x * bits;
              const index = (row.readUInt8(place >> 3) >> (8 - bits - (place & 7))) & ((1 << bits) - 1);
              const value = palette[index];
              if (value === undefined) throw new Error(`palette index ${index} of ${kind}`);
              set(x, y, value);
            }
          }
        } else {
          throw new Error(`ZRLE subencoding ${kind}`);
        }
      }
    }
    if (at !== data.length) throw new Error(`${data.length - at} bytes too many in a ZRLE rectangle`);
  }

  private resize(width: number, height: number): void {
    this.width = width;
    this.height = height;
    this.picture = Buffer.alloc(4 * width * height);
  }
}
