import { appendFile } from 'node:fs/promises';
import type { Disk } from './disk.ts';
import { explain } from './errors.ts';

/** The log of one run ends here; a guest that talks forever does not fill the disk. */
export const SERIAL_LOG_LIMIT = 16 * 1024 * 1024;

/**
 * What a machine said in one run (COM1, alerts of its guard), in a file. Writing never holds up the machine; what cannot be written is said once by `warn`, and
 * the log ends there.
 */
export class RunLog {
  #waiting: Uint8Array[] = [];
  #accepted = 0;
  #ended = false;
  #writing: Promise<void> | undefined;

  private constructor(
    private readonly path: string,
    private readonly warn: (sentence: string) => void,
    private readonly what: string,
  ) {}

  /** Begins a new log at `path`; the one before becomes `previous`. `what` it is called in sentences. */
  static async open(
    disk: Disk,
    path: string,
    previous: string,
    warn: (sentence: string) => void,
    what = 'serial log',
  ): Promise<RunLog> {
    try {
      if (await disk.status(path)) await disk.rename(path, previous);
    } catch (error) {
      warn(`The ${what} was not put aside. ${explain(error, path).message}`);
    }
    return new RunLog(path, warn, what);
  }

  append(bytes: Uint8Array): void {
    if (this.#ended) return;
    const kept = bytes.subarray(0, SERIAL_LOG_LIMIT - this.#accepted);
    this.#accepted += kept.length;
    this.#waiting.push(kept);
    if (this.#accepted >= SERIAL_LOG_LIMIT) {
      this.#ended = true;
      this.warn(`${this.path} has reached its limit; the rest of this run is not logged.`);
    }
    this.#writing ??= this.write();
  }

  /** Nothing is taken any more. */
  get ended(): boolean {
    return this.#ended;
  }

  /** When everything so far is written. */
  async flush(): Promise<void> {
    await this.#writing;
  }

  private async write(): Promise<void> {
    while (this.#waiting.length > 0) {
      const bytes = Buffer.concat(this.#waiting);
      this.#waiting = [];
      try {
        await appendFile(this.path, bytes);
      } catch (error) {
        this.#ended = true;
        this.#waiting = [];
        this.warn(`The ${this.what} ends early. ${explain(error, this.path).message}`);
      }
    }
    this.#writing = undefined;
  }
}
