/** Reads a section byte by byte; a read behind its end is an error of the file. */
import { StructureError } from '../types.ts';

export class Cursor {
  readonly #view: DataView;

  constructor(
    readonly bytes: Uint8Array,
    public at: number,
    readonly end = bytes.length,
  ) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (!(at >= 0 && at <= end && end <= bytes.length))
      throw new StructureError('The debugging information points outside of its section.');
  }

  get left(): number {
    return this.end - this.at;
  }

  take(count: number): number {
    const at = this.at;
    if (!(count >= 0 && count <= this.end - at)) throw new StructureError('The debugging information is cut off.');
    this.at += count;
    return at;
  }

  u8(): number {
    return this.#view.getUint8(this.take(1));
  }
  u16(): number {
    return this.#view.getUint16(this.take(2), true);
  }
  u24(): number {
    return this.u16() | (this.u8() << 16);
  }
  u32(): number {
    return this.#view.getUint32(this.take(4), true);
  }
  u64(): number {
    return Number(this.#view.getBigUint64(this.take(8), true));
  }
  /** An offset of 32-bit or 64-bit DWARF, or an address. */
  sized(bytes: number): number {
    return bytes === 8 ? this.u64() : bytes === 4 ? this.u32() : bytes === 2 ? this.u16() : this.u8();
  }

  unsigned(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.u8();
      if (scale < 2 ** 63) value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  }

  signed(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.u8();
      if (scale < 2 ** 63) value += (byte & 0x7f) * scale;
      if (byte < 0x80) return (byte & 0x40) !== 0 ? value - scale * 128 : value;
    }
  }

  string(): string {
    const end = this.bytes.indexOf(0, this.at);
    if (end < 0 || end >= this.end) throw new StructureError('A name in the debugging information has no end.');
    const text = Buffer.from(this.bytes.subarray(this.at, end)).toString('utf8');
    this.at = end + 1;
    return text;
  }

  block(count: number): Uint8Array {
    const at = this.take(count);
    return this.bytes.subarray(at, at + count);
  }
}
