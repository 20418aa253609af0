/**
 * The rendezvous of SMM in every interleaving, with the very text that vCPUs run (smm-model.ts). Safety: nobody outside of SMM executes while SMRAM is
 * in the view, nobody in SMM without it, and no SMI is delivered twice. Liveness: every SMI is served, and nobody stays stopped. Negative
 * controls take one precaution out at a time and have to fail. VITRINE_MODEL=long explores the larger scenes as well, and any other value has the
 * numbers of states told.
 */
import { describe, expect, it } from 'vitest';
import { Attention } from '../../engine/isa/state.ts';
import * as stop from '../../engine/machine/stop.ts';
import { Inside, StopReason } from '../../engine/machine/stop.ts';
import { all, check, eventSender, hooks, sender, service, sound, type Parts, type Scene } from './smm-model.ts';
import type { SmmWords } from '../../engine/smm/rendezvous.ts';

const isLong = process.env.VITRINE_MODEL === 'long';
const showsStates = process.env['VITRINE_MODEL'] !== undefined;
const manyStates = 16_000_000;

function expectSound(cpus: number, build: (words: SmmWords) => Scene): void {
  const { failure, states } = check(cpus, build, isLong ? manyStates : undefined);
  if (showsStates) process.stderr.write(`  ${states} states: ${expect.getState().currentTestName ?? ''}\n`);
  expect(failure).toBeUndefined();
  expect(states).toBeGreaterThan(100);
}

const one = (words: SmmWords, ...cpus: number[]) => cpus.map((cpu, number) => sender(sound, words, cpu, number));

describe('the rendezvous of SMM, in every interleaving', () => {
  it('lets one of two vCPUs enter while the other is stopped', () => {
    expectSound(2, (words) => ({ vcpus: all(2, sound, words), others: one(words, 0) }));
  });

  it('lets both enter when both have an SMI, together or one behind the other', () => {
    expectSound(2, (words) => ({ vcpus: all(2, sound, words), others: one(words, 0, 1) }));
  });

  it('latches a second SMI, and serves it behind the first', () => {
    expectSound(2, (words) => ({ vcpus: all(2, sound, words), others: one(words, 0, 0) }));
  });

  it('counts a halted vCPU as stopped, and wakes it for its own SMI', () => {
    expectSound(2, (words) => ({ vcpus: all(2, sound, words, { 1: 'halts' }), others: one(words, 0, 1) }));
  });

  it('lets nobody keep an address in the middle of an instruction that waits', () => {
    expectSound(2, (words) => ({ vcpus: all(2, sound, words, { 1: 'lock' }), others: one(words, 0) }));
  });

  it('keeps INIT and NMI until the vCPU is out of SMM', () => {
    expectSound(2, (words) => ({
      vcpus: all(2, sound, words),
      others: [...one(words, 0), eventSender(words, 0, Attention.init)],
    }));
    expectSound(2, (words) => ({
      vcpus: all(2, sound, words, { 1: 'halts' }),
      others: [...one(words, 0), eventSender(words, 1, Attention.nmi)],
    }));
  });

  it('may be paused anywhere, and is never saved half done', () => {
    expectSound(2, (words) => ({ vcpus: all(2, sound, words), others: [...one(words, 0), service(words)] }));
  });

  it('may be reset anywhere', () => {
    expectSound(1, (words) => ({ vcpus: all(1, sound, words), others: [...one(words, 0, 0), service(words, true)] }));
  });

  it('holds for three vCPUs', () => {
    expectSound(3, (words) => ({ vcpus: all(3, sound, words, { 2: 'halts' }), others: one(words, 0) }));
  });

  it('keeps INIT and NMI with three vCPUs', () => {
    for (const event of [Attention.init, Attention.nmi] as const)
      expectSound(3, (words) => ({
        vcpus: all(3, sound, words, { 2: 'halts' }),
        others: [...one(words, 0), eventSender(words, event === Attention.init ? 0 : 2, event)],
      }));
  });

  it('holds for four vCPUs', () => {
    expectSound(4, (words) => ({ vcpus: all(4, sound, words), others: one(words, 0) }));
  });

  describe.runIf(isLong)('at length', () => {
    it('holds for two vCPUs with two SMIs that are paused', { timeout: 3_600_000 }, () => {
      expectSound(2, (words) => ({ vcpus: all(2, sound, words), others: [...one(words, 0, 1), service(words)] }));
    });
    it('holds for two vCPUs that are reset', { timeout: 3_600_000 }, () => {
      expectSound(2, (words) => ({ vcpus: all(2, sound, words), others: [...one(words, 0), service(words, true)] }));
      expectSound(2, (words) => ({
        vcpus: all(2, sound, words, { 1: 'halts' }),
        others: [...one(words, 0), service(words, true)],
      }));
    });
    it('holds for three vCPUs with two SMIs', { timeout: 3_600_000 }, () => {
      expectSound(3, (words) => ({ vcpus: all(3, sound, words, { 2: 'halts' }), others: one(words, 0, 1) }));
    });
    it('holds for three vCPUs that are paused', { timeout: 3_600_000 }, () => {
      expectSound(3, (words) => ({ vcpus: all(3, sound, words, { 2: 'halts' }), others: [...one(words, 0), service(words)] }));
    });
    it('holds for four vCPUs of which one halts and one waits for a chip', { timeout: 3_600_000 }, () => {
      expectSound(4, (words) => ({ vcpus: all(4, sound, words, { 2: 'halts', 3: 'lock' }), others: one(words, 0) }));
    });
  });
});

