/**
 * The host's file under an image: reads, writes and a barrier. Tests put a recording file in its place and cut its writes off.
 */
import fs from 'node:fs';
import { StorageError } from './block-device.ts';

/** A file whose writes are ordered by `sync` only: what follows a `sync` reaches the medium after all that precedes it. */
export interface ImageFile {
  /** For messages, and where relative backing files start from. */
  readonly path: string;
  /** Present length in bytes. */
  readonly length: number;
  /** Fills `into`; what lies beyond the end reads as zeros. */
  read(offset: number, into: Uint8Array): void;
  /** Writes all of `from`, growing the file; a gap reads as zeros. */
  write(offset: number, from: Uint8Array): void;
  /** Returns when all earlier writes are on the medium. */
  sync(): void;
  /** A second call does nothing. */
  close(): void;
}

function systemCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'an unknown error';
}

function failure(path: string, doing: string, error: unknown): StorageError {
  const code = systemCode(error);
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new StorageError('no-space', `${path} cannot grow: the disk it is on is full. Make room there, then go on.`, {
      cause: error,
    });
  }
  return new StorageError('io', `${path} cannot be ${doing} (${code}).`, { cause: error });
}

class HostFile implements ImageFile {
  #descriptor: number | undefined;
  /** As this program knows it. Nobody else may cut the file off meanwhile. */
  #length: number;
  /** Whether the file system counts names: a count that goes to zero says that the file was deleted. */
  readonly #hasNames: boolean;

  constructor(
    readonly path: string,
    descriptor: number,
    { size, nlink }: { readonly size: number; readonly nlink: number },
  ) {
    this.#descriptor = descriptor;
    this.#length = size;
    this.#hasNames = nlink > 0;
  }

  get length(): number {
    return this.#length;
  }

  get #open(): number {
    if (this.#descriptor === undefined) throw new StorageError('closed', `${this.path} is closed.`);
    return this.#descriptor;
  }

  read(offset: number, into: Uint8Array): void {
    const descriptor = this.#open;
    let done = 0;
    while (done < into.length) {
      const count = this.#attempt('read', () => fs.readSync(descriptor, into, done, into.length - done, offset + done));
      if (count === 0) break;
      done += count;
    }
    // Zeros for what was there would be a lie.
    if (done < into.length && offset + done < this.#length) {
      throw new StorageError(
        'io',
        `${this.path} has become shorter while it was open: something else cut it off at ${offset + done} bytes.`,
      );
    }
    into.fill(0, done);
  }

  write(offset: number, from: Uint8Array): void {
    const descriptor = this.#open;
    let done = 0;
    while (done < from.length) {
      done += this.#attempt('written', () => fs.writeSync(descriptor, from, done, from.length - done, offset + done));
      this.#length = Math.max(this.#length, offset + done);
    }
  }

  sync(): void {
    const descriptor = this.#open;
    this.#attempt('flushed', () => fs.fdatasyncSync(descriptor));
    if (this.#hasNames && this.#attempt('flushed', () => fs.fstatSync(descriptor)).nlink === 0) {
      throw new StorageError(
        'io',
        `${this.path} was deleted while it was open: what is written to it will be lost. Copy what you need from the guest.`,
      );
    }
  }

  close(): void {
    if (this.#descriptor === undefined) return;
    const descriptor = this.#descriptor;
    this.#descriptor = undefined;
    this.#attempt('closed', () => fs.closeSync(descriptor));
  }

  #attempt<T>(doing: string, action: () => T): T {
    try {
      return action();
    } catch (error) {
      throw failure(this.path, doing, error);
    }
  }
}

function reach(path: string, why: string, error: unknown): StorageError {
  const code = systemCode(error);
  const reason =
    {
      ENOENT: 'there is no such file',
      EACCES: 'the permission is missing',
      EPERM: 'the permission is missing',
      EROFS: 'its folder is read-only',
      EEXIST: 'there is such a file already',
    }[code] ?? code;
  return new StorageError('unreachable', `${path} cannot be ${why}: ${reason}.`, { cause: error });
}

/** Opens a plain file. Throws StorageError 'unreachable'; devices, pipes and folders are refused before they are opened. */
export function openHostFile(path: string, writable: boolean): ImageFile {
  const why = writable ? 'opened for writing' : 'opened';
  let descriptor: number;
  let status: fs.Stats;
  try {
    if (!fs.statSync(path).isFile()) throw new StorageError('unreachable', `${path} is no plain file; an image must be one.`);
    // O_NONBLOCK: if a pipe was put there since, opening it must not wait for its other end.
    const nonBlocking = fs.constants.O_NONBLOCK ?? 0;
    descriptor = fs.openSync(path, (writable ? fs.constants.O_RDWR : fs.constants.O_RDONLY) | nonBlocking);
    status = fs.fstatSync(descriptor);
  } catch (error) {
    throw error instanceof StorageError ? error : reach(path, why, error);
  }
  if (!status.isFile()) {
    fs.closeSync(descriptor);
    throw new StorageError('unreachable', `${path} is no plain file; an image must be one.`);
  }
  return new HostFile(path, descriptor, status);
}

/** Makes an empty file, which must not be there yet (StorageError 'unreachable'). */
export function createHostFile(path: string): ImageFile {
  try {
    return new HostFile(path, fs.openSync(path, 'wx+', 0o644), { size: 0, nlink: 1 });
  } catch (error) {
    throw reach(path, 'made', error);
  }
}

/** Makes the entries of a folder survive a crash of the host. Windows opens no folders; its journal does it. */
export function syncFolder(path: string): void {
  if (process.platform === 'win32') return;
  const descriptor = fs.openSync(path, 'r');
  try {
    fs.fsyncSync(descriptor);
  } finally {
    fs.closeSync(descriptor);
  }
}
