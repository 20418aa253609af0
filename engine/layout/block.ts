/**
 * Declared, versioned blocks of the shared memory.
 *
 * A block is declared once: a name, a version and its fields. Offsets, the typed view and the saved form derive
 * from that declaration; nothing else in the project knows an offset by number. All fields are little-endian (as
 * WebAssembly is) and naturally aligned, so any of them may be used with Atomics.
 */

export type FieldType = 'u8' | 'i8' | 'u16' | 'i16' | 'u32' | 'i32' | 'u64' | 'f64';

export interface Field<T extends FieldType = FieldType, N extends number = number> {
  readonly type: T;
  /** Number of elements; 1 is a scalar. */
  readonly count: N;
}

const sizeOfType: Record<FieldType, number> = { u8: 1, i8: 1, u16: 2, i16: 2, u32: 4, i32: 4, u64: 8, f64: 8 };

type ArrayOf<T extends FieldType> = T extends 'u8'
  ? Uint8Array<SharedArrayBuffer>
  : T extends 'i8'
    ? Int8Array<SharedArrayBuffer>
    : T extends 'u16'
      ? Uint16Array<SharedArrayBuffer>
      : T extends 'i16'
        ? Int16Array<SharedArrayBuffer>
        : T extends 'u32'
          ? Uint32Array<SharedArrayBuffer>
          : T extends 'i32'
            ? Int32Array<SharedArrayBuffer>
            : T extends 'u64'
              ? BigUint64Array<SharedArrayBuffer>
              : Float64Array<SharedArrayBuffer>;

type ScalarOf<T extends FieldType> = T extends 'u64' ? bigint : number;

/** The live view of one block: scalars are properties, arrays are typed arrays over the shared memory. */
export type BlockView<F extends Record<string, Field>> = {
  -readonly [K in keyof F]: F[K] extends Field<infer T, infer N> ? (N extends 1 ? ScalarOf<T> : ArrayOf<T>) : never;
};

export interface PlacedField extends Field {
  /** Bytes from the start of the block. */
  readonly offset: number;
  /** Bytes of the whole field. */
  readonly size: number;
}

export interface BlockLayout<F extends Record<string, Field> = Record<string, Field>> {
  readonly name: string;
  readonly version: number;
  /** Bytes, a multiple of 64 so that two blocks never share a cache line. */
  readonly size: number;
  readonly fields: { readonly [K in keyof F]: PlacedField };
  /** Offset of each field in bytes: `layout.offset.eip`. */
  readonly offset: { readonly [K in keyof F]: number };
  /** A view of the block that starts `base` bytes into `buffer`. Any thread may hold one. */
  at(buffer: SharedArrayBuffer, base: number): BlockView<F>;
}

/** A scalar field. */
export function scalar<T extends FieldType>(type: T): Field<T, 1> {
  return { type, count: 1 };
}

/** An array field of `count` elements (2 or more). */
export function array<T extends FieldType>(type: T, count: number): Field<T, number> {
  return { type, count };
}

const arrayOfType = {
  u8: 'Uint8Array',
  i8: 'Int8Array',
  u16: 'Uint16Array',
  i16: 'Int16Array',
  u32: 'Uint32Array',
  i32: 'Int32Array',
  u64: 'BigUint64Array',
  f64: 'Float64Array',
} as const;

type ViewClass = new (buffer: SharedArrayBuffer, base: number) => object;

/**
 * The class of a block's views, made from text: so each layout has accessors of its own, with its offsets as constants. Accessors that are closures of
 * one line of this file share what V8 learns about them, over all blocks and types, and cost some 50 ns each.
 */
function viewClass(fields: readonly (readonly [string, PlacedField])[], size: number): ViewClass {
  const types = new Set(fields.filter(([, { count }]) => count === 1).map(([, { type }]) => type));
  const constructed: string[] = [];
  for (const type of types) constructed.push(`this.#${type} = new ${arrayOfType[type]}(buffer, base, ${size / sizeOfType[type]});`);
  const members: string[] = [...types].map((type) => `#${type};`);
  for (const [key, { type, count, offset }] of fields) {
    if (!/^[A-Za-z][A-Za-z0-9]*$/.test(key)) throw new Error(`"${key}" cannot be the name of a field.`);
    if (count > 1) {
      constructed.push(`this.${key} = new ${arrayOfType[type]}(buffer, base + ${offset}, ${count});`);
      continue;
    }
    const element = `this.#${type}[${offset / sizeOfType[type]}]`;
    members.push(`get ${key}() { return ${element}; }`, `set ${key}(value) { ${element} = value; }`);
  }
  const text = `return class { ${members.join(' ')} constructor(buffer, base) { ${constructed.join(' ')} } };`;
  // The text is made of names and numbers that the project itself declares.
  return (new Function(text) as () => ViewClass)();
}

/**
 * Declares a block. Fields are placed in the order given, each at its natural alignment.
 * Raise `version` whenever a field is added, removed, moved or changes meaning.
 */
export function defineBlock<const F extends Record<string, Field>>(name: string, version: number, fields: F): BlockLayout<F> {
  const placed: Record<string, PlacedField> = {};
  const offsets: Record<string, number> = {};
  let end = 0;
  for (const [key, field] of Object.entries(fields)) {
    const unit = sizeOfType[field.type];
    const offset = Math.ceil(end / unit) * unit;
    placed[key] = { ...field, offset, size: unit * field.count };
    offsets[key] = offset;
    end = offset + unit * field.count;
  }
  const size = Math.ceil(end / 64) * 64;
  const list = Object.entries(placed);
  let view: ViewClass | undefined;
  return {
    name,
    version,
    size,
    fields: placed as { [K in keyof F]: PlacedField },
    offset: offsets as { [K in keyof F]: number },
    at(buffer, base) {
      if (base % 64 !== 0) throw new RangeError(`block ${name} must start on a 64-byte boundary, not at ${base}`);
      view ??= viewClass(list, size);
      return new view(buffer, base) as BlockView<F>;
    },
  };
}
