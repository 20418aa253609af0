/**
 * Typed WebAssembly expressions. A Value is code that leaves one operand on the stack; it is evaluated where it is used, so
 * a value that may change in between has to be put in a local first (FunctionBuilder.let).
 * Opcodes: WebAssembly core specification 2.0, section 5.4; atomics: threads proposal.
 */
import { signed32, signed64, unsigned } from './leb128.ts';

export type ValueType = 'i32' | 'i64';

export interface Value<T extends ValueType = ValueType> {
  readonly type: T;
  readonly code: readonly number[];
  /** Set when the value is a constant (for i32), so that emitters can fold. */
  readonly constant?: number;
}

export type I32 = Value<'i32'>;
export type I64 = Value<'i64'>;

function value<T extends ValueType>(type: T, ...parts: (number | readonly number[])[]): Value<T> {
  const code: number[] = [];
  for (const part of parts) {
    if (typeof part === 'number') code.push(part);
    else for (const byte of part) code.push(byte);
  }
  return { type, code };
}

type Binary32 = (left: I32, right: I32) => I32;
type Binary64 = (left: I64, right: I64) => I64;
type Compare64 = (left: I64, right: I64) => I32;

function binary32(opcode: number, fold?: (a: number, b: number) => number): Binary32 {
  return (left, right) => {
    if (fold && left.constant !== undefined && right.constant !== undefined)
      return constant32(fold(left.constant, right.constant));
    return value('i32', left.code, right.code, opcode);
  };
}
function binary64(opcode: number): Binary64 {
  return (left, right) => value('i64', left.code, right.code, opcode);
}
function compare64(opcode: number): Compare64 {
  return (left, right) => value('i32', left.code, right.code, opcode);
}
function load32(opcode: number, align: number) {
  return (address: I32, offset = 0): I32 => value('i32', address.code, opcode, align, unsigned(offset));
}
function load64(opcode: number, align: number) {
  return (address: I32, offset = 0): I64 => value('i64', address.code, opcode, align, unsigned(offset));
}
function atomic(opcode: number, align: number) {
  return (address: I32, offset: number, ...operands: I32[]): I32 =>
    value(
      'i32',
      address.code,
      operands.flatMap((operand) => operand.code as number[]),
      0xfe,
      opcode,
      align,
      unsigned(offset),
    );
}
function atomic64(opcode: number, align: number) {
  return (address: I32, offset: number, ...operands: I64[]): I64 =>
    value(
      'i64',
      address.code,
      operands.flatMap((operand) => operand.code as number[]),
      0xfe,
      opcode,
      align,
      unsigned(offset),
    );
}

function constant32(number: number): I32 {
  return { ...value('i32', 0x41, signed32(number)), constant: number | 0 };
}

const add32 = binary32(0x6a, (a, b) => a + b);

/** 32-bit operations. Loads are little-endian with natural alignment as a hint only; atomics trap when misaligned. */
export const i32 = {
  const: constant32,
  add: ((left, right) => {
    if (right.constant === 0) return left;
    if (left.constant === 0) return right;
    return add32(left, right);
  }) as Binary32,
  sub: binary32(0x6b, (a, b) => a - b),
  mul: binary32(0x6c, Math.imul),
  divS: binary32(0x6d),
  divU: binary32(0x6e),
  remS: binary32(0x6f),
  remU: binary32(0x70),
  and: binary32(0x71, (a, b) => a & b),
  or: binary32(0x72, (a, b) => a | b),
  xor: binary32(0x73, (a, b) => a ^ b),
  shl: binary32(0x74, (a, b) => a << b),
  shrS: binary32(0x75, (a, b) => a >> b),
  shrU: binary32(0x76, (a, b) => a >>> b),
  rotl: binary32(0x77),
  rotr: binary32(0x78),
  eq: binary32(0x46),
  ne: binary32(0x47),
  ltS: binary32(0x48),
  ltU: binary32(0x49),
  gtS: binary32(0x4a),
  gtU: binary32(0x4b),
  leS: binary32(0x4c),
  leU: binary32(0x4d),
  geS: binary32(0x4e),
  geU: binary32(0x4f),
  eqz: (operand: I32): I32 => value('i32', operand.code, 0x45),
  clz: (operand: I32): I32 => value('i32', operand.code, 0x67),
  ctz: (operand: I32): I32 => value('i32', operand.code, 0x68),
  popcnt: (operand: I32): I32 => value('i32', operand.code, 0x69),
  extend8: (operand: I32): I32 => value('i32', operand.code, 0xc0),
  extend16: (operand: I32): I32 => value('i32', operand.code, 0xc1),
  wrap: (operand: I64): I32 => value('i32', operand.code, 0xa7),
  select: (condition: I32, yes: I32, no: I32): I32 => value('i32', yes.code, no.code, condition.code, 0x1b),
  load: load32(0x28, 2),
  load8s: load32(0x2c, 0),
  load8u: load32(0x2d, 0),
  load16s: load32(0x2e, 1),
  load16u: load32(0x2f, 1),
  atomicLoad: atomic(0x10, 2),
  /** (address, offset, expected, replacement) → old value. */
  atomicCompareExchange: atomic(0x48, 2),
  atomicCompareExchange8: atomic(0x4a, 0),
  atomicCompareExchange16: atomic(0x4b, 1),
} as const;

/** 64-bit operations. */
export const i64 = {
  const: (number: bigint): I64 => value('i64', 0x42, signed64(number)),
  add: binary64(0x7c),
  sub: binary64(0x7d),
  mul: binary64(0x7e),
  divS: binary64(0x7f),
  divU: binary64(0x80),
  remS: binary64(0x81),
  remU: binary64(0x82),
  and: binary64(0x83),
  or: binary64(0x84),
  xor: binary64(0x85),
  shl: binary64(0x86),
  shrS: binary64(0x87),
  shrU: binary64(0x88),
  rotl: binary64(0x89),
  rotr: binary64(0x8a),
  eqz: (operand: I64): I32 => value('i32', operand.code, 0x50),
  eq: compare64(0x51),
  ne: compare64(0x52),
  ltS: compare64(0x53),
  ltU: compare64(0x54),
  gtS: compare64(0x55),
  gtU: compare64(0x56),
  extendS: (operand: I32): I64 => value('i64', operand.code, 0xac),
  extendU: (operand: I32): I64 => value('i64', operand.code, 0xad),
  select: (condition: I32, yes: I64, no: I64): I64 => value('i64', yes.code, no.code, condition.code, 0x1b),
  load: load64(0x29, 3),
  atomicCompareExchange: atomic64(0x49, 3),
} as const;

/** Building blocks for FunctionBuilder. */
export function localGet<T extends ValueType>(type: T, index: number): Value<T> {
  return value(type, 0x20, unsigned(index));
}
export function localTee<T extends ValueType>(type: T, index: number, operand: Value<T>): Value<T> {
  return value(type, operand.code, 0x22, unsigned(index));
}
export function callValue<T extends ValueType>(type: T, index: number, operands: readonly Value[]): Value<T> {
  return value(
    type,
    operands.flatMap((operand) => operand.code as number[]),
    0x10,
    unsigned(index),
  );
}
