/** The service worker's part of epochs.ts: the vCPU that comes to the end of an epoch stands there (StopReason.epoch) until the next begins. */
import { createHash } from 'node:crypto';
import { Flag } from '../cpu/flags.ts';
import { Activity } from '../cpu/reset.ts';
import { Attention, vcpuState } from '../isa/state.ts';
import { run } from './atomic-step.ts';
import type { MachineControl } from './control.ts';
import { countedBytes, digestParts } from './digest.ts';
import { EpochPlan, type EpochDecision, type EpochState } from './epochs.ts';
import type { MachineInput } from './machine.ts';
import type { MachineMemory } from './memory.ts';
import { runTarget } from './run-target.ts';
import { releaseAll, StopReason } from './stop.ts';

/** Blocks in the short print: registers, counters, and when what happens next. */
const printed = /^(vcpu|timer)\/|^(clock|turn)$/;
/** Its own number of each side: displays advance it. */
const ownNumbers = 'epoch';

export interface EpochMachine {
  readonly memory: MachineMemory;
  readonly control: MachineControl;
  /** It runs, and nobody takes its state. */
  isRunning(): boolean;
  /** No timer is armed. */
  isQuiet(): boolean;
  interruptPending(cpu: number): boolean;
  /** Every vCPU stands still. What chips have no room for waits for the next epoch. */
  apply(inputs: readonly MachineInput[]): void;
  /** An epoch has begun. `differs`: this side's state is not what the leader's was there. */
  began(decision: EpochDecision, differs: boolean): void;
}

export class EpochGate {
  readonly #plan: EpochPlan<MachineInput>;
  readonly #target;
  readonly #states;
  /** Every so many epochs the print is of the whole state; 0: never. The same on both sides. */
  wholeEvery = 0;
  #print: { epoch: number; text: string } | undefined;
  /** Somebody wants it to stand at the end of this epoch, or of the one that comes next. */
  #wanted: { at: number | undefined; resolve: () => void } | undefined;

  constructor(
    private readonly machine: EpochMachine,
    leads: boolean,
  ) {
    const { memory, control } = machine;
    this.#plan = new EpochPlan(leads);
    this.#target = runTarget(memory);
    this.#states = Array.from({ length: control.cpus }, (_, cpu) => memory.block(vcpuState, String(cpu)));
  }

  /** Power-on, or a reset: vCPUs are told where the epoch ends. Every vCPU stands still. */
  arm(): void {
    this.#target.time = this.#plan.end;
  }

  offer(sequence: number, input: MachineInput): void {
    this.#plan.offer(sequence, input);
    this.look();
  }

  decided(decision: EpochDecision): void {
    this.#plan.decided(decision);
    this.look();
  }

  followedTo(epoch: number | undefined): void {
    this.#plan.followedTo(epoch);
    this.look();
  }

  lead(): void {
    this.#plan.lead();
    // Where it was to stand is what the other said, which is gone.
    this.#wanted?.resolve();
    this.letGo();
    this.look();
  }

  /** The state of a held machine was replaced by one that stands so. */
  replace(state: EpochState<MachineInput>): void {
    this.#plan.replace(state);
    this.#print = undefined;
    run(this.machine.memory.words, releaseAll(this.machine.control.stopWords, StopReason.epoch));
    this.arm();
  }

  /** Whether a vCPU stands at the end of the epoch. */
  get stands(): boolean {
    const { memory, control } = this.machine;
    for (let cpu = 0; cpu < control.cpus; cpu++)
      if ((Atomics.load(memory.words, control.stopWords.stop(cpu)) & StopReason.epoch) !== 0) return true;
    return false;
  }

  /**
   * Done when the machine stands at the end of the epoch before `at` (absent: of the one that it comes to first), or after `within` milliseconds wherever it
   * is. It stays there until `letGo`.
   */
  async standAt(at: number | undefined, within: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#wanted?.resolve();
      this.#wanted = { at, resolve };
      timer = setTimeout(resolve, within);
      this.look();
    });
    clearTimeout(timer);
  }

  letGo(): void {
    this.#wanted = undefined;
  }

  /** Begins the next epoch if it may. */
  look(): void {
    const { machine } = this;
    if (!machine.isRunning() || !this.stands) return;
    const { next } = this.#plan.state;
    const wanted = this.#wanted;
    if (wanted !== undefined && (wanted.at === undefined || next >= wanted.at)) return wanted.resolve();
    const begun = this.#plan.begin(this.#isIdle(), this.#printOf(next));
    if (begun === undefined) return;
    machine.apply(begun.inputs);
    this.arm();
    machine.began(begun.decision, begun.differs);
    run(machine.memory.words, releaseAll(machine.control.stopWords, StopReason.epoch));
  }

  #printOf(epoch: number): string {
    if (this.#print?.epoch === epoch) return this.#print.text;
    const { memory } = this.machine;
    const hash = createHash('sha256');
    if (this.wholeEvery > 0 && epoch % this.wholeEvery === 0) {
      for (const [name, text] of digestParts(memory).parts) if (name !== ownNumbers) hash.update(`${name} ${text}\n`);
    } else {
      for (const entry of memory.directory.list()) if (!entry.transient && printed.test(entry.name)) hash.update(countedBytes(entry));
    }
    const text = hash.digest('hex');
    this.#print = { epoch, text };
    return text;
  }

  /** Nothing happens in the guest until there is input. */
  #isIdle(): boolean {
    const { machine } = this;
    if (!machine.isQuiet()) return false;
    const pending = Attention.nmi | Attention.smi | Attention.init | Attention.sipi;
    return this.#states.every((state, cpu) => {
      if (state.activity === Activity.running || state.debugPending !== 0) return false;
      if ((Atomics.load(machine.memory.words, machine.control.attentionWord(cpu)) & pending) !== 0) return false;
      if ((state.latched & Attention.nmi) !== 0 && state.nmiBlocked === 0) return false;
      return (state.eflags & Flag.interrupt) === 0 || !machine.interruptPending(cpu);
    });
  }
}
