/** IN and OUT: permission (SDM vol. 1, 19.5), I/O breakpoints, and the access itself. */
import type { Cpu } from './core.ts';
import { guestFault, Vector } from './faults.ts';
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

/** Services.portRead. */
export function portRead(cpu: Cpu, port: number, size: number): number {
  checkPort(cpu, port, size);
  watch(cpu, port, size);
  return cpu.platform.portRead(port & 0xffff, size);
}

/** Services.portWrite. */
export function portWrite(cpu: Cpu, port: number, size: number, value: number): void {
  checkPort(cpu, port, size);
  watch(cpu, port, size);
  cpu.platform.portWrite(port & 0xffff, size, size === 4 ? value >>> 0 : value & ((1 << (8 * size)) - 1));
}
