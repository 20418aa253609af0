/** Appliances in one file: a tar archive (POSIX ustar) with a description and the disks it names. Nothing is unpacked; a disk is a window into the archive. */
import { StorageError } from '../block-device.ts';
import type { ImageFile } from '../image-file.ts';
import { readOvf, type Appliance } from './ovf.ts';
import { damaged, unsupported, viewOf } from './read-only-disk.ts';

const unitBytes = 512;
const field = { name: [0, 100], size: [124, 12], checksum: [148, 8], type: 156, magic: [257, 5], prefix: [345, 155] } as const;
const mostEntries = 10_000;
const mostDescriptionBytes = 4 << 20;

export interface ArchiveEntry {
  name: string;
  offset: number;
  length: number;
}

const textOf = (bytes: Uint8Array, [at, length]: readonly [number, number]): string => {
  const part = bytes.subarray(at, at + length);
  const end = part.indexOf(0);
  return new TextDecoder().decode(end < 0 ? part : part.subarray(0, end));
};

/** An octal number, or a large one in binary (GNU). */
function numberOf(bytes: Uint8Array, [at, length]: readonly [number, number]): number {
  if (((bytes[at] ?? 0) & 0x80) === 0) {
    const text = textOf(bytes, [at, length]).trim();
    return /^[0-7]*$/.test(text) ? Number.parseInt(text || '0', 8) : Number.NaN;
  }
  return bytes.subarray(at + 1, at + length).reduce((value, byte) => value * 256 + byte, (bytes[at] ?? 0) & 0x7f);
}

export function isArchive(file: ImageFile): boolean {
  return (
    file.length >= unitBytes && textOf(new Uint8Array(viewOf(file, 0, unitBytes, 'the header').buffer), field.magic) === 'ustar'
  );
}

/** The files of an archive. Throws StorageError 'corrupt'. */
export function readArchive(file: ImageFile): ArchiveEntry[] {
  const entries: ArchiveEntry[] = [];
  for (let at = 0; at + unitBytes <= file.length;) {
    const header = new Uint8Array(viewOf(file, at, unitBytes, 'a header').buffer);
    if (header.every((byte) => byte === 0)) break;
    const [from, length] = field.checksum;
    const sum = header.reduce((total, byte, index) => total + (index >= from && index < from + length ? 0x20 : byte), 0);
    if (numberOf(header, field.checksum) !== sum) throw damaged(file.path, `the archive's header at ${at} does not add up`);
    const bytes = numberOf(header, field.size);
    if (!Number.isSafeInteger(bytes) || bytes < 0 || at + unitBytes + bytes > file.length)
      throw damaged(file.path, `the archive's file at ${at} reaches beyond its end`);
    if (entries.length >= mostEntries) throw unsupported(file.path, 'the archive has too many files');
    const type = header[field.type] ?? 0;
    const prefix = textOf(header, field.prefix);
    const name = `${prefix === '' ? '' : `${prefix}/`}${textOf(header, field.name)}`.replace(/^\.\//, '');
    // Plain files only: '0' or, in old archives, 0.
    if (type === 0x30 || type === 0) entries.push({ name, offset: at + unitBytes, length: bytes });
    at += unitBytes + Math.ceil(bytes / unitBytes) * unitBytes;
  }
  return entries;
}

/** A part of a file as a file. Closing it closes the whole. */
class FileWindow implements ImageFile {
  constructor(
    private readonly whole: ImageFile,
    readonly path: string,
    private readonly offset: number,
    readonly length: number,
  ) {}

  read(offset: number, into: Uint8Array): void {
    const inside = Math.max(0, Math.min(into.length, this.length - offset));
    this.whole.read(this.offset + offset, into.subarray(0, inside));
    into.fill(0, inside);
  }

  write(): void {
    throw new StorageError('read-only', `${this.path} is open for reading only.`);
  }

  sync(): void {
    // Nothing was written.
  }

  close(): void {
    this.whole.close();
  }
}

export interface OpenAppliance {
  appliance: Appliance;
  /** A disk's file in the archive, by its place in `appliance.disks`. */
  disk(index: number): ImageFile;
}

/** Reads an archive's description. Throws StorageError. */
export function openAppliance(file: ImageFile): OpenAppliance {
  const entries = readArchive(file);
  const description = entries.find(({ name }) => /\.ovf$/i.test(name));
  if (!description) throw unsupported(file.path, 'it is an archive without an appliance’s description (.ovf)');
  if (description.length > mostDescriptionBytes) throw unsupported(file.path, 'its description is far too long');
  const bytes = new Uint8Array(viewOf(file, description.offset, description.length, 'the description').buffer);
  const appliance = readOvf(file.path, new TextDecoder().decode(bytes));
  const found = appliance.disks.map(({ file: name, compression }) => {
    const entry = entries.find((one) => one.name === name);
    if (!entry) throw damaged(file.path, `it does not hold the disk ${name} that it describes`);
    if (compression && compression !== 'identity')
      throw unsupported(file.path, `its disk ${name} is compressed with ${compression}`);
    return entry;
  });
  return {
    appliance,
    disk(index) {
      const entry = found[index];
      if (!entry) throw new RangeError(`The appliance has no disk ${index}.`);
      return new FileWindow(file, `${entry.name} in ${file.path}`, entry.offset, entry.length);
    },
  };
}
