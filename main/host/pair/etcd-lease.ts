/**
 * The lease of a pair in etcd: one key, `lease`, that says which term is the newest, whose it is, and who claims the next one. Nothing in it has a time of etcd's own
 * (those are of seconds): sides count themselves.
 *
 * **The owner** asks several times per `validity` whether the term is still its own and nobody claims the next one. A yes is its proof. It lasts `validity`, less a margin, from the
 * moment before the question was *sent*. Where somebody claims the term, it takes the claim away, and only then has a proof. It may take the next term at any time.
 *
 * **The other** claims, waits `validity` and a margin from etcd's *answer* to its claim, and then takes the term if the key is still as its claim left it.
 *
 * **Why there is one speaker.** Each of these is one step of etcd's, in one order for all. Of the owner's proofs, those behind the claim have taken it away, so that the other gets
 * nothing. Those before it were sent before the claim was answered, and are over before the wait is. A message may take as long as it likes, and be lost: it is compared with the key's
 * revision, so one that comes late does nothing, and one whose answer was lost is looked for in the key. A side that gives up drops its proof and all that are on their
 * way, and then says so; who sees that needs not wait.
 *
 * **Clocks.** They need not agree, but run within `margin` of each other, on either side. The owner goes by whichever of two is further on: the monotonic one, which nobody sets but
 * which stands still while a host is suspended, and the time of day. Who waits goes by the monotonic one alone, which is never ahead.
 *
 * **Questions go through etcd's log.** Its plain reads are meant to be current too, and were not always (etcd-io/etcd#20418). A transaction that would remove a key that never is there
 * is written by a majority before it is answered, and changes nothing: no revision, nothing to compact.
 *
 * An etcd that is slow costs the owner its proof for a while, so output waits; nobody claims for that.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import type { Lease, Standing } from '../../../engine/tolerance/lease.ts';
import { HostError } from '../errors.ts';
import type { EtcdCall } from './etcd.ts';

/** Part of the validity that the owner leaves unused, and that the other waits beyond it. */
const margin = 0.1;
/** Questions of the owner in a validity. As many may be on their way. */
const proofs = 4;
/** Milliseconds between two tries to get a term. */
const again = 50;

/** etcd answers 64-bit numbers as texts, and leaves zeros out. */
const kvs = z.array(z.object({ value: z.string().default(''), mod_revision: z.string() })).default([]);
const txnAnswer = z.object({
  header: z.object({ revision: z.string() }),
  succeeded: z.boolean().default(false),
  responses: z.array(z.object({ response_range: z.object({ kvs }).optional() })).default([]),
});

const kept = z.strictObject({
  term: z.int().min(1),
  /** The side, a hyphen, and a random name of its process. */
  owner: z.string(),
  /** Milliseconds for which a proof may count: the most that any side of the pair has had. */
  validity: z.number().positive(),
  /** Who waits for the next term. */
  claim: z.string().optional(),
  /** The owner proves nothing any more. */
  isFree: z.boolean().optional(),
});
type Kept = z.infer<typeof kept>;

interface Look {
  readonly now: Kept | undefined;
  readonly revision: string;
  readonly sent: Moment;
}

/** Milliseconds: monotonic, and of the day. */
export type Moment = readonly [number, number];

export interface Clock {
  now(): Moment;
  sleep(milliseconds: number): Promise<unknown>;
}

const hostClock: Clock = { now: () => [performance.now(), Date.now()], sleep: (milliseconds) => delay(milliseconds) };

export interface EtcdLeaseOptions {
  readonly call: EtcdCall;
  /** Of the pair's keys, with a slash at its end. */
  readonly prefix: string;
  readonly side: string;
  /** Milliseconds. Where the sides have different ones, who waits goes by the longer. */
  readonly validity: number;
  /** Hears, once each time, why etcd cannot be asked. */
  readonly note?: (sentence: string) => void;
  readonly clock?: Clock;
}

