/**
 * Tables of one cluster (L2 tables and refcount blocks) as they are in memory: read when first needed, changed here, and
 * written when the image's commit says so. What is dirty is never dropped.
 */
import { sectorBytes } from './block-device.ts';
import type { ImageFile } from './image-file.ts';

/** A table of one cluster. */
export class MetadataTable {
  readonly view: DataView;
  readonly bytes: Uint8Array;
  /** Dirty part, in bytes; empty if `from` is not below `to`. */
  #from = Infinity;
  #to = 0;

  constructor(
    /** Where it is in the file. */
    readonly offset: number,
    clusterBytes: number,
    /** No table on the medium points to it yet, so that it may be written at any time. */
    public fresh: boolean,
  ) {
    this.bytes = new Uint8Array(clusterBytes);
    this.view = new DataView(this.bytes.buffer);
    if (fresh) this.touch(0, clusterBytes);
  }

  get dirty(): boolean {
    return this.#from < this.#to;
  }

  /** Notes that `length` bytes at `at` were changed. */
  touch(at: number, length: number): void {
    this.#from = Math.min(this.#from, at);
    this.#to = Math.max(this.#to, at + length);
  }

  /** Writes the sectors that were changed: what else is in the file stays, whatever becomes of this write. */
  write(file: ImageFile): void {
    if (!this.dirty) return;
    const from = Math.floor(this.#from / sectorBytes) * sectorBytes;
    const to = Math.ceil(this.#to / sectorBytes) * sectorBytes;
    file.write(this.offset + from, this.bytes.subarray(from, to));
    this.#from = Infinity;
    this.#to = 0;
  }
}

/** The tables of one kind that are in memory. */
export class TableCache {
  /** By offset; the one used last is last. */
  readonly #tables = new Map<number, MetadataTable>();

  constructor(
    readonly file: ImageFile,
    readonly clusterBytes: number,
    /** Bytes of tables to keep; dirty ones stay beyond it. */
    readonly budget: number,
  ) {}

  /** The table at `offset`. */
  get(offset: number): MetadataTable {
    let table = this.#tables.get(offset);
    if (table) {
      this.#tables.delete(offset);
    } else {
      table = new MetadataTable(offset, this.clusterBytes, false);
      this.file.read(offset, table.bytes);
      this.#evict();
    }
    this.#tables.set(offset, table);
    return table;
  }

  /** A new table of zeros. */
  create(offset: number): MetadataTable {
    this.#evict();
    const table = new MetadataTable(offset, this.clusterBytes, true);
    this.#tables.set(offset, table);
    return table;
  }

  /** Forgets a table whose cluster is no longer one. */
  drop(offset: number): void {
    this.#tables.delete(offset);
  }

  dirty(): MetadataTable[] {
    return [...this.#tables.values()].filter((table) => table.dirty);
  }

  /** Whether the budget is used up by tables that cannot be dropped. */
  get crowded(): boolean {
    return this.#tables.size * this.clusterBytes > this.budget && this.dirty().length * this.clusterBytes > this.budget / 2;
  }

  #evict(): void {
    if ((this.#tables.size + 1) * this.clusterBytes <= this.budget) return;
    for (const table of this.#tables.values()) {
      if (table.dirty) continue;
      this.#tables.delete(table.offset);
      return;
    }
  }
}
