/**
 * The stop protocol and the device lock in every interleaving. Safety: a vCPU executes nothing while somebody relies on its
 * standing still, or while another has exclusivity. Liveness: from every reachable state each requester can still end and each
 * vCPU can still come to execute. Negative controls take one precaution out at a time and have to fail.
 */
import { describe, expect, it } from 'vitest';
import { Attention } from '../../engine/isa/state.ts';
import type { Protocol } from '../../engine/machine/atomic-step.ts';
import { acquireLock, releaseLock } from '../../engine/machine/device-lock.ts';
import * as stop from '../../engine/machine/stop.ts';
import { running, StopReason, type StopWords } from '../../engine/machine/stop.ts';
import { explore, type Model, type ModelStep, type Thread } from './explore.ts';

const maximum = 4;
const ownerWord = 3 * maximum;
const lockWord = ownerWord + 1;
/** Ghost: number of vCPUs that have exclusivity, of threads that hold the lock. */
const exclusiveWord = lockWord + 1;
const holdersWord = exclusiveWord + 1;
const insideWord = holdersWord + 1;
const wordCount = insideWord + maximum;

/** Ghost: the reasons of requesters that rely on the vCPU's standing still. */
const relied = (cpu: number) => 2 * maximum + cpu;

function wordsOf(cpus: number): StopWords {
  return { cpus, stop: (cpu) => cpu, attention: (cpu) => maximum + cpu, owner: ownerWord, inside: (cpu) => insideWord + cpu };
}

/** The parts that negative controls replace. */
const sound = { ...stop, acquireLock, releaseLock };
type Parts = typeof sound;

function insideLock(words: StopWords, values: readonly number[]): string | undefined {
  const found = Array.from({ length: words.cpus }, (_, cpu) => stop.isInLock(values[words.inside(cpu)]!)).indexOf(true);
  return found < 0 ? undefined : `vCPU ${found} is in the middle of an instruction`;
}

type Steps = Generator<ModelStep, void, number>;

/** The vCPU executes guest code. */
function* execute(cpu: number, where: string): Steps {
  yield {
    at: `execute ${where}`,
    op: 'assert',
    check: (words) => {
      if ((words[relied(cpu)] ?? 0) !== 0) return `vCPU ${cpu} runs while stopped`;
      const owner = words[exclusiveWord] ?? 0;
      if (owner !== 0 && owner !== cpu + 1) return `vCPU ${cpu} runs while vCPU ${owner - 1} has exclusivity`;
      return undefined;
    },
  };
}

type Habit = 'busy' | 'halts' | 'exclusive' | 'between' | 'lock';

/** A vCPU: executes, polls, and does now and then what its habits say. It starts quiescent. */
function vcpu(parts: Parts, words: StopWords, cpu: number, habits: readonly Habit[]): Thread {
  return function* () {
    yield* parts.leaveQuiescence(words, cpu);
    for (;;) {
      yield { at: 'guest', op: 'checkpoint' };
      yield* execute(cpu, 'guest');
      const attention = yield { at: 'poll', op: 'load', word: words.attention(cpu) };
      if ((attention & Attention.stop) !== 0) {
        yield* parts.obeyStop(words, cpu);
        continue;
      }
      const choice = habits.length === 1 ? 0 : yield { at: 'habit', op: 'choose', count: habits.length };
      const habit = habits[choice];
      if (habit === 'halts') {
        yield* parts.enterQuiescence(words, cpu);
        yield* parts.leaveQuiescence(words, cpu);
      } else if (habit === 'exclusive' || habit === 'between') {
        if (habit === 'exclusive') yield* parts.acquireExclusivity(words, cpu);
        else {
          yield* parts.acquireExclusivityBetweenInstructions(words, cpu);
          yield { at: 'nobody inside', op: 'assert', check: (values) => insideLock(words, values) };
        }
        yield { at: 'begin', op: 'store', word: exclusiveWord, value: cpu + 1 };
        yield* execute(cpu, 'exclusive');
        yield { at: 'end', op: 'store', word: exclusiveWord, value: 0 };
        yield* parts.releaseExclusivity(words, cpu);
      } else if (habit === 'lock') {
        yield* underLock(parts, words, cpu);
      }
    }
  };
}

