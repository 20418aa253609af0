/** Delivery of interrupts and exceptions through the IVT and the IDT (SDM vol. 2, INT n; vol. 3, 6.11 to 6.13 and 21). */
import { Seg } from '../isa/state.ts';
import { enterCode, enterRealCode, requireTarget } from './code-segment.ts';
import type { Cpu } from './core.ts';
import { isNull, markAccessed, requireDescriptor, SystemType, type Descriptor } from './descriptors.ts';
import { Debug6, Debug7 } from './debug-registers.ts';
import { externalEvent, idtSelector, makesDoubleFault, pushesErrorCode, Vector } from './faults.ts';
import { Flag } from './flags.ts';
import { requireStackSegment, setSegment } from './segmentation.ts';
import { innerStack, readInnerStack } from './task-stacks.ts';
import { switchTask, TaskSource } from './task.ts';
import { clearDataSegments, requireTaskOfGate } from './transfer.ts';

/** What an event is; it decides about DPL checks, EXT, RF and the error code. */
export const enum EventKind {
  /** A maskable interrupt or NMI. */
  external,
  /** A fault: RF is set in the pushed image. */
  fault,
  /** An exception reported after its instruction. */
  trap,
  /** INT n, INT3, INTO: the gate's DPL counts, and errors are the program's own. */
  software,
}

const noErrorCode = -1;
/** Exceptions of the delivery in progress, for the report of a triple fault: no more than these can come together. */
const chain = Array.from({ length: 8 }, () => ({
  vector: 0,
  code: 0,
  eip: 0,
  address: 0,
  state: { registers: new Array<number>(8).fill(0), cs: 0, ss: 0, eflags: 0, cr0: 0, cr3: 0, cpl: 0 },
}));
let chainLength = 0;

/** Delivers an interrupt or a trap between two instructions, and whatever exceptions that raises. */
export function deliverEvent(cpu: Cpu, vector: number, kind: EventKind.external | EventKind.trap): void {
  chainLength = 0;
  cpu.state.interruptShadow = 0;
  try {
    enterHandler(cpu, vector, kind, noErrorCode);
  } catch (error) {
    cpu.caught(error);
    // Interrupts are benign whatever their number is: only exceptions add up to a double fault.
    note(cpu, vector, 0);
    deliverChain(cpu, noVector);
  } finally {
    cpu.external = 0;
    cpu.committed = false;
  }
}

/**
 * Delivers the exception that is pending in faultVector; eip is the instruction to report. False: triple fault, the vCPU
 * is to shut down.
 */
export function deliverFault(cpu: Cpu): boolean {
  chainLength = 0;
  cpu.state.interruptShadow = 0;
  try {
    return deliverChain(cpu, noVector);
  } finally {
    cpu.external = 0;
    cpu.committed = false;
  }
}

/** Nothing that could make a double fault is being delivered. */
const noVector = 0x1000;

function note(cpu: Cpu, vector: number, code: number): void {
  const { state } = cpu;
  // Benign exceptions may follow each other without end; the newest ones tell.
  const entry = chain[chainLength < chain.length ? chainLength++ : chain.length - 1]!;
  entry.vector = vector;
  entry.code = code;
  entry.eip = state.eip;
  entry.address = state.faultAddress;
  const { state: seen } = entry;
  for (let number = 0; number < 8; number++) seen.registers[number] = state.register(number);
  seen.cs = state.selector(Seg.cs);
  seen.ss = state.selector(Seg.ss);
  seen.eflags = cpu.flags;
  seen.cr0 = state.cr0;
  seen.cr3 = state.cr3;
  seen.cpl = state.cpl;
}

/** Delivers what is pending, and whatever that raises in turn (SDM vol. 3, 6.15, interrupt 8). */
function deliverChain(cpu: Cpu, during: number): boolean {
  const { state } = cpu;
  let first = during;
  for (;;) {
    let vector = state.faultVector;
    let code = state.faultCode;
    state.faultVector = -1;
    cpu.committed = false;
    note(cpu, vector, code);
    if (vector === Vector.pageFault) state.cr2 = state.faultAddress;
    if (first === Vector.doubleFault) return tripleFault(cpu);
    if (makesDoubleFault(first, vector)) {
      vector = Vector.doubleFault;
      code = 0;
      note(cpu, vector, code);
    }
    try {
      enterHandler(cpu, vector, EventKind.fault, pushesErrorCode(vector) ? code : noErrorCode);
      return true;
    } catch (error) {
      cpu.caught(error);
      first = vector;
    }
  }
}

const activityShutdown = 3;

function tripleFault(cpu: Cpu): false {
  const { state } = cpu;
  state.activity = activityShutdown;
  cpu.platform.tripleFault(chain.slice(0, chainLength).map((entry) => structuredClone(entry)));
  return false;
}

