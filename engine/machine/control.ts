/**
 * The machine's control block and what threads tell each other through it: attention bits, dropped caches and their
 * acknowledgement, the epoch of writes.
 */
import { array, defineBlock, scalar } from '../layout/block.ts';
import { FlushScope } from '../cpu/platform.ts';
import { Attention, vcpuState } from '../isa/state.ts';
import { maximumVcpus, type MachineMemory } from './memory.ts';
import { turnBlock } from './turns.ts';
import { run } from './atomic-step.ts';
import { hasPassed, requestFlush, takeFlush, type GraceWords } from './grace-period.ts';
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
  /** See code-coherence.ts: the page each vCPU may be writing, plus one. */
  writing: array('i32', maximumVcpus),
  /** Raised when something visible changed. */
  displayChanges: scalar('i32'),
  /** 1 while a wake-up of the service worker is on its way. */
  doorbell: scalar('i32'),
  /** 0, or the number plus one of the vCPU that sleeps in HLT until the next timer, and until when. */
  timekeeper: scalar('i32'),
  timekeeperDeadline: scalar('f64'),
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
  readonly #graceWords: GraceWords;
  readonly #base: number;
  readonly #attention: number[];
  readonly #epoch;
  readonly #epochWord: number;
  /** Whose turn it is under the virtual clock. */
  readonly turn;
  /** Index in `words` of `turn.holder`. */
  readonly turnWord: number;
  /** Set while vCPUs take turns: several of them, and a virtual clock. */
  takingTurns = false;

  constructor(readonly memory: MachineMemory) {
    const base = memory.directory.open(controlBlock, '', { transient: true });
    this.block = controlBlock.at(memory.buffer, base);
    this.words = memory.words;
    this.#base = base;
    this.#epoch = memory.block(epochBlock);
    this.#epochWord = (memory.directory.open(epochBlock) + epochBlock.offset.current) >>> 2;
    const turn = memory.directory.open(turnBlock);
    this.turn = turnBlock.at(memory.buffer, turn);
    this.turnWord = (turn + turnBlock.offset.holder) >>> 2;
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
    this.#graceWords = {
      stop: this.stopWords,
      requested: this.word('flushRequested'),
      done: (cpu) => this.word('flushDone', cpu),
      scope: (cpu) => this.word('flushScope', cpu),
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
    this.tellHolder(cpu);
  }

  /** Takes `bits` back that the vCPU has not taken yet. Any thread, no lock. */
  withdraw(cpu: number, bits: number): void {
    Atomics.and(this.words, this.attentionWord(cpu), ~bits);
  }

  /** Under the virtual clock: `cpu` has work. Whoever has the turn may sleep because nobody had, or decide about the next turn. Any thread. */
  tellHolder(cpu: number): void {
    if (!this.takingTurns) return;
    const holder = Atomics.load(this.words, this.turnWord);
    if (holder === cpu) return;
    const word = this.attentionWord(holder);
    Atomics.or(this.words, word, Attention.timer);
    Atomics.notify(this.words, word);
  }

  /** `cpu` has the next turn, of so many instructions (see turnBlock). The holder's own thread, or any while every vCPU stands still. */
  passTurn(cpu: number, instructions: number): void {
    this.turn.left = instructions;
    Atomics.store(this.words, this.turnWord, cpu);
    Atomics.notify(this.words, this.turnWord);
  }

  /** See grace-period.ts. Any thread. */
  requestFlush(scope: FlushScope, except = -1): number {
    return run(this.words, requestFlush(this.#graceWords, scope, except));
  }

  /** The vCPU's own thread, when it found Attention.flush: what to drop before it runs anything. */
  takeFlushScope(cpu: number): number {
    return run(this.words, takeFlush(this.#graceWords, cpu));
  }

  /** The number of the last request: who changed nothing waits for what was asked for before. */
  flushTarget(): number {
    return Atomics.load(this.words, this.word('flushRequested'));
  }

  /**
   * True once no vCPU uses what it had cached before requestFlush gave `generation`. The service worker; GracePeriods waits for it.
   */
  flushPassed(generation: number): boolean {
    for (let cpu = 0; cpu < this.cpus; cpu++) if (!run(this.words, hasPassed(this.#graceWords, cpu, generation))) return false;
    return true;
  }

  /** The epoch that writes are stamped with now. */
  currentEpoch(): number {
    return this.#epoch.current;
  }

  /**
   * Starts a new epoch. It is in force, and pages without its stamp have not been written in it, once flushPassed says so of
   * the flush; with loggedWrites only pages with Page.logged, and all others keep what they had in force before. Any thread.
   */
  advanceEpoch(scope: FlushScope.writes | FlushScope.loggedWrites = FlushScope.writes): { epoch: number; flush: number } {
    const epoch = (Atomics.add(this.words, this.#epochWord, 1) + 1) >>> 0;
    return { epoch, flush: this.requestFlush(scope) };
  }

  /** The vCPU blocks, and whose turn it is, were written from outside, while every vCPU stood still. */
  noteStateReplaced(): void {
    Atomics.add(this.words, this.word('stateGeneration'), 1);
    Atomics.notify(this.words, this.turnWord);
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
