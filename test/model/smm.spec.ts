/**
 * The rendezvous of SMM in every interleaving, with the very text that vCPUs run (smm-model.ts). Safety: while SMRAM is in the view everybody is in SMM
 * or stopped for it; nobody outside of SMM executes, nobody in SMM without SMRAM; no SMI is lost, none delivered twice. Liveness: every SMI is
 * served, and nobody stays stopped. Negative controls take one precaution out at a time and have to fail: in the reduced search, step by step, and exchanged.
 * VITRINE_MODEL=long explores the scenes at length as well, and any value has figures told; smm-scenes.ts says which there are.
 */
import { afterAll, describe, expect, it } from 'vitest';
import { Attention } from '../../engine/isa/state.ts';
import { lowest, type Protocol } from '../../engine/machine/atomic-step.ts';
import * as stop from '../../engine/machine/stop.ts';
import { Inside, StopReason } from '../../engine/machine/stop.ts';
import type { SmmWords } from '../../engine/smm/rendezvous.ts';
import type { Outcome } from './explore.ts';
import { check, hooks, sceneOf, sound, wordsOf, type Other, type Parts, type Scene } from './smm-model.ts';
import { atLength, everyTime } from './smm-scenes.ts';

const isLong = process.env['VITRINE_MODEL'] === 'long';
const showsFigures = process.env['VITRINE_MODEL'] !== undefined;
/** Of the search, not of the model: what 4 GB hold. */
const manyStates = 200_000_000;

let explored = 0;
const sum = { states: 0, transitions: 0, interleavings: 0 };
const say = (text: string, { states, transitions, interleavings }: Omit<Outcome, 'failure'>) => {
  if (!showsFigures) return;
  const figures = `${states} states, ${transitions} transitions, ${interleavings.toExponential(1)} interleavings at least`;
  process.stderr.write(`  ${text}: ${figures}\n`);
};

function expectSound(text: string): void {
  const outcome = check(sceneOf(text), { limit: manyStates });
  say(text, outcome);
  expect(outcome.failure).toBeUndefined();
  expect(outcome.states).toBeGreaterThan(100);
  explored += 1;
  sum.states += outcome.states;
  sum.transitions += outcome.transitions;
  sum.interleavings += outcome.interleavings;
}

describe('the rendezvous of SMM, in every interleaving', () => {
  afterAll(() => say('together', sum));

  it.each(everyTime)('holds for %s', expectSound);
  it.runIf(isLong).each(atLength)('holds for %s', { timeout: 7_200_000 }, expectSound);

  it('has gone through ten million interleavings', ({ skip }) => {
    skip(explored < everyTime.length, 'only with all of them');
    expect(sum.transitions).toBeGreaterThan(10_000_000);
    expect(sum.interleavings).toBeGreaterThan(10_000_000);
  });
});

/** Does it to each of the others, in the order in which the protocol would. */
function* others(words: SmmWords, cpu: number, where: string, what: (other: number) => Protocol<unknown>): Protocol {
  for (let left = ((1 << words.stop.cpus) - 1) & ~(1 << cpu); left !== 0;) {
    const other = words.stop.anyOrder === true ? yield { at: `${where}.next`, op: 'any', of: left } : lowest(left);
    yield* what(other);
    left &= ~(1 << other);
  }
}

