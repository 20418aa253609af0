/** Running until an exact instruction: who waits for it, and what becomes of them. Service worker. */
import type { MachineClock } from './clock.ts';
import type { LifeCycle } from './life-cycle.ts';
import { MachineError } from './machine.ts';
import type { MachineMemory } from './memory.ts';
import { runTarget } from './run-target.ts';

interface Waiting {
  resolve(): void;
  reject(error: MachineError): void;
}

export class RunUntil {
  readonly #target;
  #waiting: Waiting | undefined;

  constructor(
    memory: MachineMemory,
    private readonly clock: MachineClock,
    private readonly life: LifeCycle,
  ) {
    this.#target = runTarget(memory);
  }

  /** Somebody waits. */
  get isUnderWay(): boolean {
    return this.#waiting !== undefined;
  }

  /** See Machine.runUntil. Done when the machine is paused there. */
  start(count: number): Promise<void> {
    const { clock, life } = this;
    if (clock.mode !== 'virtual')
      throw new MachineError('not-supported', 'Only a machine with a virtual clock can run until an exact instruction.');
    life.require(['running', 'paused'], 'run until an instruction');
    if (this.isUnderWay) throw new MachineError('wrong-state', 'The machine is on its way to another instruction already.');
    if (!Number.isSafeInteger(count) || count < 1)
      throw new MachineError('bad-configuration', `${count} is not a count of instructions.`);
    if (life.state === 'running') life.pauseNow('Paused.');
    const retired = clock.instructions();
    if (count < retired)
      throw new MachineError(
        'wrong-state',
        `The machine has executed ${retired} instructions already; it cannot go back to ${count}.`,
      );
    if (count === retired) return Promise.resolve();
    this.#target.count = count;
    const done = new Promise<void>((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
    life.go(`Running until instruction ${count}.`);
    return done;
  }

  /** A vCPU is there and stands still, or never will be: `missed` says why. */
  reached(missed: string | undefined): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (this.life.state !== 'running') return;
    this.life.pauseNow(missed ?? 'Reached the instruction.');
    if (missed === undefined) waiting?.resolve();
    else waiting?.reject(new MachineError('wrong-state', missed));
  }

  /** The machine was stopped on the way, or begins anew. */
  giveUp(why: string): void {
    this.#target.count = 0;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.reject(new MachineError('wrong-state', why));
  }
}
