/** What a side on another host has lived through, asked for again and again. While that host cannot be reached nothing comes; what was missed comes later. */
import type { JournalEntry, JournalPlace } from './journal.ts';

/** Milliseconds between two questions: each is a connection. */
const interval = 1000;

export class AwayJournal {
  #next: JournalPlace | undefined;
  #entries: JournalEntry[] = [];
  #asking: Promise<string | undefined> | undefined;
  #asked = Number.NEGATIVE_INFINITY;

  constructor(private readonly read: (from: JournalPlace | undefined) => Promise<{ entries: JournalEntry[]; next: JournalPlace | undefined }>) {}

  /** Asks if it is time; nobody waits for it. */
  look(): void {
    if (performance.now() - this.#asked >= interval) void this.ask();
  }

  /** Asks once; who asks meanwhile waits for the same answer. Why there was none, else undefined. */
  ask(): Promise<string | undefined> {
    return (this.#asking ??= this.#ask().finally(() => (this.#asking = undefined)));
  }

  async #ask(): Promise<string | undefined> {
    try {
      const { entries, next } = await this.read(this.#next);
      this.#next = next;
      this.#entries.push(...entries);
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    } finally {
      this.#asked = performance.now();
    }
  }

  /** What has come since it was taken last. */
  take(): JournalEntry[] {
    return this.#entries.splice(0);
  }
}
