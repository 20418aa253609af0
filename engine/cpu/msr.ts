/** Model-specific registers, the time-stamp counter and RDPMC (SDM vol. 4, chapter 2; vol. 2, RDMSR, WRMSR, RDTSC, RDPMC). */
import { Reg } from '../isa/state.ts';
import { firstApicMsr, lastApicMsr } from './apic/registers.ts';
import type { Cpu } from './core.ts';
import { Control4, Efer } from './control-bits.ts';
import { Vector } from './faults.ts';

/** The MSRs that exist; any other is #GP(0). */
export const Msr = {
  timestampCounter: 0x10,
  platformId: 0x17,
  apicBase: 0x1b,
  /** Holds the revision of a microcode update; there is none, so it reads as zero. */
  biosSignature: 0x8b,
  sysenterCs: 0x174,
  sysenterEsp: 0x175,
  sysenterEip: 0x176,
  pageAttributeTable: 0x277,
  timestampDeadline: 0x6e0,
  efer: 0xc0000080,
} as const;

const efer = { writable: Efer.noExecuteEnable } as const;

/** Memory types that a PAT entry may hold (SDM vol. 3, table 12-10): UC, WC, WT, WP, WB, UC-. They have no effect here. */
export const patTypes = new Set([0, 1, 4, 5, 6, 7]);

/** Services.readMsr. */
export function readMsr(cpu: Cpu): void {
  cpu.requirePrivilege();
  const { state } = cpu;
  const { block } = state;
  switch (state.register(Reg.ecx)) {
    case Msr.timestampCounter:
      answer(cpu, timestamp(cpu));
      break;
    case Msr.platformId:
    case Msr.biosSignature:
      answer(cpu, 0n);
      break;
    case Msr.sysenterCs:
      answer(cpu, BigInt(block.sysenterCs));
      break;
    case Msr.sysenterEsp:
      answer(cpu, block.sysenterEsp);
      break;
    case Msr.sysenterEip:
      answer(cpu, block.sysenterEip);
      break;
    case Msr.pageAttributeTable:
      answer(cpu, block.patMsr);
      break;
    case Msr.efer:
      answer(cpu, BigInt(block.efer));
      break;
    default:
      readApicMsr(cpu, state.register(Reg.ecx));
  }
}

/** Services.writeMsr. */
export function writeMsr(cpu: Cpu): void {
  cpu.requirePrivilege();
  const { state } = cpu;
  const { block } = state;
  const low = state.register(Reg.eax);
  const high = state.register(Reg.edx);
  switch (state.register(Reg.ecx)) {
    case Msr.timestampCounter:
      block.tscOffset = BigInt.asUintN(64, join(low, high) - cpu.platform.timestamp());
      cpu.platform.localApic?.apics.timestampMoved(cpu.platform.localApic.cpu);
      break;
    case Msr.biosSignature:
      // Written before CPUID to make the processor report its update; there is none to report.
      break;
    case Msr.sysenterCs:
      block.sysenterCs = low;
      break;
    case Msr.sysenterEsp:
      block.sysenterEsp = BigInt(low);
      break;
    case Msr.sysenterEip:
      block.sysenterEip = BigInt(low);
      break;
    case Msr.pageAttributeTable:
      writePat(cpu, low, high);
      break;
    case Msr.efer:
      writeEfer(cpu, low, high);
      break;
    default:
      writeApicMsr(cpu, state.register(Reg.ecx), low, high);
  }
}

function readApicMsr(cpu: Cpu, msr: number): void {
  const { localApic } = cpu.platform;
  if (localApic === undefined) cpu.raise(Vector.generalProtection);
  const { apics, cpu: number } = localApic;
  if (msr === Msr.apicBase) return answer(cpu, cpu.state.block.apicBase);
  if (msr === Msr.timestampDeadline) return answer(cpu, apics.readDeadline(number));
  const value = msr >= firstApicMsr && msr <= lastApicMsr ? apics.readMsr(number, msr) : undefined;
  if (value === undefined) cpu.raise(Vector.generalProtection);
  answer(cpu, join(...value));
}

function writeApicMsr(cpu: Cpu, msr: number, low: number, high: number): void {
  const { localApic } = cpu.platform;
  if (localApic === undefined) cpu.raise(Vector.generalProtection);
  const { apics, cpu: number } = localApic;
  if (msr === Msr.timestampDeadline) return apics.writeDeadline(number, join(low, high));
  if (msr === Msr.apicBase) {
    if (!apics.writeBase(number, join(low, high))) cpu.raise(Vector.generalProtection);
    cpu.updateLocalApic();
    cpu.flushTranslations();
    return;
  }
  if (msr < firstApicMsr || msr > lastApicMsr || !apics.writeMsr(number, msr, low, high)) cpu.raise(Vector.generalProtection);
}

function writePat(cpu: Cpu, low: number, high: number): void {
  for (let entry = 0; entry < 8; entry++) {
    const type = ((entry < 4 ? low : high) >>> (8 * (entry & 3))) & 0xff;
    if (!patTypes.has(type)) cpu.raise(Vector.generalProtection);
  }
  cpu.state.block.patMsr = join(low, high);
}

function writeEfer(cpu: Cpu, low: number, high: number): void {
  if ((low & ~efer.writable) !== 0 || high !== 0) cpu.raise(Vector.generalProtection);
  if (cpu.state.efer === low) return;
  cpu.state.efer = low;
  cpu.flushTranslations();
}

function join(low: number, high: number): bigint {
  return (BigInt(high) << 32n) | BigInt(low);
}

function answer(cpu: Cpu, value: bigint): void {
  cpu.state.setRegister(Reg.eax, Number(value & 0xffffffffn));
  cpu.state.setRegister(Reg.edx, Number((value >> 32n) & 0xffffffffn));
}

function timestamp(cpu: Cpu): bigint {
  return BigInt.asUintN(64, cpu.platform.timestamp() + cpu.state.block.tscOffset);
}

/** Services.readTimestamp. */
export function readTimestamp(cpu: Cpu): void {
  const { state } = cpu;
  if ((state.cr4 & Control4.timestampDisable) !== 0 && state.cpl !== 0) cpu.raise(Vector.generalProtection);
  answer(cpu, timestamp(cpu));
}

/** Services.readPerformanceCounter: this CPU has no counters (CPUID has no leaf 0xA), so every number is #GP(0). */
export function readPerformanceCounter(cpu: Cpu): void {
  cpu.raise(Vector.generalProtection);
}
