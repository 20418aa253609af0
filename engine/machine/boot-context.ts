/**
 * What a loader (engine/firmware) sees of the machine it prepares. The service worker calls the loader at power-on and at
 * each reset, after all chips were reset, the legacy area was set back to ROM and every vCPU was put in its
 * architectural reset state (CS:IP = F000:FFF0, base 0xFFFF0000). No vCPU runs meanwhile. A loader only changes what differs.
 */

/** One segment register as the loader wants it: selector and hidden part (SDM vol. 3, 3.4.3). */
export interface SegmentSetup {
  selector: number;
  base: number;
  /** Highest offset, in bytes (granularity already applied). */
  limit: number;
  /** Bits 40-47 and 52-55 of the descriptor as bits 0-7 and 12-15 (G is bit 15, D/B bit 14, P bit 7, S bit 4). */
  attributes: number;
}

/** A flat 4 GiB code segment: execute/read, accessed, present, ring 0, 32-bit, page granular. */
export const flatCodeAttributes = 0xc09b;
/** A flat 4 GiB data segment: read/write, accessed, present, ring 0, 32-bit, page granular. */
export const flatDataAttributes = 0xc093;
/** A real-mode segment: data read/write, accessed, present. */
export const realDataAttributes = 0x0093;
/** A real-mode code segment. */
export const realCodeAttributes = 0x009b;

export type GeneralRegister = 'eax' | 'ecx' | 'edx' | 'ebx' | 'esp' | 'ebp' | 'esi' | 'edi';
export type SegmentRegister = 'es' | 'cs' | 'ss' | 'ds' | 'fs' | 'gs' | 'ldt' | 'tr';

/** Registers of the boot processor that a loader changes; what is absent keeps its reset value. */
export interface BootRegisters extends Partial<Record<GeneralRegister, number>> {
  eip?: number;
  eflags?: number;
  /** CR0.PE switches to protected mode; paging may not be switched on here. */
  cr0?: number;
  segments?: Partial<Record<SegmentRegister, SegmentSetup>>;
  gdt?: { base: number; limit: number };
  idt?: { base: number; limit: number };
}

/** One entry of the memory map in the sense of INT 15h AX=E820h (ACPI 6.5, 15.1). */
export interface MemoryRange {
  base: number;
  size: number;
  kind: 'usable' | 'reserved' | 'acpi-reclaimable' | 'acpi-nvs';
}

/** The values of MemoryRange.kind as E820 reports them. */
export const memoryRangeType: Record<MemoryRange['kind'], number> = { usable: 1, reserved: 2, 'acpi-reclaimable': 3, 'acpi-nvs': 4 };

export interface BootContext {
  /** Guest RAM in bytes, from address 0 up without a gap. */
  readonly ramBytes: number;
  readonly cpus: number;
  /** What a firmware would report: usable RAM, the legacy hole, MMCONFIG and the flash at the top of 4 GiB. Sorted, disjoint. */
  readonly memoryMap: readonly MemoryRange[];
  /**
   * Writes guest RAM (also below the ROMs of the legacy area, whatever the PAM registers say).
   * Throws MachineError 'too-large' when the range does not lie in RAM.
   */
  writeRam(address: number, bytes: Uint8Array): void;
  /** Copies out of guest RAM; the same bounds. */
  readRam(address: number, length: number): Uint8Array;
  /**
   * Shows `bytes` as ROM at a page-aligned address, either above all RAM or inside 0xC0000-0xFFFFF; a part page is filled with
   * 0xFF. Inside the legacy area the PAM registers decide whether ROM or RAM is seen. Mapping the same address again
   * (after a reset) replaces it. Throws MachineError 'bad-image' when it does not fit.
   */
  mapRom(address: number, bytes: Uint8Array): void;
  /** Registers of vCPU 0. */
  setRegisters(registers: BootRegisters): void;
  /** Port I/O as the boot processor would do it; for chips that the missing firmware would have programmed. */
  portRead(port: number, width: 1 | 2 | 4): number;
  portWrite(port: number, width: 1 | 2 | 4, value: number): void;
  /**
   * Puts the display adapter into text mode 3 (80x25, 16 colours, 8x16 font loaded, screen blank), as a VGA BIOS does before it
   * hands over to a boot loader.
   */
  setTextMode(): void;
  /** Gives the display adapter its expansion ROM, behind its PCI ROM BAR, where firmware looks for a VGA BIOS. */
  setVideoRom(bytes: Uint8Array): void;
}
