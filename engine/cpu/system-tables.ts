/** LGDT, LIDT, SGDT, SIDT, LLDT, LTR, SLDT, STR (SDM vol. 2). */
import { Seg } from '../isa/state.ts';
import type { Cpu } from './core.ts';
import { isNull, markBusy, requireDescriptor, selectorTable, SystemType } from './descriptors.ts';
import { Vector } from './faults.ts';

/** A 16-bit operand size loads 24 bits of base. */
const base24 = 0x00ffffff;

/** LGDT and LIDT: the limit, then the base, from a pseudo-descriptor. */
function readPseudo(cpu: Cpu, segment: number, offset: number, operandSize: number): { limit: number; base: number } {
  cpu.requirePrivilege();
  const limit = cpu.access.readOperand(segment, offset, 2);
  const base = cpu.access.readOperand(segment, offset + 2, 4);
  return { limit, base: operandSize === 2 ? base & base24 : base };
}

/** Services.loadGlobalTable. */
export function loadGlobalTable(cpu: Cpu, segment: number, offset: number, operandSize: number): void {
  const { limit, base } = readPseudo(cpu, segment, offset, operandSize);
  cpu.state.gdtLimit = limit;
  cpu.state.gdtBase = base;
}

/** Services.loadInterruptTable. */
export function loadInterruptTable(cpu: Cpu, segment: number, offset: number, operandSize: number): void {
  const { limit, base } = readPseudo(cpu, segment, offset, operandSize);
  cpu.state.idtLimit = limit;
  cpu.state.idtBase = base;
}

/** All 32 bits of the base are stored whatever the operand size is, as processors since the 386 do. */
function writePseudo(cpu: Cpu, segment: number, offset: number, limit: number, base: number): void {
  cpu.access.probeWrite(segment, offset, 6);
  if (cpu.state.faultVector >= 0) return;
  cpu.access.writeOperand(segment, offset, 2, limit);
  cpu.access.writeOperand(segment, offset + 2, 4, base);
}

/** Services.storeGlobalTable. */
export function storeGlobalTable(cpu: Cpu, segment: number, offset: number): void {
  writePseudo(cpu, segment, offset, cpu.state.gdtLimit, cpu.state.gdtBase);
}

/** Services.storeInterruptTable. */
export function storeInterruptTable(cpu: Cpu, segment: number, offset: number): void {
  writePseudo(cpu, segment, offset, cpu.state.idtLimit, cpu.state.idtBase);
}

/** Services.loadLocalTable. */
export function loadLocalTable(cpu: Cpu, selector: number): void {
  cpu.requireProtected();
  cpu.requirePrivilege();
  selector &= 0xffff;
  const { state, gate: descriptor } = cpu;
  if (isNull(selector)) {
    state.setSegment(Seg.ldt, selector, 0, 0, 0);
    return;
  }
  if ((selector & selectorTable) !== 0) cpu.fail(Vector.generalProtection, selector);
  requireDescriptor(cpu, selector, descriptor, Vector.generalProtection);
  if (descriptor.systemType !== SystemType.ldt) cpu.fail(Vector.generalProtection, selector);
  if (!descriptor.present) cpu.fail(Vector.segmentNotPresent, selector);
  state.setSegment(Seg.ldt, selector, descriptor.base, descriptor.limit, descriptor.rights);
}

/** Services.loadTaskRegister. */
export function loadTaskRegister(cpu: Cpu, selector: number): void {
  cpu.requireProtected();
  cpu.requirePrivilege();
  selector &= 0xffff;
  const { state, taskSegment: descriptor } = cpu;
  if (isNull(selector)) cpu.fail(Vector.generalProtection, 0);
  if ((selector & selectorTable) !== 0) cpu.fail(Vector.generalProtection, selector);
  requireDescriptor(cpu, selector, descriptor, Vector.generalProtection);
  const type = descriptor.systemType;
  if (type !== SystemType.availableTss16 && type !== SystemType.availableTss32) cpu.fail(Vector.generalProtection, selector);
  if (!descriptor.present) cpu.fail(Vector.segmentNotPresent, selector);
  markBusy(cpu, descriptor);
  state.setSegment(Seg.tr, selector, descriptor.base, descriptor.limit, descriptor.rights);
}

/** Services.storeLocalTable, storeTaskRegister. */
export function storeSelector(cpu: Cpu, seg: Seg.ldt | Seg.tr): number {
  cpu.requireProtected();
  return cpu.state.selector(seg);
}
