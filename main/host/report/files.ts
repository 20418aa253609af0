/** Files of reports come to be as a whole or not at all, wherever they are written. */
import { randomBytes } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { TEMPORARY_PREFIX, writeAtomically } from '../atomic-file.ts';
import type { Disk } from '../disk.ts';
import { explain, HostError, isSystemError } from '../errors.ts';

/** Which files are being written; beside the machines, so that the next start clears what a killed program left anywhere. */
const JOURNAL_FILE = '.reports-being-written.json';
const journal = z.strictObject({ version: z.literal(1), writing: z.array(z.string()) });

/** Remembers files that are not whole yet. Without a library nothing is remembered. */
export class ReportJournal {
  readonly #writing = new Set<string>();
  #queue: Promise<void> = Promise.resolve();

  constructor(
    private readonly disk: Disk,
    private readonly library: string | undefined,
  ) {}

  /** Removes what a program that was killed has left. Only files that bear the mark of being written are touched. */
  async clear(warn: (sentence: string) => void): Promise<void> {
    if (this.library === undefined) return;
    const path = join(this.library, JOURNAL_FILE);
    let left: string[];
    try {
      left = journal.parse(JSON.parse((await this.disk.readFile(path)).toString('utf8'))).writing;
    } catch (error) {
      if (isSystemError(error, 'ENOENT')) return;
      warn(`${path} cannot be read, so what an interrupted report left is not removed.`);
      left = [];
    }
    for (const file of left) {
      if (!basename(file).startsWith(TEMPORARY_PREFIX)) continue;
      try {
        await this.disk.removeFile(file);
      } catch (error) {
        if (!isSystemError(error, 'ENOENT')) warn(explain(error, file).message);
      }
    }
    await this.disk.removeFile(path);
  }

  add(path: string): Promise<void> {
    this.#writing.add(path);
    return this.#keep();
  }

  remove(path: string): Promise<void> {
    this.#writing.delete(path);
    return this.#keep();
  }

  #keep(): Promise<void> {
    const { library, disk } = this;
    if (library === undefined) return Promise.resolve();
    const path = join(library, JOURNAL_FILE);
    this.#queue = this.#queue
      .catch(() => undefined)
      .then(async () => {
        const writing = [...this.#writing];
        if (writing.length > 0) return writeAtomically(disk, path, Buffer.from(`${JSON.stringify({ version: 1, writing })}\n`));
        if ((await disk.status(path)) !== undefined) await disk.removeFile(path);
      });
    return this.#queue;
  }
}

/** Refuses (BAD_INPUT) a place where no file can be. */
export async function checkPlace(disk: Disk, path: string): Promise<void> {
  const folder = dirname(path);
  if ((await disk.status(folder))?.folder !== true)
    throw new HostError('BAD_INPUT', `The report cannot go to ${path}: there is no folder ${folder}.`);
  if ((await disk.status(path))?.folder === true)
    throw new HostError('BAD_INPUT', `The report cannot go to ${path}: that is a folder.`);
}

/**
 * Files that get their names together: each is written under another name first, by `write`; `finish` renames them all. What was not finished is
 * removed by `abandon`.
 */
export class PendingFiles {
  readonly #pending: { temporary: string; path: string }[] = [];

  constructor(
    private readonly disk: Disk,
    private readonly journal: ReportJournal,
  ) {}

  /** `write` makes the file, which must not exist before, and brings it to the medium. */
  async put<Result>(path: string, write: (temporary: string) => Promise<Result>): Promise<Result> {
    const temporary = join(dirname(path), `${TEMPORARY_PREFIX}${basename(path)}-${randomBytes(6).toString('hex')}`);
    await this.journal.add(temporary);
    this.#pending.push({ temporary, path });
    try {
      return await write(temporary);
    } catch (error) {
      throw explain(error, path);
    }
  }

  async finish(): Promise<void> {
    for (const { temporary, path } of [...this.#pending]) {
      try {
        await this.disk.rename(temporary, path);
        await this.disk.syncFolder(dirname(path));
      } catch (error) {
        throw explain(error, path);
      }
      await this.journal.remove(temporary);
      this.#pending.shift();
    }
  }

  /** Idempotent; no effect on what has its name already. */
  async abandon(): Promise<void> {
    for (const { temporary } of this.#pending.splice(0)) {
      try {
        await this.disk.removeFile(temporary);
      } catch (error) {
        // It never came to be, or its writer removed it itself.
        if (!isSystemError(error, 'ENOENT')) throw explain(error, temporary);
      }
      await this.journal.remove(temporary);
    }
  }
}
