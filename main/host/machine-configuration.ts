/** What an engine needs to power a machine of the library on. */
import type { MachineConfiguration } from '../../engine/machine/machine.ts';
import { MEMORY_UNIT } from '../contract/machine.ts';
import { loadBoot, type BootFiles, type BootTools } from './boot.ts';
import { ownFirmware } from './firmware.ts';
import { resolveFile, type StoredMachine } from './library.ts';
import { driveConfigurations } from './linking.ts';

/** The files that a machine of the library starts from, as paths. */
export function bootFiles(machine: StoredMachine, guests: string): BootFiles {
  const { boot } = machine.file;
  const at = (file: string): string => resolveFile(machine, file);
  switch (boot.kind) {
    case 'assembly':
    case 'boot-sector':
      return { kind: boot.kind, file: at(boot.file) };
    case 'kernel': {
      const initrd = boot.initrd === undefined ? undefined : at(boot.initrd);
      return { kind: 'kernel', file: at(boot.file), initrd, commandLine: boot.commandLine };
    }
    case 'bios':
      return { kind: 'bios', file: at(boot.file), vgaBios: boot.vgaBios === undefined ? undefined : at(boot.vgaBios) };
    case 'own-bios':
      return ownFirmware(guests);
  }
}

/** Reads, assembles and checks all that a machine of the library needs to be powered on. */
export async function configureMachine(tools: BootTools, machine: StoredMachine): Promise<MachineConfiguration> {
  const memory = machine.file.memoryMiB * MEMORY_UNIT;
  return {
    name: machine.file.name,
    cpus: machine.file.cpus,
    memoryBytes: memory,
    clock: machine.file.clock,
    boot: await loadBoot(tools, bootFiles(machine, tools.guests), memory),
    drives: driveConfigurations(machine),
    bootOrder: machine.file.bootOrder,
    virtioGpu: machine.file.display?.virtioGpu === true,
    guard: { hypercalls: machine.file.guard?.hypercalls === true, ranges: machine.file.guard?.ranges ?? [] },
  };
}
