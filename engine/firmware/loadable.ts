/** Where loaders may put things, and how their refusals speak of sizes and addresses. */
import { MachineError } from '../machine/machine.ts';

const kibibyte = 1024;
export const mebibyte = 1024 * kibibyte;

/** Where free conventional memory ends: the extended BIOS data area takes the last KiB below 640 KiB. */
export const lowMemoryEnd = 0x9fc00;
export const lowMemoryKibibytes = lowMemoryEnd / kibibyte;

/** `512 bytes`, `64 KiB`, `2.5 MiB` */
export function describeSize(bytes: number): string {
  if (bytes < kibibyte) return `${bytes} bytes`;
  const [value, unit] = bytes < mebibyte ? [bytes / kibibyte, 'KiB'] : [bytes / mebibyte, 'MiB'];
  return `${Number.isInteger(value) ? value : value.toFixed(1)} ${unit}`;
}

/** `0x00100000` */
export function describeAddress(address: number): string {
  return `0x${address.toString(16).padStart(8, '0')}`;
}

/**
 * Throws unless [address, address + size) is RAM that a loader may fill: below the extended BIOS data area, or from 1 MiB up
 * to the end of memory. `what` begins the sentence.
 */
export function requireLoadable(what: string, address: number, size: number, memoryBytes: number): void {
  const end = address + size;
  if (end > memoryBytes) {
    throw new MachineError(
      'too-large',
      `${what} needs memory up to ${describeAddress(end)}, but the machine has ${describeSize(memoryBytes)}; give it more.`,
    );
  }
  if (address < mebibyte && end > lowMemoryEnd) {
    throw new MachineError(
      'bad-image',
      `${what} is to be loaded at ${describeAddress(address)}, and that reaches into the reserved area from ${describeAddress(lowMemoryEnd)} to ${describeAddress(mebibyte)}.`,
    );
  }
}

const pageBytes = 4096;

/** A half-open range of guest-physical addresses. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** The lowest page from `from` on at which `size` bytes touch none of `taken`. */
export function findRoom(from: number, size: number, taken: readonly Range[]): number {
  const alignUp = (address: number) => Math.ceil(address / pageBytes) * pageBytes;
  let start = alignUp(from);
  for (;;) {
    const clash = taken.find((range) => start < range.end && start + size > range.start);
    if (clash === undefined) return start;
    start = alignUp(clash.end);
  }
}
