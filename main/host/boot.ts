import { whyNotOptionRom } from '../../engine/firmware/bios.ts';
import { basename, dirname } from 'node:path';
import { detectImage } from '../../engine/firmware/detect.ts';
import { checkBootSource, startsAsLinux } from '../../engine/firmware/plan.ts';
import { MachineError, type BootSource } from '../../engine/machine/machine.ts';
import { assemblyError, type AssembleSource } from './assembler.ts';
import type { Disk } from './disk.ts';
import { explain, HostError } from './errors.ts';
import { assembleFirmware, assembleVgaFirmware, ownFirmware } from './firmware.ts';
import { readImage } from './image.ts';

/** A boot sector's size, and where its signature 55 AA stands. */
const SECTOR_BYTES = 512;
const SIGNATURE_OFFSET = 510;

/** Sources larger than this are not sources. */
const SOURCE_LIMIT = 4 * 1024 * 1024;

/** What starting a machine takes: where files are, and what to do with them. Paths are absolute. */
export type BootFiles =
  /** `anywhere`: see SourceText. */
  | { kind: 'assembly'; file: string; anywhere?: boolean }
  | { kind: 'kernel'; file: string; initrd?: string; commandLine?: string }
  | { kind: 'boot-sector'; file: string }
  /** Without `vgaBios` the display adapter has ours. */
  | { kind: 'bios'; file: string; vgaBios?: string }
  /** Our own firmware; `file` is its main source. */
  | { kind: 'own-bios'; file: string };

export interface BootTools {
  disk: Disk;
  assemble: AssembleSource;
  /** Where shipped sources are, for `%include` of shared ones. */
  guests: string;
}

/** Reads (and assembles) what a machine starts from, and checks it against its memory. Throws a HostError with a sentence. */
export async function loadBoot(tools: BootTools, files: BootFiles, memory: number): Promise<BootSource> {
  const boot = await read(tools, files);
  checkBoot(boot, memory, files.file);
  return boot;
}

/** Refuses, with the file's name before the loader's sentence, what could not be started with so much memory. */
export function checkBoot(boot: BootSource, memory: number, file: string): void {
  try {
    checkBootSource(boot, memory);
  } catch (error) {
    if (!(error instanceof MachineError)) throw error;
    throw explain(new MachineError(error.code, `${file}: ${error.message}`, { cause: error }), file);
  }
}

async function read(tools: BootTools, files: BootFiles): Promise<BootSource> {
  const { disk } = tools;
  switch (files.kind) {
    case 'assembly':
      return assembleBoot(tools, await readImage(disk, files.file, 'source', SOURCE_LIMIT), files.file, files.anywhere ?? false);
    case 'kernel': {
      const image = await readImage(disk, files.file, 'kernel');
      const initrd = files.initrd === undefined ? undefined : await readImage(disk, files.initrd, 'initial RAM disk');
      // As everywhere else, Linux finds processors, interrupts and power management in the tables of a firmware.
      const firmware = startsAsLinux(image) ? assembleFirmware(ownFirmware(tools.guests).file) : undefined;
      return { kind: 'kernel', image, initrd, commandLine: files.commandLine, firmware };
    }
    case 'boot-sector':
      return { kind: 'boot-sector', image: await readImage(disk, files.file, 'boot sector image') };
    case 'own-bios':
      return { kind: 'bios', ...assembleFirmware(files.file) };
    case 'bios': {
      const image = await readImage(disk, files.file, 'firmware');
      // The display adapter has its own option ROM, whatever the firmware is, until another is named.
      const own = () => assembleVgaFirmware(ownFirmware(tools.guests).file);
      const vgaBios = files.vgaBios === undefined ? own() : await readImage(disk, files.vgaBios, 'VGA firmware');
      const reason = whyNotOptionRom(vgaBios);
      if (reason !== undefined) throw new HostError('BAD_IMAGE', `${files.vgaBios ?? files.file}: ${reason}`);
      return { kind: 'bios', image, vgaBios };
    }
  }
}

/** Text of a source; what is not UTF-8 is no source. */
export function decodeSource(bytes: Uint8Array, name: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new HostError('BAD_IMAGE', `${name} is not a text (UTF-8), so it is not an assembly source.`, { cause: error });
  }
}

function assembleBoot(tools: BootTools, bytes: Uint8Array, file: string, anywhere: boolean): BootSource {
  const text = decodeSource(bytes, file);
  const result = tools.assemble({ name: basename(file), text, folders: [dirname(file), tools.guests], anywhere });
  if (!result.ok) throw assemblyError(result.diagnostics);
  if (result.bytes.byteLength === 0) throw new HostError('BAD_IMAGE', `${file} assembles to nothing.`);
  if (detectImage(result.bytes).as === 'kernel') return { kind: 'kernel', image: result.bytes };
  return { kind: 'boot-sector', image: asBootSector(result.bytes) };
}

/** A program that leaves the signature's place free is filled up to a sector and signed; any other has to bring its own. */
function asBootSector(program: Uint8Array): Uint8Array {
  if (program.byteLength > SIGNATURE_OFFSET) return program;
  const sector = new Uint8Array(SECTOR_BYTES);
  sector.set(program);
  sector.set([0x55, 0xaa], SIGNATURE_OFFSET);
  return sector;
}
