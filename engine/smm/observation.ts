/**
 * What is seen of SMM: events in a ring, counters and durations, in the transient block `smm`. Noting costs some hundred nanoseconds and
 * no lock; reading disturbs nobody. Host time in nanoseconds, the same on all threads.
 */
import type { DurationHistogram, SmiCause, SmmEvent, SmmEventKind, SmmEvents } from '../machine/smm-face.ts';
import { maximumVcpus } from '../machine/memory.ts';
import { histogramBuckets, ringEvents, type Duration, type SmmBlock } from './blocks.ts';

const kinds: readonly SmmEventKind[] = [
  'smi',
  'latched',
  'stop',
  'acknowledge',
  'map',
  'enter',
  'rsm',
  'unmap',
  'hold',
  'release',
];
export const causes: readonly SmiCause[] = ['apm', 'chipset', 'ipi', 'injected'];
const numberOf = Object.fromEntries(kinds.map((kind, number) => [kind, number])) as Record<SmmEventKind, number>;
const numberOfCause = Object.fromEntries(causes.map((cause, number) => [cause, number])) as Record<SmiCause, number>;
const noCause = 15;
const causeShift = 8;
const cpuShift = 16;

const readHostClock = process.hrtime.bigint;

export function hostNanoseconds(): number {
  return Number(readHostClock());
}

export class SmmObservation {
  /** `noted` is the index of the block's field in `shared`. */
  constructor(
    private readonly block: SmmBlock,
    private readonly shared: Int32Array<SharedArrayBuffer>,
    private readonly noted: number,
  ) {}

  /** Any thread. Gives the time that the event got. */
  note(kind: SmmEventKind, cpu: number, cause?: SmiCause, time = hostNanoseconds()): number {
    const { block } = this;
    const number = Atomics.add(this.shared, this.noted, 1);
    const slot = number & (ringEvents - 1);
    // Whoever reads the slot meanwhile finds that it is neither event.
    Atomics.store(block.ringNumber, slot, 0);
    block.ringTime[slot] = time;
    block.ringWhat[slot] =
      numberOf[kind] | ((cause === undefined ? noCause : numberOfCause[cause]) << causeShift) | (cpu << cpuShift);
    Atomics.store(block.ringNumber, slot, (number + 1) | 0);
    return time;
  }

  /** The events from number `since` on. */
  read(since: number): SmmEvents {
    const { block } = this;
    const next = Atomics.load(this.shared, this.noted) >>> 0;
    const from = Math.min(Math.max(0, since), next);
    const first = Math.max(from, next - ringEvents);
    const events: SmmEvent[] = [];
    let lost = first - from;
    for (let number = first; number < next; number++) {
      const slot = number & (ringEvents - 1);
      const before = Atomics.load(block.ringNumber, slot);
      const time = block.ringTime[slot] ?? 0;
      const what = block.ringWhat[slot] ?? 0;
      const after = Atomics.load(block.ringNumber, slot);
      const kind = kinds[what & 0xff];
      if (before !== ((number + 1) | 0) || after !== before || kind === undefined) {
        // Being written just now: it is asked for again. Else it was overwritten.
        if (number >= next - maximumVcpus * 4) return { events, next: number, lost, now: hostNanoseconds() };
        lost += 1;
        continue;
      }
      events.push({ sequence: number, kind, cpu: what >>> cpuShift, time, cause: causes[(what >>> causeShift) & 0xff] });
    }
    return { events, next, lost, now: hostNanoseconds() };
  }

  /** The vCPU's own thread. */
  record(duration: Duration, cpu: number, nanoseconds: number): void {
    const { block } = this;
    const time = Math.max(1, nanoseconds);
    const bucket = time < 2 ** histogramBuckets ? 31 - Math.clz32(time) : histogramBuckets - 1;
    const row = duration * maximumVcpus + cpu;
    block.counts[row * histogramBuckets + bucket]! += 1;
    block.totals[row]! += time;
    block.longest[row] = Math.max(block.longest[row] ?? 0, time);
  }

  histogram(duration: Duration): DurationHistogram {
    const { block } = this;
    const result: DurationHistogram = { counts: new Array<number>(histogramBuckets).fill(0), count: 0, total: 0, longest: 0 };
    for (let cpu = 0; cpu < maximumVcpus; cpu++) {
      const row = duration * maximumVcpus + cpu;
      result.total += block.totals[row] ?? 0;
      result.longest = Math.max(result.longest, block.longest[row] ?? 0);
      for (let bucket = 0; bucket < histogramBuckets; bucket++) {
        const count = block.counts[row * histogramBuckets + bucket] ?? 0;
        result.counts[bucket]! += count;
        result.count += count;
      }
    }
    return result;
  }

  /** Power-on: figures begin anew. Events go on counting, so that whoever follows them sees that. */
  clear(): void {
    const { block } = this;
    block.rendezvous = block.joins = 0;
    for (const counters of [block.causes, block.smis, block.latched, block.entries, block.stops, block.counts]) counters.fill(0);
    for (const times of [block.inSmmSince, block.inSmmFor, block.stoppedSince, block.stoppedFor, block.totals, block.longest])
      times.fill(0);
  }
}
