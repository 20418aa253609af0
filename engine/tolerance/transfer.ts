/**
 * A machine's state on its way to the other side, as one run of bytes: a head that says what it fits, then pages. Each piece is
 * compressed and carries its SHA-256; all of them are checked before the first byte of a machine is replaced. Knows no machine.
 *
 *   piece   4 bytes   length of what follows the hash, as stored
 *           4         the same before it was compressed
 *           4         kind: 1 head (JSON), 2 pages, 3 end
 *           4         1: raw deflate (RFC 1951), 0: as it is
 *           32        SHA-256 of the 16 bytes before and of what follows
 *   pages   4         how many
 *           12 each   part, number in the part, bytes
 *           then the bytes of each
 *   end     4         number of the pieces before it
 *
 * All numbers are little-endian.
 */
import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { deflateRaw, deflateRawSync, inflateRawSync } from 'node:zlib';

const headBytes = 16;
const hashBytes = 32;
const Kind = { head: 1, pages: 2, end: 3 } as const;
const pagesPerPiece = 256;
/** What one piece may unpack to. */
const largestPiece = 16 << 20;
const level = 1;
/** Larger ones are compressed on another thread, since a machine's service worker has others to serve. */
const smallPiece = 1 << 14;
const deflate = promisify<Uint8Array, { level: number }, Buffer>(deflateRaw);

/** One page of a part: of memory, of a block, of a disk. */
export interface TransferPage {
  readonly part: number;
  /** Counts pages of the part. */
  readonly page: number;
  readonly bytes: Uint8Array;
}

/** What the state fits, and what of it are no pages. */
export interface TransferHead {
  /** SHA-256 over the names, versions and sizes of all parts. */
  readonly fits: string;
  /** Every page that is not in it is zero. */
  readonly isFull: boolean;
  /** Numbers the transfers of a primary. */
  readonly capture: number;
  /** Of a piece that goes ahead: how many have gone before; of the last: how many there were. */
  readonly ahead: number;
  readonly scancodes: readonly number[];
  readonly serialInput: readonly number[];
  /** Host milliseconds that the machine has run. */
  readonly ranFor: number;
  /** Digest of the whole state, if it was asked for. */
  readonly digest: string | undefined;
}

/** Refusal of a transfer that is not what was sent. */
export class TransferError extends Error {
  override readonly name = 'TransferError';
}

async function piece(kind: number, plain: Uint8Array): Promise<Uint8Array[]> {
  const smaller = plain.length > smallPiece ? await deflate(plain, { level }) : deflateRawSync(plain, { level });
  const isSmaller = smaller.length < plain.length;
  const stored = isSmaller ? smaller : plain;
  const head = Buffer.alloc(headBytes);
  head.writeUInt32LE(stored.length, 0);
  head.writeUInt32LE(plain.length, 4);
  head.writeUInt32LE(kind, 8);
  head.writeUInt32LE(isSmaller ? 1 : 0, 12);
  return [head, createHash('sha256').update(head).update(stored).digest(), stored];
}

function pagesPiece(pages: readonly TransferPage[]): Uint8Array {
  const total = pages.reduce((sum, { bytes }) => sum + bytes.length, 0);
  const plain = Buffer.alloc(4 + 12 * pages.length + total);
  plain.writeUInt32LE(pages.length, 0);
  let at = 4 + 12 * pages.length;
  pages.forEach(({ part, page, bytes }, index) => {
    plain.writeUInt32LE(part, 4 + 12 * index);
    plain.writeUInt32LE(page, 8 + 12 * index);
    plain.writeUInt32LE(bytes.length, 12 + 12 * index);
    plain.set(bytes, at);
    at += bytes.length;
  });
  return plain;
}

/** The bytes of a transfer. */
export async function writeTransfer(head: TransferHead, pages: Iterable<TransferPage>): Promise<Uint8Array> {
  const all: Uint8Array[] = await piece(Kind.head, Buffer.from(JSON.stringify(head)));
  let count = 1;
  let waiting: TransferPage[] = [];
  const flush = async () => {
    if (waiting.length === 0) return;
    all.push(...(await piece(Kind.pages, pagesPiece(waiting))));
    count++;
    waiting = [];
  };
  for (const page of pages) {
    waiting.push(page);
    if (waiting.length >= pagesPerPiece) await flush();
  }
  await flush();
  const end = Buffer.alloc(4);
  end.writeUInt32LE(count, 0);
  all.push(...(await piece(Kind.end, end)));
  return Buffer.concat(all);
}

