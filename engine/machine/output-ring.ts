/**
 * A byte stream from a chip to the host: one producer at a time (the device lock sees to that), one consumer (the service worker).
 * Nothing is ever dropped. A vCPU that finds the ring `congested` after it left the chip waits, quiescent, until it is not; so a chip
 * finds room for at least `reserve` bytes whenever a vCPU comes to it.
 */
import { array, defineBlock, scalar } from '../layout/block.ts';
import type { OutputStream } from './bus.ts';
import type { MachineMemory } from './memory.ts';

const capacity = 1 << 16;
const reserve = 1 << 14;

export const outputBlock = defineBlock('output', 1, {
  /** Bytes ever pushed and ever taken, modulo 2^32. */
  pushed: scalar('i32'),
  taken: scalar('i32'),
  bytes: array('u8', capacity),
});

export class OutputRing implements OutputStream {
  readonly #view;
  readonly #pushed: number;
  readonly #taken: number;

  constructor(
    readonly name: string,
    private readonly memory: MachineMemory,
    /** Tells the consumer that there is something; called at the first byte after the ring was empty. */
    private readonly onFirst: () => void,
  ) {
    const base = memory.directory.open(outputBlock, name, { transient: true });
    this.#view = outputBlock.at(memory.buffer, base);
    this.#pushed = (base + outputBlock.offset.pushed) >>> 2;
    this.#taken = (base + outputBlock.offset.taken) >>> 2;
  }

  #used(): number {
    const { words } = this.memory;
    return (Atomics.load(words, this.#pushed) - Atomics.load(words, this.#taken)) >>> 0;
  }

  get space(): number {
    return capacity - this.#used();
  }

  push(byte: number): boolean {
    const used = this.#used();
    if (used === capacity) return false;
    const { words } = this.memory;
    const at = Atomics.load(words, this.#pushed);
    this.#view.bytes[at & (capacity - 1)] = byte;
    Atomics.store(words, this.#pushed, (at + 1) | 0);
    // Looked at after the store, as the consumer looks at `pushed` after storing `taken`: one of the two sees the other.
    if (Atomics.load(words, this.#taken) === at) this.onFirst();
    return true;
  }

  /** Pushes all of the bytes or, when they do not fit, none. The consumer never sees a part of them. */
  pushAll(bytes: Uint8Array): boolean {
    if (this.space < bytes.length) return false;
    const { words } = this.memory;
    const at = Atomics.load(words, this.#pushed);
    for (let index = 0; index < bytes.length; index++) this.#view.bytes[(at + index) & (capacity - 1)] = bytes[index]!;
    Atomics.store(words, this.#pushed, (at + bytes.length) | 0);
    if (Atomics.load(words, this.#taken) === at) this.onFirst();
    return true;
  }

  get empty(): boolean {
    return this.#used() === 0;
  }

  /** A plain look, since it comes before every slice of instructions: whoever waits because of an old value is woken, or looks again. */
  get congested(): boolean {
    const { words } = this.memory;
    return capacity - ((words[this.#pushed]! - words[this.#taken]!) >>> 0) < reserve;
  }

  /** The word to wait on while congested, and its value. */
  get takenWord(): number {
    return this.#taken;
  }

  /**
   * The consumer: everything that is there, oldest first; wakes who waits for room. To be called until it gives nothing: what was
   * pushed meanwhile is announced by nobody.
   */
  take(): Uint8Array {
    const { words } = this.memory;
    const start = Atomics.load(words, this.#taken);
    const length = this.#used();
    const bytes = new Uint8Array(length);
    const first = start & (capacity - 1);
    const untilEnd = Math.min(length, capacity - first);
    bytes.set(this.#view.bytes.subarray(first, first + untilEnd));
    bytes.set(this.#view.bytes.subarray(0, length - untilEnd), untilEnd);
    Atomics.store(words, this.#taken, (start + length) | 0);
    Atomics.notify(words, this.#taken);
    return bytes;
  }
}
