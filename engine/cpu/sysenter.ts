/** SYSENTER and SYSEXIT (SDM vol. 2; vol. 3, 5.8.7). */
import { Reg, Seg } from '../isa/state.ts';
import type { Cpu } from './core.ts';
import { Vector } from './faults.ts';
import { Flag } from './flags.ts';

/** Present, accessed, execute/read, G, D; DPL comes in. */
const flatCode = 0xc09b;
const flatData = 0xc093;
const flatLimit = 0xffffffff;
const dpl3 = 3 << 5;

/** Selectors relative to SYSENTER_CS. */
const kernelStack = 8;
const userCode = 16;
const userStack = 24;

function requireCodeSelector(cpu: Cpu): number {
  const selector = cpu.state.block.sysenterCs & 0xfffc;
  if (!cpu.protectedMode || selector === 0) cpu.raise(Vector.generalProtection);
  return selector;
}

/** Services.sysenter. */
export function sysenter(cpu: Cpu): void {
  const selector = requireCodeSelector(cpu);
  const { state } = cpu;
  cpu.setFlags(cpu.flags & ~(Flag.virtual8086 | Flag.interrupt | Flag.resume));
  state.setSegment(Seg.cs, selector, 0, flatLimit, flatCode);
  state.setSegment(Seg.ss, selector + kernelStack, 0, flatLimit, flatData);
  state.cpl = 0;
  state.esp = Number(state.block.sysenterEsp & 0xffffffffn);
  state.eip = Number(state.block.sysenterEip & 0xffffffffn);
  cpu.updateContext();
}

/** Services.sysexit. */
export function sysexit(cpu: Cpu): void {
  const { state } = cpu;
  const selector = requireCodeSelector(cpu);
  cpu.requirePrivilege();
  state.setSegment(Seg.cs, (selector + userCode) | 3, 0, flatLimit, flatCode | dpl3);
  state.setSegment(Seg.ss, (selector + userStack) | 3, 0, flatLimit, flatData | dpl3);
  state.cpl = 3;
  state.esp = state.register(Reg.ecx);
  state.eip = state.register(Reg.edx);
  cpu.updateContext();
}
