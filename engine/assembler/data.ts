/** What DB and its kin put into the output (NASM manual, 3.2.1 and 3.2.5). */
import { LineError } from './diagnostic.ts';
import { evaluate, isAddress, isNumber, resolve, type Scope } from './evaluate.ts';
import { floatBits, specialFloatBits } from './literal.ts';
import type { DataItem } from './statement.ts';

export interface DataSink {
  readonly scope: Scope;
  readonly last: boolean;
  /** Bytes one line may produce. */
  readonly limit: number;
  readonly warn: (code: string, message: string) => void;
}

/** Bytes as they grow; in all passes but the last only their number counts. */
export class ByteBuffer {
  private buffer = new Uint8Array(64);
  length = 0;
  private readonly limit: number;

  constructor(limit: number) {
    this.limit = limit;
  }
  reserve(count: number): void {
    const needed = this.length + count;
    if (needed > this.limit) throw new LineError('output-too-large', `The line makes more than ${this.limit} bytes.`);
    if (needed > this.buffer.length) {
      const grown = new Uint8Array(Math.max(needed, this.buffer.length * 2));
      grown.set(this.buffer);
      this.buffer = grown;
    }
  }
  put(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.length);
    this.length += bytes.length;
  }
  putNumber(value: bigint, count: number): void {
    this.reserve(count);
    if (count <= 4) {
      const low = Number(BigInt.asIntN(32, value));
      for (let index = 0; index < count; index++) this.buffer[this.length++] = low >> (index * 8);
      return;
    }
    for (let index = 0; index < count; index++) this.buffer[this.length++] = Number((value >> BigInt(index * 8)) & 0xffn);
  }
  /** Repeats what was put since `from`, so that it is there `times` times. */
  repeat(from: number, times: number): void {
    const size = this.length - from;
    if (times === 0) {
      this.length = from;
      return;
    }
    if (size === 0) return;
    if (size * (times - 1) > this.limit) throw new LineError('output-too-large', `The line makes more than ${this.limit} bytes.`);
    this.reserve(size * (times - 1));
    for (let round = 1; round < times; round++) this.buffer.copyWithin(from + size * round, from, from + size);
    this.length = from + size * times;
  }
  get bytes(): Uint8Array {
    return this.buffer.slice(0, this.length);
  }
}

export function dataBytes(items: readonly DataItem[], unit: number, sink: DataSink): Uint8Array {
  const buffer = new ByteBuffer(sink.limit);
  putItems(items, unit, sink, buffer);
  return buffer.bytes;
}

function putItems(items: readonly DataItem[], unit: number, sink: DataSink, buffer: ByteBuffer): void {
  for (const item of items) {
    switch (item.kind) {
      case 'bytes':
        buffer.put(item.bytes);
        break;
      case 'blank':
        buffer.putNumber(0n, unit);
        break;
      case 'float':
        putFloat(item, unit, buffer);
        break;
      case 'value':
        putValue(item, unit, sink, buffer);
        break;
      case 'repeat': {
        const count = evaluate(item.count, sink.scope);
        if (!isNumber(count)) throw new LineError('not-critical', 'The count of DUP must be a number that is known here.');
        if (count.constant < 0n) throw new LineError('negative-repeat', 'The count of DUP is negative.');
        const from = buffer.length;
        putItems(item.items, item.unit ?? unit, sink, buffer);
        buffer.repeat(from, Number(count.constant));
        break;
      }
    }
  }
}

function putValue(item: DataItem & { kind: 'value' }, unit: number, sink: DataSink, buffer: ByteBuffer): void {
  const value = evaluate(item.expression, sink.scope);
  if (!isAddress(value)) {
    const what =
      value.registers.length > 0 ? 'A register is not data.' : 'The expression is not a number or a single label plus a number.';
    throw new LineError('bad-data', what, item.token?.column, item.token?.end);
  }
  if (unit > 8)
    throw new LineError(
      'bad-data',
      `An integer cannot be stored in ${unit} bytes; a floating-point number or a string can.`,
      item.token?.column,
      item.token?.end,
    );
  if (!sink.last) {
    buffer.putNumber(0n, unit);
    return;
  }
  const number = resolve(value);
  if (unit < 8) {
    const limit = 1n << BigInt(unit * 8);
    if (number < -limit / 2n || number >= limit)
      sink.warn('number-overflow', `${unit === 1 ? 'byte' : unit === 2 ? 'word' : 'dword'} data exceeds bounds`);
  }
  buffer.putNumber(number, unit);
}

function putFloat(item: DataItem & { kind: 'float' }, unit: number, buffer: ByteBuffer): void {
  if (unit !== 2 && unit !== 4 && unit !== 8 && unit !== 10) {
    throw new LineError(
      'bad-float',
      `A floating-point number cannot be stored in ${unit} byte${unit === 1 ? '' : 's'}.`,
      item.token.column,
      item.token.end,
    );
  }
  const bits = specialFloatBits(item.text, unit, item.negative) ?? floatBits(item.text, unit, item.negative);
  if (bits === undefined)
    throw new LineError(
      'float-overflow',
      'The floating-point number is too large for its format.',
      item.token.column,
      item.token.end,
    );
  buffer.putNumber(bits, unit);
}