function* underLock(parts: Parts, words: StopWords, cpu: number): Steps {
  yield* parts.acquireLock(words, lockWord, cpu);
  yield {
    at: `chip ${cpu}`,
    op: 'assert',
    check: (values) => ((values[holdersWord] ?? 0) !== 0 ? 'two threads hold the device lock' : undefined),
  };
  yield { at: 'hold', op: 'store', word: holdersWord, value: 1 };
  if (cpu >= 0) yield* execute(cpu, 'chip');
  yield { at: 'drop', op: 'store', word: holdersWord, value: 0 };
  yield* parts.releaseLock(lockWord);
}

/** The service worker at work on a chip, once. */
function lockHolder(parts: Parts, words: StopWords): Thread {
  return function* () {
    yield* underLock(parts, words, -1);
  };
}

/** Stops some vCPUs, relies on it, lets them go; `rounds` times. */
function requester(
  parts: Parts,
  words: StopWords,
  reason: number,
  cpus: readonly number[],
  options: { rounds?: number; lock?: boolean } = {},
): Thread {
  return function* () {
    for (let round = 0; round < (options.rounds ?? 1); round++) {
      yield { at: `round ${round}`, op: 'checkpoint' };
      for (const cpu of cpus) yield* parts.requestStop(words, cpu, reason);
      for (const cpu of cpus) yield* parts.awaitQuiescence(words, cpu);
      for (const cpu of cpus) yield { at: 'rely', op: 'or', word: relied(cpu), value: reason };
      // With everybody stopped the lock has to be free for whoever acts on the machine.
      if (options.lock === true) yield* underLock(parts, words, -1);
      for (const cpu of cpus) yield { at: 'let', op: 'and', word: relied(cpu), value: ~reason };
      for (const cpu of cpus) yield* parts.releaseStop(words, cpu, reason);
    }
  };
}

/** Stops all vCPUs as `stopAll` does and looks at their state: none may be in the middle of an instruction. */
function reader(words: StopWords, stopAll: (words: StopWords, reason: number) => Protocol): Thread {
  return function* () {
    yield { at: 'round 0', op: 'checkpoint' };
    yield* stopAll(words, StopReason.service);
    yield {
      at: 'read',
      op: 'assert',
      check: (values) =>
        Array.from({ length: words.cpus }, (_, cpu) => values[words.inside(cpu)]).some((inside) => inside !== 0)
          ? 'a state is read in the middle of an instruction'
          : undefined,
    };
    yield* stop.releaseAll(words, StopReason.service);
  };
}

const { pause, service } = { pause: StopReason.pause, service: StopReason.service };

function check(cpus: number, build: (words: StopWords) => { vcpus: Thread[]; requesters: Thread[] }) {
  const { vcpus, requesters } = build(wordsOf(cpus));
  const model: Model = {
    threads: [...vcpus, ...requesters],
    words: new Array<number>(wordCount).fill(0),
    goals: [...vcpus.map((_, cpu) => `guest ${cpu}`), ...requesters.map((_, index) => `done ${vcpus.length + index}`)],
  };
  return explore(model);
}

function expectSound(outcome: ReturnType<typeof check>, atLeast: number) {
  expect(outcome.failure).toBeUndefined();
  expect(outcome.states).toBeGreaterThan(atLeast);
}

