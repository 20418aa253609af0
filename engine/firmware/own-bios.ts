/** Our own firmware: assets/firmware, assembled when it is wanted. The binary is kept nowhere. */
import { console8x16 } from '../../assets/fonts/console-8x16.ts';
import { console8x8 } from '../../assets/fonts/console-8x8.ts';
import { assemble, type FileReader } from '../assembler/assembler.ts';
import { MachineError } from '../machine/machine.ts';

const mainFile = 'bios.asm';
const videoFile = 'vgabios.asm';
/** The option ROM, as the system firmware includes it. */
const videoBinary = 'vgabios.bin';

/** Files of assets/firmware by name; undefined when there is none. */
export type FirmwareSources = (name: string) => Uint8Array | undefined;

/** The fonts that the firmware includes as binary files, and NASM with it, by name: 256 glyphs of 16, 14 and 8 bytes. */
export function firmwareFonts(): ReadonlyMap<string, Uint8Array> {
  const bytes = (lines: readonly string[]) => {
    const parts = lines.map((line) =>
      Array.from({ length: line.length / 2 }, (_, row) => Number.parseInt(line.slice(2 * row, 2 * row + 2), 16)),
    );
    return Uint8Array.from(parts.flat());
  };
  return new Map([
    ['font-8x16.bin', bytes(console8x16)],
    // Of 16 lines the outer two are left out.
    ['font-8x14.bin', bytes(console8x16.map((glyph) => glyph.slice(2, -2)))],
    ['font-8x8.bin', bytes(console8x8)],
  ]);
}

/** Gives an option ROM the last byte that makes the sum of all its bytes zero, as firmware wants it. */
export function sealOptionRom(rom: Uint8Array): Uint8Array {
  const sealed = Uint8Array.from(rom);
  sealed[sealed.length - 1] = 0;
  sealed[sealed.length - 1] = -sealed.reduce((sum, byte) => (sum + byte) & 0xff, 0) & 0xff;
  return sealed;
}

function assembleFile(main: string, files: ReadonlyMap<string, Uint8Array>, read: FirmwareSources): Uint8Array {
  const find: FileReader = (path) => {
    const bytes = files.get(path) ?? read(path);
    return bytes === undefined ? undefined : { path, bytes };
  };
  const result = assemble({ file: main, read: find });
  const error = result.errors[0];
  if (error !== undefined)
    throw new MachineError('bad-image', `The firmware does not assemble: ${error.file}:${error.line}: ${error.message}`);
  return result.bytes;
}

/** The display adapter's option ROM, INT 10h and VBE. Throws as `assembleOwnBios`. */
export function assembleVideoBios(read: FirmwareSources): Uint8Array {
  return sealOptionRom(assembleFile(videoFile, firmwareFonts(), read));
}

/** What a machine with our firmware starts from: the system firmware for planBios, 128 KiB, and the display adapter's option ROM. */
export function assembleOwnFirmware(read: FirmwareSources): { image: Uint8Array; vgaBios: Uint8Array } {
  const vgaBios = assembleVideoBios(read);
  return { image: assembleFile(mainFile, new Map([[videoBinary, vgaBios]]), read), vgaBios };
}

/**
 * The system firmware alone; the option ROM is in it, for an adapter that has none. Takes a part of a second. Throws MachineError
 * 'bad-image' with the first error when the source does not assemble.
 */
export function assembleOwnBios(read: FirmwareSources): Uint8Array {
  return assembleOwnFirmware(read).image;
}
