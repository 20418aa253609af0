/** Types and symbols of the debugging information in an ELF file. */
import {
  StructureError,
  type Encoding as TypeEncoding,
  type GuestSymbol,
  type Member,
  type Type,
  type TypeSet,
} from '../types.ts';
import { At, Encoding, opAddress, opPlusUconst, Tag } from './constants.ts';
import { Cursor } from './cursor.ts';
import { readElfSections, type ElfSections } from './elf-sections.ts';
import { EntryReader, type Entry } from './entries.ts';

const symbolBytes = 16;
const symbolBytes64 = 24;
const mostElements = 2 ** 28;

class Importer {
  readonly types = new Map<string, Type>();
  readonly symbols = new Map<string, GuestSymbol>();
  readonly #made = new Map<number, Type>();
  readonly #signatures = new Map<string, number>();
  readonly #reader: EntryReader;
  readonly #pointerBytes: number;

  constructor(private readonly elf: ElfSections) {
    this.#reader = new EntryReader(elf);
    this.#pointerBytes = elf.is64 ? 8 : 4;
    for (const unit of this.#reader.units) if (unit.signature !== undefined) this.#signatures.set(unit.signature, unit.typeId);
  }

  import(): TypeSet {
    if (this.#reader.units.length === 0)
      throw new StructureError('The ELF file has no debugging information; compile it with -g.');
    for (const { root } of this.#reader.units) for (const entry of root.children) this.#declare(entry);
    this.#readSymbolTable();
    return { types: this.types, symbols: this.symbols, pointerBytes: this.#pointerBytes };
  }

  #declare(entry: Entry): void {
    if (entry.tag === Tag.variable) this.#variable(entry);
    else if (entry.tag === Tag.subprogram) this.#function(entry);
    else if (typeof entry.attributes.get(At.name) === 'string') this.#typeOf(entry);
  }

  #variable(entry: Entry): void {
    const location = entry.attributes.get(At.location);
    const declared = this.#entryAt(entry.attributes.get(At.specification)) ?? entry;
    const name = declared.attributes.get(At.name);
    if (!(location instanceof Uint8Array) || typeof name !== 'string') return;
    const cursor = new Cursor(location, 0);
    // Everything else is no static object: a register, a place on a stack, a thread's own.
    if (cursor.left !== 1 + this.#pointerBytes || cursor.u8() !== opAddress) return;
    const type = entry.attributes.get(At.type) ?? declared.attributes.get(At.type);
    this.symbols.set(name, {
      address: cursor.sized(this.#pointerBytes),
      type: type === undefined ? undefined : this.#reference(type),
    });
  }

  #function(entry: Entry): void {
    const name = entry.attributes.get(At.name);
    const address = entry.attributes.get(At.lowPc);
    if (typeof name === 'string' && typeof address === 'number') this.symbols.set(name, { address, type: { kind: 'function' } });
  }

  /** Places that only the linker's table knows: symbols of assembly. */
  #readSymbolTable(): void {
    const table = this.elf.section('.symtab');
    const names = this.elf.section('.strtab');
    if (table === undefined || names === undefined) return;
    const { is64 } = this.elf;
    const bytes = is64 ? symbolBytes64 : symbolBytes;
    for (let at = 0; at + bytes <= table.length; at += bytes) {
      const nameAt = new Cursor(table, at).u32();
      const address = new Cursor(table, at + (is64 ? 8 : 4)).sized(is64 ? 8 : 4);
      const section = new Cursor(table, at + (is64 ? 6 : 14)).u16();
      if (section === 0 || nameAt === 0 || nameAt >= names.length) continue;
      const name = new Cursor(names, nameAt).string();
      if (name !== '' && !this.symbols.has(name)) this.symbols.set(name, { address, type: undefined });
    }
  }

  #entryAt(value: unknown): Entry | undefined {
    if (typeof value === 'number') return this.#reader.entries.get(value);
    if (typeof value === 'object' && value !== null && 'signature' in value)
      return this.#reader.entries.get(this.#signatures.get(String(value.signature)) ?? -1);
    return undefined;
  }

  #reference(value: unknown): Type {
    if (value === undefined) return { kind: 'void' };
    const entry = this.#entryAt(value);
    if (entry === undefined) throw new StructureError('The debugging information names a type that is not there.');
    return this.#typeOf(entry);
  }