export class EtcdLease implements Lease {
  readonly #owner: string;
  readonly #clock: Clock;
  #term: number | undefined;
  /** When the question was sent that proved the term last. */
  #proof: Moment | undefined;
  /** When the one was sent that etcd answered last. */
  #heard: Moment | undefined;
  /** Counted up when answers that are on their way prove nothing any more. */
  #epoch = 0;
  #asking = 0;
  #isLost = false;
  #isOver = false;
  #isAcquiring = false;
  #trouble: string | undefined;
  /** What the key had when it was asked for last. */
  #seen: Look | undefined;

  constructor(private readonly options: EtcdLeaseOptions) {
    this.#owner = `${options.side}-${randomBytes(8).toString('hex')}`;
    this.#clock = options.clock ?? hostClock;
    void this.#keep();
  }

  /** Answers come so soon that they would prove something. */
  get isReachable(): boolean {
    return this.#isFresh(this.#heard);
  }

  standing(term: number): Standing {
    if (this.#isLost || this.#term !== term) return 'lost';
    return this.#isFresh(this.#proof) ? 'held' : 'unproven';
  }

  #isFresh(sent: Moment | undefined): boolean {
    if (sent === undefined) return false;
    const now = this.#clock.now();
    return Math.max(now[0] - sent[0], now[1] - sent[1]) < this.options.validity * (1 - margin);
  }

  async acquire(term: number, after = 0): Promise<boolean> {
    this.#isAcquiring = true;
    this.#epoch++;
    try {
      if (after > 0) {
        await this.#giveUp();
        await this.#clock.sleep(after);
      }
      return await this.#acquire(term);
    } finally {
      this.#isAcquiring = false;
    }
  }

