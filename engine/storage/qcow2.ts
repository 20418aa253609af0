/**
 * A disk in a qcow2 image, versions 2 and 3: read, written, with a backing file behind it.
 *
 * What survives. Between two syncs of the file writes may reach the medium in any order, by sectors. So a commit goes in steps:
 *   1. data in clusters that were free, L2 tables and refcount blocks in clusters that were free, counts        → sync
 *   2. the refcount table points to its new blocks, or the header to a new refcount table (only if there are any) → sync
 *   3. L2 and L1 tables point to what is now there                                                               → sync
 *   4. in memory only: what nothing points to any more may be used again; its counts go down with the next commit.
 * After each step, and after any part of it, the image is consistent, but for clusters that are counted and not used (leaks):
 *   a. whatever a table on the medium points to is on the medium, and was before the pointer was;
 *   b. a cluster's count on the medium is never below the number of pointers to it on the medium;
 *   c. a cluster is not written anew while a table on the medium may point to it, unless it is that table's own data, in place.
 */
import { constants, inflateRawSync } from 'node:zlib';
import { requireSectors, sectorBytes, StorageError, type BlockDevice } from './block-device.ts';
import type { ImageFile } from './image-file.ts';
import { repairRefcounts } from './qcow2-check.ts';
import { compressedClusters, mapping, setEntry, tableOffset, type Mapping } from './qcow2-entries.ts';
import { headerField, readHeader, type Qcow2Header } from './qcow2-header.ts';
import { collectMetadata, readL1 } from './qcow2-metadata.ts';
import { RefcountTable } from './qcow2-refcounts.ts';
import { TableCache, type MetadataTable } from './qcow2-tables.ts';

/** Bytes of L2 tables that are kept in memory: with clusters of 64 KiB they map 64 GiB. */
const cacheBytes = 8 << 20;

/** A qcow2 image on a file, which it owns, as it does `backing`. */
export class Qcow2Device implements BlockDevice {
  readonly bytes: number;
  readonly header: Qcow2Header;
  readonly #file: ImageFile;
  readonly #backing: BlockDevice | undefined;
  /** Entries of an L2 table. */
  readonly #perTable: number;
  readonly #l1: DataView;
  readonly #l1DirtySectors = new Set<number>();
  readonly #tables: TableCache;
  /** Present when writable. */
  readonly #refcounts: RefcountTable | undefined;
  #dataUnflushed = false;
  #autoclear: boolean;
  #closed = false;
  /** Of a commit that failed otherwise than for want of room: nobody knows what is on the medium. */
  #failed: StorageError | undefined;

