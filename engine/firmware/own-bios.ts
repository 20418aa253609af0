/** Our own firmware: assets/firmware, assembled when it is wanted. The binary is kept nowhere. */
import { console8x16 } from '../../assets/fonts/console-8x16.ts';
import { console8x8 } from '../../assets/fonts/console-8x8.ts';
import { assemble, type FileReader } from '../assembler/assembler.ts';
import { MachineError } from '../machine/machine.ts';

const mainFile = 'bios.asm';

/** The fonts that the firmware includes as binary files, and NASM with it, by name: 256 glyphs of 16 and of 8 bytes. */
export function firmwareFonts(): ReadonlyMap<string, Uint8Array> {
  const bytes = (lines: readonly string[]) => {
    const parts = lines.map((line) => Array.from({ length: line.length / 2 }, (_, row) => Number.parseInt(line.slice(2 * row, 2 * row + 2), 16)));
    return Uint8Array.from(parts.flat());
  };
  return new Map([
    ['font-8x16.bin', bytes(console8x16)],
    ['font-8x8.bin', bytes(console8x8)],
  ]);
}

/**
 * The image, 128 KiB, that goes right below 4 GiB (planBios). `read` gives a file of assets/firmware by its name, undefined when
 * there is none. Takes a part of a second. Throws MachineError 'bad-image' with the first error when the source does not assemble.
 */
export function assembleOwnBios(read: (name: string) => Uint8Array | undefined): Uint8Array {
  const fonts = firmwareFonts();
  const find: FileReader = (path) => {
    const bytes = fonts.get(path) ?? read(path);
    return bytes === undefined ? undefined : { path, bytes };
  };
  const result = assemble({ file: mainFile, read: find });
  const error = result.errors[0];
  if (error !== undefined) throw new MachineError('bad-image', `The firmware does not assemble: ${error.file}:${error.line}: ${error.message}`);
  return result.bytes;
}
