/**
 * The directory of blocks at the start of a machine's shared memory: name, instance and version of each block and where
 * its bytes are. It is what makes a block savable by name, and what lets every thread find the same bytes.
 *
 * Blocks are added while the machine is put together, by one thread at a time; then the directory is sealed, and later
 * threads (which construct the same chips) only find what is there.
 */
import { array, defineBlock, scalar, type BlockLayout, type Field } from '../layout/block.ts';
import { MachineError } from './machine.ts';

const nameBytes = 64;
const maximumEntries = 255;

const directoryHead = defineBlock('directory', 1, {
  count: scalar('u32'),
  sealed: scalar('u32'),
  /** Bytes of the heap in use. */
  used: scalar('u32'),
});

const directoryEntry = defineBlock('directory-entry', 1, {
  name: array('u8', nameBytes),
  nameLength: scalar('u32'),
  version: scalar('u32'),
  address: scalar('u32'),
  bytes: scalar('u32'),
  transient: scalar('u32'),
});

const heapBytes = 2 << 20;
const heapOffset = directoryHead.size + maximumEntries * directoryEntry.size;
/** Bytes of directory and block heap together, a multiple of 64 KiB. */
export const directoryBytes = Math.ceil((heapOffset + heapBytes) / 65536) * 65536;

/** One block as a saved state or a report sees it. */
export interface BlockEntry {
  /** Layout name, and `/instance` behind it if there is one. */
  readonly name: string;
  readonly version: number;
  /** Neither saved nor part of the digest. */
  readonly transient: boolean;
  /** The live bytes. */
  readonly bytes: Uint8Array<SharedArrayBuffer>;
}

export class BlockDirectory {
  readonly #head;
  /** What this thread has already looked up: name to address. */
  readonly #known = new Map<string, number>();

  constructor(
    readonly buffer: SharedArrayBuffer,
    readonly base: number,
  ) {
    this.#head = directoryHead.at(buffer, base);
  }

  #entry(index: number) {
    return directoryEntry.at(this.buffer, this.base + directoryHead.size + index * directoryEntry.size);
  }

  /**
   * Address of the block, which is added (zeroed) if it is new. Throws MachineError 'wrong-state' when it is new and the
   * directory is sealed, or when the block there has another version or size.
   */
  open<F extends Record<string, Field>>(layout: BlockLayout<F>, instance = '', options: { transient?: boolean } = {}): number {
    const name = instance === '' ? layout.name : `${layout.name}/${instance}`;
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const address = this.#find(name, layout.version, layout.size) ?? this.#add(name, layout.version, layout.size, options.transient === true);
    this.#known.set(name, address);
    return address;
  }

  #find(name: string, version: number, size: number): number | undefined {
    for (let index = 0; index < this.#head.count; index++) {
      const entry = this.#entry(index);
      if (readName(entry) !== name) continue;
      if (entry.version !== version || entry.bytes !== size) {
        throw new MachineError(
          'wrong-state',
          `Block ${name} has version ${entry.version} (${entry.bytes} bytes) here; version ${version} (${size} bytes) was asked for.`,
        );
      }
      return entry.address;
    }
    return undefined;
  }

  #add(name: string, version: number, size: number, transient: boolean): number {
    const head = this.#head;
    if (head.sealed !== 0) throw new MachineError('wrong-state', `Block ${name} was not declared when the machine was put together.`);
    const bytes = new TextEncoder().encode(name);
    if (bytes.length > nameBytes) throw new RangeError(`The block name ${name} is longer than ${nameBytes} bytes.`);
    if (head.count === maximumEntries || head.used + size > heapBytes) {
      throw new MachineError('no-memory', `There is no room for block ${name} (${size} bytes) among the blocks of this machine.`);
    }
    const entry = this.#entry(head.count);
    entry.name.set(bytes);
    entry.nameLength = bytes.length;
    entry.version = version;
    entry.bytes = size;
    entry.transient = transient ? 1 : 0;
    entry.address = this.base + heapOffset + head.used;
    head.used += size;
    head.count += 1;
    return entry.address;
  }

  /** From now on blocks are only found, never added. */
  seal(): void {
    this.#head.sealed = 1;
  }

  get sealed(): boolean {
    return this.#head.sealed !== 0;
  }

  /** All blocks in the order in which they were declared. */
  list(): BlockEntry[] {
    return Array.from({ length: this.#head.count }, (_, index) => {
      const entry = this.#entry(index);
      return {
        name: readName(entry),
        version: entry.version,
        transient: entry.transient !== 0,
        bytes: new Uint8Array(this.buffer, entry.address, entry.bytes),
      };
    });
  }
}

function readName(entry: { name: Uint8Array<SharedArrayBuffer>; nameLength: number }): string {
  return new TextDecoder().decode(entry.name.slice(0, entry.nameLength));
}
