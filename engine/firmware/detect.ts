/** Tells what a file is by its content. */
import type { BootSource } from '../machine/machine.ts';
import { largestBios, whyNotBios } from './bios.ts';
import { bootSectorLimit, hasBootSignature, sectorBytes } from './boot-sector.ts';
import { isElf } from './elf.ts';
import { describeSize } from './loadable.ts';
import { isLinux, readLinuxHeader } from './linux.ts';
import { findMultibootHeader } from './multiboot.ts';

export interface Detected {
  /** Undefined: nothing we can start. */
  readonly as: BootSource['kind'] | undefined;
  /** One sentence: what it is, or why it cannot be started. */
  readonly description: string;
}

/** Never throws, whatever the bytes are. A kernel is told from a boot sector first, since a bzImage also has 55 AA at 510. */
export function detectImage(image: Uint8Array): Detected {
  if (image.length === 0) return { as: undefined, description: 'The file is empty.' };
  if (findMultibootHeader(image) !== undefined) {
    return { as: 'kernel', description: `Multiboot kernel (${isElf(image) ? 'ELF' : 'flat'}), ${describeSize(image.length)}.` };
  }
  if (isLinux(image)) {
    try {
      const { version } = readLinuxHeader(image);
      return { as: 'kernel', description: `Linux boot protocol ${version >> 8}.${version & 0xff} image, ${describeSize(image.length)}.` };
    } catch (error) {
      return { as: undefined, description: error instanceof Error ? error.message : String(error) };
    }
  }
  if (isElf(image)) {
    return { as: undefined, description: 'The file is an ELF file without a Multiboot header, so it is not a kernel we can start.' };
  }
  if (hasBootSignature(image)) {
    if (image.length <= bootSectorLimit) return { as: 'boot-sector', description: `Boot sector image, ${describeSize(image.length)}.` };
    return {
      as: undefined,
      description: `The file has a boot sector, but its ${describeSize(image.length)} do not fit into conventional memory, and there is no disk controller to load the rest.`,
    };
  }
  if (image.length <= largestBios && whyNotBios(image) === undefined) {
    return { as: 'bios', description: `BIOS image, ${describeSize(image.length)}.` };
  }
  if (image.length < sectorBytes) {
    return { as: undefined, description: `The file has ${describeSize(image.length)}, too few for a boot sector (${sectorBytes}).` };
  }
  return {
    as: undefined,
    description: 'The file is nothing we can start: no boot signature, no Multiboot or Linux header, and not the shape of a BIOS.',
  };
}
