/** CLI, STI, PUSHF, POPF (SDM vol. 2). This CPU has neither VME nor PVI. */
import type { Cpu } from './core.ts';
import { Vector } from './faults.ts';
import { Flag } from './flags.ts';

const arithmetic = Flag.carry | Flag.parity | Flag.adjust | Flag.zero | Flag.sign | Flag.overflow;
const always = arithmetic | Flag.trap | Flag.direction | Flag.nestedTask;
/** The 32-bit form also changes these; RF is always cleared. */
const wide = Flag.alignmentCheck | Flag.identification;
const stiShadow = 1;

function requireInterruptControl(cpu: Cpu): void {
  if (cpu.state.cpl > cpu.ioPrivilege) cpu.raise(Vector.generalProtection);
}

/** Services.sti. */
export function sti(cpu: Cpu): void {
  requireInterruptControl(cpu);
  const { state } = cpu;
  if ((state.eflags & Flag.interrupt) !== 0) return;
  state.eflags |= Flag.interrupt;
  cpu.castShadow(stiShadow);
  cpu.interruptsEnabled();
}

/** Services.cli. */
export function cli(cpu: Cpu): void {
  requireInterruptControl(cpu);
  cpu.state.eflags &= ~Flag.interrupt;
}

/** Services.pushFlags. */
export function pushFlags(cpu: Cpu): number {
  if (cpu.virtual8086 && cpu.ioPrivilege < 3) cpu.raise(Vector.generalProtection);
  return cpu.flags & ~(Flag.virtual8086 | Flag.resume);
}

/** Services.popFlags. */
export function popFlags(cpu: Cpu, value: number, operandSize: number): void {
  const { state } = cpu;
  if (cpu.virtual8086 && cpu.ioPrivilege < 3) cpu.raise(Vector.generalProtection);
  let mask = always;
  if (operandSize === 4) mask |= wide;
  if (state.cpl === 0) mask |= Flag.ioPrivilege;
  if (state.cpl <= cpu.ioPrivilege) mask |= Flag.interrupt;
  cpu.setFlags((cpu.flags & ~(mask | Flag.resume)) | (value & mask));
}
