/** A flat boot sector, started the way a BIOS starts one, with no BIOS behind it. */
import { MachineError } from '../machine/machine.ts';
import type { BootPlan } from './boot-plan.ts';
import { realModeEntry } from './entry-state.ts';
import { describeSize, lowMemoryEnd } from './loadable.ts';

/** IBM PC convention: the first sector is loaded here and entered with CS:IP = 0000:7C00. */
export const bootSectorAddress = 0x7c00;
export const sectorBytes = 512;
const signatureOffset = 510;
const signature = [0x55, 0xaa] as const;
/** Everything up to the extended BIOS data area. */
export const bootSectorLimit = lowMemoryEnd - bootSectorAddress;

const firstFloppy = 0x00;

/** True when the first sector ends in 55 AA. */
export function hasBootSignature(image: Uint8Array): boolean {
  return image[signatureOffset] === signature[0] && image[signatureOffset + 1] === signature[1];
}

/**
 * The whole image goes to 0x7C00, not only its first sector: there is no disk behind it to read the rest from.
 * Throws MachineError when it is empty, shorter than a sector, unsigned, or too long for conventional memory.
 */
export function planBootSector(image: Uint8Array, drive: number = firstFloppy): BootPlan {
  if (image.length === 0) throw new MachineError('bad-image', 'The boot sector image is empty.');
  if (image.length < sectorBytes) {
    throw new MachineError('bad-image', `The boot sector image is cut short: it has ${image.length} bytes of ${sectorBytes}.`);
  }
  if (!hasBootSignature(image)) {
    const found = [signatureOffset, signatureOffset + 1].map((at) => (image[at] ?? 0).toString(16).toUpperCase().padStart(2, '0'));
    throw new MachineError('bad-image', `The image is not a boot sector: bytes 510 and 511 are ${found.join(' ')} instead of 55 AA.`);
  }
  if (image.length > bootSectorLimit) {
    throw new MachineError(
      'too-large',
      `The boot sector image has ${describeSize(image.length)}; at most ${describeSize(bootSectorLimit)} fit between 0x7C00 and the end of conventional memory.`,
    );
  }
  return {
    title: 'Boot sector',
    writes: [{ address: bootSectorAddress, bytes: image }],
    roms: [],
    videoRom: undefined,
    legacyState: true,
    registers: realModeEntry({ offset: bootSectorAddress, stackPointer: bootSectorAddress, dx: drive & 0xff }),
  };
}
