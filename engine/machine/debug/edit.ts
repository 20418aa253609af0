/** Changes of a vCPU's registers by a person: what the processor itself would refuse is refused. The vCPU stands still. */
import { Control0, Control4, Efer } from '../../cpu/control-bits.ts';
import { cr0Writable, cr4Implemented } from '../../cpu/control.ts';
import { debug6Fixed, debug6Writable, debug7Fixed, debug7Zero } from '../../cpu/debug-registers.ts';
import { Flag, readEflags, writeEflags } from '../../cpu/flags.ts';
import { patTypes } from '../../cpu/msr.ts';
import { rights, virtual8086Rights, type CpuState } from '../../cpu/registers.ts';
import { Seg } from '../../isa/state.ts';
import { MachineError } from '../machine.ts';
import type { InspectedMemory } from './memory.ts';
import { generalNames, registers, segmentNames } from './registers.ts';

const hex = (value: number | bigint): string => `0x${value.toString(16)}`;

function refuse(sentence: string): never {
  throw new MachineError('bad-configuration', sentence);
}

/**
 * Stores a register. The caller tells the vCPU that its state was replaced. Throws MachineError 'bad-configuration' with a sentence for a
 * value that the processor could not hold, and leaves everything as it was then.
 */
export function setRegister(state: CpuState, memory: InspectedMemory, name: string, value: bigint): void {
  const register = registers.find((each) => each.name === name);
  if (register === undefined) refuse(`There is no register named ${name}.`);
  if (value < 0n || value >= 1n << BigInt(register.bits))
    refuse(`${name} has ${register.bits} bits; ${hex(value)} does not fit.`);
  const number = Number(BigInt.asUintN(32, value));
  const general = generalNames.findIndex((each) => each === name);
  if (general >= 0) return state.setRegister(general, number);
  const segment = segmentNames.findIndex((each) => each === name);
  if (segment >= 0) return setSegment(state, memory, segment, number);
  switch (name) {
    case 'eip':
      if (number > state.segmentLimit(Seg.cs))
        refuse(`EIP cannot be ${hex(number)}: the limit of CS is ${hex(state.segmentLimit(Seg.cs))}.`);
      state.eip = number;
      return;
    case 'eflags':
      if (((number ^ readEflags(state)) & Flag.virtual8086) !== 0)
        refuse('VM is changed by IRET and task switches only, which load all segments.');
      writeEflags(state, number);
      return;
    case 'cr0':
      return setControl0(state, memory, number);
    case 'cr2':
      state.cr2 = number;
      return;
    case 'cr3':
      loadPointers(state, memory, state.cr0, state.cr4, number);
      state.cr3 = number;
      return;
    case 'cr4':
      if ((number & ~cr4Implemented) !== 0)
        refuse(`CR4 cannot be ${hex(number)}: the processor has only the bits ${hex(cr4Implemented)}.`);
      loadPointers(state, memory, state.cr0, number, state.cr3);
      state.cr4 = number;
      return;
    case 'dr0':
    case 'dr1':
    case 'dr2':
    case 'dr3':
      return state.setDebugRegister(Number(name.slice(2)), number);
    case 'dr6':
      return state.setDebugRegister(6, ((number & debug6Writable) | debug6Fixed) >>> 0);
    case 'dr7':
      return state.setDebugRegister(7, ((number & ~debug7Zero) | debug7Fixed) >>> 0);
    case 'gdtr_base':
      state.gdtBase = number;
      return;
    case 'gdtr_limit':
      state.gdtLimit = number;
      return;
    case 'idtr_base':
      state.idtBase = number;
      return;
    case 'idtr_limit':
      state.idtLimit = number;
      return;
    default:
      setMsr(state, name, value);
  }
}

function setMsr(state: CpuState, name: string, value: bigint): void {
  const { block } = state;
  switch (name) {
    case 'efer':
      if ((value & ~BigInt(Efer.noExecuteEnable)) !== 0n)
        refuse(`EFER cannot be ${hex(value)}: the processor has only NXE, bit 11.`);
      block.efer = Number(value);
      return;
    case 'sysenter_cs':
      block.sysenterCs = Number(BigInt.asUintN(32, value));
      return;
    case 'sysenter_esp':
      block.sysenterEsp = BigInt.asUintN(32, value);
      return;
    case 'sysenter_eip':
      block.sysenterEip = BigInt.asUintN(32, value);
      return;
    case 'pat':
      for (let entry = 0n; entry < 8n; entry++) {
        const type = Number((value >> (8n * entry)) & 0xffn);
        if (!patTypes.has(type)) refuse(`Entry ${entry} of the PAT cannot be ${type}.`);
      }
      block.patMsr = value;
      return;
    default:
      refuse(`${name} cannot be changed by hand; the guest’s own instructions do it.`);
  }
}

function setControl0(state: CpuState, memory: InspectedMemory, value: number): void {
  if ((value & ~(cr0Writable | Control0.extensionType)) !== 0)
    refuse(`CR0 cannot be ${hex(value)}: it has bits that do not exist.`);
  if ((value & Control0.paging) !== 0 && (value & Control0.protectionEnable) === 0) refuse('CR0 cannot have PG without PE.');
  if ((value & Control0.notWriteThrough) !== 0 && (value & Control0.cacheDisable) === 0) refuse('CR0 cannot have NW without CD.');
  loadPointers(state, memory, value, state.cr4, state.cr3);
  state.cr0 = (value | Control0.extensionType) >>> 0;
}

