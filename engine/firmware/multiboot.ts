/** Kernels that follow the Multiboot specification, version 0.6.96 (Multiboot 1). */
import { MachineError } from '../machine/machine.ts';
import type { BootPlan, GuestMemory, PlacedBytes } from './boot-plan.ts';
import { isElf, readElf } from './elf.ts';
import { bootTable, flatEntry } from './entry-state.ts';
import { multibootInformation, type MultibootModule } from './multiboot-information.ts';
import { describeAddress, findRoom, lowMemoryEnd, mebibyte, requireLoadable, type Range } from './loadable.ts';

/** Section 3.1.1: the header lies in the first 8 KiB, on a 4-byte boundary. */
const searchBytes = 8192;
const headerMagic = 0x1badb002;
/** Section 3.2: EAX at entry. */
const loaderMagic = 0x2badb002;

/** Section 3.1.2, flags. */
const enum HeaderFlag {
  pageAlignModules = 1 << 0,
  memoryInformation = 1 << 1,
  videoMode = 1 << 2,
  addressFields = 1 << 16,
}
/** The lower half are requirements: an unknown one has to be refused. A text console satisfies `videoMode` as a preference. */
const knownRequirements = HeaderFlag.pageAlignModules | HeaderFlag.memoryInformation | HeaderFlag.videoMode;
const requirementMask = 0xffff;

const minimumHeaderBytes = 12;
const addressHeaderBytes = 32;
const videoHeaderBytes = 48;
/** Section 3.1.4: mode_type 0 asks for a linear framebuffer, 1 for EGA text. */
const videoModeText = 1;

export interface MultibootHeader {
  /** Offset of the header in the image. */
  readonly offset: number;
  readonly flags: number;
}

/** Finds the header, or undefined. */
export function findMultibootHeader(image: Uint8Array): MultibootHeader | undefined {
  const view = new DataView(image.buffer, image.byteOffset, image.length);
  const last = Math.min(image.length, searchBytes) - minimumHeaderBytes;
  for (let offset = 0; offset <= last; offset += 4) {
    if (view.getUint32(offset, true) !== headerMagic) continue;
    const flags = view.getUint32(offset + 4, true);
    const checksum = view.getUint32(offset + 8, true);
    if ((headerMagic + flags + checksum) >>> 0 === 0) return { offset, flags };
  }
  return undefined;
}

interface LoadedKernel {
  readonly entry: number;
  readonly writes: readonly PlacedBytes[];
  /** Occupied memory, bss included. */
  readonly ranges: readonly Range[];
  readonly format: string;
}

/** Section 3.1.3: load by the address fields, whatever the file's own format is. */
function loadByAddresses(image: Uint8Array, header: MultibootHeader, memoryBytes: number): LoadedKernel {
  if (header.offset + addressHeaderBytes > image.length) {
    throw new MachineError('bad-image', 'The Multiboot header is cut short: its address fields are not complete.');
  }
  const view = new DataView(image.buffer, image.byteOffset + header.offset);
  const headerAddress = view.getUint32(12, true);
  const loadAddress = view.getUint32(16, true);
  const loadEnd = view.getUint32(20, true);
  const bssEnd = view.getUint32(24, true);
  const entry = view.getUint32(28, true);

  if (loadAddress > headerAddress) {
    throw new MachineError('bad-image', 'The Multiboot header lies outside of what it says is to be loaded.');
  }
  const fileStart = header.offset - (headerAddress - loadAddress);
  if (fileStart < 0) throw new MachineError('bad-image', 'The Multiboot load address lies before the start of the file.');
  const size = loadEnd === 0 ? image.length - fileStart : loadEnd - loadAddress;
  if (size <= 0) throw new MachineError('bad-image', 'The Multiboot load end address lies before the load address.');
  if (fileStart + size > image.length) {
    throw new MachineError(
      'bad-image',
      `The kernel is cut short: its Multiboot header asks for ${fileStart + size} bytes, the file has ${image.length}.`,
    );
  }
  const end = loadAddress + size;
  if (bssEnd !== 0 && bssEnd < end) {
    throw new MachineError('bad-image', 'The Multiboot bss end address lies before the end of what is loaded.');
  }
  const memoryEnd = bssEnd === 0 ? end : bssEnd;
  if (entry < loadAddress || entry >= memoryEnd) {
    throw new MachineError('bad-image', `The Multiboot entry address ${describeAddress(entry)} lies outside of the kernel.`);
  }
  requireLoadable('The kernel', loadAddress, memoryEnd - loadAddress, memoryBytes);
  const bytes = new Uint8Array(memoryEnd - loadAddress);
  bytes.set(image.subarray(fileStart, fileStart + size));
  return { entry, writes: [{ address: loadAddress, bytes }], ranges: [{ start: loadAddress, end: memoryEnd }], format: 'flat' };
}

