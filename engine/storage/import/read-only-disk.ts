/** A disk that is only read, on a file or several: what the readers of foreign formats have in common. */
import { requireSectors, StorageError, type BlockDevice } from '../block-device.ts';
import type { ImageFile } from '../image-file.ts';

/** The disks that are taken over have at most this many bytes: what partition tables of BIOS machines can say. */
export const mostDiskBytes = 2 * 1024 ** 4;

export abstract class ReadOnlyDisk implements BlockDevice {
  readonly readOnly = true;
  abstract readonly bytes: number;
  #closed = false;

  constructor(
    /** For messages. */
    protected readonly path: string,
    private readonly files: readonly ImageFile[],
  ) {}

  /** Fills `into`; the place has been checked. */
  protected abstract fill(offset: number, into: Uint8Array): void;

  read(offset: number, into: Uint8Array): void {
    if (this.#closed) throw new StorageError('closed', `${this.path} is closed.`);
    requireSectors(this.path, this.bytes, offset, into.length);
    this.fill(offset, into);
  }

  write(): void {
    throw new StorageError('read-only', `${this.path} is open for reading only.`);
  }

  flush(): void {
    // Nothing was written.
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const file of this.files) file.close();
  }
}

export const damaged = (path: string, what: string): StorageError => new StorageError('corrupt', `${path} is damaged: ${what}.`);
export const unsupported = (path: string, what: string): StorageError =>
  new StorageError('unsupported', `${path} cannot be taken over: ${what}.`);

/** A 64-bit number that is used as a place or a size. Throws 'corrupt' when no file could have it. */
export function safeNumber(path: string, value: bigint, what: string): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw damaged(path, `${what} is ${value}`);
  return Number(value);
}

/** Bytes of a file as a view, which must be inside it. */
export function viewOf(file: ImageFile, offset: number, length: number, what: string): DataView {
  if (offset < 0 || offset + length > file.length) throw damaged(file.path, `${what} is not inside the file`);
  const bytes = new Uint8Array(length);
  file.read(offset, bytes);
  return new DataView(bytes.buffer);
}
