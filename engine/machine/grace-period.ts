/**
 * The grace period: how a right that vCPUs hold in their caches is taken away without stopping anybody. Who takes it sets the attribute,
 * requests a flush, and waits until every vCPU has passed a poll since; only then is it in force, and may be reported so.
 *
 *   const generation = bus.memory.addAttributes(page, Page.traced);
 *   await grace.passed(generation);        // no store goes by unseen from here on
 *
 * A vCPU that stands still has passed as well, for it looks at the request before it runs its next instruction; not if it waits for the
 * device lock in the middle of one, which may have translated already what it stores afterwards. To tell the two apart it is held in its
 * standing still for a moment: it cannot leave between the two looks.
 *
 * The protocol is a text over AtomicStep; test/model/grace.spec.ts explores every interleaving.
 */
import { Attention } from '../isa/state.ts';
import type { Protocol } from './atomic-step.ts';
import { MachineError } from './machine.ts';
import { isInLock, running, StopReason, type StopWords } from './stop.ts';

export interface GraceWords {
  readonly stop: StopWords;
  /** Counts requests. */
  readonly requested: number;
  /** The request each vCPU has caught up with. */
  done(cpu: number): number;
  /** What each vCPU has to drop: a set of FlushScope. */
  scope(cpu: number): number;
}

/**
 * Has every vCPU drop `scope` of its caches at its next poll. The result is for `passed`. Any thread. With `except`, a vCPU that is left out,
 * nobody can wait for it: the number stays.
 */
export function* requestFlush(words: GraceWords, scope: number, except = -1): Protocol<number> {
  const { cpus } = words.stop;
  // In this order: who sees the new number finds its scope, and the bit that makes a vCPU look comes behind both.
  for (let cpu = 0; cpu < cpus; cpu++)
    if (cpu !== except) yield { at: 'flush.scope', op: 'or', word: words.scope(cpu), value: scope };
  let seen = yield { at: 'flush.seen', op: 'load', word: words.requested };
  while (except < 0) {
    const value = (seen + 1) | 0;
    const found = yield { at: 'flush.raise', op: 'compareExchange', word: words.requested, expected: seen, value, local: seen };
    const isRaised = found === seen;
    seen = isRaised ? value : found;
    if (isRaised) break;
  }
  const generation = seen;
  for (let cpu = 0; cpu < cpus; cpu++) {
    if (cpu === except) continue;
    const word = words.stop.attention(cpu);
    yield { at: 'flush.attend', op: 'or', word, value: Attention.flush, local: generation };
    yield { at: 'flush.notify', op: 'notify', word, local: generation };
  }
  return generation;
}

/** The vCPU's own thread, at a poll that found `Attention.flush` and took it back: the scope, which it drops before it runs anything. */
export function* takeFlush(words: GraceWords, cpu: number): Protocol<number> {
  const target = yield { at: 'flush.target', op: 'load', word: words.requested };
  const scope = yield { at: 'flush.take', op: 'exchange', word: words.scope(cpu), value: 0, local: target };
  yield { at: 'flush.done', op: 'store', word: words.done(cpu), value: target, local: scope };
  return scope;
}

/** Whether a vCPU has passed a poll since the request, or stands still between instructions. One thread at a time, which is no vCPU. */
export function* hasPassed(words: GraceWords, cpu: number, generation: number): Protocol<boolean> {
  const done = yield { at: 'grace.done', op: 'load', word: words.done(cpu), local: generation };
  if (((done - generation) | 0) >= 0) return true;
  const word = words.stop.stop(cpu);
  const seen = yield { at: 'grace.look', op: 'load', word, local: generation };
  if ((seen & running) !== 0) return false;
  const before = yield { at: 'grace.hold', op: 'or', word, value: StopReason.grace, local: generation };
  const isRunning = before & running;
  const inside = yield { at: 'grace.inside', op: 'load', word: words.stop.inside(cpu), local: isRunning };
  const stands = isRunning === 0 && !isInLock(inside) ? 1 : 0;
  const held = yield { at: 'grace.let', op: 'and', word, value: ~StopReason.grace, local: stands };
  // As releaseStop.
  if ((held & ~StopReason.grace & ~StopReason.smm) === 0) yield { at: 'grace.notify', op: 'notify', word, local: stands };
  return stands === 1;
}

/** Looks that follow each other at once; then the thread has other work for a millisecond. */
const eagerLooks = 100;

/** Waits for grace periods on the service worker's thread, which goes on with its other work meanwhile. */
export class GracePeriods {
  #isEnded = false;
  readonly #waiting = new Set<(error: MachineError) => void>();

  /** `hasPassed`: MachineControl.flushPassed. */
  constructor(private readonly hasPassed: (generation: number) => boolean) {}

  /** Resolves when no vCPU uses any more what it had cached before the request. Rejects when the machine goes first. */
  passed(generation: number): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#isEnded) return reject(gone());
      this.#waiting.add(reject);
      let looks = 0;
      const look = () => {
        if (!this.#waiting.has(reject)) return;
        if (this.hasPassed(generation)) {
          this.#waiting.delete(reject);
          return resolve();
        }
        if (++looks < eagerLooks) setImmediate(look);
        else setTimeout(look, 1);
      };
      look();
    });
  }

  /** The vCPUs are gone: nobody will pass anything. */
  dispose(): void {
    this.#isEnded = true;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const reject of waiting) reject(gone());
  }
}

function gone(): MachineError {
  return new MachineError('wrong-state', 'The machine was disposed of before all its virtual CPUs had taken note.');
}
