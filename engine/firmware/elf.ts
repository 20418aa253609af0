/** Program headers of a 32-bit x86 ELF executable (System V ABI, chapters 4 and 5; i386 supplement). */
import { MachineError } from '../machine/machine.ts';

const elfMagic = 0x464c457f;
const headerBytes = 52;
const programHeaderBytes = 32;
/** e_ident[EI_CLASS], e_ident[EI_DATA] and the fields used here. */
const ident = { class: 4, data: 5 } as const;
const field = { type: 16, machine: 18, entry: 24, programHeaders: 28, programHeaderSize: 42, programHeaderCount: 44 } as const;
const segmentField = { type: 0, offset: 4, virtual: 8, physical: 12, fileSize: 16, memorySize: 20 } as const;
const class32 = 1;
const littleEndian = 1;
const typeExecutable = 2;
const machine386 = 3;
const segmentLoad = 1;

export interface ElfSegment {
  readonly virtualAddress: number;
  readonly physicalAddress: number;
  readonly bytes: Uint8Array;
  /** At least bytes.length; the rest is zero. */
  readonly memorySize: number;
}

export interface ElfExecutable {
  /** Physical address of the entry point. */
  readonly entry: number;
  readonly segments: readonly ElfSegment[];
}

export function isElf(image: Uint8Array): boolean {
  return image.length >= 4 && new DataView(image.buffer, image.byteOffset).getUint32(0, true) === elfMagic;
}

/** Throws MachineError ('bad-image') when the file is cut short, of another class or machine, or has nothing to load. */
export function readElf(image: Uint8Array): ElfExecutable {
  const refuse = (sentence: string) => new MachineError('bad-image', sentence);
  if (image.length < headerBytes) throw refuse('The ELF file is cut short: its header is not complete.');
  const view = new DataView(image.buffer, image.byteOffset, image.length);
  if (view.getUint8(ident.class) !== class32) throw refuse('The ELF file is not a 32-bit one; a Multiboot kernel has to be.');
  if (view.getUint8(ident.data) !== littleEndian || view.getUint16(field.machine, true) !== machine386) {
    throw refuse('The ELF file is not for the x86.');
  }
  if (view.getUint16(field.type, true) !== typeExecutable) throw refuse('The ELF file is not an executable.');

  const start = view.getUint32(field.programHeaders, true);
  const size = view.getUint16(field.programHeaderSize, true);
  const count = view.getUint16(field.programHeaderCount, true);
  if (count > 0 && (size < programHeaderBytes || start + count * size > image.length)) {
    throw refuse('The ELF file is cut short: its program headers are not complete.');
  }
  const segments: ElfSegment[] = [];
  for (let index = 0; index < count; index++) {
    const at = start + index * size;
    const memorySize = view.getUint32(at + segmentField.memorySize, true);
    if (view.getUint32(at + segmentField.type, true) !== segmentLoad || memorySize === 0) continue;
    const offset = view.getUint32(at + segmentField.offset, true);
    const fileSize = view.getUint32(at + segmentField.fileSize, true);
    if (offset + fileSize > image.length) {
      throw refuse(`The ELF file is cut short: segment ${index} ends behind the end of the file.`);
    }
    if (fileSize > memorySize) throw refuse(`Segment ${index} of the ELF file is larger in the file than in memory.`);
    segments.push({
      virtualAddress: view.getUint32(at + segmentField.virtual, true),
      physicalAddress: view.getUint32(at + segmentField.physical, true),
      bytes: image.subarray(offset, offset + fileSize),
      memorySize,
    });
  }
  if (segments.length === 0) throw refuse('The ELF file has no segment to load.');

  const entry = view.getUint32(field.entry, true);
  const home = segments.find((segment) => entry >= segment.virtualAddress && entry - segment.virtualAddress < segment.memorySize);
  if (home === undefined) throw refuse("The ELF file's entry point lies in none of its segments.");
  return { entry: entry - home.virtualAddress + home.physicalAddress, segments };
}
