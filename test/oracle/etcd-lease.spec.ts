/** A pair's lease in a real etcd: what two sides are given there, with etcd gone, slow, and heard by one of them only. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { clearEtcd, EtcdLease, etcdOver, etcdOwner, type EtcdCall } from '../../main/host/pair/etcd-lease.ts';
import { Etcd, hasEtcd } from '../support/etcd.ts';

const ttl = 2;
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

function lease(side: string, through = call): EtcdLease {
  const one = new EtcdLease({ call: through, prefix, side, ttl });
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
    await expect(several('/nothing', {})).rejects.toThrow();
  });
});
