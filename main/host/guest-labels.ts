import { basename, dirname } from 'node:path';
import type { BootFiles, BootTools } from './boot.ts';

const none: ReadonlyMap<string, number> = new Map();

/** Labels of the assembly that machines are made of, as symbols to look at them by. One map for the same source. */
export class GuestLabels {
  readonly #known = new Map<string, { text: string; labels: ReadonlyMap<string, number> }>();

  constructor(private readonly tools: BootTools) {}

  /** Empty for what is no assembly, or does not assemble any more. */
  async of(files: BootFiles): Promise<ReadonlyMap<string, number>> {
    if (files.kind !== 'assembly') return none;
    const { disk, assemble, guests } = this.tools;
    if ((await disk.status(files.file)) === undefined) return none;
    const text = new TextDecoder().decode(await disk.readFile(files.file));
    const known = this.#known.get(files.file);
    if (known?.text === text) return known.labels;
    const { ok, labels = none } = assemble({
      name: basename(files.file),
      text,
      folders: [dirname(files.file), guests],
      anywhere: files.anywhere ?? false,
    });
    const found = ok ? labels : none;
    this.#known.set(files.file, { text, labels: found });
    return found;
  }

  /** The same with the name of the source; undefined for what is no assembly. */
  async symbols(files: BootFiles): Promise<{ name: string; labels: ReadonlyMap<string, number> } | undefined> {
    return files.kind === 'assembly' ? { name: basename(files.file), labels: await this.of(files) } : undefined;
  }
}
