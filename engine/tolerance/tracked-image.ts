/**
 * A drive's image on one side of a pair. It remembers which blocks were written since the last checkpoint; on the secondary what is written stays in
 * memory beside the image, since the next checkpoint makes it void. Service worker.
 */
import type { Image } from '../machine/disk-service.ts';
import { isZero } from '../machine/saved-state.ts';

/** The unit of tracking in bytes; the last block of an image may be shorter. */
export const imageBlockBytes = 4096;
const clearedBytes = 1 << 20;

export class TrackedImage implements Image {
  readonly bytes: number;
  readonly readOnly: boolean;
  /** Blocks written since they were last counted. */
  readonly dirty = new Set<number>();
  /** The secondary's own blocks; undefined where writes go to the image. */
  #overlay: Map<number, Uint8Array> | undefined;

  constructor(
    private readonly base: Image,
    isSecondary: boolean,
  ) {
    this.bytes = base.bytes;
    this.readOnly = base.readOnly;
    if (isSecondary) this.#overlay = new Map();
  }

  /** Blocks that only the overlay has. */
  get heldBlocks(): number {
    return this.#overlay?.size ?? 0;
  }

  get blocks(): number {
    return Math.ceil(this.bytes / imageBlockBytes);
  }

  /** Bytes of a block. */
  sizeOf(block: number): number {
    return Math.min(imageBlockBytes, this.bytes - block * imageBlockBytes);
  }

  async read(offset: number, into: Uint8Array): Promise<void> {
    await this.base.read(offset, into);
    const overlay = this.#overlay;
    if (overlay === undefined || overlay.size === 0) return;
    const end = offset + into.length;
    for (let block = Math.floor(offset / imageBlockBytes); block * imageBlockBytes < end; block++) {
      const own = overlay.get(block);
      if (own === undefined) continue;
      const start = block * imageBlockBytes;
      const from = Math.max(offset, start);
      const to = Math.min(end, start + own.length);
      into.set(own.subarray(from - start, to - start), from - offset);
    }
  }

  async write(offset: number, from: Uint8Array): Promise<void> {
    const end = offset + from.length;
    const overlay = this.#overlay;
    const first = Math.floor(offset / imageBlockBytes);
    for (let block = first; block * imageBlockBytes < end; block++) {
      this.dirty.add(block);
      if (overlay === undefined) continue;
      const start = block * imageBlockBytes;
      let own = overlay.get(block);
      if (own === undefined) {
        own = new Uint8Array(this.sizeOf(block));
        await this.base.read(start, own);
        overlay.set(block, own);
      }
      const begin = Math.max(offset, start);
      const last = Math.min(end, start + own.length);
      own.set(from.subarray(begin - offset, last - offset), begin - start);
    }
    if (overlay === undefined) await this.base.write(offset, from);
    // Who has read a block meanwhile has read what it was before.
    for (let block = first; block * imageBlockBytes < end; block++) this.dirty.add(block);
  }

  /** A secondary's image is not ahead of the last checkpoint, so there is nothing to be brought to the medium. */
  async flush(): Promise<void> {
    if (this.#overlay === undefined) await this.base.flush();
  }

  async close(): Promise<void> {
    this.#overlay?.clear();
    await this.base.close();
  }

  async readBlock(block: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(this.sizeOf(block));
    await this.read(block * imageBlockBytes, bytes);
    return bytes;
  }

  /** Writes are counted from here on. */
  countAnew(): void {
    this.dirty.clear();
  }

  /** A checkpoint's blocks replace what was written since the last one. What it does not name of that is equal on both sides, and comes to the image. */
  async commit(blocks: ReadonlyMap<number, Uint8Array>): Promise<void> {
    for (const [block, bytes] of this.#overlay ?? []) if (!blocks.has(block)) await this.base.write(block * imageBlockBytes, bytes);
    this.#overlay?.clear();
    for (const [block, bytes] of blocks) await this.base.write(block * imageBlockBytes, bytes);
    this.dirty.clear();
  }

  /** Nothing but zeros: what a full state does not name. */
  async clear(): Promise<void> {
    this.#overlay?.clear();
    for (let at = 0; at < this.bytes; at += clearedBytes) {
      const now = new Uint8Array(Math.min(clearedBytes, this.bytes - at));
      await this.base.read(at, now);
      if (!isZero(now)) await this.base.write(at, now.fill(0));
    }
    this.dirty.clear();
  }

  /** The secondary takes over: from now on the image is what the guest has written. */
  async takeOver(): Promise<void> {
    const overlay = this.#overlay;
    if (overlay === undefined) return;
    for (const [block, bytes] of overlay) await this.base.write(block * imageBlockBytes, bytes);
    this.#overlay = undefined;
    await this.base.flush();
  }
}
