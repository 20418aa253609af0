/**
 * Input at agreed moments, for the two sides of a pair under the virtual clock (engine/tolerance). Guest time is cut into epochs; input is applied
 * between two of them only, while every vCPU stands still at exactly that time. The side that leads decides, when it comes to the end of an epoch, which
 * inputs come there, and says so; the other stops at the end of each epoch until it has heard that. So both apply each input at the same instruction, and
 * whoever goes on alone needs to ask nobody: what the leader decided beyond that has left no trace outside, since nothing leaves that both have not said.
 *
 * Pure: no clock, no thread. The service worker drives it; inputs are whatever the pair numbers.
 */

/** Guest nanoseconds of an epoch: also the most instructions in one. Input waits for half of that on average. */
export const epochLength = 500_000;

/** Epochs that the leader may be ahead of who follows. */
const longestLead = 16;

/** What happens at the end of an epoch. */
export interface EpochDecision {
  /** The epoch that begins there: at guest time `epoch * epochLength`. */
  readonly epoch: number;
  /** Inputs before this number, and not applied yet, are applied. */
  readonly until: number;
  /** Of the leader's state there, before anything was applied. */
  readonly print: string;
}

/** Where a state stands between its epochs, beside what is in memory. */
export interface EpochState<Input> {
  /** The epoch that begins next. */
  readonly next: number;
  /** The number of the first input that was not applied. */
  readonly applied: number;
  /** The inputs from there on. */
  readonly offered: readonly Input[];
}

export class EpochPlan<Input> {
  #next = 1;
  #applied = 0;
  #offered: Input[] = [];
  #leads: boolean;
  readonly #decisions = new Map<number, EpochDecision>();
  /** The last epoch that the follower has begun; undefined while there is none to wait for. */
  #followed: number | undefined;

  constructor(leads: boolean) {
    this.#leads = leads;
  }

  get state(): EpochState<Input> {
    return { next: this.#next, applied: this.#applied, offered: [...this.#offered] };
  }

  /** Guest nanoseconds at which the next epoch begins. */
  get end(): number {
    return this.#next * epochLength;
  }

  get leads(): boolean {
    return this.#leads;
  }

  /** Another state of the leader's came. What it has decided behind that may have come already. */
  replace({ next, applied, offered }: EpochState<Input>): void {
    this.#next = next;
    this.#applied = applied;
    this.#offered = [...offered];
    for (const epoch of this.#decisions.keys()) if (epoch < next) this.#decisions.delete(epoch);
  }

  /** The next input is there. One that is known already is left out. */
  offer(sequence: number, input: Input): void {
    if (sequence === this.#applied + this.#offered.length) this.#offered.push(input);
  }

  /** Who follows hears what the leader decided. */
  decided(decision: EpochDecision): void {
    if (!this.#leads && decision.epoch >= this.#next) this.#decisions.set(decision.epoch, decision);
  }

  /** The leader hears how far the other is; undefined: nobody is to be waited for. */
  followedTo(epoch: number | undefined): void {
    this.#followed = epoch;
  }

  /** From here on this side decides. */
  lead(): void {
    this.#leads = true;
    this.#followed = undefined;
    this.#decisions.clear();
  }

  /**
   * Every vCPU stands still at `end`. The next epoch begins, with these inputs before it; undefined: it cannot yet. `isIdle`: nothing will
   * happen in the guest without input, so the leader lets time stand still until there is some. `print` is that of this side's state.
   */
  begin(isIdle: boolean, print: string): { decision: EpochDecision; inputs: Input[]; differs: boolean } | undefined {
    const epoch = this.#next;
    let decision: EpochDecision;
    if (this.#leads) {
      if (isIdle && this.#offered.length === 0) return undefined;
      if (this.#followed !== undefined && epoch > this.#followed + longestLead) return undefined;
      decision = { epoch, until: this.#applied + this.#offered.length, print };
    } else {
      const known = this.#decisions.get(epoch);
      if (known === undefined || known.until > this.#applied + this.#offered.length) return undefined;
      decision = known;
    }
    this.#decisions.delete(epoch);
    const inputs = this.#offered.splice(0, decision.until - this.#applied);
    this.#applied = decision.until;
    this.#next += 1;
    return { decision, inputs, differs: decision.print !== print };
  }
}
