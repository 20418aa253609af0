import { join } from 'node:path';
import { z } from 'zod';
import { bootKind, cpuCount, memoryBytes } from '../contract/machine.ts';
import type { Sample } from '../contract/library.ts';
import { parseMemory } from './memory-size.ts';
import type { Disk } from './disk.ts';
import { explain, HostError } from './errors.ts';

/** `assets/guests/samples.json`: the guests that a new library gets. */
const manifest = z.array(
  z.object({
    id: z.string().regex(/^[a-z0-9][a-z0-9-]*$/),
    name: z.string().min(1),
    /** The source, beside the manifest. */
    file: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/),
    kind: bootKind.optional(),
    /** Bytes of an empty disk that it gets, a multiple of 512. */
    disk: z.int().min(512).multipleOf(512).optional(),
    /** Bytes, or a text such as "16M". */
    memory: z.union([z.number(), z.string()]).transform((value, context) => {
      const bytes = typeof value === 'number' ? value : parseMemory(value);
      const checked = memoryBytes.safeParse(bytes);
      if (checked.success) return checked.data;
      context.addIssue({ code: 'custom', message: `memory: ${checked.error.issues[0]?.message ?? 'refused'}` });
      return z.NEVER;
    }),
    cpus: cpuCount.default(1),
    /** Its kernel calls the guard by VMCALL. */
    hypercalls: z.literal(true).optional(),
    /** What it does when a display session ends. */
    whenSessionEnds: z.enum(['suspend', 'run']).optional(),
    summary: z.string(),
  }),
);

export interface SampleSource extends Sample {
  /** The assembly source's file name. */
  file: string;
  hypercalls: true | undefined;
  whenSessionEnds: 'suspend' | 'run' | undefined;
  /** Bytes of its empty disk. */
  disk: number | undefined;
}

/** Every file of a sample, relative to the guests' folder: its source, and the folder of its name with what it includes. */
export async function sampleFiles(disk: Disk, guests: string, sample: SampleSource): Promise<string[]> {
  const files = [sample.file];
  if ((await disk.status(join(guests, sample.id)))?.folder) {
    for (const { name, folder } of await disk.list(join(guests, sample.id))) if (!folder) files.push(`${sample.id}/${name}`);
  }
  return files;
}

/** The guests that ship with the program, from the folder of their sources. */
export async function readSamples(disk: Disk, guests: string): Promise<SampleSource[]> {
  const path = join(guests, 'samples.json');
  let text: string;
  try {
    text = (await disk.readFile(path)).toString('utf8');
  } catch (error) {
    throw explain(error, path);
  }
  let parsed;
  try {
    parsed = manifest.parse(JSON.parse(text));
  } catch (error) {
    throw new HostError('BAD_INPUT', `${path} is damaged; install Vitrine again.`, { cause: error });
  }
  return parsed.map(({ memory, ...sample }) => ({ ...sample, memoryBytes: memory, hypercalls: sample.hypercalls, whenSessionEnds: sample.whenSessionEnds, disk: sample.disk }));
}
