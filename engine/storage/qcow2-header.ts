/**
 * The header of a qcow2 image and its extensions (QEMU, docs/interop/qcow2.rst, "Header"). All numbers are big-endian.
 */
import { sectorBytes, StorageError } from './block-device.ts';
import type { ImageFile } from './image-file.ts';

/** "QFI\xfb" */
export const qcow2Magic = 0x514649fb;

/** Where the header's fields are. */
export const headerField = {
  magic: 0,
  version: 4,
  backingFileOffset: 8,
  backingFileSize: 16,
  clusterBits: 20,
  size: 24,
  cryptMethod: 32,
  l1Size: 36,
  l1TableOffset: 40,
  refcountTableOffset: 48,
  refcountTableClusters: 56,
  snapshotCount: 60,
  snapshotsOffset: 64,
  incompatibleFeatures: 72,
  compatibleFeatures: 80,
  autoclearFeatures: 88,
  refcountOrder: 96,
  headerLength: 100,
  compressionType: 104,
} as const;

/** Length of a version 2 header, and of the shortest and our own version 3 headers. */
export const headerBytes = { version2: 72, version3: 104, written: 112 } as const;

/** Bits of `incompatible_features` */
export const incompatible = {
  dirty: 1 << 0,
  corrupt: 1 << 1,
  externalData: 1 << 2,
  compressionType: 1 << 3,
  extendedL2: 1 << 4,
} as const;

/** Bit of `autoclear_features`: the bitmaps extension is consistent. */
const autoclearBitmaps = 1 << 0;

/** Types of header extensions. */
export const extension = { end: 0, backingFormat: 0xe2792aca } as const;

/** Limits, so that a header cannot ask for more memory than an honest image needs. */
export const limits = {
  leastClusterBits: 9,
  mostClusterBits: 21,
  /** As QEMU's QCOW_MAX_L1_SIZE and QCOW_MAX_REFTABLE_SIZE. */
  l1Bytes: 32 << 20,
  refcountTableBytes: 8 << 20,
  backingNameBytes: 1023,
  snapshots: 65536,
} as const;

/** A header that was found consistent in itself. */
export interface Qcow2Header {
  readonly version: 2 | 3;
  /** The disk's size in bytes. */
  readonly bytes: number;
  readonly clusterBits: number;
  readonly clusterBytes: number;
  readonly l1Entries: number;
  readonly l1Offset: number;
  readonly refcountTableOffset: number;
  readonly refcountTableClusters: number;
  /** A refcount has 2^this bits. */
  readonly refcountOrder: number;
  readonly snapshotCount: number;
  readonly snapshotsOffset: number;
  readonly backing:
    { readonly name: string; /** As the image names it: `raw`, `qcow2`. */ readonly format: string | undefined } | undefined;
  /** Not closed properly: refcounts may be wrong. */
  readonly dirty: boolean;
  /** Somebody found it to be inconsistent. */
  readonly markedCorrupt: boolean;
  /** Has bitmaps that are in step with the disk. */
  readonly bitmaps: boolean;
  /** Any bit that has to be cleared before the image is changed. */
  readonly autoclear: boolean;
}

/** Whether a file begins like a qcow2 image. */
export function isQcow2(file: ImageFile): boolean {
  const start = new Uint8Array(4);
  file.read(0, start);
  return new DataView(start.buffer).getUint32(0) === qcow2Magic;
}

/** Reads and checks the header. Throws StorageError 'wrong-format', 'unsupported' or 'corrupt'. */
export function readHeader(file: ImageFile): Qcow2Header {
  const { path } = file;
  const view = new DataView(new ArrayBuffer(sectorBytes));
  file.read(0, new Uint8Array(view.buffer));
  const corrupt = (what: string) => new StorageError('corrupt', `${path} is damaged: ${what}.`);
  const unsupported = (what: string) => new StorageError('unsupported', `${path} ${what}.`);
  const long = (field: number, what: string): number => {
    const value = view.getUint32(field) * 2 ** 32 + view.getUint32(field + 4);
    if (!Number.isSafeInteger(value)) throw corrupt(`its header gives ${what} as more than 2^53`);
    return value;
  };
  if (view.getUint32(headerField.magic) !== qcow2Magic) throw new StorageError('wrong-format', `${path} is no qcow2 image.`);
  const version = view.getUint32(headerField.version);
  if (version !== 2 && version !== 3) throw unsupported(`is a qcow image of version ${version}; versions 2 and 3 can be used`);
  const features =
    version === 3
      ? readFeatures(view, path)
      : { incompatible: 0, autoclearLow: 0, autoclear: false, length: headerBytes.version2, order: 4 };
  if (view.getUint32(headerField.cryptMethod) !== 0) {
    throw unsupported('is encrypted; make a copy without encryption (`qemu-img convert`)');
  }
  const clusterBits = view.getUint32(headerField.clusterBits);
  if (clusterBits < limits.leastClusterBits || clusterBits > limits.mostClusterBits) {
    throw corrupt(`its clusters would have 2^${clusterBits} bytes, and only 2^9 to 2^21 are allowed`);
  }
  const clusterBytes = 2 ** clusterBits;
  const tableAt = (field: number, what: string): number => {
    const offset = long(field, `the place of ${what}`);
    if (offset % clusterBytes !== 0) throw corrupt(`${what} does not begin at a cluster`);
    return offset;
  };
  if (features.length > clusterBytes || features.length % 8 !== 0)
    throw corrupt(`its header would have ${features.length} bytes`);
  if (features.order > 6) throw corrupt(`its refcounts would have 2^${features.order} bits`);

  const size = long(headerField.size, 'the size of the disk');
  const l1Entries = view.getUint32(headerField.l1Size);
  const l1Needed = Math.ceil(size / (clusterBytes * (clusterBytes / 8)));
  if (l1Entries * 8 > limits.l1Bytes) throw corrupt(`its L1 table would have ${l1Entries} entries`);
  if (l1Entries < l1Needed) throw corrupt(`its L1 table has ${l1Entries} entries, and the disk needs ${l1Needed}`);
  const refcountTableClusters = view.getUint32(headerField.refcountTableClusters);
  if (refcountTableClusters === 0 || refcountTableClusters * clusterBytes > limits.refcountTableBytes) {
    throw corrupt(`its refcount table would have ${refcountTableClusters} clusters`);
  }
  const snapshotCount = view.getUint32(headerField.snapshotCount);
  if (snapshotCount > limits.snapshots) throw corrupt(`it would hold ${snapshotCount} snapshots`);
  return {
    version,
    // A disk is made of sectors; QEMU too shows the rest of the last one.
    bytes: Math.ceil(size / sectorBytes) * sectorBytes,
    clusterBits,
    clusterBytes,
    l1Entries,
    l1Offset: tableAt(headerField.l1TableOffset, 'its L1 table'),
    refcountTableOffset: tableAt(headerField.refcountTableOffset, 'its refcount table'),
    refcountTableClusters,
    refcountOrder: features.order,
    snapshotCount,
    snapshotsOffset: snapshotCount === 0 ? 0 : tableAt(headerField.snapshotsOffset, 'its snapshot table'),
    backing: readBacking(file, view, features.length, clusterBytes),
    dirty: (features.incompatible & incompatible.dirty) !== 0,
    markedCorrupt: (features.incompatible & incompatible.corrupt) !== 0,
    bitmaps: (features.autoclearLow & autoclearBitmaps) !== 0,
    autoclear: features.autoclear,
  };
}

