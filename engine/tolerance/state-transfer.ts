/**
 * A machine's state on its way to the other side, or from it. Service worker; between `hold` and `go` every vCPU stands still.
 */
import { hashOf, StateSending, type ChangedPages, type Taken } from './state-sending.ts';
import { StateReceiving } from './state-receiving.ts';
import { StateParts, type EpochHold, type TransferMachine } from './state-parts.ts';

export type { ChangedPages, Taken, TransferMachine };

export class StateTransfer {
  readonly #parts: StateParts;
  readonly receiving: StateReceiving;
  #sending: StateSending | undefined;

  constructor(private readonly machine: TransferMachine) {
    this.#parts = new StateParts(machine);
    this.receiving = new StateReceiving(machine, this.#parts);
  }

  /** Holds the machine. With `tell` the answer says what this side has changed. */
  async hold(tell: boolean, epoch?: EpochHold): Promise<ChangedPages | undefined> {
    await this.machine.hold(epoch);
    if (!tell) return undefined;
    const keys: number[] = [];
    const hashes: Buffer[] = [];
    for (const [index, part] of this.#parts.list.entries()) {
      for (const page of part.changed()) {
        keys.push(index, page);
        hashes.push(hashOf(await part.page(page)));
      }
    }
    return { keys: Uint32Array.from(keys), hashes: Buffer.concat(hashes) };
  }

  go(run?: boolean): void {
    this.machine.go(run);
  }

  /** A new transfer to the other side, in place of one that was given up; only a full one may follow on that. */
  begin(peer: ChangedPages | undefined): StateSending {
    return (this.#sending = new StateSending(this.machine, this.#parts, peer));
  }

  /** The transfer that was begun. */
  get sending(): StateSending {
    if (this.#sending === undefined) throw new Error('No transfer was begun.');
    return this.#sending;
  }

  /** The secondary goes on alone: what its guest has written is on its disks. */
  async takeOver(): Promise<void> {
    for (const image of this.machine.disks.values()) await image.takeOver();
  }
}
