/**
 * The local APICs of a machine as one thread sees them (SDM vol. 3, chapter 11). IRR, TMR, the error bits and the start-up vector of any
 * of them may be set from every thread without a lock; all else of an APIC is touched by its own vCPU's thread (or by anyone while that stands
 * still), but for its timer, whose callback runs under the device lock.
 *
 * The timer counts guest nanoseconds: its input clock is 1 GHz before the divider.
 */
import { Attention, type VcpuState } from '../../isa/state.ts';
import { extendedLogical, isDestination, type InterruptMessage } from './destination.ts';
import { initLocalApic, localEntryAt, localVectors, readOnlyOfVector, type LocalEntry } from './local-vectors.ts';
import {
  apicVersion,
  ApicError,
  ApicRegister,
  Delivery,
  firstLegalVector,
  LocalVector,
  Shorthand,
  Spurious,
} from './registers.ts';
import { ApicBase, localApicState, type LocalApicState } from './state.ts';
import { ApicTimer, type TimerHost } from './timer.ts';
import { addVector, hasVector, highest, noVector, removeVector, wordOf, type VectorSet } from './vector-set.ts';

/** What the local APICs need of the machine. */
export interface ApicHost extends TimerHost {
  /** Makes a vCPU look at attention bits. Any thread. */
  attend(cpu: number, bits: number): void;
  /** Takes attention bits back that a vCPU has not taken yet. Any thread. */
  withdraw(cpu: number, bits: number): void;
  /** A level-triggered interrupt came to its end on some vCPU: for the I/O APIC. */
  endOfInterrupt(vector: number): void;
  /** An APIC that refused interrupts takes them from now on: what was refused is to be sent again. */
  listening(): void;
  /** The level of the 8259s' INTR, which is LINT0. */
  externalAsserted(): boolean;
}

interface Apic {
  readonly state: LocalApicState;
  readonly vcpu: VcpuState;
}

interface OwnedApic extends Apic {
  readonly timer: ApicTimer;
  /** The field `errors` of the block: other threads add to it. */
  readonly errors: Int32Array<SharedArrayBuffer>;
}

const commandWritable = 0xccfff;
const divideWritable = 0xb;
const spuriousWritable = 0x13ff;

function errorsOf({ requested }: LocalApicState): Int32Array<SharedArrayBuffer> {
  const { offset } = localApicState;
  return new Int32Array(requested.buffer, requested.byteOffset - offset.requested + offset.errors, 1);
}

export class LocalApics {
  readonly #apics: readonly OwnedApic[];

