/**
 * Nobody outside of SMM reaches SMRAM, in any order of steps (testing/cooperative.ts). VITRINE_SMM is the number of interleavings of the long run,
 * for instance 10000000; the suite takes a short one.
 */
import { describe, expect, it } from 'vitest';
import { awaitQuiescence, requestStop, StopReason } from '../machine/stop.ts';
import { Cooperative, sound, type Figures, type Rendezvous } from './testing/cooperative.ts';

const wanted = Number(process.env['VITRINE_SMM'] ?? 60_000);
const piece = 100_000;
const isLong = process.env['VITRINE_SMM'] !== undefined;

function storm(cpus: number, interleavings: number): Figures {
  const machine = new Cooperative(cpus, 0x1234567 + cpus);
  let figures = machine.figures;
  while (figures.interleavings < interleavings && figures.leaks + figures.damaged === 0)
    figures = machine.run(Math.min(piece, 2 * interleavings));
  if (isLong) process.stderr.write(`${cpus} vCPUs: ${JSON.stringify(figures)}\n`);
  return figures;
}

describe('a storm of SMIs, a step at a time', { timeout: 7_200_000 }, () => {
  it.each([2, 3, 4])('keeps SMRAM from %i vCPUs', (cpus) => {
    const { leaks, damaged, entries, tries, interleavings } = storm(cpus, Math.ceil(wanted / 3));
    expect([leaks, damaged]).toEqual([0, 0]);
    expect(interleavings).toBeGreaterThanOrEqual(wanted / 3);
    expect(entries).toBeGreaterThan(interleavings / 1000);
    expect(tries).toBeGreaterThan(interleavings / 1000);
  });
});

describe('the same storm finds', () => {
  const found = (parts: Rendezvous): number => {
    const { leaks, damaged } = new Cooperative(3, 99, parts).run(200_000);
    return leaks + damaged;
  };

  it('a rendezvous without the stop step', () => {
    const enterSmm: Rendezvous['enterSmm'] = function* (words, cpu, hooks) {
      yield { at: 'map', op: 'store', word: words.view, value: 1 };
      yield { at: 'join', op: 'or', word: words.members, value: 1 << cpu };
      yield* hooks.dropTranslations(cpu);
    };
    expect(found({ ...sound, enterSmm })).toBeGreaterThan(0);
  });

  it('a rendezvous that maps before all have acknowledged', () => {
    const enterSmm: Rendezvous['enterSmm'] = function* (words, cpu, hooks) {
      for (let other = 0; other < words.stop.cpus; other++)
        if (other !== cpu) yield* requestStop(words.stop, other, StopReason.smm);
      yield { at: 'map', op: 'store', word: words.view, value: 1 };
      for (let other = 0; other < words.stop.cpus; other++) if (other !== cpu) yield* awaitQuiescence(words.stop, other);
      yield { at: 'join', op: 'or', word: words.members, value: 1 << cpu };
      yield* hooks.dropTranslations(cpu);
    };
    expect(found({ ...sound, enterSmm })).toBeGreaterThan(0);
  });

  it('a rendezvous that leaves SMRAM in the view behind the last RSM', () => {
    const leaveSmm: Rendezvous['leaveSmm'] = function* (words, cpu, hooks) {
      yield* sound.leaveSmm(words, cpu, hooks);
      yield { at: 'back', op: 'store', word: words.view, value: 1 };
    };
    expect(found({ ...sound, leaveSmm })).toBeGreaterThan(0);
  });
});
