/**
 * The lease of a pair on several hosts: in etcd (v3, its JSON gateway over HTTP). Under the pair's prefix `term` has the newest term, `owner` who got it, and
 * `speaker`, which is attached to an etcd lease, is there for as long as its owner is known to etcd. The next term is given by one transaction, to the owner of the last
 * one at any time, and to the other once `speaker` is gone.
 *
 * **Clocks.** The owner may speak until a deadline on its own clock. etcd begins to count a lease's time when the request for it arrives, so the owner counts from the
 * moment before it *sends* it, and ends earlier by a margin for clocks that do not run equally fast: its deadline is over before etcd lets `speaker` go, whatever the network
 * does. Two clocks are looked at, and the one that is further on counts: the monotonic one, which nobody sets but which stands still while a host is suspended, and the time of day.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import type { Lease, Standing } from '../../../engine/tolerance/lease.ts';
import { HostError } from '../errors.ts';

/** One call of the gateway: a path below `/v3` and its body. Rejects when there is no answer. */
export type EtcdCall = (path: string, body: unknown) => Promise<unknown>;

/** Part of a lease's time that is left unused, for clocks that run differently. */
const margin = 0.1;
/** Keep-alives in a lease's time. */
const keepAlives = 5;
/** Milliseconds between two tries to get a term. */
const again = 100;

/** etcd answers 64-bit numbers as texts, and leaves zeros out. */
const leaseAnswer = z.object({ ID: z.string().optional(), TTL: z.string().optional() });
const keepAliveAnswer = z.object({ result: leaseAnswer });
const value = z.object({ value: z.string().default(''), lease: z.string().optional() });
const txnAnswer = z.object({
  succeeded: z.boolean().default(false),
  responses: z.array(z.object({ response_range: z.object({ kvs: z.array(value).default([]) }).optional() })).default([]),
});

/** Calls the endpoints in turn: one that does not answer is left for the next. */
export function etcdOver(endpoints: readonly string[], patience: number): EtcdCall {
  let current = 0;
  return async (path, body) => {
    const endpoint = endpoints[current % endpoints.length] ?? '';
    try {
      const response = await fetch(new URL(`/v3${path}`, endpoint), { method: 'POST', body: JSON.stringify(body), signal: AbortSignal.timeout(Math.ceil(patience)) });
      const answer: unknown = await response.json();
      if (!response.ok) throw new HostError('WRONG_STATE', `etcd at ${endpoint} refuses ${path}: ${JSON.stringify(answer)}.`);
      return answer;
    } catch (error) {
      current += 1;
      throw error;
    }
  };
}

export interface EtcdLeaseOptions {
  readonly call: EtcdCall;
  /** Of the pair's keys, with a slash at its end. */
  readonly prefix: string;
  readonly side: string;
  /** Seconds; etcd may give more, and then that counts. */
  readonly ttl: number;
  /** Hears, once each time, why etcd cannot be reached. */
  readonly note?: (sentence: string) => void;
  /** Milliseconds: monotonic, and of the day. */
  readonly clocks?: () => readonly [number, number];
}

interface Granted {
  readonly id: string;
  /** By both clocks. */
  sent: readonly [number, number];
  milliseconds: number;
}

const hostClocks = () => [performance.now(), Date.now()] as const;

export class EtcdLease implements Lease {
  readonly #owner: string;
  readonly #clocks: () => readonly [number, number];
  /** The one that `speaker` hangs on, and until when it proves something. */
  #lease: Granted | undefined;
  /** One that nothing hangs on yet: it proves nothing. */
  #spare: Granted | undefined;
  #term: number | undefined;
  #isLost = false;
  #isReachable = false;
  #trouble: string | undefined;
  #isOver = false;
  /** Keep-alives wait meanwhile: the term that they are for may be over by this side's own doing. */
  #isAcquiring = false;

