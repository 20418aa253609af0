/** Holding a machine while its state goes to, or comes from, the other side of a pair (engine/tolerance). Service worker. */
import type { WaitingInput } from './input-service.ts';
import { MachineError } from './machine.ts';
import { settle, type ServedMachine } from './served-machine.ts';

/** What of a machine's state is neither block nor area. */
export interface HeldInput extends WaitingInput {
  /** Host milliseconds that the machine has run. */
  readonly ranFor: number;
}

export class Synchronization {
  #ranBefore = false;

  constructor(private readonly machine: ServedMachine) {}

  get #isHeld(): boolean {
    return this.machine.life.busy === 'synchronized';
  }

  /**
   * Stands still, with nothing under way and no output untold, until `end`. A second call changes nothing. `epoch`: where, see EpochGate.standAt.
   */
  async begin(epoch?: { at: number | undefined; within: number }): Promise<void> {
    const { life, epochs, input, smm } = this.machine;
    if (this.#isHeld) return;
    life.require(['running', 'paused'], 'held');
    if (epoch !== undefined && life.state === 'running') {
      await epochs?.standAt(epoch.at, epoch.within);
      epochs?.letGo();
      if (this.#isHeld) return;
    }
    this.#ranBefore = life.state === 'running';
    if (this.#ranBefore) life.pauseNow('Held for a resync.');
    life.busy = 'synchronized';
    input.hold();
    try {
      await settle(this.machine, { flush: false });
      life.requireUnchanged();
      smm.keepPending();
    } catch (error) {
      this.end();
      throw error;
    }
  }

  /** Ends `begin`. Runs on if it ran before, or as `run` says. */
  end(run = this.#ranBefore): void {
    if (!this.#isHeld) return;
    const { life, epochs, input, smm } = this.machine;
    smm.restorePending();
    life.busy = undefined;
    input.feed();
    if (run && life.state === 'paused') life.go('Resynchronized.');
    epochs?.look();
  }

  get heldInput(): HeldInput {
    const { input, life } = this.machine;
    return { ...input.waiting, ranFor: Math.round(life.ranFor) };
  }

  /** Replaces the state of a held machine; `body` writes blocks and areas. */
  replaceState(body: () => void, held: HeldInput): void {
    if (!this.#isHeld) throw new MachineError('wrong-state', 'Only the state of a machine that is held can be replaced.');
    const { debug, guard, bus, control, smm, reset, life, input } = this.machine;
    debug.stateReplaced();
    body();
    guard.stateReplaced();
    bus.lock.with(() => bus.stateReplaced());
    control.noteStateReplaced();
    smm.rederive();
    reset.offerInterrupts();
    life.ranFor = held.ranFor;
    input.replace(held);
  }
}
