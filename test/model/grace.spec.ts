/**
 * The grace period (engine/machine/grace-period.ts) in every interleaving with vCPUs that store, halt, wait for the device lock and are
 * stopped. Safety: once the period is over, no vCPU stores by what it had cached before, so no store is missed. Liveness: the period ends.
 * Negative controls take one precaution out at a time and have to fail.
 */
import { describe, expect, it } from 'vitest';
import { Attention } from '../../engine/isa/state.ts';
import * as grace from '../../engine/machine/grace-period.ts';
import type { GraceWords } from '../../engine/machine/grace-period.ts';
import * as stop from '../../engine/machine/stop.ts';
import { Inside, running, StopReason } from '../../engine/machine/stop.ts';
import { explore, type ModelStep, type Thread } from './explore.ts';

const maximum = 2;
const at = (block: number, cpu: number) => block * maximum + cpu;
const requested = 7 * maximum;
/** The attribute of the page, and the ghost that says that it is in force. */
const attribute = requested + 1;
const inForce = requested + 2;
const owner = requested + 3;
const wordCount = requested + 4;
/** The scope that concerns the right in question, and another. */
const writes = 1;
const other = 2;

function wordsOf(cpus: number): GraceWords {
  return {
    stop: { cpus, stop: (cpu) => at(0, cpu), attention: (cpu) => at(1, cpu), owner, inside: (cpu) => at(2, cpu) },
    requested,
    done: (cpu) => at(3, cpu),
    scope: (cpu) => at(4, cpu),
  };
}

/** A vCPU's own cache: 1 while it may store to the page without looking. */
const fast = (cpu: number) => at(5, cpu);

type Steps = Generator<ModelStep, void, number>;
const sound = { ...grace, waits: true };
type Parts = typeof sound;

function* store(cpu: number, where: string): Steps {
  yield {
    at: `store ${where}`,
    op: 'assert',
    check: (values) => (values[inForce] === 1 ? `a store of vCPU ${cpu} is missed` : undefined),
  };
}

/** An instruction that stores: by the fast entry, or else it looks at the attribute, and makes one. `between`: what it does before. */
function* storing(cpu: number, name: Habit, between: () => Steps): Steps {
  const isFast = yield { at: `translate to ${name}`, op: 'load', word: fast(cpu) };
  if (isFast === 1) {
    yield* between();
    yield* store(cpu, 'fast');
    return;
  }
  const traced = yield { at: 'attribute', op: 'load', word: attribute };
  if (traced !== 0) return;
  yield { at: 'allow', op: 'store', word: fast(cpu), value: 1 };
  yield* store(cpu, 'first');
}

type Habit = 'store' | 'halt' | 'lock' | 'exclusivity';

function vcpu(parts: Parts, words: GraceWords, cpu: number, habits: readonly Habit[]): Thread {
  const waiting = (kind: Inside) =>
    function* (): Steps {
      yield { at: `inside ${kind}`, op: 'store', word: words.stop.inside(cpu), value: kind };
      yield* stop.enterQuiescence(words.stop, cpu);
      yield* stop.leaveQuiescence(words.stop, cpu);
      yield { at: `outside ${kind}`, op: 'store', word: words.stop.inside(cpu), value: 0 };
    };
  return function* () {
    yield* stop.leaveQuiescence(words.stop, cpu);
    for (;;) {
      yield { at: 'guest', op: 'checkpoint' };
      const attention = yield { at: 'poll', op: 'load', word: words.stop.attention(cpu) };
      if ((attention & Attention.stop) !== 0) {
        yield* stop.obeyStop(words.stop, cpu);
        continue;
      }
      if ((attention & Attention.flush) !== 0) {
        yield { at: 'flush', op: 'and', word: words.stop.attention(cpu), value: ~Attention.flush };
        const scope = yield* parts.takeFlush(words, cpu);
        if ((scope & writes) !== 0) yield { at: 'drop', op: 'store', word: fast(cpu), value: 0 };
        yield { at: 'flushed', op: 'checkpoint' };
      }
      const choice = habits.length === 1 ? 0 : yield { at: 'habit', op: 'choose', count: habits.length };
      const habit = habits[choice];
      if (habit === 'halt') {
        yield* stop.enterQuiescence(words.stop, cpu);
        yield* stop.leaveQuiescence(words.stop, cpu);
      } else if (habit === 'lock') yield* storing(cpu, habit, waiting(Inside.lock));
      else if (habit === 'exclusivity') {
        // Looks at what it stores to again behind the wait.
        yield* waiting(Inside.exclusivity)();
        const traced = yield { at: 'look again', op: 'load', word: attribute };
        if (traced === 0) yield* store(cpu, 'behind exclusivity');
      } else yield* storing(cpu, 'store', function* () {});
    }
  };
}

/** Takes the right away, waits, and relies on it. */
function taker(parts: Parts, words: GraceWords): Thread {
  return function* () {
    yield { at: 'take', op: 'store', word: attribute, value: 1 };
    const generation = yield* parts.requestFlush(words, writes);
    if (parts.waits) {
      for (let cpu = 0; cpu < words.stop.cpus; cpu++) {
        yield { at: `waiting for ${cpu} to pass ${generation}`, op: 'checkpoint' };
        while (!(yield* parts.hasPassed(words, cpu, generation)));
      }
    }
    yield { at: 'in force', op: 'store', word: inForce, value: 1 };
  };
}

