/** Which samples a library has had, so that a deleted one does not come back, and putting the others into it. */
import { join } from 'node:path';
import { z } from 'zod';
import { writeAtomically } from './atomic-file.ts';
import type { BootTools } from './boot.ts';
import { draftMachine } from './creation.ts';
import { isSystemError } from './errors.ts';
import type { Library } from './library.ts';
import { readSamples } from './samples.ts';

const SAMPLES_FILE = '.samples.json';
const installedSamples = z.object({ version: z.literal(1), installed: z.array(z.string()) });

/** Nobody else changes the library meanwhile. */
export async function installSamples(library: Library, tools: BootTools, warn: (sentence: string) => void): Promise<void> {
  const path = join(library.folder, SAMPLES_FILE);
  let had: string[] = [];
  try {
    had = installedSamples.parse(JSON.parse((await tools.disk.readFile(path)).toString('utf8'))).installed;
  } catch (error) {
    if (!isSystemError(error, 'ENOENT')) warn(`${path} cannot be read; samples may come twice.`);
  }
  const stored = await library.list();
  const present = new Set(stored.flatMap((machine) => ('file' in machine && machine.file.sample ? [machine.file.sample] : [])));
  const samples = await readSamples(tools.disk, tools.guests);
  const missing = samples.filter(({ id }) => !had.includes(id));
  for (const { id } of missing) {
    if (present.has(id)) continue;
    const { file, files } = await draftMachine(tools, { source: { kind: 'sample', sample: id } });
    await library.create(file, files);
  }
  if (missing.length === 0) return;
  const installed = [...had, ...missing.map(({ id }) => id)];
  await writeAtomically(tools.disk, path, Buffer.from(`${JSON.stringify({ version: 1, installed })}\n`));
}