describe.each([
  ['reduced', { isReduced: true, isExchanged: false }],
  ['step by step', { isReduced: false, isExchanged: false }],
  ['exchanged', { isReduced: true, isExchanged: true }],
])('without one of its precautions SMRAM leaks, or somebody waits for ever (%s):', (_, { isReduced, isExchanged }) => {
  const failure = (scene: Scene, checksInvariant = false) => check(scene, { isReduced, isExchanged, checksInvariant }).failure;
  /** A vCPU that gets SMIs, and one, or two that are exchanged for each other, that may get one as well. */
  const some = (parts: Partial<Parts>, ...others: Other[]): Scene => ({
    ...sceneOf(isExchanged ? 'busy 2*lock | SMI 0' : 'busy lock | SMI 0'),
    others: ['SMI 0', ...others],
    parts: { ...sound, ...parts },
  });
  const notStopped = /neither in SMM nor stopped for it/;

  it('the others are not stopped', () => {
    const enterSmm: Parts['enterSmm'] = function* (words, cpu) {
      yield { at: 'smm.map', op: 'store', word: words.view, value: 1 };
      yield { at: 'smm.join', op: 'or', word: words.members, value: 1 << cpu };
      yield* hooks.dropTranslations(cpu);
    };
    expect(failure(some({ enterSmm }))).toMatch(/outside of SMM/);
    expect(failure(some({ enterSmm }), true)).toMatch(notStopped);
  });

  it('SMRAM is mapped before all have acknowledged', () => {
    const enterSmm: Parts['enterSmm'] = function* (words, cpu) {
      yield* others(words, cpu, 'ask', (other) => stop.requestStop(words.stop, other, StopReason.smm));
      yield { at: 'smm.map', op: 'store', word: words.view, value: 1 };
      yield* others(words, cpu, 'see', (other) => stop.awaitQuiescence(words.stop, other));
      yield { at: 'smm.join', op: 'or', word: words.members, value: 1 << cpu };
      yield* hooks.dropTranslations(cpu);
    };
    expect(failure(some({ enterSmm }))).toMatch(/outside of SMM/);
    expect(failure(some({ enterSmm }), true)).toMatch(notStopped);
  });

  it('a vCPU that waits in the middle of an instruction counts as stopped', () => {
    const enterSmm: Parts['enterSmm'] = function* (words, cpu) {
      yield { at: 'smm.inside', op: 'store', word: words.stop.inside(cpu), value: Inside.rendezvous };
      yield* stop.enterQuiescence(words.stop, cpu);
      yield* stop.stopAll(words.stop, StopReason.smm, cpu);
      yield { at: 'smm.map', op: 'store', word: words.view, value: 1 };
      // Translated before, used behind it: what the wait in between is about.
      yield { at: 'smm.join', op: 'or', word: words.members, value: 1 << cpu };
      yield* hooks.dropTranslations(cpu);
      yield* stop.leaveQuiescence(words.stop, cpu);
      yield { at: 'smm.outside', op: 'store', word: words.stop.inside(cpu), value: 0 };
      yield { at: 'in hand', op: 'load', word: words.members };
    };
    const scene = some({ enterSmm });
    const { members, stop: stops } = wordsOf(3);
    const isHeld = (cpu: number, values: readonly number[]) =>
      stop.isInLock(values[stops.inside(cpu)]!) && values[stops.stop(cpu)] === StopReason.smm;
    const watcher: Scene['others'][number] = function* () {
      yield {
        at: 'in hand',
        op: 'assert',
        check: (values) =>
          values[members] !== 0 && [1, 2].some((cpu) => isHeld(cpu, values)) ? 'an address is in hand' : undefined,
      };
    };
    expect(failure({ ...scene, others: [...scene.others, watcher] })).toMatch(/in hand/);
  });

  it('translations outlive RSM', () => {
    const leaveSmm: Parts['leaveSmm'] = (words, cpu) =>
      sound.leaveSmm(words, cpu, {
        ...hooks,
        *dropTranslations() {
          // Nothing is dropped.
        },
      });
    expect(failure(some({ leaveSmm }))).toMatch(/reaches SMRAM outside of SMM/);
  });

  it('RSM lets the others go although somebody is still in SMM', () => {
    const leaveSmm: Parts['leaveSmm'] = function* (words, cpu) {
      yield { at: 'smm.leave', op: 'and', word: words.members, value: ~(1 << cpu) };
      yield* stop.releaseAll(words.stop, StopReason.smm, cpu);
      yield { at: 'smm.unmap', op: 'store', word: words.view, value: 0 };
      yield* hooks.dropTranslations(cpu);
    };
    const scene = isExchanged ? { ...sceneOf('2*busy | SMI any, SMI any'), parts: { ...sound, leaveSmm } } : some({ leaveSmm }, 'SMI 1');
    expect(failure(scene)).toMatch(/outside of SMM|without SMRAM/);
    expect(failure(scene, true)).toMatch(notStopped);
  });

  it('nobody knocks at a stopped vCPU that has an SMI', () => {
    const sendSmi: Parts['sendSmi'] = function* (words, cpu) {
      const before = yield { at: 'smi', op: 'or', word: words.attention(cpu), value: Attention.smi };
      return (before & Attention.smi) !== 0;
    };
    const parts = { ...sound, sendSmi };
    const scene = sceneOf(isExchanged ? '2*halts | SMI any, pause' : 'busy halts | SMI 1, pause');
    expect(failure({ ...scene, parts })).toMatch(/cannot be reached/);
  });

  it('who enters takes back an SMI that it has not accepted', () => {
    const enterSmm: Parts['enterSmm'] = function* (words, cpu, its) {
      yield { at: 'early', op: 'and', word: words.stop.attention(cpu), value: ~Attention.smi };
      yield* sound.enterSmm(words, cpu, its);
    };
    expect(failure(some({ enterSmm }), true)).toMatch(/is lost/);
  });

  it('an SMI is sent again by who only wanted to wake the vCPU', () => {
    const sendSmi: Parts['sendSmi'] = function* (words, cpu) {
      yield* sound.sendSmi(words, cpu);
      yield { at: 'smi again', op: 'or', word: words.attention(cpu), value: Attention.smi };
      return false;
    };
    expect(failure(some({ sendSmi }))).toMatch(/delivered twice/);
  });
});

describe('without one of its precautions, in a larger scene:', () => {
  it('a stopped vCPU joins those in SMM while the service worker relies on it', () => {
    /** `stand` sees of the stop word only what it saw before. */
    const stand: Parts['stand'] = function* (words, cpu, its) {
      const steps = sound.stand(words, cpu, its);
      for (let next = steps.next(0); next.done !== true;) {
        const result = yield next.value;
        next = steps.next(next.value.at === 'stand.quiesce' ? result & StopReason.smm : result);
      }
    };
    const { failure } = check({ ...sceneOf('busy busy | SMI 0, SMI 1, reset'), parts: { ...sound, stand } });
    expect(failure).toMatch(/changes who is in SMM while all are relied upon/);
  });

  it('who has exclusivity goes on running while it waits for who is in the middle of an instruction', () => {
    const decode: Parts['decode'] = function* (words, cpu) {
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
    };
    const { failure } = check({ ...sceneOf('decodes lock busy | SMI 2'), parts: { ...sound, decode } });
    expect(failure).toMatch(/cannot be reached/);
  });
});
