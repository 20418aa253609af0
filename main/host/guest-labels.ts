import { basename, dirname, resolve } from 'node:path';
import type { LineEntry } from '../../engine/debug/symbols/symbol-table.ts';
import type { BootFiles, BootTools } from './boot.ts';

/** What a source says of the addresses of its program. */
export interface GuestSymbols {
  labels: ReadonlyMap<string, number>;
  lines: readonly LineEntry[];
}

const none: GuestSymbols = { labels: new Map(), lines: [] };

/** Labels and lines of the assembly that machines are made of, as symbols to look at them by. One answer for the same files. */
export class GuestLabels {
  readonly #known = new Map<string, { files: readonly string[]; stamp: string; found: GuestSymbols }>();

  constructor(private readonly tools: BootTools) {}

  async of(files: BootFiles): Promise<ReadonlyMap<string, number>> {
    return (await this.#symbolsOf(files)).labels;
  }

  /** The same with lines and the name of the source; undefined for what is no assembly. */
  async symbols(files: BootFiles): Promise<({ name: string } & GuestSymbols) | undefined> {
    return files.kind === 'assembly' ? { name: basename(files.file), ...(await this.#symbolsOf(files)) } : undefined;
  }

  /** Empty for what is no assembly, or does not assemble any more. */
  async #symbolsOf(files: BootFiles): Promise<GuestSymbols> {
    if (files.kind !== 'assembly') return none;
    const { disk, assemble, guests } = this.tools;
    const { file } = files;
    if ((await disk.status(file)) === undefined) return none;
    const text = new TextDecoder().decode(await disk.readFile(file));
    const known = this.#known.get(file);
    if (known !== undefined && known.stamp === (await this.#stamp(text, known.files))) return known.found;
    const folder = dirname(file);
    const { ok, labels, lines, files: read = [] } = assemble({
      name: basename(file),
      text,
      folders: [folder, guests],
      anywhere: files.anywhere ?? false,
    });
    const found = ok ? { labels: labels ?? none.labels, lines: lines ?? none.lines } : none;
    // The source itself is in the stamp as its text.
    const included = read.slice(1).map((path) => resolve(folder, path));
    this.#known.set(file, { files: included, stamp: await this.#stamp(text, included), found });
    return found;
  }

  /** Another one once the source or a file that it includes is another. */
  async #stamp(text: string, included: readonly string[]): Promise<string> {
    const parts = [text];
    for (const path of included) {
      const status = await this.tools.disk.status(path);
      parts.push(`${path} ${status?.size} ${status?.modified}`);
    }
    return parts.join('\0');
  }
}
