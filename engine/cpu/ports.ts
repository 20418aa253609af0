/** IN and OUT: permission (SDM vol. 1, 19.5), I/O breakpoints, and the access itself. */
import { Attention } from '../isa/state.ts';
import type { Cpu } from './core.ts';
import { guestFault, Vector } from './faults.ts';
import { noteSmiIo } from './smm/smi-io.ts';
import { bitmapAllows } from './task-stacks.ts';

/** Services.checkPort: #GP(0) unless IOPL or the bitmap allows; virtual-8086 mode always asks the bitmap. */
export function checkPort(cpu: Cpu, port: number, size: number): void {
  if (!cpu.protectedMode) return;
  if (cpu.state.cpl <= cpu.ioPrivilege && !cpu.virtual8086) return;
  if (!bitmapAllows(cpu, port & 0xffff, size)) cpu.raise(Vector.generalProtection);
}

function watch(cpu: Cpu, port: number, size: number): void {
  if (!cpu.debug.watchesPorts) return;
  const hits = cpu.debug.port(port, size);
  if (hits !== 0 && !cpu.watchHit(hits)) throw guestFault;
}

/** Behind an access: notes it if it raised an SMI, of which there was none (`pending`) before. */
function noteSmi(cpu: Cpu, pending: number, port: number, size: number): void {
  const { systemManagement } = cpu.platform;
  if (systemManagement === undefined || pending !== 0) return;
  if ((cpu.state.attention & Attention.smi) === 0 || cpu.state.inSmm !== 0) return;
  noteSmiIo(cpu, systemManagement.io, systemManagement.cpu, port & 0xffff, size);
}

/** Services.portRead. */
export function portRead(cpu: Cpu, port: number, size: number): number {
  checkPort(cpu, port, size);
  watch(cpu, port, size);
  const pending = cpu.state.attention & Attention.smi;
  const value = cpu.platform.portRead(port & 0xffff, size);
  noteSmi(cpu, pending, port, size);
  cpu.hooks?.port(port & 0xffff, size, false, value);
  return value;
}

/** Services.portWrite. */
export function portWrite(cpu: Cpu, port: number, size: number, value: number): void {
  checkPort(cpu, port, size);
  watch(cpu, port, size);
  const written = size === 4 ? value >>> 0 : value & ((1 << (8 * size)) - 1);
  const pending = cpu.state.attention & Attention.smi;
  cpu.platform.portWrite(port & 0xffff, size, written);
  noteSmi(cpu, pending, port, size);
  cpu.hooks?.port(port & 0xffff, size, true, written);
}
