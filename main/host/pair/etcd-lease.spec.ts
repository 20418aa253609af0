import fc from 'fast-check';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { Standing } from '../../../engine/tolerance/lease.ts';
import { EtcdLease, type Clock, type Moment } from './etcd-lease.ts';
import type { EtcdCall } from './etcd.ts';

/** Real etcd: test/oracle/etcd-lease.spec.ts. Here time is the test's own, and so are etcd and the network to it. */
class Time {
  now = 0;
  #waiting: { at: number; wake: () => void }[] = [];

  sleep(milliseconds: number): Promise<void> {
    return new Promise((wake) => this.#waiting.push({ at: this.now + Math.max(0, milliseconds), wake }));
  }

  async to(end: number): Promise<void> {
    for (;;) {
      await turn();
      const next = this.#waiting.sort((one, two) => one.at - two.at)[0];
      if (next === undefined || next.at > end) break;
      this.now = next.at;
      this.#waiting.shift();
      next.wake();
    }
    this.now = end;
  }

  async until<T>(work: Promise<T>, within = 60_000): Promise<T> {
    let done: { value: T } | undefined;
    void work.then((value) => (done = { value }));
    for (const end = this.now + within; done === undefined; await this.to(this.now + 1)) if (this.now > end) throw new Error('Waited in vain.');
    return done.value;
  }
}

const text = (value: string) => Buffer.from(value, 'base64').toString();

interface Transaction {
  readonly compare: { readonly key: string; readonly mod_revision: string }[];
  readonly success: { readonly request_range?: { readonly key: string }; readonly request_put?: { readonly key: string; readonly value: string } }[];
}

class FakeEtcd {
  revision = 1;
  readonly #keys = new Map<string, { value: string; mod_revision: string }>();

