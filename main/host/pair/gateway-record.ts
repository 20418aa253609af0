/**
 * What the gateway remembers for people: the last bytes of COM1 that left, and the last inputs, each with when the first byte left behind it. The gateway knows nothing of
 * what the guest and its clients say, so that byte may belong to an earlier request. Rings of numbers: a message costs a copy of its bytes, and nothing is allocated.
 */
import type { MachineInput } from '../../../engine/machine/machine.ts';
import type { PairInputMessage, PairOutsideMessage } from '../../contract/pairs.ts';

export const keptOutput = 1 << 16;
export const keptInputs = 256;
/** Bytes that are kept of each input, and given of what left behind it. */
export const shownBytes = 32;

export class GatewayRecord {
  readonly #output = new Uint8Array(keptOutput);
  /** Bytes of COM1 that have left. */
  #end = 0;
  /** Inputs that came, and how many of them, from the first on, had something leave behind them. */
  #count = 0;
  #followed = 0;
  /** One place each, by number modulo what is kept; times by performance.now(). */
  readonly #came = new Float64Array(keptInputs);
  readonly #left = new Float64Array(keptInputs);
  readonly #leftAt = new Float64Array(keptInputs);
  readonly #bytes = new Uint32Array(keptInputs);
  readonly #isKeys = new Uint8Array(keptInputs);
  readonly #begins = new Uint8Array(keptInputs * shownBytes);

  /** Bytes for COM1 or keys have come. What a mouse or a finger does is not kept: it would push out all else. */
  came(input: MachineInput, now: number): void {
    if (input.kind !== 'serial' && input.kind !== 'scancodes') return;
    const slot = this.#count++ % keptInputs;
    this.#followed = Math.max(this.#followed, this.#count - keptInputs);
    this.#came[slot] = now;
    this.#bytes[slot] = input.bytes.length;
    this.#isKeys[slot] = input.kind === 'scancodes' ? 1 : 0;
    const begin = input.bytes.slice(0, shownBytes);
    this.#begins.set(begin, slot * shownBytes);
  }

  /** These bytes of COM1 leave, of which the first is at `offset` of all. */
  left(offset: number, bytes: Uint8Array, now: number): void {
    const last = bytes.length > keptOutput ? bytes.subarray(-keptOutput) : bytes;
    const at = (offset + bytes.length - last.length) % keptOutput;
    const fits = Math.min(last.length, keptOutput - at);
    this.#output.set(last.subarray(0, fits), at);
    if (fits < last.length) this.#output.set(last.subarray(fits), 0);
    this.#end = offset + bytes.length;
    for (; this.#followed < this.#count; this.#followed++) {
      const slot = this.#followed % keptInputs;
      this.#left[slot] = now;
      this.#leftAt[slot] = offset;
    }
  }

  /** For people: output from `from` on, as far as it is kept, and the inputs, oldest first. */
  look(from: number, now: number): PairOutsideMessage {
    const offset = Math.min(this.#end, Math.max(from, this.#end - keptOutput));
    const first = Math.max(0, this.#count - keptInputs);
    return {
      offset,
      bytes: this.#slice(offset, this.#end),
      inputs: Array.from({ length: this.#count - first }, (_, at) => this.#input(first + at, now)),
    };
  }

  #input(number: number, now: number): PairInputMessage {
    const slot = number % keptInputs;
    const came = this.#came[slot] ?? 0;
    const bytes = this.#bytes[slot] ?? 0;
    const leftAt = this.#leftAt[slot] ?? 0;
    return {
      number,
      at: Date.now() - (now - came),
      kind: this.#isKeys[slot] === 1 ? 'keys' : 'serial',
      bytes,
      begin: this.#begins.slice(slot * shownBytes, slot * shownBytes + Math.min(bytes, shownBytes)),
      left:
        number >= this.#followed
          ? null
          : { after: (this.#left[slot] ?? 0) - came, offset: leftAt, begin: leftAt < this.#end - keptOutput ? new Uint8Array(0) : this.#slice(leftAt, Math.min(this.#end, leftAt + shownBytes)) },
    };
  }

  /** Of the bytes that are kept. */
  #slice(from: number, to: number): Uint8Array {
    const bytes = new Uint8Array(to - from);
    const at = from % keptOutput;
    const fits = Math.min(bytes.length, keptOutput - at);
    bytes.set(this.#output.subarray(at, at + fits));
    if (fits < bytes.length) bytes.set(this.#output.subarray(0, bytes.length - fits), fits);
    return bytes;
  }
}
