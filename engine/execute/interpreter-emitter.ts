/**
 * The Emitter of the interpreter: operands come from the record that local `record` points at, architectural state from
 * the vCPU block at local `cpu`.
 */
import type { Emitter, OperandShape, Size, StateField } from '../isa/emitter.ts';
import type { ServiceName } from '../isa/services.ts';
import type { SizedForm } from '../isa/sized.ts';
import { Exit, Seg, segmentBytes, segmentField, vcpuState, type Reg } from '../isa/state.ts';
import type { Callable, FunctionBuilder, Label, Local } from '../wasm/function.ts';
import { i32, i64, type I32, type I64 } from '../wasm/value.ts';
import { field, neverLinked, registerOffset } from './record.ts';
import { tlb } from './translation-cache.ts';

/** What all handlers share: the function, its locals, and where to go. */
export interface Frame {
  readonly f: FunctionBuilder;
  readonly cpu: Local<'i32'>;
  readonly record: Local<'i32'>;
  /** Budget left after the whole running block. */
  readonly budget: Local<'i32'>;
  /** eip for `lookup`. */
  readonly target: Local<'i32'>;
  /** For `lookup`: 0 try the jump cache; neverLinked skip it; else the record of a branch that wants to be linked. */
  readonly from: Local<'i32'>;
  readonly services: Readonly<Record<ServiceName, Callable>>;
  /** Looks a block up at `target`. */
  readonly lookup: Label;
  /** Enters the block whose first record is `record`. */
  readonly enter: Label;
  /** Leaves with Exit.fault at the running instruction. */
  readonly fault: Label;
  /**
   * Set in the fast function: hands the running instruction, of which nothing has happened yet, to the careful one. Whatever
   * would need a call goes there, since calls inside the big loop would keep everything out of registers.
   */
  readonly careful: Label | undefined;
}

/** tlbSlot() times the entry's size is the linear address shifted by this much less. */
const entryShift = Math.log2(tlb.entryBytes);

type AccessKind = 'read' | 'write' | 'update' | 'locked';

const slowService = { read: 'readSlow', write: 'writeSlow', update: 'updateSlow', locked: 'lockedSlow' } as const;
const wideFields = new Set<string>(
  Object.entries(vcpuState.fields)
    .filter(([, place]) => place.type === 'u64')
    .map(([name]) => name),
);

export class InterpreterEmitter implements Emitter {
  readonly f: FunctionBuilder;
  readonly operandSize: 2 | 4;
  readonly addressSize: 2 | 4;
  readonly repeat: SizedForm['repeat'];
  readonly operands: readonly OperandShape[];
  /** Record field of each operand's register, in operand order. */
  private readonly places: (number | undefined)[];

  constructor(
    private readonly frame: Frame,
    private readonly form: SizedForm,
  ) {
    this.f = frame.f;
    this.operandSize = form.operandSize;
    this.addressSize = form.addressSize;
    this.repeat = form.repeat;
    this.operands = form.operands;
    let slot = 0;
    this.places = form.operands.map((shape) =>
      ['register', 'segment', 'control', 'debug', 'stack'].includes(shape.kind) ? field.registers[slot++] : undefined,
    );
  }

  size(n: number): Size {
    const shape = this.shape(n);
    if ('size' in shape && (shape.size === 1 || shape.size === 2 || shape.size === 4)) return shape.size;
    throw new TypeError(`operand ${n} of ${this.form.instruction.mnemonic} has no register size`);
  }

  isMemory(n: number): boolean {
    return this.shape(n).kind === 'memory';
  }

  read(n: number): I32 {
    const shape = this.shape(n);
    switch (shape.kind) {
      case 'register':
        return this.f.let(this.loadSized(this.registerAddress(n), shape.size));
      case 'memory':
        return this.load(this.segment(), this.offset(n), this.size(n));
      case 'immediate':
        return this.immediate();
      case 'one':
        return i32.const(1);
      case 'segment':
      case 'control':
      case 'debug':
      case 'stack':
        return this.f.let(i32.load8u(this.frame.record.get, this.place(n)));
      default:
        throw new TypeError(`operand ${n} of ${this.form.instruction.mnemonic} has no value`);
    }
  }

