/**
 * One transfer of the primary's state to the secondary, up to the moment at which it can be sent: the secondary stands still, what there is to send goes
 * ahead, in rounds, while the primary runs, and only for the little that is left the primary stands still as well.
 */
import type { Machine } from '../../../engine/machine/machine.ts';
import { askPair } from '../../../engine/tolerance/questions.ts';
import type { ChangedPages, Taken } from '../../../engine/tolerance/state-transfer.ts';
import type { ToPeerProcess } from './protocol.ts';

/** Pages for which it is not worth while to send anything ahead: they are copied in some milliseconds. */
const fewPages = 1024;
/** A guest may write faster than the link carries; then it has to stand still for what it writes. */
const mostRounds = 8;
/** Pieces that may be on their way. */
const window = 4;

/** What was changed, if nobody says. */
const nothing: ChangedPages = { keys: new Uint32Array(0), hashes: new Uint8Array(0) };

export class Capture {
  /** It is of no use any more. */
  isOver = false;
  #peerHeld: ((changed: ChangedPages | undefined) => void) | undefined;
  #onTheWay = 0;
  #roomMade: (() => void) | undefined;

  /** `number` names it to the other side, which may still be busy with an earlier one. */
  constructor(
    readonly number: number,
    private readonly isFull: boolean,
    private readonly machine: Machine,
    private readonly send: (message: ToPeerProcess) => void,
  ) {}

  abandon(): void {
    this.isOver = true;
    this.#peerHeld?.(undefined);
    this.#roomMade?.();
  }

  /** The secondary stands still. */
  held(changed: ChangedPages | undefined): void {
    this.#peerHeld?.(changed);
  }

  /** The secondary has a piece. */
  staged(): void {
    this.#onTheWay--;
    this.#roomMade?.();
  }

  /**
   * Has the secondary stand still, and sends ahead what is worth it. `onAhead` comes before each piece. `epoch`: where the secondary is to stand, see EpochHold.
   */
  async prepare(onAhead: () => void, epoch?: number): Promise<void> {
    if (this.isOver) return;
    const held = new Promise<ChangedPages | undefined>((resolve) => (this.#peerHeld = resolve));
    this.send({ kind: 'hold', capture: this.number, tell: !this.isFull, epoch });
    const changed = await held;
    if (this.isOver) return;
    await askPair(this.machine, 'begin', { peer: this.isFull ? undefined : (changed ?? nothing) });
    for (let round = 0, before = Infinity; round < mostRounds && !this.isOver; round++) {
      const pending = await askPair(this.machine, 'pending', {});
      if (pending <= fewPages || pending >= before) return;
      before = pending;
      await askPair(this.machine, 'round', {});
      await this.#sendRound(onAhead);
    }
  }

  async #sendRound(onAhead: () => void): Promise<void> {
    while (!this.isOver) {
      const bytes = await askPair(this.machine, 'piece', { capture: this.number });
      if (bytes === undefined || this.isOver) return;
      onAhead();
      this.#onTheWay++;
      this.send({ kind: 'ahead', capture: this.number, bytes });
      while (this.#onTheWay >= window && !this.isOver) await new Promise<void>((resolve) => (this.#roomMade = resolve));
    }
  }

  /**
   * Copies what is left, and lets the machine run on; `onCopied` is called before anything is heard of it again. Undefined when it is over.
   * Milliseconds for which the machine stood still are counted here.
   */
  async take({ withDigest, onHeld, onCopied }: { withDigest: boolean; onHeld: () => void; onCopied: () => void }): Promise<{ taken: Taken; pause: number } | undefined> {
    if (this.isOver) return undefined;
    const began = performance.now();
    try {
      await askPair(this.machine, 'hold', { tell: false });
      onHeld();
      if (this.isOver) return undefined;
      await askPair(this.machine, 'snapshot', { capture: this.number, withDigest });
      if (this.isOver) return undefined;
      onCopied();
    } finally {
      // Runs already, if all went well.
      await askPair(this.machine, 'go', {});
    }
    const pause = performance.now() - began;
    const taken = await askPair(this.machine, 'pack', {});
    return this.isOver ? undefined : { taken, pause };
  }
}
