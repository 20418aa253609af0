/**
 * The saved form of a machine's state: named parts (blocks of the directory, and areas such as RAM) in checked chunks. The layout of the
 * file is in docs/formats/saved-state.md. Nothing in here knows a machine: suspend.ts and restore.ts do.
 *
 * Written and read chunk by chunk, so that a few MiB are all that is needed beside the machine itself.
 */
import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { promisify } from 'node:util';
import { deflateRaw, inflateRaw } from 'node:zlib';
import { MachineError, type ClockMode } from './machine.ts';
import { pageSize } from './memory.ts';

const deflate = promisify(deflateRaw);
const inflate = promisify(inflateRaw);

/** As PNG has it: not text, and damaged by whoever takes it for text. */
const magic = Uint8Array.of(0x89, 0x56, 0x53, 0x54, 0x0d, 0x0a, 0x1a, 0x0a);
export const formatVersion = 1;
const prefixBytes = 16;

const recordHeadBytes = 64;
const checksumOffset = 32;
const Tag = { header: 0x4441_4548, chunk: 0x4b4e_4843, end: 0x2044_4e45 } as const;
const Encoding = { plain: 0, deflate: 1 } as const;

/** Pages of one chunk; a chunk covers this many of its part, and leaves out those that are zero. */
const chunkPages = 256;
export const chunkBytes = chunkPages * pageSize;
const bitmapBytes = chunkPages / 8;
const largestHeader = 1 << 20;
/** Chunks that are being compressed at the same time. */
const window = 3;
/** Compressing a little is enough for memory, and fast. */
const level = 1;

/** A named run of bytes: a block of the directory, or an area (RAM, VRAM, ROM, input on its way). */
export interface PartHead {
  readonly kind: 'block' | 'area';
  readonly name: string;
  /** Version of a block's layout; 1 for areas. */
  readonly version: number;
  readonly bytes: number;
}

export interface SavedHeader {
  readonly machine: { readonly name: string; readonly cpus: number; readonly memoryBytes: number; readonly clock: ClockMode };
  /** What the machine had been started from: kind, and SHA-256 (hex) of the images and of the command line. */
  readonly builtFrom: { readonly kind: string; readonly sha256: string };
  /** Milliseconds since 1970, by the host's clock. */
  readonly savedAt: number;
  /** Host milliseconds that the machine had run. */
  readonly ranFor: number;
  /** Images in drives, by position. */
  readonly drives: readonly { readonly position: string; readonly kind: string; readonly bytes: number }[];
  readonly parts: readonly PartHead[];
}

/** One chunk as it lies in the file. */
export interface Chunk {
  readonly part: number;
  /** In the part, a multiple of chunkBytes. */
  readonly offset: number;
  /** Of the stored bytes in the file. */
  readonly position: number;
  readonly stored: number;
  readonly plain: number;
  readonly encoding: number;
  /** Covers the record's head and the stored bytes. */
  readonly checksum: Buffer;
  readonly head: Buffer;
}

export interface Following {
  /** Told now and then how many bytes of the parts have been looked at. */
  progress(done: number, total: number): void;
  /** Looked at between chunks; it throws to end the work. */
  check(): void;
}

function recordHead(tag: number, part: number, offset: number, stored: number, plain: number, encoding: number): Buffer {
  const head = Buffer.alloc(recordHeadBytes);
  head.writeUInt32LE(tag, 0);
  head.writeUInt32LE(part, 4);
  head.writeBigUInt64LE(BigInt(offset), 8);
  head.writeUInt32LE(stored, 16);
  head.writeUInt32LE(plain, 20);
  head.writeUInt32LE(encoding, 24);
  return head;
}

function checksumOf(head: Buffer, stored: Uint8Array): Buffer {
  return createHash('sha256').update(head.subarray(0, checksumOffset)).update(stored).digest();
}

function sealed(head: Buffer, stored: Uint8Array): Buffer {
  checksumOf(head, stored).copy(head, checksumOffset);
  return head;
}

export function isZero(bytes: Uint8Array): boolean {
  if (bytes.length % 8 !== 0 || bytes.byteOffset % 8 !== 0) return bytes.every((byte) => byte === 0);
  const words = new BigUint64Array(bytes.buffer, bytes.byteOffset, bytes.length / 8);
  for (const word of words) if (word !== 0n) return false;
  return true;
}

/** The pages of `bytes[offset...]` that are not zero: a bitmap, then the pages; undefined when all are zero. A copy. */
function pagesOf(bytes: Uint8Array, offset: number): Buffer | undefined {
  const end = Math.min(bytes.length, offset + chunkBytes);
  const plain = Buffer.alloc(bitmapBytes + end - offset);
  let used = bitmapBytes;
  for (let at = offset, page = 0; at < end; at += pageSize, page++) {
    const content = bytes.subarray(at, Math.min(end, at + pageSize));
    if (isZero(content)) continue;
    plain[page >> 3] = (plain[page >> 3] ?? 0) | (1 << (page & 7));
    plain.set(content, used);
    used += content.length;
  }
  return used === bitmapBytes ? undefined : plain.subarray(0, used);
}