  transact({ compare, success }: Transaction): unknown {
    const succeeded = compare.every(({ key, mod_revision: revision }) => (this.#keys.get(key)?.mod_revision ?? '0') === revision);
    const responses = (succeeded ? success : []).map(({ request_range: range, request_put: put }) => {
      if (put !== undefined) this.#keys.set(put.key, { value: put.value, mod_revision: String(++this.revision) });
      const found = this.#keys.get(range?.key ?? '');
      return { response_range: { kvs: found === undefined ? [] : [found] } };
    });
    return { header: { revision: String(this.revision) }, succeeded, responses };
  }

  get lease(): unknown {
    const [found] = this.#keys.values();
    return found === undefined ? undefined : JSON.parse(text(found.value));
  }
}

const validity = 400;

describe('a lease in etcd', { timeout: 60_000 }, () => {
  const leases: EtcdLease[] = [];
  let time = new Time();
  let etcd = new FakeEtcd();
  afterEach(async () => {
    for (const lease of leases.splice(0)) void lease.end();
    await time.to(time.now + 100_000);
    time = new Time();
    etcd = new FakeEtcd();
    onCall = undefined;
  });

  /** Called for each question of side a; what it gives, for its answer. */
  let onCall: (() => () => void) | undefined;

  /** A side with a network of its own: milliseconds there and back, and whether it is cut. */
  function side(name: string, network: { there: number; back: number; isCut?: boolean; isDeaf?: boolean }, clock: Partial<Clock> = {}, own = validity) {
    const call: EtcdCall = async (_path, body) => {
      if (network.isCut === true) throw new Error('cut');
      const onAnswer = name === 'a' ? onCall?.() : undefined;
      await time.sleep(network.there);
      const answer = etcd.transact(body as Transaction);
      if (network.isDeaf === true) throw new Error('deaf');
      await time.sleep(network.back);
      onAnswer?.();
      return answer;
    };
    const lease = new EtcdLease({ call, prefix: '/p/', side: name, validity: own, clock: { now: () => [time.now, time.now], sleep: (milliseconds) => time.sleep(milliseconds), ...clock } });
    leases.push(lease);
    return lease;
  }

  it('is the owner’s from the moment that it asks, and for less than its validity', async () => {
    const network = { there: 10, back: 90, isCut: false };
    const one = side('a', network);
    const asked = time.now;
    // A look, and a change.
    expect(await time.until(one.acquire(1))).toBe(true);
    network.isCut = true;
    await time.to(asked + 100 + 359);
    expect(one.standing(1)).toBe('held');
    await time.to(asked + 100 + 400);
    expect([one.standing(1), one.standing(2)]).toEqual(['unproven', 'lost']);
  });

  it('is over by the time of day when the host was suspended, and not longer when that is set back', async () => {
    const ahead = { day: 0, monotonic: 0 };
    const network = { there: 0, back: 0, isCut: false };
    const one = side('a', network, { now: (): Moment => [time.now + ahead.monotonic, time.now + ahead.day] });
    await time.until(one.acquire(1));
    network.isCut = true;
    ahead.day = 3_600_000;
    expect(one.standing(1)).toBe('unproven');
    ahead.day = -7_200_000;
    expect(one.standing(1)).toBe('held');
    ahead.monotonic = 360;
    expect(one.standing(1)).toBe('unproven');
  });

  it('is proved without a gap by answers that take most of its validity, and no longer than that', async () => {
    const network = { there: 100, back: 100 };
    const one = side('a', network);
    await time.until(one.acquire(1));
    await time.to(time.now + 400);
    const stood = new Set<Standing>();
    for (let at = 0; at < 200; at++, await time.to(time.now + 5)) stood.add(one.standing(1));
    expect([[...stood], one.isReachable]).toEqual([['held'], true]);
    // Too slow to prove anything: output waits, and nothing else happens to the pair.
    network.back = 400;
    await time.to(time.now + 1000);
    for (let at = 0; at < 200; at++, await time.to(time.now + 5)) expect([one.standing(1), one.isReachable]).toEqual(['unproven', false]);
    network.back = 100;
    await time.to(time.now + 1000);
    expect(one.standing(1)).toBe('held');
  });

  it('goes to the other behind the owner’s last proof', async () => {
    const network = { there: 5, back: 5, isCut: false };
    const a = side('a', network);
    const b = side('b', { there: 5, back: 5 });
    await time.until(a.acquire(1));
    await time.to(time.now + 200);
    network.isCut = true;
    const began = time.now;
    expect(await time.until(b.acquire(2))).toBe(true);
    expect([a.standing(1), b.standing(2)]).toEqual(['unproven', 'held']);
    // The claim, the wait, the change; it has looked before.
    expect(time.now - began).toBeLessThan(10 + 440 + 10 + 5);
    network.isCut = false;
    await time.to(time.now + 200);
    expect([a.standing(1), await time.until(a.acquire(2))]).toEqual(['lost', false]);
  });

  it('stays with an owner that is there, however often the other asks', async () => {
    const a = side('a', { there: 5, back: 5 });
    const b = side('b', { there: 5, back: 5 });
    await time.until(a.acquire(1));
    let given: boolean | undefined;
    void b.acquire(2).then((isGranted) => (given = isGranted));
    for (let at = 0; at < 1000; at++, await time.to(time.now + 5)) expect([a.standing(1), given]).toEqual(['held', undefined]);
    // As when both have found the link between them cut.
    expect(await time.until(a.acquire(2))).toBe(true);
    await time.to(time.now + 1000);
    expect([a.standing(2), given]).toEqual(['held', false]);
  });

  it('goes to the other at once when the owner gives up, and comes back when nobody wants it', async () => {
    const a = side('a', { there: 5, back: 50 });
    const b = side('b', { there: 5, back: 5 });
    await time.until(a.acquire(1));
    const again = a.acquire(2, 1000);
    expect(a.standing(1)).toBe('unproven');
    await time.to(time.now + 300);
    // Proofs that were on their way are none any more.
    expect([a.standing(1), etcd.lease]).toMatchObject(['unproven', { term: 1, isFree: true }]);
    const began = time.now;
    expect(await time.until(b.acquire(2))).toBe(true);
    expect(time.now - began).toBeLessThan(30);
    expect(await time.until(again)).toBe(false);

    const third = b.acquire(3, 1000);
    expect([await time.until(third), b.standing(3)]).toEqual([true, 'held']);
    void b.end();
    expect(b.standing(3)).toBe('lost');
  });

  it('is had by who got it, though the answer was lost, and is proved only when nobody claims it by then', async () => {
    const network = { there: 5, back: 5, isDeaf: true };
    const a = side('a', network);
    const b = side('b', { there: 5, back: 5 });
    const asked = a.acquire(1);
    await time.to(time.now + 100);
    expect(etcd.lease).toBeUndefined();
    network.isDeaf = false;
    await time.until(asked);

    const cut = { there: 5, back: 5, isCut: false, isDeaf: false };
    const c = side('c', cut);
    void a.end();
    await time.to(time.now + 150);
    // Granted, and not told.
    const lost = c.acquire(2);
    await time.to(time.now + 2);
    cut.isCut = cut.isDeaf = true;
    await time.to(time.now + 100);
    expect(etcd.lease).toMatchObject({ term: 2 });
    const claims = b.acquire(3);
    await time.to(time.now + 30);
    cut.isCut = cut.isDeaf = false;
    expect(await time.until(lost)).toBe(true);
    // It takes the claim away before anything is proved by it.
    expect(etcd.lease).toMatchObject({ claim: expect.stringMatching(/^b-/u) as string });
    expect(c.standing(2)).toBe('unproven');
    await time.to(time.now + 300);
    expect(c.standing(2)).toBe('held');
    void c.end();
    expect(await time.until(claims)).toBe(true);
  });

  it('is waited for as long as the side with the longer validity may have it', async () => {
    const network = { there: 5, back: 5, isCut: false };
    const a = side('a', network, {}, 2000);
    await time.until(a.acquire(1));
    network.isCut = true;
    const b = side('b', { there: 5, back: 5 });
    expect(await time.until(b.acquire(2))).toBe(true);
    expect(a.standing(1)).toBe('unproven');
    // The next one too: who has it may not know how long the one before could.
    expect(etcd.lease).toMatchObject({ term: 2, validity: 2000 });
  });

  it('is of nobody when etcd has forgotten it', async () => {
    const notes: string[] = [];
    const one = new EtcdLease({
      call: (_path, body) => Promise.resolve(etcd.transact(body as Transaction)),
      prefix: '/p/',
      side: 'a',
      validity,
      note: (sentence) => notes.push(sentence),
      clock: { now: () => [time.now, time.now], sleep: (milliseconds) => time.sleep(milliseconds) },
    });
    leases.push(one);
    await time.until(one.acquire(1));
    etcd = new FakeEtcd();
    await time.to(time.now + 1000);
    expect([one.standing(1), notes]).toEqual(['unproven', ["etcd has lost term 1 of the pair's lease."]]);
  });

  interface Duel {
    /** Of the side that has the term. */
    readonly there: number;
    readonly back: number;
    /** Its network is cut when the other asks, or only deaf. */
    readonly isCut: boolean;
    readonly isDeaf: boolean;
    /** Milliseconds until that changes. */
    readonly changes: number;
    readonly otherThere: number;
    readonly otherBack: number;
    /** How fast their clocks run. */
    readonly pace: number;
    readonly otherPace: number;
    /** When the other asks. */
    readonly at: number;
  }
  const duels = fc.record({
    there: fc.nat(150),
    back: fc.nat(150),
    isCut: fc.boolean(),
    isDeaf: fc.boolean(),
    changes: fc.nat(1500),
    otherThere: fc.nat(150),
    otherBack: fc.nat(150),
    pace: fc.double({ min: 0.91, max: 1.09, noNaN: true }),
    otherPace: fc.double({ min: 0.91, max: 1.09, noNaN: true }),
    at: fc.nat(500),
  });
  const paced = (pace: number): Clock => ({ now: () => [time.now * pace, time.now * pace], sleep: (milliseconds) => time.sleep(milliseconds / pace) });

  /** Whether the older side could still prove its term when the newer one had been given to the other. */
  async function duel({ there, back, isCut, isDeaf, changes, otherThere, otherBack, pace, otherPace, at }: Duel, clock = paced(pace)): Promise<boolean> {
    time = new Time();
    etcd = new FakeEtcd();
    const network = { there, back, isCut: false, isDeaf: false };
    const a = side('a', network, clock);
    await time.until(a.acquire(1));
    await time.to(time.now + at);
    Object.assign(network, { isCut, isDeaf });
    const b = side('b', { there: otherThere, back: otherBack }, paced(otherPace));
    const began = time.now;
    let given: boolean | undefined;
    void b.acquire(2).then((isGranted) => (given = isGranted));
    for (let later = 0; later < 2500; later += 5, await time.to(began + later)) {
      if (given === true && a.standing(1) === 'held') return true;
      if (later >= changes) Object.assign(network, { isCut: false, isDeaf: false });
    }
    return false;
  }

  it('is never two sides’ at a time, whatever the network does', { timeout: 120_000 }, async () => {
    await fc.assert(fc.asyncProperty(duels, async (one) => !(await duel(one))), { numRuns: 60 });
  });

  const cut: Duel = { there: 5, back: 200, isCut: true, isDeaf: false, changes: 2000, otherThere: 0, otherBack: 0, pace: 1, otherPace: 1, at: 500 };

  it('would be, without the wait', async () => {
    expect(await duel(cut)).toBe(false);
    // By a clock that is far too fast, it is over at once.
    expect(await duel({ ...cut, otherPace: 20 })).toBe(true);
  });

  it('would be, were a proof counted from its answer', async () => {
    // Moments become those of the answers to what was asked then.
    let moments: [number, number][] = [];
    const clock: Clock = {
      now: () => {
        const moment: [number, number] = [time.now, time.now];
        moments.push(moment);
        return moment;
      },
      sleep: (milliseconds) => time.sleep(milliseconds),
    };
    onCall = () => {
      const asked = moments.splice(0);
      return () => asked.forEach((moment) => moment.fill(time.now));
    };
    expect(await duel(cut, clock)).toBe(true);
    moments = [];
  });
});
