/**
 * A machine's state on its way out, in two steps: what there is goes ahead while the machine runs, in rounds, each of what was changed since the
 * one before; then the machine stands still for as long as the rest takes to be copied. That is compressed when the machine runs again. Service worker.
 */
import { createHash } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { digestParts } from '../machine/digest.ts';
import { isZero } from '../machine/saved-state.ts';
import type { StateParts, TransferMachine } from './state-parts.ts';
import { TransferError, writeTransfer, type TransferHead, type TransferPage } from './transfer.ts';

/** Pages that one side changed since the last checkpoint: part and page number of each, and 16 bytes of its SHA-256. */
export interface ChangedPages {
  readonly keys: Uint32Array;
  readonly hashes: Uint8Array;
}

/** What was sent. */
export interface Taken {
  /** The last piece, for `put`. */
  readonly bytes: Uint8Array;
  /** Of all pieces together. */
  readonly pages: number;
  readonly sentBytes: number;
  /** Rounds that went ahead, and pages that were looked at while the machine stood still. */
  readonly rounds: number;
  readonly looked: number;
  readonly digest: string | undefined;
  /** The first pages that were not the same on both sides; empty for a full state. */
  readonly differing: readonly { readonly part: string; readonly page: number }[];
}

/** As many differing pages are named. */
const namedPages = 16;
const keptHash = 16;
/** Pages of one piece that goes ahead, and how many are looked at before others on this thread have their turn. */
const pagesOfPiece = 256;
const looksPerTurn = 512;

/** A page's hash as ChangedPages has it. */
export const hashOf = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest().subarray(0, keptHash);

interface Place {
  readonly part: number;
  readonly page: number;
}

function* places(chosen: readonly Iterable<number>[]): Generator<Place> {
  for (const [part, pages] of chosen.entries()) for (const page of pages) yield { part, page };
}

function* upTo(count: number): Generator<number> {
  for (let page = 0; page < count; page++) yield page;
}

export class StateSending {
  readonly #isFull: boolean;
  /** By part: hashes of what the other side has changed. */
  readonly #theirs = new Map<number, Map<number, Uint8Array>>();
  /** By part: pages that the other side has got. */
  readonly #sent = new Map<number, Set<number>>();
  readonly #differing: { part: string; page: number }[] = [];
  /** What is left of the round. */
  #queue: Generator<Place> = places([]);
  #rounds = 0;
  #pieces = 0;
  #pages = 0;
  #sentBytes = 0;
  #snapshot: { head: TransferHead; pages: TransferPage[]; looked: number } | undefined;

  /** `peer`: what the other side has changed, and changes no more; without it everything travels, and what does not is zero. */
  constructor(
    private readonly machine: TransferMachine,
    private readonly parts: StateParts,
    peer: ChangedPages | undefined,
  ) {
    this.#isFull = peer === undefined;
    if (peer === undefined) parts.assumeZeros();
    for (let index = 0; peer !== undefined && index < peer.keys.length / 2; index++) {
      const part = peer.keys[2 * index] ?? 0;
      const page = peer.keys[2 * index + 1] ?? 0;
      if (page >= (parts.list[part]?.pages ?? 0)) throw new TransferError('The other side names a page that this machine does not have.');
      const pages = this.#theirs.get(part) ?? new Map<number, Uint8Array>();
      this.#theirs.set(part, pages);
      pages.set(page, peer.hashes.subarray(index * keptHash, (index + 1) * keptHash));
    }
  }

