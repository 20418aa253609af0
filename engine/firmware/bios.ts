/** Firmware images: a BIOS below 4 GiB with its shadow below 1 MiB, and a VGA BIOS. */
import { MachineError } from '../machine/machine.ts';
import type { BootPlan, PlacedBytes } from './boot-plan.ts';
import { describeSize, mebibyte } from './loadable.ts';

const kibibyte = 1024;
const topOfAddressSpace = 2 ** 32;
export const smallestBios = 64 * kibibyte;
export const largestBios = 8 * mebibyte;
/** The last 128 KiB of the image are also seen at 0xE0000, while PAM routes there to ROM. */
const shadowBytes = 128 * kibibyte;
const endOfShadow = mebibyte;
/** The processor starts 16 bytes below the end of the image. */
const resetVectorDistance = 16;

const videoRomAddress = 0xc0000;
const largestVideoRom = 64 * kibibyte;
const optionRomUnit = 512;

/** One sentence why the image cannot be firmware, or undefined. */
export function whyNotBios(image: Uint8Array): string | undefined {
  const size = image.length;
  if (size === 0) return 'The BIOS image is empty.';
  if (size < smallestBios || size % smallestBios !== 0) {
    return `The BIOS image has ${size} bytes; a whole one is a multiple of 64 KiB.`;
  }
  const vector = image.subarray(size - resetVectorDistance);
  if (vector.every((byte) => byte === vector[0])) return 'The BIOS image has no code at its reset vector, 16 bytes before its end.';
  return undefined;
}

/** One sentence why the image is no option ROM (PCI Firmware Specification 3.0, section 5), or undefined. */
export function whyNotOptionRom(image: Uint8Array): string | undefined {
  if (image.length === 0) return 'The VGA BIOS image is empty.';
  if (image[0] !== 0x55 || image[1] !== 0xaa) return 'The VGA BIOS image does not begin with the option ROM signature 55 AA.';
  const length = (image[2] ?? 0) * optionRomUnit;
  if (length === 0 || length > image.length) {
    return `The VGA BIOS image is cut short: it says ${describeSize(length)} and has ${describeSize(image.length)}.`;
  }
  let sum = 0;
  for (const byte of image.subarray(0, length)) sum = (sum + byte) & 0xff;
  if (sum !== 0) return 'The VGA BIOS image is damaged: its checksum is not zero.';
  return undefined;
}

/** Throws MachineError when an image is not what it should be. */
export function planBios(image: Uint8Array, vgaBios?: Uint8Array): BootPlan {
  const reason = whyNotBios(image);
  if (reason !== undefined) throw new MachineError('bad-image', reason);
  if (image.length > largestBios) {
    throw new MachineError('too-large', `The BIOS image has ${describeSize(image.length)}; at most ${describeSize(largestBios)} fit below 4 GiB.`);
  }
  const shadow = image.subarray(Math.max(0, image.length - shadowBytes));
  const roms: PlacedBytes[] = [
    { address: topOfAddressSpace - image.length, bytes: image },
    { address: endOfShadow - shadow.length, bytes: shadow },
  ];
  if (vgaBios !== undefined) {
    const wrong = whyNotOptionRom(vgaBios);
    if (wrong !== undefined) throw new MachineError('bad-image', wrong);
    if (vgaBios.length > largestVideoRom) {
      throw new MachineError('too-large', `The VGA BIOS image has ${describeSize(vgaBios.length)}; at most ${describeSize(largestVideoRom)} fit.`);
    }
    roms.push({ address: videoRomAddress, bytes: vgaBios });
  }
  return { title: 'BIOS', writes: [], roms, videoRom: vgaBios, legacyState: false, registers: undefined };
}
