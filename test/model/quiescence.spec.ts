/**
 * The stop protocol in every interleaving with each way in which a vCPU stands still by itself (engine/machine/vcpu-thread.ts): asleep in HLT or
 * waiting for a start-up IPI, waiting for room in a ring, waiting for its turn; stopped meanwhile for each reason there is. stop.spec.ts has the
 * device lock, exclusivity and decoding.
 */
import { describe, expect, it } from 'vitest';
import { Attention } from '../../engine/isa/state.ts';
import * as stop from '../../engine/machine/stop.ts';
import { StopReason, type StopWords } from '../../engine/machine/stop.ts';
import { explore, type ModelStep, type Thread } from './explore.ts';

const maximum = 4;
/** The long run has a model of more than a million states. */
const isLong = Number(process.env['VITRINE_LITMUS'] ?? 1) >= 10;
const relied = (cpu: number) => 2 * maximum + cpu;
const inside = (cpu: number) => 3 * maximum + cpu;
const owner = 4 * maximum;
/** 1 while the ring is full; the vCPU that has the turn. */
const ring = owner + 1;
const turn = owner + 2;
/** 1 while the interrupt controller has something for the vCPU. */
const request = (cpu: number) => owner + 3 + cpu;
const wordCount = owner + 3 + maximum;

type Steps = Generator<ModelStep, void, number>;

function wordsOf(cpus: number): StopWords {
  return { cpus, stop: (cpu) => cpu, attention: (cpu) => maximum + cpu, owner, inside };
}

/** The vCPU executes guest code. */
function* execute(cpu: number, takesTurns = false): Steps {
  yield {
    at: 'execute',
    op: 'assert',
    check: (values) => {
      if ((values[relied(cpu)] ?? 0) !== 0) return `vCPU ${cpu} runs while stopped`;
      if (takesTurns && values[turn] !== cpu) return `vCPU ${cpu} runs out of turn`;
      return undefined;
    },
  };
}

/** The loop of a vCPU that polls, executes what is at hand by `body`, and stands still as `body` does. */
function vcpu(words: StopWords, cpu: number, body: () => Steps): Thread {
  return function* () {
    yield* stop.leaveQuiescence(words, cpu);
    for (;;) {
      yield { at: 'loop', op: 'checkpoint' };
      const attention = yield { at: 'poll', op: 'load', word: words.attention(cpu) };
      if ((attention & Attention.stop) !== 0) yield* stop.obeyStop(words, cpu);
      else yield* body();
    }
  };
}

/**
 * HLT and waiting for SIPI: VcpuThread.#halt. It sleeps until the controller has a request, executes with it, and ends there.
 * `first`: what it does first behind entering quiescence. Right is to take the bit back, and to know the word from that step.
 */
function sleeper(words: StopWords, cpu: number, first: 'take back' | 'take back, then read' | 'look' = 'take back'): Thread {
  const word = words.attention(cpu);
  return function* () {
    yield* stop.leaveQuiescence(words, cpu);
    for (;;) {
      yield { at: 'loop', op: 'checkpoint' };
      const attention = yield { at: 'poll', op: 'load', word };
      if ((attention & Attention.stop) !== 0) {
        yield* stop.obeyStop(words, cpu);
        continue;
      }
      const pending = yield { at: 'pending', op: 'load', word: request(cpu) };
      if (pending !== 0) break;
      yield* stop.enterQuiescence(words, cpu);
      const early = first === 'look' ? yield { at: 'look first', op: 'load', word: request(cpu) } : 0;
      const before = yield { at: 'take back', op: 'and', word, value: ~Attention.interrupt, local: early };
      const seen = first === 'take back, then read' ? yield { at: 'seen', op: 'load', word } : before & ~Attention.interrupt;
      const late = first === 'look' ? early : yield { at: 'look', op: 'load', word: request(cpu), local: seen };
      if (late === 0) yield { at: 'sleep', op: 'wait', word, expected: seen };
      yield* stop.leaveQuiescence(words, cpu);
    }
    yield* execute(cpu);
    yield* stop.enterQuiescence(words, cpu);
  };
}

/** Somebody who interrupts the vCPU, once. */
function interrupter(words: StopWords, cpu: number): Thread {
  return function* () {
    yield { at: 'request', op: 'store', word: request(cpu), value: 1 };
    yield { at: 'interrupt', op: 'or', word: words.attention(cpu), value: Attention.interrupt };
    yield { at: 'wake', op: 'notify', word: words.attention(cpu) };
  };
}

/** Somebody who has an interrupt for the vCPU that it cannot take now: of a priority that is too low. */
function bystander(words: StopWords, cpu: number): Thread {
  return function* () {
    yield { at: 'no interrupt', op: 'or', word: words.attention(cpu), value: Attention.interrupt };
    yield { at: 'no wake', op: 'notify', word: words.attention(cpu) };
  };
}

/** A full ring: VcpuThread.#awaitRoom. */
function producer(words: StopWords, cpu: number): Thread {
  return vcpu(words, cpu, function* () {
    const full = yield { at: 'full?', op: 'load', word: ring };
    if (full === 0) {
      yield* execute(cpu);
      yield { at: 'guest', op: 'checkpoint' };
      yield { at: 'fill', op: 'store', word: ring, value: 1 };
      return;
    }
    yield* stop.enterQuiescence(words, cpu);
    yield { at: 'room', op: 'wait', word: ring, expected: 1 };
    yield* stop.leaveQuiescence(words, cpu);
  });
}