  /** Pages that there would be to look at if the machine were held now, as far as it is known. */
  get pending(): number {
    return this.parts.list.reduce((sum, part, index) => {
      if (this.#rounds > 0) return sum + part.count();
      return sum + (this.#isFull && part.isTracked ? part.pages : part.count() + (this.#theirs.get(index)?.size ?? 0));
    }, 0);
  }

  /** Begins a round: of what was changed since the last one. The machine runs. */
  async round(): Promise<void> {
    // In force before anybody looks: who writes to a page after it was looked at leaves the new stamp.
    const epoch = await this.machine.newEpoch();
    // What is compared waits for the end, but for a full state's.
    const chosen = this.parts.list.map((part, index) => {
      if (!part.isTracked && !(this.#isFull && this.#rounds === 0)) return [];
      const pages = this.#look(index);
      part.countAnew(epoch);
      return pages;
    });
    this.#queue = places(chosen);
    this.#rounds++;
  }

  /** Pages of a part to be looked at. */
  #look(index: number): Iterable<number> {
    const part = this.parts.list[index];
    if (part === undefined) return [];
    if (this.#isFull && part.isTracked && this.#rounds === 0) return upTo(part.pages);
    return new Set([...part.changed(), ...(this.#theirs.get(index)?.keys() ?? [])]);
  }

  /** The next piece of the round; undefined when it is over. `capture` names the transfer to who stages it. */
  async piece(capture: number): Promise<Uint8Array | undefined> {
    const pages: TransferPage[] = [];
    for (let looks = 1; pages.length < pagesOfPiece; looks++) {
      if (looks % looksPerTurn === 0) await turn();
      const next = this.#queue.next();
      if (next.done === true) break;
      const page = await this.#copy(next.value);
      if (page !== undefined) pages.push(page);
    }
    if (pages.length === 0) return undefined;
    const bytes = await writeTransfer(this.#head(capture, this.#pieces), pages);
    this.#pieces++;
    this.#sentBytes += bytes.length;
    return bytes;
  }

  #head(capture: number, ahead: number): TransferHead {
    return { fits: this.parts.fits, isFull: this.#isFull, capture, ahead, scancodes: [], serialInput: [], ranFor: 0, digest: undefined };
  }

  /** A copy of the page for the other side, unless it has the same. */
  async #copy({ part: index, page }: Place): Promise<TransferPage | undefined> {
    const part = this.parts.list[index];
    if (part === undefined) return undefined;
    const now = await part.page(page);
    let sent = this.#sent.get(index);
    const isFirst = sent?.has(page) !== true;
    if (isFirst && this.#isFull && isZero(now)) return undefined;
    const bytes = Uint8Array.from(now);
    part.note(page, bytes);
    const theirs = this.#theirs.get(index);
    const hash = theirs?.get(page);
    theirs?.delete(page);
    if (isFirst && hash !== undefined && hashOf(bytes).equals(hash)) return undefined;
    if (sent === undefined) this.#sent.set(index, (sent = new Set()));
    sent.add(page);
    if (isFirst) this.#pages++;
    if (!this.#isFull && isFirst && this.#differing.length < namedPages) this.#differing.push({ part: part.name, page });
    return { part: index, page, bytes };
  }

  /** Of a held machine: copies what is left, which is all when nothing went ahead. The machine may run on then. */
  async snapshot(capture: number, withDigest: boolean): Promise<void> {
    const { list } = this.parts;
    const chosen = list.map((_, index) => new Set(this.#look(index)));
    for (const { part, page } of this.#queue) chosen[part]?.add(page);
    // Both sides go on in one epoch; it is a block. What was written so far has an earlier one.
    const epoch = this.machine.advanceEpoch();
    chosen[list.findIndex(({ name }) => name.startsWith('block epoch '))]?.add(0);
    const pages: TransferPage[] = [];
    for (const place of places(chosen)) {
      const page = await this.#copy(place);
      if (page !== undefined) pages.push(page);
    }
    const digest = withDigest ? digestParts(this.machine.memory).whole : undefined;
    this.#snapshot = { head: { ...this.#head(capture, this.#pieces), ...this.machine.held(), digest }, pages, looked: chosen.reduce((sum, { size }) => sum + size, 0) };
    for (const part of list) part.countAnew(epoch);
  }

  /** What `snapshot` has copied, ready to be sent. The machine may run. */
  async pack(): Promise<Taken> {
    const snapshot = this.#snapshot;
    if (snapshot === undefined) throw new Error('Nothing was copied.');
    this.#snapshot = undefined;
    const { head, pages, looked } = snapshot;
    const bytes = await writeTransfer(head, pages);
    return { bytes, pages: this.#pages, sentBytes: this.#sentBytes + bytes.length, rounds: this.#rounds, looked, digest: head.digest, differing: this.#differing };
  }
}
