/**
 * Disks of VMware, read: one sparse file, one compressed for sending (stream-optimized), or a descriptor with parts that are sparse or flat
 * ("Virtual Disk Format 5.0"). A grain (64 KiB usually) is found by a directory of tables.
 */
import { inflateSync } from 'node:zlib';
import { sectorBytes, StorageError } from '../block-device.ts';
import type { ImageFile } from '../image-file.ts';
import { damaged, mostDiskBytes, ReadOnlyDisk, safeNumber, unsupported, viewOf } from './read-only-disk.ts';
import { descriptorMagic, mostDescriptorBytes, readDescriptor, type Extent } from './vmdk-descriptor.ts';

/** Places in the header of a sparse extent, little-endian. Offsets and sizes are in sectors. */
const field = {
  magic: 0,
  version: 4,
  flags: 8,
  capacity: 12,
  grain: 20,
  descriptor: 28,
  descriptorSectors: 36,
  tableEntries: 44,
  directory: 56,
  compression: 77,
} as const;
const magic = 0x564d444b;
const compressed = 1 << 16;
/** The directory of a stream is known at its end: in a second header, before the last marker. */
const directoryAtEnd = 2n ** 64n - 1n;
const footerFromEnd = 2 * sectorBytes;
/** Entries of a table for grains that are not in the file, and for those that are known to be zero. */
const zeroGrain = 1;
const grainMarkerBytes = 12;
const mostGrainBytes = 1 << 20;
/** Tables that are kept: each is 2 KiB usually, and maps 32 MiB. */
const keptTables = 256;

interface Part {
  readonly bytes: number;
  fill(offset: number, into: Uint8Array): void;
}

const isSparse = (file: ImageFile): boolean =>
  file.length >= sectorBytes && viewOf(file, 0, 4, 'the magic').getUint32(0, true) === magic;

function textAt(file: ImageFile, offset: number, length: number): string {
  const bytes = new Uint8Array(length);
  file.read(offset, bytes);
  return new TextDecoder('latin1').decode(bytes);
}

export function isVmdk(file: ImageFile): boolean {
  if (isSparse(file)) return true;
  return textAt(file, 0, descriptorMagic.length).toLowerCase() === descriptorMagic.toLowerCase();
}

class SparsePart implements Part {
  readonly bytes: number;
  readonly descriptor: { offset: number; length: number } | undefined;
  readonly #grainBytes: number;
  readonly #tableEntries: number;
  readonly #compressed: boolean;
  readonly #directory: DataView;
  readonly #tables = new Map<number, DataView>();
  #unpacked: { at: number; content: Uint8Array } | undefined;