  write(n: number, value: I32): void {
    const shape = this.shape(n);
    if (shape.kind === 'register') this.storeRegister(this.registerAddress(n), value, shape.size);
    else if (shape.kind === 'memory') this.store(this.segment(), this.offset(n), this.size(n), value);
    else throw new TypeError(`operand ${n} of ${this.form.instruction.mnemonic} cannot be written`);
  }

  update(n: number, change: (old: I32) => I32, options: { locked?: boolean } = {}): void {
    const shape = this.shape(n);
    if (shape.kind === 'register') {
      const address = this.f.let(this.registerAddress(n));
      const old = this.f.let(this.loadSized(address, shape.size));
      const value = this.f.let(change(old));
      return this.storeRegister(address, value, shape.size);
    }
    const size = this.size(n);
    if (!this.form.locked && !options.locked) {
      const pointer = this.pointer(this.segment(), this.offset(n), size, 'update');
      const old = this.f.let(this.loadSized(pointer, size));
      this.storeSized(pointer, this.f.let(change(old)), size);
      return this.commitIfBounced(pointer);
    }
    const pointer = this.pointer(this.segment(), this.offset(n), size, 'locked');
    const old = this.f.local('i32');
    const exchange =
      size === 1 ? i32.atomicCompareExchange8 : size === 2 ? i32.atomicCompareExchange16 : i32.atomicCompareExchange;
    this.f.loop((again) => {
      this.f.set(old, this.loadSized(pointer, size));
      const value = this.f.let(change(old.get));
      const narrow = size === 4 ? value : i32.and(value, i32.const(size === 1 ? 0xff : 0xffff));
      this.f.brIf(again, i32.ne(exchange(pointer, 0, old.get, narrow), old.get));
    });
    this.commitIfBounced(pointer);
  }

  updateWide(n: number, change: (old: I64) => I64): void {
    const pointer = this.pointer(this.segment(), this.offset(n), 8, this.form.locked ? 'locked' : 'update');
    const old = this.f.local('i64');
    if (!this.form.locked) {
      this.f.set(old, i64.load(pointer));
      this.f.store64(pointer, this.f.let(change(old.get)));
    } else {
      this.f.loop((again) => {
        this.f.set(old, i64.load(pointer));
        const value = this.f.let(change(old.get));
        this.f.brIf(again, i64.ne(i64.atomicCompareExchange(pointer, 0, old.get, value), old.get));
      });
    }
    this.commitIfBounced(pointer);
  }

  offset(n: number): I32 {
    if (this.shape(n).kind !== 'memory') throw new TypeError(`operand ${n} of ${this.form.instruction.mnemonic} is not memory`);
    const { record } = this.frame;
    const base = i32.load(this.slot(i32.load8u(record.get, field.base)));
    const index = i32.shl(i32.load(this.slot(i32.load8u(record.get, field.index))), i32.load8u(record.get, field.scale));
    let sum = i32.add(i32.add(base, index), i32.load(record.get, field.displacement));
    if (this.form.bitString) {
      // The index is signed and counts bits; it moves the address by whole operands.
      const bitIndex = this.read(1);
      sum = i32.add(
        sum,
        this.operandSize === 4
          ? i32.shl(i32.shrS(bitIndex, i32.const(5)), i32.const(2))
          : i32.shl(i32.shrS(i32.extend16(bitIndex), i32.const(4)), i32.const(1)),
      );
    }
    return this.f.let(i32.and(sum, i32.load(record.get, field.addressMask)));
  }

  segment(): I32 {
    return i32.load8u(this.frame.record.get, field.segment);
  }
  segmentConstant(seg: Seg): I32 {
    return i32.const(seg * segmentBytes);
  }
  immediate(): I32 {
    return this.f.let(i32.load(this.frame.record.get, field.immediate));
  }
  immediateHigh(): I32 {
    return this.f.let(i32.load(this.frame.record.get, field.immediateHigh));
  }

  load(segment: Seg | I32, offset: I32, size: Size): I32 {
    return this.f.let(this.loadSized(this.pointer(segment, offset, size, 'read'), size));
  }

  store(segment: Seg | I32, offset: I32, size: Size, value: I32): void {
    const pointer = this.pointer(segment, offset, size, 'write');
    this.storeSized(pointer, value, size);
    this.commitIfBounced(pointer);
  }

