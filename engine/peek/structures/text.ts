/** Our own description of types: C's declarations with places. The grammar is in docs/formats/structures.md. */
import { Reader, tokenize, type Token } from './tokens.ts';
import { bytesOf, resolve, StructureError, type GuestSymbol, type Member, type Type, type TypeSet } from './types.ts';

const pointerBytes = 4;
const mostMembers = 10_000;
const mostElements = 2 ** 28;
const deepestNesting = 32;

const base = (name: string, bytes: number, encoding: 'signed' | 'unsigned' | 'character' | 'boolean' | 'float'): Type => ({
  kind: 'base',
  name,
  bytes,
  encoding,
});

/** Types that every set has. */
export const builtinTypes: ReadonlyMap<string, Type> = new Map(
  [
    base('char', 1, 'character'),
    base('bool', 1, 'boolean'),
    base('float', 4, 'float'),
    base('double', 8, 'float'),
    ...[1, 2, 4, 8].flatMap((bytes) => [base(`i${8 * bytes}`, bytes, 'signed'), base(`u${8 * bytes}`, bytes, 'unsigned')]),
    ...[1, 2, 4, 8].flatMap((bytes) => [
      base(`int${8 * bytes}_t`, bytes, 'signed'),
      base(`uint${8 * bytes}_t`, bytes, 'unsigned'),
    ]),
    base('size_t', 4, 'unsigned'),
    base('uintptr_t', 4, 'unsigned'),
  ].map((type) => [type.kind === 'base' ? type.name : '', type]),
);

/** Words of which C makes integer types, for 32-bit code. */
const integerWords = new Set(['signed', 'unsigned', 'char', 'short', 'int', 'long']);

function integerOf(words: readonly string[]): Type | undefined {
  const count = (word: string) => words.filter((found) => found === word).length;
  if (count('signed') + count('unsigned') > 1 || count('char') + count('short') > 1 || count('long') > 2 || count('int') > 1)
    return undefined;
  if (count('char') === 1) {
    if (count('long') > 0 || count('int') > 0) return undefined;
    return words.length === 1
      ? builtinTypes.get('char')
      : base(words.join(' '), 1, count('unsigned') === 1 ? 'unsigned' : 'signed');
  }
  if (count('short') === 1 && count('long') > 0) return undefined;
  const bytes = count('short') === 1 ? 2 : count('long') === 2 ? 8 : 4;
  return base(words.join(' '), bytes, count('unsigned') === 1 ? 'unsigned' : 'signed');
}

class Parser {
  readonly types = new Map<string, Type>(builtinTypes);
  readonly symbols = new Map<string, GuestSymbol>();
  readonly set: TypeSet = { types: this.types, symbols: this.symbols, pointerBytes };
  readonly #reader: Reader;
  #depth = 0;

  constructor(text: string) {
    this.#reader = new Reader(tokenize(text));
  }

  parse(): TypeSet {
    const reader = this.#reader;
    while (reader.token.kind !== 'end') {
      if (reader.take(';')) continue;
      const isTypedef = reader.take('typedef');
      const start = reader.token;
      const type = this.#type();
      if (!isTypedef && reader.take(';')) continue;
      do {
        const { name, token, type: declared } = this.#declarator(type);
        if (name === '') reader.fail('A name is missing here', token);
        if (isTypedef) this.#define(name, declared, token);
        else {
          if (!reader.take('@')) reader.fail(`"@" and the address of ${name} are missing here`);
          this.#symbol(name, reader.number('The address'), declared, token);
        }
      } while (reader.take(','));
      if (!reader.take(';')) reader.fail(`";" is missing behind the declaration that starts in line ${start.line}`);
    }
    return this.set;
  }

