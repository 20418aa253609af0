/**
 * One atomic operation on one 32-bit word, as data. The protocols between threads (stop.ts, device-lock.ts) are written as generators
 * that yield such steps and receive the word's old value, so that the same text runs on real Atomics here and one
 * step at a time in the exhaustive model check (test/model/stop.spec.ts).
 *
 * For the model check a protocol keeps nothing across a yield but what the yielded step, `at` and `local` show.
 */
export type AtomicStep = {
  /** Names the place in the protocol; two different places never share one. */
  readonly at: string;
  /** Local variables that are live across the step. */
  readonly local?: number;
} & (
  | (WordStep & { /** Index of the word. */ readonly word: number })
  /** One number of the set `of`, or -1 of none. Which one makes no difference: the lowest, but the model check takes each. */
  | { readonly op: 'any'; readonly of: number }
);

type WordStep =
  | { readonly op: 'load' }
  | { readonly op: 'store'; readonly value: number }
  | { readonly op: 'and'; readonly value: number }
  | { readonly op: 'or'; readonly value: number }
  | { readonly op: 'exchange'; readonly value: number }
  | { readonly op: 'compareExchange'; readonly expected: number; readonly value: number }
  /** Sleeps while the word is `expected`, until notified or for `milliseconds`; may also return for no reason. */
  | { readonly op: 'wait'; readonly expected: number; readonly milliseconds?: number }
  /** Wakes all who wait on the word. */
  | { readonly op: 'notify' };

/** As the step `any`. */
export const lowest = (set: number): number => 31 - Math.clz32(set & -set);

/** A protocol in the middle of which other threads may do anything; `next` takes the word's old value. */
export type Protocol<Result = void> = Generator<AtomicStep, Result, number>;

/** A wait is looked at again at least this often, so that a thread which died cannot hang the others for good. */
const longestWait = 1000;

/** How often a word is looked at before the thread sleeps: a few microseconds. A sleeper is woken later than most words change. */
const looksBeforeSleep = 1000;

/** Carries out one step on real shared memory and returns the word's old value. Blocks in `wait`; never on the main thread. */
export function perform(words: Int32Array<SharedArrayBuffer>, step: AtomicStep): number {
  switch (step.op) {
    case 'load':
      return Atomics.load(words, step.word);
    case 'store':
      Atomics.store(words, step.word, step.value);
      return 0;
    case 'and':
      return Atomics.and(words, step.word, step.value);
    case 'or':
      return Atomics.or(words, step.word, step.value);
    case 'exchange':
      return Atomics.exchange(words, step.word, step.value);
    case 'compareExchange':
      return Atomics.compareExchange(words, step.word, step.expected, step.value);
    case 'wait':
      for (let look = 0; look < looksBeforeSleep; look++) if (Atomics.load(words, step.word) !== step.expected) return 0;
      Atomics.wait(words, step.word, step.expected, step.milliseconds ?? longestWait);
      return 0;
    case 'notify':
      Atomics.notify(words, step.word);
      return 0;
    case 'any':
      return lowest(step.of);
  }
}

/** Runs a protocol to its end on the calling thread. */
export function run<Result>(words: Int32Array<SharedArrayBuffer>, protocol: Protocol<Result>): Result {
  let next = protocol.next(0);
  while (next.done !== true) next = protocol.next(perform(words, next.value));
  return next.value;
}
