/**
 * The floating-point unit: what each x87 instruction does to stack, status and memory (SDM vol. 1, chapter 8; vol. 2). The
 * services of generated code end here. Exceptions of the processor leave by guestFault before anything has changed.
 */
import { Reg, Seg, segmentBytes } from '../../isa/state.ts';
import { popShift, X87, X87Format } from '../../isa/x87.ts';
import { Control0 } from '../control-bits.ts';
import type { Cpu } from '../core.ts';
import { Vector } from '../faults.ts';
import { Flag, readEflags, writeEflags } from '../flags.ts';
import {
  add,
  compare,
  divide,
  examination,
  extract,
  multiply,
  Order,
  remainder,
  roundToInteger,
  scale,
  squareRoot,
  subtract,
} from './arithmetic.ts';
import { constant } from './constants.ts';
import { fromBcd, fromReal, toBcd, toInteger, toReal, type Stored } from './convert.ts';
import { bitsOf, environmentBytes, fromBits, loadEnvironment, restoreState, saveState, storeEnvironment } from './environment.ts';
import { restoreExtendedState, saveExtendedState } from './extended-state.ts';
import {
  exact,
  Exception,
  fromInteger,
  indefinite,
  negated,
  one,
  quieted,
  zero,
  kindOf,
  Kind,
  type Extended,
  type Outcome,
} from './extended.ts';
import { arcTangent, cosine, inTrigonometricRange, logarithm, logarithmPlusOne, powerOfTwo, sine, tangent } from './functions.ts';
import { formatBytes, probe, readBits, writeBits, type Place } from './operand.ts';
import { conditionCodes, Status, X87Registers } from './registers.ts';

/** Exceptions that are found before an operation: unmasked, they keep it from happening. */
const before = Exception.invalid | Exception.denormal | Exception.zeroDivide;
const operationMask = (1 << popShift) - 1;
const noWait = new Set<number>([
  X87.initialise,
  X87.clearExceptions,
  X87.storeControl,
  X87.storeStatus,
  X87.storeStatusToAx,
  X87.storeEnvironment,
  X87.save,
  X87.saveExtended,
  X87.restoreExtended,
  X87.ignored,
]);
const keepsPointers = new Set<number>([...noWait, X87.loadControl, X87.loadEnvironment, X87.restore]);

/** Condition codes of an order, C3 C2 C0 (SDM vol. 2, FCOM). */
const orderCodes: Readonly<Record<Order, number>> = {
  [Order.greater]: 0,
  [Order.less]: Status.c0,
  [Order.equal]: Status.c3,
  [Order.unordered]: Status.c0 | Status.c2 | Status.c3,
};
const orderFlags: Readonly<Record<Order, number>> = {
  [Order.greater]: 0,
  [Order.less]: Flag.carry,
  [Order.equal]: Flag.zero,
  [Order.unordered]: Flag.carry | Flag.zero | Flag.parity,
};

/** FCOMI and its kin clear those that tell nothing, as processors do; the manual is silent. */
const arithmeticFlags = Flag.carry | Flag.parity | Flag.adjust | Flag.zero | Flag.sign | Flag.overflow;

type Binary = (a: Extended, b: Extended, control: number) => Outcome;
const binary: Partial<Record<X87, Binary>> = {
  [X87.add]: add,
  [X87.multiply]: multiply,
  [X87.subtract]: subtract,
  [X87.subtractReversed]: (a, b, control) => subtract(b, a, control),
  [X87.divide]: divide,
  [X87.divideReversed]: (a, b, control) => divide(b, a, control),
};
const unary: Partial<Record<X87, (a: Extended, control: number) => Outcome>> = {
  [X87.squareRoot]: squareRoot,
  [X87.roundToInteger]: roundToInteger,
  [X87.powerOfTwo]: powerOfTwo,
  [X87.absolute]: (a) => exact({ ...a, sign: 0 }),
  [X87.changeSign]: (a) => exact(negated(a)),
};
/** ST(1) and ST(0) to ST(1), then a pop. */
const intoSecond: Partial<Record<X87, Binary>> = {
  [X87.logarithm]: logarithm,
  [X87.logarithmPlusOne]: logarithmPlusOne,
  [X87.arcTangent]: arcTangent,
};
const moveConditions: Partial<Record<X87, readonly [mask: number, set: boolean]>> = {
  [X87.moveIfBelow]: [Flag.carry, true],
  [X87.moveIfEqual]: [Flag.zero, true],
  [X87.moveIfBelowOrEqual]: [Flag.carry | Flag.zero, true],
  [X87.moveIfUnordered]: [Flag.parity, true],
  [X87.moveIfNotBelow]: [Flag.carry, false],
  [X87.moveIfNotEqual]: [Flag.zero, false],
  [X87.moveIfAbove]: [Flag.carry | Flag.zero, false],
  [X87.moveIfOrdered]: [Flag.parity, false],
};