  #define(key: string, type: Type, token: Token): void {
    const known = this.types.get(key);
    if (known !== undefined && !builtinTypes.has(key) && JSON.stringify(known) !== JSON.stringify(type)) {
      throw new StructureError(`There are two definitions of ${key}.`, { line: token.line, column: token.column });
    }
    this.types.set(key, type);
  }

  #symbol(name: string, address: number, type: Type, token: Token): void {
    if (address >= 2 ** 32)
      throw new StructureError(`0x${address.toString(16)} is no address of 32 bits.`, { line: token.line, column: token.column });
    this.symbols.set(name, { address, type });
  }

  #type(): Type {
    const reader = this.#reader;
    while (reader.take('const') || reader.take('volatile'));
    const { token } = reader;
    if (reader.take('struct')) return this.#structure(false);
    if (reader.take('union')) return this.#structure(true);
    if (reader.take('enum')) return this.#enumeration();
    if (reader.take('void')) return { kind: 'void' };
    const words: string[] = [];
    while (integerWords.has(reader.token.text)) words.push(reader.next().text);
    if (words.length > 0) return integerOf(words) ?? reader.fail(`"${words.join(' ')}" is no type`, token);
    const name = reader.name('A type').text;
    while (reader.take('const') || reader.take('volatile'));
    return this.types.get(name)?.kind === 'base' ? this.types.get(name)! : { kind: 'named', key: name };
  }

  #structure(isUnion: boolean): Type {
    const reader = this.#reader;
    const word = isUnion ? 'union' : 'struct';
    const token = reader.token;
    const name = token.kind === 'name' && token.text !== 'packed' ? reader.next().text : '';
    const isPacked = reader.take('packed');
    if (!reader.is('{')) {
      if (name === '') reader.fail(`A name or "{" is missing behind ${word}`);
      return { kind: 'named', key: `${word} ${name}` };
    }
    if (++this.#depth > deepestNesting) reader.fail('Structures are nested too deeply');
    reader.next();
    const layout = new Layout(this.set, isUnion, isPacked);
    while (!reader.take('}')) {
      const start = reader.token;
      const type = this.#type();
      if (reader.is(';')) this.#member(layout, '', type, start);
      else {
        do {
          const { name: member, token: at, type: declared } = this.#declarator(type, true);
          this.#member(layout, member, declared, at);
        } while (reader.take(','));
      }
      if (!reader.take(';')) reader.fail('";" is missing behind a member');
      if (layout.members.length > mostMembers) reader.fail(`A structure has at most ${mostMembers} members`);
    }
    const size = reader.take('size') ? reader.number('The size') : undefined;
    this.#depth--;
    const type: Type = { kind: 'structure', name, isUnion, bytes: layout.end(size, reader), members: layout.members };
    if (name !== '') this.#define(`${word} ${name}`, type, token);
    // By name, so that a structure may point to itself.
    return name === '' ? type : { kind: 'named', key: `${word} ${name}` };
  }

  #member(layout: Layout, name: string, type: Type, token: Token): void {
    const reader = this.#reader;
    const count = reader.take(':') ? reader.number('The number of bits') : undefined;
    const offset = reader.take('@') ? reader.number('The offset') : undefined;
    try {
      layout.add(name, type, count, offset);
    } catch (error) {
      if (!(error instanceof StructureError)) throw error;
      throw new StructureError(error.message, { line: token.line, column: token.column });
    }
  }

  #enumeration(): Type {
    const reader = this.#reader;
    const token = reader.token;
    const name = token.kind === 'name' ? reader.next().text : '';
    let bytes = 4;
    if (reader.take(':')) {
      const of = resolve(this.set, this.#type());
      if (of.kind !== 'base' || of.encoding === 'float') reader.fail('An enumeration is made of an integer type');
      else bytes = of.bytes;
    }
    if (!reader.is('{')) {
      if (name === '') reader.fail('A name or "{" is missing behind enum');
      return { kind: 'named', key: `enum ${name}` };
    }
    reader.next();
    const values: [string, number][] = [];
    let next = 0;
    while (!reader.take('}')) {
      const value = reader.name('A name').text;
      if (reader.take('=')) next = reader.take('-') ? -reader.number('A number') : reader.number('A number');
      values.push([value, next++]);
      if (!reader.is('}')) reader.expect(',');
    }
    const type: Type = { kind: 'enumeration', name, bytes, values };
    if (name === '') return type;
    this.#define(`enum ${name}`, type, token);
    return { kind: 'named', key: `enum ${name}` };
  }

  /** Pointers, a name (which a bit-field or a member may lack), functions, arrays. */
  #declarator(of: Type, mayLackName = false): { name: string; token: Token; type: Type } {
    const reader = this.#reader;
    let type = of;
    while (reader.take('*')) {
      type = { kind: 'pointer', bytes: pointerBytes, to: type };
      while (reader.take('const') || reader.take('volatile'));
    }
    const { token } = reader;
    let name = '';
    if (reader.take('(')) {
      reader.expect('*');
      name = reader.name('A name').text;
      const counts = this.#counts();
      reader.expect(')');
      this.#parameters();
      return { name, token, type: arrays({ kind: 'pointer', bytes: pointerBytes, to: { kind: 'function' } }, counts) };
    }
    if (token.kind === 'name') name = reader.next().text;
    else if (!mayLackName || !reader.is(':')) reader.fail('A name is missing here');
    return { name, token, type: arrays(type, this.#counts()) };
  }

  #counts(): number[] {
    const reader = this.#reader;
    const counts: number[] = [];
    while (reader.take('[')) {
      counts.push(reader.is(']') ? 0 : reader.number('The number of elements'));
      if (counts.reduce((all, count) => all * Math.max(1, count), 1) > mostElements)
        reader.fail('An array has too many elements');
      reader.expect(']');
    }
    return counts;
  }

  #parameters(): void {
    const reader = this.#reader;
    reader.expect('(');
    for (let depth = 1; depth > 0;) {
      if (reader.token.kind === 'end') reader.fail('")" is missing here');
      const { text } = reader.next();
      if (text === '(') depth++;
      if (text === ')') depth--;
    }
  }
}

