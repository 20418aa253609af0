/**
 * Reference counts of a qcow2 image's clusters: a table of blocks of counts (docs/interop/qcow2.rst, "Host cluster management").
 *
 * Counts change in memory. A cluster that is given up keeps its count until a commit has made sure that nothing on the medium
 * points to it: before that it must not be used again.
 */
import { sectorBytes, StorageError } from './block-device.ts';
import type { ImageFile } from './image-file.ts';
import { headerField, limits, type Qcow2Header } from './qcow2-header.ts';
import { TableCache, type MetadataTable } from './qcow2-tables.ts';

/** Bytes of refcount blocks that are kept in memory. */
const cacheBytes = 4 << 20;
const highPart = 2 ** 32;

export class RefcountTable {
  readonly #file: ImageFile;
  readonly #clusterBytes: number;
  readonly #order: number;
  /** Counts of one block. */
  readonly #perBlock: number;
  readonly #blocks: TableCache;
  /** Offsets of blocks; 0 for a block that is not there: all its counts are 0. */
  #offsets: Float64Array;
  #tableOffset: number;
  /** Of the table in memory, which may be longer than the one on the medium. */
  #tableClusters: number;
  /** The table on the medium, which stays the one until the header says otherwise. */
  #written: { offset: number; clusters: number };
  readonly #dirtySectors = new Set<number>();
  /** No cluster below is free. */
  #hint = 1;
  /** One entry for each reference that was given up since the last commit. */
  #released: number[] = [];

  constructor(
    file: ImageFile,
    header: Qcow2Header,
    /** Clusters of tables and the header. They are never given out, whatever their counts say. */
    readonly metadata: Set<number>,
  ) {
    this.#file = file;
    this.#clusterBytes = header.clusterBytes;
    this.#order = header.refcountOrder;
    this.#perBlock = (header.clusterBytes * 8) / 2 ** header.refcountOrder;
    this.#blocks = new TableCache(file, header.clusterBytes, cacheBytes);
    this.#tableOffset = header.refcountTableOffset;
    this.#tableClusters = header.refcountTableClusters;
    this.#written = { offset: this.#tableOffset, clusters: this.#tableClusters };
    this.#offsets = this.#readTable();
  }

