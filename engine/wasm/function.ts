/** One WebAssembly function under construction: locals, statements and structured control. */
import { unsigned } from './leb128.ts';
import { callValue, localGet, localTee, type I32, type I64, type Value, type ValueType } from './value.ts';

export const typeCode = { i32: 0x7f, i64: 0x7e } as const;

export interface Local<T extends ValueType> {
  readonly type: T;
  readonly index: number;
  readonly get: Value<T>;
}

/** The target of a branch: the end of a block or `if`, the start of a loop. */
export interface Label {
  readonly level: number;
}

/** A function that can be called: imported, or defined in the same module. */
export interface Callable {
  readonly index: number;
  readonly parameters: readonly ValueType[];
  readonly result: ValueType | undefined;
}

const storeOpcode = {
  store: [0x36, 2],
  store8: [0x3a, 0],
  store16: [0x3b, 1],
} as const;

export class FunctionBuilder {
  private readonly body: number[] = [];
  private readonly localTypes: ValueType[] = [];
  private readonly free: Record<ValueType, number[]> = { i32: [], i64: [] };
  private scopes: { type: ValueType; index: number }[][] = [];
  private level = 0;

  constructor(
    readonly parameters: readonly ValueType[],
    readonly result: ValueType | undefined,
  ) {}

  parameter<T extends ValueType>(type: T, index: number): Local<T> {
    if (this.parameters[index] !== type) throw new TypeError(`parameter ${index} is not ${type}`);
    return { type, index, get: localGet(type, index) };
  }

  /**
   * A local that holds zero. Inside `scope` that takes a store, which also tells the compiler that nothing is carried over
   * from an earlier use of the same local: in a loop with a thousand handlers such a dependency costs a move per local and round.
   */
  local<T extends ValueType>(type: T): Local<T> {
    const local = this.fresh(type);
    if (this.scopes.length > 0) this.push([type === 'i32' ? 0x41 : 0x42, 0, 0x21], unsigned(local.index));
    return local;
  }

  /** Locals made in `body` are given back afterwards, so that handlers of one big function share them. */
  scope(body: () => void): void {
    this.scopes.push([]);
    body();
    for (const { type, index } of this.scopes.pop() ?? []) this.free[type].push(index);
  }

  /** Evaluates now, into a fresh local. Constants are passed through. */
  let<T extends ValueType>(operand: Value<T>): Value<T> {
    if (operand.constant !== undefined) return operand;
    const local = this.fresh(operand.type);
    this.set(local, operand);
    return local.get;
  }

  set<T extends ValueType>(local: Local<T>, operand: Value<T>): void {
    this.push(operand.code, [0x21], unsigned(local.index));
  }

  tee<T extends ValueType>(local: Local<T>, operand: Value<T>): Value<T> {
    return localTee(local.type, local.index, operand);
  }

  store(address: I32, operand: I32, offset = 0): void {
    this.storeAs('store', address, operand, offset);
  }
  store8(address: I32, operand: I32, offset = 0): void {
    this.storeAs('store8', address, operand, offset);
  }
  store16(address: I32, operand: I32, offset = 0): void {
    this.storeAs('store16', address, operand, offset);
  }
  store64(address: I32, operand: I64, offset = 0): void {
    this.push(address.code, operand.code, [0x37, 3], unsigned(offset));
  }

  /** atomic.fence (threads proposal): no access is moved across it, in either direction. */
  fence(): void {
    this.push([0xfe, 0x03, 0x00]);
  }

  /** memory.copy (bulk memory): bytes may overlap. */
  memoryCopy(destination: I32, source: I32, bytes: I32): void {
    this.push(destination.code, source.code, bytes.code, [0xfc, 0x0a, 0, 0]);
  }
  memoryFill(destination: I32, byte: I32, bytes: I32): void {
    this.push(destination.code, byte.code, bytes.code, [0xfc, 0x0b, 0]);
  }

