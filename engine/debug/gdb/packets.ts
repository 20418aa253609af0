/** Framing of gdb's remote serial protocol (gdb manual, appendix E): bytes in, packets and interrupts out; and back. */

/** The longest packet that is taken, without its frame. */
export const longestPacket = 0x10000;

export type Incoming =
  | { kind: 'packet'; body: Uint8Array }
  /** Ctrl-C. */
  | { kind: 'interrupt' }
  /** A checksum was wrong: the client is to send again. */
  | { kind: 'damaged' }
  /** The client wants the last packet again. */
  | { kind: 'again' };

const dollar = 0x24;
const hash = 0x23;
const plus = 0x2b;
const minus = 0x2d;
const escape = 0x7d;
const escapeBit = 0x20;
const interrupt = 0x03;

/** A client that does not keep to the protocol. */
export class ProtocolError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ProtocolError';
  }
}

function nibble(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

/** Takes a stream apart. Memory it holds is bounded by longestPacket. */
export class PacketReader {
  #body: number[] = [];
  #state: 'between' | 'body' | 'first' | 'second' = 'between';
  #sum = 0;
  #digit = 0;

  /** Throws ProtocolError for a packet without end. */
  *feed(bytes: Uint8Array): Generator<Incoming> {
    for (const byte of bytes) {
      switch (this.#state) {
        case 'between':
          if (byte === dollar) this.#begin();
          else if (byte === interrupt) yield { kind: 'interrupt' };
          else if (byte === minus) yield { kind: 'again' };
          break;
        case 'body':
          if (byte === hash) this.#state = 'first';
          else if (byte === dollar) this.#begin();
          else {
            if (this.#body.length >= longestPacket) throw new ProtocolError('A packet is longer than allowed.');
            this.#body.push(byte);
            this.#sum = (this.#sum + byte) & 0xff;
          }
          break;
        case 'first':
          this.#digit = nibble(byte);
          this.#state = 'second';
          break;
        case 'second': {
          this.#state = 'between';
          const low = nibble(byte);
          const isWhole = this.#digit >= 0 && low >= 0 && this.#digit * 16 + low === this.#sum;
          yield isWhole ? { kind: 'packet', body: unescaped(this.#body) } : { kind: 'damaged' };
          this.#body = [];
          break;
        }
      }
    }
  }

  #begin(): void {
    this.#state = 'body';
    this.#body = [];
    this.#sum = 0;
  }
}

function unescaped(body: readonly number[]): Uint8Array {
  const result: number[] = [];
  for (let at = 0; at < body.length; at++) {
    const byte = body[at] ?? 0;
    if (byte === escape && at + 1 < body.length) result.push((body[++at] ?? 0) ^ escapeBit);
    else result.push(byte);
  }
  return Uint8Array.from(result);
}

/** A packet with its frame. Text is Latin-1; what the protocol reserves is escaped. */
export function framed(text: string): Uint8Array {
  const body: number[] = [];
  for (const byte of Buffer.from(text, 'latin1')) {
    if (byte === dollar || byte === hash || byte === escape || byte === 0x2a) body.push(escape, byte ^ escapeBit);
    else body.push(byte);
  }
  const sum = body.reduce((total, byte) => (total + byte) & 0xff, 0);
  return Uint8Array.from([dollar, ...body, hash, ...Buffer.from(sum.toString(16).padStart(2, '0'), 'latin1')]);
}

export const acknowledged = Uint8Array.of(plus);
export const refused = Uint8Array.of(minus);

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** Bytes of hexadecimal digits; undefined if they are none, or half a byte is left. */
export function fromHex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/iu.test(text)) return undefined;
  return new Uint8Array(Buffer.from(text, 'hex'));
}

/** Up to 32 bits in hexadecimal digits; undefined otherwise. */
export function hexNumber(text: string | undefined): number | undefined {
  if (text === undefined || !/^[0-9a-f]{1,16}$/iu.test(text)) return undefined;
  const value = Number.parseInt(text, 16);
  if (value <= 0xffffffff) return value;
  // gdb sign-extends addresses for some targets.
  return /^f{8}[0-9a-f]{8}$/iu.test(text) ? Number.parseInt(text.slice(8), 16) : undefined;
}