export class X87Unit {
  readonly registers: X87Registers;

  constructor(private readonly cpu: Cpu) {
    this.registers = new X87Registers(cpu.state.block);
  }

  /** Services.x87Wait. */
  wait(): void {
    const both = Control0.monitorCoprocessor | Control0.taskSwitched;
    if ((this.cpu.state.cr0 & both) === both) this.cpu.raise(Vector.deviceNotAvailable);
    this.reportPending();
  }

  /** Services.x87Stack. */
  stack(code: number, destination: number, source: number, instructionPointer: number): void {
    const operation = this.enter(code);
    const pops = code >> popShift;
    this.onStack(operation, destination, source, pops);
    if (!keepsPointers.has(operation)) this.notePointers(instructionPointer);
  }

  /** Services.x87Memory. */
  memory(code: number, format: X87Format, segment: number, offset: number, instructionPointer: number): void {
    const operation = this.enter(code);
    const place = { segment, offset: offset >>> 0 };
    this.onMemory(operation, format, place, code >> popShift);
    if (keepsPointers.has(operation)) return;
    this.notePointers(instructionPointer);
    const { block } = this.cpu.state;
    block.fpuDataSelector = this.cpu.state.selector(segment / segmentBytes);
    block.fpuDataOffset = BigInt(place.offset);
  }

  private enter(code: number): X87 {
    if ((this.cpu.state.cr0 & (Control0.emulation | Control0.taskSwitched)) !== 0) this.cpu.raise(Vector.deviceNotAvailable);
    const operation: X87 = code & operationMask;
    if (!noWait.has(operation)) this.reportPending();
    return operation;
  }

  /**
   * An unmasked exception of an earlier instruction (SDM vol. 1, 8.7). With CR0.NE clear it would be FERR#, which no chip listens to
   * here: the program goes on as if IGNNE# were asserted.
   */
  private reportPending(): void {
    if ((this.registers.status & Status.errorSummary) === 0) return;
    if ((this.cpu.state.cr0 & Control0.numericError) !== 0) this.cpu.raise(Vector.floatingPoint);
  }

  private notePointers(instructionPointer: number): void {
    const { state } = this.cpu;
    state.block.fpuInstructionSelector = state.selector(Seg.cs);
    state.block.fpuInstructionOffset = BigInt(instructionPointer >>> 0);
  }

