/** The kernels in test/boot/smp, and others that build on them, assembled for so many processors. */
import { existsSync, readFileSync } from 'node:fs';
import { assemble } from '../../engine/assembler/assembler.ts';

const folder = new URL('smp/', import.meta.url);

/** A kernel of the folder, or of another `place` from which it may include files of the folder. */
export function kernel(name: string, cpus: number, define: string, place = folder): Uint8Array {
  const main = new TextEncoder().encode(`PROCESSORS equ ${cpus}\n${define}\n%include "${name}.asm"\n`);
  const bytesOf = (path: string): Uint8Array => {
    const own = new URL(path, place);
    return new Uint8Array(readFileSync(existsSync(own) ? own : new URL(path, folder)));
  };
  const result = assemble({ file: 'main.asm', read: (path) => ({ path, bytes: path === 'main.asm' ? main : bytesOf(path) }) });
  const error = result.errors[0];
  if (error !== undefined) throw new Error(`${error.file}:${error.line}: ${error.message}`);
  return result.bytes;
}
