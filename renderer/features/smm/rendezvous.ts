/**
 * From events of System Management Mode to what a person sees: rendezvous (from the first SMI until everybody runs again) and, per vCPU, what it did
 * when. Pure; times are host nanoseconds.
 */
import type { SmmEventMessage } from '../../../main/contract/smm.ts';

/** What a vCPU does: `smm` in SMM; `stopped` held still for it; `idle` not seen to do anything, as in HLT, while SMRAM is mapped. */
export type Activity = 'smm' | 'stopped' | 'idle';

export interface Segment {
  cpu: number;
  activity: Activity;
  from: number;
  /** Undefined while it lasts. */
  to: number | undefined;
}

export interface Rendezvous {
  /** Counts from 1 since the machine was started, as far as no event was skipped. */
  number: number;
  /** The first SMI that it serves, or what is known of its beginning. */
  from: number;
  /** When the last vCPU went on; undefined while it lasts. */
  to: number | undefined;
  source: { cause: SmmEventMessage['cause']; cpu: number } | undefined;
  /** vCPUs in the order in which they entered; one that came twice stands there twice. */
  entered: number[];
  latched: number;
  mapped: number | undefined;
  unmapped: number | undefined;
  segments: Segment[];
  /** What happened, for marks on the lanes. */
  marks: SmmEventMessage[];
}

/** A page of history: more than anybody scrolls through. */
const KEPT = 2000;

export class RendezvousLog {
  /** Oldest first. The last one may still be going on. */
  readonly list: Rendezvous[] = [];
  #open: Rendezvous | undefined;
  /** SMIs that nobody has served yet, by vCPU. */
  readonly #waiting = new Map<number, SmmEventMessage>();
  readonly #segments = new Map<number, Segment>();
  #count = 0;

  get current(): Rendezvous | undefined {
    return this.#open;
  }

  /** Some events are missing: nothing that was going on can be told to its end. */
  interrupt(): void {
    if (this.#open !== undefined) this.list.pop();
    this.#open = undefined;
    this.#waiting.clear();
    this.#segments.clear();
  }

  clear(): void {
    this.interrupt();
    this.list.length = 0;
    this.#count = 0;
  }

  add(event: SmmEventMessage): void {
    const { kind, cpu, time } = event;
    if (kind === 'smi') {
      if (this.#open === undefined || this.#open.unmapped !== undefined) this.#waiting.set(cpu, event);
      else this.#open.marks.push(event);
      return;
    }
    if (kind === 'latched') {
      const open = this.#open;
      if (open === undefined) return;
      open.latched++;
      open.marks.push(event);
      return;
    }
    if ((kind === 'stop' || kind === 'map') && (this.#open === undefined || this.#open.unmapped !== undefined)) this.#begin(event);
    const open = this.#open;
    // Events of a rendezvous whose beginning is not known.
    if (open === undefined) return;
    open.marks.push(event);
    switch (kind) {
      case 'map':
        open.mapped = time;
        return;
      case 'acknowledge':
      case 'hold':
        return this.#start(open, cpu, 'stopped', time);
      case 'enter':
        open.entered.push(cpu);
        return this.#start(open, cpu, 'smm', time);
      case 'rsm':
        return this.#end(cpu, time);
      case 'unmap':
        open.unmapped = time;
        return this.#settle(open, time);
      case 'release':
        this.#end(cpu, time);
        return this.#settle(open, time);
      case 'stop':
        return;
    }
  }

  #begin(event: SmmEventMessage): void {
    if (this.#open !== undefined) this.#finish(this.#open, event.time);
    const first = [...this.#waiting.values()].sort((a, b) => a.time - b.time)[0];
    const from = Math.min(event.time, first?.time ?? event.time);
    this.#open = {
      number: ++this.#count,
      from,
      to: undefined,
      source: first === undefined ? undefined : { cause: first.cause, cpu: first.cpu },
      entered: [],
      latched: 0,
      mapped: undefined,
      unmapped: undefined,
      segments: [],
      marks: [...this.#waiting.values()],
    };
    this.#waiting.clear();
    this.list.push(this.#open);
    if (this.list.length > KEPT) this.list.splice(0, this.list.length - KEPT);
  }

  #start(open: Rendezvous, cpu: number, activity: Activity, time: number): void {
    this.#end(cpu, time);
    const segment: Segment = { cpu, activity, from: time, to: undefined };
    this.#segments.set(cpu, segment);
    open.segments.push(segment);
  }

  #end(cpu: number, time: number): void {
    const segment = this.#segments.get(cpu);
    if (segment !== undefined) segment.to = time;
    this.#segments.delete(cpu);
  }

  /** It is over when SMRAM is unmapped and nobody is held any more. */
  #settle(open: Rendezvous, time: number): void {
    if (open.unmapped === undefined || this.#segments.size > 0) return;
    this.#finish(open, time);
  }

  #finish(open: Rendezvous, time: number): void {
    for (const cpu of [...this.#segments.keys()]) this.#end(cpu, time);
    open.to = time;
    this.#open = undefined;
  }
}

/** How long it took from its first SMI until everybody ran again, in ns; undefined while it lasts. */
export function lengthOf({ from, to }: Rendezvous): number | undefined {
  return to === undefined ? undefined : to - from;
}

/** What each vCPU did in a span of time, by the rendezvous in it; who is not named runs, or sleeps while SMRAM is mapped. */
export function segmentsIn(list: readonly Rendezvous[], from: number, to: number, cpus: number): Segment[] {
  const found: Segment[] = [];
  for (const rendezvous of list) {
    if (rendezvous.from > to || (rendezvous.to ?? Infinity) < from) continue;
    found.push(...rendezvous.segments);
    // Whoever neither came in nor was stopped slept: a parked vCPU is counted as stopped without being woken.
    if (rendezvous.mapped === undefined) continue;
    for (let cpu = 0; cpu < cpus; cpu++) {
      if (rendezvous.segments.some((segment) => segment.cpu === cpu)) continue;
      found.push({ cpu, activity: 'idle', from: rendezvous.mapped, to: rendezvous.unmapped });
    }
  }
  return found.filter((segment) => segment.from <= to && (segment.to ?? Infinity) > from);
}

/** What a vCPU does at one instant, and for how long already; undefined: it runs. */
export function activityAt(list: readonly Rendezvous[], cpu: number, time: number, cpus: number): { activity: Activity; since: number } | undefined {
  const segment = segmentsIn(list, time, time, cpus).find((one) => one.cpu === cpu);
  return segment === undefined ? undefined : { activity: segment.activity, since: segment.from };
}