describe('the stop protocol, in every interleaving', () => {
  it('stops one vCPU that polls, for two requesters at once, again and again', () => {
    expectSound(
      check(1, (words) => ({
        vcpus: [vcpu(sound, words, 0, ['busy'])],
        requesters: [requester(sound, words, pause, [0], { rounds: 2 }), requester(sound, words, service, [0], { rounds: 2 })],
      })),
      500,
    );
  });

  it('counts a vCPU in HLT as stopped, and catches it when it leaves', () => {
    expectSound(
      check(1, (words) => ({
        vcpus: [vcpu(sound, words, 0, ['busy', 'halts'])],
        requesters: [requester(sound, words, pause, [0], { rounds: 2 }), requester(sound, words, service, [0])],
      })),
      500,
    );
  });

  it('stops two vCPUs for two requesters', () => {
    expectSound(
      check(2, (words) => ({
        vcpus: [vcpu(sound, words, 0, ['busy', 'halts']), vcpu(sound, words, 1, ['busy'])],
        requesters: [requester(sound, words, pause, [0, 1]), requester(sound, words, service, [1, 0])],
      })),
      1000,
    );
  });

  it('stops three vCPUs', () => {
    expectSound(
      check(3, (words) => ({
        vcpus: [0, 1, 2].map((cpu) => vcpu(sound, words, cpu, cpu === 0 ? ['busy', 'halts'] : ['busy'])),
        requesters: [requester(sound, words, pause, [0, 1, 2])],
      })),
      1000,
    );
  });

  it('stops four vCPUs', () => {
    expectSound(
      check(4, (words) => ({
        vcpus: [0, 1, 2, 3].map((cpu) => vcpu(sound, words, cpu, ['busy'])),
        requesters: [requester(sound, words, pause, [0, 1, 2, 3])],
      })),
      1000,
    );
  });

  it('gives exclusivity to one of two at a time, and stops who waits for it', () => {
    expectSound(
      check(2, (words) => ({
        vcpus: [0, 1].map((cpu) => vcpu(sound, words, cpu, ['busy', 'exclusive'])),
        requesters: [requester(sound, words, pause, [0, 1])],
      })),
      1000,
    );
  });

  it('gives exclusivity to one of three at a time', () => {
    expectSound(
      check(3, (words) => ({
        vcpus: [0, 1, 2].map((cpu) => vcpu(sound, words, cpu, cpu === 2 ? ['busy'] : ['busy', 'exclusive'])),
        requesters: [],
      })),
      1000,
    );
  });

  it('lets one vCPU be stopped alone while others queue for exclusivity', () => {
    expectSound(
      check(2, (words) => ({
        vcpus: [0, 1].map((cpu) => vcpu(sound, words, cpu, ['busy', 'exclusive'])),
        requesters: [requester(sound, words, StopReason.debug, [0], { rounds: 2 })],
      })),
      1000,
    );
  });
});

describe('the device lock, in every interleaving', () => {
  it('has one holder, counts who waits for it as stopped, and is free when all vCPUs are stopped', () => {
    expectSound(
      check(2, (words) => ({
        vcpus: [0, 1].map((cpu) => vcpu(sound, words, cpu, ['busy', 'lock'])),
        requesters: [requester(sound, words, pause, [0, 1], { lock: true })],
      })),
      1000,
    );
  });

  it('leaves no vCPU in the middle of an instruction when its state is read', () => {
    expectSound(
      check(2, (words) => ({
        vcpus: [0, 1].map((cpu) => vcpu(sound, words, cpu, ['busy', 'lock'])),
        requesters: [reader(words, stop.stopBetweenInstructions)],
      })),
      1000,
    );
  });

  it('leaves no vCPU in the middle of an instruction that waits for exclusivity when its state is read', () => {
    expectSound(
      check(2, (words) => ({
        vcpus: [0, 1].map((cpu) => vcpu(sound, words, cpu, ['busy', 'exclusive'])),
        requesters: [reader(words, stop.stopBetweenInstructions)],
      })),
      1000,
    );
  });

  it('leaves nobody who waits for it when a vCPU has exclusivity between instructions', () => {
    expectSound(
      check(3, (words) => ({
        vcpus: [vcpu(sound, words, 0, ['between']), vcpu(sound, words, 1, ['lock']), vcpu(sound, words, 2, ['lock'])],
        requesters: [],
      })),
      1000,
    );
  });

  it('lets who has exclusivity between instructions be stopped together with who waits in the middle of one', () => {
    expectSound(
      check(2, (words) => ({
        vcpus: [vcpu(sound, words, 0, ['between']), vcpu(sound, words, 1, ['lock'])],
        requesters: [requester(sound, words, StopReason.smm, [0, 1]), lockHolder(sound, words)],
      })),
      1000,
    );
  });

  it('lets who has exclusivity between instructions be read while another waits in the middle of one', () => {
    expectSound(
      check(2, (words) => ({
        vcpus: [vcpu(sound, words, 0, ['between']), vcpu(sound, words, 1, ['lock'])],
        requesters: [reader(words, stop.stopBetweenInstructions), lockHolder(sound, words)],
      })),
      1000,
    );
  });

  it('serves the others while one of those who wait is stopped', () => {
    expectSound(
      check(2, (words) => ({
        vcpus: [0, 1].map((cpu) => vcpu(sound, words, cpu, ['lock'])),
        requesters: [requester(sound, words, StopReason.debug, [0]), lockHolder(sound, words)],
      })),
      1000,
    );
  });

  it('lives with three vCPUs', () => {
    expectSound(
      check(3, (words) => ({ vcpus: [0, 1, 2].map((cpu) => vcpu(sound, words, cpu, ['lock'])), requesters: [] })),
      500,
    );
  });
});