  async #acquire(term: number): Promise<boolean> {
    for (; !this.#isOver; await this.#clock.sleep(again)) {
      try {
        const outcome = await this.#try(term);
        this.#trouble = undefined;
        if (outcome === 'unknown') continue;
        this.#isLost = outcome === 'taken';
        if (outcome === 'taken') return false;
        this.#term = term;
        this.#proof = outcome.proof;
        return true;
      } catch (error) {
        // Whether it was given or not, the next try finds out.
        this.#fail(error);
      }
    }
    return false;
  }

  /** With the first proof, if this is one already. `unknown`: the key has changed meanwhile. */
  async #try(term: number): Promise<{ proof: Moment | undefined } | 'taken' | 'unknown'> {
    // What is known saves a question; if it is old by now, nothing can be changed by it, and the next try asks.
    const known = this.#seen?.now?.term === term - 1 ? this.#seen : undefined;
    this.#seen = undefined;
    const { now, revision, sent } = known ?? (await this.#look());
    const newest = now?.term ?? 0;
    // The answer to an earlier try was lost.
    if (newest === term && now?.owner === this.#owner) return { proof: now.claim === undefined ? sent : undefined };
    if (newest >= term) return 'taken';
    if (newest !== term - 1) throw new HostError('BROKEN', `etcd has term ${newest} of the pair's lease, where ${term - 1} was known.`);
    const validity = Math.max(this.options.validity, now?.validity ?? 0);
    let claimed: string | undefined = revision;
    if (now !== undefined && now.owner !== this.#owner && now.isFree !== true) {
      if (now.claim !== this.#owner) claimed = (await this.#swap(revision, { ...now, claim: this.#owner })).revision;
      if (claimed === undefined) return 'unknown';
      await this.#wait(validity * (1 + margin));
    }
    const taken = await this.#swap(claimed, { term, owner: this.#owner, validity });
    return taken.revision === undefined ? 'unknown' : { proof: taken.sent };
  }

  async #wait(milliseconds: number): Promise<void> {
    const [begun] = this.#clock.now();
    for (let rest = milliseconds; rest > 0; rest = begun + milliseconds - this.#clock.now()[0]) await this.#clock.sleep(rest);
  }

  async #keep(): Promise<void> {
    for (; !this.#isOver; await this.#clock.sleep(this.options.validity / proofs)) {
      // A slow answer proves something too, so nobody waits for the one before.
      if (this.#isAcquiring || this.#asking >= proofs) continue;
      this.#asking++;
      void this.#prove()
        .then(
          () => (this.#trouble = undefined),
          (error: unknown) => this.#fail(error),
        )
        .finally(() => this.#asking--);
    }
  }

  async #prove(): Promise<void> {
    const term = this.#term;
    const epoch = this.#epoch;
    const { now, revision, sent } = await this.#look();
    if (term === undefined || this.#isLost || epoch !== this.#epoch) return;
    if (now === undefined || now.term < term) throw new HostError('BROKEN', `etcd has lost term ${term} of the pair's lease.`);
    if (now.term > term) {
      this.#isLost = true;
      return;
    }
    if (now.claim === undefined) return this.#proved(sent, epoch);
    const freed = await this.#swap(revision, { ...now, claim: undefined });
    if (freed.revision !== undefined) this.#proved(freed.sent, epoch);
  }

  #proved(sent: Moment, epoch: number): void {
    if (epoch === this.#epoch && (this.#proof === undefined || sent[0] > this.#proof[0])) this.#proof = sent;
  }

  #fail(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    if (this.#trouble === undefined) this.options.note?.(reason);
    this.#trouble = reason;
  }

  async end(): Promise<void> {
    this.#isOver = true;
    this.#isLost = true;
    await this.#giveUp();
  }

  /** Nothing is proved from the moment this is called. */
  async #giveUp(): Promise<void> {
    this.#epoch++;
    this.#proof = undefined;
    if (this.#term === undefined) return;
    try {
      const { now, revision } = await this.#look();
      if (now?.term === this.#term && now.owner === this.#owner) await this.#swap(revision, { ...now, claim: undefined, isFree: true });
    } catch {
      // The other waits.
    }
  }

  /** What the key has, behind all that etcd has answered before. */
  async #look(): Promise<Look> {
    const { responses, sent } = await this.#transact([], [{ request_range: { key: this.#key('lease') } }, { request_delete_range: { key: this.#key('nothing') } }]);
    const found = responses[0]?.response_range?.kvs[0];
    return (this.#seen = { now: found === undefined ? undefined : read(found.value), revision: found?.mod_revision ?? '0', sent });
  }

  /** Changes the key if its revision is that still. Its new one; undefined when it was not. */
  async #swap(revision: string, next: Kept): Promise<{ revision: string | undefined; sent: Moment }> {
    const key = this.#key('lease');
    const { succeeded, header, sent } = await this.#transact([{ key, target: 'MOD', result: 'EQUAL', mod_revision: revision }], [{ request_put: { key, value: base64(JSON.stringify(next)) } }]);
    return { revision: succeeded ? header.revision : undefined, sent };
  }

  #key(name: string): string {
    return base64(this.options.prefix + name);
  }

  async #transact(compare: readonly unknown[], success: readonly unknown[]) {
    const sent = this.#clock.now();
    const answer = txnAnswer.parse(await this.options.call('/kv/txn', { compare, success }));
    if (this.#heard === undefined || sent[0] > this.#heard[0]) this.#heard = sent;
    return { ...answer, sent };
  }
}

/** Removes what a pair has in etcd. */
export async function clearEtcd(call: EtcdCall, prefix: string): Promise<void> {
  // All keys that begin so: up to the first that does not (etcd's range_end).
  const end = Buffer.from(prefix);
  end[end.length - 1] = (end.at(-1) ?? 0) + 1;
  await call('/kv/deleterange', { key: base64(prefix), range_end: end.toString('base64') });
}

/** Which side has the newest term, and which process; undefined before the first. */
export async function etcdOwner(call: EtcdCall, prefix: string): Promise<string | undefined> {
  const [found] = z.object({ kvs }).parse(await call('/kv/range', { key: base64(`${prefix}lease`) })).kvs;
  return found === undefined ? undefined : read(found.value).owner;
}

function read(value: string): Kept {
  const text = Buffer.from(value, 'base64').toString();
  try {
    return kept.parse(JSON.parse(text));
  } catch (cause) {
    throw new HostError('BROKEN', `etcd has a lease of the pair that this version does not know: ${text}`, { cause });
  }
}

const base64 = (text: string) => Buffer.from(text).toString('base64');
