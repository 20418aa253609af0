/** Symbols and line numbers of a 32-bit ELF file (System V ABI, chapter 4). */
import { readLineProgram } from './dwarf-line.ts';
import { SymbolError, type LineEntry, type SymbolEntry, type SymbolFile } from './symbol-table.ts';

const header = { class: 4, data: 5, machine: 18, sections: 32, sectionSize: 46, sectionCount: 48, names: 50, bytes: 52 } as const;
const section = { name: 0, type: 4, offset: 16, size: 20, link: 24, bytes: 40 } as const;
const symbol = { name: 0, value: 4, size: 8, info: 12, section: 14, bytes: 16 } as const;
const typeSymbols = 2;
/** st_info types: NOTYPE, OBJECT, FUNC. */
const kinds: Readonly<Record<number, SymbolEntry['kind']>> = { 0: 'other', 1: 'data', 2: 'code' };
const machine386 = 3;

interface Section {
  readonly name: number;
  readonly type: number;
  readonly link: number;
  readonly bytes: Uint8Array;
}

export function isElf(bytes: Uint8Array): boolean {
  return bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;
}

function textAt(bytes: Uint8Array | undefined, offset: number): string {
  if (bytes === undefined) return '';
  const end = bytes.indexOf(0, offset);
  return Buffer.from(bytes.subarray(offset, end < 0 ? bytes.length : end)).toString('utf8');
}

/** Throws SymbolError. A file that was stripped has nothing, which is an error as well. */
export function readElfSymbols(bytes: Uint8Array): SymbolFile {
  if (bytes.length < header.bytes) throw new SymbolError('The ELF file is cut short.');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes[header.class] !== 1 || bytes[header.data] !== 1 || view.getUint16(header.machine, true) !== machine386) {
    throw new SymbolError('The ELF file is not a 32-bit one for the x86.');
  }
  const start = view.getUint32(header.sections, true);
  const size = view.getUint16(header.sectionSize, true);
  const count = view.getUint16(header.sectionCount, true);
  if (count > 0 && (size < section.bytes || start + count * size > bytes.length))
    throw new SymbolError('The ELF file is cut short: its sections are not there.');
  const sections = Array.from({ length: count }, (_, index): Section => {
    const at = start + index * size;
    const from = view.getUint32(at + section.offset, true);
    const length = view.getUint32(at + section.size, true);
    // Sections without bytes (.bss) have sizes that are not in the file.
    const inFile = from + length <= bytes.length;
    return {
      name: view.getUint32(at + section.name, true),
      type: view.getUint32(at + section.type, true),
      link: view.getUint32(at + section.link, true),
      bytes: inFile ? bytes.subarray(from, from + length) : new Uint8Array(0),
    };
  });
  const names = sections[view.getUint16(header.names, true)]?.bytes;
  const named = (name: string): Uint8Array | undefined => sections.find((each) => textAt(names, each.name) === name)?.bytes;
  const symbols = sections
    .filter(({ type }) => type === typeSymbols)
    .flatMap((each) => symbolsOf(each.bytes, sections[each.link]?.bytes));
  const program = named('.debug_line');
  let lines: LineEntry[] = [];
  if (program !== undefined && program.length > 0)
    lines = readLineProgram(program, { str: named('.debug_str'), lineStr: named('.debug_line_str') });
  if (symbols.length === 0 && lines.length === 0) throw new SymbolError('The ELF file has no symbols: it was stripped.');
  return { symbols, lines };
}

function symbolsOf(bytes: Uint8Array, names: Uint8Array | undefined): SymbolEntry[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const result: SymbolEntry[] = [];
  for (let at = 0; at + symbol.bytes <= bytes.length; at += symbol.bytes) {
    const kind = kinds[view.getUint8(at + symbol.info) & 15];
    const name = textAt(names, view.getUint32(at + symbol.name, true));
    // Undefined ones, and ranges of section numbers that mean something else than a section.
    const place = view.getUint16(at + symbol.section, true);
    if (kind === undefined || name === '' || place === 0 || place >= 0xff00) continue;
    result.push({ name, address: view.getUint32(at + symbol.value, true), size: view.getUint32(at + symbol.size, true), kind });
  }
  return result;
}