/** The reverse: pages that the bitmap does not name stay as they are. Throws when the bytes do not fit the bitmap. */
function putPages(plain: Uint8Array, bytes: Uint8Array, offset: number): void {
  const end = Math.min(bytes.length, offset + chunkBytes);
  let used = bitmapBytes;
  for (let at = offset, page = 0; page < chunkPages; at += pageSize, page++) {
    if (((plain[page >> 3] ?? 0) & (1 << (page & 7))) === 0) continue;
    const length = Math.min(pageSize, end - at);
    if (length <= 0 || used + length > plain.length) throw damaged('a chunk names pages that it does not hold');
    bytes.set(plain.subarray(used, used + length), at);
    used += length;
  }
  if (used !== plain.length) throw damaged('a chunk holds more than the pages it names');
}

/** The refusal of a file that is not whole. */
export function damaged(why: string): MachineError {
  return new MachineError('bad-state', `The saved state is damaged: ${why}.`);
}

export interface PartBytes extends PartHead {
  /** The live bytes; they do not change meanwhile. */
  readonly content: Uint8Array;
}

/** Writes a whole state at the start of an empty file; the caller syncs and closes it. Returns the bytes of the file. */
export async function writeSavedState(
  file: FileHandle,
  header: Omit<SavedHeader, 'parts'>,
  parts: readonly PartBytes[],
  { progress, check }: Following,
): Promise<number> {
  let written = 0;
  const put = async (...pieces: Uint8Array[]) => {
    for (const piece of pieces) {
      for (let done = 0; done < piece.length; ) {
        const { bytesWritten } = await file.write(piece, done, piece.length - done, written + done);
        done += bytesWritten;
      }
      written += piece.length;
    }
  };
  const prefix = Buffer.alloc(prefixBytes);
  prefix.set(magic);
  prefix.writeUInt32LE(formatVersion, 8);
  const described: SavedHeader = { ...header, parts: parts.map(({ kind, name, version, bytes }) => ({ kind, name, version, bytes })) };
  const json = Buffer.from(JSON.stringify(described));
  await put(prefix, sealed(recordHead(Tag.header, 0, 0, json.length, json.length, Encoding.plain), json), json);

  const total = parts.reduce((sum, { bytes }) => sum + bytes, 0);
  let looked = 0;
  let chunks = 0;
  const compressing: Promise<[Buffer, Buffer]>[] = [];
  const writeOldest = async () => {
    const oldest = compressing.shift();
    if (oldest === undefined) return;
    chunks++;
    await put(...(await oldest));
  };
  const compress = async (part: number, offset: number, plain: Buffer): Promise<[Buffer, Buffer]> => {
    const smaller = await deflate(plain, { level });
    const [stored, encoding] = smaller.length < plain.length ? [smaller, Encoding.deflate] : [plain, Encoding.plain];
    return [sealed(recordHead(Tag.chunk, part, offset, stored.length, plain.length, encoding), stored), stored];
  };
  try {
    for (const [index, { content, bytes }] of parts.entries()) {
      for (let offset = 0; offset < bytes; offset += chunkBytes) {
        check();
        const plain = pagesOf(content, offset);
        looked += Math.min(chunkBytes, bytes - offset);
        if (plain !== undefined) {
          compressing.push(compress(index, offset, plain));
          if (compressing.length >= window) await writeOldest();
        }
        progress(looked, total);
        // A machine of nothing but zeros must still hear that it is to stop.
        if (plain === undefined && (offset / chunkBytes) % 16 === 15) await new Promise((resolve) => setImmediate(resolve));
      }
    }
    while (compressing.length > 0) await writeOldest();
  } finally {
    await Promise.allSettled(compressing);
  }
  check();
  const empty = new Uint8Array(0);
  await put(sealed(recordHead(Tag.end, 0, chunks, 0, 0, Encoding.plain), empty));
  return written;
}

async function readExactly(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await file.read(bytes, done, length - done, position + done);
    if (bytesRead === 0) throw damaged('it ends too early');
    done += bytesRead;
  }
  return bytes;
}

interface FileRecord {
  tag: number;
  part: number;
  offset: number;
  stored: number;
  plain: number;
  encoding: number;
  head: Buffer;
  position: number;
}

async function readRecordHead(file: FileHandle, at: number): Promise<FileRecord> {
  const head = await readExactly(file, at, recordHeadBytes);
  return {
    tag: head.readUInt32LE(0),
    part: head.readUInt32LE(4),
    offset: Number(head.readBigUInt64LE(8)),
    stored: head.readUInt32LE(16),
    plain: head.readUInt32LE(20),
    encoding: head.readUInt32LE(24),
    head,
    position: at + recordHeadBytes,
  };
}

async function readStored(file: FileHandle, { stored, position, head }: Pick<FileRecord, 'stored' | 'position' | 'head'>): Promise<Buffer> {
  const bytes = await readExactly(file, position, stored);
  if (!checksumOf(head, bytes).equals(head.subarray(checksumOffset))) throw damaged('a checksum is wrong');
  return bytes;
}

