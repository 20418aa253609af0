/** Hardware task switches (SDM vol. 3, 8.3). */
import { Attention, Seg } from '../isa/state.ts';
import { enterCode } from './code-segment.ts';
import type { Cpu } from './core.ts';
import { Control0, Control4 } from './control-bits.ts';
import { Debug6, Debug7 } from './debug-registers.ts';
import {
  clearBusy,
  isNull,
  markAccessed,
  markBusy,
  readDescriptor,
  requireDescriptor,
  selectorTable,
  SystemType,
} from './descriptors.ts';
import { PageFault, Vector } from './faults.ts';
import { Flag } from './flags.ts';
import { loadPdptes } from './paging.ts';
import { virtual8086Rights } from './registers.ts';
import { loadNull, requireDataSegment, setSegment } from './segmentation.ts';

/** What started the switch; it decides about busy bits, NT and the back link (SDM vol. 3, table 8-2). */
export const enum TaskSource {
  jump,
  call,
  return,
  /** An interrupt or exception through a task gate: as a call. */
  interrupt,
}

/** Offsets of a 32-bit TSS (SDM vol. 3, figure 8-2). */
const tss32 = { link: 0, cr3: 0x1c, eip: 0x20, eflags: 0x24, registers: 0x28, segments: 0x48, ldt: 0x60, trap: 0x64, limit: 0x67 } as const;
/** Offsets of a 16-bit TSS (figure 8-10). */
const tss16 = { link: 0, ip: 0x0e, flags: 0x10, registers: 0x12, segments: 0x22, ldt: 0x2a, limit: 0x2b } as const;

/** Order of the segment selectors in a TSS; a 16-bit one has the first four. */
const segmentOrder = [Seg.es, Seg.cs, Seg.ss, Seg.ds, Seg.fs, Seg.gs] as const;

/** The incoming task's registers between reading and committing. */
const incoming = { registers: new Uint32Array(8), selectors: new Uint16Array(6), eip: 0, eflags: 0, cr3: 0, ldt: 0, trap: false };

/**
 * Switches to the task whose TSS descriptor is in cpu.taskSegment; for JMP, CALL and gates the caller has checked that it is
 * present and available. `errorCode` >= 0 is pushed on the new task's stack.
 *
 * Until the old task is saved, exceptions belong to it. After that cpu.committed is set: exceptions are raised with eip at
 * the new task's first instruction, and whoever catches them delivers them there.
 */
export function switchTask(cpu: Cpu, source: TaskSource, errorCode = -1): void {
  const { state, access, taskSegment: task } = cpu;
  const wide = task.is32Bit;
  const selector = task.selector;
  if (task.limit < (wide ? tss32.limit : tss16.limit)) cpu.fail(Vector.invalidTss, selector);
  const base = task.base;
  const oldBase = state.segmentBase(Seg.tr);
  const oldSelector = state.selector(Seg.tr);
  const oldWide = (state.segmentRights(Seg.tr) & 8) !== 0;

  // Every page that is touched before the commit point is checked first (8.3, step 7).
  const written = PageFault.write;
  if (oldWide) access.probe(oldBase + tss32.eip, tss32.ldt - tss32.eip, written);
  else access.probe(oldBase + tss16.ip, tss16.ldt - tss16.ip, written);
  access.probe(base, (wide ? tss32.limit : tss16.limit) + 1, 0);
  const nests = source === TaskSource.call || source === TaskSource.interrupt;
  if (nests) access.probe(base, 2, written);
  const oldDescriptor = (state.gdtBase + (oldSelector & 0xfff8)) >>> 0;
  const leaves = source === TaskSource.jump || source === TaskSource.return;
  if (leaves) access.probe(oldDescriptor, 8, written);
  if (source !== TaskSource.return) access.probe(task.address, 8, written);

  let savedFlags = cpu.flags & ~Flag.resume;
  if (source === TaskSource.interrupt) savedFlags = cpu.flags;
  if (source === TaskSource.return) savedFlags &= ~Flag.nestedTask;
  if (leaves) clearBusy(cpu, oldDescriptor);
  save(cpu, oldBase, oldWide, savedFlags);
  readIncoming(cpu, base, wide);
  if (nests) {
    access.write(base + tss32.link, 2, oldSelector);
    incoming.eflags |= Flag.nestedTask;
  }
  if (source !== TaskSource.return) markBusy(cpu, task);
  commit(cpu, wide);
  finish(cpu, wide, errorCode);
}