  constructor(private readonly options: EtcdLeaseOptions) {
    this.#owner = `${options.side}-${randomBytes(8).toString('hex')}`;
    this.#clocks = options.clocks ?? hostClocks;
    void this.#keep();
  }

  get isReachable(): boolean {
    return this.#isReachable;
  }

  standing(term: number): Standing {
    if (this.#isLost || this.#term !== term) return 'lost';
    return this.#isFresh(this.#lease) ? 'held' : 'unproven';
  }

  #isFresh(lease: Granted | undefined): lease is Granted {
    if (lease === undefined) return false;
    const now = this.#clocks();
    return Math.max(now[0] - lease.sent[0], now[1] - lease.sent[1]) < lease.milliseconds * (1 - margin);
  }

  async acquire(term: number, after = 0): Promise<boolean> {
    this.#isAcquiring = true;
    try {
      if (after > 0) {
        await this.#revoke();
        await delay(after);
      }
      return await this.#acquire(term);
    } finally {
      this.#isAcquiring = false;
    }
  }

  async #acquire(term: number): Promise<boolean> {
    for (; !this.#isOver; await delay(again)) {
      try {
        const answer = await this.#try(term);
        this.#isReachable = true;
        if (answer === undefined) continue;
        if (answer) {
          this.#term = term;
          this.#isLost = false;
        }
        return answer;
      } catch (error) {
        // Whether it was given or not, the next try finds out.
        this.#fail(error);
      }
    }
    return false;
  }

  /** Undefined: it is not known yet, since the other's time is not over. */
  async #try(term: number): Promise<boolean | undefined> {
    const lease = await this.#granted();
    const before: Compare[] = term === 1 ? [absent('term')] : [equal('term', String(term - 1))];
    const claim = [this.#put('term', String(term)), this.#put('owner', this.#owner), this.#put('speaker', this.#owner, lease)];
    const mine = await this.#transact([...before, ...(term === 1 ? [] : [equal('owner', this.#owner)])], claim);
    if (mine.succeeded) return this.#hold(lease);
    const newest = Number(mine.term?.value ?? 0);
    if (newest === term && mine.owner?.value === this.#owner) return this.#reclaim(term);
    if (newest >= term) return false;
    if (newest !== term - 1) throw new HostError('BROKEN', `etcd has term ${newest} where ${term - 1} was known.`);
    if (mine.speaker !== undefined) return undefined;
    return (await this.#transact([...before, absent('speaker')], claim)).succeeded ? this.#hold(lease) : undefined;
  }

  /** This side's own term, whose `speaker` may have gone: nobody else has spoken since. False when the term is over. */
  async #reclaim(term: number): Promise<boolean | undefined> {
    const lease = await this.#granted();
    const held = await this.#transact([equal('term', String(term)), equal('owner', this.#owner)], [this.#put('speaker', this.#owner, lease)]);
    if (held.succeeded) return this.#hold(lease);
    return Number(held.term?.value ?? 0) > term ? false : undefined;
  }

  #hold(lease: Granted): true {
    this.#lease = lease;
    if (this.#spare === lease) this.#spare = undefined;
    return true;
  }

  /** A lease that is good for a while, whatever hangs on it. */
  async #granted(): Promise<Granted> {
    if (this.#isFresh(this.#lease)) return this.#lease;
    if (this.#isFresh(this.#spare)) return this.#spare;
    const sent = this.#clocks();
    const { ID, TTL } = leaseAnswer.parse(await this.options.call('/lease/grant', { TTL: String(this.options.ttl) }));
    if (ID === undefined || TTL === undefined) throw new HostError('WRONG_STATE', 'etcd gave no lease.');
    return (this.#spare = { id: ID, sent, milliseconds: Number(TTL) * 1000 });
  }

  async #keep(): Promise<void> {
    while (!this.#isOver) {
      await delay((this.options.ttl * 1000) / keepAlives, undefined, { ref: false });
      if (this.#isAcquiring) continue;
      try {
        if (this.#term === undefined || this.#isLost) await this.#transact([absent('term')], []);
        else await this.#keepAlive(this.#term);
        this.#isReachable = true;
      } catch (error) {
        this.#fail(error);
      }
    }
  }

  #fail(error: unknown): void {
    const reason = String(error instanceof Error && error.cause !== undefined ? error.cause : error);
    if (this.#isReachable || this.#trouble === undefined) this.options.note?.(`etcd does not answer: ${reason}`);
    this.#isReachable = false;
    this.#trouble = reason;
  }

  async #keepAlive(term: number): Promise<void> {
    const lease = this.#lease;
    if (lease !== undefined) {
      const sent = this.#clocks();
      const { result } = keepAliveAnswer.parse(await this.options.call('/lease/keepalive', { ID: lease.id }));
      if (Number(result.TTL ?? 0) > 0) {
        lease.sent = sent;
        lease.milliseconds = Number(result.TTL) * 1000;
        return;
      }
      // etcd has let it go.
      this.#lease = undefined;
    }
    if ((await this.#reclaim(term)) === false && this.#term === term && !this.#isAcquiring) this.#isLost = true;
  }

  async end(): Promise<void> {
    this.#isOver = true;
    this.#isLost = true;
    await this.#revoke();
  }

  /** Nothing is proved from the moment this is called. */
  async #revoke(): Promise<void> {
    const lease = this.#lease;
    this.#lease = undefined;
    try {
      if (lease !== undefined) await this.options.call('/lease/revoke', { ID: lease.id });
    } catch {
      // It ends by itself.
    }
  }

  #put(key: Key, text: string, lease?: Granted) {
    return { request_put: { key: this.#key(key), value: base64(text), ...(lease === undefined ? {} : { lease: lease.id }) } };
  }

  #key(key: Key): string {
    return base64(this.options.prefix + key);
  }

  /** If all of it is so, does that; else says what there is. */
  async #transact(compare: readonly Compare[], success: readonly unknown[]) {
    const { succeeded, responses } = txnAnswer.parse(
      await this.options.call('/kv/txn', {
        compare: compare.map(({ key, ...rest }) => ({ key: this.#key(key), result: 'EQUAL', ...rest })),
        success,
        failure: keys.map((key) => ({ request_range: { key: this.#key(key) } })),
      }),
    );
    const [term, owner, speaker] = responses.map(({ response_range: range }) => {
      const found = range?.kvs[0];
      return found === undefined ? undefined : { ...found, value: Buffer.from(found.value, 'base64').toString() };
    });
    return { succeeded, term, owner, speaker };
  }
}

/** Removes what a pair has in etcd. */
export async function clearEtcd(call: EtcdCall, prefix: string): Promise<void> {
  // All keys that begin so: up to the first that does not (etcd's range_end).
  const end = Buffer.from(prefix);
  end[end.length - 1] = (end.at(-1) ?? 0) + 1;
  await call('/kv/deleterange', { key: base64(prefix), range_end: end.toString('base64') });
}

/** Which side has the newest term, and which that is; undefined before the first. */
export async function etcdOwner(call: EtcdCall, prefix: string): Promise<string | undefined> {
  const { kvs } = z.object({ kvs: z.array(value).default([]) }).parse(await call('/kv/range', { key: base64(`${prefix}owner`) }));
  return kvs[0] === undefined ? undefined : Buffer.from(kvs[0].value, 'base64').toString();
}

const keys = ['term', 'owner', 'speaker'] as const;
type Key = (typeof keys)[number];
type Compare = { readonly key: Key } & ({ readonly target: 'VALUE'; readonly value: string } | { readonly target: 'CREATE'; readonly create_revision: string });

const base64 = (text: string) => Buffer.from(text).toString('base64');
const equal = (key: Key, text: string): Compare => ({ key, target: 'VALUE', value: base64(text) });
const absent = (key: Key): Compare => ({ key, target: 'CREATE', create_revision: '0' });