  call(target: Callable, ...operands: Value[]): void {
    this.check(target, operands);
    this.push(callValue('i32', target.index, operands).code);
    if (target.result !== undefined) this.body.push(0x1a);
  }
  callFor<T extends ValueType>(type: T, target: Callable, ...operands: Value[]): Value<T> {
    this.check(target, operands);
    if (target.result !== type) throw new TypeError(`the function returns ${String(target.result)}, not ${type}`);
    return callValue(type, target.index, operands);
  }

  block(body: (end: Label) => void): void {
    this.structured([0x02, 0x40], body);
  }
  loop(body: (start: Label) => void): void {
    this.structured([0x03, 0x40], body);
  }
  if(condition: I32, then: (end: Label) => void, otherwise?: (end: Label) => void): void {
    this.push(condition.code, [0x04, 0x40]);
    const label = { level: ++this.level };
    then(label);
    if (otherwise) {
      this.body.push(0x05);
      otherwise(label);
    }
    this.level--;
    this.body.push(0x0b);
  }
  br(target: Label): void {
    this.push([0x0c], unsigned(this.level - target.level));
  }
  brIf(target: Label, condition: I32): void {
    this.push(condition.code, [0x0d], unsigned(this.level - target.level));
  }
  brTable(targets: readonly Label[], otherwise: Label, index: I32): void {
    this.push(index.code, [0x0e], unsigned(targets.length));
    for (const target of targets) this.push(unsigned(this.level - target.level));
    this.push(unsigned(this.level - otherwise.level));
  }
  return(operand?: Value): void {
    if (operand) this.push(operand.code);
    this.body.push(0x0f);
  }
  unreachable(): void {
    this.body.push(0x00);
  }

  /**
   * Opens `count` nested blocks, lets `dispatch` branch to them, then runs `arm(i)` behind the end of block i. An arm that
   * falls through reaches the next one; arms are expected to branch away.
   */
  switch(count: number, dispatch: (labels: readonly Label[]) => void, arm: (index: number) => void): void {
    const labels: Label[] = [];
    for (let index = 0; index < count; index++) {
      this.push([0x02, 0x40]);
      this.level++;
    }
    for (let index = 0; index < count; index++) labels.push({ level: this.level - index });
    dispatch(labels);
    for (let index = 0; index < count; index++) {
      this.level--;
      this.body.push(0x0b);
      arm(index);
    }
  }

  /** The function's entry in the code section: locals and body, without the size in front. */
  encode(): number[] {
    if (this.level !== 0) throw new Error('a block is still open');
    const groups: [number, ValueType][] = [];
    for (const type of this.localTypes) {
      const last = groups.at(-1);
      if (last && last[1] === type) last[0]++;
      else groups.push([1, type]);
    }
    const head = unsigned(groups.length);
    for (const [count, type] of groups) head.push(...unsigned(count), typeCode[type]);
    return head.concat(this.body, [0x0b]);
  }

  private fresh<T extends ValueType>(type: T): Local<T> {
    const reused = this.scopes.length > 0 ? this.free[type].pop() : undefined;
    const index = reused ?? this.parameters.length + this.localTypes.push(type) - 1;
    this.scopes.at(-1)?.push({ type, index });
    return { type, index, get: localGet(type, index) };
  }

  private structured(opening: readonly number[], body: (label: Label) => void): void {
    this.push(opening);
    body({ level: ++this.level });
    this.level--;
    this.body.push(0x0b);
  }

  private storeAs(kind: keyof typeof storeOpcode, address: I32, operand: I32, offset: number): void {
    this.push(address.code, operand.code, storeOpcode[kind], unsigned(offset));
  }

  private check(target: Callable, operands: readonly Value[]): void {
    if (
      operands.length !== target.parameters.length ||
      operands.some((operand, index) => operand.type !== target.parameters[index])
    ) {
      throw new TypeError(`call of function ${target.index} with (${operands.map((operand) => operand.type).join(', ')})`);
    }
  }

  private push(...parts: (readonly number[])[]): void {
    for (const part of parts) for (const byte of part) this.body.push(byte);
  }
}
