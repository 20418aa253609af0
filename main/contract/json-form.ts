/**
 * What crosses the contract as a document: numbers of more than 53 bits as hexadecimal text with 0x, bytes as hexadecimal text. The schema of
 * the document follows from the contract's own, so that there is one description of each thing.
 */
import { z } from 'zod';

/** The same value as JSON has it. */
export type JsonForm<Value> = Value extends bigint | Uint8Array
  ? string
  : Value extends readonly (infer Element)[]
    ? JsonForm<Element>[]
    : Value extends object
      ? { [Key in keyof Value]: JsonForm<Value[Key]> }
      : Value;

const bigHexadecimal = z.string().regex(/^0x[0-9a-f]+$/, 'Expected a hexadecimal number with 0x.');
const hexadecimalBytes = z.string().regex(/^(?:[0-9a-f]{2})*$/, 'Expected bytes as hexadecimal digits.');

function convert(schema: z.core.$ZodType): z.ZodType {
  if (schema instanceof z.ZodBigInt) return bigHexadecimal;
  // The contract's only schema of this kind is byteArray.
  if (schema instanceof z.ZodCustom) return hexadecimalBytes;
  if (schema instanceof z.ZodObject) {
    const shape: Record<string, z.core.$ZodType> = schema.shape;
    // A document is read by others: what they do not know of is worse than what is missing.
    return z.strictObject(Object.fromEntries(Object.entries(shape).map(([name, part]) => [name, convert(part)])));
  }
  if (schema instanceof z.ZodArray) return z.array(convert(schema.element));
  if (schema instanceof z.ZodNullable) return convert(schema.unwrap()).nullable();
  if (schema instanceof z.ZodOptional) return convert(schema.unwrap()).optional();
  if (schema instanceof z.ZodUnion) return z.union(schema.options.map(convert));
  if (schema instanceof z.ZodRecord) return z.record(z.string(), convert(schema.valueType));
  if (schema instanceof z.ZodType) return schema;
  throw new TypeError('This schema has no form in JSON.');
}

/** The schema of a value's form in JSON. */
export function jsonForm<Schema extends z.ZodType>(schema: Schema): z.ZodType<JsonForm<z.output<Schema>>> {
  // The conversion follows the structure of the type, which the compiler cannot see through.
  return convert(schema) as z.ZodType<JsonForm<z.output<Schema>>>;
}

const hexadecimal = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

function form(value: unknown): unknown {
  if (typeof value === 'bigint') return `0x${value.toString(16)}`;
  if (value instanceof Uint8Array) return hexadecimal(value);
  if (Array.isArray(value)) return value.map(form);
  if (typeof value !== 'object' || value === null) return value;
  const parts = Object.entries(value).filter(([, part]) => part !== undefined);
  return Object.fromEntries(parts.map(([name, part]) => [name, form(part)]));
}

/** A value of the contract as JSON has it. */
export function toJson<Value>(value: Value): JsonForm<Value> {
  return form(value) as JsonForm<Value>;
}
