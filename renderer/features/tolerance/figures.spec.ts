import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pairSample } from '../../testing/fake-pairs.ts';
import { binned, clockTicks, dayTime, figure, quantileOf, runsOf, timesOf } from './figures.ts';
import { hexRows, rowText, textRows } from './stream-rows.ts';
import { parseAddress } from './wording.ts';

describe('the figures of a pair', () => {
  it('have as many digits as help', () => {
    expect([0, 0.04, 2, 2.14, 46.4, 1204].map(figure)).toEqual(['0', '0.0', '2', '2.1', '46', '1,204']);
  });

  it('are one line for each run of looks that measured something', () => {
    const samples = [pairSample(1, { lag: null }), pairSample(2), pairSample(3), pairSample(4, { lag: null }), pairSample(5)];
    expect(runsOf(samples, 'lag').map((run) => run.map(({ at }) => at))).toEqual([[2, 3], [5]]);
  });

  it('have the day with the time where it is another one', () => {
    const now = new Date(2026, 0, 1, 0, 30).getTime();
    expect([now, new Date(2025, 11, 31, 16, 20).getTime(), new Date(2025, 11, 30, 9, 5).getTime()].map((at) => dayTime(at, now))).toEqual(['00:30:00', 'yesterday 16:20', '30 Dec 09:05']);
  });

  it('fall into bins, each into one, and none outside', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -50, max: 150 })), fc.integer({ min: 1, max: 20 }), (times, bins) => {
        const inside = times.filter((at) => at >= 0 && at < 100).length;
        expect(binned(times, 0, 100, bins).reduce((sum, count) => sum + count, 0)).toBe(inside);
      }),
    );
  });

  it('have quantiles that are among them', () => {
    expect(quantileOf([], 0.5)).toBeUndefined();
    expect(quantileOf([3, 1, 2], 0.5)).toBe(2);
    expect(quantileOf([1, 2, 3], 1)).toBe(3);
  });
});

describe('the band of states', () => {
  it('goes from one state to the next without a gap, and ends now', () => {
    const event = (at: number, kind: 'protected' | 'unprotected' | 'note') => ({ at, kind, by: 'a' as const, text: '' });
    const times = timesOf([event(10, 'unprotected'), event(12, 'note'), event(20, 'protected'), event(25, 'protected'), event(40, 'unprotected')], 50);
    expect(times).toEqual([
      { state: 'unprotected', from: 10, to: 20 },
      { state: 'protected', from: 20, to: 40 },
      { state: 'unprotected', from: 40, to: 50 },
    ]);
  });

  it('has few, round instants', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e12 }), fc.integer({ min: 1000, max: 1_800_000 }), (from, span) => {
        const ticks = clockTicks(from, from + span, 6);
        expect(ticks.length).toBeLessThanOrEqual(7);
        for (const at of ticks) expect(at % 1000).toBe(0);
      }),
    );
  });
});

it('takes hexadecimal addresses alone', () => {
  expect([parseAddress('2ff000'), parseAddress(' 0x10 '), parseAddress(''), parseAddress('123456789'), parseAddress('g')]).toEqual([0x2ff000, 16, undefined, undefined, undefined]);
});

describe('the rows of a stream', () => {
  const stream = (length: number): Uint8Array => Uint8Array.from({ length }, (_, at) => ((at * 7) % 11 === 0 ? 0x0a : 0x41 + (at % 26)));

  it('have every byte once, and stay where they are when the begin is not kept any more', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 40 }), (offset, length, dropped) => {
        const bytes = stream(length);
        for (const rowsOf of [hexRows, (at: number, all: Uint8Array) => textRows(at, all, 100)]) {
          const rows = rowsOf(offset, bytes);
          expect(Buffer.concat(rows.map((row) => row.bytes)).equals(bytes)).toBe(true);
          const later = rowsOf(offset + Math.min(dropped, length), bytes.subarray(dropped));
          // But for the first, which may have lost its begin.
          for (const row of later.slice(1)) expect(rows.map((one) => one.offset)).toContain(row.offset);
        }
      }),
    );
  });

  it('cut a line that is too long, and show no end of one', () => {
    const rows = textRows(10, Uint8Array.from(Buffer.from('abcdef\r\n\nx')), 4);
    expect(rows.map((row) => [row.offset, rowText(row)])).toEqual([[10, 'abcd'], [14, 'ef'], [18, ''], [19, 'x']]);
  });
});