/** Writes the dynamic part of the outgoing TSS. */
function save(cpu: Cpu, base: number, wide: boolean, flags: number): void {
  const { state, access } = cpu;
  const size = wide ? 4 : 2;
  access.write(base + (wide ? tss32.eip : tss16.ip), size, state.eip);
  access.write(base + (wide ? tss32.eflags : tss16.flags), size, flags);
  const registers = base + (wide ? tss32.registers : tss16.registers);
  for (let number = 0; number < 8; number++) access.write(registers + size * number, size, state.register(number));
  const segments = base + (wide ? tss32.segments : tss16.segments);
  for (let number = 0; number < (wide ? 6 : 4); number++) access.write(segments + size * number, 2, state.selector(segmentOrder[number]!));
}

function readIncoming(cpu: Cpu, base: number, wide: boolean): void {
  const { access } = cpu;
  const size = wide ? 4 : 2;
  incoming.cr3 = wide ? access.read(base + tss32.cr3, 4) : 0;
  incoming.eip = access.read(base + (wide ? tss32.eip : tss16.ip), size);
  incoming.eflags = access.read(base + (wide ? tss32.eflags : tss16.flags), size);
  const registers = base + (wide ? tss32.registers : tss16.registers);
  for (let number = 0; number < 8; number++) incoming.registers[number] = access.read(registers + size * number, size);
  const segments = base + (wide ? tss32.segments : tss16.segments);
  incoming.selectors.fill(0);
  for (let number = 0; number < (wide ? 6 : 4); number++) incoming.selectors[number] = access.read(segments + size * number, 2);
  incoming.ldt = access.read(base + (wide ? tss32.ldt : tss16.ldt), 2);
  incoming.trap = wide && (access.read(base + tss32.trap, 1) & 1) !== 0;
}

/** The point of no return: TR, CR0.TS, CR3, registers and visible selectors are the new task's; its segments are not yet valid. */
function commit(cpu: Cpu, wide: boolean): void {
  const { state, taskSegment: task } = cpu;
  cpu.committed = true;
  state.setSegment(Seg.tr, task.selector, task.base, task.limit, task.rights | 2);
  state.cr0 |= Control0.taskSwitched;
  state.setDebugRegister(7, state.debugRegister(7) & ~Debug7.local);
  cpu.debug.update();
  for (let number = 0; number < 8; number++) state.setRegister(number, incoming.registers[number]!);
  state.eip = incoming.eip;
  cpu.setFlags(wide ? incoming.eflags : incoming.eflags & 0xffff);
  segmentOrder.forEach((seg, number) => loadNull(cpu, seg, incoming.selectors[number]!));
  state.setSegment(Seg.ldt, incoming.ldt, 0, 0, 0);
  if (incoming.trap) {
    state.debugPending |= Debug6.taskSwitch;
    state.requestAttention(Attention.step);
  }
  // Until CS is loaded, faults belong to the privilege level that its selector names.
  state.cpl = (state.eflags & Flag.virtual8086) !== 0 ? 3 : incoming.selectors[1]! & 3;
  cpu.updateContext();
  if (wide && (state.cr0 & Control0.paging) !== 0) {
    if ((state.cr4 & Control4.physicalAddressExtension) !== 0 && !loadPdptes(state, cpu.memory, incoming.cr3)) {
      cpu.fail(Vector.generalProtection, 0);
    }
    if (state.cr3 !== incoming.cr3) {
      state.cr3 = incoming.cr3;
      cpu.tlb.flushNonGlobal();
      cpu.executor.flushJumpCache();
    }
  }
}