describe('without one of its precautions SMRAM leaks, or somebody waits for ever:', () => {
  const two = (parts: Parts, ...cpus: number[]) =>
    check(2, (words) => ({
      vcpus: all(2, parts, words, { 1: 'lock' }),
      others: cpus.map((cpu, number) => sender(parts, words, cpu, number)),
    }));

  it('the others are not stopped', () => {
    const enterSmm: Parts['enterSmm'] = function* (words, cpu) {
      yield { at: 'smm.map', op: 'store', word: words.view, value: 1 };
      yield { at: 'smm.join', op: 'or', word: words.members, value: 1 << cpu };
      yield* hooks.dropTranslations(cpu);
    };
    expect(two({ ...sound, enterSmm }, 0).failure).toMatch(/outside of SMM/);
  });

  it('SMRAM is mapped before all have acknowledged', () => {
    const enterSmm: Parts['enterSmm'] = function* (words, cpu) {
      for (let other = 0; other < words.stop.cpus; other++)
        if (other !== cpu) yield* stop.requestStop(words.stop, other, StopReason.smm);
      yield { at: 'smm.map', op: 'store', word: words.view, value: 1 };
      for (let other = 0; other < words.stop.cpus; other++) if (other !== cpu) yield* stop.awaitQuiescence(words.stop, other);
      yield { at: 'smm.join', op: 'or', word: words.members, value: 1 << cpu };
      yield* hooks.dropTranslations(cpu);
    };
    expect(two({ ...sound, enterSmm }, 0).failure).toMatch(/outside of SMM/);
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
      yield {
        at: 'in hand',
        op: 'load',
        word: words.stop.inside(1 - cpu),
      };
    };
    const held = check(2, (words) => ({
      vcpus: all(2, { ...sound, enterSmm }, words, { 1: 'lock' }),
      others: [
        sender(sound, words, 0),
        function* () {
          yield {
            at: 'in hand',
            op: 'assert',
            check: (values) =>
              values[words.members] !== 0 &&
              values[words.stop.inside(1)] === Inside.lock &&
              values[words.stop.stop(1)] === StopReason.smm
                ? 'an address is in hand'
                : undefined,
          };
        },
      ],
    }));
    expect(held.failure).toMatch(/in hand/);
  });

  it('translations outlive RSM', () => {
    const leaveSmm: Parts['leaveSmm'] = (words, cpu) =>
      sound.leaveSmm(words, cpu, {
        ...hooks,
        *dropTranslations() {
          // Nothing is dropped.
        },
      });
    expect(two({ ...sound, leaveSmm }, 0).failure).toMatch(/reaches SMRAM outside of SMM/);
  });

  it('RSM lets the others go although somebody is still in SMM', () => {
    const leaveSmm: Parts['leaveSmm'] = function* (words, cpu) {
      yield { at: 'smm.leave', op: 'and', word: words.members, value: ~(1 << cpu) };
      yield* stop.releaseAll(words.stop, StopReason.smm, cpu);
      yield { at: 'smm.unmap', op: 'store', word: words.view, value: 0 };
      yield* hooks.dropTranslations(cpu);
    };
    expect(two({ ...sound, leaveSmm }, 0, 1).failure).toMatch(/outside of SMM|without SMRAM/);
  });

  it('nobody knocks at a stopped vCPU that has an SMI', () => {
    const sendSmi: Parts['sendSmi'] = function* (words, cpu) {
      const before = yield { at: 'smi', op: 'or', word: words.attention(cpu), value: Attention.smi };
      return (before & Attention.smi) !== 0;
    };
    const parts = { ...sound, sendSmi };
    const outcome = check(2, (words) => ({
      vcpus: all(2, parts, words, { 1: 'halts' }),
      others: [sender(parts, words, 1), service(words)],
    }));
    expect(outcome.failure).toMatch(/cannot be reached/);
  });
});
