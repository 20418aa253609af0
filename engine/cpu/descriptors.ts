/** Segment and gate descriptors (SDM vol. 3, 3.4.5 and 3.5), and reading them from the GDT and LDT. */
import { Seg } from '../isa/state.ts';
import type { Cpu } from './core.ts';
import { rights } from './registers.ts';

export const descriptorBytes = 8;
/** Selector bits. */
export const selectorTable = 1 << 2;
export const selectorPrivilege = 3;

/** System descriptor types (SDM vol. 3, table 3-2). */
export const enum SystemType {
  availableTss16 = 1,
  ldt = 2,
  busyTss16 = 3,
  callGate16 = 4,
  taskGate = 5,
  interruptGate16 = 6,
  trapGate16 = 7,
  availableTss32 = 9,
  busyTss32 = 11,
  callGate32 = 12,
  interruptGate32 = 14,
  trapGate32 = 15,
}

const highAccessed = 1 << 8;
const highBusy = 1 << 9;
const highPresent = 1 << 15;
const highGranular = 1 << 23;
/** Byte of the descriptor that holds type, S, DPL and P. */
const typeByte = 5;

/** True if the selector is null: index 0 of the GDT with any RPL. */
export function isNull(selector: number): boolean {
  return (selector & 0xfffc) === 0;
}

/** One descriptor as it was read; reused, so that no delivery allocates. */
export class Descriptor {
  selector = 0;
  /** Linear address it was read from. */
  address = 0;
  low = 0;
  high = 0;

  get base(): number {
    return ((this.low >>> 16) | ((this.high & 0xff) << 16) | (this.high & 0xff000000)) >>> 0;
  }
  /** Highest offset, granularity applied. */
  get limit(): number {
    const raw = (this.low & 0xffff) | (this.high & 0xf0000);
    return (this.high & highGranular) !== 0 ? ((raw << 12) | 0xfff) >>> 0 : raw;
  }
  /** In the form of the vCPU block. */
  get rights(): number {
    return (this.high >>> 8) & 0xf0ff;
  }
  get present(): boolean {
    return (this.high & highPresent) !== 0;
  }
  get dpl(): number {
    return (this.high >>> 13) & 3;
  }
  /** Code or data, not system. */
  get isSegment(): boolean {
    return (this.rights & rights.segment) !== 0;
  }
  get isCode(): boolean {
    const kind = rights.segment | rights.code;
    return (this.rights & kind) === kind;
  }
  get isConforming(): boolean {
    return (this.rights & rights.conforming) !== 0;
  }
  get isWritableData(): boolean {
    return (this.rights & (rights.segment | rights.code | rights.writable)) === (rights.segment | rights.writable);
  }
  /** Data, or readable code. */
  get isReadable(): boolean {
    return this.isSegment && ((this.rights & rights.code) === 0 || (this.rights & rights.readable) !== 0);
  }
  /** SystemType, or -1 for code and data. */
  get systemType(): number {
    return this.isSegment ? -1 : this.rights & 0xf;
  }

  /** Gates: target selector, offset and parameter count. */
  get gateSelector(): number {
    return this.low >>> 16;
  }
  get gateOffset(): number {
    return ((this.low & 0xffff) | (this.high & 0xffff0000)) >>> 0;
  }
  get gateParameters(): number {
    return this.high & 0x1f;
  }
  /** Gates and TSS: 32-bit (types 9, 11, 12, 14, 15). */
  get is32Bit(): boolean {
    return (this.rights & 8) !== 0;
  }
}

/**
 * Reads the descriptor of a selector that is not null. False: it is beyond the limit of its table (or there is no LDT).
 * Throws guestFault on a page fault.
 */
export function readDescriptor(cpu: Cpu, selector: number, into: Descriptor): boolean {
  const { state } = cpu;
  const offset = selector & 0xfff8;
  let base = state.gdtBase;
  let limit = state.gdtLimit;
  if ((selector & selectorTable) !== 0) {
    if ((state.segmentRights(Seg.ldt) & rights.present) === 0) return false;
    base = state.segmentBase(Seg.ldt);
    limit = state.segmentLimit(Seg.ldt);
  }
  if (offset + descriptorBytes - 1 > limit) return false;
  const address = (base + offset) >>> 0;
  into.selector = selector;
  into.address = address;
  into.low = cpu.access.read(address, 4);
  into.high = cpu.access.read(address + 4, 4);
  return true;
}

/** As readDescriptor; beyond the table's limit raises `vector` with the selector. */
export function requireDescriptor(cpu: Cpu, selector: number, into: Descriptor, vector: number): void {
  if (!readDescriptor(cpu, selector, into)) cpu.fail(vector, selector);
}

/** Sets the accessed bit in memory unless it is set (SDM vol. 3, 3.4.5.1). */
export function markAccessed(cpu: Cpu, descriptor: Descriptor): void {
  if ((descriptor.high & highAccessed) !== 0) return;
  cpu.access.setByteBits(descriptor.address + typeByte, highAccessed >>> 8);
  descriptor.high |= highAccessed;
}

/** Sets the busy bit of a TSS descriptor. */
export function markBusy(cpu: Cpu, descriptor: Descriptor): void {
  cpu.access.setByteBits(descriptor.address + typeByte, highBusy >>> 8);
  descriptor.high |= highBusy;
}

/** Clears the busy bit of the TSS descriptor at this linear address. */
export function clearBusy(cpu: Cpu, address: number): void {
  cpu.access.clearByteBits(address + typeByte, highBusy >>> 8);
}