  #typeOf(entry: Entry): Type {
    const known = this.#made.get(entry.id);
    if (known !== undefined) return known;
    // What it names is met again before it is made when types go round in a circle.
    const key = this.#keyOf(entry);
    if (key !== undefined) this.#made.set(entry.id, { kind: 'named', key });
    else this.#made.set(entry.id, { kind: 'void' });
    const type = this.#make(entry);
    if (key === undefined) {
      this.#made.set(entry.id, type);
      return type;
    }
    const isDeclaration = entry.attributes.get(At.declaration) === 1;
    if (!isDeclaration && !this.types.has(key)) this.types.set(key, type);
    return { kind: 'named', key };
  }

  /** What is defined by name in the set. Without a name only structures are, since they may contain pointers to themselves. */
  #keyOf(entry: Entry): string | undefined {
    const name = entry.attributes.get(At.name);
    const text = typeof name === 'string' ? name : undefined;
    switch (entry.tag) {
      case Tag.structureType:
      case Tag.classType:
        return `struct ${text ?? `#${entry.id}`}`;
      case Tag.unionType:
        return `union ${text ?? `#${entry.id}`}`;
      case Tag.enumerationType:
        return `enum ${text ?? `#${entry.id}`}`;
      case Tag.typedef:
      case Tag.baseType:
        return text;
      default:
        return undefined;
    }
  }

  #make(entry: Entry): Type {
    const { attributes } = entry;
    const bytes = this.#number(entry, At.byteSize) ?? 0;
    const name = attributes.get(At.name);
    const text = typeof name === 'string' ? name : '';
    switch (entry.tag) {
      case Tag.baseType:
        return { kind: 'base', name: text, bytes, encoding: encodingOf(this.#number(entry, At.encoding) ?? 0) };
      case Tag.structureType:
      case Tag.classType:
      case Tag.unionType: {
        // A declaration that stands for a type unit.
        const signature = attributes.get(At.signature);
        if (signature !== undefined) return this.#reference(signature);
        return {
          kind: 'structure',
          name: text,
          isUnion: entry.tag === Tag.unionType,
          bytes,
          members: entry.children.flatMap((child) => this.#member(child)),
        };
      }
      case Tag.enumerationType: {
        const values = entry.children
          .filter(({ tag }) => tag === Tag.enumerator)
          .map((child): [string, number] => [
            String(child.attributes.get(At.name) ?? ''),
            this.#number(child, At.constValue) ?? 0,
          ]);
        return { kind: 'enumeration', name: text, bytes, values };
      }
      case Tag.pointerType:
      case Tag.referenceType:
      case Tag.rvalueReferenceType:
        return { kind: 'pointer', bytes: bytes || this.#pointerBytes, to: this.#reference(attributes.get(At.type)) };
      case Tag.arrayType: {
        const counts = entry.children.filter(({ tag }) => tag === Tag.subrangeType).map((child) => this.#count(child));
        if (counts.reduce((all, count) => all * Math.max(1, count), 1) > mostElements)
          throw new StructureError('The debugging information has an array with too many elements.');
        return counts.reduceRight<Type>((of, count) => ({ kind: 'array', of, count }), this.#reference(attributes.get(At.type)));
      }
      case Tag.subroutineType:
        return { kind: 'function' };
      case Tag.typedef:
      case Tag.constType:
      case Tag.volatileType:
      case Tag.restrictType:
      case Tag.atomicType:
        return this.#reference(attributes.get(At.type));
      default:
        return { kind: 'void' };
    }
  }

  #number(entry: Entry, attribute: At): number | undefined {
    const value = entry.attributes.get(attribute);
    return typeof value === 'number' ? value : undefined;
  }

  #count(range: Entry): number {
    const count = this.#number(range, At.count);
    const upper = this.#number(range, At.upperBound);
    const found = count ?? (upper === undefined ? 0 : (upper + 1) % 2 ** 32);
    return Number.isSafeInteger(found) && found >= 0 ? found : 0;
  }

  #member(entry: Entry): Member[] {
    if (entry.tag !== Tag.member && entry.tag !== Tag.inheritance) return [];
    const { attributes } = entry;
    // A static member of a class has no place in it.
    if (attributes.get(At.declaration) === 1) return [];
    const name = attributes.get(At.name);
    const type = this.#reference(attributes.get(At.type));
    const offset = this.#offset(attributes.get(At.dataMemberLocation));
    const count = this.#number(entry, At.bitSize);
    const member = { name: typeof name === 'string' ? name : '', type };
    if (count === undefined) return [{ ...member, offset }];
    const dataBitOffset = this.#number(entry, At.dataBitOffset);
    let first = dataBitOffset;
    if (first === undefined) {
      // Until version 3 bits are counted from the highest of the storage unit.
      const unit = this.#number(entry, At.byteSize) ?? this.#bytes(type);
      first = 8 * offset + 8 * unit - (this.#number(entry, At.bitOffset) ?? 0) - count;
    }
    if (!(first >= 0 && count > 0 && count <= 64)) throw new StructureError(`The bit-field ${member.name} cannot be.`);
    return [{ ...member, offset: Math.floor(first / 8), bits: { first: first % 8, count } }];
  }

  #bytes(type: Type, depth = 0): number {
    if (type.kind === 'named' && depth < 64) return this.#bytes(this.types.get(type.key) ?? { kind: 'void' }, depth + 1);
    return 'bytes' in type ? type.bytes : 0;
  }

  #offset(value: unknown): number {
    if (value === undefined) return 0;
    if (typeof value === 'number') return value;
    if (value instanceof Uint8Array && value[0] === opPlusUconst) return new Cursor(value, 1).unsigned();
    throw new StructureError('A member’s place is computed in a way that cannot be read.');
  }
}

function encodingOf(encoding: number): TypeEncoding {
  switch (encoding) {
    case Encoding.boolean:
      return 'boolean';
    case Encoding.float:
    case Encoding.complexFloat:
      return 'float';
    case Encoding.signed:
      return 'signed';
    case Encoding.signedChar:
    case Encoding.utf:
      return 'character';
    default:
      return 'unsigned';
  }
}

/** The types in an ELF file with DWARF 2 to 5. Throws StructureError. */
export function importDwarf(file: Uint8Array): TypeSet {
  return new Importer(readElfSections(file)).import();
}
