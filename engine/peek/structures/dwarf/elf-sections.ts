/** Sections of an ELF file (System V ABI, chapter 4), 32 and 64 bits, little-endian. Bounds are checked: a file may say anything. */
import { inflateSync } from 'node:zlib';
import { StructureError } from '../types.ts';

const typeRelocatable = 1;
const sectionNoBits = 8;
const flagCompressed = 1 << 11;
const compressionZlib = 1;
const mostSections = 65_536;
/** A compressed section may say it is larger; that is refused. */
const longestSection = 512 << 20;

interface Header {
  name: number;
  type: number;
  flags: number;
  offset: number;
  size: number;
}

export interface ElfSections {
  readonly is64: boolean;
  /** The bytes of a section; undefined if there is none, or it has none. */
  section(name: string): Uint8Array | undefined;
}

export function readElfSections(file: Uint8Array): ElfSections {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (file.length < 52 || view.getUint32(0, false) !== 0x7f454c46) throw new StructureError('This is no ELF file.');
  const is64 = file[4] === 2;
  if (file[5] !== 1 || (file[4] !== 1 && !is64)) throw new StructureError('Only little-endian ELF files can be read.');
  if (is64 && file.length < 64) throw new StructureError('The ELF file is cut off.');
  if (is64 && view.getUint16(16, true) === typeRelocatable)
    throw new StructureError('A 64-bit object file has to be linked first: its debugging information is not complete.');

  const word = (at: number): number => (is64 ? Number(view.getBigUint64(at, true)) : view.getUint32(at, true));
  const table = word(is64 ? 0x28 : 0x20);
  const entryBytes = view.getUint16(is64 ? 0x3a : 0x2e, true);
  let count = view.getUint16(is64 ? 0x3c : 0x30, true);
  const names = view.getUint16(is64 ? 0x3e : 0x32, true);
  const headerBytes = is64 ? 64 : 40;
  const header = (index: number): Header => {
    const at = table + index * entryBytes;
    if (!Number.isSafeInteger(at) || at + headerBytes > file.length || entryBytes < headerBytes)
      throw new StructureError('The section table of the ELF file lies outside of it.');
    return {
      name: view.getUint32(at, true),
      type: view.getUint32(at + 4, true),
      flags: word(at + 8),
      offset: word(at + (is64 ? 24 : 16)),
      size: word(at + (is64 ? 32 : 20)),
    };
  };
  if (table === 0) return { is64, section: () => undefined };
  // More sections than fit the field: the first header says how many (System V ABI, "extended section numbering").
  if (count === 0) count = header(0).size;
  if (count > mostSections) throw new StructureError('The ELF file has too many sections.');
  const headers = Array.from({ length: count }, (_, index) => header(index));
  const bytesOf = ({ type, offset, size }: Header): Uint8Array => {
    if (type === sectionNoBits) return new Uint8Array(0);
    if (!Number.isSafeInteger(offset + size) || offset + size > file.length)
      throw new StructureError('A section of the ELF file lies outside of it.');
    return file.subarray(offset, offset + size);
  };
  const nameHeader = headers[names];
  const nameBytes = nameHeader === undefined ? new Uint8Array(0) : bytesOf(nameHeader);
  const byName = new Map<string, Header>();
  for (const found of headers) {
    const end = nameBytes.indexOf(0, found.name);
    if (end > found.name) byName.set(Buffer.from(nameBytes.subarray(found.name, end)).toString('latin1'), found);
  }
  return {
    is64,
    section(name) {
      const found = byName.get(name);
      if (found === undefined) return undefined;
      const bytes = bytesOf(found);
      return (found.flags & flagCompressed) === 0 ? bytes : inflated(name, bytes, is64);
    },
  };
}

function inflated(name: string, bytes: Uint8Array, is64: boolean): Uint8Array {
  const headBytes = is64 ? 24 : 12;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < headBytes || view.getUint32(0, true) !== compressionZlib)
    throw new StructureError(`The section ${name} is compressed in a way that cannot be read; only zlib can.`);
  const size = is64 ? Number(view.getBigUint64(8, true)) : view.getUint32(4, true);
  if (size > longestSection) throw new StructureError(`The section ${name} is too large.`);
  try {
    return inflateSync(bytes.subarray(headBytes), { maxOutputLength: Math.max(1, size) });
  } catch (error) {
    throw new StructureError(`The section ${name} is damaged: ${error instanceof Error ? error.message : String(error)}`);
  }
}
