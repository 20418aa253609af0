/**
 * Who carries out a read for a vCPU, in every interleaving of the vCPU, the service worker that asks, somebody who stops the vCPU, and another
 * vCPU that holds the device lock. Safety: each request is carried out exactly once, and in the vCPU's stead only while it executes nothing and is
 * not in the middle of an instruction. Liveness: every request comes to its end, and the vCPU goes on. Negative controls take one precaution out.
 */
import { describe, expect, it } from 'vitest';
import { Attention } from '../../engine/isa/state.ts';
import type { Protocol } from '../../engine/machine/atomic-step.ts';
import { acquireLock, releaseLock } from '../../engine/machine/device-lock.ts';
import {
  enterQuiescence,
  leaveQuiescence,
  obeyStop,
  releaseAll,
  running,
  stopAll,
  StopReason,
} from '../../engine/machine/stop.ts';
import * as handOver from '../../engine/peek/hand-over.ts';
import { Request, type HandOverWords } from '../../engine/peek/hand-over.ts';
import { explore, type Model, type ModelStep, type Thread } from './explore.ts';

const cpus = 2;
const ownerWord = 4;
const lockWord = 5;
/** Ghosts: the service worker reads in the vCPU's stead; how often the request was carried out; the vCPU is in the middle of an instruction. */
const hereWord = 8;
const countWord = 9;
const middleWord = 10;
const requestWord = 11;
const wordCount = 12;

const words: HandOverWords = {
  cpus,
  stop: (cpu) => cpu,
  attention: (cpu) => cpus + cpu,
  owner: ownerWord,
  inside: (cpu) => 6 + cpu,
  request: () => requestWord,
};

const sound = { ...handOver };
type Parts = typeof sound;
type Steps = Generator<ModelStep, void, number>;
type Habit = 'busy' | 'halts' | 'lock';

/** Guest code, or the vCPU's own thread at its translations. */
function* execute(cpu: number, where: string): Steps {
  yield {
    at: `execute ${where}`,
    op: 'assert',
    check: (values) => (cpu === 0 && values[hereWord] === 1 ? 'the vCPU runs while somebody reads in its stead' : undefined),
  };
}

function* carryOut(where: string): Steps {
  const count = yield { at: `count ${where}`, op: 'load', word: countWord };
  yield { at: `counted ${where}`, op: 'store', word: countWord, value: count + 1 };
}

function vcpu(parts: Parts, cpu: number, habits: readonly Habit[]): Thread {
  return function* () {
    yield* leaveQuiescence(words, cpu);
    for (;;) {
      yield { at: 'guest', op: 'checkpoint' };
      yield* execute(cpu, 'guest');
      const attention = yield { at: 'poll', op: 'load', word: words.attention(cpu) };
      if ((attention & Attention.peek) !== 0) {
        yield { at: 'attend', op: 'and', word: words.attention(cpu), value: ~Attention.peek };
        const mine = yield* parts.takeRequest(words, cpu);
        if (mine) {
          yield* execute(cpu, 'read');
          yield* carryOut('there');
          yield* parts.finishRequest(words, cpu);
        }
        continue;
      }
      if ((attention & Attention.stop) !== 0) {
        yield* obeyStop(words, cpu);
        continue;
      }
      const choice = habits.length === 1 ? 0 : yield { at: 'habit', op: 'choose', count: habits.length };
      if (habits[choice] === 'halts') {
        yield* enterQuiescence(words, cpu);
        yield* leaveQuiescence(words, cpu);
      } else if (habits[choice] === 'lock') {
        if (cpu === 0) yield { at: 'middle', op: 'store', word: middleWord, value: 1 };
        yield* acquireLock(words, lockWord, cpu);
        yield* execute(cpu, 'chip');
        yield* releaseLock(lockWord);
        if (cpu === 0) yield { at: 'behind', op: 'store', word: middleWord, value: 0 };
      }
    }
  };
}

