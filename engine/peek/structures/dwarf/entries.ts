/** Units, abbreviations and entries of .debug_info and .debug_types, DWARF 2 to 5. */
import { StructureError } from '../types.ts';
import { At, Form } from './constants.ts';
import { Cursor } from './cursor.ts';
import type { ElfSections } from './elf-sections.ts';

export type Attribute = number | string | Uint8Array | { readonly signature: string };

/** One entry: a type, a member, a variable. */
export interface Entry {
  /** Place in the section, which is its identity; entries of .debug_types lie behind those of .debug_info. */
  readonly id: number;
  readonly tag: number;
  readonly attributes: ReadonlyMap<number, Attribute>;
  readonly children: Entry[];
}

export interface Unit {
  readonly root: Entry;
  /** Bytes of an address. */
  readonly addressBytes: number;
  /** Type units: what they are known by, and which entry is meant. */
  readonly signature: string | undefined;
  readonly typeId: number;
}

interface Abbreviation {
  tag: number;
  hasChildren: boolean;
  attributes: { name: number; form: number; constant: number }[];
}

interface Head {
  version: number;
  offsetBytes: number;
  addressBytes: number;
  base: number;
  start: number;
  stringOffsets: number;
  addresses: number;
}

const unitType = 0x02;
const unitSkeleton = 0x04;
const unitSplitCompile = 0x05;
const unitSplitType = 0x06;
const mostEntries = 20_000_000;
const deepest = 256;
/** Attributes that say something about types; all others are passed over. */
const wanted = new Set<number>([
  At.location,
  At.name,
  At.byteSize,
  At.bitOffset,
  At.bitSize,
  At.lowPc,
  At.constValue,
  At.upperBound,
  At.count,
  At.dataMemberLocation,
  At.declaration,
  At.encoding,
  At.specification,
  At.type,
  At.signature,
  At.dataBitOffset,
  At.strOffsetsBase,
  At.addrBase,
]);

export class EntryReader {
  readonly entries = new Map<number, Entry>();
  readonly units: Unit[] = [];
  readonly #abbreviations = new Map<number, Map<number, Abbreviation>>();
  readonly #section: (name: string) => Uint8Array;
  #base = 0;