  private onStack(operation: X87, destination: number, source: number, pops: number): void {
    const { registers } = this;
    const calculate = binary[operation];
    if (calculate) return this.arithmetic(calculate, destination, source, undefined, pops);
    const function1 = unary[operation];
    if (function1) return this.replace(function1);
    const function2 = intoSecond[operation];
    if (function2) return this.arithmetic(function2, 1, 0, undefined, pops);
    const value = constant(operation, registers.control);
    if (value) return this.push(exact(value));
    const condition = moveConditions[operation];
    if (condition) return this.conditionalMove(condition[0], condition[1], source);
    switch (operation) {
      case X87.compare:
      case X87.compareQuietly:
        // The forms without operands compare with ST(1).
        return this.compare(pops === 2 ? 1 : source, undefined, operation === X87.compareQuietly, pops);
      case X87.compareToFlags:
      case X87.compareQuietlyToFlags:
        return this.compareToFlags(source, operation === X87.compareQuietlyToFlags, pops);
      case X87.test:
        return this.compare(0, zero(0), false, 0);
      case X87.examine: {
        const st0 = registers.read(0);
        const code = examination(st0, registers.isEmpty(0));
        return this.setCodes(
          (code & 4 ? Status.c3 : 0) | (code & 2 ? Status.c2 : 0) | (code & 1 ? Status.c0 : 0) | (st0.sign === 1 ? Status.c1 : 0),
        );
      }
      case X87.exchange:
        return this.exchange(source);
      case X87.load:
        if (!registers.isEmpty(source)) return this.push(exact(registers.read(source)));
        if (this.stackFault(false)) registers.push(indefinite);
        return;
      case X87.store:
        if (registers.isEmpty(0)) {
          if (this.stackFault(false)) this.finishStore(source, indefinite, pops);
          return;
        }
        this.report(0, false);
        return this.finishStore(source, registers.read(0), pops);
      case X87.storeUnchecked:
        registers.status &= ~Status.c1;
        if (!registers.isEmpty(0)) registers.write(source, registers.read(0));
        return registers.pop();
      case X87.free:
        registers.status &= ~Status.c1;
        registers.free(source);
        if (pops > 0) registers.pop();
        return;
      case X87.scale:
        return this.arithmetic(scale, 0, 1, undefined, 0);
      case X87.remainder:
      case X87.nearestRemainder:
        return this.remainder(operation === X87.nearestRemainder);
      case X87.extract:
        return this.extract();
      case X87.sine:
      case X87.cosine:
      case X87.tangent:
      case X87.sineAndCosine:
        return this.trigonometric(operation);
      case X87.incrementTop:
      case X87.decrementTop:
        registers.top = registers.top + (operation === X87.incrementTop ? 1 : -1);
        registers.status &= ~Status.c1;
        return;
      case X87.initialise:
        return registers.initialise();
      case X87.clearExceptions:
        registers.status &= ~(Status.exceptions | Status.stackFault);
        return;
      case X87.storeStatusToAx: {
        const { state } = this.cpu;
        state.setRegister(Reg.eax, ((state.register(Reg.eax) & 0xffff0000) | registers.status) >>> 0);
        return;
      }
      case X87.nothing:
      case X87.ignored:
        return;
      default:
        throw new RangeError(`x87 operation ${operation} has no form without memory`);
    }
  }

  private onMemory(operation: X87, format: X87Format, place: Place, pops: number): void {
    const { registers, cpu } = this;
    const wordBytes = format === X87Format.image16 ? 2 : 4;
    const calculate = binary[operation];
    if (calculate) return this.arithmetic(calculate, 0, 0, this.operand(format, place), 0);
    switch (operation) {
      case X87.compare:
        return this.compare(0, this.operand(format, place), false, pops);
      case X87.load: {
        const value = this.operand(format, place);
        const exceptions = value.denormal === true ? Exception.denormal : 0;
        if (format === X87Format.real80 || kindOf(value) !== Kind.signallingNan) return this.push(exact(value, exceptions));
        return this.push(exact(quieted(value), Exception.invalid));
      }
      case X87.store:
        return this.store(format, place, pops);
      case X87.loadControl:
        registers.control = Number(readBits(cpu, place, 2));
        return;
      case X87.storeControl:
        return writeBits(cpu, place, 2, BigInt(registers.control));
      case X87.storeStatus:
        return writeBits(cpu, place, 2, BigInt(registers.status));
      case X87.loadEnvironment:
        return loadEnvironment(cpu, registers, place, wordBytes);
      case X87.storeEnvironment:
        probe(cpu, place, environmentBytes(wordBytes));
        storeEnvironment(cpu, registers, place, wordBytes);
        registers.control |= Status.exceptions;
        return;
      case X87.restore:
        return restoreState(cpu, registers, place, wordBytes);
      case X87.save:
        saveState(cpu, registers, place, wordBytes);
        return registers.initialise();
      case X87.saveExtended:
        return saveExtendedState(cpu, registers, place);
      case X87.restoreExtended:
        return restoreExtendedState(cpu, registers, place);
      default:
        throw new RangeError(`x87 operation ${operation} has no form with memory`);
    }
  }

  /** A memory operand as a number; exceptions of its own are the user's. */
  private operand(format: X87Format, place: Place): Extended {
    const bytes = formatBytes[format];
    if (bytes === undefined) throw new RangeError(`format ${format} is not a number`);
    const bits = readBits(this.cpu, place, bytes);
    switch (format) {
      case X87Format.real32:
        return fromReal(bits, 4);
      case X87Format.real64:
        return fromReal(bits, 8);
      case X87Format.real80:
        return fromBits(bits);
      case X87Format.decimal:
        return fromBcd(bits);
      default:
        return fromInteger(BigInt.asIntN(8 * bytes, bits));
    }
  }

