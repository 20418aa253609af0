/**
 * Bringing a saved state back. First everything is read and checked against the machine; only then is the first byte of it replaced. Service
 * worker; the machine is off.
 */
import { open, type FileHandle } from 'node:fs/promises';
import { vcpuState } from '../isa/state.ts';
import { migrations as ours, type Migrations } from './block-migration.ts';
import { unsaved } from './digest.ts';
import type { BlockEntry } from './directory.ts';
import type { WaitingInput } from './input-service.ts';
import { MachineError, type MachineConfiguration } from './machine.ts';
import type { MachineMemory } from './memory.ts';
import { checkSavedState, damaged, loadChunk, type Chunk, type Following, type PartHead, type SavedHeader } from './saved-state.ts';
import { Area, builtFrom, fileRefusal } from './suspend.ts';

/** A block that is larger than this is none of ours. */
const largestBlock = 16 << 20;
const largestInput = 1 << 20;

function refusal(why: string): MachineError {
  return new MachineError('bad-state', `The saved state cannot be resumed: ${why}`);
}

/** Refuses a state of another machine. What the machine starts from may have changed: it counts from the next reset on. */
export function checkConfiguration(header: SavedHeader, configuration: MachineConfiguration, drives: SavedHeader['drives']): void {
  const { machine } = header;
  const mebibytes = (bytes: number) => `${bytes / 2 ** 20} MiB`;
  if (machine.memoryBytes !== configuration.memoryBytes) {
    throw refusal(`it was saved with ${mebibytes(machine.memoryBytes)} of memory, and the machine has ${mebibytes(configuration.memoryBytes)} now.`);
  }
  if (machine.cpus !== configuration.cpus) throw refusal(`it was saved with ${machine.cpus} virtual CPUs, and the machine has ${configuration.cpus} now.`);
  if (machine.clock !== configuration.clock) throw refusal(`it was saved under the ${machine.clock} clock, and the machine has the ${configuration.clock} clock now.`);
  for (const saved of header.drives) {
    const now = drives.find(({ position }) => position === saved.position);
    if (now === undefined) throw refusal(`the drive ${saved.position} had an image in it then, and has none now.`);
    if (now.kind !== saved.kind || now.bytes !== saved.bytes) {
      throw refusal(`the drive ${saved.position} held a ${saved.kind} of ${saved.bytes} bytes then, and holds a ${now.kind} of ${now.bytes} bytes now.`);
    }
  }
  const added = drives.find(({ position }) => !header.drives.some((saved) => saved.position === position));
  if (added !== undefined) throw refusal(`the drive ${added.position} was empty then, and has an image in it now.`);
}

/** Brings the bytes of a block to the version of today. Throws MachineError with a sentence when that cannot be. */
export function migrate(head: PartHead, bytes: Uint8Array, entry: Pick<BlockEntry, 'version' | 'bytes'>, table: Migrations = ours): Uint8Array {
  if (head.version > entry.version) {
    throw refusal(`its block ${head.name} has version ${head.version}, and this version of Vitrine knows it up to ${entry.version}. A newer Vitrine wrote it.`);
  }
  const steps = table[head.name.split('/')[0] ?? ''];
  let current = bytes;
  for (let version = head.version; version < entry.version; version++) {
    const step = steps?.[version];
    if (step === undefined) throw refusal(`its block ${head.name} has version ${head.version}, which this version of Vitrine no longer understands.`);
    current = step(current);
  }
  if (current.length !== entry.bytes.length) throw refusal(`its block ${head.name} has ${current.length} bytes instead of ${entry.bytes.length}.`);
  return current;
}

/** A state that was found good for a machine, with its blocks in hand and its memory still in the file. */
export interface CheckedState extends WaitingInput {
  readonly header: SavedHeader;
  /** What the machine starts from is not what the state was started from. */
  readonly bootChanged: boolean;
  /** Replaces blocks, RAM, VRAM and ROM. Throws when the file fails meanwhile: the machine's memory is then good for nothing. */
  apply(following: Following): Promise<void>;
  close(): Promise<void>;
}

