import { detectFormat, type ImageFormat } from '../../engine/storage/open.ts';
import { StorageError } from '../../engine/storage/block-device.ts';
import { openHostFile, type ImageFile } from '../../engine/storage/image-file.ts';
import { formatQcow2, type NewQcow2 } from '../../engine/storage/qcow2-create.ts';
import { readHeader } from '../../engine/storage/qcow2-header.ts';
import { hasBootSignature, bootSectorLimit } from '../../engine/firmware/boot-sector.ts';
import { isLinux } from '../../engine/firmware/linux.ts';
import { mediumBytes } from '../../engine/machine/drives.ts';
import type { DriveKind, FileSource } from '../contract/library.ts';
import { explain, HostError } from './errors.ts';
import { formatSize } from './memory-size.ts';

/** An image as a drive would show it. */
export interface DriveImage {
  format: ImageFormat;
  /** Of the medium; a qcow2 file may be smaller. */
  bytes: number;
  /** The name of the file behind a qcow2 image. */
  backing: string | undefined;
}

/** Sizes in bytes that only floppies have: 160 KiB to 2.88 MB. */
const floppySizes: ReadonlySet<number> = new Set([320, 360, 640, 720, 1440, 2400, 2880, 5760].map((sectors) => sectors * 512));
/** "CD001" of the first volume descriptor (ECMA-119, 8.1.2): sector 16, byte 1. */
const volumeDescriptor = { at: 16 * 2048 + 1, text: 'CD001' };
/** The partition table of a master boot record: four entries of 16 bytes, with status, type, first sector and sectors. */
const partition = { table: 446, entryBytes: 16, entries: 4, type: 4, first: 8, sectors: 12 };
const sectorBytes = 512;

/** Bytes in memory as the file under an image. */
class MemoryFile implements ImageFile {
  constructor(
    readonly path: string,
    private content: Uint8Array,
  ) {}

  get length(): number {
    return this.content.length;
  }

  get bytes(): Uint8Array {
    return this.content;
  }

  read(offset: number, into: Uint8Array): void {
    into.fill(0);
    into.set(this.content.subarray(offset, offset + into.length));
  }

  write(offset: number, from: Uint8Array): void {
    if (offset + from.length > this.content.length) {
      const grown = new Uint8Array(offset + from.length);
      grown.set(this.content);
      this.content = grown;
    }
    this.content.set(from, offset);
  }

  sync(): void {
    // Memory is all there is.
  }

  close(): void {
    // Nothing is held.
  }
}

/** A source's file, open for reading. Throws StorageError. */
export function openSource(source: FileSource): ImageFile {
  return source.kind === 'path' ? openHostFile(source.path, false) : new MemoryFile(source.name, source.bytes);
}

/** A refusal of the storage as one of the host; undefined for other errors. */
export function storageFailure(error: unknown): HostError | undefined {
  if (!(error instanceof StorageError)) return undefined;
  const codes: Partial<Record<StorageError['code'], HostError['code']>> = { unreachable: 'UNREADABLE', 'no-space': 'NO_SPACE' };
  return new HostError(codes[error.code] ?? 'BAD_IMAGE', error.message, { cause: error });
}

/** Looks at an image without reading all of it. Refusals of the storage become HostErrors. */
export function lookAt<Result>(source: FileSource, look: (file: ImageFile) => Result): Result {
  try {
    const file = openSource(source);
    try {
      return look(file);
    } finally {
      file.close();
    }
  } catch (error) {
    throw storageFailure(error) ?? explain(error, source.kind === 'path' ? source.path : source.name);
  }
}

/** The image's format, found this once, and its medium's size. Throws StorageError or MachineError if it cannot be in such a drive. */
export function examineDrive(file: ImageFile, kind: DriveKind): DriveImage {
  const format = kind === 'disk' ? (detectFormat(file) ?? 'raw') : 'raw';
  if (format === 'raw') {
    const bytes = mediumBytes(kind, file.path, file.length);
    if (kind === 'disk' && file.length % sectorBytes !== 0) {
      throw new HostError('BAD_IMAGE', `${file.path} ends inside a sector of ${sectorBytes} bytes, so it is not a whole disk.`);
    }
    return { format, bytes, backing: undefined };
  }
  const header = readHeader(file);
  return { format, bytes: mediumBytes(kind, file.path, header.bytes), backing: header.backing?.name };
}

/**
 * The drive that an image is for; undefined if it is for none, or is rather loaded into memory. Disks come before kernels: what a
 * boot loader has put behind a boot sector may bear a Multiboot header of its own. Throws StorageError for formats that are not handled.
 */
export function findDrive(file: ImageFile): { kind: DriveKind; description: string } | undefined {
  if (detectFormat(file) === 'qcow2')
    return { kind: 'disk', description: `Hard disk, ${formatSize(readHeader(file).bytes)} (qcow2 image).` };
  const volume = new Uint8Array(volumeDescriptor.text.length);
  file.read(volumeDescriptor.at, volume);
  if (String.fromCharCode(...volume) === volumeDescriptor.text)
    return { kind: 'cdrom', description: `CD-ROM, ${formatSize(file.length)} (ISO 9660).` };
  const start = new Uint8Array(1024);
  file.read(0, start);
  if (isLinux(start)) return undefined;
  if (floppySizes.has(file.length)) {
    return {
      kind: 'floppy',
      description: `Floppy disk, ${formatSize(file.length)}${hasBootSignature(start) ? '' : ', without a boot sector'}.`,
    };
  }
  if (!hasBootSignature(start) || file.length % sectorBytes !== 0) return undefined;
  if (file.length <= bootSectorLimit && !hasPartition(start, file.length)) return undefined;
  return { kind: 'disk', description: `Hard disk, ${formatSize(file.length)} (raw image).` };
}

/** Whether the first sector names a partition that lies in the image; code in the same place hardly does. */
function hasPartition(start: Uint8Array, length: number): boolean {
  const view = new DataView(start.buffer);
  let found = false;
  for (let entry = 0; entry < partition.entries; entry++) {
    const at = partition.table + entry * partition.entryBytes;
    if ((view.getUint8(at) & 0x7f) !== 0) return false;
    if (view.getUint8(at + partition.type) === 0) continue;
    const [first, sectors] = [view.getUint32(at + partition.first, true), view.getUint32(at + partition.sectors, true)];
    if (first === 0 || sectors === 0 || (first + sectors) * sectorBytes > length) return false;
    found = true;
  }
  return found;
}

/** The file of an empty qcow2 disk, or of one that is as the image behind it: less than a megabyte whatever the disk's size. */
export function emptyDisk(bytes: number, backing?: NewQcow2['backing']): Uint8Array {
  const file = new MemoryFile('The new disk', new Uint8Array());
  formatQcow2(file, { bytes, ...(backing ? { backing } : {}) });
  return file.bytes;
}
