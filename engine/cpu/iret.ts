/** IRET (SDM vol. 2, IRET/IRETD; vol. 3, 21.2.5). */
import { Attention, Seg } from '../isa/state.ts';
import { enterCode, enterRealCode, requireTarget } from './code-segment.ts';
import type { Cpu } from './core.ts';
import { markAccessed } from './descriptors.ts';
import { Vector } from './faults.ts';
import { Flag } from './flags.ts';
import { virtual8086Rights } from './registers.ts';
import { returnFromTask } from './task.ts';
import { requireReturnTarget, returnOuter } from './transfer.ts';

const arithmetic = Flag.carry | Flag.parity | Flag.adjust | Flag.zero | Flag.sign | Flag.overflow;
/** What IRET takes from the image at any privilege level. */
const always = arithmetic | Flag.trap | Flag.direction | Flag.nestedTask;
/** What only the 32-bit form takes. */
const wide = Flag.resume | Flag.alignmentCheck | Flag.identification;
const virtualInterrupts = Flag.virtualInterrupt | Flag.virtualInterruptPending;
const realLimit = 0xffff;

/** Services.interruptReturn. */
export function interruptReturn(cpu: Cpu, operandSize: number): void {
  const { state, stack } = cpu;
  if (cpu.protectedMode && !cpu.virtual8086 && (state.eflags & Flag.nestedTask) !== 0) {
    returnFromTask(cpu);
    unblockNmi(cpu);
    return;
  }
  if (cpu.virtual8086 && cpu.ioPrivilege < 3) cpu.raise(Vector.generalProtection);
  stack.useCurrent();
  stack.requireItems(3, operandSize);
  const offset = stack.pop(operandSize);
  const selector = stack.pop(operandSize) & 0xffff;
  const image = stack.pop(operandSize);
  const narrow = operandSize === 2;
  if (cpu.realSegments) {
    requireTarget(cpu, offset, state.segmentLimit(Seg.cs));
    state.esp = stack.pointer;
    enterRealCode(cpu, selector, offset);
    let mask = always | Flag.interrupt | (narrow ? 0 : wide);
    if (!cpu.virtual8086) mask |= Flag.ioPrivilege;
    takeFlags(cpu, image, mask);
  } else if (!narrow && (image & Flag.virtual8086) !== 0 && state.cpl === 0) {
    returnToVirtual8086(cpu, offset, selector, image);
  } else {
    returnProtected(cpu, operandSize, offset, selector, image);
  }
  unblockNmi(cpu);
}

function returnProtected(cpu: Cpu, operandSize: number, offset: number, selector: number, image: number): void {
  const { state, stack, codeSegment: code } = cpu;
  const privilege = selector & 3;
  const narrow = operandSize === 2;
  // What may change is decided by the level that executes IRET, not by the one it returns to.
  let mask = always | (narrow ? 0 : wide);
  if (state.cpl <= cpu.ioPrivilege) mask |= Flag.interrupt;
  if (state.cpl === 0) mask |= Flag.ioPrivilege | (narrow ? 0 : virtualInterrupts);
  requireReturnTarget(cpu, selector, code);
  if (privilege === state.cpl) {
    requireTarget(cpu, offset, code.limit);
    markAccessed(cpu, code);
    state.esp = stack.pointer;
    enterCode(cpu, code, selector, privilege, offset);
  } else {
    stack.requireItems(2, operandSize);
    const pointer = stack.pop(operandSize);
    const stackSelector = stack.pop(operandSize) & 0xffff;
    returnOuter(cpu, code, selector, offset, stackSelector, pointer, 0);
  }
  takeFlags(cpu, image, mask);
}

function returnToVirtual8086(cpu: Cpu, offset: number, selector: number, image: number): void {
  const { state, stack } = cpu;
  stack.requireItems(6, 4);
  requireTarget(cpu, offset, realLimit);
  const pointer = stack.pop(4);
  const ss = stack.pop(4) & 0xffff;
  const es = stack.pop(4) & 0xffff;
  const ds = stack.pop(4) & 0xffff;
  const fs = stack.pop(4) & 0xffff;
  const gs = stack.pop(4) & 0xffff;
  state.cpl = 3;
  cpu.setFlags(image);
  load(cpu, Seg.es, es);
  load(cpu, Seg.ss, ss);
  load(cpu, Seg.ds, ds);
  load(cpu, Seg.fs, fs);
  load(cpu, Seg.gs, gs);
  state.esp = pointer;
  enterRealCode(cpu, selector, offset);
}

function load(cpu: Cpu, seg: number, selector: number): void {
  cpu.state.setSegment(seg, selector, selector << 4, realLimit, virtual8086Rights);
}

function takeFlags(cpu: Cpu, image: number, mask: number): void {
  cpu.setFlags((cpu.flags & ~mask) | (image & mask));
}

/** IRET ends the blocking of NMIs, even one that returned from something else (SDM vol. 3, 6.7.1). */
function unblockNmi(cpu: Cpu): void {
  const { state } = cpu;
  state.nmiBlocked = 0;
  if ((state.latched & Attention.nmi) !== 0) state.requestAttention(Attention.nmi);
}
