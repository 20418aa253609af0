/**
 * The zero page (struct boot_params) of the Linux boot protocol: Documentation/arch/x86/zero-page.rst, and for screen_info
 * include/uapi/linux/screen_info.h of the kernel.
 */
import { memoryRangeType } from '../machine/boot-context.ts';
import type { GuestMemory } from './boot-plan.ts';
import { mebibyte } from './loadable.ts';

const pageBytes = 4096;
const kibibyte = 1024;

const screenField = {
  cursorX: 0x00,
  cursorY: 0x01,
  /** Memory above 1 MiB in KiB, 16 bits, as INT 15h AH=88h had it. */
  extendedMemory: 0x02,
  displayPage: 0x04,
  mode: 0x06,
  columns: 0x07,
  lines: 0x0e,
  isVga: 0x0f,
  points: 0x10,
} as const;
const field = {
  alternativeMemory: 0x1e0,
  mapEntries: 0x1e8,
  header: 0x1f1,
  loaderType: 0x210,
  loadFlags: 0x211,
  initrdAddress: 0x218,
  initrdSize: 0x21c,
  heapEnd: 0x224,
  commandLine: 0x228,
  map: 0x2d0,
} as const;

/** "0xFF: no assigned ID". */
const loaderUnknown = 0xff;
const canUseHeap = 1 << 7;
const heapEndOffset = 0xe000 - 0x200;
const mapEntryBytes = 20;
const maximumMapEntries = 128;
const largestInSixteenBits = 0xffff;

export interface ZeroPageContents {
  /** The kernel's own setup header from file offset 0x1F1 on. */
  header: Uint8Array;
  memory: GuestMemory;
  commandLineAddress: number;
  /** Both zero: no initrd. */
  initrd: { address: number; size: number };
}

/** The page's 4096 bytes. The screen is VGA text mode 3 with the cursor at the top left. */
export function zeroPage(contents: ZeroPageContents): Uint8Array {
  const bytes = new Uint8Array(pageBytes);
  const view = new DataView(bytes.buffer);
  bytes.set(contents.header, field.header);

  const extended = (contents.memory.bytes - mebibyte) / kibibyte;
  view.setUint16(screenField.extendedMemory, Math.min(extended, largestInSixteenBits), true);
  view.setUint8(screenField.mode, 3);
  view.setUint8(screenField.columns, 80);
  view.setUint8(screenField.lines, 25);
  view.setUint8(screenField.isVga, 1);
  view.setUint16(screenField.points, 16, true);
  view.setUint32(field.alternativeMemory, extended, true);

  view.setUint8(field.loaderType, loaderUnknown);
  view.setUint8(field.loadFlags, view.getUint8(field.loadFlags) | canUseHeap);
  view.setUint16(field.heapEnd, heapEndOffset, true);
  view.setUint32(field.commandLine, contents.commandLineAddress, true);
  view.setUint32(field.initrdAddress, contents.initrd.address, true);
  view.setUint32(field.initrdSize, contents.initrd.size, true);

  const map = contents.memory.map.slice(0, maximumMapEntries);
  view.setUint8(field.mapEntries, map.length);
  for (const [index, range] of map.entries()) {
    const at = field.map + index * mapEntryBytes;
    view.setBigUint64(at, BigInt(range.base), true);
    view.setBigUint64(at + 8, BigInt(range.size), true);
    view.setUint32(at + 16, memoryRangeType[range.kind], true);
  }
  return bytes;
}
