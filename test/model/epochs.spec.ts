/**
 * The plan of epochs of a pair under the virtual clock (docs/decisions/0029) in every order of events, with a side that dies at any step and a state that is taken at
 * any step. Safety: both machines apply the same inputs in the same epochs, none is lost, doubled or out of order, and clients get one story. Liveness: nobody waits
 * for ever. Negative controls take one precaution out each.
 *
 * Longer with VITRINE_MODEL=long.
 */
import { describe, expect, it } from 'vitest';
import { firstWorld, happenings, protectedWorld } from './epoch-steps.ts';
import { isServed, textOf, type Budgets, type Faults, type World } from './epoch-world.ts';
import type { Outcome } from './explore.ts';
import { exploreWorlds } from './worlds.ts';

const isLong = process.env['VITRINE_MODEL'] === 'long';
/** Epochs that the leader may be ahead, and one. */
const farAhead = 17;

type Begin = (inputs: number, budgets: Budgets, faults?: Faults) => World;
const ahead: Begin = (inputs, budgets, faults) => protectedWorld(inputs, budgets, faults, farAhead);

function check(inputs: number, budgets: Partial<Budgets>, begin: Begin, faults: Faults = {}): Outcome {
  return exploreWorlds(begin(inputs, { ticks: 0, faults: 0, resyncs: 0, ...budgets }, faults), {
    happenings: (world) => happenings(world, faults),
    textOf,
    isServed: (world) => isServed(world, inputs),
  });
}

const always: [string, number, Partial<Budgets>, Begin][] = [
  ['two inputs and a fault', 2, { faults: 1 }, protectedWorld],
  ['an input, time that goes by, and a fault', 1, { ticks: 1, faults: 1 }, protectedWorld],
  ['a state that is taken, an input and a fault', 1, { resyncs: 1, faults: 1 }, protectedWorld],
  ['a secondary that joins, an input and a fault', 1, { faults: 1 }, firstWorld],
  ['a secondary that is far behind', 1, { faults: 1 }, ahead],
];
const long: typeof always = [
  ['a state that is taken, and two inputs', 2, { resyncs: 1 }, protectedWorld],
  ['a secondary that is far behind, and time that goes by', 1, { ticks: 1, faults: 1 }, ahead],
  ['two inputs, time that goes by, and a fault', 2, { ticks: 1, faults: 1 }, protectedWorld],
  ['a state that is taken, two inputs and a fault', 2, { resyncs: 1, faults: 1 }, protectedWorld],
];

describe('epochs of a pair, whatever happens', { timeout: isLong ? 1_200_000 : 120_000 }, () => {
  it.each(isLong ? [...always, ...long] : always)('give both the same at the same time: %s', (_, inputs, budgets, begin) => {
    const outcome = check(inputs, budgets, begin);
    expect(outcome.failure).toBeUndefined();
    expect(outcome.states).toBeGreaterThan(100);
  });

  it.each([
    ['who follows does not wait for decisions', { noDecision: true }, 1, { ticks: 1 }, protectedWorld, /other epochs|not the same inside|since output differs/],
    ['a state lacks the inputs that were not applied', { noOffered: true }, 1, { resyncs: 1, faults: 1 }, protectedWorld, /not served|inputs, of/],
    ['a state says what was known before its machine stood still', { earlyCount: true }, 1, { resyncs: 1, faults: 1 }, protectedWorld, /not served|inputs, of|not the same inside/],
    ['who takes over decides nothing', { noLead: true }, 1, { faults: 1 }, protectedWorld, /not served/],
    ['who is left waits for who is dead', { waitsForDead: true }, 1, { faults: 1 }, ahead, /not served/],
  ] satisfies [string, Faults, number, Partial<Budgets>, Begin, RegExp][])('do not when %s', (_, faults, inputs, budgets, begin, expected) => {
    expect(check(inputs, budgets, begin, faults).failure).toMatch(expected);
  });
});
