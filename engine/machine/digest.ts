/**
 * The state digest: SHA-256 over every saved block, all of RAM, VRAM and the ROMs. Two machines with the same digest are in the same guest-visible
 * state. Caches, thread bookkeeping and statistics of this run are left out, and so are those who look on: the guard, and the epochs of tools and viewers.
 */
import { createHash } from 'node:crypto';
import { vcpuState } from '../isa/state.ts';
import { epochBlock } from './control.ts';
import type { BlockEntry } from './directory.ts';
import type { MachineMemory } from './memory.ts';

/** Fields of a vCPU block that say how it is being executed, not what it is. They are neither hashed nor restored. */
export const unsaved = [
  'attention',
  'exitReason',
  'budget',
  'resumeRecord',
  'resumeFrom',
  'pageEip',
  'tlb',
  'jumpCache',
  'codeContext',
  'bounceAddress',
  'bounceSize',
  'bounce',
  'exits',
] as const satisfies (keyof typeof vcpuState.fields)[];

/** The bytes of a block as they count: a copy, with what does not count zeroed. */
export function countedBytes(entry: BlockEntry): Uint8Array {
  const bytes = Uint8Array.from(entry.bytes);
  if (entry.name.startsWith(`${vcpuState.name}/`)) {
    for (const field of unsaved) {
      const { offset, size } = vcpuState.fields[field];
      bytes.fill(0, offset, offset + size);
    }
  }
  return bytes;
}

/** The guard's blocks (engine/guard/state.ts), and the epoch that writes are stamped with. */
function looksOn({ name }: BlockEntry): boolean {
  return name === 'guard' || name.startsWith('guard-') || name === epochBlock.name;
}

/** One number per part, to see where two states differ. */
export interface DigestParts {
  readonly whole: string;
  readonly parts: ReadonlyMap<string, string>;
}

const piece = 1 << 20;

/** Every vCPU stands still and outputs were drained. Reads all of RAM: about half a second per GiB. */
export function digestParts(memory: MachineMemory): DigestParts {
  const whole = createHash('sha256');
  const parts = new Map<string, string>();
  const add = (name: string, version: number, bytes: Uint8Array) => {
    const part = createHash('sha256').update(`${name}\0${version}\0${bytes.length}\0`);
    for (let at = 0; at < bytes.length; at += piece) part.update(bytes.subarray(at, at + piece));
    const text = part.digest('hex');
    parts.set(name, text);
    whole.update(`${name} ${text}\n`);
  };
  const blocks = memory.directory.list().filter((entry) => !entry.transient && !looksOn(entry));
  blocks.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of blocks) add(entry.name, entry.version, countedBytes(entry));
  add('rom', 1, memory.rom);
  add('vram', 1, memory.vram);
  add('scanouts', 1, memory.scanoutMemory);
  add('ram', 1, memory.ram);
  return { whole: whole.digest('hex'), parts };
}