/** Delivers a debug exception: `causes` are its DR6 bits. `kind` fault for instruction breakpoints and DR7.GD. */
export function deliverDebug(cpu: Cpu, causes: number, kind: EventKind.fault | EventKind.trap): void {
  noteDebug(cpu, causes);
  if (kind === EventKind.trap) {
    deliverEvent(cpu, Vector.debug, EventKind.trap);
    return;
  }
  cpu.state.fault(Vector.debug, 0);
  deliverFault(cpu);
}

/** Enters the causes in DR6. Hits replace older hits; other bits are left for software to clear (SDM vol. 3, 18.2.3). */
export function noteDebug(cpu: Cpu, causes: number): void {
  const { state } = cpu;
  let status = state.debugRegister(6);
  if ((causes & Debug6.breakpoints) !== 0) status &= ~Debug6.breakpoints;
  state.setDebugRegister(6, status | causes);
}

/** Services.softwareInterrupt. `kind` 0 INT n, 1 INT3 / INTO, 2 INT1. What goes wrong is thrown: it is the instruction's own fault. */
export function softwareInterrupt(cpu: Cpu, vector: number, kind: number): void {
  const { state } = cpu;
  const isInt1 = kind === 2;
  // In virtual-8086 mode INT n (but not INT3, INTO or INT1) depends on IOPL (SDM vol. 3, 21.3).
  if (kind === 0 && cpu.virtual8086 && cpu.ioPrivilege < 3) cpu.raise(Vector.generalProtection);
  state.eflags &= ~Flag.resume;
  cpu.trapSuppressed = true;
  try {
    chainLength = 0;
    enterHandler(cpu, vector & 0xff, isInt1 ? EventKind.trap : EventKind.software, noErrorCode);
  } finally {
    cpu.external = 0;
  }
}

function enterHandler(cpu: Cpu, vector: number, kind: EventKind, errorCode: number): void {
  const { state } = cpu;
  cpu.external = kind === EventKind.software ? 0 : externalEvent;
  const from = state.eip;
  if (cpu.protectedMode) enterProtected(cpu, vector, kind, errorCode);
  else enterReal(cpu, vector);
  if (vector === Vector.debug) state.setDebugRegister(7, state.debugRegister(7) & ~Debug7.generalDetect);
  if (kind === EventKind.external) state.countInterrupt();
  // INT 10h is a call of firmware, not #MF: of software interrupts only INT3 and INTO report something.
  else if (vector < 32 && (kind !== EventKind.software || vector === Vector.breakpoint || vector === Vector.overflow))
    state.countException(vector);
  cpu.hooks?.delivered(vector, kind, errorCode, from);
}

const vectorBytes = 4;

/** Real mode: the interrupt vector table (SDM vol. 3, 21.1.4). No error code. */
function enterReal(cpu: Cpu, vector: number): void {
  const { state, stack, access } = cpu;
  if (vector * vectorBytes + vectorBytes - 1 > state.idtLimit) cpu.raise(Vector.generalProtection);
  const entry = state.idtBase + vector * vectorBytes;
  const offset = access.read(entry, 2);
  const selector = access.read(entry + 2, 2);
  stack.useCurrent();
  stack.requireRoom(3, 2);
  if (offset > state.segmentLimit(Seg.cs)) cpu.raise(Vector.generalProtection);
  stack.push(2, cpu.flags);
  stack.push(2, state.selector(Seg.cs));
  stack.push(2, state.eip);
  state.esp = stack.pointer;
  cpu.setFlags(cpu.flags & ~(Flag.interrupt | Flag.trap | Flag.resume | Flag.alignmentCheck));
  enterRealCode(cpu, selector, offset);
}

const gateBytes = 8;

function enterProtected(cpu: Cpu, vector: number, kind: EventKind, errorCode: number): void {
  const { state, access, gate } = cpu;
  const offset = vector * gateBytes;
  const idtError = offset | idtSelector | cpu.external;
  if (offset + gateBytes - 1 > state.idtLimit) cpu.raise(Vector.generalProtection, idtError);
  gate.address = (state.idtBase + offset) >>> 0;
  gate.low = access.read(gate.address, 4);
  gate.high = access.read(gate.address + 4, 4);
  const type = gate.systemType;
  switch (type) {
    case SystemType.taskGate:
    case SystemType.interruptGate16:
    case SystemType.trapGate16:
    case SystemType.interruptGate32:
    case SystemType.trapGate32:
      break;
    default:
      cpu.raise(Vector.generalProtection, idtError);
  }
  if (kind === EventKind.software && gate.dpl < state.cpl) cpu.raise(Vector.generalProtection, idtError);
  if (!gate.present) cpu.raise(Vector.segmentNotPresent, idtError);
  if (type === SystemType.taskGate) {
    requireTaskOfGate(cpu, gate.gateSelector);
    switchTask(cpu, TaskSource.interrupt, errorCode);
    return;
  }
  throughGate(cpu, gate, kind, errorCode);
}

