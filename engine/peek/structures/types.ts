/** Types of guest data, as plain data: they are read from ISF, DWARF or text on the host, and cross threads. */

export type Encoding = 'signed' | 'unsigned' | 'character' | 'boolean' | 'float';

export interface Member {
  /** Empty: anonymous; its members count as those of what holds it. */
  readonly name: string;
  /** Bytes from the start of the structure. */
  readonly offset: number;
  readonly type: Type;
  /** Bit-field: first bit, counted from the lowest of the byte at `offset`, and number of bits. */
  readonly bits?: { readonly first: number; readonly count: number };
}

export type Type =
  | { readonly kind: 'base'; readonly name: string; readonly bytes: number; readonly encoding: Encoding }
  | { readonly kind: 'void' }
  | { readonly kind: 'function' }
  | { readonly kind: 'pointer'; readonly bytes: number; readonly to: Type }
  /** `count` 0: nobody said how many. */
  | { readonly kind: 'array'; readonly of: Type; readonly count: number }
  | {
      readonly kind: 'structure';
      readonly name: string;
      readonly isUnion: boolean;
      readonly bytes: number;
      readonly members: readonly Member[];
    }
  | {
      readonly kind: 'enumeration';
      readonly name: string;
      readonly bytes: number;
      readonly values: readonly (readonly [name: string, value: number])[];
    }
  /** Another type of the set by its key: `struct x`, `union x`, `enum x`, or the name of a typedef or base type. */
  | { readonly kind: 'named'; readonly key: string };

export interface GuestSymbol {
  readonly address: number;
  /** Undefined: only the place is known. */
  readonly type: Type | undefined;
}

export interface TypeSet {
  readonly types: ReadonlyMap<string, Type>;
  readonly symbols: ReadonlyMap<string, GuestSymbol>;
  readonly pointerBytes: number;
}

/** Why types or an expression cannot be used: a sentence for people, with the place where there is one. */
export class StructureError extends Error {
  constructor(
    message: string,
    /** Line and column, from 1, in a text; the offset in an expression is its column. */
    readonly place?: { readonly line: number; readonly column: number },
  ) {
    super(message);
    this.name = 'StructureError';
  }
}

/** The longest way through names of names. */
const deepest = 64;

/** The type behind a name. Throws StructureError for one that is not in the set, or that only names itself. */
export function resolve(set: TypeSet, type: Type): Exclude<Type, { kind: 'named' }> {
  let found = type;
  for (let depth = 0; found.kind === 'named'; depth++) {
    const next = set.types.get(found.key);
    if (next === undefined) throw new StructureError(`There is no type ${found.key}${closest(set.types.keys(), found.key)}.`);
    if (depth === deepest) throw new StructureError(`The type ${found.key} is defined by itself.`);
    found = next;
  }
  return found;
}

/** Bytes of a value. Void, functions and arrays without a count have none. */
export function bytesOf(set: TypeSet, type: Type): number {
  const found = resolve(set, type);
  switch (found.kind) {
    case 'void':
    case 'function':
      return 0;
    case 'array':
      return found.count * bytesOf(set, found.of);
    default:
      return found.bytes;
  }
}

/** The type as a C programmer writes it. */
export function describeType(type: Type): string {
  switch (type.kind) {
    case 'base':
      return type.name;
    case 'void':
      return 'void';
    case 'function':
      return 'function';
    case 'pointer':
      return `${describeType(type.to)} *`.replaceAll('* *', '**');
    case 'array':
      return `${describeType(type.of)}[${type.count === 0 ? '' : type.count}]`;
    case 'structure':
      return `${type.isUnion ? 'union' : 'struct'} ${type.name || '{…}'}`;
    case 'enumeration':
      return `enum ${type.name || '{…}'}`;
    case 'named':
      return type.key;
  }
}

/** A member by name, those of anonymous members included, with its offset from the start of the outermost. */
export function findMember(set: TypeSet, type: Type, name: string): Member | undefined {
  const found = resolve(set, type);
  if (found.kind !== 'structure') return undefined;
  for (const member of found.members) {
    if (member.name === name) return member;
    if (member.name !== '') continue;
    const inner = findMember(set, member.type, name);
    if (inner !== undefined) return { ...inner, offset: member.offset + inner.offset };
  }
  return undefined;
}

/** A hint for a name that does not exist: " (is it X?)", or nothing. */
export function closest(names: Iterable<string>, wanted: string): string {
  let best = '';
  let least = Math.max(2, Math.floor(wanted.length / 3)) + 1;
  let looked = 0;
  for (const name of names) {
    if (++looked > 20_000) break;
    if (Math.abs(name.length - wanted.length) >= least) continue;
    const distance = editDistance(name, wanted, least);
    if (distance < least) {
      least = distance;
      best = name;
    }
  }
  return best === '' ? '' : `; there is ${best}`;
}

function editDistance(a: string, b: string, limit: number): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
    if (Math.min(...row) >= limit) return limit;
  }
  return row[b.length] ?? limit;
}