  /**
   * Opens the image. One that was not closed properly has its refcounts counted anew if it is opened for writing.
   * Throws StorageError 'wrong-format', 'unsupported' or 'corrupt', and leaves the files to the caller then.
   */
  constructor(
    file: ImageFile,
    readonly readOnly: boolean,
    backing?: BlockDevice,
  ) {
    const header = readHeader(file);
    if (header.markedCorrupt && !readOnly) {
      throw new StorageError(
        'corrupt',
        `${file.path} is marked as damaged; it can be opened read-only, or be repaired with \`qemu-img check -r all\`.`,
      );
    }
    this.header = header;
    this.bytes = header.bytes;
    this.#file = file;
    this.#backing = backing;
    this.#perTable = header.clusterBytes / 8;
    this.#autoclear = header.autoclear;
    this.#tables = new TableCache(file, header.clusterBytes, cacheBytes);
    this.#l1 = readL1(file, header);
    if (readOnly) return;
    if (header.dirty) repairRefcounts(file, header, this.#l1);
    const metadata = collectMetadata(file, header, this.#l1);
    this.#refcounts = new RefcountTable(file, header, metadata.clusters);
    metadata.addAll(this.#refcounts.blockOffsets(), 'a refcount block');
  }

  read(offset: number, into: Uint8Array): void {
    this.#check(offset, into.length);
    this.#inClusters(offset, into, (cluster, start, part) => this.#readPart(cluster, start, part));
  }

  write(offset: number, from: Uint8Array): void {
    this.#check(offset, from.length);
    const refcounts = this.#refcounts;
    if (!refcounts) throw new StorageError('read-only', `${this.#file.path} is open for reading only.`);
    if (this.#failed) throw this.#failed;
    if (from.length === 0) return;
    this.#clearAutoclear();
    this.#inClusters(offset, from, (cluster, start, part) => {
      if (this.#tables.crowded || refcounts.crowded) this.#commit(refcounts);
      this.#writePart(refcounts, cluster, start, part);
    });
  }

  flush(): void {
    if (this.#closed) throw new StorageError('closed', `${this.#file.path} is closed.`);
    if (this.#failed) throw this.#failed;
    if (this.#refcounts) this.#commit(this.#refcounts);
  }

  close(): void {
    if (this.#closed) return;
    try {
      // Twice: the first commit gives clusters back, the second writes that.
      for (let round = 0; round < 2; round++) this.flush();
    } finally {
      this.#closed = true;
      try {
        this.#file.close();
      } finally {
        this.#backing?.close();
      }
    }
  }

  #check(offset: number, length: number): void {
    if (this.#closed) throw new StorageError('closed', `${this.#file.path} is closed.`);
    requireSectors(this.#file.path, this.bytes, offset, length);
  }

  #inClusters(offset: number, bytes: Uint8Array, action: (cluster: number, start: number, part: Uint8Array) => void): void {
    const { clusterBytes } = this.header;
    for (let done = 0; done < bytes.length;) {
      const start = (offset + done) % clusterBytes;
      const length = Math.min(clusterBytes - start, bytes.length - done);
      action(Math.floor((offset + done) / clusterBytes), start, bytes.subarray(done, done + length));
      done += length;
    }
  }

  #lookUp(cluster: number): Mapping {
    const offset = tableOffset(this.#l1, Math.floor(cluster / this.#perTable));
    if (offset === 0) return { kind: 'absent' };
    return mapping(this.#tables.get(offset).view, cluster % this.#perTable, this.header, this.#file.path);
  }

  #readPart(cluster: number, start: number, into: Uint8Array): void {
    const place = this.#lookUp(cluster);
    if (place.kind === 'data') this.#file.read(place.host + start, into);
    else if (place.kind === 'zero') into.fill(0);
    else if (place.kind === 'compressed') into.set(this.#inflate(place).subarray(start, start + into.length));
    else this.#readBacking(cluster * this.header.clusterBytes + start, into);
  }

  /** What the backing file has there; zeros behind its end. */
  #readBacking(offset: number, into: Uint8Array): void {
    const present = Math.max(0, Math.min(into.length, (this.#backing?.bytes ?? 0) - offset));
    if (present > 0) this.#backing?.read(offset, into.subarray(0, present));
    into.fill(0, present);
  }

  #inflate(place: { readonly host: number; readonly bytes: number }): Uint8Array {
    const { clusterBytes } = this.header;
    const damaged = (cause?: unknown) =>
      new StorageError('corrupt', `${this.#file.path} is damaged: the compressed cluster at ${place.host} cannot be read.`, {
        cause,
      });
    if (place.host >= this.#file.length) throw damaged();
    const packed = new Uint8Array(place.bytes);
    this.#file.read(place.host, packed);
    let cluster: Uint8Array;
    try {
      // The stream ends before its last sector does; what follows is another's.
      cluster = inflateRawSync(packed, { maxOutputLength: clusterBytes, finishFlush: constants.Z_SYNC_FLUSH });
    } catch (error) {
      throw damaged(error);
    }
    if (cluster.length !== clusterBytes) throw damaged();
    return cluster;
  }

  #writePart(refcounts: RefcountTable, cluster: number, start: number, part: Uint8Array): void {
    const { clusterBytes } = this.header;
    const table = this.#tableForWriting(refcounts, Math.floor(cluster / this.#perTable));
    const index = cluster % this.#perTable;
    const place = mapping(table.view, index, this.header, this.#file.path);
    if (place.kind === 'data' && refcounts.get(place.host / clusterBytes) === 1) {
      if (refcounts.metadata.has(place.host / clusterBytes)) {
        throw new StorageError(
          'corrupt',
          `${this.#file.path} is damaged: data is said to be at ${place.host}, where a table is. Nothing was written.`,
        );
      }
      this.#dataUnflushed = true;
      this.#file.write(place.host + start, part);
      return;
    }
    let whole = part;
    if (part.length < clusterBytes) {
      whole = new Uint8Array(clusterBytes);
      this.#readPart(cluster, 0, whole);
      whole.set(part, start);
    }
    const fresh = this.#writeFresh(refcounts, whole);
    setEntry(table.view, index, fresh * clusterBytes);
    table.touch(index * 8, 8);
    this.#release(refcounts, place);
  }

  /** Puts a cluster's content into a free one. */
  #writeFresh(refcounts: RefcountTable, content: Uint8Array): number {
    const cluster = refcounts.allocate();
    try {
      this.#dataUnflushed = true;
      this.#file.write(cluster * this.header.clusterBytes, content);
    } catch (error) {
      refcounts.undo(cluster);
      throw error;
    }
    return cluster;
  }

  #release(refcounts: RefcountTable, place: Mapping): void {
    const { clusterBytes } = this.header;
    if (place.kind === 'compressed') {
      const [first, end] = compressedClusters(place, clusterBytes);
      for (let cluster = first; cluster < end; cluster++) refcounts.release(cluster);
    } else if (place.kind !== 'absent' && place.host !== 0) {
      refcounts.release(place.host / clusterBytes);
    }
  }

  /** The L2 table, which is this disk's alone: made if there is none, copied if a snapshot has it too. */
  #tableForWriting(refcounts: RefcountTable, l1Index: number): MetadataTable {
    const { clusterBytes } = this.header;
    const offset = tableOffset(this.#l1, l1Index);
    if (offset !== 0 && refcounts.get(offset / clusterBytes) === 1) return this.#tables.get(offset);
    // Its room is taken now: a host that is full shall say so here, and not when the disk is flushed.
    const cluster = this.#writeFresh(refcounts, new Uint8Array(clusterBytes));
    const table = this.#tables.create(cluster * clusterBytes);
    if (offset !== 0) {
      table.bytes.set(this.#tables.get(offset).bytes);
      refcounts.release(offset / clusterBytes);
      this.#tables.drop(offset);
    }
    refcounts.metadata.add(cluster);
    setEntry(this.#l1, l1Index, cluster * clusterBytes);
    this.#l1DirtySectors.add(Math.floor((l1Index * 8) / sectorBytes));
    return table;
  }

  /** Features that only hold as long as nobody who does not know them changes the image end here. */
  #clearAutoclear(): void {
    if (!this.#autoclear) return;
    this.#file.write(headerField.autoclearFeatures, new Uint8Array(8));
    this.#file.sync();
    this.#autoclear = false;
  }

  #commit(refcounts: RefcountTable): void {
    const dirtyTables = this.#tables.dirty();
    if (!this.#dataUnflushed && dirtyTables.length === 0 && this.#l1DirtySectors.size === 0 && !refcounts.dirty) return;
    try {
      refcounts.writeBlocks();
      for (const table of dirtyTables) if (table.fresh) table.write(this.#file);
      this.#sync();
      // What is on the medium now may be pointed to, also if this commit gets no further and another one ends it.
      for (const table of dirtyTables) table.fresh = false;
      if (refcounts.writeTable()) this.#sync();
      const pointers = dirtyTables.some((table) => !table.fresh) || this.#l1DirtySectors.size > 0;
      for (const table of dirtyTables) table.write(this.#file);
      for (const sector of this.#l1DirtySectors) {
        const from = sector * sectorBytes;
        this.#file.write(this.header.l1Offset + from, new Uint8Array(this.#l1.buffer, from, sectorBytes));
      }
      if (pointers) this.#sync();
    } catch (error) {
      // What was not written is still dirty: when there is room again, another commit can do it.
      if (error instanceof StorageError && error.code === 'no-space' && !this.#failed) throw error;
      throw this.#fail(error);
    }
    this.#l1DirtySectors.clear();
    this.#dataUnflushed = false;
    refcounts.applyReleases();
  }

  /** After a sync that failed, whatever why, nobody knows what is on the medium, and the next one may claim success. */
  #sync(): void {
    try {
      this.#file.sync();
    } catch (error) {
      throw this.#fail(error);
    }
  }

  #fail(error: unknown): StorageError {
    this.#failed ??=
      error instanceof StorageError ? error : new StorageError('io', `${this.#file.path} cannot be flushed.`, { cause: error });
    return this.#failed;
  }
}
