/** How far the other side is behind: for how long output waits for its equal, and what that costs: for how much of the time any does. */
import { endOf } from '../../../engine/tolerance/output-log.ts';
import type { ChannelState } from '../../../engine/tolerance/side.ts';

/** Milliseconds for which a lag that is over counts: as long as people look away between two looks. */
const remembered = 500;

export class LagMeter {
  /** By channel: what waits, oldest first. */
  readonly #waiting = new Map<string, { end: number; at: number }[]>();
  #over: { lag: number; at: number }[] = [];
  /** Since when somebody is waited for, and since when output waits; milliseconds for which it did before that. */
  #since: number | undefined;
  #waitsSince: number | undefined;
  #waited = 0;
  #stood = 0;

  /** After each step of the protocol, at `now` (milliseconds). */
  look(channels: Readonly<Record<string, ChannelState>>, now: number): void {
    this.#since ??= now;
    let waits = false;
    for (const [name, { log, agreed }] of Object.entries(channels)) {
      const waiting = this.#waiting.get(name) ?? [];
      this.#waiting.set(name, waiting);
      const end = endOf(log);
      if (end > agreed && end > (waiting.at(-1)?.end ?? agreed)) waiting.push({ end, at: now });
      for (let first = waiting[0]; first !== undefined && first.end <= agreed; first = waiting[0]) {
        this.#over.push({ lag: now - first.at, at: now });
        waiting.shift();
      }
      waits ||= waiting.length > 0;
    }
    if (waits) this.#waitsSince ??= now;
    else if (this.#waitsSince !== undefined) {
      this.#waited += now - this.#waitsSince;
      this.#waitsSince = undefined;
    }
    this.#forget(now);
  }

  /** The machine stood still for these milliseconds, so that the other could be made its equal. */
  stood(milliseconds: number): void {
    this.#stood += milliseconds;
  }

  /** Nobody is waited for any more. */
  clear(): void {
    this.#waiting.clear();
    this.#over = [];
    this.#since = undefined;
    this.#waitsSince = undefined;
    this.#waited = 0;
    this.#stood = 0;
  }

  /** Milliseconds since somebody is waited for, and for how many of them output waited, and the machine stood still. Undefined while nobody is. */
  cost(now: number): { together: number; waited: number; stood: number } | undefined {
    if (this.#since === undefined) return undefined;
    return { together: now - this.#since, waited: this.#waited + (this.#waitsSince === undefined ? 0 : now - this.#waitsSince), stood: this.#stood };
  }

  /** The longest wait that is there, or was over in the last half second; 0 where nothing waited. */
  milliseconds(now: number): number {
    this.#forget(now);
    const oldest = [...this.#waiting.values()].flatMap(([first]) => (first === undefined ? [] : [now - first.at]));
    return Math.max(0, ...oldest, ...this.#over.map(({ lag }) => lag));
  }

  #forget(now: number): void {
    const from = this.#over.findIndex(({ at }) => now - at <= remembered);
    this.#over = from < 0 ? [] : from === 0 ? this.#over : this.#over.slice(from);
  }
}
