/** The last bytes of a stream, for those who come later. Fixed memory. */
export class HistoryRing {
  readonly #ring: Uint8Array;
  #written = 0;

  constructor(readonly capacity: number) {
    this.#ring = new Uint8Array(capacity);
  }

  push(bytes: Uint8Array): void {
    const kept = bytes.subarray(Math.max(0, bytes.length - this.capacity));
    const start = (this.#written + bytes.length - kept.length) % this.capacity;
    const head = kept.subarray(0, this.capacity - start);
    this.#ring.set(head, start);
    this.#ring.set(kept.subarray(head.length), 0);
    this.#written += bytes.length;
  }

  /** A copy, oldest byte first, and how many bytes came before it. */
  read(): { bytes: Uint8Array; lost: number } {
    const length = Math.min(this.#written, this.capacity);
    const lost = this.#written - length;
    const bytes = new Uint8Array(length);
    const start = lost % this.capacity;
    const head = this.#ring.subarray(start, Math.min(this.capacity, start + length));
    bytes.set(head);
    bytes.set(this.#ring.subarray(0, length - head.length), head.length);
    return { bytes, lost };
  }

  clear(): void {
    this.#written = 0;
  }
}