  /** Offsets of all blocks that are there. */
  blockOffsets(): number[] {
    return [...this.#offsets].filter((offset) => offset !== 0);
  }

  /** One past the last cluster that has a count. */
  get covered(): number {
    return (this.#offsets.findLastIndex((offset) => offset !== 0) + 1) * this.#perBlock;
  }

  /** How many references the cluster has. */
  get(cluster: number): number {
    const offset = this.#offsets[Math.floor(cluster / this.#perBlock)] ?? 0;
    return offset === 0 ? 0 : this.#count(this.#blocks.get(offset), cluster % this.#perBlock);
  }

  /** Takes `count` free clusters in a row, each with one reference, and returns the first. */
  allocate(count = 1): number {
    let start = this.#hint;
    for (let run = 0; run < count;) {
      const cluster = start + run;
      if (this.get(cluster) !== 0) {
        if (start === this.#hint && run === 0) this.#hint = cluster + 1;
        start = cluster + 1;
        run = 0;
        continue;
      }
      if (this.metadata.has(cluster)) {
        throw new StorageError(
          'corrupt',
          `${this.#file.path} is damaged: a table in cluster ${cluster} counts as free. Repair it with \`qemu-img check -r all\`.`,
        );
      }
      // A new block for this cluster may take the very cluster.
      if (this.#ensureBlock(cluster)) {
        start = this.#hint;
        run = 0;
        continue;
      }
      run++;
    }
    for (let cluster = start; cluster < start + count; cluster++) this.set(cluster, 1);
    if (start === this.#hint) this.#hint = start + count;
    return start;
  }

  /** Takes back an allocation that nothing points to, in memory or on the medium. */
  undo(cluster: number): void {
    this.set(cluster, 0);
    this.#hint = Math.min(this.#hint, cluster);
  }

  /** Gives one reference up, with the next commit. */
  release(cluster: number): void {
    this.#released.push(cluster);
  }

  /** Sets a count outright. Its block is made if need be. */
  set(cluster: number, count: number): void {
    if (this.#ensureBlock(cluster) && this.get(cluster) === count) return;
    const block = this.#blocks.get(this.#offsets[Math.floor(cluster / this.#perBlock)]!);
    const index = cluster % this.#perBlock;
    const bits = 2 ** this.#order;
    if (count >= 2 ** Math.min(bits, 53))
      throw new StorageError(
        'unsupported',
        `${this.#file.path}: a cluster would have ${count} references, more than its refcounts hold.`,
      );
    if (bits < 8) {
      const place = Math.floor((index * bits) / 8);
      const shift = (index * bits) % 8;
      block.bytes[place] = (block.bytes[place]! & ~(((1 << bits) - 1) << shift)) | (count << shift);
      block.touch(place, 1);
      return;
    }
    const place = index * (bits / 8);
    if (bits === 8) block.view.setUint8(place, count);
    else if (bits === 16) block.view.setUint16(place, count);
    else if (bits === 32) block.view.setUint32(place, count);
    else {
      block.view.setUint32(place, Math.floor(count / highPart));
      block.view.setUint32(place + 4, count % highPart);
    }
    block.touch(place, bits / 8);
  }

  /** For a repair: the block that counts `cluster` is made in `place`, which nothing uses, if there is none. */
  placeBlock(cluster: number, place: number): boolean {
    const index = Math.floor(cluster / this.#perBlock);
    if ((this.#offsets[index] ?? 0) !== 0) return false;
    if (index >= this.#offsets.length || Math.floor(place / this.#perBlock) >= this.#offsets.length) {
      throw new StorageError(
        'unsupported',
        `${this.#file.path} was not closed properly, and its refcount table is too short; repair it with \`qemu-img check -r all\`.`,
      );
    }
    // The block that counts the place comes first, and may be the same one.
    if (!this.#ensureBlock(place)) this.#addBlock(index, place);
    return true;
  }

  get dirty(): boolean {
    return this.#dirtySectors.size > 0 || this.#moved || this.#released.length > 0 || this.#blocks.dirty().length > 0;
  }

  /** Whether too many blocks are dirty to keep on without a commit. */
  get crowded(): boolean {
    return this.#blocks.crowded;
  }

  get #moved(): boolean {
    return this.#tableOffset !== this.#written.offset;
  }

  /** First step of a commit: counts, new blocks, and a table that has a new place. Nothing on the medium depends on them yet. */
  writeBlocks(): void {
    for (const block of this.#blocks.dirty()) {
      block.write(this.#file);
      block.fresh = false;
    }
    if (this.#moved) this.#file.write(this.#tableOffset, this.#encode(0, this.#offsets.length));
  }

  /** Second step, after a sync: the table points to its new blocks, or the header to the new table. True if that wrote anything. */
  writeTable(): boolean {
    if (this.#moved) {
      // Offset and length are neighbours in one sector: they change at one instant.
      const view = new DataView(new ArrayBuffer(12));
      view.setUint32(0, Math.floor(this.#tableOffset / highPart));
      view.setUint32(4, this.#tableOffset % highPart);
      view.setUint32(8, this.#tableClusters);
      this.#file.write(headerField.refcountTableOffset, new Uint8Array(view.buffer));
      const first = this.#written.offset / this.#clusterBytes;
      for (let cluster = first; cluster < first + this.#written.clusters; cluster++) this.release(cluster);
      this.#written = { offset: this.#tableOffset, clusters: this.#tableClusters };
      this.#dirtySectors.clear();
      return true;
    }
    if (this.#dirtySectors.size === 0) return false;
    const perSector = sectorBytes / 8;
    for (const sector of this.#dirtySectors) {
      this.#file.write(this.#tableOffset + sector * sectorBytes, this.#encode(sector * perSector, perSector));
    }
    this.#dirtySectors.clear();
    return true;
  }

  /** Last step, after the sync that made sure that nothing points to them: released clusters lose their references, in memory. */
  applyReleases(): void {
    const released = this.#released;
    this.#released = [];
    for (const cluster of released) {
      const count = this.get(cluster);
      // Counts that were too low already: the cluster is free, and stays so.
      if (count === 0) continue;
      this.set(cluster, count - 1);
      if (count > 1) continue;
      this.metadata.delete(cluster);
      this.#hint = Math.min(this.#hint, cluster);
    }
  }

  #count(block: MetadataTable, index: number): number {
    const bits = 2 ** this.#order;
    if (bits < 8) return (block.bytes[Math.floor((index * bits) / 8)]! >> ((index * bits) % 8)) & ((1 << bits) - 1);
    const place = index * (bits / 8);
    if (bits === 8) return block.view.getUint8(place);
    if (bits === 16) return block.view.getUint16(place);
    if (bits === 32) return block.view.getUint32(place);
    return block.view.getUint32(place) * highPart + block.view.getUint32(place + 4);
  }

  /** Makes the block that counts `cluster`, if there is none: in `cluster` itself, which is free since nobody counts it. True if it did. */
  #ensureBlock(cluster: number): boolean {
    const index = Math.floor(cluster / this.#perBlock);
    if ((this.#offsets[index] ?? 0) !== 0) return false;
    if (index >= this.#offsets.length) this.#grow(index + 1);
    // Growing may have made this very block.
    if (this.#offsets[index] !== 0) return true;
    this.#addBlock(index, cluster);
    return true;
  }

  #addBlock(index: number, cluster: number): void {
    const offset = cluster * this.#clusterBytes;
    // Its room is taken now, so that a host that is full says so before anything depends on it.
    this.#file.write(offset, new Uint8Array(this.#clusterBytes));
    this.#blocks.create(offset);
    this.#offsets[index] = offset;
    this.#dirtySectors.add(Math.floor((index * 8) / sectorBytes));
    this.metadata.add(cluster);
    this.set(cluster, 1);
  }

  /** A longer table, in a place of its own. The old one stays on the medium, and in force, until the commit. */
  #grow(entries: number): void {
    const perCluster = this.#clusterBytes / 8;
    const clusters = Math.ceil((entries * 3) / 2 / perCluster);
    if (clusters * this.#clusterBytes > limits.refcountTableBytes) {
      throw new StorageError(
        'no-space',
        `${this.#file.path} cannot grow any more with clusters of ${this.#clusterBytes} bytes; make a copy with larger ones.`,
      );
    }
    // Not on the medium yet, so it can just be left.
    if (this.#moved) {
      const first = this.#tableOffset / this.#clusterBytes;
      for (let cluster = first; cluster < first + this.#tableClusters; cluster++) {
        this.metadata.delete(cluster);
        this.release(cluster);
      }
    }
    const offsets = new Float64Array(clusters * perCluster);
    offsets.set(this.#offsets);
    this.#offsets = offsets;
    this.#tableClusters = clusters;
    const first = this.allocate(clusters);
    this.#tableOffset = first * this.#clusterBytes;
    for (let cluster = first; cluster < first + clusters; cluster++) this.metadata.add(cluster);
  }

  #readTable(): Float64Array {
    const bytes = new Uint8Array(this.#tableClusters * this.#clusterBytes);
    this.#file.read(this.#tableOffset, bytes);
    const view = new DataView(bytes.buffer);
    const offsets = new Float64Array(bytes.length / 8);
    for (let index = 0; index < offsets.length; index++) {
      const offset = view.getUint32(index * 8) * highPart + view.getUint32(index * 8 + 4);
      if (offset !== 0 && (offset % this.#clusterBytes !== 0 || offset >= this.#file.length)) {
        throw new StorageError(
          'corrupt',
          `${this.#file.path} is damaged: refcount block ${index} is said to be at ${offset}, where none can be.`,
        );
      }
      offsets[index] = offset;
    }
    return offsets;
  }

  #encode(from: number, count: number): Uint8Array {
    const view = new DataView(new ArrayBuffer(count * 8));
    for (let index = 0; index < count; index++) {
      const offset = this.#offsets[from + index]!;
      view.setUint32(index * 8, Math.floor(offset / highPart));
      view.setUint32(index * 8 + 4, offset % highPart);
    }
    return new Uint8Array(view.buffer);
  }
}