/** Reads and checks all of a transfer. Throws TransferError; nothing was used of it then. */
export function readTransfer(bytes: Uint8Array): { head: TransferHead; pages: TransferPage[] } {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const pages: TransferPage[] = [];
  let head: TransferHead | undefined;
  let count = 0;
  for (let at = 0; ; count++) {
    if (at + headBytes + hashBytes > buffer.length) throw new TransferError('A state ended too early on its way.');
    const start = buffer.subarray(at, at + headBytes);
    const length = start.readUInt32LE(0);
    const plainLength = start.readUInt32LE(4);
    const stored = buffer.subarray(at + headBytes + hashBytes, at + headBytes + hashBytes + length);
    const hash = createHash('sha256').update(start).update(stored).digest();
    if (stored.length !== length || !hash.equals(buffer.subarray(at + headBytes, at + headBytes + hashBytes)))
      throw new TransferError('A state was damaged on its way.');
    at += headBytes + hashBytes + length;
    const plain = unpack(stored, plainLength, start.readUInt32LE(12) === 1);
    switch (start.readUInt32LE(8)) {
      case Kind.head:
        if (head !== undefined) throw new TransferError('A state came with two heads.');
        head = parseHead(plain);
        break;
      case Kind.pages:
        readPages(plain, pages);
        break;
      case Kind.end:
        if (head === undefined || plain.length !== 4 || plain.readUInt32LE(0) !== count || at !== buffer.length)
          throw new TransferError('A state is not whole.');
        return { head, pages };
      default:
        throw new TransferError('A state holds what this version does not know.');
    }
  }
}

function unpack(stored: Buffer, plainLength: number, isPacked: boolean): Buffer {
  if (plainLength > largestPiece) throw new TransferError('A state holds a piece that is too large.');
  try {
    const plain = isPacked ? inflateRawSync(stored, { maxOutputLength: Math.max(1, plainLength) }) : stored;
    if (plain.length === plainLength) return plain;
  } catch {
    // Said below.
  }
  throw new TransferError('A state cannot be unpacked.');
}

function readPages(plain: Buffer, into: TransferPage[]): void {
  const count = plain.length < 4 ? 0 : plain.readUInt32LE(0);
  let at = 4 + 12 * count;
  if (count === 0 || at > plain.length) throw new TransferError('A state holds pages that are none.');
  for (let index = 0; index < count; index++) {
    const length = plain.readUInt32LE(12 + 12 * index);
    if (at + length > plain.length) throw new TransferError('A state names pages that it does not hold.');
    into.push({ part: plain.readUInt32LE(4 + 12 * index), page: plain.readUInt32LE(8 + 12 * index), bytes: plain.subarray(at, at + length) });
    at += length;
  }
  if (at !== plain.length) throw new TransferError('A state holds more than the pages it names.');
}

function isBytes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isInteger(item) && item >= 0 && item <= 255);
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0;
}

function parseHead(plain: Buffer): TransferHead {
  let value: unknown;
  try {
    value = JSON.parse(plain.toString('utf8'));
  } catch {
    value = undefined;
  }
  if (typeof value !== 'object' || value === null) throw new TransferError('The head of a state is not one.');
  const { fits, isFull, capture, ahead, scancodes, serialInput, ranFor, digest }: Partial<Record<keyof TransferHead, unknown>> = value;
  if (typeof fits !== 'string' || typeof isFull !== 'boolean' || !isCount(capture) || !isCount(ahead) || typeof ranFor !== 'number' || !isBytes(scancodes) || !isBytes(serialInput))
    throw new TransferError('The head of a state is incomplete.');
  return { fits, isFull, capture, ahead, scancodes, serialInput, ranFor, digest: typeof digest === 'string' ? digest : undefined };
}
