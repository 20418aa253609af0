import { EpochPlan, type EpochDecision, type EpochState } from '../../../engine/machine/epochs.ts';
import type { Machine, MachineInput } from '../../../engine/machine/machine.ts';
import { askPair } from '../../../engine/tolerance/questions.ts';

/**
 * Input of a side under the virtual clock: given to the service worker, which applies it between two epochs (engine/machine/epochs.ts). What the service
 * worker says it has begun is kept count of here, so that a state that is taken of the held machine says exactly what it has not applied.
 */
export class EpochInput {
  readonly #plan = new EpochPlan<MachineInput>(false);

  constructor(
    private readonly machine: Machine,
    private readonly onError: (error: unknown) => void,
  ) {}

  push(sequence: number, input: MachineInput): void {
    this.#plan.offer(sequence, input);
    this.#tell(askPair(this.machine, 'offer', { sequence, input }));
  }

  /** The machine said so. */
  began(decision: EpochDecision): void {
    this.#plan.decided(decision);
    this.#plan.begin(false, decision.print);
  }

  /** Exact while the machine is held. */
  get state(): EpochState<MachineInput> {
    return this.#plan.state;
  }

  /** The machine has this state by now. */
  replace(state: EpochState<MachineInput>): void {
    this.#plan.replace(state);
  }

  /** Who follows hears from the leader. */
  decided(decision: EpochDecision): void {
    this.#tell(askPair(this.machine, 'decided', { decision }));
  }

  /** The leader hears from who follows; undefined: nobody is waited for. */
  followedTo(epoch: number | undefined): void {
    this.#tell(askPair(this.machine, 'followedTo', { epoch }));
  }

  /** Nobody else decides any more. */
  lead(): void {
    this.#tell(askPair(this.machine, 'lead', {}));
  }

  #tell(asked: Promise<unknown>): void {
    asked.catch(this.onError);
  }
}
