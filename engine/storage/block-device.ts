/**
 * What a disk controller sees of an image: sectors that are read, written and flushed.
 *
 * Everything here is synchronous and belongs to one thread, the machine's service worker, which may wait for the disk.
 */

/** The unit of every offset and length. */
export const sectorBytes = 512;

/** A disk. Used by one thread; after `close` every other call throws StorageError 'closed'. */
export interface BlockDevice {
  /** Size in bytes, a multiple of 512 and below 2^53. */
  readonly bytes: number;
  /** Whether `write` is refused. */
  readonly readOnly: boolean;
  /** Fills `into` from `offset` on. Both are multiples of 512 and inside the disk, else StorageError 'out-of-range'. */
  read(offset: number, into: Uint8Array): void;
  /** Writes `from`. It may be lost by a crash, as a whole or by sectors, until `flush` has returned. */
  write(offset: number, from: Uint8Array): void;
  /** Returns when all that was written before survives the end of the process and of the host. */
  flush(): void;
  /** Flushes and gives the file and its lock back, the latter also when the flush fails and this throws. A second call does nothing. */
  close(): void;
}

export type StorageErrorCode =
  /** Offset or length is not made of sectors, or reaches beyond the disk. */
  | 'out-of-range'
  /** Written although opened for reading. */
  | 'read-only'
  /** Used after `close`. */
  | 'closed'
  /** The file cannot be reached or is no plain file. */
  | 'unreachable'
  /** The host's file system refused a read, a write or a flush. */
  | 'io'
  /** The host's file system is full. */
  | 'no-space'
  /** Another machine or program has the image. */
  | 'locked'
  /** The format is one that is not handled, or not the one that was promised. */
  | 'wrong-format'
  /** The image needs a feature that is not there. */
  | 'unsupported'
  /** The image contradicts itself. */
  | 'corrupt'
  /** The backing file may not be opened, or the chain is too deep or closed in itself. */
  | 'backing'
  /** A new image was asked for with values that cannot be. */
  | 'bad-request';

/** What goes wrong with an image. The message is a sentence for people and names the file. */
export class StorageError extends Error {
  override readonly name = 'StorageError';

  constructor(
    readonly code: StorageErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Throws 'out-of-range' unless [offset, offset + length) is made of sectors of a disk of `bytes`. */
export function requireSectors(what: string, bytes: number, offset: number, length: number): void {
  const aligned = Number.isSafeInteger(offset) && offset >= 0 && offset % sectorBytes === 0 && length % sectorBytes === 0;
  if (!aligned) {
    throw new StorageError(
      'out-of-range',
      `${what} is read and written in sectors of ${sectorBytes} bytes; ${length} bytes at ${offset} are not.`,
    );
  }
  if (offset > bytes || length > bytes - offset) {
    throw new StorageError('out-of-range', `${what} has ${bytes} bytes; ${length} bytes at ${offset} reach beyond its end.`);
  }
}
