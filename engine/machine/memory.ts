/**
 * The one shared memory of a machine, from low to high addresses:
 *
 *   0          64 KiB   nothing, so that address 0 can mean "none"
 *   64 KiB     header   sizes from which every thread derives the rest
 *              directory of blocks, then the blocks themselves
 *              page arrays: pageRead, pageWrite, pageFlags, pageEpoch (one word per guest-physical page)
 *              ROM images
 *              VRAM
 *              frames of the display device's outputs
 *              the guard's pages (guard-pages.ts)
 *              caches of each vCPU (TLB, jump cache, records): dropped at will, never saved
 *              with several vCPUs: which lines of each page were decoded (code-coherence.ts)
 *              guest RAM
 *
 * The thread that creates the machine makes the memory; every other thread attaches to it. Views are cheap and may be held anywhere.
 */
import { defineBlock, scalar, type BlockView, type Field, type BlockLayout } from '../layout/block.ts';
import { physicalPages } from '../cpu/platform.ts';
import { localApicState } from '../cpu/apic/state.ts';
import { vcpuState } from '../isa/state.ts';
import { guardPagesBytes } from './guard-pages.ts';
import { BlockDirectory, directoryBytes } from './directory.ts';
import { MachineError } from './machine.ts';

export const mebibyte = 1 << 20;
export const pageSize = 4096;
/** Guest RAM ends at the 3 GiB line: above it lie PCI, MMCONFIG, the APICs and the flash. */
export const maximumRamBytes = 3 * 1024 * mebibyte;
/** VRAM of one machine. */
export const vramBytes = 16 * mebibyte;
/** Frames of all outputs of the display device together; a power of two. */
export const scanoutBytes = 32 * mebibyte;
/** TLB, jump cache and decoded records of one vCPU. */
export const cacheBytesPerVcpu = 48 * mebibyte;
/** More would need x2APIC identifiers. */
export const maximumVcpus = 16;

const wasmPage = 65536;
const headerBase = wasmPage;
const memoryMagic = 0x56495452; // 'VITR'

const header = defineBlock('header', 1, {
  magic: scalar('u32'),
  cpus: scalar('u32'),
  ramBytes: scalar('u32'),
  romBytes: scalar('u32'),
});

export interface MemoryShape {
  /** Guest RAM in bytes, a multiple of 1 MiB, 1 MiB to 3 GiB. */
  ramBytes: number;
  cpus: number;
  /** Room for ROM images in bytes. */
  romBytes: number;
}

/** Where each region of the shared memory starts, in bytes; all on page boundaries. */
interface Regions {
  directory: number;
  pageRead: number;
  pageWrite: number;
  pageFlags: number;
  pageEpoch: number;
  rom: number;
  vram: number;
  scanouts: number;
  guardPages: number;
  caches: number;
  /** Two words a page for each vCPU's decoded lines, then a word for the generation; nothing with one vCPU. */
  codeLines: number;
  ram: number;
  end: number;
}

function place(shape: MemoryShape): Regions {
  const pageWords = physicalPages * 4;
  const directory = headerBase + pageSize;
  const pageRead = directory + directoryBytes;
  const rom = pageRead + 4 * pageWords;
  const vram = rom + shape.romBytes;
  const scanouts = vram + vramBytes;
  const guardPages = scanouts + scanoutBytes;
  const caches = guardPages + guardPagesBytes(shape.ramBytes);
  const codeLines = caches + shape.cpus * cacheBytesPerVcpu;
  const ram = codeLines + (shape.cpus > 1 ? 3 * pageWords : 0);
  return {
    directory,
    pageRead,
    pageWrite: pageRead + pageWords,
    pageFlags: pageRead + 2 * pageWords,
    pageEpoch: pageRead + 3 * pageWords,
    rom,
    vram,
    scanouts,
    guardPages,
    caches,
    codeLines,
    ram,
    end: Math.ceil((ram + shape.ramBytes) / wasmPage) * wasmPage,
  };
}

function check(shape: MemoryShape): void {
  const { ramBytes, cpus, romBytes } = shape;
  if (!Number.isInteger(ramBytes) || ramBytes % mebibyte !== 0 || ramBytes < mebibyte || ramBytes > maximumRamBytes) {
    throw new MachineError('bad-configuration', `Guest memory must be whole MiB from 1 MiB to 3 GiB, not ${ramBytes} bytes.`);
  }
  if (!Number.isInteger(cpus) || cpus < 1 || cpus > maximumVcpus) {
    throw new MachineError('bad-configuration', `A machine has 1 to ${maximumVcpus} virtual CPUs, not ${cpus}.`);
  }
  if (!Number.isInteger(romBytes) || romBytes < 0 || romBytes % pageSize !== 0) {
    throw new MachineError('bad-configuration', `Room for ROM images must be whole pages, not ${romBytes} bytes.`);
  }
}

