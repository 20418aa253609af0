/** Far JMP, CALL and RET (SDM vol. 2, JMP, CALL, RET; vol. 3, 5.8). eip is the next instruction on entry. */
import { Seg } from '../isa/state.ts';
import { enterCode, enterRealCode, markAndEnterCode, requireTarget } from './code-segment.ts';
import type { Cpu } from './core.ts';
import { isNull, markAccessed, requireDescriptor, selectorTable, SystemType, type Descriptor } from './descriptors.ts';
import { Vector } from './faults.ts';
import { dropInnerSegments, loadNull, requireStackSegment, setSegment } from './segmentation.ts';
import { innerStack, readInnerStack } from './task-stacks.ts';
import { switchTask, TaskSource } from './task.ts';

const truncate = (offset: number, operandSize: number): number => (operandSize === 2 ? offset & 0xffff : offset >>> 0);

/** Services.farJump. */
export function farJump(cpu: Cpu, selector: number, offset: number, operandSize: number): void {
  selector &= 0xffff;
  offset = truncate(offset, operandSize);
  if (cpu.realSegments) {
    requireTarget(cpu, offset, realLimit(cpu));
    enterRealCode(cpu, selector, offset);
    return;
  }
  if (isNull(selector)) cpu.fail(Vector.generalProtection, 0);
  const target = cpu.codeSegment;
  requireDescriptor(cpu, selector, target, Vector.generalProtection);
  if (target.isSegment) {
    requireSameLevel(cpu, target, selector, true);
    requireTarget(cpu, offset, target.limit);
    markAndEnterCode(cpu, target, selector, cpu.state.cpl, offset);
    return;
  }
  takeGate(cpu, target, selector, TaskSource.jump);
  if (cpu.committed) return;
  requireSameLevel(cpu, target, target.selector, false);
  const entry = gateOffset(cpu.gate);
  requireTarget(cpu, entry, target.limit);
  markAndEnterCode(cpu, target, target.selector, cpu.state.cpl, entry);
}

/** Services.farCall. */
export function farCall(cpu: Cpu, selector: number, offset: number, operandSize: number): void {
  const { state, stack } = cpu;
  selector &= 0xffff;
  offset = truncate(offset, operandSize);
  if (cpu.realSegments) {
    stack.useCurrent();
    stack.requireRoom(2, operandSize);
    requireTarget(cpu, offset, realLimit(cpu));
    pushReturn(cpu, operandSize);
    state.esp = stack.pointer;
    enterRealCode(cpu, selector, offset);
    return;
  }
  if (isNull(selector)) cpu.fail(Vector.generalProtection, 0);
  const target = cpu.codeSegment;
  requireDescriptor(cpu, selector, target, Vector.generalProtection);
  if (target.isSegment) {
    requireSameLevel(cpu, target, selector, true);
    callSameLevel(cpu, target, selector, offset, operandSize);
    return;
  }
  takeGate(cpu, target, selector, TaskSource.call);
  if (cpu.committed) return;
  const gate = cpu.gate;
  const size = gate.is32Bit ? 4 : 2;
  if (!target.isConforming && target.dpl < state.cpl) callInner(cpu, gate, target, size);
  else callSameLevel(cpu, target, target.selector, gateOffset(gate), size);
}

/** CALL without a change of privilege, straight or by a gate of `size`. */
function callSameLevel(cpu: Cpu, target: Descriptor, selector: number, offset: number, size: number): void {
  const { state, stack } = cpu;
  stack.useCurrent();
  stack.requireRoom(2, size);
  requireTarget(cpu, offset, target.limit);
  pushReturn(cpu, size);
  markAccessed(cpu, target);
  state.esp = stack.pointer;
  enterCode(cpu, target, selector, state.cpl, offset);
}

