/** BootContext over a real machine. Service worker; every vCPU stands still. */
import { resetLocalApic } from '../cpu/apic/local-vectors.ts';
import { localApicState } from '../cpu/apic/state.ts';
import { resetState } from '../cpu/reset.ts';
import { CpuState } from '../cpu/registers.ts';
import { writeEflags } from '../cpu/flags.ts';
import { Reg, Seg, vcpuState } from '../isa/state.ts';
import type { BootContext, BootRegisters, GeneralRegister, MemoryRange, SegmentRegister } from './boot-context.ts';
import type { MachineChips } from './chips.ts';
import type { MachineBus } from './machine-bus.ts';
import type { MachineMemory } from './memory.ts';

const generalRegisters: Record<GeneralRegister, Reg> = {
  eax: Reg.eax,
  ecx: Reg.ecx,
  edx: Reg.edx,
  ebx: Reg.ebx,
  esp: Reg.esp,
  ebp: Reg.ebp,
  esi: Reg.esi,
  edi: Reg.edi,
};

const segmentRegisters: Record<SegmentRegister, Seg> = {
  es: Seg.es,
  cs: Seg.cs,
  ss: Seg.ss,
  ds: Seg.ds,
  fs: Seg.fs,
  gs: Seg.gs,
  ldt: Seg.ldt,
  tr: Seg.tr,
};

const pagingEnable = 0x8000_0000;
const lowMemoryEnd = 0x9fc00;
const highMemory = 0x10_0000;
/** The I/O APIC, the local APICs and the flash: nothing below 4 GiB from here on is free. */
const apicBase = 0xfec0_0000;

/** What a firmware would report of a machine with `ramBytes` of RAM. */
export function memoryMapOf(ramBytes: number): MemoryRange[] {
  const map: MemoryRange[] = [
    { base: 0, size: lowMemoryEnd, kind: 'usable' },
    // The extended BIOS data area, then the system BIOS.
    { base: lowMemoryEnd, size: 0xa0000 - lowMemoryEnd, kind: 'reserved' },
    { base: 0xf0000, size: highMemory - 0xf0000, kind: 'reserved' },
  ];
  if (ramBytes > highMemory) map.push({ base: highMemory, size: ramBytes - highMemory, kind: 'usable' });
  map.push({ base: apicBase, size: 2 ** 32 - apicBase, kind: 'reserved' });
  return map;
}

export class MachineBootContext implements BootContext {
  readonly ramBytes: number;
  readonly cpus: number;
  readonly memoryMap: readonly MemoryRange[];

  constructor(
    private readonly memory: MachineMemory,
    private readonly bus: MachineBus,
    private readonly chips: MachineChips,
  ) {
    this.ramBytes = memory.shape.ramBytes;
    this.cpus = memory.shape.cpus;
    this.memoryMap = memoryMapOf(this.ramBytes);
  }

  #state(cpu: number): CpuState {
    return new CpuState(this.memory.buffer, this.memory.directory.open(vcpuState, String(cpu)));
  }

  /** Puts a vCPU in its architectural reset state. Its counters go on, but for a power-on. */
  resetProcessor(cpu: number, powerOn: boolean): void {
    const base = this.memory.directory.open(vcpuState, String(cpu));
    const { block } = this.#state(cpu);
    const { retired, interrupts } = block;
    const exits = Uint32Array.from(block.exits);
    const exceptions = Uint32Array.from(block.exceptions);
    resetState(this.memory.buffer, base, cpu === 0);
    resetLocalApic(this.memory.block(localApicState, String(cpu)), cpu, cpu === 0);
    if (powerOn) return;
    block.retired = retired;
    block.interrupts = interrupts;
    block.exits.set(exits);
    block.exceptions.set(exceptions);
  }

  writeRam(address: number, bytes: Uint8Array): void {
    this.bus.memory.writeRam(address, bytes);
  }

  readRam(address: number, length: number): Uint8Array {
    return this.bus.memory.readRam(address, length);
  }

  mapRom(address: number, bytes: Uint8Array): void {
    this.bus.lock.with(() => this.bus.memory.mapRom(address, bytes));
  }

  setRegisters(registers: BootRegisters): void {
    const state = this.#state(0);
    if (registers.cr0 !== undefined) {
      if ((registers.cr0 & pagingEnable) !== 0) throw new RangeError('A loader cannot switch paging on.');
      state.cr0 = registers.cr0;
    }
    for (const [name, number] of Object.entries(generalRegisters)) {
      const value = registers[name as GeneralRegister];
      if (value !== undefined) state.setRegister(number, value >>> 0);
    }
    for (const [name, number] of Object.entries(segmentRegisters)) {
      const setup = registers.segments?.[name as SegmentRegister];
      if (setup !== undefined) state.setSegment(number, setup.selector, setup.base, setup.limit, setup.attributes);
    }
    if (registers.gdt !== undefined) {
      state.gdtBase = registers.gdt.base;
      state.gdtLimit = registers.gdt.limit;
    }
    if (registers.idt !== undefined) {
      state.idtBase = registers.idt.base;
      state.idtLimit = registers.idt.limit;
    }
    if (registers.eip !== undefined) state.eip = registers.eip >>> 0;
    if (registers.eflags !== undefined) writeEflags(state, registers.eflags);
  }

  portRead(port: number, width: 1 | 2 | 4): number {
    return this.bus.portRead(port, width);
  }

  portWrite(port: number, width: 1 | 2 | 4, value: number): void {
    this.bus.portWrite(port, width, value);
  }

  setTextMode(): void {
    this.bus.lock.with(() => this.chips.setTextMode());
  }

  setVideoRom(bytes: Uint8Array): void {
    this.bus.lock.with(() => this.chips.setVideoRom(bytes));
  }
}
