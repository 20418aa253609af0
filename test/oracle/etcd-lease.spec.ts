/** A pair's lease in a real etcd: what two sides are given there, with etcd gone, slow, and heard by one of them only. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { clearEtcd, EtcdLease, etcdOwner, type Clock } from '../../main/host/pair/etcd-lease.ts';
import { anyEtcd, etcdOver, type EtcdCall } from '../../main/host/pair/etcd.ts';
import { Etcd, hasEtcd } from '../support/etcd.ts';

/** Milliseconds: long, so that hosts that are busy do not make proofs late that are to be in time. */
const validity = 1000;
const prefix = '/vitrine/pairs/test/';
const leases: EtcdLease[] = [];
let etcd: Etcd;
let call: EtcdCall;

/** The call of a side whose network can be cut. */
function network() {
  const state = { isCut: false };
  const through: EtcdCall = (path, body) => (state.isCut ? Promise.reject(new Error('cut')) : call(path, body));
  return { state, call: through };
}

function lease(side: string, through = call, clock?: Clock): EtcdLease {
  const one = new EtcdLease({ call: through, prefix, side, validity, ...(clock === undefined ? {} : { clock }) });
  leases.push(one);
  return one;
}

async function until(what: string, condition: () => boolean): Promise<void> {
  for (const end = Date.now() + 60_000; !condition(); await delay(10)) if (Date.now() > end) throw new Error(`Waited for ${what}.`);
}