/** Pauses a vCPU meanwhile. */
function pauser(words: GraceWords, cpu: number): Thread {
  return function* () {
    yield* stop.requestStop(words.stop, cpu, StopReason.pause);
    yield* stop.awaitQuiescence(words.stop, cpu);
    yield* stop.releaseStop(words.stop, cpu, StopReason.pause);
  };
}

function check(parts: Parts, habits: readonly (readonly Habit[])[], pauses = false) {
  const words = wordsOf(habits.length);
  const vcpus = habits.map((each, cpu) => vcpu(parts, words, cpu, each));
  const others = [taker(parts, words), ...(pauses ? [pauser(words, 0)] : [])];
  return explore({
    threads: [...vcpus, ...others],
    words: new Array<number>(wordCount).fill(0),
    goals: [...vcpus.map((_, cpu) => `guest ${cpu}`), ...others.map((_, index) => `done ${vcpus.length + index}`)],
  });
}

describe('a right that is taken away, in every interleaving', () => {
  it.each([
    ['one vCPU that stores, halts and waits', [['store', 'halt', 'lock', 'exclusivity']], true],
    ['two vCPUs that store and halt', [['store', 'halt'], ['store']], false],
    [
      'two vCPUs of which one waits for the device lock',
      [
        ['store', 'lock'],
        ['store', 'halt'],
      ],
      false,
    ],
  ] satisfies [string, Habit[][], boolean][])('is in force behind the grace period: %s', (_, habits, pauses) => {
    const outcome = check(sound, habits, pauses);
    expect(outcome.failure).toBeUndefined();
    expect(outcome.states).toBeGreaterThan(200);
  });

  it('is not when nobody waits for the grace period', () => {
    expect(check({ ...sound, waits: false }, [['store']]).failure).toMatch(/is missed/);
  });

  it('is not when a vCPU counts that waits for the device lock in the middle of an instruction', () => {
    const hasPassed: Parts['hasPassed'] = function* (words, cpu, generation) {
      const done = yield { at: 'done', op: 'load', word: words.done(cpu), local: generation };
      if (done >= generation) return true;
      const seen = yield { at: 'look', op: 'load', word: words.stop.stop(cpu), local: generation };
      return (seen & running) === 0;
    };
    expect(check({ ...sound, hasPassed }, [['lock']]).failure).toMatch(/is missed/);
  });

  it('is not when a vCPU may leave between the looks at where it stands', () => {
    const hasPassed: Parts['hasPassed'] = function* (words, cpu, generation) {
      const done = yield { at: 'done', op: 'load', word: words.done(cpu), local: generation };
      if (done >= generation) return true;
      const seen = yield { at: 'look', op: 'load', word: words.stop.stop(cpu), local: generation };
      if ((seen & running) !== 0) return false;
      const inside = yield { at: 'look inside', op: 'load', word: words.stop.inside(cpu), local: generation };
      return inside !== Inside.lock;
    };
    expect(check({ ...sound, hasPassed }, [['lock']]).failure).toMatch(/is missed/);
  });

  it('is not when the number of the request is raised before its scope is there', () => {
    const requestFlush: Parts['requestFlush'] = function* (words, scope) {
      const before = yield { at: 'seen', op: 'load', word: words.requested };
      yield { at: 'raise', op: 'store', word: words.requested, value: before + 1, local: before };
      for (let cpu = 0; cpu < words.stop.cpus; cpu++) {
        yield { at: 'attend', op: 'or', word: words.stop.attention(cpu), value: Attention.flush, local: before };
        yield { at: 'scope', op: 'or', word: words.scope(cpu), value: scope, local: before };
      }
      return before + 1;
    };
    expect(check({ ...sound, requestFlush }, [['store']]).failure).toMatch(/is missed/);
  });

  it('is not when a vCPU says that it is done before it takes the scope', () => {
    const takeFlush: Parts['takeFlush'] = function* (words, cpu) {
      const scope = yield { at: 'take', op: 'exchange', word: words.scope(cpu), value: 0 };
      const target = yield { at: 'target', op: 'load', word: words.requested, local: scope };
      yield { at: 'done', op: 'store', word: words.done(cpu), value: target, local: scope };
      return scope;
    };
    const twice = (parts: Parts): Thread[] => {
      const words = wordsOf(1);
      return [
        vcpu(parts, words, 0, ['store']),
        // Somebody else asks for something else.
        function* () {
          yield* parts.requestFlush(words, other);
        },
        taker(parts, words),
      ];
    };
    const run = (parts: Parts) =>
      explore({ threads: twice(parts), words: new Array<number>(wordCount).fill(0), goals: ['guest 0', 'done 1', 'done 2'] });
    expect(run(sound).failure).toBeUndefined();
    expect(run({ ...sound, takeFlush }).failure).toMatch(/is missed/);
  });
});