function loadElf(image: Uint8Array, memoryBytes: number): LoadedKernel {
  const executable = readElf(image);
  for (const segment of executable.segments) {
    requireLoadable('The kernel', segment.physicalAddress, segment.memorySize, memoryBytes);
  }
  const writes = executable.segments.map((segment) => {
    const bytes = new Uint8Array(segment.memorySize);
    bytes.set(segment.bytes);
    return { address: segment.physicalAddress, bytes };
  });
  return {
    entry: executable.entry,
    writes,
    ranges: writes.map(({ address, bytes }) => ({ start: address, end: address + bytes.length })),
    format: 'ELF',
  };
}

/** Below it lie the interrupt table, the BIOS data area, and a page of slack for old habits. */
const lowestInformation = 0x2000;

/**
 * Loads the kernel, its module (the initrd, if any), the information structure and a GDT.
 * Throws MachineError when the image is no Multiboot kernel, is damaged, or does not fit the memory.
 */
export function planMultiboot(
  image: Uint8Array,
  memory: GuestMemory,
  options: { initrd?: Uint8Array; commandLine?: string } = {},
): BootPlan {
  const header = findMultibootHeader(image);
  if (header === undefined) {
    throw new MachineError('bad-image', 'The image has no Multiboot header in its first 8 KiB.');
  }
  const unknown = header.flags & requirementMask & ~knownRequirements;
  if (unknown !== 0) {
    throw new MachineError('not-supported', `The kernel requires Multiboot features we do not have (flags 0x${unknown.toString(16)}).`);
  }
  if ((header.flags & HeaderFlag.videoMode) !== 0 && header.offset + videoHeaderBytes <= image.length) {
    const modeType = new DataView(image.buffer, image.byteOffset + header.offset).getUint32(32, true);
    if (modeType > videoModeText) throw new MachineError('bad-image', `The Multiboot header asks for the unknown video mode type ${modeType}.`);
  }
  const useAddresses = (header.flags & HeaderFlag.addressFields) !== 0;
  if (!useAddresses && !isElf(image)) {
    throw new MachineError('bad-image', 'The Multiboot kernel is not an ELF file and its header has no address fields, so we cannot tell where to load it.');
  }
  const kernel = useAddresses ? loadByAddresses(image, header, memory.bytes) : loadElf(image, memory.bytes);
  const taken = [...kernel.ranges];
  const writes = [...kernel.writes];

  const modules: MultibootModule[] = [];
  if (options.initrd !== undefined) {
    const start = findRoom(mebibyte, options.initrd.length, taken);
    requireLoadable('The initrd', start, options.initrd.length, memory.bytes);
    const range = { start, end: start + options.initrd.length };
    taken.push(range);
    writes.push({ address: start, bytes: options.initrd });
    modules.push({ ...range, commandLine: '' });
  }

  const contents = { memory, commandLine: options.commandLine ?? '', modules };
  const table = bootTable();
  const size = multibootInformation(contents, 0).length + table.length;
  const tableAddress = findRoom(lowestInformation, size, taken);
  if (tableAddress + size > lowMemoryEnd) {
    throw new MachineError('too-large', 'The kernel leaves no conventional memory for the Multiboot information structure.');
  }
  const informationAddress = tableAddress + table.length;
  writes.push({ address: tableAddress, bytes: table });
  writes.push({ address: informationAddress, bytes: multibootInformation(contents, informationAddress) });

  return {
    title: `Multiboot kernel (${kernel.format})`,
    writes,
    roms: [],
    videoRom: undefined,
    legacyState: true,
    registers: flatEntry({ eip: kernel.entry, eax: loaderMagic, ebx: informationAddress }, tableAddress),
  };
}