/** Reads and checks the head of a saved state alone: what a library shows of it. */
export async function readSavedHeader(file: FileHandle): Promise<{ header: SavedHeader; end: number }> {
  const prefix = await readExactly(file, 0, prefixBytes);
  if (!prefix.subarray(0, magic.length).equals(magic)) throw new MachineError('bad-state', 'This file is not a saved state of a machine.');
  const version = prefix.readUInt32LE(8);
  if (version > formatVersion) {
    throw new MachineError('bad-state', `The saved state was written by a newer version of Vitrine (format ${version}; this version reads ${formatVersion}).`);
  }
  const record = await readRecordHead(file, prefixBytes);
  if (version !== formatVersion || record.tag !== Tag.header || record.stored > largestHeader) throw damaged('its head is not one');
  const json = await readStored(file, record);
  return { header: parseHeader(json), end: record.position + record.stored };
}

/** Reads the whole file once and checks every byte of it; keeps only where the chunks are. */
export async function checkSavedState(file: FileHandle, { progress, check }: Following): Promise<{ header: SavedHeader; chunks: Chunk[] }> {
  const { header, end } = await readSavedHeader(file);
  const { size } = await file.stat();
  const chunks: Chunk[] = [];
  let last = -1;
  for (let at = end; ; ) {
    check();
    const record = await readRecordHead(file, at);
    const { part, offset, stored, plain, encoding, head, position } = record;
    if (record.tag === Tag.end) {
      if (stored !== 0) throw damaged('its end is none');
      await readStored(file, record);
      if (offset !== chunks.length) throw damaged('chunks are missing');
      if (position !== size) throw damaged('something follows its end');
      return { header, chunks };
    }
    const target = header.parts[part];
    if (record.tag !== Tag.chunk || target === undefined || offset % chunkBytes !== 0 || offset >= target.bytes) throw damaged('a chunk has no place');
    if (plain > bitmapBytes + chunkBytes || stored > plain || (encoding !== Encoding.plain && encoding !== Encoding.deflate)) throw damaged('a chunk is no chunk');
    // Parts are far smaller than this, so the order is total.
    const order = part * 2 ** 40 + offset;
    if (order <= last) throw damaged('chunks are out of order');
    last = order;
    await readStored(file, record);
    chunks.push({ part, offset, position, stored, plain, encoding, head, checksum: head.subarray(checksumOffset) });
    at = position + stored;
    progress(at, size);
  }
}

/** Puts the pages of a chunk into its part; the checksum is looked at again. Pages that were zero are not touched. */
export async function loadChunk(file: FileHandle, chunk: Chunk, part: Uint8Array): Promise<void> {
  const stored = await readStored(file, chunk);
  const plain = chunk.encoding === Encoding.plain ? stored : await unpack(stored);
  if (plain.length !== chunk.plain || plain.length < bitmapBytes) throw damaged('a chunk has another length than it says');
  putPages(plain, part, chunk.offset);
}

async function unpack(stored: Buffer): Promise<Buffer> {
  try {
    return await inflate(stored, { maxOutputLength: bitmapBytes + chunkBytes });
  } catch {
    throw damaged('a chunk cannot be unpacked');
  }
}

function parseHeader(json: Buffer): SavedHeader {
  let value: unknown;
  try {
    value = JSON.parse(json.toString('utf8'));
  } catch {
    throw damaged('its head is not JSON');
  }
  const top = recordOf(value);
  const machine = recordOf(top['machine']);
  const builtFrom = recordOf(top['builtFrom']);
  const clock = textOf(machine['clock']);
  if (clock !== 'wall' && clock !== 'virtual') throw damaged(`its head has no ${clock} clock`);
  const list = (name: string): unknown[] => {
    const items = top[name];
    if (!Array.isArray(items)) throw damaged(`its head has no ${name}`);
    return items;
  };
  return {
    machine: { name: textOf(machine['name']), cpus: countOf(machine['cpus']), memoryBytes: countOf(machine['memoryBytes']), clock },
    builtFrom: { kind: textOf(builtFrom['kind']), sha256: textOf(builtFrom['sha256']) },
    savedAt: countOf(top['savedAt']),
    ranFor: countOf(top['ranFor']),
    drives: list('drives').map((item) => {
      const drive = recordOf(item);
      return { position: textOf(drive['position']), kind: textOf(drive['kind']), bytes: countOf(drive['bytes']) };
    }),
    parts: list('parts').map((item) => {
      const part = recordOf(item);
      const kind = textOf(part['kind']);
      if (kind !== 'block' && kind !== 'area') throw damaged(`its head has a part that is a ${kind}`);
      return { kind, name: textOf(part['name']), version: countOf(part['version']), bytes: countOf(part['bytes']) };
    }),
  };
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) throw damaged('its head is incomplete');
  return { ...value };
}

function textOf(value: unknown): string {
  if (typeof value !== 'string') throw damaged('its head is incomplete');
  return value;
}

function countOf(value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw damaged('its head is incomplete');
  return value;
}