/** The service worker reads `rounds` times for vCPU 0. */
function asker(parts: Parts, rounds: number): Thread {
  return function* () {
    for (let round = 0; round < rounds; round++) {
      yield { at: `ask ${round}`, op: 'checkpoint' };
      yield { at: `fresh ${round}`, op: 'store', word: countWord, value: 0 };
      for (;;) {
        const held = yield* parts.holdQuiescent(words, 0);
        if (held) {
          yield {
            at: `here ${round}`,
            op: 'assert',
            check: (values) =>
              (values[words.stop(0)]! & running) !== 0
                ? 'read in the stead of a vCPU that runs'
                : values[middleWord] === 1
                  ? 'read in the middle of an instruction'
                  : undefined,
          };
          yield { at: `begin ${round}`, op: 'store', word: hereWord, value: 1 };
          yield* carryOut(`here ${round}`);
          yield { at: `end ${round}`, op: 'store', word: hereWord, value: 0 };
          yield* parts.releaseHold(words, 0);
          break;
        }
        yield* parts.postRequest(words, 0);
        const done = yield* parts.collectRequest(words, 0);
        if (done) break;
      }
      yield {
        at: `once ${round}`,
        op: 'assert',
        check: (values) => (values[countWord] === 1 ? undefined : `the request was carried out ${values[countWord]} times`),
      };
    }
  };
}

/** Somebody pauses the machine once. */
const pauser: Thread = function* () {
  yield* stopAll(words, StopReason.pause, 1);
  yield* releaseAll(words, StopReason.pause, 1);
};

function model(parts: Parts, habits: readonly Habit[], others: readonly Thread[], rounds = 1): Model {
  return {
    threads: [vcpu(parts, 0, habits), asker(parts, rounds), ...others],
    words: Array.from({ length: wordCount }, () => 0),
    goals: [
      'done 1',
      'guest 0',
      ...others.map((_, index) => (others[index] === pauser ? `done ${index + 2}` : `guest ${index + 2}`)),
    ],
  };
}

describe('reads for a vCPU', () => {
  it.each([
    ['that runs and sleeps, twice', ['busy', 'halts'] as Habit[], [], 2],
    ['that is paused meanwhile', ['busy', 'halts'] as Habit[], [pauser], 1],
    ['that waits for the device lock', ['busy', 'lock'] as Habit[], [vcpu(sound, 1, ['lock'])], 1],
  ])('of a vCPU %s are carried out exactly once, and never under its feet', (_name, habits, others, rounds) => {
    expect(explore(model(sound, habits, others, rounds)).failure).toBeUndefined();
  });

  describe('negative controls', () => {
    const without = (change: Partial<Parts>): Parts => ({ ...sound, ...change });

    it('without holding it, the vCPU runs on under the reader', () => {
      const parts = without({
        *holdQuiescent(these, cpu): Protocol<boolean> {
          const word = yield { at: 'look', op: 'load', word: these.stop(cpu) };
          return (word & running) === 0;
        },
        *releaseHold(): Protocol {},
      });
      expect(explore(model(parts, ['busy', 'halts'], [])).failure).toMatch(
        /in the stead of a vCPU that runs|runs while somebody reads/,
      );
    });

    it('without looking whether it is in the middle of an instruction, half of one is seen', () => {
      const parts = without({
        *holdQuiescent(these, cpu): Protocol<boolean> {
          const before = yield { at: 'hold', op: 'or', word: these.stop(cpu), value: StopReason.peek };
          if ((before & running) === 0) return true;
          yield* handOver.releaseHold(these, cpu);
          return false;
        },
      });
      expect(explore(model(parts, ['busy', 'lock'], [vcpu(parts, 1, ['lock'])])).failure).toContain(
        'in the middle of an instruction',
      );
    });

    it('when a request is taken back by a plain store, it is carried out twice', () => {
      const parts = without({
        *collectRequest(these, cpu): Protocol<boolean> {
          const seen = yield { at: 'collect', op: 'load', word: these.request(cpu) };
          yield { at: 'collect.store', op: 'store', word: these.request(cpu), value: Request.none, local: seen };
          return seen === Request.done;
        },
      });
      expect(explore(model(parts, ['busy', 'halts'], [])).failure).toMatch(/carried out 2 times|runs while somebody reads/);
    });

    it('without telling the vCPU that holds it, that vCPU sleeps on for ever', () => {
      const parts = without({
        *releaseHold(these, cpu): Protocol {
          yield { at: 'release silently', op: 'and', word: these.stop(cpu), value: ~StopReason.peek };
        },
      });
      expect(explore(model(parts, ['busy', 'halts'], [])).failure).toContain('cannot be reached any more');
    });
  });
});