/** Checks and loads LDT and segments in the new task (SDM vol. 3, table 8-1), then pushes the error code. */
function finish(cpu: Cpu, wide: boolean, errorCode: number): void {
  const { state } = cpu;
  loadLocalTable(cpu);
  if (cpu.virtual8086) {
    segmentOrder.forEach((seg, number) => {
      const selector = incoming.selectors[number]!;
      state.setSegment(seg, selector, selector << 4, 0xffff, virtual8086Rights);
    });
    cpu.updateContext();
  } else {
    loadSegments(cpu);
  }
  if (errorCode >= 0) {
    cpu.stack.useCurrent();
    cpu.stack.push(wide ? 4 : 2, errorCode);
    state.esp = cpu.stack.pointer;
  }
  if (state.eip > state.segmentLimit(Seg.cs)) cpu.fail(Vector.generalProtection, 0);
}

function loadLocalTable(cpu: Cpu): void {
  const selector = incoming.ldt;
  if (isNull(selector)) return;
  const descriptor = cpu.gate;
  if (
    (selector & selectorTable) !== 0 ||
    !readDescriptor(cpu, selector, descriptor) ||
    descriptor.systemType !== SystemType.ldt ||
    !descriptor.present
  ) {
    cpu.fail(Vector.invalidTss, selector);
  }
  cpu.state.setSegment(Seg.ldt, selector, descriptor.base, descriptor.limit, descriptor.rights);
}

function loadSegments(cpu: Cpu): void {
  const { state, codeSegment: code, stackSegment: stack } = cpu;
  const codeSelector = incoming.selectors[1]!;
  const privilege = codeSelector & 3;
  if (isNull(codeSelector)) cpu.fail(Vector.invalidTss, codeSelector);
  requireDescriptor(cpu, codeSelector, code, Vector.invalidTss);
  if (!code.isCode) cpu.fail(Vector.invalidTss, codeSelector);
  if (code.isConforming ? code.dpl > privilege : code.dpl !== privilege) cpu.fail(Vector.invalidTss, codeSelector);

  const stackSelector = incoming.selectors[2]!;
  if (isNull(stackSelector)) cpu.fail(Vector.invalidTss, stackSelector);
  requireDescriptor(cpu, stackSelector, stack, Vector.invalidTss);
  if (!stack.isWritableData) cpu.fail(Vector.invalidTss, stackSelector);
  if (!stack.present) cpu.fail(Vector.stackFault, stackSelector);
  if (stack.dpl !== privilege || (stackSelector & 3) !== privilege) cpu.fail(Vector.invalidTss, stackSelector);
  markAccessed(cpu, stack);
  setSegment(cpu, Seg.ss, stackSelector, stack);

  if (!code.present) cpu.fail(Vector.segmentNotPresent, codeSelector);
  markAccessed(cpu, code);
  enterCode(cpu, code, codeSelector, privilege, state.eip);

  for (const number of [3, 0, 4, 5]) {
    const seg = segmentOrder[number]!;
    const selector = incoming.selectors[number]!;
    if (isNull(selector)) continue;
    requireDataSegment(cpu, selector, privilege, cpu.gate, Vector.invalidTss);
    markAccessed(cpu, cpu.gate);
    setSegment(cpu, seg, selector, cpu.gate);
  }
}

/** IRET with NT set: back to the task that the link field names (SDM vol. 2, IRET, TASK-RETURN). */
export function returnFromTask(cpu: Cpu): void {
  const { state, taskSegment: task } = cpu;
  const selector = cpu.access.read(state.segmentBase(Seg.tr) + tss32.link, 2);
  if (isNull(selector) || (selector & selectorTable) !== 0) cpu.fail(Vector.invalidTss, selector);
  requireDescriptor(cpu, selector, task, Vector.invalidTss);
  const type = task.systemType;
  if (type !== SystemType.busyTss16 && type !== SystemType.busyTss32) cpu.fail(Vector.invalidTss, selector);
  if (!task.present) cpu.fail(Vector.segmentNotPresent, selector);
  switchTask(cpu, TaskSource.return);
}