function arrays(type: Type, counts: readonly number[]): Type {
  return counts.reduceRight<Type>((of, count) => ({ kind: 'array', of, count }), type);
}

/** Places members as a compiler for 32-bit code does (System V ABI for Intel386), unless they say where they are. */
class Layout {
  readonly members: Member[] = [];
  /** Bits from the start at which the next member may lie. */
  #next = 0;
  #end = 0;
  #alignment = 1;

  constructor(
    private readonly set: TypeSet,
    private readonly isUnion: boolean,
    private readonly isPacked: boolean,
  ) {}

  add(name: string, type: Type, bitCount: number | undefined, offset: number | undefined): void {
    if (name !== '' && this.members.some((member) => member.name === name))
      throw new StructureError(`There are two members ${name}.`);
    const bytes = bytesOf(this.set, type);
    const alignment = this.isPacked ? 1 : alignmentOf(this.set, type);
    this.#alignment = Math.max(this.#alignment, offset === undefined ? alignment : 1);
    let at = offset !== undefined ? 8 * offset : this.isUnion ? 0 : this.#next;
    if (bitCount === undefined) {
      if (offset === undefined) at = Math.ceil(at / (8 * alignment)) * 8 * alignment;
      this.members.push({ name, offset: at / 8, type });
      this.#advance(at + 8 * bytes);
      return;
    }
    const of = resolve(this.set, type);
    if ((of.kind !== 'base' && of.kind !== 'enumeration') || (of.kind === 'base' && of.encoding === 'float'))
      throw new StructureError('Only integers have bit-fields.');
    if (bitCount > 8 * bytes)
      throw new StructureError(`${bitCount} bits do not fit in ${bytes} ${bytes === 1 ? 'byte' : 'bytes'}.`);
    const unit = 8 * bytes;
    if (bitCount === 0) {
      this.#next = Math.ceil(at / unit) * unit;
      return;
    }
    if (!this.isPacked && Math.floor(at / unit) !== Math.floor((at + bitCount - 1) / unit)) at = Math.ceil(at / unit) * unit;
    const start = Math.floor(at / unit) * bytes;
    // A packed field may pass the unit it starts in: it is counted from its own byte then.
    const fits = at - 8 * start + bitCount <= unit;
    const first = fits ? start : Math.floor(at / 8);
    if (name !== '') this.members.push({ name, offset: first, type, bits: { first: at - 8 * first, count: bitCount } });
    this.#advance(at + bitCount);
  }

  #advance(bits: number): void {
    this.#next = bits;
    this.#end = Math.max(this.#end, bits);
  }

  end(size: number | undefined, reader: Reader): number {
    const used = Math.ceil(this.#end / 8);
    if (size !== undefined && size < used) reader.fail(`The members take ${used} bytes, so the size cannot be ${size}`);
    return size ?? Math.ceil(used / this.#alignment) * this.#alignment;
  }
}

/** Intel386: 8-byte scalars are aligned to 4 inside structures. */
function alignmentOf(set: TypeSet, type: Type): number {
  const found = resolve(set, type);
  switch (found.kind) {
    case 'array':
      return alignmentOf(set, found.of);
    case 'structure':
      return found.members.reduce(
        (most, member) => Math.max(most, member.offset % alignmentOf(set, member.type) === 0 ? alignmentOf(set, member.type) : 1),
        1,
      );
    case 'void':
    case 'function':
      return 1;
    default:
      return Math.min(4, Math.max(1, found.bytes));
  }
}

/** Throws StructureError with the line and column of what is wrong. */
export function parseTypes(text: string): TypeSet {
  return new Parser(text).parse();
}

/** The type that a person wrote: `struct task *`, `u32[4]`. */
export function parseTypeName(reader: Reader, set: TypeSet): Type | undefined {
  const start = reader.position;
  while (reader.take('const') || reader.take('volatile'));
  let type: Type | undefined;
  const word = ['struct', 'union', 'enum'].find((found) => reader.take(found));
  if (word !== undefined) type = { kind: 'named', key: `${word} ${reader.name('A name').text}` };
  else if (reader.take('void')) type = { kind: 'void' };
  else if (integerWords.has(reader.token.text)) {
    const words: string[] = [];
    while (integerWords.has(reader.token.text)) words.push(reader.next().text);
    // A set from a compiler knows its own sizes.
    type = set.types.get(words.join(' ')) ?? integerOf(words);
  } else if (reader.token.kind === 'name' && set.types.has(reader.token.text)) type = { kind: 'named', key: reader.next().text };
  if (type === undefined) {
    reader.position = start;
    return undefined;
  }
  while (reader.take('*')) type = { kind: 'pointer', bytes: set.pointerBytes, to: type };
  const counts: number[] = [];
  while (reader.take('[')) {
    counts.push(reader.is(']') ? 0 : reader.number('The number of elements'));
    reader.expect(']');
  }
  return arrays(type, counts);
}
