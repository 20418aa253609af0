import { join } from 'node:path';
import { z } from 'zod';
import type { Breakpoint, BreakpointStore } from '../../../engine/debug/store.ts';
import { breakpointSettings, type WatchedMessage } from '../../contract/debug.ts';
import { writeAtomically } from '../atomic-file.ts';
import type { Disk } from '../disk.ts';
import { explain, isSystemError } from '../errors.ts';
import { HOST_FILES } from '../library.ts';

/** `breakpoints.json` (docs/formats/breakpoints.md): what a person has set, kept with the machine. Unknown keys are refused. */
const stored = z.strictObject({
  version: z.literal(1),
  breakpoints: z
    .array(
      breakpointSettings
        .omit({ temporary: true })
        .extend({ id: z.int().min(1) })
        .strict(),
    )
    .max(10_000),
});

/** The contract says null where the engine says undefined. */
export function watchedOf(message: WatchedMessage): Breakpoint['watched'] {
  switch (message.kind) {
    case 'msr':
      return { ...message, msr: message.msr ?? undefined };
    case 'interrupt':
    case 'exception':
      return { ...message, vector: message.vector ?? undefined };
    default:
      return message;
  }
}

export function watchedMessage(watched: Breakpoint['watched']): WatchedMessage {
  switch (watched.kind) {
    case 'msr':
      return { ...watched, msr: watched.msr ?? null };
    case 'interrupt':
    case 'exception':
      return { ...watched, vector: watched.vector ?? null };
    default:
      return watched;
  }
}

/** Keeps a store's own breakpoints in the machine's folder. A damaged file is told of and left as it is until something is changed. */
export class BreakpointFile {
  readonly #path: string;
  #written = '';
  #queue: Promise<void> = Promise.resolve();

  constructor(
    folder: string,
    private readonly disk: Disk,
    private readonly store: BreakpointStore,
    private readonly warn: (sentence: string) => void,
  ) {
    this.#path = join(folder, HOST_FILES.breakpoints);
  }

  /** Reads what was kept, then follows changes. */
  async open(): Promise<void> {
    try {
      const { breakpoints } = stored.parse(JSON.parse((await this.disk.readFile(this.#path)).toString('utf8')));
      this.store.load(
        breakpoints.map(({ watched, source, cpu, condition, log, ...rest }) => ({
          ...rest,
          watched: watchedOf(watched),
          source: source ?? undefined,
          cpu: cpu ?? undefined,
          condition: condition ?? undefined,
          log: log ?? undefined,
          temporary: false,
        })),
      );
    } catch (error) {
      if (!isSystemError(error, 'ENOENT')) this.warn(`The breakpoints in ${this.#path} cannot be read, so the machine has none.`);
    }
    this.#written = this.#text();
    this.store.onChange(() => this.#keep());
  }

  #text(): string {
    const breakpoints = this.store.list
      .filter(({ owner, temporary }) => owner === 'user' && !temporary)
      .map(({ id, watched, source, cpu, condition, ignore, log, enabled }) => ({
        id,
        watched: watchedMessage(watched),
        ...(source === undefined ? {} : { source }),
        cpu: cpu ?? null,
        condition: condition ?? null,
        ignore,
        log: log ?? null,
        enabled,
      }));
    return `${JSON.stringify({ version: 1, breakpoints }, undefined, 2)}\n`;
  }

  #keep(): void {
    const text = this.#text();
    if (text === this.#written) return;
    this.#written = text;
    this.#queue = this.#queue.then(async () => {
      // Only the newest of several changes in a row is written.
      if (text !== this.#written) return;
      try {
        await writeAtomically(this.disk, this.#path, Buffer.from(text));
      } catch (error) {
        this.warn(`The breakpoints were not kept. ${explain(error, this.#path).message}`);
      }
    });
  }

  /** When everything is written. */
  async settled(): Promise<void> {
    await this.#queue;
  }
}