  constructor(private readonly file: ImageFile) {
    const { path } = file;
    let header = viewOf(file, 0, sectorBytes, 'the header');
    if (header.getUint32(field.magic, true) !== magic) throw damaged(path, 'it has no VMDK header');
    if (header.getBigUint64(field.directory, true) === directoryAtEnd) {
      header = viewOf(file, file.length - footerFromEnd, sectorBytes, 'the footer');
      if (header.getUint32(field.magic, true) !== magic) throw damaged(path, 'it ends before its footer');
    }
    const long = (at: number, what: string): number => safeNumber(path, header.getBigUint64(at, true), what);
    const version = header.getUint32(field.version, true);
    if (version < 1 || version > 3) throw unsupported(path, `it has version ${version} of the format; 1 to 3 can be read`);
    this.#compressed = (header.getUint32(field.flags, true) & compressed) !== 0;
    const algorithm = header.getUint16(field.compression, true);
    if (this.#compressed && algorithm !== 1)
      throw unsupported(path, `it is compressed in way ${algorithm}; deflate (1) can be read`);
    this.bytes = long(field.capacity, 'its size') * sectorBytes;
    this.#grainBytes = long(field.grain, 'the size of its grains') * sectorBytes;
    this.#tableEntries = header.getUint32(field.tableEntries, true);
    const grains = this.#grainBytes;
    if (this.bytes === 0 || this.bytes > mostDiskBytes)
      throw unsupported(path, `its disk has ${this.bytes} bytes; at most ${mostDiskBytes} can be used`);
    if (grains < sectorBytes || grains > mostGrainBytes || (grains & (grains - 1)) !== 0)
      throw damaged(path, `its grains have ${grains} bytes`);
    if (this.#tableEntries < 1 || this.#tableEntries > 1 << 16)
      throw damaged(path, `its tables have ${this.#tableEntries} entries`);
    const tables = Math.ceil(this.bytes / (this.#grainBytes * this.#tableEntries));
    this.#directory = viewOf(file, long(field.directory, 'its directory') * sectorBytes, tables * 4, 'its directory');
    const [offset, length] = [
      long(field.descriptor, 'its descriptor') * sectorBytes,
      long(field.descriptorSectors, 'its descriptor') * sectorBytes,
    ];
    this.descriptor = length > 0 && offset > 0 ? { offset, length: Math.min(length, mostDescriptorBytes) } : undefined;
  }

  fill(offset: number, into: Uint8Array): void {
    for (let done = 0; done < into.length;) {
      const grain = Math.floor((offset + done) / this.#grainBytes);
      const inside = (offset + done) % this.#grainBytes;
      const part = into.subarray(done, done + Math.min(into.length - done, this.#grainBytes - inside));
      this.#fillFromGrain(grain, inside, part);
      done += part.length;
    }
  }

  #fillFromGrain(grain: number, inside: number, part: Uint8Array): void {
    const table = this.#table(Math.floor(grain / this.#tableEntries));
    const entry = table?.getUint32((grain % this.#tableEntries) * 4, true) ?? 0;
    if (entry <= zeroGrain) {
      part.fill(0);
      return;
    }
    const at = entry * sectorBytes;
    if (at >= this.file.length) throw damaged(this.file.path, `grain ${grain} is said to be at ${at}, behind the file's end`);
    if (!this.#compressed) {
      this.file.read(at + inside, part);
      return;
    }
    const content = this.#unpack(grain, at);
    part.fill(0);
    part.set(content.subarray(inside, inside + part.length));
  }

  #table(index: number): DataView | undefined {
    const known = this.#tables.get(index);
    if (known) return known;
    const at = this.#directory.getUint32(index * 4, true) * sectorBytes;
    if (at === 0) return undefined;
    const table = viewOf(this.file, at, this.#tableEntries * 4, `table ${index}`);
    // The oldest goes: disks are read from the front to the back.
    for (const oldest of this.#tables.keys()) {
      if (this.#tables.size < keptTables) break;
      this.#tables.delete(oldest);
    }
    this.#tables.set(index, table);
    return table;
  }

  #unpack(grain: number, at: number): Uint8Array {
    if (this.#unpacked?.at === at) return this.#unpacked.content;
    const marker = viewOf(this.file, at, grainMarkerBytes, `grain ${grain}`);
    const length = marker.getUint32(8, true);
    // Deflate makes what it cannot pack a little longer.
    if (length === 0 || length > 2 * this.#grainBytes + sectorBytes)
      throw damaged(this.file.path, `grain ${grain} has ${length} bytes`);
    const packed = new Uint8Array(viewOf(this.file, at + grainMarkerBytes, length, `grain ${grain}`).buffer);
    let content: Uint8Array;
    try {
      content = inflateSync(packed, { maxOutputLength: this.#grainBytes });
    } catch (error) {
      throw new StorageError('corrupt', `${this.file.path} is damaged: grain ${grain} cannot be unpacked.`, { cause: error });
    }
    this.#unpacked = { at, content };
    return content;
  }
}

class FlatPart implements Part {
  readonly bytes: number;

  constructor(
    private readonly file: ImageFile,
    private readonly start: number,
    sectors: number,
  ) {
    this.bytes = sectors * sectorBytes;
    if (start + this.bytes > file.length)
      throw damaged(file.path, `it has ${file.length} bytes, and the disk needs ${start + this.bytes} of it`);
  }

  fill(offset: number, into: Uint8Array): void {
    this.file.read(this.start + offset, into);
  }
}

/** Throws StorageError 'unsupported', 'corrupt' or 'unreachable'; nothing but `file` stays open then. */
export class VmdkDisk extends ReadOnlyDisk {
  readonly bytes: number;
  /** For instance monolithicSparse. */
  readonly kind: string;
  readonly #parts: { start: number; part: Part }[] = [];

  /** `openPart` opens a file beside this one by its name; undefined where there is none (an upload, an archive). */
  static open(file: ImageFile, openPart: ((name: string) => ImageFile) | undefined): VmdkDisk {
    const opened: ImageFile[] = [];
    try {
      return new VmdkDisk(file, openPart, opened);
    } catch (error) {
      for (const one of opened) one.close();
      throw error;
    }
  }

  private constructor(file: ImageFile, openPart: ((name: string) => ImageFile) | undefined, opened: ImageFile[]) {
    super(file.path, opened);
    // Closed with the disk, but left to the caller when this fails.
    const own = isSparse(file) ? new SparsePart(file) : undefined;
    let length = 0;
    const add = (part: Part): void => {
      this.#parts.push({ start: length, part });
      length += part.bytes;
    };
    if (own) {
      const { descriptor } = own;
      this.kind = descriptor ? readDescriptor(file.path, textAt(file, descriptor.offset, descriptor.length)).type : 'sparse';
      add(own);
    } else {
      if (file.length > mostDescriptorBytes) throw damaged(file.path, 'its descriptor is far too long');
      const { type, extents } = readDescriptor(file.path, textAt(file, 0, file.length));
      this.kind = type;
      for (const extent of extents) add(openExtent(file, extent, openPart, opened));
    }
    if (length > mostDiskBytes)
      throw unsupported(file.path, `its disk has ${length} bytes; at most ${mostDiskBytes} can be used`);
    this.bytes = length;
    opened.push(file);
  }

  protected fill(offset: number, into: Uint8Array): void {
    for (const { start, part } of this.#parts) {
      const from = Math.max(offset, start);
      const to = Math.min(offset + into.length, start + part.bytes);
      if (from < to) part.fill(from - start, into.subarray(from - offset, to - offset));
    }
  }
}

function openExtent(
  disk: ImageFile,
  extent: Extent,
  openPart: ((name: string) => ImageFile) | undefined,
  opened: ImageFile[],
): Part {
  const { sectors, kind, file: name, start } = extent;
  if (kind === 'zero') return { bytes: sectors * sectorBytes, fill: (_offset, into) => void into.fill(0) };
  if (!openPart)
    throw unsupported(
      disk.path,
      `its content is in another file, ${name}; put both in one folder, and take it from there with the app or the command line`,
    );
  const file = openPart(name);
  opened.push(file);
  if (kind === 'flat') return new FlatPart(file, start * sectorBytes, sectors);
  const part = new SparsePart(file);
  if (part.bytes < sectors * sectorBytes)
    throw damaged(file.path, `it has ${part.bytes} bytes of the disk, and ${sectors * sectorBytes} are needed`);
  return { bytes: sectors * sectorBytes, fill: (offset, into) => part.fill(offset, into) };
}
