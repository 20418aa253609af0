/** From what a machine starts with to how: the one entry to all loaders. */
import type { BootContext } from '../machine/boot-context.ts';
import { MachineError, type BootSource } from '../machine/machine.ts';
import { planBios } from './bios.ts';
import type { BootPlan, GuestMemory } from './boot-plan.ts';
import { planBootSector } from './boot-sector.ts';
import { announceKernel, applyLegacyState, applyMemorySize } from './legacy-state.ts';
import { isLinux, planLinux } from './linux.ts';
import { findMultibootHeader, planMultiboot } from './multiboot.ts';

/** Decides how the machine is started. Throws MachineError with a sentence when it cannot be. */
export function planBoot(source: BootSource, memory: GuestMemory): BootPlan {
  switch (source.kind) {
    case 'boot-sector':
      return planBootSector(source.image, source.drive);
    case 'bios':
      return planBios(source.image, source.vgaBios);
    case 'kernel': {
      if (source.image.length === 0) throw new MachineError('bad-image', 'The kernel image is empty.');
      // Some kernels carry both headers; Multiboot asks less of the loader and tells the guest more.
      if (findMultibootHeader(source.image) !== undefined) return planMultiboot(source.image, memory, source);
      if (isLinux(source.image)) return planLinux(source.image, memory, source);
      throw new MachineError(
        'bad-image',
        'The image is not a kernel we can start: it has neither a Multiboot header in its first 8 KiB nor a Linux setup header.',
      );
    }
  }
}

/** Whether a kernel is started by the Linux boot protocol, so that firmware may run before it. */
export function startsAsLinux(image: Uint8Array): boolean {
  return isLinux(image) && findMultibootHeader(image) === undefined;
}

/** Throws MachineError unless a machine with `memoryBytes` of RAM could start from `source`. Any thread; starts nothing. */
export function checkBootSource(source: BootSource, memoryBytes: number): void {
  planBoot(source, { bytes: memoryBytes, map: [] });
}

/** Carries a plan out. Called by the service worker at power-on and at each reset, as boot-context.ts describes. */
export function applyBoot(plan: BootPlan, context: BootContext): void {
  applyMemorySize(context);
  announceKernel(context, plan.throughFirmware === true);
  for (const rom of plan.roms) context.mapRom(rom.address, rom.bytes);
  if (plan.videoRom !== undefined) context.setVideoRom(plan.videoRom);
  if (plan.legacyState) applyLegacyState(context);
  for (const write of plan.writes) context.writeRam(write.address, write.bytes);
  if (plan.registers !== undefined) context.setRegisters(plan.registers);
}

/** planBoot and applyBoot in one: what the machine calls. */
export function boot(source: BootSource, context: BootContext): BootPlan {
  const plan = planBoot(source, { bytes: context.ramBytes, map: context.memoryMap });
  applyBoot(plan, context);
  return plan;
}
