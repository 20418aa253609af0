/**
 * Kernels that follow the Linux/x86 boot protocol, 2.02 and later (Documentation/arch/x86/boot.rst of the kernel), entered at
 * their 32-bit entry point with a zero page. memtest86+ has such a header as well.
 */
import { MachineError } from '../machine/machine.ts';
import { planBios } from './bios.ts';
import type { BootPlan, GuestMemory, PlacedBytes } from './boot-plan.ts';
import { bootTable, flatEntry } from './entry-state.ts';
import { findRoom, lowMemoryEnd, mebibyte, requireLoadable, describeSize, type Range } from './loadable.ts';
import { zeroPage } from './zero-page.ts';

const sectorBytes = 512;
/** "HdrS" */
const headerMagic = 0x53726448;
const oldestVersion = 0x0202;

/** Offsets in the file of the fields of the setup header that we read; section "Details of header fields". */
const field = {
  setupSectors: 0x1f1,
  paragraphs: 0x1f4,
  jumpLength: 0x201,
  magic: 0x202,
  version: 0x206,
  loadFlags: 0x211,
  code32Start: 0x214,
  initrdAddressMaximum: 0x22c,
  relocatable: 0x234,
  commandLineSize: 0x238,
  initSize: 0x260,
} as const;
const headerStart = 0x1f1;
/** Where the header ends is told by the jump over it. */
const jumpEnd = 0x202;
const shortestHeaderEnd = 0x22c;
const loadedHigh = 1 << 0;
/** "If this field contains 0, the real value is 4." */
const defaultSetupSectors = 4;
const defaultCommandLineSize = 255;
const defaultInitrdMaximum = 0x37ffffff;

/** Versions that brought a field. */
const since = { initrdMaximum: 0x0203, relocatable: 0x0205, commandLineSize: 0x0206, initSize: 0x020a } as const;

export interface LinuxHeader {
  /** 0x020F is 2.15. */
  readonly version: number;
  /** File offset of the protected-mode part. */
  readonly kernelOffset: number;
  readonly loadFlags: number;
  readonly code32Start: number;
  readonly initrdAddressMaximum: number;
  readonly relocatable: boolean;
  readonly commandLineSize: number;
  /** Memory the kernel uses from its load address on, before it has read the memory map. */
  readonly initSize: number;
  /** The header's bytes, as they go to offset 0x1F1 of the zero page. */
  readonly bytes: Uint8Array;
}

/** True when the setup header's magic is where it should be. */
export function isLinux(image: Uint8Array): boolean {
  return image.length >= field.magic + 4 && new DataView(image.buffer, image.byteOffset).getUint32(field.magic, true) === headerMagic;
}

/** Throws MachineError when the file has no setup header, or a protocol we cannot boot. */
export function readLinuxHeader(image: Uint8Array): LinuxHeader {
  if (!isLinux(image)) throw new MachineError('bad-image', 'The image has no Linux setup header.');
  if (image.length < shortestHeaderEnd) throw new MachineError('bad-image', 'The kernel is cut short: its setup header is not complete.');
  const view = new DataView(image.buffer, image.byteOffset, image.length);
  const version = view.getUint16(field.version, true);
  if (version < oldestVersion) {
    throw new MachineError('not-supported', `The kernel speaks boot protocol ${version >> 8}.${version & 0xff}; 2.2 is the oldest we can boot.`);
  }
  const end = jumpEnd + view.getUint8(field.jumpLength);
  if (end < shortestHeaderEnd || end > image.length) {
    throw new MachineError('bad-image', 'The kernel is cut short: its setup header is not complete.');
  }
  const has = (offset: number, from: number) => version >= from && offset + 4 <= end;
  return {
    version,
    kernelOffset: ((view.getUint8(field.setupSectors) || defaultSetupSectors) + 1) * sectorBytes,
    loadFlags: view.getUint8(field.loadFlags),
    code32Start: view.getUint32(field.code32Start, true),
    initrdAddressMaximum: has(field.initrdAddressMaximum, since.initrdMaximum)
      ? view.getUint32(field.initrdAddressMaximum, true)
      : defaultInitrdMaximum,
    relocatable: has(field.relocatable, since.relocatable) && view.getUint8(field.relocatable) !== 0,
    commandLineSize: has(field.commandLineSize, since.commandLineSize) ? view.getUint32(field.commandLineSize, true) : defaultCommandLineSize,
    initSize: has(field.initSize, since.initSize) ? view.getUint32(field.initSize, true) : 0,
    bytes: image.slice(headerStart, end),
  };
}

