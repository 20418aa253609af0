/** What each vCPU did over the last minutes, from the machine's counters. */
import type { MachineStatisticsMessage } from '../../../main/contract/machine.ts';

export interface VcpuSample {
  /** 0 to 1. */
  busy: number;
  mips: number;
  /** A second, by reason. */
  exits: Record<string, number>;
}

/** Seconds that are kept: an hour. */
export const MOST_SAMPLES = 3600;
/** Points that a line has at most. */
const MOST_POINTS = 300;

/** What charts show of the past. */
export const SPANS = [
  { seconds: 60, title: '1 min' },
  { seconds: 300, title: '5 min' },
  { seconds: 3600, title: '60 min' },
] as const;

/** The newest `seconds` samples, each point of the result the mean of as many as fit; the oldest may have fewer. */
export function pointsOf(values: readonly number[], seconds: number): { values: number[]; most: number } {
  const width = Math.max(1, Math.ceil(seconds / MOST_POINTS));
  const newest = values.slice(-seconds);
  const points: number[] = [];
  for (let end = newest.length; end > 0; end -= width) {
    const group = newest.slice(Math.max(0, end - width), end);
    points.unshift(group.reduce((sum, value) => sum + value, 0) / group.length);
  }
  return { values: points, most: Math.ceil(seconds / width) };
}

/** What happened between two looks; undefined when no time went by, as over a reset of the counters. */
export function samplesBetween(before: MachineStatisticsMessage, now: MachineStatisticsMessage): VcpuSample[] | undefined {
  const seconds = now.seconds - before.seconds;
  if (seconds <= 0) return undefined;
  return now.vcpus.map((vcpu, cpu) => {
    const old = before.vcpus[cpu];
    const idle = vcpu.idleSeconds - (old?.idleSeconds ?? 0);
    const rate = (count: number, was: number | undefined): number => Math.max(0, count - (was ?? 0)) / seconds;
    return {
      busy: Math.min(1, Math.max(0, 1 - idle / seconds)),
      mips: rate(vcpu.instructions, old?.instructions) / 1e6,
      exits: Object.fromEntries(Object.entries(vcpu.exits).map(([reason, count]) => [reason, rate(count, old?.exits[reason])])),
    };
  });
}

/** A round number at or above `value`: the top of an axis. */
export function axisTop(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 5, 10].find((each) => each * power >= value) ?? 10;
  return step * power;
}

/** Points of a line, the newest at the right edge; `values` from 0 to `top`, of which `most` fill the width. */
export function linePoints(values: readonly number[], most: number, top: number, width: number, height: number): string {
  const step = width / (most - 1);
  return values
    .map((value, index) => {
      const x = width - (values.length - 1 - index) * step;
      return `${x.toFixed(1)},${(height - (Math.min(value, top) / top) * height).toFixed(1)}`;
    })
    .join(' ');
}

const EXIT_WORDS: Readonly<Record<string, string>> = {
  budget: 'Budget used up',
  attention: 'Attention (interrupt, stop)',
  fault: 'Exception',
  halt: 'HLT',
  service: 'Mode or state changed',
};

export function exitWords(reason: string): string {
  return EXIT_WORDS[reason] ?? reason;
}
