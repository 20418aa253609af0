import { afterEach, describe, expect, it } from 'vitest';
import { EtcdLease } from './etcd-lease.ts';

/** Real etcd: test/oracle/etcd-lease.spec.ts. Here the clocks are the test's. */
describe('the time of a lease in etcd', { timeout: 60_000 }, () => {
  let lease: EtcdLease | undefined;
  afterEach(() => lease?.end());

  /** An etcd that gives everything, `slow` milliseconds after it was asked. */
  function timed(slow: number, ttl: number, given = ttl) {
    const clock = { monotonic: 5000, day: 1_000_000 };
    lease = new EtcdLease({
      prefix: '/p/',
      side: 'a',
      ttl,
      clocks: () => [clock.monotonic, clock.day],
      call: (path) => {
        clock.monotonic += slow;
        clock.day += slow;
        return Promise.resolve(path === '/lease/grant' ? { ID: '7', TTL: String(given) } : { succeeded: true });
      },
    });
    return { clock, lease };
  }

  it('begins when it is asked for, and ends before etcd’s', async () => {
    const { clock, lease: one } = timed(400, 600);
    expect(await one.acquire(1)).toBe(true);
    // Asked at 5000; etcd may have begun to count any time from then on.
    clock.monotonic = 5000 + 539_999;
    expect(one.standing(1)).toBe('held');
    clock.monotonic = 5000 + 540_000;
    expect(one.standing(1)).toBe('unproven');
  });

  it('is over by the time of day when the host was suspended, and not longer when that is set back', async () => {
    const { clock, lease: one } = timed(0, 600);
    await one.acquire(1);
    clock.day += 3_600_000;
    expect(one.standing(1)).toBe('unproven');
    clock.day -= 7_200_000;
    expect(one.standing(1)).toBe('held');
    clock.monotonic += 540_000;
    expect(one.standing(1)).toBe('unproven');
  });

  it('is what etcd gave, not what was asked', async () => {
    const { clock, lease: one } = timed(0, 600, 2);
    await one.acquire(1);
    clock.monotonic += 1799;
    expect(one.standing(1)).toBe('held');
    clock.monotonic += 1;
    expect(one.standing(1)).toBe('unproven');
  });

  it('is not that of a lease on which nothing hangs: the term may be another’s by then', async () => {
    const stood: string[] = [];
    let isOver = false;
    const one = (lease = new EtcdLease({
      prefix: '/p/',
      side: 'a',
      ttl: 0.02,
      call: (path) => {
        if (path === '/lease/keepalive') return Promise.resolve({ result: {} });
        if (path === '/lease/grant') return Promise.resolve({ ID: '7', TTL: '600' });
        if (isOver) stood.push(one.standing(1));
        const value = Buffer.from('2').toString('base64');
        return Promise.resolve(isOver ? { responses: [{ response_range: { kvs: [{ value }] } }] } : { succeeded: true });
      },
    }));
    expect(await one.acquire(1)).toBe(true);
    // etcd has let the lease go, and grants another; the term is over.
    isOver = true;
    for (const end = Date.now() + 20_000; one.standing(1) !== 'lost' && Date.now() < end; ) await new Promise((resolve) => setTimeout(resolve, 1));
    expect([stood, one.standing(1)]).toEqual([['unproven'], 'lost']);
  });

  it('is of one term, and of none once it is given up', async () => {
    const { lease: one } = timed(0, 600);
    await one.acquire(1);
    expect([one.standing(1), one.standing(2)]).toEqual(['held', 'lost']);
    await one.end();
    expect(one.standing(1)).toBe('lost');
  });
});
