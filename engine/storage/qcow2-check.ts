/** Counts the references inside a qcow2 image: to check it, and to repair one whose refcounts were left behind. */
import { StorageError } from './block-device.ts';
import type { ImageFile } from './image-file.ts';
import { compressedClusters, copiedFlag, mapping, tableOffset } from './qcow2-entries.ts';
import { headerField, incompatible, readHeader, type Qcow2Header } from './qcow2-header.ts';
import { collectMetadata, readL1 } from './qcow2-metadata.ts';
import { RefcountTable } from './qcow2-refcounts.ts';
import { readSnapshots } from './qcow2-snapshots.ts';

/** Clusters of the largest file that is counted: 256 MiB of counts. */
const mostClusters = 1 << 26;

/** Calls `action` for each used entry of the L2 tables that an L1 table names, with the table's and the entry's place. */
function walk(file: ImageFile, header: Qcow2Header, l1: DataView, entries: number, visit: Visitor): void {
  const table = new Uint8Array(header.clusterBytes);
  const view = new DataView(table.buffer);
  for (let l1Index = 0; l1Index < entries; l1Index++) {
    const offset = tableOffset(l1, l1Index);
    if (offset === 0) continue;
    visit.table(offset, l1Index);
    file.read(offset, table);
    for (let index = 0; index < header.clusterBytes / 8; index++) {
      const place = mapping(view, index, header, file.path);
      if (place.kind === 'absent') continue;
      const [first, end] =
        place.kind === 'compressed'
          ? compressedClusters(place, header.clusterBytes)
          : [place.host / header.clusterBytes, place.host === 0 ? 0 : place.host / header.clusterBytes + 1];
      visit.entry(first, end, view, index, place.kind === 'compressed');
    }
    visit.done?.(offset, table);
  }
}

interface Visitor {
  table(offset: number, l1Index: number): void;
  /** Clusters [first, end); none if a zero cluster has none. */
  entry(first: number, end: number, view: DataView, index: number, compressed: boolean): void;
  done?(offset: number, table: Uint8Array): void;
}

/** How often each cluster of the file is referred to. Throws StorageError 'corrupt' on references that cannot be. */
export function countReferences(file: ImageFile, header: Qcow2Header, l1: DataView, refcounts: RefcountTable): Uint32Array {
  const clusters = Math.ceil(file.length / header.clusterBytes);
  if (clusters > mostClusters)
    throw new StorageError('unsupported', `${file.path} is too large to be repaired here; use \`qemu-img check -r all\`.`);
  const counts = new Uint32Array(clusters);
  const count = (first: number, end: number) => {
    if (end > clusters)
      throw new StorageError(
        'corrupt',
        `${file.path} is damaged: cluster ${end - 1} is used and lies beyond the end of the file.`,
      );
    for (let cluster = first; cluster < end; cluster++) counts[cluster]!++;
  };
  const countBytes = (offset: number, length: number) => {
    count(offset / header.clusterBytes, Math.ceil((offset + length) / header.clusterBytes));
  };
  const visit: Visitor = { table: (offset) => countBytes(offset, header.clusterBytes), entry: count };
  countBytes(0, header.clusterBytes);
  countBytes(header.l1Offset, header.l1Entries * 8);
  countBytes(header.refcountTableOffset, header.refcountTableClusters * header.clusterBytes);
  for (const offset of refcounts.blockOffsets()) countBytes(offset, header.clusterBytes);
  walk(file, header, l1, header.l1Entries, visit);
  if (header.snapshotCount > 0) {
    const snapshots = readSnapshots(file, header);
    countBytes(header.snapshotsOffset, snapshots.bytes);
    for (const { offset, entries } of snapshots.l1Tables) {
      countBytes(offset, entries * 8);
      walk(file, header, readL1(file, { ...header, l1Offset: offset, l1Entries: entries }), entries, visit);
    }
  }
  return counts;
}

/** What a check found. */
export interface CheckResult {
  /** Clusters with fewer counts than references: writing would destroy data. */
  readonly errors: readonly number[];
  /** Clusters with more counts than references: they are lost to the image, and nothing else. */
  readonly leaks: readonly number[];
}

/** Compares refcounts with references. Throws StorageError if the image cannot be read that far. Changes nothing. */
export function checkImage(file: ImageFile): CheckResult {
  const header = readHeader(file);
  const l1 = readL1(file, header);
  const metadata = collectMetadata(file, header, l1);
  const refcounts = new RefcountTable(file, header, metadata.clusters);
  metadata.addAll(refcounts.blockOffsets(), 'a refcount block');
  const counts = countReferences(file, header, l1, refcounts);
  const errors: number[] = [];
  const leaks: number[] = [];
  const end = Math.max(counts.length, refcounts.covered);
  for (let cluster = 0; cluster < end; cluster++) {
    const used = counts[cluster] ?? 0;
    const counted = refcounts.get(cluster);
    if (counted < used) errors.push(cluster);
    if (counted > used) leaks.push(cluster);
  }
  return { errors, leaks };
}

/**
 * Gives every cluster the count it has references for, and every entry of the disk the flag that belongs to it; then clears the
 * mark "not closed properly". Killed in between, it starts anew at the next opening.
 */
export function repairRefcounts(file: ImageFile, header: Qcow2Header, l1: DataView): void {
  if (header.bitmaps) {
    throw new StorageError(
      'unsupported',
      `${file.path} was not closed properly and holds bitmaps; repair it with \`qemu-img check -r all\`.`,
    );
  }
  const metadata = collectMetadata(file, header, l1);
  const refcounts = new RefcountTable(file, header, metadata.clusters);
  metadata.addAll(refcounts.blockOffsets(), 'a refcount block');
  const counts = countReferences(file, header, l1, refcounts);
  const placed = new Set<number>();
  let end = Math.max(counts.length, refcounts.covered);
  const all = end;
  for (let cluster = 0; cluster < all; cluster++) {
    const used = counts[cluster] ?? 0;
    if (used === refcounts.get(cluster)) continue;
    if (refcounts.placeBlock(cluster, end)) placed.add(end++);
    refcounts.set(cluster, used);
  }
  refcounts.writeBlocks();
  correctFlags(file, header, l1, counts);
  file.sync();
  if (refcounts.writeTable()) file.sync();
  const features = new DataView(new ArrayBuffer(8));
  file.read(headerField.incompatibleFeatures, new Uint8Array(features.buffer));
  features.setUint32(4, features.getUint32(4) & ~incompatible.dirty);
  file.write(headerField.incompatibleFeatures, new Uint8Array(features.buffer));
  file.sync();
}

/** The flag "exactly one reference" in the entries of the disk (the snapshots' have none that count). */
function correctFlags(file: ImageFile, header: Qcow2Header, l1: DataView, counts: Uint32Array): void {
  const put = (view: DataView, index: number, single: boolean): boolean => {
    const high = view.getUint32(index * 8);
    const wanted = (single ? high | copiedFlag : high & ~copiedFlag) >>> 0;
    view.setUint32(index * 8, wanted);
    return wanted !== high;
  };
  let changed = false;
  let l1Changed = false;
  walk(file, header, l1, header.l1Entries, {
    table: (offset, index) => {
      if (put(l1, index, counts[offset / header.clusterBytes] === 1)) l1Changed = true;
      changed = false;
    },
    entry: (first, end, view, index, compressed) => {
      if (first < end && put(view, index, !compressed && counts[first] === 1)) changed = true;
    },
    done: (offset, table) => {
      if (changed) file.write(offset, table);
    },
  });
  if (l1Changed) file.write(header.l1Offset, new Uint8Array(l1.buffer));
}