  direct(segment: Seg | I32, offset: I32, size: Size, access: 'read' | 'write', room: (bytes: I32) => void): I32 {
    const pointer = this.f.local('i32');
    this.f.set(pointer, i32.const(0));
    this.f.block((slow) => {
      const linear = this.fastPath(segment, offset, size, access, slow, pointer);
      room(i32.sub(i32.const(0x1000), i32.and(linear, i32.const(0xfff))));
    });
    return pointer.get;
  }

  beyond(segment: Seg | I32, offset: I32, bytes: I32, access: 'read' | 'write'): I32 {
    const end = i64.sub(i64.add(i64.extendU(offset), i64.extendU(bytes)), i64.const(1n));
    return i64.gtS(end, i64.load(this.segmentAddress(segment), this.endField(access)));
  }

  register(reg: Reg, size: Size = 4): I32 {
    return this.f.let(this.loadSized(this.frame.cpu.get, size, registerOffset(reg, size)));
  }
  setRegister(reg: Reg, value: I32, size: Size = 4): void {
    this.storeRegister(this.frame.cpu.get, value, size, registerOffset(reg, size));
  }
  field(name: StateField): I32 {
    return i32.load(this.frame.cpu.get, vcpuState.offset[name]);
  }
  setField(name: StateField, value: I32): void {
    if (wideFields.has(name)) this.f.store64(this.frame.cpu.get, i64.extendU(value), vcpuState.offset[name]);
    else this.f.store(this.frame.cpu.get, value, vcpuState.offset[name]);
  }
  selector(seg: I32): I32 {
    const address = i32.add(this.frame.cpu.get, i32.mul(seg, i32.const(segmentBytes)));
    return this.f.let(i32.load16u(address, vcpuState.offset.segments + segmentField.selector));
  }

  push(value: I32, size: 2 | 4): void {
    this.storeStackAt(i32.const(-size), size, this.f.let(value));
    this.adjustStack(i32.const(-size));
  }
  peekStack(depth: number, size: 2 | 4): I32 {
    return this.load(Seg.ss, this.stackOffset(i32.const(depth)), size);
  }
  storeStackAt(displacement: I32, size: 2 | 4, value: I32): void {
    this.store(Seg.ss, this.stackOffset(displacement), size, value);
  }
  probeStackAt(displacement: I32, bytes: number): void {
    this.call('probeWrite', this.segmentConstant(Seg.ss), this.stackOffset(displacement), i32.const(bytes));
  }
  loadFrame(displacement: I32, size: 2 | 4): I32 {
    const offset = i32.and(i32.add(this.register(5 satisfies Reg), displacement), this.field('stackMask'));
    return this.load(Seg.ss, this.f.let(offset), size);
  }
  mergeStack(register: I32, value: I32): I32 {
    const mask = this.f.let(this.field('stackMask'));
    return this.f.let(i32.or(i32.and(register, i32.xor(mask, i32.const(-1))), i32.and(value, mask)));
  }
  steppedStack(bytes: I32): I32 {
    const top = this.register(4 satisfies Reg);
    return this.mergeStack(top, i32.add(top, bytes));
  }
  adjustStack(bytes: I32): void {
    this.setRegister(4 satisfies Reg, this.steppedStack(bytes));
  }

  instructionPointer(): I32 {
    return this.f.let(i32.add(this.field('pageEip'), i32.load16u(this.frame.record.get, field.pageOffset)));
  }
  nextInstructionPointer(): I32 {
    return this.f.let(i32.add(this.instructionPointer(), i32.load8u(this.frame.record.get, field.length)));
  }

  checkTarget(offset: I32 = this.relativeTarget()): void {
    const limit = i32.load(this.frame.cpu.get, vcpuState.offset.segments + Seg.cs * segmentBytes + segmentField.limit);
    this.f.if(i32.gtU(offset, limit), () => this.fault(13, 0));
  }