function throughGate(cpu: Cpu, gate: Descriptor, kind: EventKind, errorCode: number): void {
  const { state, codeSegment: code } = cpu;
  const selector = gate.gateSelector;
  if (isNull(selector)) cpu.fail(Vector.generalProtection, 0);
  requireDescriptor(cpu, selector, code, Vector.generalProtection);
  if (!code.isCode || code.dpl > state.cpl) cpu.fail(Vector.generalProtection, selector);
  if (!code.present) cpu.fail(Vector.segmentNotPresent, selector);
  const inner = !code.isConforming && code.dpl < state.cpl;
  // Out of virtual-8086 mode there is one way only: to level 0.
  if (cpu.virtual8086 && (!inner || code.dpl !== 0)) cpu.fail(Vector.generalProtection, selector);
  if (inner) enterInner(cpu, gate, code, kind, errorCode);
  else enterSame(cpu, gate, code, kind, errorCode);
}

/** The image of EFLAGS on the handler's stack; RF says that the instruction is to be resumed (SDM vol. 3, 18.3.1.1). */
function pushedFlags(cpu: Cpu, kind: EventKind): number {
  const flags = cpu.flags;
  return kind === EventKind.fault ? flags | Flag.resume : flags;
}

function pushFrame(cpu: Cpu, size: number, flags: number, errorCode: number): void {
  const { state, stack } = cpu;
  stack.push(size, flags);
  stack.push(size, state.selector(Seg.cs));
  stack.push(size, state.eip);
  if (errorCode >= 0) stack.push(size, errorCode);
}

function handlerFlags(cpu: Cpu, gate: Descriptor): number {
  const type = gate.systemType;
  const isInterruptGate = type === SystemType.interruptGate16 || type === SystemType.interruptGate32;
  const cleared = Flag.trap | Flag.nestedTask | Flag.resume | Flag.virtual8086;
  return cpu.flags & ~(isInterruptGate ? cleared | Flag.interrupt : cleared);
}

function entryOffset(gate: Descriptor): number {
  return gate.is32Bit ? gate.gateOffset : gate.gateOffset & 0xffff;
}

function enterSame(cpu: Cpu, gate: Descriptor, code: Descriptor, kind: EventKind, errorCode: number): void {
  const { state, stack } = cpu;
  const size = gate.is32Bit ? 4 : 2;
  stack.useCurrent();
  stack.requireRoom(errorCode >= 0 ? 4 : 3, size);
  requireTarget(cpu, entryOffset(gate), code.limit);
  pushFrame(cpu, size, pushedFlags(cpu, kind), errorCode);
  markAccessed(cpu, code);
  state.esp = stack.pointer;
  cpu.setFlags(handlerFlags(cpu, gate));
  enterCode(cpu, code, gate.gateSelector, state.cpl, entryOffset(gate));
}

function enterInner(cpu: Cpu, gate: Descriptor, code: Descriptor, kind: EventKind, errorCode: number): void {
  const { state, stack, stackSegment } = cpu;
  const size = gate.is32Bit ? 4 : 2;
  const privilege = code.dpl;
  const from8086 = cpu.virtual8086;
  readInnerStack(cpu, privilege);
  const { selector, pointer } = innerStack;
  requireStackSegment(cpu, selector, privilege, stackSegment, Vector.invalidTss);
  stack.use(stackSegment.base, stackSegment.limit, stackSegment.rights, pointer, privilege, selector);
  stack.requireRoom((from8086 ? 9 : 5) + (errorCode >= 0 ? 1 : 0), size);
  requireTarget(cpu, entryOffset(gate), code.limit);
  if (from8086) {
    stack.push(size, state.selector(Seg.gs));
    stack.push(size, state.selector(Seg.fs));
    stack.push(size, state.selector(Seg.ds));
    stack.push(size, state.selector(Seg.es));
  }
  stack.push(size, state.selector(Seg.ss));
  stack.push(size, state.esp);
  pushFrame(cpu, size, pushedFlags(cpu, kind), errorCode);
  markAccessed(cpu, stackSegment);
  markAccessed(cpu, code);
  cpu.setFlags(handlerFlags(cpu, gate));
  if (from8086) clearDataSegments(cpu);
  setSegment(cpu, Seg.ss, selector, stackSegment);
  state.esp = stack.pointer;
  enterCode(cpu, code, gate.gateSelector, privilege, entryOffset(gate));
}
