import { describe, expect, it } from 'vitest';
import type { SmmEvent, SmmEvents, SmmState } from '../../engine/machine/smm-face.ts';
import { smmMessage, type SmmMessage } from '../contract/smm.ts';
import { watchSmm } from './smm.ts';

const histogram = { counts: new Array<number>(32).fill(0), count: 0, total: 0, longest: 0 };

class FakeSmm {
  readonly events: SmmEvent[] = [];
  /** The ring keeps no more than this. */
  kept = Infinity;
  fails = false;
  readonly asked: number[] = [];

  happen(count: number): void {
    for (let index = 0; index < count; index++) this.events.push({ sequence: this.events.length, kind: 'smi', cpu: 0, time: this.events.length, cause: 'apm' });
  }

  async smm(): Promise<SmmState> {
    if (this.fails) throw new Error('disposed of');
    const statistics = { smis: this.events.length, latched: 0, causes: { apm: 0, chipset: 0, ipi: 0, injected: 0 }, entries: 0, rendezvous: 0, joins: 0 };
    return {
      layout: 'intel32',
      mapped: false,
      open: false,
      closed: false,
      locked: false,
      ranges: [],
      breakOn: { entry: false, exit: false },
      statistics: { ...statistics, latency: histogram, stop: histogram, residency: histogram, exit: histogram, vcpus: [] },
      now: 1,
    };
  }

  async smmEvents(since: number): Promise<SmmEvents> {
    this.asked.push(since);
    const first = Math.max(since, this.events.length - this.kept);
    return { events: this.events.slice(first), next: this.events.length, lost: first - since, now: 1 };
  }
}

async function take(stream: AsyncGenerator<SmmMessage, void, void>): Promise<SmmMessage | undefined> {
  const next = await stream.next();
  return next.done === true ? undefined : smmMessage.parse(next.value);
}

describe('who follows System Management Mode', () => {
  it('hears that the machine is off once, then what happens from its start on', async () => {
    const session: { running?: FakeSmm } = {};
    const stream = watchSmm(() => session.running, undefined, 1);
    expect(await take(stream)).toEqual({ kind: 'off' });
    const machine = new FakeSmm();
    machine.happen(3);
    session.running = machine;
    expect(await take(stream)).toMatchObject({ kind: 'now', events: [{ sequence: 0 }, { sequence: 1 }, { sequence: 2 }], skipped: 0 });
    machine.happen(2);
    expect(await take(stream)).toMatchObject({ events: [{ sequence: 3 }, { sequence: 4 }] });
    await stream.return();
  });

  it('is told of another start from its first event on', async () => {
    const first = new FakeSmm();
    first.happen(5);
    let machine: FakeSmm | undefined = first;
    const stream = watchSmm(() => machine, undefined, 1);
    await take(stream);
    machine = undefined;
    expect(await take(stream)).toEqual({ kind: 'off' });
    const second = new FakeSmm();
    second.happen(1);
    machine = second;
    expect(await take(stream)).toMatchObject({ kind: 'now', events: [{ sequence: 0 }] });
    expect(second.asked).toEqual([0]);
    await stream.return();
  });

  it('gets the newest events of a storm, and how many it did not get', async () => {
    const machine = new FakeSmm();
    machine.kept = 6000;
    machine.happen(10_000);
    const stream = watchSmm(() => machine, undefined, 1);
    const message = await take(stream);
    expect(message?.kind === 'now' && [message.events.length, message.events[0]?.sequence, message.skipped]).toEqual([1500, 8500, 8500]);
    await stream.return();
  });

  it('hears of a machine that ended between two looks as of one that is off', async () => {
    const machine = new FakeSmm();
    const stream = watchSmm(() => machine, undefined, 1);
    await take(stream);
    machine.fails = true;
    expect(await take(stream)).toEqual({ kind: 'off' });
    await stream.return();
  });

  it('ends when the machine is deleted, and when nobody listens any more', async () => {
    expect(await take(watchSmm(() => 'gone', undefined, 1))).toBeUndefined();
    const stop = new AbortController();
    const stream = watchSmm(() => new FakeSmm(), stop.signal, 60_000);
    await take(stream);
    const next = take(stream);
    stop.abort();
    expect(await next).toBeUndefined();
  });
});
