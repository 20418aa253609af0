/** What a side of a pair remembers of itself: for people, and no part of the protocol. */
import type { SideName, SideNote } from '../../../engine/tolerance/messages.ts';
import type { PairFolder } from './folder.ts';
import { resyncEntry, type JournalEntry, type JournalKind } from './journal.ts';
import type { Resync, SideStatus } from './protocol.ts';

const kept = 200;

export class SideRecord {
  /** Why it is in the state that it is in: a sentence. */
  reason = 'Starts.';
  /** Bytes of states that went to the other side. */
  stateBytes = 0;
  #resyncCount = 0;
  /** When the last resync began, by performance.now(). */
  #resyncBegan = 0;
  readonly #events: { at: number; text: string }[] = [];
  readonly #resyncs: Resync[] = [];

  constructor(
    private readonly folder: PairFolder,
    private readonly name: SideName,
  ) {}

  /** `took`: milliseconds until it took over. */
  note(text: string, kind: JournalKind = 'note', took?: number): void {
    this.#journal({ at: Date.now(), by: this.name, kind, text, ...(took === undefined ? {} : { took }) });
    this.#events.push({ at: Date.now(), text });
    if (this.#events.length > kept) this.#events.shift();
    process.stderr.write(`${new Date().toISOString()} ${this.name}: ${text}\n`);
  }

  /** A resync begins. */
  began({ reason, divergence }: Extract<SideNote, { kind: 'resync' }>): void {
    this.#resyncCount += 1;
    this.#resyncBegan = performance.now();
    this.#resyncs.push({ at: Date.now(), reason, divergence });
    if (this.#resyncs.length > kept) this.#resyncs.shift();
  }

  /** The other side has the state of the last one. */
  ended(): void {
    const last = this.last;
    if (last === undefined) return;
    last.took = this.sinceResync;
    this.#journal(resyncEntry(this.name, last));
  }

  /** The last resync, to which what it costs is added as it goes. */
  get last(): Resync | undefined {
    return this.#resyncs.at(-1);
  }

  /** Milliseconds since the last resync began. */
  get sinceResync(): number {
    return performance.now() - this.#resyncBegan;
  }

  get status(): Pick<SideStatus, 'reason' | 'resyncs' | 'recent' | 'events'> {
    return { reason: this.reason, resyncs: this.#resyncCount, recent: this.#resyncs.slice(-20), events: this.#events.slice(-50) };
  }

  #journal(entry: JournalEntry): void {
    try {
      this.folder.journal.append(entry);
    } catch (error) {
      // A full disk is no reason to stop.
      process.stderr.write(`The journal was not written: ${String(error)}\n`);
    }
  }
}
