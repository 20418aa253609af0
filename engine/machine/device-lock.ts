/**
 * The lock under which chips run (three-state futex lock: U. Drepper, "Futexes Are Tricky", section 6). A vCPU that waits for it is QUIESCENT, and
 * nobody holds it while QUIESCENT: so a thread that has stopped all vCPUs never finds one of them inside a chip. It may find one in the middle
 * of the instruction that waits; who needs the state of vCPUs uses stopBetweenInstructions.
 */
import { run, type Protocol } from './atomic-step.ts';
import { comeOutside, enterQuiescence, Inside, leaveQuiescence, type StopWords } from './stop.ts';

const free = 0;
const held = 1;
/** Held, and somebody may be waiting. */
const contended = 2;

/** `cpu` is -1 for a thread that is no vCPU. */
export function* acquireLock(words: StopWords, lock: number, cpu: number): Protocol {
  const before = yield { at: 'lock', op: 'compareExchange', word: lock, expected: free, value: held };
  if (before === free) return;
  for (;;) {
    const seen = yield { at: 'lock.contend', op: 'exchange', word: lock, value: contended };
    if (seen === free) return;
    if (cpu >= 0) {
      yield { at: 'lock.inside', op: 'store', word: words.inside(cpu), value: Inside.lock };
      yield* enterQuiescence(words, cpu);
    }
    yield { at: 'lock.wait', op: 'wait', word: lock, expected: contended };
    if (cpu >= 0) {
      yield* leaveQuiescence(words, cpu);
      yield* comeOutside(words, cpu, 'lock');
    }
  }
}

export function* releaseLock(lock: number): Protocol {
  const before = yield { at: 'unlock', op: 'exchange', word: lock, value: free };
  // All of them: whoever is woken may be stopped before it takes the lock, and the others would sleep on.
  if (before === contended) yield { at: 'unlock.notify', op: 'notify', word: lock };
}

/** The device lock on one thread. Re-entrant there: a chip may touch another chip through the bus. */
export class DeviceLock {
  #depth = 0;
  /** Runs after the outermost release: carries out what chips have posted. */
  afterRelease: () => void = () => {};

  constructor(
    readonly words: Int32Array<SharedArrayBuffer>,
    readonly stopWords: StopWords,
    readonly lock: number,
    /** The vCPU whose thread this is, or -1. */
    readonly cpu: number,
  ) {}

  get held(): boolean {
    return this.#depth > 0;
  }

  acquire(): void {
    if (this.#depth === 0 && Atomics.compareExchange(this.words, this.lock, free, held) !== free) {
      run(this.words, acquireLock(this.stopWords, this.lock, this.cpu));
    }
    this.#depth += 1;
  }

  release(): void {
    if (this.#depth === 0) throw new Error('The device lock was released by a thread that does not hold it.');
    if (this.#depth > 1) {
      this.#depth -= 1;
      return;
    }
    this.#depth = 0;
    if (Atomics.exchange(this.words, this.lock, free) === contended) Atomics.notify(this.words, this.lock);
    this.afterRelease();
  }

  /** Runs `body` under the lock; released on every path. */
  with<Result>(body: () => Result): Result {
    this.acquire();
    try {
      return body();
    } finally {
      this.release();
    }
  }
}