/** Low memory as the protocol's own example has it: zero page, GDT and command line below 640 KiB, kernel at 1 MiB. */
const zeroPageAddress = 0x10000;
const tableAddress = 0x11000;
/** Where our firmware finds how to enter the kernel: pointer to the table (limit, base), then the entry at offset 8. */
const entryRecordAddress = tableAddress + 0x80;
const commandLineAddress = 0x20000;
const pageBytes = 4096;

function entryRecord(entry: number): Uint8Array {
  const bytes = new Uint8Array(12);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, bootTable().length - 1, true);
  view.setUint32(2, tableAddress, true);
  view.setUint32(8, entry, true);
  return bytes;
}

/** As high as it may go: "initrd should be located as high as possible". */
function placeInitrd(initrd: Uint8Array, header: LinuxHeader, kernel: Range, memoryBytes: number): number {
  const ceiling = Math.min(header.initrdAddressMaximum + 1, memoryBytes);
  const address = Math.floor((ceiling - initrd.length) / pageBytes) * pageBytes;
  if (address < findRoom(kernel.end, 0, [])) {
    throw new MachineError(
      'too-large',
      `The initrd (${describeSize(initrd.length)}) does not fit behind the kernel below ${describeSize(ceiling)}; give the machine more memory.`,
    );
  }
  return address;
}

/** Loads kernel, initrd, command line and zero page. Throws MachineError when one of them is damaged or does not fit. */
export function planLinux(
  image: Uint8Array,
  memory: GuestMemory,
  options: { initrd?: Uint8Array; commandLine?: string; firmware?: { image: Uint8Array; vgaBios?: Uint8Array } } = {},
): BootPlan {
  const header = readLinuxHeader(image);
  if ((header.loadFlags & loadedHigh) === 0) {
    throw new MachineError('not-supported', 'The kernel is an old zImage, which is loaded below 1 MiB; only bzImage kernels can be booted.');
  }
  if (header.code32Start < mebibyte) throw new MachineError('bad-image', 'The kernel asks to be entered below 1 MiB.');
  if (image.length <= header.kernelOffset) {
    throw new MachineError('bad-image', 'The kernel is cut short: nothing follows its setup sectors.');
  }
  const view = new DataView(image.buffer, image.byteOffset, image.length);
  const code = image.subarray(header.kernelOffset);
  const promised = view.getUint32(field.paragraphs, true) * 16;
  // The last paragraph need not be whole.
  if (header.version >= 0x0204 && code.length + 15 < promised) {
    throw new MachineError(
      'bad-image',
      `The kernel is cut short: its header promises ${describeSize(promised)} of code, the file has ${describeSize(code.length)}.`,
    );
  }
  requireLoadable('The kernel', header.code32Start, Math.max(code.length, header.initSize), memory.bytes);
  const kernel: Range = { start: header.code32Start, end: header.code32Start + Math.max(code.length, header.initSize) };
  const writes: PlacedBytes[] = [{ address: kernel.start, bytes: code }];

  const commandLine = new TextEncoder().encode(`${options.commandLine ?? ''}\0`);
  if (commandLine.length - 1 > header.commandLineSize) {
    throw new MachineError('too-large', `The command line has ${commandLine.length - 1} bytes; this kernel takes at most ${header.commandLineSize}.`);
  }
  requireLoadable('The command line', commandLineAddress, commandLine.length, memory.bytes);
  writes.push({ address: commandLineAddress, bytes: commandLine }, { address: tableAddress, bytes: bootTable() });

  const { initrd } = options;
  const initrdAddress = initrd === undefined || initrd.length === 0 ? 0 : placeInitrd(initrd, header, kernel, memory.bytes);
  if (initrd !== undefined && initrdAddress !== 0) writes.push({ address: initrdAddress, bytes: initrd });

  writes.push({
    address: zeroPageAddress,
    bytes: zeroPage({
      header: header.bytes,
      memory,
      commandLineAddress,
      initrd: { address: initrdAddress, size: initrdAddress === 0 ? 0 : (initrd?.length ?? 0) },
    }),
  });
  const title = `Linux boot protocol ${header.version >> 8}.${header.version & 0xff}`;
  const { firmware } = options;
  if (firmware !== undefined) {
    const { roms, videoRom } = planBios(firmware.image, firmware.vgaBios);
    writes.push({ address: entryRecordAddress, bytes: entryRecord(header.code32Start) });
    return { title, writes, roms, videoRom, legacyState: false, throughFirmware: true, registers: undefined };
  }
  return {
    title,
    writes,
    roms: [],
    videoRom: undefined,
    legacyState: true,
    registers: flatEntry({ eip: header.code32Start, esi: zeroPageAddress, esp: lowMemoryEnd }, tableAddress),
  };
}