function readFeatures(view: DataView, path: string) {
  const unsupported = (what: string) => new StorageError('unsupported', `${path} ${what}.`);
  const high = view.getUint32(headerField.incompatibleFeatures);
  const low = view.getUint32(headerField.incompatibleFeatures + 4);
  const length = view.getUint32(headerField.headerLength);
  if (length < headerBytes.version3)
    throw new StorageError('corrupt', `${path} is damaged: its header would have ${length} bytes.`);
  if (low & incompatible.externalData)
    throw unsupported('keeps its data in another file, which is not handled; make a copy in one file (`qemu-img convert`)');
  if (low & incompatible.extendedL2)
    throw unsupported('has subclusters, which are not handled; make a copy without (`qemu-img convert`)');
  const compression = length > headerField.compressionType ? view.getUint8(headerField.compressionType) : 0;
  if (compression === 1)
    throw unsupported(
      'is compressed with zstd, which is not handled; make a copy with zlib or without compression (`qemu-img convert`)',
    );
  if (compression !== 0) throw unsupported(`is compressed in a way (${compression}) that is not known here`);
  const known = incompatible.dirty | incompatible.corrupt | incompatible.compressionType;
  if (high !== 0 || (low & ~known) !== 0) {
    const bits = Array.from({ length: 64 }, (_, bit) => bit).filter(
      (bit) => (bit < 32 ? (low & ~known) >>> bit : high >>> (bit - 32)) & 1,
    );
    throw unsupported(`needs features that are not known here (bit ${bits.join(', ')} of its incompatible features)`);
  }
  const autoclearLow = view.getUint32(headerField.autoclearFeatures + 4);
  return {
    incompatible: low,
    autoclearLow,
    autoclear: autoclearLow !== 0 || view.getUint32(headerField.autoclearFeatures) !== 0,
    length,
    order: view.getUint32(headerField.refcountOrder),
  };
}

function readBacking(file: ImageFile, view: DataView, headerLength: number, clusterBytes: number): Qcow2Header['backing'] {
  const nameOffset = view.getUint32(headerField.backingFileOffset) * 2 ** 32 + view.getUint32(headerField.backingFileOffset + 4);
  if (nameOffset === 0) return undefined;
  const corrupt = (what: string) => new StorageError('corrupt', `${file.path} is damaged: ${what}.`);
  const nameBytes = view.getUint32(headerField.backingFileSize);
  if (
    nameBytes === 0 ||
    nameBytes > limits.backingNameBytes ||
    nameOffset > clusterBytes - nameBytes ||
    nameOffset < headerLength
  ) {
    throw corrupt('the name of its backing file is not where it may be');
  }
  const cluster = new Uint8Array(clusterBytes);
  file.read(0, cluster);
  return {
    name: decodeName(cluster.subarray(nameOffset, nameOffset + nameBytes), file.path),
    format: readBackingFormat(cluster, headerLength, nameOffset, corrupt),
  };
}

function decodeName(bytes: Uint8Array, path: string): string {
  try {
    const name = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    if (!name.includes('\0')) return name;
  } catch {
    // Told below, as for a zero byte.
  }
  throw new StorageError('corrupt', `${path} is damaged: the name of its backing file is no text.`);
}

/** Walks the header extensions, each of 8 bytes and its data filled up to 8, for the backing file's format. */
function readBackingFormat(
  cluster: Uint8Array,
  from: number,
  end: number,
  corrupt: (what: string) => StorageError,
): string | undefined {
  const view = new DataView(cluster.buffer);
  for (let place = from; place + 8 <= end;) {
    const type = view.getUint32(place);
    const length = view.getUint32(place + 4);
    if (type === extension.end) return undefined;
    if (length > end - place - 8) throw corrupt('a header extension reaches beyond its place');
    if (type === extension.backingFormat)
      return new TextDecoder('latin1').decode(cluster.subarray(place + 8, place + 8 + length));
    place += 8 + Math.ceil(length / 8) * 8;
  }
  return undefined;
}
