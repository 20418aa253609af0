import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SmmEventMessage } from '../../../main/contract/smm.ts';
import { duration, quantile, shownBuckets, sourceText } from './figures.ts';
import { activityAt, lengthOf, RendezvousLog, segmentsIn } from './rendezvous.ts';

let sequence = 0;
const event = (time: number, kind: SmmEventMessage['kind'], cpu: number, cause?: SmmEventMessage['cause']): SmmEventMessage => ({ sequence: sequence++, kind, cpu, time, cause });

/** Two vCPUs take an SMI one behind the other, a third is stopped for them, a fourth sleeps. */
const story = [
  event(100, 'smi', 2, 'ipi'),
  event(110, 'stop', 2),
  event(120, 'acknowledge', 0),
  event(130, 'acknowledge', 1),
  event(140, 'map', 2),
  event(150, 'enter', 2, 'ipi'),
  event(160, 'smi', 0, 'ipi'),
  event(170, 'enter', 0, 'ipi'),
  event(180, 'latched', 0, 'ipi'),
  event(200, 'rsm', 2),
  event(201, 'hold', 2),
  event(220, 'rsm', 0),
  event(221, 'unmap', 0),
  event(230, 'release', 2),
  event(240, 'release', 1),
];

function logOf(...events: SmmEventMessage[]): RendezvousLog {
  const log = new RendezvousLog();
  for (const one of events) log.add(one);
  return log;
}

describe('a rendezvous', () => {
  it('lasts from its first SMI until the last vCPU runs again', () => {
    const log = logOf(...story);
    expect(log.current).toBeUndefined();
    expect(log.list).toHaveLength(1);
    const [first] = log.list;
    expect(first).toMatchObject({ number: 1, from: 100, to: 240, source: { cause: 'ipi', cpu: 2 }, entered: [2, 0], latched: 1, mapped: 140, unmapped: 221 });
    expect(first && lengthOf(first)).toBe(140);
  });

  it('is going on as long as somebody is held', () => {
    const log = logOf(...story.slice(0, -1));
    expect(log.current).toMatchObject({ to: undefined });
    expect(activityAt(log.list, 1, 235, 4)).toEqual({ activity: 'stopped', since: 130 });
    expect(activityAt(log.list, 2, 235, 4)).toBeUndefined();
  });

  it('shows each vCPU as it was: stopped, in SMM, asleep, running', () => {
    const { list } = logOf(...story);
    const at = (time: number) => [0, 1, 2, 3].map((cpu) => activityAt(list, cpu, time, 4)?.activity);
    expect(at(90)).toEqual([undefined, undefined, undefined, undefined]);
    expect(at(125)).toEqual(['stopped', undefined, undefined, undefined]);
    expect(at(155)).toEqual(['stopped', 'stopped', 'smm', 'idle']);
    expect(at(175)).toEqual(['smm', 'stopped', 'smm', 'idle']);
    expect(at(210)).toEqual(['smm', 'stopped', 'stopped', 'idle']);
    expect(at(235)).toEqual([undefined, 'stopped', undefined, undefined]);
    expect(segmentsIn(list, 300, 400, 4)).toEqual([]);
  });

  it('of one vCPU needs nobody to stop', () => {
    const log = logOf(event(10, 'smi', 0, 'apm'), event(11, 'map', 0), event(12, 'enter', 0, 'apm'), event(20, 'rsm', 0), event(21, 'unmap', 0));
    expect(log.list).toMatchObject([{ from: 10, to: 21, entered: [0] }]);
  });

  it('may begin before the one before it has let everybody go', () => {
    const log = logOf(...story.slice(0, -1), event(238, 'smi', 0, 'apm'), event(239, 'stop', 0), event(245, 'map', 0), event(250, 'enter', 0, 'apm'));
    expect(log.list).toMatchObject([{ number: 1, to: 239 }, { number: 2, from: 238, to: undefined, entered: [0] }]);
  });

  it('whose beginning was not seen is not told', () => {
    expect(logOf(...story.slice(5)).list).toEqual([]);
    const log = logOf(...story.slice(0, 8));
    log.interrupt();
    for (const one of story.slice(8)) log.add(one);
    expect(log.list).toEqual([]);
    for (const one of story) log.add(one);
    expect(log.list).toHaveLength(1);
  });

  it('is never told with a vCPU in two places, whatever comes in whatever order', () => {
    const kind = fc.constantFrom<SmmEventMessage['kind']>('smi', 'latched', 'stop', 'acknowledge', 'map', 'enter', 'rsm', 'unmap', 'hold', 'release');
    fc.assert(
      fc.property(fc.array(fc.tuple(kind, fc.nat(3)), { maxLength: 60 }), (steps) => {
        const log = logOf(...steps.map(([what, cpu], index) => event(index, what, cpu)));
        for (let time = 0; time < steps.length; time++) {
          for (let cpu = 0; cpu < 4; cpu++) {
            const now = log.list.flatMap(({ segments }) => segments).filter((one) => one.cpu === cpu && one.from <= time && time < (one.to ?? Infinity));
            expect(now.length).toBeLessThanOrEqual(1);
          }
        }
        for (const { from, to } of log.list) expect(to === undefined || to >= from).toBe(true);
      }),
      { numRuns: 200 },
    );
  });
});

describe('figures', () => {
  it('are written so that they can be compared', () => {
    expect([12, 999, 1000, 14_230, 99_949, 99_951, 150_000, 2_500_000, 3e9].map(duration)).toEqual(['12 ns', '999 ns', '1.0 µs', '14.2 µs', '99.9 µs', '100 µs', '150 µs', '2.5 ms', '3.0 s']);
  });

  it('tell which share took less, never more than the longest', () => {
    const counts = new Array<number>(32).fill(0);
    counts[13] = 90;
    counts[15] = 10;
    const histogram = { counts, count: 100, total: 0, longest: 40_000 };
    expect(quantile(histogram, 0.5)).toBeGreaterThan(2 ** 13);
    expect(quantile(histogram, 0.5)).toBeLessThan(2 ** 14);
    expect(quantile(histogram, 0.99)).toBeGreaterThan(2 ** 15);
    expect(quantile(histogram, 1)).toBe(40_000);
    expect(quantile({ counts: [], count: 0, total: 0, longest: 0 }, 0.5)).toBeUndefined();
    expect(shownBuckets(histogram)).toEqual({ first: 12, last: 19 });
  });

  it('name where an SMI came from', () => {
    expect(sourceText({ cause: 'apm', cpu: 3 })).toBe('Port b2, vCPU 3');
    expect(sourceText(undefined)).toBe('Before the first event');
  });
});
