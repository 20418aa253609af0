/** Types from Volatility 3's intermediate symbol format (JSON; schema versions 4 to 6). Nothing of a file is believed before it is looked at. */
import { StructureError, type Encoding, type GuestSymbol, type Member, type Type, type TypeSet } from './types.ts';

type Json = Record<string, unknown>;

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);

function objectAt(parent: Json, key: string, where: string): Json {
  const value = parent[key];
  if (value === undefined) return {};
  if (!isObject(value)) throw new StructureError(`${where}${key} of the symbol file is no object.`);
  return value;
}

function numberAt(parent: Json, key: string, where: string): number {
  const value = parent[key];
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new StructureError(`${key} of ${where} is no number.`);
  return value;
}

const nameAt = (parent: Json, key: string): string => (typeof parent[key] === 'string' ? parent[key] : '');
const deepest = 64;

class Importer {
  readonly types = new Map<string, Type>();
  readonly #userTypes: Json;
  readonly #enums: Json;
  readonly #baseTypes: Json;
  pointerBytes = 4;

  constructor(private readonly file: Json) {
    this.#baseTypes = objectAt(file, 'base_types', '');
    this.#userTypes = objectAt(file, 'user_types', '');
    this.#enums = objectAt(file, 'enums', '');
  }

  import(): TypeSet {
    if (isObject(this.#baseTypes['pointer'])) this.pointerBytes = this.#size(this.#baseTypes['pointer'], 'pointer');
    for (const [name, value] of Object.entries(this.#baseTypes)) this.types.set(name, this.#baseType(name, value));
    for (const [name, value] of Object.entries(this.#enums)) this.types.set(`enum ${name}`, this.#enumeration(name, value));
    for (const [name, value] of Object.entries(this.#userTypes)) this.types.set(this.#key(name), this.#structure(name, value));
    const symbols = new Map<string, GuestSymbol>();
    for (const [name, value] of Object.entries(objectAt(this.file, 'symbols', ''))) {
      if (!isObject(value)) throw new StructureError(`The symbol ${name} is no object.`);
      const type = isObject(value['type']) ? this.#type(value['type'], name, 0) : undefined;
      symbols.set(name, { address: numberAt(value, 'address', `the symbol ${name}`), type });
    }
    return { types: this.types, symbols, pointerBytes: this.pointerBytes };
  }

  #size(value: Json, name: string): number {
    const size = numberAt(value, 'size', name);
    if (!Number.isInteger(size) || size < 0 || size > 2 ** 31) throw new StructureError(`${name} cannot have ${size} bytes.`);
    return size;
  }

  #baseType(name: string, value: unknown): Type {
    if (!isObject(value)) throw new StructureError(`The base type ${name} is no object.`);
    const kind = nameAt(value, 'kind');
    const bytes = this.#size(value, name);
    if (kind === 'void') return { kind: 'void' };
    if (value['endian'] === 'big' && bytes > 1)
      throw new StructureError(`The base type ${name} is big-endian, which no x86 machine has.`);
    const encoding: Encoding =
      kind === 'float'
        ? 'float'
        : kind === 'bool'
          ? 'boolean'
          : kind === 'char'
            ? 'character'
            : value['signed'] === true
              ? 'signed'
              : 'unsigned';
    return { kind: 'base', name, bytes, encoding };
  }

  #enumeration(name: string, value: unknown): Type {
    if (!isObject(value)) throw new StructureError(`The enumeration ${name} is no object.`);
    const constants = objectAt(value, 'constants', `${name}: `);
    const values = Object.keys(constants).map((constant): [string, number] => [
      constant,
      numberAt(constants, constant, `the enumeration ${name}`),
    ]);
    return { kind: 'enumeration', name, bytes: this.#size(value, name), values };
  }

  #key(name: string): string {
    const value = this.#userTypes[name];
    return `${isObject(value) && value['kind'] === 'union' ? 'union' : 'struct'} ${name}`;
  }

  #structure(name: string, value: unknown): Type {
    if (!isObject(value)) throw new StructureError(`The type ${name} is no object.`);
    const bytes = this.#size(value, name);
    const members: Member[] = [];
    for (const [field, description] of Object.entries(objectAt(value, 'fields', `${name}: `))) {
      if (!isObject(description) || !isObject(description['type']))
        throw new StructureError(`The field ${field} of ${name} has no type.`);
      const offset = numberAt(description, 'offset', `the field ${field} of ${name}`);
      if (!Number.isInteger(offset) || offset < 0 || offset > bytes)
        throw new StructureError(`The field ${field} does not lie in ${name}.`);
      const type = description['type'];
      const member = { name: description['anonymous'] === true ? '' : field, offset };
      if (nameAt(type, 'kind') !== 'bitfield') {
        members.push({ ...member, type: this.#type(type, `${name}.${field}`, 0) });
        continue;
      }
      if (!isObject(type['type'])) throw new StructureError(`The bit-field ${field} of ${name} has no type.`);
      const first = numberAt(type, 'bit_position', `${name}.${field}`);
      const count = numberAt(type, 'bit_length', `${name}.${field}`);
      if (!(Number.isInteger(first) && Number.isInteger(count) && first >= 0 && count >= 1 && first + count <= 64))
        throw new StructureError(`The bit-field ${field} of ${name} cannot be.`);
      members.push({ ...member, type: this.#type(type['type'], `${name}.${field}`, 0), bits: { first, count } });
    }
    members.sort((a, b) => a.offset - b.offset || (a.bits?.first ?? 0) - (b.bits?.first ?? 0));
    return { kind: 'structure', name, isUnion: value['kind'] === 'union', bytes, members };
  }

  #type(value: Json, where: string, depth: number): Type {
    if (depth > deepest) throw new StructureError(`The type of ${where} is nested too deeply.`);
    const name = nameAt(value, 'name');
    switch (nameAt(value, 'kind')) {
      case 'base':
        return name === 'void' ? { kind: 'void' } : { kind: 'named', key: name };
      case 'struct':
      case 'union':
      case 'class':
        return { kind: 'named', key: this.#key(name) };
      case 'enum':
        return { kind: 'named', key: `enum ${name}` };
      case 'function':
        return { kind: 'function' };
      case 'pointer':
        return {
          kind: 'pointer',
          bytes: this.pointerBytes,
          to: isObject(value['subtype']) ? this.#type(value['subtype'], where, depth + 1) : { kind: 'void' },
        };
      case 'array': {
        const count = numberAt(value, 'count', where);
        if (!Number.isInteger(count) || count < 0 || count > 2 ** 28)
          throw new StructureError(`The array ${where} cannot have ${count} elements.`);
        return {
          kind: 'array',
          of: isObject(value['subtype']) ? this.#type(value['subtype'], where, depth + 1) : { kind: 'void' },
          count,
        };
      }
      default:
        throw new StructureError(
          `The type of ${where} is of the kind ${JSON.stringify(value['kind'])}, which means nothing here.`,
        );
    }
  }
}

/** `text`: the JSON, decompressed. Throws StructureError. */
export function importIsf(text: string): TypeSet {
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch (error) {
    throw new StructureError(`The symbol file is no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (!isObject(file) || !('user_types' in file) || !('base_types' in file))
    throw new StructureError('This JSON is no symbol file of Volatility 3: user_types and base_types are missing.');
  return new Importer(file).import();
}