  jumpRelative(): void {
    const { f, record, target, from, lookup, enter } = this.frame;
    const link = f.let(i32.load(record.get, field.link));
    f.if(i32.gtU(link, i32.const(neverLinked)), () => {
      this.giveBack();
      f.set(record, link);
      f.br(enter);
    });
    const goal = this.relativeTarget();
    this.checkTarget(goal);
    this.giveBack();
    f.set(target, goal);
    f.set(from, i32.select(link, i32.const(0), record.get));
    f.br(lookup);
  }

  jump(offset: I32): void {
    this.leaveTo(offset);
  }
  flow(): void {
    this.leaveTo(this.nextInstructionPointer());
  }
  restart(): void {
    const { f, budget } = this.frame;
    if (this.frame.careful) return f.br(this.frame.careful);
    this.setField('eip', this.instructionPointer());
    this.setField('budget', i32.add(budget.get, i32.add(this.remaining(), i32.const(1))));
    f.return(i32.const(Exit.attention));
  }
  once(): void {
    if (this.frame.careful) this.f.br(this.frame.careful);
  }
  exit(reason: Exit): void {
    if (this.frame.careful) return this.f.br(this.frame.careful);
    this.setField('eip', this.nextInstructionPointer());
    this.giveBack();
    this.setField('budget', this.frame.budget.get);
    this.f.return(i32.const(reason));
  }

  fault(vector: number, code = 0): void {
    if (this.frame.careful) return this.f.br(this.frame.careful);
    this.setField('faultVector', i32.const(vector));
    this.setField('faultCode', i32.const(code));
    this.f.br(this.frame.fault);
  }

  call(service: ServiceName, ...operands: I32[]): void {
    if (this.frame.careful) return this.f.br(this.frame.careful);
    this.sync();
    const target = this.frame.services[service];
    this.f.call(target, ...operands);
    this.leaveIfFaulted();
  }
  callFor(service: ServiceName, ...operands: I32[]): I32 {
    if (this.frame.careful) {
      this.f.br(this.frame.careful);
      return i32.const(0);
    }
    this.sync();
    const result = this.f.let(this.f.callFor('i32', this.frame.services[service], ...operands));
    this.leaveIfFaulted();
    return result;
  }
  callControl(service: ServiceName, ...operands: I32[]): void {
    this.setField('eip', this.nextInstructionPointer());
    this.call(service, ...operands);
    this.leaveTo(this.f.let(this.field('eip')));
  }

  callAndExit(service: ServiceName, reason: Exit): void {
    if (this.frame.careful) return this.f.br(this.frame.careful);
    this.setField('eip', this.nextInstructionPointer());
    this.call(service);
    this.giveBack();
    this.setField('budget', this.frame.budget.get);
    this.f.return(i32.const(reason));
  }

  private shape(n: number): OperandShape {
    const shape = this.operands[n];
    if (!shape) throw new RangeError(`${this.form.instruction.mnemonic} has no operand ${n}`);
    return shape;
  }

  private place(n: number): number {
    const place = this.places[n];
    if (place === undefined) throw new TypeError(`operand ${n} of ${this.form.instruction.mnemonic} has no register`);
    return place;
  }

  private slot(offset: I32): I32 {
    return i32.add(this.frame.cpu.get, offset);
  }
  private registerAddress(n: number): I32 {
    return this.slot(i32.load8u(this.frame.record.get, this.place(n)));
  }

  private loadSized(address: I32, size: Size, offset = 0): I32 {
    return size === 1 ? i32.load8u(address, offset) : size === 2 ? i32.load16u(address, offset) : i32.load(address, offset);
  }
  private storeSized(address: I32, value: I32, size: Size): void {
    if (size === 1) this.f.store8(address, value);
    else if (size === 2) this.f.store16(address, value);
    else this.f.store(address, value);
  }
  /** A 32-bit write clears the upper half of the 64-bit slot. */
  private storeRegister(address: I32, value: I32, size: Size, offset = 0): void {
    if (size === 1) this.f.store8(address, value, offset);
    else if (size === 2) this.f.store16(address, value, offset);
    else this.f.store64(address, i64.extendU(value), offset);
  }

  private stackOffset(displacement: I32): I32 {
    return this.f.let(i32.and(i32.add(this.register(4 satisfies Reg), displacement), this.field('stackMask')));
  }