  /** Adds exceptions to the status; C1 tells of rounding. */
  private report(exceptions: number, roundedUp: boolean): void {
    const { registers } = this;
    registers.status = (registers.status & ~Status.c1) | exceptions | (roundedUp ? Status.c1 : 0);
  }

  /** Stack overflow or underflow. True: masked, go on with the indefinite. */
  private stackFault(overflow: boolean): boolean {
    this.report(Exception.invalid | Status.stackFault, overflow);
    return (this.registers.control & Exception.invalid) !== 0;
  }

  private setCodes(codes: number): void {
    const { registers } = this;
    registers.status = (registers.status & ~conditionCodes) | codes;
  }

  /** Reports an outcome. False: an unmasked exception keeps the value from being used. */
  private settle(outcome: Outcome): boolean {
    this.report(outcome.exceptions, outcome.roundedUp);
    return (outcome.exceptions & before & ~this.registers.control) === 0;
  }

  private pop(count: number): void {
    for (let each = 0; each < count; each++) this.registers.pop();
  }

  /** ST(destination) from it and ST(source), or `operand` in place of that. */
  private arithmetic(calculate: Binary, destination: number, source: number, operand: Extended | undefined, pops: number): void {
    const { registers } = this;
    if (registers.isEmpty(destination) || (operand === undefined && registers.isEmpty(source))) {
      if (!this.stackFault(false)) return;
      registers.write(destination, indefinite);
      return this.pop(pops);
    }
    const outcome = calculate(registers.read(destination), operand ?? registers.read(source), registers.control);
    if (!this.settle(outcome)) return;
    registers.write(destination, outcome.value);
    this.pop(pops);
  }

  private replace(calculate: (a: Extended, control: number) => Outcome): void {
    const { registers } = this;
    if (registers.isEmpty(0)) {
      if (this.stackFault(false)) registers.write(0, indefinite);
      return;
    }
    const outcome = calculate(registers.read(0), registers.control);
    if (this.settle(outcome)) registers.write(0, outcome.value);
  }

  private push(outcome: Outcome): void {
    const { registers } = this;
    if (!registers.isEmpty(-1)) {
      if (this.stackFault(true)) registers.push(indefinite);
    } else if (this.settle(outcome)) registers.push(outcome.value);
  }

  private compare(source: number, operand: Extended | undefined, quiet: boolean, pops: number): void {
    const { registers } = this;
    if (registers.isEmpty(0) || (operand === undefined && registers.isEmpty(source))) {
      this.setCodes(orderCodes[Order.unordered]);
      if (this.stackFault(false)) this.pop(pops);
      return;
    }
    const { order, exceptions } = compare(registers.read(0), operand ?? registers.read(source), quiet);
    this.setCodes(orderCodes[order]);
    this.report(exceptions, false);
    if ((exceptions & ~registers.control) === 0) this.pop(pops);
  }

  private compareToFlags(source: number, quiet: boolean, pops: number): void {
    const { registers } = this;
    const { state } = this.cpu;
    const setFlags = (order: Order) => writeEflags(state, (readEflags(state) & ~arithmeticFlags) | orderFlags[order]);
    if (registers.isEmpty(0) || registers.isEmpty(source)) {
      setFlags(Order.unordered);
      if (this.stackFault(false)) this.pop(pops);
      return;
    }
    const { order, exceptions } = compare(registers.read(0), registers.read(source), quiet);
    setFlags(order);
    registers.status |= exceptions;
    if ((exceptions & ~registers.control) === 0) this.pop(pops);
  }

  private exchange(index: number): void {
    const { registers } = this;
    const emptyA = registers.isEmpty(0);
    const emptyB = registers.isEmpty(index);
    if (emptyA || emptyB) {
      if (!this.stackFault(false)) return;
    } else this.report(0, false);
    const a = emptyA ? indefinite : registers.read(0);
    const b = emptyB ? indefinite : registers.read(index);
    registers.write(0, b);
    registers.write(index, a);
  }

  private finishStore(index: number, value: Extended, pops: number): void {
    this.registers.write(index, value);
    this.pop(pops);
  }

