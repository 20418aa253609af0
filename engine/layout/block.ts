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

function arrayView(type: FieldType, buffer: SharedArrayBuffer, offset: number, count: number) {
  switch (type) {
    case 'u8':
      return new Uint8Array(buffer, offset, count);
    case 'i8':
      return new Int8Array(buffer, offset, count);
    case 'u16':
      return new Uint16Array(buffer, offset, count);
    case 'i16':
      return new Int16Array(buffer, offset, count);
    case 'u32':
      return new Uint32Array(buffer, offset, count);
    case 'i32':
      return new Int32Array(buffer, offset, count);
    case 'u64':
      return new BigUint64Array(buffer, offset, count);
    case 'f64':
      return new Float64Array(buffer, offset, count);
  }
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
  return {
    name,
    version,
    size,
    fields: placed as { [K in keyof F]: PlacedField },
    offset: offsets as { [K in keyof F]: number },
    at(buffer, base) {
      if (base % 64 !== 0) throw new RangeError(`block ${name} must start on a 64-byte boundary, not at ${base}`);
      const view = {};
      for (const [key, field] of list) {
        const elements = arrayView(field.type, buffer, base + field.offset, field.count);
        if (field.count > 1) {
          Object.defineProperty(view, key, { value: elements, enumerable: true });
        } else {
          Object.defineProperty(view, key, {
            enumerable: true,
            get: () => elements[0],
            set: (value: never) => {
              elements[0] = value;
            },
          });
        }
      }
      return view as BlockView<F>;
    },
  };
}
