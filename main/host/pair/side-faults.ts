/** Faults that people inject into a side, to see that its clients notice nothing. */
import type { Machine } from '../../../engine/machine/machine.ts';
import { askPair } from '../../../engine/tolerance/questions.ts';
import type { Link } from './link.ts';
import type { FailPoint, Fault } from './protocol.ts';

export class SideFaults {
  #flipsOutput = false;
  #delayEnds: NodeJS.Timeout | undefined;
  #failAt: Extract<Fault, { kind: 'fail-at' }> | undefined;

  constructor(
    private readonly machine: Machine,
    /** As they are at that moment. */
    private readonly links: () => { readonly peer: Link | undefined; readonly gateway: Link | undefined },
  ) {}

  /** Answered when it is done, or armed. */
  async inject(fault: Fault): Promise<void> {
    switch (fault.kind) {
      case 'cut':
        this.links().peer?.close();
        return;
      case 'delay':
        this.#delay(fault.milliseconds, fault.seconds);
        return;
      case 'flip-memory':
        return askPair(this.machine, 'flip', { address: fault.address });
      case 'flip-register':
        return askPair(this.machine, 'flipRegister', { cpu: fault.cpu, register: fault.register });
      case 'flip-output':
        this.#flipsOutput = true;
        return;
      case 'fail-at':
        this.#failAt = fault;
        return;
    }
  }

  /** The protocol is at this step. What was sent before is on its way: signals wait for no socket. */
  point(point: FailPoint): void {
    if (this.#failAt?.point !== point) return;
    const { signal } = this.#failAt;
    this.#failAt = undefined;
    const { peer, gateway } = this.links();
    gateway?.flush();
    peer?.flush();
    process.kill(process.pid, signal);
    // A stop comes before the next step, whatever the scheduler does.
    if (signal === 'SIGSTOP') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
  }

  /** The machine says this; the caller's own copy. */
  spoil(bytes: Uint8Array): void {
    if (!this.#flipsOutput || bytes.length === 0) return;
    this.#flipsOutput = false;
    bytes[0] = (bytes[0] ?? 0) ^ 1;
  }

  #delay(milliseconds: number, seconds: number | undefined): void {
    const { peer } = this.links();
    if (peer === undefined) return;
    peer.delay = milliseconds;
    clearTimeout(this.#delayEnds);
    if (seconds !== undefined) this.#delayEnds = setTimeout(() => (peer.delay = 0), seconds * 1000);
  }
}