  private conditionalMove(mask: number, set: boolean, source: number): void {
    const { registers } = this;
    if (registers.isEmpty(0) || registers.isEmpty(source)) {
      if (this.stackFault(false)) registers.write(0, indefinite);
      return;
    }
    if (((readEflags(this.cpu.state) & mask) !== 0) === set) registers.write(0, registers.read(source));
  }

  private store(format: X87Format, place: Place, pops: number): void {
    const { registers, cpu } = this;
    const bytes = formatBytes[format];
    if (bytes === undefined) throw new RangeError(`format ${format} is not a number`);
    const empty = registers.isEmpty(0);
    const { control } = registers;
    if (empty && (control & Exception.invalid) === 0) {
      this.stackFault(false);
      return;
    }
    const stored = this.converted(empty ? indefinite : registers.read(0), format);
    const blocked = !empty && (stored.exceptions & ~control & ~Exception.precision & Status.exceptions) !== 0;
    if (!blocked) writeBits(cpu, place, bytes, stored.bits);
    if (empty) this.stackFault(false);
    else this.report(stored.exceptions, stored.roundedUp);
    if (!blocked) this.pop(pops);
  }

  private converted(value: Extended, format: X87Format): Stored {
    const { control } = this.registers;
    switch (format) {
      case X87Format.real32:
        return toReal(value, 4, control);
      case X87Format.real64:
        return toReal(value, 8, control);
      case X87Format.real80:
        return { bits: bitsOf(value), exceptions: 0, roundedUp: false };
      case X87Format.integer16:
        return toInteger(value, 2, control);
      case X87Format.integer32:
        return toInteger(value, 4, control);
      case X87Format.integer64:
        return toInteger(value, 8, control);
      case X87Format.decimal:
        return toBcd(value, control);
      default:
        throw new RangeError(`format ${format} is not a number`);
    }
  }

  private remainder(nearest: boolean): void {
    const { registers } = this;
    registers.status &= ~Status.c2;
    if (registers.isEmpty(0) || registers.isEmpty(1)) {
      if (this.stackFault(false)) registers.write(0, indefinite);
      return;
    }
    const outcome = remainder(registers.read(0), registers.read(1), registers.control, nearest);
    const { quotient, partial } = outcome;
    if (!this.settle(outcome)) return;
    registers.write(0, outcome.value);
    if (partial) this.setCodes(Status.c2);
    // The quotient's bits 2, 1, 0 go to C0, C3, C1.
    else if (quotient !== undefined)
      this.setCodes((quotient & 4 ? Status.c0 : 0) | (quotient & 2 ? Status.c3 : 0) | (quotient & 1 ? Status.c1 : 0));
  }

  private extract(): void {
    const { registers } = this;
    const empty = registers.isEmpty(0);
    if (empty || !registers.isEmpty(-1)) {
      if (!this.stackFault(!empty)) return;
      registers.write(0, indefinite);
      return registers.push(indefinite);
    }
    const { exponent, significand, exceptions } = extract(registers.read(0), registers.control);
    if (!this.settle(exact(exponent, exceptions))) return;
    registers.write(0, exponent);
    registers.push(significand);
  }

  private trigonometric(operation: X87): void {
    const { registers } = this;
    const pushes = operation === X87.tangent || operation === X87.sineAndCosine;
    const empty = registers.isEmpty(0);
    registers.status &= ~Status.c2;
    if (empty || (pushes && !registers.isEmpty(-1))) {
      if (!this.stackFault(!empty)) return;
      registers.write(0, indefinite);
      if (pushes) registers.push(indefinite);
      return;
    }
    const { control } = registers;
    const x = registers.read(0);
    if (!inTrigonometricRange(x)) {
      this.report(0, false);
      registers.status |= Status.c2;
      return;
    }
    const first = (operation === X87.cosine ? cosine : operation === X87.tangent ? tangent : sine)(x, control);
    if (!this.settle(first)) return;
    registers.write(0, first.value);
    if (operation === X87.tangent) {
      const failed =
        kindOf(x) === Kind.quietNan || kindOf(x) === Kind.signallingNan || (first.exceptions & Exception.invalid) !== 0;
      registers.push(failed ? first.value : one(0));
    } else if (operation === X87.sineAndCosine) {
      const second = cosine(x, control);
      this.report(first.exceptions | second.exceptions, second.roundedUp);
      registers.push(second.value);
    }
  }
}