describe('without one of its precautions the protocol fails:', () => {
  const oneBusy = (parts: Parts) =>
    check(1, (words) => ({
      vcpus: [vcpu(parts, words, 0, ['busy'])],
      requesters: [requester(parts, words, pause, [0], { rounds: 2 })],
    }));
  const oneHalting = (parts: Parts) =>
    check(1, (words) => ({
      vcpus: [vcpu(parts, words, 0, ['busy', 'halts'])],
      requesters: [requester(parts, words, pause, [0]), requester(parts, words, service, [0])],
    }));
  const twoExclusive = (parts: Parts) =>
    check(2, (words) => ({ vcpus: [0, 1].map((cpu) => vcpu(parts, words, cpu, ['busy', 'exclusive'])), requesters: [] }));

  /** obeyStop over replaced parts. */
  const obeying = (parts: Pick<Parts, 'enterQuiescence' | 'leaveQuiescence'>): Parts['obeyStop'] =>
    function* (words, cpu) {
      yield { at: 'obey', op: 'and', word: words.attention(cpu), value: ~Attention.stop };
      yield* parts.enterQuiescence(words, cpu);
      yield* parts.leaveQuiescence(words, cpu);
    };

  it('the stop word is not looked at again on leaving quiescence', () => {
    const leaveQuiescence: Parts['leaveQuiescence'] = function* (words, cpu) {
      for (;;) {
        const seen = yield { at: 'look', op: 'load', word: words.stop(cpu) };
        if (seen === 0) break;
        yield { at: 'leave.wait', op: 'wait', word: words.stop(cpu), expected: seen };
      }
      yield { at: 'leave', op: 'or', word: words.stop(cpu), value: running };
    };
    const parts = { ...sound, leaveQuiescence, obeyStop: obeying({ ...sound, leaveQuiescence }) };
    expect(oneHalting(parts).failure).toMatch(/runs while stopped/);
  });

  it('quiescence is entered by a load and a store', () => {
    const enterQuiescence: Parts['enterQuiescence'] = function* (words, cpu) {
      const before = yield { at: 'enter', op: 'load', word: words.stop(cpu) };
      yield { at: 'enter.store', op: 'store', word: words.stop(cpu), value: before & ~running, local: before };
      if (before !== running) yield { at: 'enter.notify', op: 'notify', word: words.stop(cpu) };
    };
    const parts = { ...sound, enterQuiescence, obeyStop: obeying({ ...sound, enterQuiescence }) };
    expect(oneHalting(parts).failure).toMatch(/runs while stopped|cannot be reached/);
  });

  it('quiescence is entered without a word to who waits for it', () => {
    const enterQuiescence: Parts['enterQuiescence'] = function* (words, cpu) {
      yield { at: 'enter', op: 'and', word: words.stop(cpu), value: ~running };
    };
    const parts = { ...sound, enterQuiescence, obeyStop: obeying({ ...sound, enterQuiescence }) };
    expect(oneBusy(parts).failure).toMatch(/cannot be reached/);
  });

  it('the attention bit is taken back after the stop word was looked at', () => {
    const obeyStop: Parts['obeyStop'] = function* (words, cpu) {
      yield* stop.enterQuiescence(words, cpu);
      yield* stop.leaveQuiescence(words, cpu);
      yield { at: 'obey', op: 'and', word: words.attention(cpu), value: ~Attention.stop };
    };
    expect(oneBusy({ ...sound, obeyStop }).failure).toMatch(/'done 1' cannot be reached/);
  });

  it('a requester does not wait until the vCPU stands still', () => {
    const awaitQuiescence: Parts['awaitQuiescence'] = function* () {};
    expect(oneBusy({ ...sound, awaitQuiescence }).failure).toMatch(/runs while stopped/);
  });

  it('a reason is withdrawn without a word to the vCPU', () => {
    const releaseStop: Parts['releaseStop'] = function* (words, cpu, reason) {
      yield { at: 'release', op: 'and', word: words.stop(cpu), value: ~reason };
    };
    expect(oneBusy({ ...sound, releaseStop }).failure).toMatch(/'guest 0' cannot be reached/);
  });

  it('ownership is given up before the stops it stands for', () => {
    const releaseExclusivity: Parts['releaseExclusivity'] = function* (words, cpu) {
      yield { at: 'disown', op: 'store', word: words.owner, value: 0 };
      yield { at: 'disown.notify', op: 'notify', word: words.owner };
      yield* stop.releaseAll(words, StopReason.exclusive, cpu);
    };
    const outcome = check(3, (words) => ({
      vcpus: [0, 1, 2].map((cpu) =>
        vcpu({ ...sound, releaseExclusivity }, words, cpu, cpu === 2 ? ['busy'] : ['busy', 'exclusive']),
      ),
      requesters: [],
    }));
    expect(outcome.failure).toMatch(/has exclusivity|cannot be reached/);
  });

  it('who waits for exclusivity goes on running', () => {
    const acquireExclusivity: Parts['acquireExclusivity'] = function* (words: StopWords, cpu: number): Protocol {
      for (;;) {
        const owner = yield { at: 'own', op: 'compareExchange', word: words.owner, expected: 0, value: cpu + 1 };
        if (owner === 0) break;
        yield { at: 'own.wait', op: 'wait', word: words.owner, expected: owner };
      }
      yield* stop.stopAll(words, StopReason.exclusive, cpu);
    };
    expect(twoExclusive({ ...sound, acquireExclusivity }).failure).toMatch(/cannot be reached/);
  });

  it('the state of vCPUs is read while one waits for the device lock', () => {
    const outcome = check(2, (words) => ({
      vcpus: [0, 1].map((cpu) => vcpu(sound, words, cpu, ['busy', 'lock'])),
      requesters: [reader(words, stop.stopAll)],
    }));
    expect(outcome.failure).toMatch(/middle of an instruction/);
  });

  it('exclusivity is taken to be between instructions while somebody waits for the device lock', () => {
    const parts: Parts = { ...sound, acquireExclusivityBetweenInstructions: stop.acquireExclusivity };
    const outcome = check(3, (words) => ({
      vcpus: [vcpu(parts, words, 0, ['between']), vcpu(parts, words, 1, ['lock']), vcpu(parts, words, 2, ['lock'])],
      requesters: [],
    }));
    expect(outcome.failure).toMatch(/middle of an instruction/);
  });

  it('who has exclusivity goes on running while it waits for who is in the middle of an instruction', () => {
    const parts: Parts = {
      ...sound,
      *acquireExclusivityBetweenInstructions(words, cpu) {
        yield* stop.acquireExclusivity(words, cpu);
        attempt: for (;;) {
          for (let other = 0; other < words.cpus; other++) {
            const inside = yield { at: 'between', op: 'load', word: words.inside(other) };
            if (!stop.isInLock(inside)) continue;
            yield* stop.releaseAll(words, StopReason.exclusive, cpu);
            yield* stop.stopAll(words, StopReason.exclusive, cpu);
            continue attempt;
          }
          return;
        }
      },
    };
    const outcome = check(2, (words) => ({
      vcpus: [vcpu(parts, words, 0, ['between']), vcpu(parts, words, 1, ['lock'])],
      requesters: [requester(parts, words, StopReason.smm, [0, 1]), lockHolder(parts, words)],
    }));
    expect(outcome.failure).toMatch(/cannot be reached/);
  });

  it('who waits for the device lock goes on running', () => {
    const parts: Parts = { ...sound, acquireLock: (words, lock) => acquireLock(words, lock, -1) };
    const outcome = check(1, (words) => ({
      vcpus: [vcpu(parts, words, 0, ['lock'])],
      requesters: [
        // Stops the vCPU while it holds the lock itself.
        function* () {
          yield* acquireLock(words, lockWord, -1);
          yield* stop.requestStop(words, 0, pause);
          yield* stop.awaitQuiescence(words, 0);
          yield* stop.releaseStop(words, 0, pause);
          yield* releaseLock(lockWord);
        },
      ],
    }));
    expect(outcome.failure).toMatch(/cannot be reached/);
  });

  it('the device lock is given up without looking whether somebody waits', () => {
    const releaseLockSilently: Parts['releaseLock'] = function* (lock) {
      yield { at: 'unlock', op: 'store', word: lock, value: 0 };
    };
    const parts = { ...sound, releaseLock: releaseLockSilently };
    const outcome = check(2, (words) => ({ vcpus: [0, 1].map((cpu) => vcpu(parts, words, cpu, ['lock'])), requesters: [] }));
    expect(outcome.failure).toMatch(/cannot be reached/);
  });
});
