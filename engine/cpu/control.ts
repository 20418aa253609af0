/** CR0, CR2, CR3, CR4 and the debug registers (SDM vol. 2, MOV CRn, MOV DRn, LMSW, CLTS; vol. 3, 2.5 and 18.2). */
import type { Cpu } from './core.ts';
import { Control0, Control4 } from './control-bits.ts';
import { Debug6, debug6Fixed, debug6Writable, Debug7, debug7Fixed, debug7Zero } from './debug-registers.ts';
import { Vector } from './faults.ts';
import { noteDebug } from './interrupts.ts';
import { loadPdptes } from './paging.ts';

export const cr0Writable =
  Control0.protectionEnable |
  Control0.monitorCoprocessor |
  Control0.emulation |
  Control0.taskSwitched |
  Control0.numericError |
  Control0.writeProtect |
  Control0.alignmentMask |
  Control0.notWriteThrough |
  Control0.cacheDisable |
  Control0.paging;
/** Bits of CR4 that this CPU has; setting another one is #GP(0). */
export const cr4Implemented =
  Control4.timestampDisable |
  Control4.debuggingExtensions |
  Control4.pageSizeExtension |
  Control4.physicalAddressExtension |
  Control4.pageGlobalEnable |
  Control4.performanceCounterEnable |
  Control4.fxsave;
const cr4Translation = Control4.pageSizeExtension | Control4.physicalAddressExtension | Control4.pageGlobalEnable;
const lowFour = 0xf;

/** Services.moveToControl. */
export function moveToControl(cpu: Cpu, register: number, value: number): void {
  value >>>= 0;
  if (register !== 0 && register !== 2 && register !== 3 && register !== 4) cpu.raise(Vector.invalidOpcode);
  cpu.requirePrivilege();
  switch (register) {
    case 0:
      writeControl0(cpu, value);
      break;
    case 2:
      cpu.state.cr2 = value;
      break;
    case 3:
      writeControl3(cpu, value);
      break;
    case 4:
      writeControl4(cpu, value);
      break;
  }
  cpu.hooks?.control(register, true, value);
}

/** Services.moveFromControl. */
export function moveFromControl(cpu: Cpu, register: number): number {
  const { state } = cpu;
  if (register !== 0 && register !== 2 && register !== 3 && register !== 4) cpu.raise(Vector.invalidOpcode);
  cpu.requirePrivilege();
  const value = register === 0 ? state.cr0 : register === 2 ? state.cr2 : register === 3 ? state.cr3 : state.cr4;
  cpu.hooks?.control(register, false, value);
  return value;
}

function writeControl0(cpu: Cpu, value: number): void {
  const { state } = cpu;
  const next = ((value & cr0Writable) | Control0.extensionType) >>> 0;
  const pagingWithoutProtection = (next & Control0.paging) !== 0 && (next & Control0.protectionEnable) === 0;
  const writeBackWithoutCache = (next & Control0.notWriteThrough) !== 0 && (next & Control0.cacheDisable) === 0;
  if (pagingWithoutProtection || writeBackWithoutCache) cpu.raise(Vector.generalProtection);
  const changed = state.cr0 ^ next;
  const pagingStarts = (changed & next & Control0.paging) !== 0;
  if (pagingStarts && (state.cr4 & Control4.physicalAddressExtension) !== 0 && !loadPdptes(state, cpu.memory, state.cr3)) {
    cpu.raise(Vector.generalProtection);
  }
  state.cr0 = next;
  if ((changed & (Control0.paging | Control0.writeProtect)) !== 0) cpu.flushTranslations();
  if ((changed & Control0.alignmentMask) !== 0) cpu.updateContext();
  if (changed !== 0) cpu.hooks?.modeMayHaveChanged();
}

function writeControl3(cpu: Cpu, value: number): void {
  const { state } = cpu;
  const extended = (state.cr0 & Control0.paging) !== 0 && (state.cr4 & Control4.physicalAddressExtension) !== 0;
  if (extended && !loadPdptes(state, cpu.memory, value)) cpu.raise(Vector.generalProtection);
  state.cr3 = value;
  cpu.tlb.flushNonGlobal();
  cpu.executor.flushJumpCache();
}

function writeControl4(cpu: Cpu, value: number): void {
  const { state } = cpu;
  if ((value & ~cr4Implemented) !== 0) cpu.raise(Vector.generalProtection);
  const changed = state.cr4 ^ value;
  const paging = (state.cr0 & Control0.paging) !== 0;
  const extended = (value & Control4.physicalAddressExtension) !== 0;
  // PDPTEs are loaded again when one of these bits changes (SDM vol. 3, 4.4.1).
  if (paging && extended && (changed & cr4Translation) !== 0 && !loadPdptes(state, cpu.memory, state.cr3)) {
    cpu.raise(Vector.generalProtection);
  }
  state.cr4 = value;
  if ((changed & cr4Translation) !== 0) cpu.flushTranslations();
  if ((changed & Control4.debuggingExtensions) !== 0) watchesChanged(cpu);
}

/** Services.loadMachineStatusWord: the low four bits of CR0; PE cannot be cleared. */
export function loadMachineStatusWord(cpu: Cpu, value: number): void {
  cpu.requirePrivilege();
  const { cr0 } = cpu.state;
  writeControl0(cpu, ((cr0 & ~lowFour) | (value & lowFour) | (cr0 & Control0.protectionEnable)) >>> 0);
  cpu.hooks?.control(0, true, cpu.state.cr0);
}

/** Services.clearTaskSwitched. */
export function clearTaskSwitched(cpu: Cpu): void {
  cpu.requirePrivilege();
  cpu.state.cr0 &= ~Control0.taskSwitched;
  cpu.hooks?.control(0, true, cpu.state.cr0);
}

/** Which register a debug register number means; raises what MOV DR raises before it does anything. */
function debugNumber(cpu: Cpu, register: number): number {
  const { state } = cpu;
  if (register === 4 || register === 5) {
    if ((state.cr4 & Control4.debuggingExtensions) !== 0) cpu.raise(Vector.invalidOpcode);
    register += 2;
  }
  cpu.requirePrivilege();
  if ((state.debugRegister(7) & Debug7.generalDetect) !== 0) {
    noteDebug(cpu, Debug6.accessDetected);
    cpu.raise(Vector.debug);
  }
  return register;
}

/** Services.moveToDebug. */
export function moveToDebug(cpu: Cpu, register: number, value: number): void {
  const number = debugNumber(cpu, register);
  const { state } = cpu;
  value >>>= 0;
  if (number === 6) value = (value & debug6Writable) | debug6Fixed;
  if (number === 7) value = (value & ~debug7Zero) | debug7Fixed;
  state.setDebugRegister(number, value);
  if (number !== 6) watchesChanged(cpu);
}

/** Services.moveFromDebug. */
export function moveFromDebug(cpu: Cpu, register: number): number {
  return cpu.state.debugRegister(debugNumber(cpu, register));
}

/** Watched pages must not be reachable by fast entries, nor by the jump cache. */
function watchesChanged(cpu: Cpu): void {
  cpu.debug.update();
  cpu.flushTranslations();
}
