/** An image that is the disk, byte for byte. Its size is the file's, and never changes. */
import { requireSectors, sectorBytes, StorageError, type BlockDevice } from './block-device.ts';
import { createHostFile, type ImageFile } from './image-file.ts';

/** A raw image on a file, which it owns. A file that ends inside a sector is filled up with zeros that cannot be written. */
export class RawDevice implements BlockDevice {
  readonly bytes: number;
  readonly #file: ImageFile;
  #closed = false;
  #unflushed = false;
  /** After a failed flush nobody knows what is on the medium, and a second flush may claim success. */
  #failed: StorageError | undefined;

  constructor(
    file: ImageFile,
    readonly readOnly: boolean,
  ) {
    this.#file = file;
    this.bytes = Math.ceil(file.length / sectorBytes) * sectorBytes;
    if (!readOnly && this.bytes !== file.length) {
      throw new StorageError(
        'wrong-format',
        `${file.path} ends inside a sector of ${sectorBytes} bytes; it can be opened read-only, or be filled up first.`,
      );
    }
  }

  read(offset: number, into: Uint8Array): void {
    this.#check(offset, into.length);
    this.#file.read(offset, into);
  }

  write(offset: number, from: Uint8Array): void {
    this.#check(offset, from.length);
    if (this.readOnly) throw new StorageError('read-only', `${this.#file.path} is open for reading only.`);
    if (this.#failed) throw this.#failed;
    this.#unflushed = true;
    this.#file.write(offset, from);
  }

  flush(): void {
    if (this.#closed) throw new StorageError('closed', `${this.#file.path} is closed.`);
    if (this.#failed) throw this.#failed;
    if (!this.#unflushed) return;
    try {
      this.#file.sync();
    } catch (error) {
      this.#failed =
        error instanceof StorageError ? error : new StorageError('io', `${this.#file.path} cannot be flushed.`, { cause: error });
      throw this.#failed;
    }
    this.#unflushed = false;
  }

  close(): void {
    if (this.#closed) return;
    try {
      this.flush();
    } finally {
      this.#closed = true;
      this.#file.close();
    }
  }

  #check(offset: number, length: number): void {
    if (this.#closed) throw new StorageError('closed', `${this.#file.path} is closed.`);
    requireSectors(this.#file.path, this.bytes, offset, length);
  }
}

/** Makes a raw image of zeros, which takes no room where the file system knows holes. Throws 'bad-request' or 'unreachable'. */
export function createRaw(path: string, bytes: number): void {
  if (!Number.isSafeInteger(bytes) || bytes < sectorBytes || bytes % sectorBytes !== 0) {
    throw new StorageError('bad-request', `A disk of ${bytes} bytes cannot be made; its size is a multiple of ${sectorBytes}.`);
  }
  const file = createHostFile(path);
  try {
    file.write(bytes - sectorBytes, new Uint8Array(sectorBytes));
    file.sync();
  } finally {
    file.close();
  }
}
