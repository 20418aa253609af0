/** The line number programs of .debug_line (DWARF versions 2 to 5, section 6.2), for 32-bit DWARF with addresses of 4 bytes. */
import { SymbolError, type LineEntry } from './symbol-table.ts';

export interface LineStrings {
  readonly str: Uint8Array | undefined;
  readonly lineStr: Uint8Array | undefined;
}

const standard = {
  copy: 1,
  advancePc: 2,
  advanceLine: 3,
  setFile: 4,
  setColumn: 5,
  negate: 6,
  block: 7,
  constAddPc: 8,
  fixedAdvance: 9,
} as const;
const extended = { endSequence: 1, setAddress: 2 } as const;
/** Content types and forms of version 5. */
const content = { path: 1, directory: 2 } as const;
const form = {
  string: 0x08,
  data1: 0x0b,
  data2: 0x05,
  data4: 0x06,
  data16: 0x1e,
  block: 0x09,
  udata: 0x0f,
  strp: 0x0e,
  lineStrp: 0x1f,
} as const;
const escape64 = 0xffffffff;
const mostRows = 5_000_000;

class Cursor {
  constructor(
    private readonly bytes: Uint8Array,
    public at: number,
    public end: number,
  ) {}

  u8(): number {
    if (this.at >= this.end) throw new SymbolError('The line numbers in the file are cut short.');
    return this.bytes[this.at++] ?? 0;
  }
  u16(): number {
    return this.u8() | (this.u8() << 8);
  }
  u32(): number {
    return (this.u16() | (this.u16() << 16)) >>> 0;
  }
  unsigned(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if ((byte & 0x80) === 0) return value;
      scale *= 128;
    }
  }
  signed(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      scale *= 128;
      if ((byte & 0x80) === 0) return (byte & 0x40) === 0 ? value : value - scale;
    }
  }
  text(): string {
    const start = this.at;
    while (this.u8() !== 0);
    return Buffer.from(this.bytes.subarray(start, this.at - 1)).toString('utf8');
  }
  skip(count: number): void {
    if (count < 0 || this.at + count > this.end) throw new SymbolError('The line numbers in the file are cut short.');
    this.at += count;
  }
}

/** All rows, in the order of the programs. Throws SymbolError. */
export function readLineProgram(bytes: Uint8Array, strings: LineStrings): LineEntry[] {
  const rows: LineEntry[] = [];
  for (let at = 0; at < bytes.length;) {
    const head = new Cursor(bytes, at, bytes.length);
    const length = head.u32();
    if (length === escape64) throw new SymbolError('The line numbers are 64-bit DWARF, which is not supported.');
    const end = head.at + length;
    if (end > bytes.length) throw new SymbolError('The line numbers in the file are cut short.');
    readUnit(new Cursor(bytes, head.at, end), strings, rows);
    at = end;
  }
  return rows;
}

