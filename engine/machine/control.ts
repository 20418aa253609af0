/**
 * The machine's control block and what threads tell each other through it: attention bits, dropped caches and their
 * acknowledgement, the epoch of writes.
 */
import { array, defineBlock, scalar } from '../layout/block.ts';
import { FlushScope } from '../cpu/platform.ts';
import { Attention, vcpuState } from '../isa/state.ts';
import { maximumVcpus, type MachineMemory } from './memory.ts';
import type { StopWords } from './stop.ts';

/** Transient: everything in here is about threads, not about the guest. */
export const controlBlock = defineBlock('control', 1, {
  /** See stop.ts. */
  stop: array('i32', maximumVcpus),
  /** See StopWords.inside. */
  inside: array('i32', maximumVcpus),
  exclusiveOwner: scalar('i32'),
  deviceLock: scalar('i32'),
  /** Raised whenever cached translations or records have to be dropped. */
  flushRequested: scalar('i32'),
  /** The value of flushRequested that each vCPU has caught up with. */
  flushDone: array('i32', maximumVcpus),
  /** Raised when the vCPU blocks were written from outside, as at a reset. */
  stateGeneration: scalar('i32'),
  /** What each vCPU has to drop at its next poll: a set of FlushScope. */
  flushScope: array('i32', maximumVcpus),
  /** Raised when something visible changed. */
  displayChanges: scalar('i32'),
  /** 1 while a wake-up of the service worker is on its way. */
  doorbell: scalar('i32'),
  /** Guest time at which the service worker looks at timers next; Infinity while it does not. */
  plan: scalar('f64'),
});

/** Everything a vCPU has cached. */
export const flushAll: FlushScope = FlushScope.writes | FlushScope.translations | FlushScope.code;

/** Saved: epochs are compared across a suspend. */
export const epochBlock = defineBlock('epoch', 1, { current: scalar('u32') });

export class MachineControl {
  readonly block;
  readonly words: Int32Array<SharedArrayBuffer>;
  readonly stopWords: StopWords;
  /** Index in `words` of the device lock. */
  readonly lockWord: number;
  readonly #base: number;
  readonly #attention: number[];
  readonly #epoch;

  constructor(readonly memory: MachineMemory) {
    const base = memory.directory.open(controlBlock, '', { transient: true });
    this.block = controlBlock.at(memory.buffer, base);
    this.words = memory.words;
    this.#base = base;
    this.#epoch = memory.block(epochBlock);
    this.#attention = Array.from(
      { length: memory.shape.cpus },
      (_, cpu) => (memory.directory.open(vcpuState, String(cpu)) + vcpuState.offset.attention) >>> 2,
    );
    this.lockWord = this.word('deviceLock');
    const stop = this.word('stop');
    const inside = this.word('inside');
    this.stopWords = {
      cpus: memory.shape.cpus,
      stop: (cpu) => stop + cpu,
      attention: (cpu) => this.attentionWord(cpu),
      owner: this.word('exclusiveOwner'),
      inside: (cpu) => inside + cpu,
    };
  }

  /** Index in `words` of a field of the control block. */
  word(field: keyof typeof controlBlock.fields, element = 0): number {
    return ((this.#base + controlBlock.offset[field]) >>> 2) + element;
  }

  attentionWord(cpu: number): number {
    const word = this.#attention[cpu];
    if (word === undefined) throw new RangeError(`There is no virtual CPU ${cpu}.`);
    return word;
  }

  get cpus(): number {
    return this.memory.shape.cpus;
  }

  /** Makes the vCPU look at `bits` before its next block, and wakes it from HLT. Any thread, no lock. */
  attend(cpu: number, bits: number): void {
    const word = this.attentionWord(cpu);
    Atomics.or(this.words, word, bits);
    Atomics.notify(this.words, word);
  }

  /**
   * Has every vCPU (but `except`) drop what `scope` says of its caches at its next poll. The result is for flushPassed. Any thread.
   */
  requestFlush(scope: FlushScope, except = -1): number {
    const generation = Atomics.add(this.words, this.word('flushRequested'), 1) + 1;
    for (let cpu = 0; cpu < this.cpus; cpu++) {
      if (cpu === except) continue;
      Atomics.or(this.words, this.word('flushScope', cpu), scope);
      this.attend(cpu, Attention.flush);
    }
    return generation;
  }

  /** The vCPU's own thread, when it found Attention.flush: what to drop. */
  takeFlushScope(cpu: number): number {
    return Atomics.exchange(this.words, this.word('flushScope', cpu), 0);
  }

  /** The vCPU's own thread, after it has dropped its caches; `generation` was read by flushTarget *before* it did so. */
  acknowledgeFlush(cpu: number, generation: number): void {
    Atomics.store(this.words, this.word('flushDone', cpu), generation);
  }

  flushTarget(): number {
    return Atomics.load(this.words, this.word('flushRequested'));
  }

  /**
   * True once every vCPU has dropped its caches since requestFlush gave `generation`: the grace period of a right that was
   * taken away. A QUIESCENT vCPU counts: `Attention.flush` is handled before it runs its next instruction.
   */
  flushPassed(generation: number): boolean {
    for (let cpu = 0; cpu < this.cpus; cpu++) {
      const quiescent = (Atomics.load(this.words, this.stopWords.stop(cpu)) & 1) === 0;
      const done = Atomics.load(this.words, this.word('flushDone', cpu));
      if (!quiescent && ((done - generation) | 0) < 0) return false;
    }
    return true;
  }

  /** The epoch that writes are stamped with now. */
  currentEpoch(): number {
    return this.#epoch.current;
  }

  /**
   * Starts a new epoch. It is in force, and pages without its stamp have not been written in it, once flushPassed says so of
   * the flush. Under the device lock.
   */
  advanceEpoch(): { epoch: number; flush: number } {
    this.#epoch.current += 1;
    return { epoch: this.#epoch.current, flush: this.requestFlush(FlushScope.writes) };
  }

  /** The vCPU blocks were written from outside, while every vCPU stood still. */
  noteStateReplaced(): void {
    Atomics.add(this.words, this.word('stateGeneration'), 1);
  }

  stateGeneration(): number {
    return Atomics.load(this.words, this.word('stateGeneration'));
  }

  /** True for the first who wants the service worker woken since it last looked; the others need not bother. */
  ringDoorbell(): boolean {
    return Atomics.exchange(this.words, this.word('doorbell'), 1) === 0;
  }

  /** The service worker, before it looks at what there is to do. */
  answerDoorbell(): void {
    Atomics.store(this.words, this.word('doorbell'), 0);
  }

  displayChanges(): number {
    return Atomics.load(this.words, this.word('displayChanges'));
  }

  noteDisplayChange(): void {
    Atomics.add(this.words, this.word('displayChanges'), 1);
  }
}