  constructor(elf: ElfSections) {
    const none = new Uint8Array(0);
    const cache = new Map<string, Uint8Array>();
    this.#section = (name) => {
      let bytes = cache.get(name);
      if (bytes === undefined) cache.set(name, (bytes = elf.section(name) ?? none));
      return bytes;
    };
    const info = this.#section('.debug_info');
    this.#readSection(info);
    this.#base = info.length;
    this.#readSection(this.#section('.debug_types'), true);
  }

  #readSection(bytes: Uint8Array, isTypes = false): void {
    for (let at = 0; at < bytes.length;) at = this.#readUnit(bytes, at, isTypes);
  }

  /** Returns where the next unit starts. */
  #readUnit(bytes: Uint8Array, start: number, isTypes: boolean): number {
    const lengths = new Cursor(bytes, start);
    let length = lengths.u32();
    const offsetBytes = length === 0xffffffff ? 8 : 4;
    if (offsetBytes === 8) length = lengths.u64();
    const end = lengths.at + length;
    if (!(end <= bytes.length)) throw new StructureError('A unit of the debugging information is cut off.');
    const cursor = new Cursor(bytes, lengths.at, end);
    const version = cursor.u16();
    if (version < 2 || version > 5) throw new StructureError(`DWARF version ${version} cannot be read; 2 to 5 can.`);
    const kind = version === 5 ? cursor.u8() : isTypes ? unitType : 0x01;
    let addressBytes = version === 5 ? cursor.u8() : 0;
    const abbreviationOffset = cursor.sized(offsetBytes);
    if (version < 5) addressBytes = cursor.u8();
    if (addressBytes !== 4 && addressBytes !== 8) throw new StructureError(`Addresses of ${addressBytes} bytes are not x86's.`);
    let signature: string | undefined;
    let typeOffset = 0;
    if (kind === unitType || kind === unitSplitType) {
      signature = signatureOf(cursor);
      typeOffset = cursor.sized(offsetBytes);
    } else if (kind === unitSkeleton || kind === unitSplitCompile) cursor.take(8);
    const head: Head = { version, offsetBytes, addressBytes, base: this.#base, start, stringOffsets: 8, addresses: 8 };
    const root = this.#readTree(cursor, head, this.#abbreviationsAt(abbreviationOffset));
    if (root !== undefined) this.units.push({ root, addressBytes, signature, typeId: this.#base + start + typeOffset });
    return end;
  }

  #abbreviationsAt(offset: number): Map<number, Abbreviation> {
    const known = this.#abbreviations.get(offset);
    if (known !== undefined) return known;
    const cursor = new Cursor(this.#section('.debug_abbrev'), offset);
    const table = new Map<number, Abbreviation>();
    for (let code = cursor.unsigned(); code !== 0; code = cursor.left > 0 ? cursor.unsigned() : 0) {
      const abbreviation: Abbreviation = { tag: cursor.unsigned(), hasChildren: cursor.u8() !== 0, attributes: [] };
      for (;;) {
        const name = cursor.unsigned();
        const form = cursor.unsigned();
        const constant = form === Form.implicitConst ? cursor.signed() : 0;
        if (name === 0 && form === 0) break;
        abbreviation.attributes.push({ name, form, constant });
      }
      table.set(code, abbreviation);
    }
    this.#abbreviations.set(offset, table);
    return table;
  }

  #readTree(cursor: Cursor, head: Head, table: Map<number, Abbreviation>): Entry | undefined {
    let root: Entry | undefined;
    const stack: Entry[] = [];
    while (cursor.left > 0) {
      const id = head.base + cursor.at;
      const code = cursor.unsigned();
      if (code === 0) {
        stack.pop();
        if (stack.length === 0) break;
        continue;
      }
      const abbreviation = table.get(code);
      if (abbreviation === undefined)
        throw new StructureError(`The debugging information uses abbreviation ${code}, which is not there.`);
      const attributes = new Map<number, Attribute>();
      for (const { name, form, constant } of abbreviation.attributes) {
        const value = this.#value(cursor, head, form, constant);
        if (value !== undefined && wanted.has(name)) attributes.set(name, value);
      }
      const entry: Entry = { id, tag: abbreviation.tag, attributes, children: [] };
      if (root === undefined) {
        root = entry;
        this.#applyBases(entry, head);
      }
      stack.at(-1)?.children.push(entry);
      if (this.entries.size === mostEntries) throw new StructureError('The debugging information has too many entries.');
      this.entries.set(id, entry);
      if (abbreviation.hasChildren) stack.push(entry);
      else if (stack.length === 0) break;
      if (stack.length > deepest) throw new StructureError('The debugging information is nested too deeply.');
    }
    return root;
  }

  /** Indexed names before the unit's base is known (its own name) are read with the default base, which is the usual one. */
  #applyBases(root: Entry, head: Head): void {
    const strings = root.attributes.get(At.strOffsetsBase);
    const addresses = root.attributes.get(At.addrBase);
    if (typeof strings === 'number') head.stringOffsets = strings;
    if (typeof addresses === 'number') head.addresses = addresses;
  }

  #text(section: string, offset: number): string {
    return new Cursor(this.#section(section), offset).string();
  }

  #indexedText(head: Head, index: number): string {
    const { offsetBytes, stringOffsets } = head;
    return this.#text(
      '.debug_str',
      new Cursor(this.#section('.debug_str_offsets'), stringOffsets + index * offsetBytes).sized(offsetBytes),
    );
  }

  #indexedAddress(head: Head, index: number): number {
    return new Cursor(this.#section('.debug_addr'), head.addresses + index * head.addressBytes).sized(head.addressBytes);
  }

  #value(cursor: Cursor, head: Head, form: number, constant: number, depth = 0): Attribute | undefined {
    const unit = head.base + head.start;
    switch (form) {
      case Form.addr:
        return cursor.sized(head.addressBytes);
      case Form.data1:
      case Form.flag:
        return cursor.u8();
      case Form.data2:
        return cursor.u16();
      case Form.data4:
        return cursor.u32();
      case Form.data8:
        return cursor.u64();
      case Form.data16:
        return cursor.block(16);
      case Form.sdata:
        return cursor.signed();
      case Form.udata:
        return cursor.unsigned();
      case Form.implicitConst:
        return constant;
      case Form.flagPresent:
        return 1;
      case Form.string:
        return cursor.string();
      case Form.strp:
        return this.#text('.debug_str', cursor.sized(head.offsetBytes));
      case Form.lineStrp:
        return this.#text('.debug_line_str', cursor.sized(head.offsetBytes));
      case Form.strx:
        return this.#indexedText(head, cursor.unsigned());
      case Form.strx1:
        return this.#indexedText(head, cursor.u8());
      case Form.strx2:
        return this.#indexedText(head, cursor.u16());
      case Form.strx3:
        return this.#indexedText(head, cursor.u24());
      case Form.strx4:
        return this.#indexedText(head, cursor.u32());
      case Form.addrx:
        return this.#indexedAddress(head, cursor.unsigned());
      case Form.addrx1:
        return this.#indexedAddress(head, cursor.u8());
      case Form.addrx2:
        return this.#indexedAddress(head, cursor.u16());
      case Form.addrx3:
        return this.#indexedAddress(head, cursor.u24());
      case Form.addrx4:
        return this.#indexedAddress(head, cursor.u32());
      case Form.ref1:
        return unit + cursor.u8();
      case Form.ref2:
        return unit + cursor.u16();
      case Form.ref4:
        return unit + cursor.u32();
      case Form.ref8:
        return unit + cursor.u64();
      case Form.refUdata:
        return unit + cursor.unsigned();
      case Form.refAddr:
        // In version 2 it has the size of an address (7.5.4 of that version).
        return cursor.sized(head.version === 2 ? head.addressBytes : head.offsetBytes);
      case Form.refSig8:
        return { signature: signatureOf(cursor) };
      case Form.secOffset:
        return cursor.sized(head.offsetBytes);
      case Form.loclistx:
      case Form.rnglistx:
        cursor.unsigned();
        return undefined;
      case Form.exprloc:
      case Form.block:
        return cursor.block(cursor.unsigned());
      case Form.block1:
        return cursor.block(cursor.u8());
      case Form.block2:
        return cursor.block(cursor.u16());
      case Form.block4:
        return cursor.block(cursor.u32());
      case Form.indirect:
        if (depth > 0) throw new StructureError('The debugging information has an indirect form of an indirect form.');
        return this.#value(cursor, head, cursor.unsigned(), 0, 1);
      default:
        throw new StructureError(
          `The debugging information uses form 0x${form.toString(16)}, which cannot be read (a supplementary file?).`,
        );
    }
  }
}

function signatureOf(cursor: Cursor): string {
  return Buffer.from(cursor.block(8)).toString('hex');
}