/** CALL through a gate to an inner level: stack from the TSS, parameters copied (SDM vol. 3, 5.8.5). */
function callInner(cpu: Cpu, gate: Descriptor, target: Descriptor, size: number): void {
  const { state, stack } = cpu;
  const privilege = target.dpl;
  readInnerStack(cpu, privilege);
  const selector = innerStack.selector;
  const stackSegment = cpu.stackSegment;
  requireStackSegment(cpu, selector, privilege, stackSegment, Vector.invalidTss);
  const parameters = gate.gateParameters;
  const oldSelector = state.selector(Seg.ss);
  const oldPointer = state.esp;
  for (let index = 0; index < parameters; index++) {
    stack.useCurrent();
    copied[index] = stack.peek(index * size, size);
  }
  stack.use(stackSegment.base, stackSegment.limit, stackSegment.rights, innerStack.pointer, privilege, selector);
  stack.requireRoom(4 + parameters, size);
  requireTarget(cpu, gateOffset(gate), target.limit);
  stack.push(size, oldSelector);
  stack.push(size, oldPointer);
  for (let index = parameters - 1; index >= 0; index--) stack.push(size, copied[index]!);
  pushReturn(cpu, size);
  markAccessed(cpu, stackSegment);
  markAccessed(cpu, target);
  setSegment(cpu, Seg.ss, selector, stackSegment);
  state.esp = stack.pointer;
  enterCode(cpu, target, target.selector, privilege, gateOffset(gate));
}

/** Parameters of a call gate on their way from stack to stack. */
const copied = new Uint32Array(32);

function pushReturn(cpu: Cpu, size: number): void {
  const { state, stack } = cpu;
  stack.push(size, state.selector(Seg.cs));
  stack.push(size, state.eip);
}

function gateOffset(gate: Descriptor): number {
  return gate.is32Bit ? gate.gateOffset : gate.gateOffset & 0xffff;
}

/** In real mode the limit of CS holds as it was left; virtual-8086 segments have 64 KiB. */
function realLimit(cpu: Cpu): number {
  return cpu.state.segmentLimit(Seg.cs);
}

/**
 * The target of a jump that may not change the privilege level. `direct`: RPL counts (it does not behind a gate). Also used for the
 * present check.
 */
function requireSameLevel(cpu: Cpu, target: Descriptor, selector: number, direct: boolean): void {
  const { cpl } = cpu.state;
  if (!target.isCode) cpu.fail(Vector.generalProtection, selector);
  if (target.isConforming) {
    if (target.dpl > cpl) cpu.fail(Vector.generalProtection, selector);
  } else if ((direct && (selector & 3) > cpl) || target.dpl !== cpl) {
    cpu.fail(Vector.generalProtection, selector);
  }
  if (!target.present) cpu.fail(Vector.segmentNotPresent, selector);
}

/**
 * A system descriptor as the target of JMP or CALL. `target` holds it; task gates and TSSs are switched to (cpu.committed is
 * set then); for a call gate, cpu.gate becomes the gate and `target` its code segment, of which nothing but CALL's common
 * checks has been made.
 */
function takeGate(cpu: Cpu, target: Descriptor, selector: number, source: TaskSource): void {
  const gate = cpu.gate;
  gate.selector = selector;
  gate.address = target.address;
  gate.low = target.low;
  gate.high = target.high;
  const type = gate.systemType;
  switch (type) {
    case SystemType.callGate16:
    case SystemType.callGate32:
    case SystemType.taskGate:
    case SystemType.availableTss16:
    case SystemType.availableTss32:
      break;
    default:
      cpu.fail(Vector.generalProtection, selector);
  }
  if (gate.dpl < cpu.state.cpl || gate.dpl < (selector & 3)) cpu.fail(Vector.generalProtection, selector);
  if (!gate.present) cpu.fail(Vector.segmentNotPresent, selector);
  if (type === SystemType.callGate16 || type === SystemType.callGate32) {
    const codeSelector = gate.gateSelector;
    if (isNull(codeSelector)) cpu.fail(Vector.generalProtection, 0);
    requireDescriptor(cpu, codeSelector, target, Vector.generalProtection);
    if (source === TaskSource.call) {
      if (!target.isCode || target.dpl > cpu.state.cpl) cpu.fail(Vector.generalProtection, codeSelector);
      if (!target.present) cpu.fail(Vector.segmentNotPresent, codeSelector);
    }
    return;
  }
  if (type === SystemType.taskGate) requireTaskOfGate(cpu, gate.gateSelector);
  else copyDescriptor(gate, cpu.taskSegment);
  switchTask(cpu, source);
}

function copyDescriptor(from: Descriptor, to: Descriptor): void {
  to.selector = from.selector;
  to.address = from.address;
  to.low = from.low;
  to.high = from.high;
}

