/** A pair's figures as charts and people read them. */
import type { PairEventMessage, PairSampleMessage } from '../../../main/contract/pairs.ts';
import { axisTop } from '../workbench/vcpu-figures.ts';

/** A chart's value at an instant, in milliseconds since 1970. */
export interface Point {
  at: number;
  value: number;
}

export type Measure = 'lag' | 'held' | 'heartbeat' | 'link' | 'states';

/** Runs of neighbouring values; where there was nothing to measure, the line breaks. */
export function runsOf(samples: readonly PairSampleMessage[], measure: Measure): Point[][] {
  const runs: Point[][] = [[]];
  for (const sample of samples) {
    const value = sample[measure];
    if (value === null) runs.push([]);
    else runs.at(-1)?.push({ at: sample.at, value });
  }
  return runs.filter((run) => run.length > 0);
}

/** The value below which `share` of them lie; undefined without any. */
export function quantileOf(values: readonly number[], share: number): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}

/** A round number at or above all of them, and at or above `least`. */
export function topOf(values: readonly number[], least: number): number {
  return axisTop(Math.max(least, ...values));
}

/** For instance "2.1", "46", "1,204": as many digits as help. */
export function figure(value: number): string {
  if (!Number.isInteger(value) && value < 10) return value.toFixed(1);
  return Math.round(value).toLocaleString('en-GB');
}

/** Events that are resyncs, with what they say. */
export function resyncsOf(events: readonly PairEventMessage[]): (PairEventMessage & { resync: NonNullable<PairEventMessage['resync']> })[] {
  return events.flatMap((event) => (event.resync === undefined ? [] : [{ ...event, resync: event.resync }]));
}

/** How many fall into each of `bins` equal parts of the time from `from` to `to`. */
export function binned(times: readonly number[], from: number, to: number, bins: number): number[] {
  const counts = new Array<number>(bins).fill(0);
  for (const at of times) {
    const bin = Math.floor(((at - from) / (to - from)) * bins);
    if (bin >= 0 && bin < bins) counts[bin] = (counts[bin] ?? 0) + 1;
  }
  return counts;
}

export type TimelineState = 'protected' | 'degraded' | 'unprotected';

/** Times of one state, in order, up to `now`; what was before the first known event is not known, and not drawn. */
export function timesOf(events: readonly PairEventMessage[], now: number): { state: TimelineState; from: number; to: number }[] {
  const times: { state: TimelineState; from: number; to: number }[] = [];
  for (const { kind, at } of events) {
    if (kind !== 'protected' && kind !== 'degraded' && kind !== 'unprotected') continue;
    const last = times.at(-1);
    if (last?.state === kind) continue;
    if (last !== undefined) last.to = at;
    times.push({ state: kind, from: at, to: now });
  }
  return times;
}

/** Round instants between two, at most `most` of them, in steps that people count in. */
export function clockTicks(from: number, to: number, most: number): number[] {
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800].map((seconds) => seconds * 1000);
  const step = steps.find((each) => (to - from) / each <= most) ?? 3_600_000;
  const ticks: number[] = [];
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) ticks.push(at);
  return ticks;
}

/** For instance "12:31:07", "yesterday 16:20", "3 Nov 16:20". */
export function dayTime(at: number, now: number): string {
  const day = (time: number): number => new Date(time).setHours(0, 0, 0, 0);
  if (day(at) === day(now)) return clockTime(at, 'seconds');
  const date = new Date(at);
  const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
  const word = day(at) === day(day(now) - 1) ? 'yesterday' : `${date.getDate()} ${months[date.getMonth()] ?? ''}`;
  return `${word} ${clockTime(at, 'minutes')}`;
}

/** For instance "12:31:07.204". */
export function clockTime(at: number, digits: 'minutes' | 'seconds' | 'milliseconds'): string {
  const time = new Date(at);
  const two = (value: number): string => String(value).padStart(2, '0');
  const minutes = `${two(time.getHours())}:${two(time.getMinutes())}`;
  if (digits === 'minutes') return minutes;
  const seconds = `${minutes}:${two(time.getSeconds())}`;
  return digits === 'seconds' ? seconds : `${seconds}.${String(time.getMilliseconds()).padStart(3, '0')}`;
}
