/**
 * What a loader decides: pure data, made from the image and the machine's memory alone. The host makes a plan before it
 * starts a machine, so that a bad image is refused at once; the machine carries the plan out at each power-on and reset.
 */
import type { BootRegisters, MemoryRange } from '../machine/boot-context.ts';

/** The memory a loader may fill and has to report. */
export interface GuestMemory {
  /** Guest RAM from address 0 up; 1 MiB or more. */
  readonly bytes: number;
  /** What the guest is told; empty when a plan is made only to check an image. */
  readonly map: readonly MemoryRange[];
}

export interface PlacedBytes {
  /** Guest-physical address. */
  readonly address: number;
  readonly bytes: Uint8Array;
}

export interface BootPlan {
  /** What was recognized, for people: `Multiboot kernel (ELF)`. */
  readonly title: string;
  /** Go to guest RAM, whatever the PAM registers say. */
  readonly writes: readonly PlacedBytes[];
  /** Shown on the far side of the host bridge, read-only. */
  readonly roms: readonly PlacedBytes[];
  /** For the display adapter's expansion ROM, from which firmware shadows it to 0xC0000. */
  readonly videoRom: Uint8Array | undefined;
  /** True: memory and chips are to be left as a BIOS leaves them (legacy-state.ts). False: as they are after a reset. */
  readonly legacyState: boolean;
  /** True: our own firmware is started, and finds the kernel that `writes` have put into memory (assets/firmware/kernel.asm). */
  readonly throughFirmware?: true;
  /** Undefined: the processor stays in its reset state, at the reset vector. */
  readonly registers: BootRegisters | undefined;
}
