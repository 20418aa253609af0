/** Makes new qcow2 images, version 3. */
import { dirname } from 'node:path';
import { sectorBytes, StorageError } from './block-device.ts';
import { createHostFile, syncFolder, type ImageFile } from './image-file.ts';
import { extension, headerBytes, headerField, limits, qcow2Magic } from './qcow2-header.ts';

/** Refcounts have 16 bits, as version 2 has them and as QEMU makes them. */
const refcountOrder = 4;

export interface NewQcow2 {
  /** Size of the disk, a multiple of 512. */
  readonly bytes: number;
  /** A power of two from 512 to 2 MiB; 64 KiB if absent. */
  readonly clusterBytes?: number;
  /** The image behind it: its name is kept as given, relative to the new image's folder or absolute. */
  readonly backing?: { readonly name: string; readonly format: 'raw' | 'qcow2' };
}

/** Makes an image file, which must not be there yet. Throws StorageError 'bad-request', 'unreachable', 'io' or 'no-space'. */
export function createQcow2(path: string, image: NewQcow2): void {
  const content = layOut(image);
  const file = createHostFile(path);
  try {
    writeQcow2(file, content);
  } finally {
    file.close();
  }
  syncFolder(dirname(path));
}

/** The same into a file that is open and empty. */
export function formatQcow2(file: ImageFile, image: NewQcow2): void {
  writeQcow2(file, layOut(image));
}

/** The header comes last: what has none is no image. */
function writeQcow2(file: ImageFile, { header, tables }: { header: Uint8Array; tables: Uint8Array }): void {
  file.write(header.length, tables);
  file.sync();
  file.write(0, header);
  file.sync();
}

/** The header's cluster and, behind it, refcount table, refcount blocks and L1 table. */
function layOut(image: NewQcow2): { header: Uint8Array; tables: Uint8Array } {
  const clusterBytes = image.clusterBytes ?? 65536;
  const clusterBits = Math.log2(clusterBytes);
  const refuse = (what: string) => new StorageError('bad-request', `The image cannot be made: ${what}.`);
  if (!Number.isInteger(clusterBits) || clusterBits < limits.leastClusterBits || clusterBits > limits.mostClusterBits) {
    throw refuse(`its clusters would have ${clusterBytes} bytes, and it must be a power of two from 512 to 2097152`);
  }
  if (!Number.isSafeInteger(image.bytes) || image.bytes < sectorBytes || image.bytes % sectorBytes !== 0) {
    throw refuse(`its disk would have ${image.bytes} bytes, and it must be a multiple of ${sectorBytes}`);
  }
  const l1Entries = Math.ceil(image.bytes / (clusterBytes * (clusterBytes / 8)));
  if (l1Entries * 8 > limits.l1Bytes)
    throw refuse(`clusters of ${clusterBytes} bytes are too small for a disk of ${image.bytes} bytes`);
  const l1Clusters = Math.ceil((l1Entries * 8) / clusterBytes);
  const perBlock = clusterBytes / 2;
  // Each block counts itself too, and the table its own clusters.
  let blocks = 1;
  let tableClusters = 1;
  while (blocks * perBlock < 1 + tableClusters + blocks + l1Clusters) {
    blocks++;
    tableClusters = Math.ceil((blocks * 8) / clusterBytes);
  }
  const total = 1 + tableClusters + blocks + l1Clusters;
  const tables = new Uint8Array((total - 1) * clusterBytes);
  const view = new DataView(tables.buffer);
  const firstBlock = 1 + tableClusters;
  for (let block = 0; block < blocks; block++) putLong(view, block * 8, (firstBlock + block) * clusterBytes);
  for (let cluster = 0; cluster < total; cluster++) view.setUint16((firstBlock - 1) * clusterBytes + cluster * 2, 1);
  const header = layOutHeader(image, clusterBytes, refuse);
  header.setUint32(headerField.l1Size, l1Entries);
  putLong(header, headerField.l1TableOffset, (firstBlock + blocks) * clusterBytes);
  putLong(header, headerField.refcountTableOffset, clusterBytes);
  header.setUint32(headerField.refcountTableClusters, tableClusters);
  return { header: new Uint8Array(header.buffer), tables };
}

function layOutHeader(image: NewQcow2, clusterBytes: number, refuse: (what: string) => StorageError): DataView {
  const view = new DataView(new ArrayBuffer(clusterBytes));
  const bytes = new Uint8Array(view.buffer);
  view.setUint32(headerField.magic, qcow2Magic);
  view.setUint32(headerField.version, 3);
  view.setUint32(headerField.clusterBits, Math.log2(clusterBytes));
  putLong(view, headerField.size, image.bytes);
  view.setUint32(headerField.refcountOrder, refcountOrder);
  view.setUint32(headerField.headerLength, headerBytes.written);
  if (image.backing === undefined) return view;
  const name = new TextEncoder().encode(image.backing.name);
  const format = new TextEncoder().encode(image.backing.format);
  view.setUint32(headerBytes.written, extension.backingFormat);
  view.setUint32(headerBytes.written + 4, format.length);
  bytes.set(format, headerBytes.written + 8);
  // Format (8 bytes at most, filled up), then the end of the extensions (8 zeros), then the name.
  const place = headerBytes.written + 8 + 8 + 8;
  const room = Math.min(limits.backingNameBytes, clusterBytes - place);
  if (name.length === 0 || name.length > room || image.backing.name.includes('\0')) {
    throw refuse(`the name of its backing file has ${name.length} bytes, and it must have 1 to ${room}`);
  }
  bytes.set(name, place);
  putLong(view, headerField.backingFileOffset, place);
  view.setUint32(headerField.backingFileSize, name.length);
  return view;
}

function putLong(view: DataView, at: number, value: number): void {
  view.setUint32(at, Math.floor(value / 2 ** 32));
  view.setUint32(at + 4, value % 2 ** 32);
}
