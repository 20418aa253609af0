/** Symbols of texts: GNU ld's map files, NASM's map files, System.map and the output of nm, and assembler listings (ours and NASM's). */
import { SymbolError, type LineEntry, type SymbolEntry, type SymbolFile } from './symbol-table.ts';

const entry = (name: string, address: number, kind: SymbolEntry['kind'] = 'other'): SymbolEntry => ({
  name,
  address: address >>> 0,
  size: 0,
  kind,
});
const hexadecimal = (text: string): number => Number.parseInt(text, 16);

function linesOf(text: string): string[] {
  return text.split(/\r?\n/u);
}

/** "                0x00100010                start" below "Linker script and memory map". */
function gnuMap(text: string): SymbolEntry[] {
  const result: SymbolEntry[] = [];
  for (const line of linesOf(text.slice(text.indexOf('Linker script and memory map')))) {
    const match = /^\s+0x([0-9a-f]{8,16})\s+([A-Za-z_.$][\w.$@]*)(?:\s*=\s*.*)?$/u.exec(line);
    if (match?.[1] !== undefined && match[2] !== undefined && match[2] !== '.')
      result.push(entry(match[2], hexadecimal(match[1])));
  }
  return result;
}

/** "            7C00              7C00  start" under "Section"; constants have no section and are no places. */
function nasmMap(text: string): SymbolEntry[] {
  const result: SymbolEntry[] = [];
  let section = '';
  for (const line of linesOf(text)) {
    const heading = /^---- (?:Section (\S+)|(No Section)) -/u.exec(line);
    if (heading !== null) section = heading[1] ?? '';
    const match = /^\s*([0-9A-F]+)\s+([0-9A-F]+)\s+(\S+)$/u.exec(line);
    if (section === '' || match?.[2] === undefined || match[3] === undefined) continue;
    result.push(entry(match[3], hexadecimal(match[2]), section === '.text' ? 'code' : 'other'));
  }
  return result;
}

/** "00100010 T start". */
function nmLines(text: string): SymbolEntry[] {
  const result: SymbolEntry[] = [];
  for (const line of linesOf(text)) {
    const match = /^([0-9a-f]{8,16}) ([A-Za-z]) (\S+)/u.exec(line);
    if (match?.[1] === undefined || match[3] === undefined) continue;
    const kind = /[tTwW]/u.test(match[2] ?? '') ? 'code' : /[dDbBrR]/u.test(match[2] ?? '') ? 'data' : 'other';
    result.push(entry(match[3], hexadecimal(match[1]), kind));
  }
  return result;
}

/** "     3 00007C00 B80100                  start: mov ax, 1": number, address, bytes, level of a macro, source. */
function listing(text: string, name: string): SymbolFile {
  const symbols: SymbolEntry[] = [];
  const lines: LineEntry[] = [];
  let global = '';
  let waiting: string[] = [];
  let end = 0;
  const bind = (address: number): void => {
    for (const label of waiting) symbols.push(entry(label, address, 'code'));
    waiting = [];
  };
  for (const row of linesOf(text)) {
    const match = /^\s*(\d+)(?: ([0-9A-F]{8}) ([0-9A-F<>()[\]a-z ?]*?)(-)?)?(?:\s+(?:<\d+>)?\s*(.*))?$/u.exec(row);
    if (match === null) continue;
    const [, number = '0', place, code = ''] = match;
    const label = labelOf(row, match[5] ?? '');
    if (label !== undefined) {
      if (!label.startsWith('.')) global = label;
      waiting.push(label.startsWith('.') ? `${global}${label}` : label);
    }
    if (place === undefined) continue;
    const address = hexadecimal(place);
    bind(address);
    const digits = code.replace(/[^0-9A-F]/gu, '').length;
    end = address + Math.max(1, digits / 2);
    lines.push({ address, file: name, line: Number(number) });
  }
  bind(end);
  if (lines.length > 0) lines.push({ address: end, file: '', line: 0 });
  return { symbols, lines };
}

/** The label in front of a statement. A name without a colon stands in front of data only (NASM manual, 3.1). */
function labelOf(row: string, source: string): string | undefined {
  const text = source === '' ? row : source;
  const colon = /(?:^|\s)([A-Za-z_.?@$][\w.$#@~?]*):(?!:)/u.exec(text.split(';')[0] ?? '');
  if (colon !== null) return colon[1];
  return /^([A-Za-z_.?@$][\w.$#@~?]*)\s+(?:d[bwdqt]|res[bwdqt]|times)\s/iu.exec(text)?.[1];
}

/** Finds out which of the texts it is. Throws SymbolError. */
export function readTextSymbols(text: string, name: string): SymbolFile {
  if (text.includes('\0')) throw new SymbolError(`${name} is neither an ELF file nor a text with symbols.`);
  let file: SymbolFile = { symbols: [], lines: [] };
  if (text.includes('Linker script and memory map')) file = { symbols: gnuMap(text), lines: [] };
  else if (text.includes('NASM Map file')) file = { symbols: nasmMap(text), lines: [] };
  else {
    const symbols = nmLines(text);
    file = symbols.length > 0 ? { symbols, lines: [] } : listing(text, name);
  }
  if (file.symbols.length === 0 && file.lines.length === 0) {
    throw new SymbolError(
      `${name} has no symbols that are understood: ELF files, map files of GNU ld and NASM, output of nm, and listings are.`,
    );
  }
  return file;
}