/** Opens and checks a saved state. Throws MachineError with a sentence; nothing has changed then. */
export async function checkState(
  path: string,
  memory: MachineMemory,
  configuration: MachineConfiguration,
  drives: SavedHeader['drives'],
  following: Following,
  table: Migrations = ours,
): Promise<CheckedState> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    throw fileRefusal(error, path, 'read');
  }
  try {
    const { header, chunks } = await checkSavedState(file, following);
    checkConfiguration(header, configuration, drives);
    const areas = areasOf(memory);
    const blocks = await readBlocks(file, header, chunks, memory, table);
    for (const { kind, name, bytes } of header.parts) {
      if (kind !== 'area') continue;
      const area = areas.get(name);
      if (area === undefined && name !== Area.scancodes && name !== Area.serial) throw refusal(`it holds ${name}, which this version of Vitrine does not know.`);
      if (area === undefined ? bytes > largestInput : name === Area.rom ? bytes > area.length : bytes !== area.length) {
        throw refusal(`it holds ${bytes} bytes of ${name}, which this machine has no place for.`);
      }
    }
    const small = async (name: string): Promise<number[]> => {
      const part = header.parts.findIndex((head) => head.kind === 'area' && head.name === name);
      const bytes = new Uint8Array(header.parts[part]?.bytes ?? 0);
      for (const chunk of chunks) if (chunk.part === part) await loadChunk(file, chunk, bytes);
      return [...bytes];
    };
    return {
      header,
      bootChanged: builtFrom(configuration.boot).sha256 !== header.builtFrom.sha256,
      scancodes: await small(Area.scancodes),
      serialInput: await small(Area.serial),
      async apply({ progress, check }) {
        for (const area of areas.values()) area.fill(0);
        let done = 0;
        for (const chunk of chunks) {
          check();
          const head = header.parts[chunk.part];
          const area = head?.kind === 'area' ? areas.get(head.name) : undefined;
          if (area !== undefined) await loadChunk(file, chunk, area);
          progress(++done, chunks.length);
        }
        for (const { entry, bytes } of blocks) putBlock(entry, bytes);
      },
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw fileRefusal(error, path, 'read');
  }
}

function areasOf(memory: MachineMemory): Map<string, Uint8Array> {
  return new Map<string, Uint8Array>([
    [Area.rom, memory.rom],
    [Area.vram, memory.vram],
    [Area.scanouts, memory.scanoutMemory],
    [Area.guard, memory.guardPages],
    [Area.ram, memory.ram],
  ]);
}

/** The blocks of the state in today's form. A block that only this machine has keeps its reset state: a chip that is newer than the state. */
async function readBlocks(file: FileHandle, header: SavedHeader, chunks: readonly Chunk[], memory: MachineMemory, table: Migrations) {
  const known = new Map(memory.directory.list().flatMap((entry): [string, BlockEntry][] => (entry.transient ? [] : [[entry.name, entry]])));
  const found = new Map<string, { entry: BlockEntry; bytes: Uint8Array }>();
  for (const [index, head] of header.parts.entries()) {
    if (head.kind !== 'block') continue;
    const entry = known.get(head.name);
    if (entry === undefined) throw refusal(`it holds a block ${head.name}, which this machine does not have. It was saved by another version of Vitrine.`);
    if (found.has(head.name)) throw damaged(`the block ${head.name} is there twice`);
    if (head.bytes > largestBlock) throw damaged(`the block ${head.name} is too large`);
    const bytes = new Uint8Array(head.bytes);
    for (const chunk of chunks) if (chunk.part === index) await loadChunk(file, chunk, bytes);
    found.set(head.name, { entry, bytes: migrate(head, bytes, entry, table) });
  }
  const needed = ['clock', ...Array.from({ length: memory.shape.cpus }, (_, cpu) => `${vcpuState.name}/${cpu}`)];
  const missing = needed.find((name) => !found.has(name));
  if (missing !== undefined) throw damaged(`the block ${missing} is missing`);
  return [...found.values()];
}

/** Replaces a block. What says where this machine's caches are, and what its threads have to look at, stays. */
export function putBlock(entry: BlockEntry, bytes: Uint8Array): void {
  const kept = entry.name.startsWith(`${vcpuState.name}/`) ? unsaved.filter((field) => field !== 'exits') : [];
  const before = kept.map((field) => {
    const { offset, size } = vcpuState.fields[field];
    return { offset, value: entry.bytes.slice(offset, offset + size) };
  });
  entry.bytes.set(bytes);
  for (const { offset, value } of before) entry.bytes.set(value, offset);
}