  private segmentAddress(segment: Seg | I32): I32 {
    return typeof segment === 'number'
      ? i32.add(this.frame.cpu.get, i32.const(segment * segmentBytes))
      : i32.add(this.frame.cpu.get, segment);
  }
  private endField(access: 'read' | 'write'): number {
    return vcpuState.offset.segments + (access === 'read' ? segmentField.readEnd : segmentField.writeEnd);
  }

  /** Limit check and TLB look-up; leaves to `slow` or sets `pointer`. Gives the linear address. */
  private fastPath(segment: Seg | I32, offset: I32, size: number, kind: AccessKind, slow: Label, pointer: Local<'i32'>): I32 {
    const { f } = this;
    const access = kind === 'read' ? 'read' : 'write';
    const at = f.let(this.segmentAddress(segment));
    const first = i64.extendU(offset);
    const last = size === 1 ? first : i64.add(first, i64.const(BigInt(size - 1)));
    f.brIf(slow, i64.gtS(last, i64.load(at, this.endField(access))));
    const linear = f.let(i32.add(i32.load(at, vcpuState.offset.segments + segmentField.base), offset));
    if (kind === 'locked' && size > 1) f.brIf(slow, i32.and(linear, i32.const(size - 1)));
    const entry = f.let(
      i32.add(
        this.field('tlb'),
        i32.and(
          i32.xor(i32.shrU(linear, i32.const(12 - entryShift)), i32.shrU(linear, i32.const(22 - entryShift))),
          i32.const((tlb.entries - 1) * tlb.entryBytes),
        ),
      ),
    );
    const wide = i64.extendU(linear);
    const end = size === 1 ? wide : i64.add(wide, i64.const(BigInt(size - 1)));
    f.brIf(slow, i64.ne(i64.and(end, i64.const(~0xfffn)), i64.load(entry, access === 'read' ? tlb.readTag : tlb.writeTag)));
    f.set(pointer, i32.add(linear, i32.load(entry, tlb.addend)));
    return linear;
  }

  /** Where the bytes can be accessed, by the fast path or the slow service; leaves on a fault. */
  private pointer(segment: Seg | I32, offset: I32, size: number, kind: AccessKind): I32 {
    const { f } = this;
    const pointer = f.local('i32');
    const at = f.let(offset);
    if (this.frame.careful) {
      this.fastPath(segment, at, size, kind, this.frame.careful, pointer);
      return pointer.get;
    }
    f.block((done) => {
      f.block((slow) => {
        this.fastPath(segment, at, size, kind, slow, pointer);
        f.br(done);
      });
      this.sync();
      const seg = typeof segment === 'number' ? this.segmentConstant(segment) : segment;
      f.set(pointer, f.callFor('i32', this.frame.services[slowService[kind]], seg, at, i32.const(size)));
      this.leaveIfFaulted();
    });
    return pointer.get;
  }

  private commitIfBounced(pointer: I32): void {
    if (this.frame.careful) return;
    this.f.if(i32.eq(pointer, i32.add(this.frame.cpu.get, i32.const(vcpuState.offset.bounce))), () =>
      this.f.call(this.frame.services.commitWrite),
    );
  }

  private remaining(): I32 {
    return i32.load8u(this.frame.record.get, field.remaining);
  }
  /** Leaving a block early: what was charged for the rest comes back. */
  private giveBack(): void {
    this.f.set(this.frame.budget, i32.add(this.frame.budget.get, this.remaining()));
  }
  /** Makes `budget` in the block exact for whoever is called. */
  private sync(): void {
    this.setField('budget', i32.add(this.frame.budget.get, i32.add(this.remaining(), i32.const(1))));
  }
  private leaveIfFaulted(): void {
    this.f.brIf(this.frame.fault, i32.geS(this.field('faultVector'), i32.const(0)));
  }
  private leaveTo(eip: I32): void {
    const { f, target, from, lookup } = this.frame;
    f.set(target, eip);
    this.giveBack();
    f.set(from, i32.const(0));
    f.br(lookup);
  }

  private relativeTarget(): I32 {
    const sum = i32.add(this.nextInstructionPointer(), i32.load(this.frame.record.get, field.immediate));
    return this.f.let(this.operandSize === 2 ? i32.and(sum, i32.const(0xffff)) : sum);
  }
}