function* consume(): Steps {
  for (;;) {
    yield { at: 'consume', op: 'checkpoint' };
    yield { at: 'take', op: 'exchange', word: ring, value: 0 };
    yield { at: 'taken', op: 'notify', word: ring };
  }
}

/** Turns under the virtual clock: VcpuThread.#awaitTurn and passTurn. */
function turnTaker(words: StopWords, cpu: number): Thread {
  return vcpu(words, cpu, function* () {
    const holder = yield { at: 'holder', op: 'load', word: turn };
    if (holder === cpu) {
      yield* execute(cpu, true);
      yield { at: 'guest', op: 'checkpoint' };
      yield { at: 'pass', op: 'store', word: turn, value: (cpu + 1) % words.cpus };
      yield { at: 'passed', op: 'notify', word: turn };
      return;
    }
    yield* stop.enterQuiescence(words, cpu);
    const now = yield { at: 'holder again', op: 'load', word: turn };
    if (now !== cpu) yield { at: 'await turn', op: 'wait', word: turn, expected: now };
    yield* stop.leaveQuiescence(words, cpu);
  });
}

/** Stops all vCPUs, relies on it, lets them go. */
function requester(words: StopWords, reason: number): Thread {
  return function* () {
    yield* stop.stopAll(words, reason);
    for (let cpu = 0; cpu < words.cpus; cpu++) yield { at: `rely ${cpu}`, op: 'or', word: relied(cpu), value: reason };
    for (let cpu = 0; cpu < words.cpus; cpu++) yield { at: `let ${cpu}`, op: 'and', word: relied(cpu), value: ~reason };
    yield* stop.releaseAll(words, reason);
  };
}

/** `goals`: what stays reachable from every state. */
function check(cpus: number, build: (words: StopWords) => { threads: Thread[]; goals: string[] }) {
  return explore({ ...build(wordsOf(cpus)), words: new Array<number>(wordCount).fill(0) });
}

function expectSound(outcome: ReturnType<typeof check>): void {
  expect(outcome.failure).toBeUndefined();
  expect(outcome.states).toBeGreaterThan(100);
}

/** Reasons that have a holder of their own each; exclusivity is in stop.spec.ts. */
const reasons = {
  pause: StopReason.pause,
  service: StopReason.service,
  debug: StopReason.debug,
  smm: StopReason.smm,
  power: StopReason.power,
  request: StopReason.request,
};
const { pause, service } = reasons;

describe('a vCPU that stands still by itself, in every interleaving', () => {
  it.each(Object.entries(reasons))(
    'is stopped for %s in its sleep without being woken, and wakes by an interrupt all the same',
    (_, reason) => {
      expectSound(
        check(1, (words) => ({
          threads: [sleeper(words, 0), requester(words, reason), interrupter(words, 0)],
          goals: ['done 0', 'done 1', 'done 2'],
        })),
      );
    },
  );

  it('wakes by an interrupt beside one that it cannot take', () => {
    const build = (first: 'take back' | 'take back, then read') =>
      check(1, (words) => ({
        threads: [sleeper(words, 0, first), interrupter(words, 0), bystander(words, 0), requester(words, pause)],
        goals: ['done 0', 'done 1', 'done 2', 'done 3'],
      }));
    expectSound(build('take back'));
    // The other came before it was read: the one that counts changes nothing, and notifies before the sleep.
    expect(build('take back, then read').failure).toMatch(/'done 0' cannot be reached/);
  });

  it('is stopped for two reasons at once in its sleep', () => {
    expectSound(
      check(1, (words) => ({
        threads: [sleeper(words, 0), requester(words, pause), requester(words, service), interrupter(words, 0)],
        goals: ['done 0', 'done 1', 'done 2', 'done 3'],
      })),
    );
  });

  it('is stopped while it waits for room in a ring', () => {
    expectSound(
      check(1, (words) => ({
        threads: [producer(words, 0), requester(words, pause), requester(words, service), consume],
        goals: ['guest 0', 'done 1', 'done 2'],
      })),
    );
  });

  it.each(isLong ? [2, 3] : [2])('is stopped while it waits for its turn, of %i', (cpus) => {
    expectSound(
      check(cpus, (words) => ({
        threads: [...Array.from({ length: cpus }, (_, cpu) => turnTaker(words, cpu)), requester(words, pause)],
        goals: [...Array.from({ length: cpus }, (_, cpu) => `guest ${cpu}`), `done ${cpus}`],
      })),
    );
  });

  it('is stopped beside one that waits for something else: sleep, ring', () => {
    expectSound(
      check(2, (words) => ({
        threads: [sleeper(words, 0), producer(words, 1), requester(words, service), consume, interrupter(words, 0)],
        goals: ['done 0', 'guest 1', 'done 2'],
      })),
    );
  });

  it('sleeps for ever when it takes the bit back behind its look at the request', () => {
    const outcome = check(1, (words) => ({
      threads: [sleeper(words, 0, 'look'), interrupter(words, 0)],
      goals: ['done 0', 'done 1'],
    }));
    expect(outcome.failure).toMatch(/'done 0' cannot be reached/);
  });
});
