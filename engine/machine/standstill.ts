/** How the service worker brings a machine's vCPUs to stand still and lets them go: stop.ts, with an end to its patience. */
import { perform, run, type Protocol } from './atomic-step.ts';
import type { MachineControl } from './control.ts';
import { MachineError } from './machine.ts';
import { releaseAll, releaseStop, requestStop, running, stopBetweenInstructions, StopReason } from './stop.ts';

/** Milliseconds after which what does not stand still never will. */
export const longestStop = 20_000;

export class Standstill {
  constructor(
    private readonly control: MachineControl,
    private readonly patience = longestStop,
  ) {}

  /** Runs a protocol that waits for vCPUs; gives up on one that is gone. */
  #drive(protocol: Protocol): void {
    const end = performance.now() + this.patience;
    let next = protocol.next(0);
    while (next.done !== true) {
      if (next.value.op === 'wait' && performance.now() > end) {
        throw new MachineError('crashed', 'A virtual CPU does not stand still any more.');
      }
      next = protocol.next(perform(this.control.words, next.value));
    }
  }

  /** Returns when every vCPU stands still between two instructions. */
  stop(reason: StopReason): void {
    this.#drive(stopBetweenInstructions(this.control.stopWords, reason));
  }

  /** As `stop`, but waits for nobody. */
  ask(reason: StopReason): void {
    const { cpus, words, stopWords } = this.control;
    for (let cpu = 0; cpu < cpus; cpu++) run(words, requestStop(stopWords, cpu, reason));
  }

  /** Withdraws `reason` from all vCPUs, or from those. */
  release(reason: StopReason, cpus?: readonly number[]): void {
    const { words, stopWords } = this.control;
    if (cpus === undefined) run(words, releaseAll(stopWords, reason));
    else for (const cpu of cpus) run(words, releaseStop(stopWords, cpu, reason));
  }

  /** Runs `body` while every vCPU stands still between two instructions, whatever state the machine is in. */
  whileStopped<Result>(body: () => Result): Result {
    this.stop(StopReason.service);
    try {
      return body();
    } finally {
      this.release(StopReason.service);
    }
  }

  /** Whether a chip waits for what it has asked for. `except`: a vCPU whose reset is put off until a person lets it go. */
  isAsked(except?: number): boolean {
    const { cpus, words, stopWords } = this.control;
    return Array.from({ length: cpus }, (_, cpu) => Atomics.load(words, stopWords.stop(cpu))).some(
      (word, cpu) => cpu !== except && (word & StopReason.request) !== 0,
    );
  }

  /** A vCPU's thread ended without a word: it counts as quiescent, and the lock it may have held is free again. */
  vcpuDied(cpu: number): void {
    const { words, stopWords, lockWord } = this.control;
    Atomics.and(words, stopWords.stop(cpu), ~running);
    Atomics.notify(words, stopWords.stop(cpu));
    Atomics.store(words, lockWord, 0);
    Atomics.notify(words, lockWord);
  }
}
