/** The Multiboot information structure (specification 0.6.96, section 3.3). */
import { memoryRangeType } from '../machine/boot-context.ts';
import type { GuestMemory } from './boot-plan.ts';
import { lowMemoryKibibytes, mebibyte } from './loadable.ts';

export interface MultibootModule {
  readonly start: number;
  /** One behind the last byte. */
  readonly end: number;
  readonly commandLine: string;
}

const enum Present {
  memory = 1 << 0,
  commandLine = 1 << 2,
  modules = 1 << 3,
  memoryMap = 1 << 6,
  bootLoaderName = 1 << 9,
}

const field = {
  flags: 0,
  memoryLower: 4,
  memoryUpper: 8,
  commandLine: 16,
  moduleCount: 20,
  modules: 24,
  mapLength: 44,
  map: 48,
  bootLoaderName: 64,
} as const;
const kibibyte = 1024;
const structureBytes = 116;
const moduleBytes = 16;
const mapEntryBytes = 24;
/** The size field of a map entry does not count itself. */
const mapEntrySize = mapEntryBytes - 4;

const bootLoaderName = 'Vitrine';

function zeroTerminated(text: string): Uint8Array {
  return new TextEncoder().encode(`${text}\0`);
}

/** The structure and all it points to, for being placed at guest-physical `address`. Its length does not depend on `address`. */
export function multibootInformation(
  contents: { memory: GuestMemory; commandLine: string; modules: readonly MultibootModule[] },
  address: number,
): Uint8Array {
  const { map } = contents.memory;
  const modulesAt = structureBytes;
  const mapAt = modulesAt + contents.modules.length * moduleBytes;
  const strings = [zeroTerminated(contents.commandLine), zeroTerminated(bootLoaderName), ...contents.modules.map((module) => zeroTerminated(module.commandLine))];
  const stringAt: number[] = [];
  let end = mapAt + map.length * mapEntryBytes;
  for (const text of strings) {
    stringAt.push(end);
    end += text.length;
  }

  const bytes = new Uint8Array(end);
  const view = new DataView(bytes.buffer);
  const put = (offset: number, value: number) => view.setUint32(offset, value, true);
  const pointer = (index: number) => address + (stringAt[index] ?? 0);

  put(field.flags, Present.memory | Present.commandLine | Present.modules | Present.memoryMap | Present.bootLoaderName);
  put(field.memoryLower, lowMemoryKibibytes);
  put(field.memoryUpper, (contents.memory.bytes - mebibyte) / kibibyte);
  put(field.commandLine, pointer(0));
  put(field.moduleCount, contents.modules.length);
  put(field.modules, contents.modules.length === 0 ? 0 : address + modulesAt);
  put(field.mapLength, map.length * mapEntryBytes);
  put(field.map, address + mapAt);
  put(field.bootLoaderName, pointer(1));

  for (const [index, module] of contents.modules.entries()) {
    const at = modulesAt + index * moduleBytes;
    put(at, module.start);
    put(at + 4, module.end);
    put(at + 8, pointer(2 + index));
  }
  for (const [index, range] of map.entries()) {
    const at = mapAt + index * mapEntryBytes;
    put(at, mapEntrySize);
    view.setBigUint64(at + 4, BigInt(range.base), true);
    view.setBigUint64(at + 12, BigInt(range.size), true);
    put(at + 20, memoryRangeType[range.kind]);
  }
  for (const [index, text] of strings.entries()) bytes.set(text, stringAt[index]);
  return bytes;
}
