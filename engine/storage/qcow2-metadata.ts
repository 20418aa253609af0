/** Where the tables of a qcow2 image are, and that no two of them are in one place. */
import { sectorBytes, StorageError } from './block-device.ts';
import type { ImageFile } from './image-file.ts';
import { tableOffset } from './qcow2-entries.ts';
import type { Qcow2Header } from './qcow2-header.ts';
import { readSnapshots } from './qcow2-snapshots.ts';

/** Reads the L1 table, filled up to whole sectors, and checks where its L2 tables are. Throws StorageError 'corrupt'. */
export function readL1(file: ImageFile, header: Qcow2Header): DataView {
  const bytes = new Uint8Array(Math.ceil((header.l1Entries * 8) / sectorBytes) * sectorBytes);
  if (header.l1Entries > 0 && (header.l1Offset === 0 || header.l1Offset + header.l1Entries * 8 > file.length)) {
    throw new StorageError('corrupt', `${file.path} is damaged: its L1 table is not inside the file.`);
  }
  file.read(header.l1Offset, bytes);
  const view = new DataView(bytes.buffer);
  for (let index = 0; index < header.l1Entries; index++) {
    const offset = tableOffset(view, index);
    if (offset === 0) continue;
    if (offset % header.clusterBytes !== 0 || offset + header.clusterBytes > file.length) {
      throw new StorageError(
        'corrupt',
        `${file.path} is damaged: L2 table ${index} is said to be at ${offset}, where none can be.`,
      );
    }
  }
  return view;
}

/** Clusters that hold tables. */
export interface Metadata {
  readonly clusters: Set<number>;
  /** Adds tables of one cluster each. Throws StorageError 'corrupt' if something else is there. */
  addAll(offsets: readonly number[], what: string): void;
}

/** All tables but the refcount blocks. Throws StorageError 'corrupt' if two are in one place. */
export function collectMetadata(file: ImageFile, header: Qcow2Header, l1: DataView): Metadata {
  const clusters = new Set<number>();
  const add = (offset: number, length: number, what: string) => {
    const end = Math.ceil((offset + length) / header.clusterBytes);
    for (let cluster = offset / header.clusterBytes; cluster < end; cluster++) {
      if (clusters.has(cluster)) {
        throw new StorageError(
          'corrupt',
          `${file.path} is damaged: ${what} at ${offset} is where another table is. It can be opened read-only.`,
        );
      }
      clusters.add(cluster);
    }
  };
  add(0, header.clusterBytes, 'the header');
  add(header.l1Offset, header.l1Entries * 8, 'the L1 table');
  add(header.refcountTableOffset, header.refcountTableClusters * header.clusterBytes, 'the refcount table');
  if (header.snapshotCount > 0) {
    const snapshots = readSnapshots(file, header);
    add(header.snapshotsOffset, snapshots.bytes, 'the snapshot table');
    for (const table of snapshots.l1Tables) add(table.offset, table.entries * 8, 'the L1 table of a snapshot');
  }
  for (let index = 0; index < header.l1Entries; index++) {
    const offset = tableOffset(l1, index);
    if (offset !== 0) add(offset, header.clusterBytes, `L2 table ${index}`);
  }
  return {
    clusters,
    addAll: (offsets, what) => {
      for (const offset of offsets) add(offset, header.clusterBytes, what);
    },
  };
}