describe.skipIf(!hasEtcd)('the lease of a pair in etcd', () => {
  beforeEach(async () => {
    etcd = await Etcd.start();
    call = etcdOver([etcd.url], 5000);
  });
  afterEach(async () => {
    etcd.signal('SIGCONT');
    await Promise.all(leases.splice(0).map((one) => one.end()));
    await etcd.end();
  });

  it('gives each term to one side, in their order, and the next one to its owner at any time', async () => {
    const a = lease('a');
    const b = lease('b');
    expect((await Promise.all([a.acquire(1), b.acquire(1)])).sort()).toEqual([false, true]);
    const [owner, other] = a.standing(1) === 'lost' ? [b, a] : [a, b];
    await until('a proof', () => owner.standing(1) === 'held');
    expect(other.standing(1)).toBe('lost');
    expect(await owner.acquire(2)).toBe(true);
    // Asked for later, and by who does not know it yet.
    expect(await other.acquire(2)).toBe(false);
    expect(owner.standing(1)).toBe('lost');
    expect((await etcdOwner(call, prefix))?.startsWith(owner === a ? 'a-' : 'b-')).toBe(true);
    await clearEtcd(call, prefix);
    expect(await etcdOwner(call, prefix)).toBeUndefined();
  });

  it('gives the next term to the other when the owner gives up, or is not heard of and cannot prove any more to have it', async () => {
    const cut = network();
    const a = lease('a', cut.call);
    const b = lease('b');
    expect(await a.acquire(1)).toBe(true);
    cut.state.isCut = true;
    let stoodWhenTaken: string | undefined;
    expect(
      await b.acquire(2).then((granted) => {
        stoodWhenTaken = a.standing(1);
        return granted;
      }),
    ).toBe(true);
    expect(stoodWhenTaken).toBe('unproven');
    cut.state.isCut = false;
    await until('the owner of old to know', () => a.standing(1) === 'lost');
    // It is behind for good.
    expect(await a.acquire(2)).toBe(false);

    const c = lease('c');
    await b.end();
    expect(b.standing(2)).toBe('lost');
    expect(await c.acquire(3)).toBe(true);
  });

  it('stays with an owner that is there, and that it is asked leaves nothing in etcd', async () => {
    const a = lease('a');
    expect(await a.acquire(1)).toBe(true);
    const revision = async () => ((await call('/kv/range', { key: Buffer.from(`${prefix}lease`).toString('base64') })) as { header: { revision: string } }).header.revision;
    const before = await revision();
    await delay(2 * validity);
    await until('a proof', () => a.standing(1) === 'held');
    expect(await revision()).toBe(before);

    const asked = lease('b').acquire(2);
    let stood = 0;
    for (const end = Date.now() + 3 * validity; Date.now() < end; await delay(10)) if (a.standing(1) === 'held') stood++;
    // A host that stands still may cost one proof, and then the other has it by right; here it is about who is there.
    if (a.standing(1) === 'lost') expect(await asked).toBe(true);
    else {
      expect(stood).toBeGreaterThan(10);
      expect(await a.acquire(2)).toBe(true);
      expect(await asked).toBe(false);
    }
  });

  /** How the owner stood when the other had been given its term; the owner's answers take `slow` milliseconds, and end at once when the other asks. */
  async function whenTaken(slow: number, clock?: Clock, onAsked?: () => () => void, otherClock?: Clock): Promise<string> {
    const cut = network();
    const a = lease(
      'a',
      async (path, body) => {
        const onAnswered = onAsked?.();
        const answer = await cut.call(path, body);
        await delay(slow);
        onAnswered?.();
        return answer;
      },
      clock,
    );
    expect(await a.acquire(1)).toBe(true);
    // Questions are on their way then.
    await delay(validity);
    await until('a proof', () => a.standing(1) === 'held');
    cut.state.isCut = true;
    let stood = '';
    await lease('b', call, otherClock)
      .acquire(2)
      .then(() => (stood = a.standing(1)));
    return stood;
  }

  it('is proved by nobody any more when the other is given it, and would be without the wait, or were proofs counted from their answers', async () => {
    expect(await whenTaken(200)).toBe('unproven');
    await clearEtcd(call, prefix);
    const fast: Clock = { now: () => [performance.now() * 1000, Date.now()], sleep: (milliseconds) => delay(milliseconds / 1000) };
    expect(await whenTaken(0, undefined, undefined, fast)).toBe('held');
    await clearEtcd(call, prefix);
    let moments: [number, number][] = [];
    const late: Clock = {
      now: () => {
        const moment: [number, number] = [performance.now(), Date.now()];
        moments.push(moment);
        return moment;
      },
      sleep: (milliseconds) => delay(milliseconds),
    };
    const restamped = () => {
      const asked = moments;
      moments = [];
      return () => asked.forEach((moment) => moment.splice(0, 2, performance.now(), Date.now()));
    };
    expect(await whenTaken(800, late, restamped)).toBe('held');
  });

  it('proves nothing while etcd stands still, and the same term again behind it', async () => {
    const a = lease('a');
    expect(await a.acquire(1)).toBe(true);
    etcd.signal('SIGSTOP');
    await until('the end of the proof', () => a.standing(1) === 'unproven');
    const asked = lease('b').acquire(2);
    etcd.signal('SIGCONT');
    // Whoever is first has it, and only one of them does.
    const granted = await Promise.race([asked, until('a to be certain', () => a.standing(1) === 'held').then(() => 'again')]);
    if (granted === 'again') {
      expect(a.isReachable).toBe(true);
      await a.end();
    }
    expect(await asked).toBe(true);
    expect(a.standing(1)).toBe('lost');
  });

  it('asks every endpoint until one answers', async () => {
    const several = etcdOver(['http://127.0.0.1:1', etcd.url], 5000);
    const a = lease('a', several);
    expect(await a.acquire(1)).toBe(true);
    await expect(several('/nothing', {})).rejects.toThrow(/etcd at http:\/\/127\.0\.0\.1:\d+ refuses \/nothing/u);
    const one = await anyEtcd(['http://127.0.0.1:1', etcd.url], (asked) => etcdOwner(asked, prefix), 5000);
    expect(one?.startsWith('a-')).toBe(true);
    await expect(anyEtcd(['http://127.0.0.1:1'], (asked) => etcdOwner(asked, prefix), 5000)).rejects.toThrow('etcd at http://127.0.0.1:1 does not answer: connect ECONNREFUSED');
  });
});

describe.skipIf(!hasEtcd)('the lease of a pair in three etcds', () => {
  it('bears the loss of any one of them, and proves nothing with one that is left', { timeout: 240_000 }, async () => {
    const members = await Etcd.cluster(3);
    const urls = members.map(({ url }) => url);
    try {
      const a = lease('a', etcdOver(urls, 1000));
      expect(await a.acquire(1)).toBe(true);
      await until('a proof', () => a.standing(1) === 'held');
      // The one that it asks; sooner or later another leads.
      await members[0]?.end();
      await delay(3 * validity);
      await until('a proof of two', () => a.standing(1) === 'held');
      await a.end();
      const b = lease('b', etcdOver(urls, 1000));
      expect(await b.acquire(2)).toBe(true);

      await members[1]?.end();
      await until('the end of all proofs', () => b.standing(2) === 'unproven');
      await delay(3 * validity);
      expect([b.standing(2), b.isReachable]).toEqual(['unproven', false]);
    } finally {
      await Promise.all(leases.splice(0).map((one) => one.end()));
      await Promise.all(members.map((one) => one.end()));
    }
  });
});
