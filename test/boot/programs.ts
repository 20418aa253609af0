/** The test programs of `programs/` as floppy images. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { assemble } from '../../engine/assembler/assembler.ts';

const floppyBytes = 1_474_560;
const sources = new URL('programs/', import.meta.url);

/** Assembles `name`.asm, writes it to a floppy image in `folder` and gives the image's path. */
export function writeProgram(folder: string, name: string): string {
  const result = assemble({
    file: `${name}.asm`,
    read: (file) => {
      const url = new URL(file, sources);
      return existsSync(url) ? { path: file, bytes: new Uint8Array(readFileSync(url)) } : undefined;
    },
  });
  const error = result.errors[0];
  if (error !== undefined) throw new Error(`${error.file}:${error.line}: ${error.message}`);
  const image = new Uint8Array(floppyBytes);
  image.set(result.bytes);
  const file = path.join(folder, `${name}.img`);
  writeFileSync(file, image);
  return file;
}