function readUnit(cursor: Cursor, strings: LineStrings, rows: LineEntry[]): void {
  const version = cursor.u16();
  if (version < 2 || version > 5)
    throw new SymbolError(`The line numbers have DWARF version ${version}, which is not supported.`);
  if (version === 5) {
    if (cursor.u8() !== 4) throw new SymbolError('The line numbers have addresses of another size than 4 bytes.');
    cursor.u8();
  }
  const headerLength = cursor.u32();
  const program = cursor.at + headerLength;
  const minimum = cursor.u8();
  if (version >= 4) cursor.u8();
  cursor.u8();
  const lineBase = (cursor.u8() << 24) >> 24;
  const lineRange = cursor.u8();
  const opcodeBase = cursor.u8();
  if (lineRange === 0 || opcodeBase === 0) throw new SymbolError('The line numbers in the file are damaged.');
  const operands = Array.from({ length: opcodeBase - 1 }, () => cursor.u8());
  const files = version === 5 ? files5(cursor, strings) : files4(cursor);
  cursor.at = program;
  if (program > cursor.end) throw new SymbolError('The line numbers in the file are damaged.');

  let address = 0;
  let file = 1;
  let line = 1;
  const begin = (): void => {
    address = 0;
    file = 1;
    line = 1;
  };
  const row = (): void => {
    if (rows.length >= mostRows) throw new SymbolError('The file has too many line numbers.');
    rows.push({ address: address >>> 0, file: files[file] ?? '?', line });
  };
  const advance = (operation: number): void => {
    address += minimum * operation;
  };
  while (cursor.at < cursor.end) {
    const opcode = cursor.u8();
    if (opcode >= opcodeBase) {
      const adjusted = opcode - opcodeBase;
      advance(Math.floor(adjusted / lineRange));
      line += lineBase + (adjusted % lineRange);
      row();
    } else if (opcode === 0) {
      const length = cursor.unsigned();
      const next = cursor.at + length;
      const what = length === 0 ? 0 : cursor.u8();
      if (what === extended.setAddress) address = cursor.u32();
      else if (what === extended.endSequence) {
        rows.push({ address: address >>> 0, file: '', line: 0 });
        begin();
      }
      cursor.at = Math.min(next, cursor.end);
    } else if (opcode === standard.copy) row();
    else if (opcode === standard.advancePc) advance(cursor.unsigned());
    else if (opcode === standard.advanceLine) line += cursor.signed();
    else if (opcode === standard.setFile) file = cursor.unsigned();
    else if (opcode === standard.constAddPc) advance(Math.floor((255 - opcodeBase) / lineRange));
    else if (opcode === standard.fixedAdvance) address += cursor.u16();
    else for (let count = operands[opcode - 1] ?? 0; count > 0; count--) cursor.unsigned();
  }
}

const joined = (directory: string | undefined, name: string): string =>
  name.startsWith('/') || directory === undefined || directory === '' ? name : `${directory}/${name}`;

/** Versions 2 to 4: files count from 1, directory 0 is the one of the compilation. */
function files4(cursor: Cursor): string[] {
  const directories = [''];
  for (let text = cursor.text(); text !== ''; text = cursor.text()) directories.push(text);
  const files = ['?'];
  for (let name = cursor.text(); name !== ''; name = cursor.text()) {
    files.push(joined(directories[cursor.unsigned()], name));
    cursor.unsigned();
    cursor.unsigned();
  }
  return files;
}

function files5(cursor: Cursor, strings: LineStrings): string[] {
  const directories = entries5(cursor, strings).map(({ path }) => path);
  return entries5(cursor, strings).map(({ path, directory }) => joined(directories[directory], path));
}

function entries5(cursor: Cursor, strings: LineStrings): { path: string; directory: number }[] {
  const formats = Array.from({ length: cursor.u8() }, () => ({ type: cursor.unsigned(), form: cursor.unsigned() }));
  const count = cursor.unsigned();
  if (count > mostRows) throw new SymbolError('The line numbers in the file are damaged.');
  const result: { path: string; directory: number }[] = [];
  for (let index = 0; index < count; index++) {
    const entry = { path: '', directory: 0 };
    for (const { type, form: encoding } of formats) {
      const value = valueOf(cursor, encoding, strings);
      if (type === content.path && typeof value === 'string') entry.path = value;
      if (type === content.directory && typeof value === 'number') entry.directory = value;
    }
    result.push(entry);
  }
  return result;
}

function valueOf(cursor: Cursor, encoding: number, strings: LineStrings): string | number | undefined {
  const stringAt = (bytes: Uint8Array | undefined, at: number): string =>
    bytes === undefined ? '' : new Cursor(bytes, at, bytes.length).text();
  switch (encoding) {
    case form.string:
      return cursor.text();
    case form.strp:
      return stringAt(strings.str, cursor.u32());
    case form.lineStrp:
      return stringAt(strings.lineStr, cursor.u32());
    case form.data1:
      return cursor.u8();
    case form.data2:
      return cursor.u16();
    case form.data4:
      return cursor.u32();
    case form.udata:
      return cursor.unsigned();
    case form.data16:
      cursor.skip(16);
      return undefined;
    case form.block:
      cursor.skip(cursor.unsigned());
      return undefined;
    default:
      throw new SymbolError(`The line numbers use form 0x${encoding.toString(16)}, which is not supported.`);
  }
}