/** Reads the TSS descriptor that a task gate names into cpu.taskSegment, and checks it. */
export function requireTaskOfGate(cpu: Cpu, selector: number): void {
  const task = cpu.taskSegment;
  if (isNull(selector) || (selector & selectorTable) !== 0) cpu.fail(Vector.generalProtection, selector);
  requireDescriptor(cpu, selector, task, Vector.generalProtection);
  const type = task.systemType;
  if (type !== SystemType.availableTss16 && type !== SystemType.availableTss32) cpu.fail(Vector.generalProtection, selector);
  if (!task.present) cpu.fail(Vector.segmentNotPresent, selector);
}

/** Services.farReturn. */
export function farReturn(cpu: Cpu, operandSize: number, popBytes: number): void {
  const { state, stack } = cpu;
  stack.useCurrent();
  stack.requireItems(2, operandSize);
  const offset = stack.pop(operandSize);
  const selector = stack.pop(operandSize) & 0xffff;
  if (cpu.realSegments) {
    requireTarget(cpu, offset, realLimit(cpu));
    stack.release(popBytes);
    state.esp = stack.pointer;
    enterRealCode(cpu, selector, offset);
    return;
  }
  const target = cpu.codeSegment;
  const privilege = selector & 3;
  requireReturnTarget(cpu, selector, target);
  if (privilege === state.cpl) {
    requireTarget(cpu, offset, target.limit);
    stack.release(popBytes);
    markAccessed(cpu, target);
    state.esp = stack.pointer;
    enterCode(cpu, target, selector, privilege, offset);
    return;
  }
  stack.release(popBytes);
  stack.requireItems(2, operandSize);
  const pointer = stack.pop(operandSize);
  const stackSelector = stack.pop(operandSize) & 0xffff;
  returnOuter(cpu, target, selector, offset, stackSelector, pointer, popBytes);
}

/** Checks of the code segment that RET and IRET return to. Errors carry the selector. */
export function requireReturnTarget(cpu: Cpu, selector: number, target: Descriptor): void {
  if (isNull(selector)) cpu.fail(Vector.generalProtection, 0);
  requireDescriptor(cpu, selector, target, Vector.generalProtection);
  const privilege = selector & 3;
  if (!target.isCode || privilege < cpu.state.cpl) cpu.fail(Vector.generalProtection, selector);
  if (target.isConforming ? target.dpl > privilege : target.dpl !== privilege) cpu.fail(Vector.generalProtection, selector);
  if (!target.present) cpu.fail(Vector.segmentNotPresent, selector);
}

/**
 * The second half of RET and IRET to an outer level: stack checks, then everything is committed. `popBytes` comes off the
 * new stack, too. On a 16-bit stack only SP is loaded, also by a 32-bit return: processors leave the high half of ESP as it was.
 */
export function returnOuter(
  cpu: Cpu,
  target: Descriptor,
  selector: number,
  offset: number,
  stackSelector: number,
  pointer: number,
  popBytes: number,
): void {
  const { state, stack, stackSegment } = cpu;
  const privilege = selector & 3;
  requireStackSegment(cpu, stackSelector, privilege, stackSegment, Vector.generalProtection);
  requireTarget(cpu, offset, target.limit);
  markAccessed(cpu, target);
  markAccessed(cpu, stackSegment);
  const oldPointer = state.esp;
  setSegment(cpu, Seg.ss, stackSelector, stackSegment);
  if (state.stackMask === 0xffff) pointer = ((oldPointer & 0xffff0000) | (pointer & 0xffff)) >>> 0;
  stack.use(0, 0, stackSegment.rights, pointer, privilege, 0);
  stack.release(popBytes);
  state.esp = stack.pointer;
  enterCode(cpu, target, selector, privilege, offset);
  dropInnerSegments(cpu, privilege);
}

/** Zeroes the data segments on the way out of virtual-8086 mode. */
export function clearDataSegments(cpu: Cpu): void {
  loadNull(cpu, Seg.es, 0);
  loadNull(cpu, Seg.ds, 0);
  loadNull(cpu, Seg.fs, 0);
  loadNull(cpu, Seg.gs, 0);
}
