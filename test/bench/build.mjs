/** Builds what a run needs into out/bench: the engine with its workers, and the guest by our own assembler. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'vite';
import { nodeConfiguration } from '../../build/node-configuration.mjs';
import { ROOT } from '../../build/prepare.mjs';

const HERE = import.meta.dirname;
const OUT = path.join(ROOT, 'out/bench');

/** Returns the folder of the bundle and the path of the guest of run.mjs. */
export async function buildBench() {
  const configuration = nodeConfiguration({
    build: { outDir: OUT, emptyOutDir: true },
    rolldownOptions: {
      input: {
        engine: path.join(HERE, 'engine.ts'),
        'vcpu-worker': path.join(ROOT, 'engine/machine/vcpu-worker.ts'),
        'service-worker': path.join(ROOT, 'engine/machine/service-worker.ts'),
      },
      external: (id) => id.startsWith('node:') || ['ws', 'pngjs', 'iced-x86'].includes(id),
      output: { format: 'es', entryFileNames: '[name].js', chunkFileNames: 'chunk-[name]-[hash].js' },
    },
  });
  await build(configuration);
  return { bundle: OUT, kernel: await assembleKernel(path.join(HERE, 'guest.asm')) };
}

/** The path of a guest by our own assembler, which buildBench has built; includes are looked for in `folders` too. Throws with its words. */
export async function assembleKernel(source, folders = []) {
  const { assemble } = await import(pathToFileURL(path.join(OUT, 'engine.js')));
  const placeOf = (file) => [file, ...folders.map((folder) => path.join(folder, path.basename(file)))].find(existsSync) ?? file;
  const result = assemble({ file: source, read: (file) => ({ path: file, text: readFileSync(placeOf(file), 'utf8') }) });
  if (result.errors.length > 0) {
    throw new Error(result.errors.map(({ file, line, message }) => `${file}:${line}: ${message}`).join('\n'));
  }
  mkdirSync(OUT, { recursive: true });
  const kernel = path.join(OUT, `${path.basename(source, '.asm')}.bin`);
  writeFileSync(kernel, result.bytes);
  return kernel;
}
