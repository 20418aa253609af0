/**
 * The protocol of a pair (engine/tolerance) in every order of events, with messages that are lost, late or doubled, and with a side that dies
 * or is taken for dead at any step. Safety: nothing leaves unmatched or uncommitted, no two speakers, no byte lost, doubled, changed or out of order, and
 * inputs reach each machine once and in order. Liveness: whoever is left answers everything. Negative controls take one precaution out each.
 *
 * Longer with VITRINE_MODEL=long.
 */
import { describe, expect, it } from 'vitest';
import type { Outcome } from './explore.ts';
import { answerBytes, firstWorld, happenings, noBudgets, protectedWorld, textOf, type Budgets, type Faults, type Options } from './tolerance-world.ts';
import { exploreWorlds } from './worlds.ts';

const isLong = process.env['VITRINE_MODEL'] === 'long';

function check(inputs: number, budgets: Partial<Budgets>, options: Options, begin = protectedWorld): Outcome {
  return exploreWorlds(begin(inputs, { ...noBudgets, ...budgets }), {
    happenings: (world) => happenings(world, options),
    textOf: (world) => textOf(world, options),
    // Clients have all their answers, and the gateway keeps nothing of what they said.
    isServed: (world) => world.isOver || (world.delivered.length === answerBytes(inputs, options) && world.gateway.inputs.length === 0),
  });
}

const ordered: Options = { inOrder: true, eager: true };
const unordered: Options = { inOrder: false, eager: true };
/** As over TCP. */
const reliable: Options = { inOrder: true, eager: true, reliable: true };
const timed: Options = { ...reliable, timed: true };
const late: Options = { inOrder: true, eager: false };
const packets: Options = { inOrder: true, eager: true, packets: true };

type Case = [string, number, Partial<Budgets>, Options, typeof firstWorld];

const always: Case[] = [
  ['a fault while the secondary joins', 1, { fault: 1 }, ordered, firstWorld],
  ['divergence, loss and a fault', 1, { divergence: 1, loss: 1, fault: 1 }, ordered, protectedWorld],
  ['divergence and a fault, in any order', 1, { divergence: 1, fault: 1 }, unordered, protectedWorld],
  ['two requests and divergence, in any order', 2, { divergence: 1 }, unordered, protectedWorld],
  ['doubled messages and a fault, in any order', 1, { double: 1, fault: 1 }, unordered, protectedWorld],
  ['a limit that passes, divergence and a fault', 1, { late: 1, divergence: 1, fault: 1 }, ordered, protectedWorld],
  ['a damaged checkpoint, divergence and a fault', 1, { damage: 1, divergence: 1, fault: 1 }, ordered, protectedWorld],
  ['what is forgotten is forgotten late', 1, { divergence: 1 }, late, protectedWorld],
  ['a fault while a side’s link to the gateway is cut', 1, { reconnect: 1, fault: 1 }, reliable, protectedWorld],
  ['a link to the gateway is cut while the secondary joins', 1, { reconnect: 1 }, reliable, firstWorld],
  ['a lease with a time that runs out, and a fault', 1, { expiry: 1, fault: 1 }, timed, protectedWorld],
  ['a lease that runs out while the secondary joins', 1, { expiry: 1 }, timed, firstWorld],
  ['packets, divergence and a fault', 1, { divergence: 1, fault: 1 }, packets, protectedWorld],
];
const long: Case[] = [
  ['two requests, a lease that runs out, and a fault', 2, { expiry: 1, fault: 1 }, timed, protectedWorld],
  ['a lease that runs out twice, divergence and a fault', 1, { expiry: 2, divergence: 1, fault: 1 }, timed, protectedWorld],
  ['a link to the gateway is cut, divergence and a fault', 1, { reconnect: 1, divergence: 1, fault: 1 }, reliable, protectedWorld],
  ['doubled messages, divergence and a fault, in any order', 1, { divergence: 1, double: 1, fault: 1 }, unordered, protectedWorld],
  ['two requests, divergence and a fault', 2, { divergence: 1, fault: 1 }, ordered, protectedWorld],
  ['two requests, loss and a fault', 2, { loss: 1, fault: 1 }, ordered, protectedWorld],
  ['two requests, a damaged checkpoint, divergence and a fault', 2, { damage: 1, divergence: 1, fault: 1 }, ordered, protectedWorld],
  ['two requests, doubled messages in any order', 2, { double: 1, divergence: 1 }, unordered, protectedWorld],
  ['a fault while what is forgotten is forgotten late', 1, { fault: 1 }, late, protectedWorld],
  ['packets, loss and a fault', 1, { loss: 1, fault: 1 }, packets, protectedWorld],
  ['two packets, divergence and a fault', 2, { divergence: 1, fault: 1 }, packets, protectedWorld],
  ['two requests and a fault while the secondary joins', 2, { fault: 1 }, ordered, firstWorld],
];

describe('a pair, whatever happens', { timeout: isLong ? 1_200_000 : 120_000 }, () => {
  it.each(isLong ? [...always, ...long] : always)('serves its clients: %s', (_, inputs, budgets, options, begin) => {
    const outcome = check(inputs, budgets, options, begin);
    expect(outcome.failure).toBeUndefined();
    expect(outcome.states).toBeGreaterThan(100);
  });

  const without = (faults: Faults, inputs: number, budgets: Partial<Budgets>, options = ordered) =>
    check(inputs, budgets, { ...options, faults }).failure;

  it.each([
    ['output leaves before the secondary has said it', { earlyRelease: true }, 1, {}, ordered, /unmatched/],
    ['held output leaves before the checkpoint is acknowledged', { releaseBeforeCommit: true }, 1, { divergence: 1 }, ordered, /unmatched/],
    ['both get the same term', { noFence: true }, 1, { fault: 1 }, ordered, /two speakers|other output than clients have/],
    ['a damaged checkpoint is put in place', { noHash: true }, 1, { divergence: 1, damage: 1 }, ordered, /unmatched|not what/],
    ['output of an earlier generation counts', { noGeneration: true }, 2, { divergence: 1 }, unordered, /unmatched/],
    ['a checkpoint lacks the output that was not confirmed', { noHeldOutput: true }, 1, { divergence: 1, fault: 1 }, ordered, /not served/],
    ['output leaves without a look at a lease that has a time', { noLeaseCheck: true }, 1, { expiry: 1, fault: 1 }, timed, /two speakers/],
    ['a proof of the lease is counted from its answer on', { lateDeadline: true }, 1, { expiry: 1, fault: 1 }, timed, /two speakers/],
    ['who claims the lease does not wait', { noWait: true }, 1, { fault: 1 }, timed, /two speakers/],
    ['the lease is proved behind a claim that stands', { claimStands: true }, 1, { expiry: 1, fault: 1 }, timed, /two speakers/],
    ['what was held for want of a proof is not said again', { noRepeat: true }, 1, { expiry: 1 }, timed, /not served/],
    ['the machine runs on before its state is copied', { lateSnapshot: true }, 2, { divergence: 1 }, ordered, /offset|unmatched|not what|not served/],
    ['half a packet may leave', { cutPackets: true }, 1, {}, packets, /half a packet/],
    ['the secondary lets inputs be forgotten that a resync asks for again', { earlyForget: true }, 2, { late: 1 }, ordered, /not served/],
  ] satisfies [string, Faults, number, Partial<Budgets>, Options, RegExp][])('does not when %s', (_, faults, inputs, budgets, options, expected) => {
    expect(without(faults, inputs, budgets, options)).toMatch(expected);
  });
});
