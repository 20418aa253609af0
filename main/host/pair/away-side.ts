/** What the gateway's host has another host do for a pair: run side b, and give back what it has. */
import { randomUUID } from 'node:crypto';
import type { Image } from '../../../engine/machine/disk-service.ts';
import { z } from 'zod';
import { HostError } from '../errors.ts';
import { hostIdentity } from '../peer/identity.ts';
import { KnownPeers, type KnownPeer } from '../peer/known-peers.ts';
import { connectSecurely } from '../peer/secure.ts';
import { pieceBytes, type AwayRequest, type AwaySettings } from '../peer/side-requests.ts';
import { journalEntries, journalPlace, type JournalEntry, type JournalPlace } from './journal.ts';
import { askOver, type Link } from './link.ts';

const answer = z.discriminatedUnion('kind', [z.strictObject({ kind: z.literal('answer'), answer: z.unknown() }), z.strictObject({ kind: z.literal('refused'), reason: z.string() })]);
const piece = z.strictObject({ bytes: z.instanceof(Uint8Array), total: z.int() });
const journalAnswer = z.strictObject({ text: z.string(), next: journalPlace.optional(), now: z.number() });
/** Milliseconds: a process starts meanwhile; and for those who only look. */
const answerWithin = 60_000;
const lookWithin = 3000;

export interface AwayDrive {
  readonly kind: 'floppy' | 'cdrom' | 'disk';
  readonly readOnly: boolean;
  readonly bytes: number;
  /** Of one that nobody writes: its content goes there. The others are filled by the first checkpoint. */
  open?(): Promise<Image>;
}

export class AwaySide {
  readonly peer: KnownPeer;

  /** Throws HostError when the host is no peer any more. */
  constructor(
    private readonly library: string,
    fingerprint: string,
    private readonly id: string,
  ) {
    const peer = new KnownPeers(library).get(fingerprint);
    if (peer === undefined) throw new HostError('NOT_FOUND', 'The other host of this pair is no peer any more; "vitrine peer add" pairs it again.');
    this.peer = peer;
  }

  async #connect(patience?: number): Promise<Link> {
    const { name, address, fingerprint } = this.peer;
    if (address === null) throw new HostError('WRONG_STATE', `It is not known where ${name} listens; "vitrine peer add" with its address and code tells.`);
    const { link } = await connectSecurely(hostIdentity(this.library), address, (shown) => shown === fingerprint, patience);
    return link;
  }

  #answered(message: unknown): unknown {
    const read = answer.parse(message);
    if (read.kind === 'refused') throw new HostError('WRONG_STATE', `${this.peer.name}: ${read.reason}`);
    return read.answer;
  }

  async #request(request: AwayRequest): Promise<unknown> {
    return this.#answered(await askOver(await this.#connect(), request, answerWithin));
  }

  /** Starts side b there, anew. Its port. */
  async start(settings: AwaySettings, configuration: unknown, drives: readonly AwayDrive[]): Promise<number> {
    const { id } = this;
    await this.#request({ kind: 'prepare', id, settings, configuration, drives: drives.map(({ kind, readOnly, bytes }) => ({ kind, readOnly, bytes })) });
    for (const [drive, { open, bytes }] of drives.entries()) {
      if (open === undefined) continue;
      const image = await open();
      try {
        for (let offset = 0; offset < bytes; offset += pieceBytes) {
          const part = new Uint8Array(Math.min(pieceBytes, bytes - offset));
          await image.read(offset, part);
          if (part.some((byte) => byte !== 0)) await this.#request({ kind: 'fill', id, drive, offset, bytes: part });
        }
      } finally {
        await image.close();
      }
    }
    const started = z.strictObject({ port: z.int().min(1).max(65535) }).parse(await this.#request({ kind: 'start', id }));
    return started.port;
  }

  async signal(signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): Promise<void> {
    await this.#request({ kind: 'signal', id: this.id, signal });
  }

  /** What is kept there: the state that was suspended, or was copied (and is gone there when it is read), or the image of a drive, by its place among those that are written. Undefined if there is none. */
  async *read(what: 'state' | 'copy' | number): AsyncGenerator<{ offset: number; bytes: Uint8Array; total: number }> {
    for (let offset = 0; ; ) {
      const part = piece.nullable().parse(await this.#request({ kind: 'read', id: this.id, what, offset }));
      if (part === null) return;
      yield { offset, ...part };
      offset += part.bytes.length;
      if (offset >= part.total || part.bytes.length === 0) return;
    }
  }

  /** What it has lived through there since `from`, by this host's clock. */
  async journal(from: JournalPlace | undefined): Promise<{ entries: JournalEntry[]; next: JournalPlace | undefined }> {
    const link = await this.#connect(lookWithin);
    const asked = Date.now();
    const { text, next, now } = journalAnswer.parse(this.#answered(await askOver(link, { kind: 'journal', id: this.id, from: from ?? null } satisfies AwayRequest, lookWithin)));
    const answered = Date.now();
    const ahead = Math.round(now - (asked + answered) / 2);
    // What the way there and back may have made is no difference of clocks.
    const isAhead = Math.abs(ahead) > (answered - asked) / 2;
    return { entries: journalEntries(text).map((entry) => (isAhead ? { ...entry, at: entry.at - ahead } : entry)), next };
  }

  /** Its screen: `take` gets a link that has RFB in messages of bytes, before the first of them. */
  async view(take: (link: Link) => void): Promise<void> {
    const link = await this.#connect(lookWithin);
    try {
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => reject(new HostError('WRONG_STATE', `${this.peer.name} does not answer.`)), lookWithin);
        link.onClose = () => {
          clearTimeout(timer);
          reject(new HostError('WRONG_STATE', `${this.peer.name} ended the connection.`));
        };
        link.onMessage = (message) => {
          clearTimeout(timer);
          try {
            this.#answered(message);
            take(link);
            resolve();
          } catch (error) {
            reject(error instanceof Error ? error : new Error(String(error)));
          }
        };
        link.send({ kind: 'view', id: this.id } satisfies AwayRequest);
      });
    } catch (error) {
      link.onClose = () => {};
      link.close();
      throw error;
    }
  }

  /** Ends what runs there and removes what is kept. */
  async discard(): Promise<void> {
    await this.#request({ kind: 'discard', id: this.id });
  }
}

/** A name that no pair has had. */
export function newPairId(): string {
  return randomUUID().replace(/-/gu, '').slice(0, 24);
}
