/** How far the other side is behind: for how long output waits for its equal. */
import { endOf } from '../../../engine/tolerance/output-log.ts';
import type { ChannelState } from '../../../engine/tolerance/side.ts';

/** Milliseconds for which a lag that is over counts: as long as people look away between two looks. */
const remembered = 500;

export class LagMeter {
  /** By channel: what waits, oldest first. */
  readonly #waiting = new Map<string, { end: number; at: number }[]>();
  #over: { lag: number; at: number }[] = [];

  /** After each step of the protocol, at `now` (milliseconds). */
  look(channels: Readonly<Record<string, ChannelState>>, now: number): void {
    for (const [name, { log, agreed }] of Object.entries(channels)) {
      const waiting = this.#waiting.get(name) ?? [];
      this.#waiting.set(name, waiting);
      const end = endOf(log);
      if (end > agreed && end > (waiting.at(-1)?.end ?? agreed)) waiting.push({ end, at: now });
      for (let first = waiting[0]; first !== undefined && first.end <= agreed; first = waiting[0]) {
        this.#over.push({ lag: now - first.at, at: now });
        waiting.shift();
      }
    }
    this.#forget(now);
  }

  /** Nobody is waited for any more. */
  clear(): void {
    this.#waiting.clear();
    this.#over = [];
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
