/** A file in memory, for tests of images. It stays readable after `close`, as a file does. */
import type { ImageFile } from '../image-file.ts';

export class MemoryFile implements ImageFile {
  #bytes = new Uint8Array(1 << 16);
  #length = 0;

  constructor(
    content: Uint8Array = new Uint8Array(0),
    readonly path = 'image',
  ) {
    if (content.length > 0) this.write(0, content);
  }

  get length(): number {
    return this.#length;
  }

  /** A copy of what it holds. */
  get content(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  read(offset: number, into: Uint8Array): void {
    into.fill(0);
    if (offset < this.#length) into.set(this.#bytes.subarray(offset, Math.min(this.#length, offset + into.length)));
  }

  write(offset: number, from: Uint8Array): void {
    const end = offset + from.length;
    if (end > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(end, this.#bytes.length * 2));
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes.set(from, offset);
    this.#length = Math.max(this.#length, end);
  }

  sync(): void {
    // Nothing is held back.
  }

  close(): void {
    // The bytes stay.
  }
}
