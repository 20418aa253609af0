/** Figures of durations and sources, as text and as shares of a histogram. */
import type { DurationHistogramMessage } from '../../../main/contract/smm-figures.ts';
import type { SmmEventMessage } from '../../../main/contract/smm.ts';

/** Nanoseconds as a person reads them: three digits, never more than can be compared. */
export function duration(nanoseconds: number): string {
  if (nanoseconds < 1000) return `${Math.round(nanoseconds)} ns`;
  for (const [unit, scale] of [
    ['µs', 1e3],
    ['ms', 1e6],
  ] as const) {
    const value = nanoseconds / scale;
    if (value < 1000) return `${value < 99.95 ? value.toFixed(1) : Math.round(value)} ${unit}`;
  }
  return `${(nanoseconds / 1e9).toFixed(1)} s`;
}

/**
 * The duration below which a share (0 to 1) of all lie, in ns: interpolated within its bucket on the logarithmic scale, and never above the longest one
 * seen. Undefined for an empty histogram.
 */
export function quantile({ counts, count, longest }: DurationHistogramMessage, share: number): number | undefined {
  if (count === 0) return undefined;
  const wanted = Math.max(1, Math.ceil(share * count));
  let before = 0;
  for (const [bucket, inside] of counts.entries()) {
    if (before + inside >= wanted) return Math.min(longest, 2 ** (bucket + (wanted - before) / inside));
    before += inside;
  }
  return longest;
}

/** Where an SMI came from, in words. */
export function sourceText(source: { cause: SmmEventMessage['cause']; cpu: number } | undefined): string {
  if (source === undefined) return 'Before the first event';
  const { cause, cpu } = source;
  if (cause === 'apm') return `Port b2, vCPU ${cpu}`;
  if (cause === 'chipset') return `Chipset, to vCPU ${cpu}`;
  if (cause === 'ipi') return `IPI to vCPU ${cpu}`;
  return cause === 'injected' ? `Injected, vCPU ${cpu}` : `vCPU ${cpu}`;
}

/** First and last bucket that a chart of the histogram shows, with one empty one on both sides where there is room. */
export function shownBuckets({ counts }: DurationHistogramMessage): { first: number; last: number } {
  const used = counts.flatMap((count, bucket) => (count > 0 ? [bucket] : []));
  const first = used[0] ?? 12;
  const last = used.at(-1) ?? 17;
  return { first: Math.max(0, first - 1), last: Math.min(counts.length - 1, Math.max(last, first + 5) + 1) };
}