  constructor(
    apics: readonly Apic[],
    private readonly host: ApicHost,
  ) {
    this.#apics = apics.map(({ state, vcpu }, cpu) => ({
      state,
      vcpu,
      timer: new ApicTimer(cpu, state, vcpu, host),
      errors: errorsOf(state),
    }));
  }

  get cpus(): number {
    return this.#apics.length;
  }

  #apic(cpu: number): OwnedApic {
    const apic = this.#apics[cpu];
    if (apic === undefined) throw new RangeError(`There is no virtual CPU ${cpu}.`);
    return apic;
  }

  /** IA32_APIC_BASE says that the APIC exists for software. */
  enabled(cpu: number): boolean {
    return (Number(this.#apic(cpu).vcpu.apicBase) & ApicBase.enable) !== 0;
  }

  extended(cpu: number): boolean {
    return (Number(this.#apic(cpu).vcpu.apicBase) & ApicBase.x2apic) !== 0;
  }

  /** Whether this APIC passes the INTR of the 8259s on to its processor; without an APIC it is wired to the bootstrap processor. */
  passesExternal(cpu: number): boolean {
    if (!this.enabled(cpu)) return cpu === 0;
    const entry = this.#apic(cpu).state.localLint0;
    return (entry & (LocalVector.masked | LocalVector.mode)) === Delivery.external << LocalVector.modeShift;
  }

  // Priorities

  /** Processor priority (section 11.8.3.1). */
  processorPriority(cpu: number): number {
    const { state } = this.#apic(cpu);
    const served = classOf(state.inService);
    return (state.taskPriority & 0xf0) >= served ? state.taskPriority : served;
  }

  /** What the lowest priority is found by (section 11.6.2.4): of two processors the one without requests of a high class gets the next. */
  arbitrationPriority(cpu: number): number {
    const { state } = this.#apic(cpu);
    const requested = classOf(state.requested);
    const served = classOf(state.inService);
    const task = state.taskPriority & 0xf0;
    return task >= requested && task > served ? state.taskPriority : Math.max(task, served, requested);
  }

  /** True when an interrupt can be delivered to the processor. Any thread, no lock. */
  pending(cpu: number): boolean {
    return this.#deliverable(cpu) !== noVector;
  }

  /** One that was accepted before software switched the APIC off is still for the processor to take (section 11.4.7.2). */
  #deliverable(cpu: number): number {
    const vector = highest(this.#apic(cpu).state.requested);
    if (vector === noVector || !this.enabled(cpu)) return noVector;
    return (vector & 0xf0) > (this.processorPriority(cpu) & 0xf0) ? vector : noVector;
  }

  /** The processor takes its highest interrupt: it is in service from now on. -1 when there is none. */
  acknowledge(cpu: number): number {
    const vector = this.#deliverable(cpu);
    if (vector === noVector) return noVector;
    const { state } = this.#apic(cpu);
    removeVector(state.requested, vector);
    addVector(state.inService, vector);
    return vector;
  }

  #endOfInterrupt(cpu: number): void {
    const { state } = this.#apic(cpu);
    const vector = highest(state.inService);
    if (vector === noVector) return;
    removeVector(state.inService, vector);
    if (hasVector(state.levelTriggered, vector)) {
      this.#endOfLocalLevel(cpu, vector);
      if ((state.spurious & Spurious.suppressBroadcast) === 0) this.host.endOfInterrupt(vector);
    }
    this.host.attend(cpu, Attention.interrupt);
  }

  /** LINT0 as a level: its interrupt comes again while the line is asserted. */
  #endOfLocalLevel(cpu: number, vector: number): void {
    const { state } = this.#apic(cpu);
    if ((state.localLint0 & LocalVector.remoteRequest) === 0 || (state.localLint0 & LocalVector.number) !== vector) return;
    state.localLint0 &= ~LocalVector.remoteRequest;
    if (this.host.externalAsserted()) this.localInput(cpu);
  }

  // Delivery

  /** Sends an interrupt to whom it concerns. Any thread, no lock. True if anybody took it. */
  deliver(message: InterruptMessage): boolean {
    return this.#send(
      message,
      this.#apics.flatMap((_, cpu) => (this.concerns(cpu, message) ? [cpu] : [])),
    );
  }

  #send(message: InterruptMessage, targets: readonly number[]): boolean {
    if (message.mode === Delivery.lowestPriority) {
      const chosen = this.#arbitrate(message.vector, targets);
      return chosen !== undefined && this.#accept(chosen, message);
    }
    let isTaken = false;
    for (const cpu of targets) if (this.#accept(cpu, message)) isTaken = true;
    return isTaken;
  }

  /** Who of several takes an interrupt that is for one of them: its focus processor, else the lowest priority, among equals the lowest number. */
  #arbitrate(vector: number, targets: readonly number[]): number | undefined {
    const listening = targets.filter((cpu) => this.#listens(cpu));
    const focus = listening.find((cpu) => this.#isFocus(cpu, vector));
    if (focus !== undefined) return focus;
    const priorities = listening.map((cpu) => this.arbitrationPriority(cpu));
    return listening[priorities.indexOf(Math.min(...priorities))];
  }

  /** It serves this vector already, or has the request of one (section 11.6.2.4, P6 family), and was not told to forget about that. */
  #isFocus(cpu: number, vector: number): boolean {
    const { state } = this.#apic(cpu);
    if ((state.spurious & Spurious.focusDisabled) !== 0 || this.extended(cpu)) return false;
    return hasVector(state.inService, vector) || hasVector(state.requested, vector);
  }

  /** A message-signalled interrupt: what a write of `data` to `address` in FEExxxxx asks for (section 11.11). */
  deliverMessage(address: number, data: number): boolean {
    const level = (data & LocalVector.level) !== 0;
    // The end of a level is no message that anybody waits for.
    if (level && (data & LocalVector.assert) === 0) return true;
    const mode = (data & LocalVector.mode) >>> LocalVector.modeShift;
    return this.deliver({
      vector: data & LocalVector.number,
      // With a redirection hint one of those who are named logically is meant.
      mode: (address & 0xc) === 0xc && mode === Delivery.fixed ? Delivery.lowestPriority : mode,
      logical: (address & 4) !== 0,
      destination: (address >>> 12) & 0xff,
      level,
    });
  }

  /** Software has switched the APIC on: it accepts vectors. */
  #listens(cpu: number): boolean {
    return this.enabled(cpu) && (this.#apic(cpu).state.spurious & Spurious.enable) !== 0;
  }

  /** Whether a message is for this vCPU. */
  concerns(cpu: number, message: InterruptMessage): boolean {
    return this.enabled(cpu) && isDestination(this.#apic(cpu).state, this.extended(cpu), message);
  }

  /** False: this APIC refuses it. */
  #accept(cpu: number, { mode, vector, level = false }: InterruptMessage): boolean {
    switch (mode) {
      case Delivery.fixed:
      case Delivery.lowestPriority:
        return this.#request(cpu, vector, level);
      case Delivery.smi:
        this.host.attend(cpu, Attention.smi);
        return true;
      case Delivery.nmi:
        this.host.attend(cpu, Attention.nmi);
        return true;
      case Delivery.init:
        // One that was not taken yet has started nobody; from now on a start-up IPI is one behind this INIT.
        this.host.withdraw(cpu, Attention.sipi);
        this.host.attend(cpu, Attention.init);
        return true;
      case Delivery.startUp:
        // Only the processor itself knows whether it waits for one (section 9.4.4.1).
        this.#apic(cpu).state.sipiVector = vector;
        this.host.attend(cpu, Attention.sipi);
        return true;
      case Delivery.external:
        // The processor asks the 8259s for the vector when it takes it.
        this.host.attend(cpu, Attention.interrupt);
        return true;
    }
    return false;
  }

  #request(cpu: number, vector: number, level: boolean): boolean {
    if (!this.#listens(cpu)) return false;
    if (vector < firstLegalVector) {
      this.#error(cpu, ApicError.receiveIllegalVector);
      return true;
    }
    const { state } = this.#apic(cpu);
    if (level) addVector(state.levelTriggered, vector);
    else removeVector(state.levelTriggered, vector);
    addVector(state.requested, vector);
    this.host.attend(cpu, Attention.interrupt);
    return true;
  }

  #error(cpu: number, bit: number): void {
    const { state, errors } = this.#apic(cpu);
    Atomics.or(errors, 0, bit);
    const entry = state.localError;
    const vector = entry & LocalVector.number;
    // An error interrupt with an illegal vector would be another error, and so on.
    if ((entry & LocalVector.masked) === 0 && vector >= firstLegalVector) this.#request(cpu, vector, false);
  }

  /** The 8259s' INTR was asserted. In another mode than ExtINT LINT0 makes an interrupt of its own of it. */
  localInput(cpu: number): void {
    if (!this.enabled(cpu)) {
      if (cpu === 0) this.host.attend(cpu, Attention.interrupt);
      return;
    }
    const { state } = this.#apic(cpu);
    const entry = state.localLint0;
    if ((entry & LocalVector.masked) !== 0) return;
    const mode = (entry & LocalVector.mode) >>> LocalVector.modeShift;
    // The trigger mode is that of fixed interrupts only: the others are edges, and ExtINT is a level (section 11.5.1).
    const level = mode === Delivery.fixed && (entry & LocalVector.level) !== 0;
    if (level && (entry & LocalVector.remoteRequest) !== 0) return;
    const vector = entry & LocalVector.number;
    const isTaken = this.#accept(cpu, { mode, vector, logical: false, destination: 0, level });
    if (isTaken && level && vector >= firstLegalVector) state.localLint0 |= LocalVector.remoteRequest;
  }

  // Registers

  /** An access to the page of the APIC at `offset`; the vCPU's own thread. */
  read(cpu: number, offset: number, size: number): number {
    // Only aligned words are defined (section 11.4.1.2); narrower reads give the bytes of one.
    const value = this.#read(cpu, offset & 0xff0);
    return size === 4 ? value : (value >>> (8 * (offset & 3))) & (size === 1 ? 0xff : 0xffff);
  }

  write(cpu: number, offset: number, size: number, value: number): void {
    if (size !== 4 || (offset & 0xf) !== 0) return;
    this.#write(cpu, offset, value >>> 0);
  }

  /** As `read`, without side effects: for tools. */
  peek(cpu: number, offset: number): number | undefined {
    return this.#register(cpu, offset & 0xff0);
  }

  #read(cpu: number, offset: number): number {
    const value = this.#register(cpu, offset);
    if (value === undefined) this.#error(cpu, ApicError.illegalRegister);
    return value ?? 0;
  }

  #register(cpu: number, offset: number): number | undefined {
    const { state, timer } = this.#apic(cpu);
    const extended = this.extended(cpu);
    switch (offset) {
      case ApicRegister.id:
        return extended ? state.id : (state.id << 24) >>> 0;
      case ApicRegister.version:
        return apicVersion;
      case ApicRegister.taskPriority:
        return state.taskPriority;
      case ApicRegister.arbitrationPriority:
        return extended ? undefined : this.arbitrationPriority(cpu);
      case ApicRegister.processorPriority:
        return this.processorPriority(cpu);
      case ApicRegister.endOfInterrupt:
      case ApicRegister.remoteRead:
        return extended ? undefined : 0;
      case ApicRegister.logicalDestination:
        return extended ? extendedLogical(state.id) : state.logicalDestination;
      case ApicRegister.destinationFormat:
        return extended ? undefined : state.destinationFormat;
      case ApicRegister.spurious:
        return state.spurious;
      case ApicRegister.errorStatus:
        return state.errorStatus;
      case ApicRegister.commandLow:
        return state.commandLow;
      case ApicRegister.commandHigh:
        return extended ? undefined : state.commandHigh;
      case ApicRegister.timerInitial:
        return state.timerInitial;
      case ApicRegister.timerCurrent:
        return timer.current;
      case ApicRegister.timerDivide:
        return state.timerDivide;
    }
    const entry = localEntryAt(offset);
    if (entry !== undefined) return state[entry[1]];
    const word = (offset >>> 4) & 7;
    switch (offset & ~0x7f) {
      case ApicRegister.inService:
        return wordOf(state.inService, word);
      case ApicRegister.levelTriggered:
        return wordOf(state.levelTriggered, word);
      case ApicRegister.requested:
        return wordOf(state.requested, word);
    }
    return undefined;
  }

  #write(cpu: number, offset: number, value: number): void {
    const { state, timer, errors } = this.#apic(cpu);
    switch (offset) {
      case ApicRegister.taskPriority:
        state.taskPriority = value & 0xff;
        this.host.attend(cpu, Attention.interrupt);
        return;
      case ApicRegister.endOfInterrupt:
        this.#endOfInterrupt(cpu);
        return;
      case ApicRegister.logicalDestination:
        state.logicalDestination = (value & 0xff000000) >>> 0;
        return;
      case ApicRegister.destinationFormat:
        state.destinationFormat = (value | 0x0fffffff) >>> 0;
        return;
      case ApicRegister.spurious:
        this.#writeSpurious(cpu, value);
        return;
      case ApicRegister.errorStatus:
        // A write shows what has come up since the last one (section 11.5.3).
        state.errorStatus = Atomics.exchange(errors, 0, 0) >>> 0;
        return;
      case ApicRegister.commandLow:
        state.commandLow = value & commandWritable;
        this.#command(cpu, state.commandLow, state.commandHigh >>> 24, false);
        return;
      case ApicRegister.commandHigh:
        state.commandHigh = (value & 0xff000000) >>> 0;
        return;
      case ApicRegister.timerInitial:
        timer.writeInitial(value);
        return;
      case ApicRegister.timerDivide:
        timer.writeDivide(value & divideWritable);
        return;
      case ApicRegister.id:
      case ApicRegister.version:
      case ApicRegister.arbitrationPriority:
      case ApicRegister.processorPriority:
      case ApicRegister.remoteRead:
      case ApicRegister.timerCurrent:
        return;
    }
    const entry = localEntryAt(offset);
    if (entry !== undefined) this.#writeLocalVector(cpu, entry, value);
    else if (offset < ApicRegister.inService || offset >= ApicRegister.errorStatus) this.#error(cpu, ApicError.illegalRegister);
  }

  #writeSpurious(cpu: number, value: number): void {
    const { state } = this.#apic(cpu);
    const before = state.spurious;
    state.spurious = value & spuriousWritable;
    // Switched off by software, all local entries are masked (section 11.4.7.2).
    if ((value & Spurious.enable) === 0) for (const [, field] of localVectors) state[field] |= LocalVector.masked;
    else if ((before & Spurious.enable) === 0) this.host.listening();
    this.host.attend(cpu, Attention.interrupt);
  }

  #writeLocalVector(cpu: number, [offset, field, writable]: LocalEntry, value: number): void {
    const { state, timer } = this.#apic(cpu);
    const old = state[field];
    const masked = (state.spurious & Spurious.enable) === 0 ? LocalVector.masked : 0;
    let kept = old & readOnlyOfVector;
    // What was sent as a level is over when the entry is made edge-triggered.
    if ((value & LocalVector.level) === 0) kept &= ~LocalVector.remoteRequest;
    state[field] = ((value & writable & ~readOnlyOfVector) | kept | masked) >>> 0;
    if (offset === ApicRegister.localTimer) timer.entryChanged(old);
    if (offset === ApicRegister.localLint0 && this.host.externalAsserted()) this.#lineIsAsserted(cpu, old);
  }

  /** LINT0 was written while it is asserted: a level counts now, an edge does not. */
  #lineIsAsserted(cpu: number, old: number): void {
    const entry = this.#apic(cpu).state.localLint0;
    const mode = (entry & LocalVector.mode) >>> LocalVector.modeShift;
    const isLevel = mode === Delivery.external || (mode === Delivery.fixed && (entry & LocalVector.level) !== 0);
    if (isLevel && entry !== old) this.localInput(cpu);
  }

  #command(cpu: number, low: number, destination: number, wide: boolean): void {
    const mode = (low & LocalVector.mode) >>> LocalVector.modeShift;
    const vector = low & LocalVector.number;
    const shorthand = (low >>> LocalVector.shorthandShift) & 3;
    // "INIT level de-assert" synchronised arbitration on older processors and does nothing now (section 11.6.1).
    if (mode === Delivery.init && (low & (LocalVector.level | LocalVector.assert)) === LocalVector.level) return;
    if (mode === 3 || mode === Delivery.external) return;
    // It is sent all the same, and refused where it arrives.
    if ((mode === Delivery.fixed || mode === Delivery.lowestPriority) && vector < firstLegalVector)
      this.#error(cpu, ApicError.sendIllegalVector);
    const message = { vector, mode, logical: (low & LocalVector.logical) !== 0, destination, wide };
    if (shorthand === Shorthand.none) {
      this.deliver(message);
      return;
    }
    const targets = this.#apics.flatMap((_, target) => {
      const isMeant = shorthand === Shorthand.all || (shorthand === Shorthand.self) === (target === cpu);
      return isMeant && this.enabled(target) ? [target] : [];
    });
    this.#send(message, targets);
  }

  // x2APIC (section 11.12)

  /** The value of an APIC MSR as low and high half; undefined: #GP(0). */
  readMsr(cpu: number, msr: number): readonly [low: number, high: number] | undefined {
    if (!this.enabled(cpu) || !this.extended(cpu)) return undefined;
    const offset = (msr & 0xff) << 4;
    if (offset === ApicRegister.selfInterrupt) return undefined;
    const { state } = this.#apic(cpu);
    const value = this.#register(cpu, offset);
    if (value === undefined) return undefined;
    return [value, offset === ApicRegister.commandLow ? state.commandHigh : 0];
  }

  /** False: #GP(0). */
  writeMsr(cpu: number, msr: number, low: number, high: number): boolean {
    if (!this.enabled(cpu) || !this.extended(cpu)) return false;
    const offset = (msr & 0xff) << 4;
    const { state } = this.#apic(cpu);
    if (offset === ApicRegister.commandLow) {
      if ((low & ~commandWritable) !== 0) return false;
      state.commandLow = low;
      state.commandHigh = high;
      this.#command(cpu, low, high, true);
      return true;
    }
    const writable = extendedWritable.get(offset);
    if (writable === undefined || high !== 0 || (low & ~writable) !== 0) return false;
    if (offset === ApicRegister.selfInterrupt)
      this.#command(cpu, (low & 0xff) | (Shorthand.self << LocalVector.shorthandShift), 0, true);
    else this.#write(cpu, offset, low);
    return true;
  }

  /**
   * IA32_APIC_BASE was written; the modes are disabled, xAPIC and x2APIC, and not every way between them exists (figure 11-26).
   * False: #GP(0).
   */
  writeBase(cpu: number, value: bigint): boolean {
    const { state, vcpu, timer } = this.#apic(cpu);
    if ((value & ~baseWritable) !== 0n) return false;
    const old = Number(vcpu.apicBase & 0xfffn);
    const bits = Number(value & 0xfffn);
    const mode = (of: number) => of & (ApicBase.enable | ApicBase.x2apic);
    const both = ApicBase.enable | ApicBase.x2apic;
    if (mode(bits) === ApicBase.x2apic) return false;
    if (mode(old) === both && mode(bits) === ApicBase.enable) return false;
    if (mode(old) === 0 && mode(bits) === both) return false;
    vcpu.apicBase = (value & ~BigInt(ApicBase.bootstrap)) | BigInt(old & ApicBase.bootstrap);
    if (mode(bits) === 0 && mode(old) !== 0) {
      // A disabled APIC forgets its state (section 11.4.7.2).
      initLocalApic(state, false);
      timer.stopped();
    }
    this.host.attend(cpu, Attention.interrupt);
    return true;
  }

  // The processor's side

  /** The deadline of the timer has come. Under the device lock, any thread. */
  timerExpired(cpu: number): void {
    const { state, timer } = this.#apic(cpu);
    if (!timer.expired()) return;
    const entry = state.localTimer;
    if ((entry & LocalVector.masked) === 0) this.#request(cpu, entry & LocalVector.number, false);
  }

  readDeadline(cpu: number): bigint {
    return this.#apic(cpu).timer.deadline;
  }

  /** IA32_TSC_DEADLINE; without the timer mode it does nothing. */
  writeDeadline(cpu: number, value: bigint): void {
    this.#apic(cpu).timer.writeDeadline(value);
  }

  /** The time-stamp counter was written. */
  timestampMoved(cpu: number): void {
    this.#apic(cpu).timer.timestampMoved();
  }

  /** Where the last start-up IPI sent the processor: its page. */
  startVector(cpu: number): number {
    return this.#apic(cpu).state.sipiVector;
  }

  /** INIT was delivered to the processor. */
  init(cpu: number): void {
    const { state, vcpu, timer } = this.#apic(cpu);
    initLocalApic(state, (Number(vcpu.apicBase) & ApicBase.bootstrap) !== 0);
    timer.stopped();
  }
}

const baseWritable = 0xf_ffff_f000n | BigInt(ApicBase.enable | ApicBase.x2apic | ApicBase.bootstrap);

/** Writable registers of x2APIC mode, with the bits that may be set (table 11-6). */
const extendedWritable = new Map<number, number>([
  [ApicRegister.taskPriority, 0xff],
  [ApicRegister.endOfInterrupt, 0],
  [ApicRegister.spurious, spuriousWritable],
  [ApicRegister.errorStatus, 0],
  ...localVectors.map(([offset, , writable]): [number, number] => [offset, writable]),
  [ApicRegister.timerInitial, 0xffffffff],
  [ApicRegister.timerDivide, divideWritable],
  [ApicRegister.selfInterrupt, 0xff],
]);

/** The priority class of the highest vector of a set; of none, 0. */
function classOf(set: VectorSet): number {
  return Math.max(highest(set), 0) & 0xf0;
}
