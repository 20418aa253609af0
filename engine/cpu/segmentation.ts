/** Loading segment registers (SDM vol. 2, MOV and POP; vol. 3, 5.5 to 5.7). */
import { Seg } from '../isa/state.ts';
import type { Cpu } from './core.ts';
import { isNull, markAccessed, readDescriptor, requireDescriptor, type Descriptor } from './descriptors.ts';
import { Vector } from './faults.ts';
import { realModeRights, rights, virtual8086Rights } from './registers.ts';

const realModeLimit = 0xffff;
const dataSegments = [Seg.es, Seg.ds, Seg.fs, Seg.gs] as const;

/** Services.loadSegment without the shadow: a data or stack segment register. */
export function loadSegment(cpu: Cpu, seg: number, selector: number): void {
  selector &= 0xffff;
  if (seg === Seg.cs) cpu.raise(Vector.invalidOpcode);
  if (cpu.realSegments) {
    loadReal(cpu, seg, selector);
  } else if (seg === Seg.ss) {
    const descriptor = cpu.stackSegment;
    requireStackSegment(cpu, selector, cpu.state.cpl, descriptor, Vector.generalProtection);
    markAccessed(cpu, descriptor);
    setSegment(cpu, Seg.ss, selector, descriptor);
  } else if (isNull(selector)) {
    loadNull(cpu, seg, selector);
  } else {
    const descriptor = cpu.gate;
    requireDataSegment(cpu, selector, cpu.state.cpl, descriptor, Vector.generalProtection);
    markAccessed(cpu, descriptor);
    setSegment(cpu, seg, selector, descriptor);
  }
}

/**
 * Real and virtual-8086 mode: the base follows the selector. Real mode keeps limit, B and G ("unreal mode") and makes the
 * segment readable and writable; virtual-8086 mode gives every segment 64 KiB (SDM vol. 3, 21.1.1 and 21.2.1).
 */
export function loadReal(cpu: Cpu, seg: number, selector: number): void {
  const { state } = cpu;
  if (cpu.virtual8086) {
    state.setSegment(seg, selector, selector << 4, realModeLimit, virtual8086Rights);
  } else {
    const kept = state.segmentRights(seg) & (rights.big | rights.granular);
    state.setSegment(seg, selector, selector << 4, state.segmentLimit(seg), realModeRights | kept);
  }
}

/** An unusable data segment; limit and granularity stay for a later return to real mode. */
export function loadNull(cpu: Cpu, seg: number, selector: number): void {
  const { state } = cpu;
  state.setSegment(seg, selector, 0, state.segmentLimit(seg), state.segmentRights(seg) & (rights.big | rights.granular));
}

/** Fills a segment register from a descriptor that was checked. */
export function setSegment(cpu: Cpu, seg: number, selector: number, descriptor: Descriptor): void {
  cpu.state.setSegment(seg, selector, descriptor.base, descriptor.limit, descriptor.rights | rights.accessed);
}

/**
 * Reads and checks a stack segment for privilege level `privilege`. Errors are `vector` with the selector (0 for a null one),
 * and #SS for one that is not present.
 */
export function requireStackSegment(cpu: Cpu, selector: number, privilege: number, descriptor: Descriptor, vector: number): void {
  if (isNull(selector)) cpu.fail(vector, 0);
  requireDescriptor(cpu, selector, descriptor, vector);
  if ((selector & 3) !== privilege || !descriptor.isWritableData || descriptor.dpl !== privilege) cpu.fail(vector, selector);
  if (!descriptor.present) cpu.fail(Vector.stackFault, selector);
}

/** Reads and checks a segment for DS, ES, FS or GS that is not null. */
export function requireDataSegment(cpu: Cpu, selector: number, privilege: number, descriptor: Descriptor, vector: number): void {
  requireDescriptor(cpu, selector, descriptor, vector);
  if (!descriptor.isReadable) cpu.fail(vector, selector);
  if (!(descriptor.isCode && descriptor.isConforming)) {
    const { dpl } = descriptor;
    if ((selector & 3) > dpl || privilege > dpl) cpu.fail(vector, selector);
  }
  if (!descriptor.present) cpu.fail(Vector.segmentNotPresent, selector);
}

/**
 * Takes away data segments that an outer level may not keep: nothing but null may remain whose DPL is below the new CPL
 * (SDM vol. 2, RET and IRET, outer privilege level).
 */
export function dropInnerSegments(cpu: Cpu, privilege: number): void {
  const { state } = cpu;
  for (const seg of dataSegments) {
    const segmentRights = state.segmentRights(seg);
    const conformingCode = rights.code | rights.conforming;
    if ((segmentRights & rights.present) === 0 || (segmentRights & conformingCode) === conformingCode) continue;
    if (((segmentRights >>> rights.dplShift) & 3) < privilege) loadNull(cpu, seg, 0);
  }
}

/** LAR: which system types it shows (SDM vol. 2, table 3-53). */
const rightsOfSystemTypes = bitSet([1, 2, 3, 4, 5, 9, 11, 12]);
/** LSL: those with a limit. */
const limitOfSystemTypes = bitSet([1, 2, 3, 9, 11]);
/** Rights as LAR gives them: bits 8-15 and 20-23 of the high word. */
const accessRightsMask = 0x00f0ff00;

function bitSet(types: number[]): number {
  return types.reduce((set, type) => set | (1 << type), 0);
}

/** True if the program may learn about this descriptor; it is in cpu.gate then. */
function visible(cpu: Cpu, selector: number, systemTypes: number): boolean {
  if (isNull(selector) || !readDescriptor(cpu, selector, cpu.gate)) return false;
  const descriptor = cpu.gate;
  if (!descriptor.isSegment && (systemTypes & (1 << descriptor.systemType)) === 0) return false;
  if (descriptor.isCode && descriptor.isConforming) return true;
  return descriptor.dpl >= cpu.state.cpl && descriptor.dpl >= (selector & 3);
}

/** ZF is lazy: any non-zero word clears it. */
function setZero(cpu: Cpu, zero: boolean): void {
  cpu.state.flagZero = zero ? 0 : 1;
}

/** Services.loadAccessRights. */
export function loadAccessRights(cpu: Cpu, selector: number, old: number): number {
  cpu.requireProtected();
  const found = visible(cpu, selector & 0xffff, rightsOfSystemTypes);
  setZero(cpu, found);
  return found ? cpu.gate.high & accessRightsMask : old;
}

/** Services.loadSegmentLimit. */
export function loadSegmentLimit(cpu: Cpu, selector: number, old: number): number {
  cpu.requireProtected();
  const found = visible(cpu, selector & 0xffff, limitOfSystemTypes);
  setZero(cpu, found);
  return found ? cpu.gate.limit : old;
}

/** Services.verifyRead. */
export function verifyRead(cpu: Cpu, selector: number): void {
  cpu.requireProtected();
  setZero(cpu, visible(cpu, selector & 0xffff, 0) && cpu.gate.isReadable);
}

/** Services.verifyWrite. */
export function verifyWrite(cpu: Cpu, selector: number): void {
  cpu.requireProtected();
  setZero(cpu, visible(cpu, selector & 0xffff, 0) && cpu.gate.isWritableData);
}