export class MachineMemory {
  readonly buffer: SharedArrayBuffer;
  readonly directory: BlockDirectory;
  readonly shape: MemoryShape;
  readonly pageRead: Uint32Array<SharedArrayBuffer>;
  readonly pageWrite: Uint32Array<SharedArrayBuffer>;
  readonly pageFlags: Int32Array<SharedArrayBuffer>;
  readonly pageEpoch: Uint32Array<SharedArrayBuffer>;
  /** Guest RAM from address 0 up. */
  readonly ram: Uint8Array<SharedArrayBuffer>;
  readonly rom: Uint8Array<SharedArrayBuffer>;
  readonly vram: Uint8Array<SharedArrayBuffer>;
  readonly scanoutMemory: Uint8Array<SharedArrayBuffer>;
  readonly guardPages: Uint8Array<SharedArrayBuffer>;
  /** All of the memory as words, for Atomics: index is address / 4. */
  readonly words: Int32Array<SharedArrayBuffer>;
  /** Address in the shared memory of guest-physical address 0, of the ROM area and of VRAM. */
  readonly ramBase: number;
  readonly romBase: number;
  readonly vramBase: number;
  readonly scanoutBase: number;
  readonly guardPagesBase: number;
  readonly #regions: Regions;

  private constructor(
    readonly memory: WebAssembly.Memory,
    shape: MemoryShape,
  ) {
    const buffer: unknown = memory.buffer;
    if (!(buffer instanceof SharedArrayBuffer)) throw new TypeError('The memory of a machine must be shared.');
    const regions = place(shape);
    this.buffer = buffer;
    this.shape = shape;
    this.#regions = regions;
    this.directory = new BlockDirectory(buffer, regions.directory);
    this.pageRead = new Uint32Array(buffer, regions.pageRead, physicalPages);
    this.pageWrite = new Uint32Array(buffer, regions.pageWrite, physicalPages);
    this.pageFlags = new Int32Array(buffer, regions.pageFlags, physicalPages);
    this.pageEpoch = new Uint32Array(buffer, regions.pageEpoch, physicalPages);
    this.ram = new Uint8Array(buffer, regions.ram, shape.ramBytes);
    this.rom = new Uint8Array(buffer, regions.rom, shape.romBytes);
    this.vram = new Uint8Array(buffer, regions.vram, vramBytes);
    this.scanoutMemory = new Uint8Array(buffer, regions.scanouts, scanoutBytes);
    this.guardPages = new Uint8Array(buffer, regions.guardPages, guardPagesBytes(shape.ramBytes));
    this.words = new Int32Array(buffer, 0, buffer.byteLength / 4);
    this.ramBase = regions.ram;
    this.romBase = regions.rom;
    this.vramBase = regions.vram;
    this.scanoutBase = regions.scanouts;
    this.guardPagesBase = regions.guardPages;
  }

  /**
   * Allocates the memory of a machine; everything is zero. Throws MachineError 'bad-configuration' for a shape that cannot
   * be, and 'no-memory' when the host refuses.
   */
  static create(shape: MemoryShape): MachineMemory {
    check(shape);
    const pages = place(shape).end / wasmPage;
    if (pages > 65536) {
      throw new MachineError(
        'bad-configuration',
        `${shape.ramBytes / mebibyte} MiB of guest memory and the caches of ${shape.cpus} virtual CPUs do not fit in 4 GiB together.`,
      );
    }
    let memory: WebAssembly.Memory;
    try {
      memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    } catch (cause) {
      throw new MachineError(
        'no-memory',
        `The host has no room for a machine with ${shape.ramBytes / mebibyte} MiB of guest memory (${pages / 16} MiB in all, in one piece).`,
        { cause },
      );
    }
    const result = new MachineMemory(memory, shape);
    const head = header.at(result.buffer, headerBase);
    head.magic = memoryMagic;
    head.cpus = shape.cpus;
    head.ramBytes = shape.ramBytes;
    head.romBytes = shape.romBytes;
    for (let cpu = 0; cpu < shape.cpus; cpu++) {
      result.directory.open(vcpuState, String(cpu));
      result.directory.open(localApicState, String(cpu));
    }
    return result;
  }

  /** The same memory seen from another thread. */
  static attach(memory: WebAssembly.Memory): MachineMemory {
    const buffer: unknown = memory.buffer;
    if (!(buffer instanceof SharedArrayBuffer)) throw new TypeError('The memory of a machine must be shared.');
    const head = header.at(buffer, headerBase);
    if (head.magic !== memoryMagic) throw new TypeError('This memory does not hold a machine.');
    return new MachineMemory(memory, { ramBytes: head.ramBytes, cpus: head.cpus, romBytes: head.romBytes });
  }

  /** A saved block; the same layout and instance always give the same bytes. */
  block<F extends Record<string, Field>>(layout: BlockLayout<F>, instance = ''): BlockView<F> {
    return layout.at(this.buffer, this.directory.open(layout, instance));
  }

  /** A block that is neither saved nor part of the digest: host times, doorbells, output on its way out. */
  transientBlock<F extends Record<string, Field>>(layout: BlockLayout<F>, instance = ''): BlockView<F> {
    return layout.at(this.buffer, this.directory.open(layout, instance, { transient: true }));
  }

  /** Indices in `words` of what code-coherence.ts keeps of each page; undefined with one vCPU. */
  get codeLines(): { lines: number; generations: number } | undefined {
    if (this.shape.cpus === 1) return undefined;
    const lines = this.#regions.codeLines >>> 2;
    return { lines, generations: lines + 2 * physicalPages };
  }

  /** The caches of one vCPU: address and size in bytes. */
  caches(cpu: number): { base: number; bytes: number } {
    if (!(cpu >= 0 && cpu < this.shape.cpus)) throw new RangeError(`There is no virtual CPU ${cpu}.`);
    return { base: this.#regions.caches + cpu * cacheBytesPerVcpu, bytes: cacheBytesPerVcpu };
  }
}
