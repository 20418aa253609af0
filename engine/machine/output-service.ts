/** What chips say, on its way from the rings to the main thread, which takes it as fast as it can; then the rings fill and the guest waits. */
import { alertStream } from '../guard/alert.ts';
import { decodeAlerts } from '../guard/decode.ts';
import type { MachineChips } from './chips.ts';
import type { MachineEvent } from './machine.ts';
import type { OutputRing } from './output-ring.ts';
import { unreadLimit } from './protocol.ts';

/** Milliseconds for which alerts of the guard are gathered on their way to the host. */
const alertInterval = 2;

export class OutputService {
  #unread = 0;
  #alertTimer: NodeJS.Timeout | undefined;

  constructor(
    private readonly rings: readonly OutputRing[],
    private readonly kinds: MachineChips['outputs'],
    private readonly onEvent: (event: MachineEvent) => void,
  ) {}

  /** Hands the output of chips to the main thread, as far as it keeps up. */
  drain(alertsNow = true): void {
    for (const ring of this.rings) {
      const { name } = ring;
      if (name === alertStream && !alertsNow && !ring.congested) {
        // Many come together; the vCPU says so of the first only, so what waits costs it nothing.
        if (!ring.empty)
          this.#alertTimer ??= setTimeout(() => {
            this.#alertTimer = undefined;
            this.drain();
          }, alertInterval);
        continue;
      }
      const kind = this.kinds[name];
      for (;;) {
        if (this.#unread >= unreadLimit) return;
        if (name === alertStream) {
          clearTimeout(this.#alertTimer);
          this.#alertTimer = undefined;
        }
        const bytes = ring.take();
        if (bytes.length === 0) break;
        this.#unread += bytes.length;
        if (kind !== undefined) this.onEvent({ kind, bytes });
        else if (name === alertStream) this.onEvent({ kind: 'guard', alerts: decodeAlerts(bytes) });
      }
    }
  }

  /** The main thread has taken `bytes` of output. */
  taken(bytes: number): void {
    this.#unread -= bytes;
    this.drain(false);
  }

  /** Nothing waits to be handed over. */
  get empty(): boolean {
    return this.rings.every((ring) => ring.empty);
  }

  dispose(): void {
    clearTimeout(this.#alertTimer);
  }
}
