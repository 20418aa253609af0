/** The calls of generated code (isa/services.ts) over one vCPU. */
import { Attention, Reg, Seg, segmentBytes } from '../isa/state.ts';
import type { Services } from '../isa/services.ts';
import {
  clearTaskSwitched,
  loadMachineStatusWord,
  moveFromControl,
  moveFromDebug,
  moveToControl,
  moveToDebug,
} from './control.ts';
import type { Cpu } from './core.ts';
import { cpuid } from './cpuid.ts';
import { hypercall } from './hypercall.ts';
import { cli, popFlags, pushFlags, sti } from './flag-instructions.ts';
import { deliverFault, softwareInterrupt } from './interrupts.ts';
import { interruptReturn } from './iret.ts';
import { readMsr, readPerformanceCounter, readTimestamp, writeMsr } from './msr.ts';
import { checkPort, portRead, portWrite } from './ports.ts';
import { loadAccessRights, loadSegment, loadSegmentLimit, verifyRead, verifyWrite } from './segmentation.ts';
import { resumeFromSystemManagementMode } from './smm/system-management-mode.ts';
import { sysenter, sysexit } from './sysenter.ts';
import {
  loadGlobalTable,
  loadInterruptTable,
  loadLocalTable,
  loadTaskRegister,
  storeGlobalTable,
  storeInterruptTable,
  storeSelector,
} from './system-tables.ts';
import { farCall, farJump, farReturn } from './transfer.ts';
import { X87Unit } from './x87/unit.ts';

const movSsShadow = 2;

/** Binds the services to a vCPU. Each leaves its exceptions in faultVector; only defects of ours are thrown out of generated code. */
export function createServices(cpu: Cpu): Services {
  const { access, state } = cpu;
  type Answer = number | void;

  /** An exception before the point of no return is the instruction's; after it, it is delivered in the new task right here. */
  const left = (error: unknown): number => {
    cpu.caught(error);
    if (cpu.committed && !deliverFault(cpu)) state.requestAttention(Attention.step);
    cpu.committed = false;
    return 0;
  };
  const none = (body: (cpu: Cpu) => void) => (): void => {
    try {
      body(cpu);
      cpu.committed = false;
    } catch (error) {
      left(error);
    }
  };
  const one =
    <T extends Answer>(body: (cpu: Cpu, a: number) => T) =>
    (a: number): T | number => {
      try {
        return body(cpu, a);
      } catch (error) {
        return left(error);
      }
    };
  const two =
    <T extends Answer>(body: (cpu: Cpu, a: number, b: number) => T) =>
    (a: number, b: number): T | number => {
      try {
        const result = body(cpu, a, b);
        cpu.committed = false;
        return result;
      } catch (error) {
        return left(error);
      }
    };
  const three =
    <T extends Answer>(body: (cpu: Cpu, a: number, b: number, c: number) => T) =>
    (a: number, b: number, c: number): T | number => {
      try {
        const result = body(cpu, a, b, c);
        cpu.committed = false;
        return result;
      } catch (error) {
        return left(error);
      }
    };
  /** Numbers only, for services that must give one. */
  const number = (value: number | void): number => value ?? 0;
  const answers1 = (body: (cpu: Cpu, a: number) => number) => {
    const guarded = one(body);
    return (a: number): number => number(guarded(a));
  };
  const answers2 = (body: (cpu: Cpu, a: number, b: number) => number) => {
    const guarded = two(body);
    return (a: number, b: number): number => number(guarded(a, b));
  };

  const fpu = new X87Unit(cpu);

  return {
    readSlow: (segment, offset, size) => access.readSlow(segment, offset, size),
    writeSlow: (segment, offset, size) => access.writeSlow(segment, offset, size),
    updateSlow: (segment, offset, size) => access.updateSlow(segment, offset, size),
    lockedSlow: (segment, offset, size) => access.lockedSlow(segment, offset, size),
    commitWrite: () => access.commitWrite(),
    probeWrite: (segment, offset, size) => access.probeWrite(segment, offset, size),

    loadSegment: two((_, seg, selector) => {
      loadSegment(cpu, seg, selector);
      if (seg === Seg.ss) cpu.castShadow(movSsShadow);
    }),

    farJump: three(farJump),
    farCall: three(farCall),
    farReturn: two(farReturn),
    interruptReturn: one((_, operandSize) => {
      interruptReturn(cpu, operandSize);
      cpu.committed = false;
    }),
    softwareInterrupt: two(softwareInterrupt),
    sysenter: none(sysenter),
    sysexit: none(sysexit),
    rsm: none(resumeFromSystemManagementMode),
    pause: () => cpu.platform.pause?.(),
    halt: none(() => cpu.requirePrivilege()),
    sti: none(sti),
    cli: none(cli),
    pushFlags: answers1(pushFlags),
    popFlags: two(popFlags),

    moveToControl: two(moveToControl),
    moveFromControl: answers1(moveFromControl),
    moveToDebug: two(moveToDebug),
    moveFromDebug: answers1(moveFromDebug),
    loadMachineStatusWord: one(loadMachineStatusWord),
    clearTaskSwitched: none(clearTaskSwitched),
    loadGlobalTable: three(loadGlobalTable),
    loadInterruptTable: three(loadInterruptTable),
    storeGlobalTable: three(storeGlobalTable),
    storeInterruptTable: three(storeInterruptTable),
    loadLocalTable: one(loadLocalTable),
    loadTaskRegister: one(loadTaskRegister),
    storeLocalTable: () => storeRegister(Seg.ldt),
    storeTaskRegister: () => storeRegister(Seg.tr),
    loadAccessRights: answers2(loadAccessRights),
    loadSegmentLimit: answers2(loadSegmentLimit),
    verifyRead: one(verifyRead),
    verifyWrite: one(verifyWrite),
    requireProtected: none(() => cpu.requireProtected()),
    requirePrivilege: none(() => cpu.requirePrivilege()),

    cpuid: () => cpuid(cpu),
    readMsr: none(() => {
      readMsr(cpu);
      cpu.hooks?.msr(state.register(Reg.ecx), false, state.register(Reg.eax), state.register(Reg.edx));
    }),
    writeMsr: none(() => {
      writeMsr(cpu);
      cpu.hooks?.msr(state.register(Reg.ecx), true, state.register(Reg.eax), state.register(Reg.edx));
    }),
    readTimestamp: none(readTimestamp),
    readPerformanceCounter: none(readPerformanceCounter),
    invalidatePage: two((_, segment, offset) => {
      cpu.requirePrivilege();
      cpu.tlb.invalidate((state.segmentBase(segment / segmentBytes) + offset) >>> 0);
      cpu.executor.flushJumpCache();
    }),
    writeBackCaches: none(() => cpu.requirePrivilege()),

    portRead: answers2(portRead),
    portWrite: three(portWrite),
    checkPort: two(checkPort),

    hypercall: none(hypercall),
    x87Stack: (operation, destination, source, instructionPointer) => {
      try {
        fpu.stack(operation, destination, source, instructionPointer);
      } catch (error) {
        left(error);
      }
    },
    x87Memory: (operation, format, segment, offset, instructionPointer) => {
      try {
        fpu.memory(operation, format, segment, offset, instructionPointer);
      } catch (error) {
        left(error);
      }
    },
    x87Wait: none(() => fpu.wait()),
  };

  function storeRegister(seg: Seg.ldt | Seg.tr): number {
    try {
      return storeSelector(cpu, seg);
    } catch (error) {
      return left(error);
    }
  }
}
