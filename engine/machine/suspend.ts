/** What of a machine is saved, and writing it to a file. Service worker; every vCPU stands still and outputs are drained. */
import { createHash } from 'node:crypto';
import { open, unlink } from 'node:fs/promises';
import type { WaitingInput } from './input-service.ts';
import type { BootSource, MachineConfiguration } from './machine.ts';
import { MachineError } from './machine.ts';
import type { MachineMemory } from './memory.ts';
import { writeSavedState, type Following, type PartBytes, type SavedHeader } from './saved-state.ts';

/** Parts that are no blocks. */
export const Area = { ram: 'ram', vram: 'vram', scanouts: 'scanouts', rom: 'rom', guard: 'guard', scancodes: 'input/scancodes', serial: 'input/serial' } as const;

/** Nobody but its owner may read what a guest had in memory. */
const fileMode = 0o600;

/** SHA-256 of what a machine starts from. */
export function builtFrom(boot: BootSource): SavedHeader['builtFrom'] {
  const hash = createHash('sha256').update(boot.kind);
  const add = (name: string, bytes: Uint8Array | undefined) => {
    if (bytes !== undefined) hash.update(`\0${name}\0${bytes.length}\0`).update(bytes);
  };
  add('image', boot.image);
  if (boot.kind === 'kernel') {
    add('initrd', boot.initrd);
    add('commandLine', boot.commandLine === undefined ? undefined : Buffer.from(boot.commandLine));
  } else if (boot.kind === 'bios') add('vgaBios', boot.vgaBios);
  return { kind: boot.kind, sha256: hash.digest('hex') };
}

export interface SuspendedMachine extends WaitingInput {
  readonly memory: MachineMemory;
  readonly configuration: MachineConfiguration;
  /** Bytes of ROM in use. */
  readonly romUsed: number;
  /** Host milliseconds that the machine has run. */
  readonly ranFor: number;
  readonly drives: SavedHeader['drives'];
}

/** Blocks first: what decides whether a state can be restored is read before the memory. */
export function partsOf({ memory, romUsed, scancodes, serialInput }: SuspendedMachine): PartBytes[] {
  const blocks = memory.directory.list().filter((entry) => !entry.transient);
  const area = (name: string, content: Uint8Array): PartBytes => ({ kind: 'area', name, version: 1, bytes: content.length, content });
  return [
    ...blocks.map(({ name, version, bytes }): PartBytes => ({ kind: 'block', name, version, bytes: bytes.length, content: bytes })),
    area(Area.scancodes, Uint8Array.from(scancodes)),
    area(Area.serial, Uint8Array.from(serialInput)),
    area(Area.rom, memory.rom.subarray(0, romUsed)),
    area(Area.vram, memory.vram),
    area(Area.scanouts, memory.scanoutMemory),
    area(Area.guard, memory.guardPages),
    area(Area.ram, memory.ram),
  ];
}

/** A refusal of the file system as a sentence. */
export function fileRefusal(error: unknown, path: string, what: string): unknown {
  if (error instanceof MachineError || !(error instanceof Error) || !('code' in error)) return error;
  if (error.code === 'ENOSPC' || error.code === 'EDQUOT') {
    return new MachineError('no-space', `The disk is full: the state was not ${what}. The machine is as it was.`, { cause: error });
  }
  return new MachineError('file-failed', `The file ${path} could not be ${what}: ${error.message}`, { cause: error });
}

/**
 * Writes a machine's state to `path`, which must not exist, and brings it to the medium. No file is left when it fails or when
 * `check` ends it. Returns the file's bytes.
 */
export async function saveMachine(machine: SuspendedMachine, path: string, following: Following): Promise<number> {
  const { name, cpus, memoryBytes, clock, boot } = machine.configuration;
  const header = {
    machine: { name, cpus, memoryBytes, clock },
    builtFrom: builtFrom(boot),
    savedAt: Date.now(),
    ranFor: Math.round(machine.ranFor),
    drives: machine.drives,
  };
  let made = false;
  try {
    const file = await open(path, 'wx', fileMode);
    made = true;
    try {
      const bytes = await writeSavedState(file, header, partsOf(machine), following);
      await file.sync();
      return bytes;
    } finally {
      await file.close();
    }
  } catch (error) {
    // Half a state is of no use; that it could not even be removed adds nothing to the first failure.
    if (made) await unlink(path).catch(() => undefined);
    throw fileRefusal(error, path, 'written');
  }
}
