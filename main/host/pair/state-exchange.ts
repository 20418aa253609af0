/** States that travel between the sides: the primary's is taken, the secondary's replaced. What they are is engine/tolerance's; when, the protocol's. */
import type { EpochState } from '../../../engine/machine/epochs.ts';
import type { Machine, MachineInput } from '../../../engine/machine/machine.ts';
import type { Checkpoint } from '../../../engine/tolerance/messages.ts';
import { askPair } from '../../../engine/tolerance/questions.ts';
import { Capture } from './capture.ts';
import type { EpochInput } from './epoch-input.ts';
import type { PairDescription } from './folder.ts';
import type { InputQueue } from './input-queue.ts';
import type { FailPoint, ToPeerProcess } from './protocol.ts';
import type { SideRecord } from './side-record.ts';

/** What a checkpoint carries for the runtime. */
interface State {
  readonly transfer: Uint8Array;
  readonly inputs: readonly MachineInput[];
  /** Under the virtual clock. */
  readonly epochs: EpochState<MachineInput> | undefined;
}

export interface StateExchangeParts {
  readonly machine: Machine;
  readonly pair: PairDescription;
  readonly inputs: InputQueue;
  readonly epochs: EpochInput | undefined;
  readonly record: SideRecord;
  send(message: ToPeerProcess): void;
  /** Tells the protocol what the machine has said so far. */
  sayAll(): void;
  /** The state is copied, and the machine has said nothing that the protocol does not know. */
  snapped(): void;
  captured(state: unknown): void;
  /** The step of the protocol at which it may have to fail. */
  point(point: FailPoint): void;
}

export class StateExchange {
  #captures = 0;
  /** Of the transfer under way: bytes that have gone ahead. */
  aheadBytes = 0;
  /** How often what was under way was given up. */
  #abandoned = 0;
  /** Under way. */
  #capture: Capture | undefined;
  #isCopied = false;
  #taking: Promise<void> = Promise.resolve();
  /** What the other side tells this machine to do, one behind the other. */
  #told: Promise<void> = Promise.resolve();
  /** The last epoch of the last checkpoint that was taken. */
  #checkpointEpoch = 0;
  /** Virtual clock: the epoch since which the secondary is known not to be the same as the primary. */
  strayed: number | undefined;

  constructor(
    private readonly parts: StateExchangeParts,
    private readonly fail: (error: unknown) => void,
  ) {}

  get isTaking(): boolean {
    return this.#capture !== undefined || this.#isCopied;
  }

  /**
   * Writes this machine's state to a file that must not exist, between two transfers; the machine stands still for it and goes on. What it says is late
   * then, and what the other side says waits. Milliseconds.
   */
  copy(path: string): Promise<number> {
    const { machine, inputs } = this.parts;
    const copied = this.#taking.then(async () => {
      const began = performance.now();
      this.#isCopied = true;
      try {
        await machine.suspend(path);
        await machine.resume();
        return performance.now() - began;
      } finally {
        this.#isCopied = false;
        inputs.offer();
      }
    });
    this.#taking = copied.then(
      () => undefined,
      () => undefined,
    );
    return copied;
  }

  get checkpointEpoch(): number {
    return this.#checkpointEpoch;
  }

  /** Takes this machine's state for the other side. One at a time: an earlier one that was given up lets go of the machine first. */
  take(isFull: boolean): void {
    const asked = this.#abandoned;
    this.#taking = this.#taking.then(() => (asked === this.#abandoned ? this.#take(isFull) : undefined)).catch(this.fail);
  }

  /** Those that wait for their turn as well: whom they were for is gone. */
  abandon(): void {
    this.#abandoned++;
    this.#capture?.abandon();
  }

  /** The other side answers what the capture of this number asked it. */
  answered(capture: number, tell: (capture: Capture) => void): void {
    if (this.#capture?.number === capture) tell(this.#capture);
  }

  /** Does what the other side asks for behind what it asked for before, such as a commit that is under way. */
  behind(work: () => Promise<void> | void): void {
    this.#told = this.#told.then(work).catch(this.fail);
  }

  async #take(isFull: boolean): Promise<void> {
    const { machine, pair, inputs, epochs, record, point } = this.parts;
    this.aheadBytes = 0;
    const capture = new Capture(++this.#captures, isFull, machine, (message) => {
      if (message.kind === 'ahead') this.aheadBytes += message.bytes.length;
      this.parts.send(message);
    });
    this.#capture = capture;
    point('resync');
    let left: readonly MachineInput[] = [];
    let planned: EpochState<MachineInput> | undefined;
    let strayed: number | undefined;
    // Until the other has this state nobody follows, and this side waits for nobody.
    epochs?.followedTo(undefined);
    const since = await this.#standForComparison();
    try {
      await capture.prepare(() => point('ahead'), since?.epoch);
      const result = await capture.take({
        withDigest: pair.verify,
        onHeld: () => point('held'),
        onCopied: () => {
          this.parts.sayAll();
          left = [...inputs.left];
          planned = epochs?.state;
          this.#checkpointEpoch = (planned?.next ?? 1) - 1;
          strayed = this.strayed;
          this.strayed = undefined;
          this.parts.snapped();
          point('taken');
        },
      });
      if (result === undefined) return;
      const { taken } = result;
      const pause = since === undefined ? result.pause : performance.now() - since.at;
      record.stateBytes += taken.sentBytes;
      this.aheadBytes = 0;
      if (record.last !== undefined) {
        const { pages, sentBytes: bytes, rounds, digest, differing } = taken;
        Object.assign(record.last, { pages, bytes, rounds, pause, digest, differing, ...(planned === undefined ? {} : { strayed: strayed ?? null }) });
      }
      const state: State = { transfer: taken.bytes, inputs: left, epochs: planned };
      this.parts.captured(state);
    } finally {
      // One that follows on this lets it go itself.
      if (since !== undefined && (this.#capture === capture || this.#capture === undefined)) await askPair(machine, 'go', {});
      if (this.#capture === capture) this.#capture = undefined;
      inputs.offer();
    }
  }

  /**
   * Virtual clock: where nothing may differ both are looked at in the same moment of the guest's time. This side stands at the end of its epoch, and the
   * other is to come there.
   */
  async #standForComparison(): Promise<{ epoch: number; at: number } | undefined> {
    const { machine, pair, epochs, record } = this.parts;
    const reason = record.last?.reason;
    if (epochs === undefined || (reason !== 'asked' && reason !== 'differs')) return undefined;
    await askPair(machine, 'hold', { tell: false, epoch: { at: undefined, within: pair.lateAfter } });
    return { epoch: epochs.state.next, at: performance.now() };
  }

  /** Puts the primary's state in place; the machine stands still then. Nothing of it was changed when false is answered: the state was refused. */
  async put(checkpoint: Checkpoint): Promise<boolean> {
    const { machine, inputs, epochs, record, point } = this.parts;
    point('received');
    await askPair(machine, 'hold', { tell: false });
    // Made by the other side's `#take`.
    const state = checkpoint.state as State;
    // What was said before is of the state that goes.
    this.parts.sayAll();
    const put = await askPair(machine, 'put', { bytes: state.transfer, compare: !checkpoint.periodic, epochs: state.epochs });
    if ('refused' in put) {
      record.note(`A state was refused. ${put.refused}`);
      return false;
    }
    if (put.difference !== undefined) this.parts.send({ kind: 'difference', generation: checkpoint.generation, difference: put.difference });
    inputs.replace(state.inputs);
    if (state.epochs !== undefined) epochs?.replace(state.epochs);
    this.strayed = undefined;
    point('committed');
    return true;
  }
}