/** In PAE mode the processor holds the four entries that CR3 points to (SDM vol. 3, 4.4.1). */
function loadPointers(state: CpuState, memory: InspectedMemory, cr0: number, cr4: number, cr3: number): void {
  if ((cr0 & Control0.paging) === 0 || (cr4 & Control4.physicalAddressExtension) === 0) return;
  const entries = [0, 1, 2, 3].map((number) => {
    const at = (cr3 & 0xffffffe0) + 8 * number;
    return [memory.physical(at >>> 0, 4), memory.physical((at >>> 0) + 4, 4)] as const;
  });
  for (const [low, high] of entries) {
    if (low === undefined || high === undefined) refuse(`CR3 cannot be ${hex(cr3)} with PAE: there is no memory.`);
    const reserved = (low & 1) !== 0 && ((low & 0x1e6) !== 0 || high > 0xf);
    if (reserved) refuse(`CR3 cannot be ${hex(cr3)} with PAE: a pointer entry there has reserved bits set.`);
  }
  for (const [number, [low = 0, high = 0]] of entries.entries()) state.setPdpte(number, low, high);
}

function setSegment(state: CpuState, memory: InspectedMemory, segment: number, selector: number): void {
  const name = (segmentNames[segment] ?? '').toUpperCase();
  if (segment >= Seg.ldt) refuse(`${name} is loaded by the guest’s own instructions only.`);
  const isProtected = (state.cr0 & Control0.protectionEnable) !== 0;
  if (!isProtected) {
    state.setSegment(segment, selector, selector << 4, state.segmentLimit(segment), state.segmentRights(segment));
    return;
  }
  if ((state.eflags & Flag.virtual8086) !== 0) {
    state.setSegment(segment, selector, selector << 4, 0xffff, virtual8086Rights);
    return;
  }
  if ((selector & 0xfffc) === 0) {
    if (segment === Seg.cs || segment === Seg.ss) refuse(`${name} cannot be the null selector.`);
    state.setSegment(segment, selector, 0, 0, 0);
    return;
  }
  const { base, limit, access } = descriptor(state, memory, selector);
  const privilege = (access >>> rights.dplShift) & 3;
  if ((access & rights.segment) === 0) refuse(`Selector ${hex(selector)} names no code or data segment.`);
  if ((access & rights.present) === 0) refuse(`The segment of selector ${hex(selector)} is not present.`);
  const isCode = (access & rights.code) !== 0;
  if (segment === Seg.cs) {
    if (!isCode) refuse(`CS needs a code segment; ${hex(selector)} is a data segment.`);
    if (state.eip > limit)
      refuse(`EIP is behind the limit of the segment of ${hex(selector)}, which is ${hex(limit)}. Set EIP first.`);
    const level = (access & rights.conforming) !== 0 ? state.cpl : selector & 3;
    if ((access & rights.conforming) === 0 && privilege !== level)
      refuse(`CS cannot be ${hex(selector)}: its RPL is ${level}, the DPL of the segment ${privilege}.`);
    state.cpl = level;
  } else if (segment === Seg.ss) {
    if (isCode || (access & rights.writable) === 0) refuse(`SS needs a segment that can be written; ${hex(selector)} is none.`);
    if (privilege !== state.cpl || (selector & 3) !== state.cpl)
      refuse(`SS cannot be ${hex(selector)}: its RPL and DPL have to be the CPL, ${state.cpl}.`);
  } else if (isCode && (access & rights.readable) === 0) {
    refuse(`${name} needs a segment that can be read; ${hex(selector)} is none.`);
  }
  state.setSegment(segment, selector, base, limit, access);
}

function descriptor(state: CpuState, memory: InspectedMemory, selector: number): { base: number; limit: number; access: number } {
  const isLocal = (selector & 4) !== 0;
  const table = isLocal ? 'LDT' : 'GDT';
  const tableLimit = isLocal ? state.segmentLimit(Seg.ldt) : state.gdtLimit;
  const offset = selector & 0xfff8;
  if (isLocal && (state.segmentRights(Seg.ldt) & rights.present) === 0) refuse('There is no LDT now.');
  if (offset + 7 > tableLimit)
    refuse(`Selector ${hex(selector)} is behind the limit of the ${table}, which is ${hex(tableLimit)}.`);
  const at = ((isLocal ? state.segmentBase(Seg.ldt) : state.gdtBase) + offset) >>> 0;
  const low = memory.linear(state, at, 4);
  const high = memory.linear(state, (at + 4) >>> 0, 4);
  if (low === undefined || high === undefined) refuse(`The entry of selector ${hex(selector)} in the ${table} cannot be read.`);
  const access = (high >>> 8) & 0xf0ff;
  const limit = (high & 0xf0000) | (low & 0xffff);
  return {
    base: ((high & 0xff000000) | ((high & 0xff) << 16) | (low >>> 16)) >>> 0,
    limit: (access & rights.granular) !== 0 ? ((limit << 12) | 0xfff) >>> 0 : limit,
    access,
  };
}
