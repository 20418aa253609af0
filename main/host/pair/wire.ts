/**
 * How messages between processes of a pair are written as bytes: plain values, byte strings and arrays of 32-bit numbers, each with a type in front. It can say
 * nothing else, so that a message of another host can do no harm before it is looked at. docs/formats/peer-protocol.md.
 */

const Type = {
  Undefined: 0,
  Null: 1,
  False: 2,
  True: 3,
  /** 64 bits, IEEE 754. All numbers here and below are little-endian. */
  Number: 4,
  /** 32 bits of length in bytes; UTF-8. */
  Text: 5,
  /** 32 bits of length. */
  Bytes: 6,
  /** 32 bits of length in numbers. */
  Words: 7,
  /** 32 bits of length. */
  List: 8,
  /** 32 bits of length; names as texts without a type, and values. */
  Record: 9,
} as const;

/** Deeper than anything that is said. */
const deepest = 32;
/** Byte strings from this length on go as they are, without a copy; who sends them does not change them any more. */
const uncopied = 1 << 16;

export class WireError extends Error {}

class Writer {
  readonly pieces: Buffer[] = [];
  #buffer = Buffer.allocUnsafe(1024);
  #at = 0;

  #room(bytes: number): number {
    if (this.#at + bytes > this.#buffer.length) {
      this.flush();
      this.#buffer = Buffer.allocUnsafe(Math.max(bytes, 4096));
    }
    const at = this.#at;
    this.#at += bytes;
    return at;
  }

  flush(): void {
    if (this.#at > 0) this.pieces.push(this.#buffer.subarray(0, this.#at));
    this.#buffer = this.#buffer.subarray(this.#at);
    this.#at = 0;
  }

  type(type: number): void {
    const at = this.#room(1);
    this.#buffer[at] = type;
  }

  count(value: number): void {
    const at = this.#room(4);
    this.#buffer.writeUInt32LE(value, at);
  }

  number(value: number): void {
    const at = this.#room(8);
    this.#buffer.writeDoubleLE(value, at);
  }

  text(value: string): void {
    const bytes = Buffer.byteLength(value);
    this.count(bytes);
    const at = this.#room(bytes);
    this.#buffer.write(value, at);
  }

  bytes(value: Uint8Array): void {
    if (value.length >= uncopied) {
      this.flush();
      this.pieces.push(Buffer.from(value.buffer, value.byteOffset, value.length));
      return;
    }
    const at = this.#room(value.length);
    this.#buffer.set(value, at);
  }

  value(value: unknown, depth: number): void {
    if (depth > deepest) throw new WireError('A message is too deep.');
    if (value === undefined) return this.type(Type.Undefined);
    if (value === null) return this.type(Type.Null);
    switch (typeof value) {
      case 'boolean':
        return this.type(value ? Type.True : Type.False);
      case 'number':
        this.type(Type.Number);
        return this.number(value);
      case 'string':
        this.type(Type.Text);
        return this.text(value);
      case 'object':
        break;
      default:
        throw new WireError(`A message cannot hold a ${typeof value}.`);
    }
    if (value instanceof Uint8Array) {
      this.type(Type.Bytes);
      this.count(value.length);
      return this.bytes(value);
    }
    if (value instanceof Uint32Array) {
      this.type(Type.Words);
      this.count(value.length);
      return this.bytes(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
    }
    if (Array.isArray(value)) {
      this.type(Type.List);
      this.count(value.length);
      for (const item of value) this.value(item, depth + 1);
      return;
    }
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null) throw new WireError('A message cannot hold objects of classes.');
    const entries = Object.entries(value);
    this.type(Type.Record);
    this.count(entries.length);
    for (const [name, item] of entries) {
      this.text(name);
      this.value(item, depth + 1);
    }
  }
}

/** The bytes of a value, in pieces that follow each other. Throws WireError for what cannot be said. */
export function encode(value: unknown): Buffer[] {
  const writer = new Writer();
  writer.value(value, 0);
  writer.flush();
  return writer.pieces;
}

class Reader {
  #at = 0;

  constructor(private readonly bytes: Buffer) {}

  #take(count: number): number {
    const at = this.#at;
    if (count > this.bytes.length - at) throw new WireError('A message ends too early.');
    this.#at += count;
    return at;
  }

  #count(): number {
    return this.bytes.readUInt32LE(this.#take(4));
  }

  #text(): string {
    const length = this.#count();
    const at = this.#take(length);
    return this.bytes.toString('utf8', at, at + length);
  }

  get isAtEnd(): boolean {
    return this.#at === this.bytes.length;
  }

  value(depth: number): unknown {
    if (depth > deepest) throw new WireError('A message is too deep.');
    const type = this.bytes[this.#take(1)];
    switch (type) {
      case Type.Undefined:
        return undefined;
      case Type.Null:
        return null;
      case Type.False:
      case Type.True:
        return type === Type.True;
      case Type.Number:
        return this.bytes.readDoubleLE(this.#take(8));
      case Type.Text:
        return this.#text();
      case Type.Bytes: {
        const length = this.#count();
        const at = this.#take(length);
        return new Uint8Array(this.bytes.subarray(at, at + length));
      }
      case Type.Words: {
        const length = this.#count();
        const at = this.#take(length * 4);
        return new Uint32Array(new Uint8Array(this.bytes.subarray(at, at + length * 4)).buffer);
      }
      case Type.List: {
        const length = this.#count();
        const list: unknown[] = [];
        for (let index = 0; index < length; index++) list.push(this.value(depth + 1));
        return list;
      }
      case Type.Record: {
        const length = this.#count();
        const record: Record<string, unknown> = {};
        for (let index = 0; index < length; index++) {
          const name = this.#text();
          if (name === '__proto__' || Object.hasOwn(record, name)) throw new WireError('A message has a name that it may not have.');
          record[name] = this.value(depth + 1);
        }
        return record;
      }
      default:
        throw new WireError('A message has a value of no type.');
    }
  }
}

/** The value of a whole message. What it holds is its own. Throws WireError. */
export function decode(bytes: Buffer): unknown {
  const reader = new Reader(bytes);
  const value = reader.value(0);
  if (!reader.isAtEnd) throw new WireError('A message goes on behind its end.');
  return value;
}
