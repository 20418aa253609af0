/**
 * Two machines under the virtual clock that are given the same input at agreed moments, in one process, without links: their states are the same at the
 * end of every epoch. VITRINE_PAIR: longer.
 */
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { EpochDecision } from '../../engine/machine/epochs.ts';
import type { Machine, MachineInput } from '../../engine/machine/machine.ts';
import { createMachine } from '../../engine/machine/virtual-machine.ts';
import { askPair } from '../../engine/tolerance/questions.ts';
import { kernel } from './smp-kernel.ts';

const isLong = process.env['VITRINE_PAIR'] !== undefined;
const workerDirectory = path.resolve(import.meta.dirname, '../../out/engine');
const guests = new URL('../cli/guests/', import.meta.url);
/** Epochs after which a guest has long come to where it takes input. */
const working = 100;
const inputs = isLong ? 3000 : 40;
const machines: Machine[] = [];
afterEach(async () => {
  await Promise.all(machines.splice(0).map((machine) => machine.dispose()));
});

interface Begun {
  readonly decision: EpochDecision;
  readonly differs: boolean;
}

async function side(role: 'primary' | 'secondary', cpus: number) {
  const image = kernel('crowd', cpus, 'RACES equ 1\nSTAMPED equ 1', guests);
  const machine = await createMachine({ name: role, cpus, memoryBytes: 8 << 20, clock: 'virtual', boot: { kind: 'kernel', image }, pair: role }, { workerDirectory });
  machines.push(machine);
  const begun: Begun[] = [];
  const one = { machine, begun, said: '', onEpoch: (_: EpochDecision) => {} };
  machine.on((event) => {
    if (event.kind === 'serial') one.said += Buffer.from(event.bytes).toString('latin1');
    if (event.kind !== 'epoch') return;
    begun.push({ decision: event.decision, differs: event.differs });
    one.onEpoch(event.decision);
  });
  await machine.start({ paused: true });
  // Every fourth comparison is of all memory.
  await askPair(machine, 'compareEvery', { epochs: 4 });
  return one;
}

async function eventually(what: string, condition: () => boolean): Promise<void> {
  for (const end = Date.now() + 60_000; !condition(); await delay(2)) if (Date.now() > end) throw new Error(`Waited for ${what}.`);
}

/** The same numbers in each run. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % below;
  };
}

/** Some input at some moments of the host, first to one side and later to the other. */
async function say(a: Machine, b: Machine): Promise<void> {
  const draw = random(7);
  for (let sequence = 0; sequence < inputs; sequence++) {
    const kinds: MachineInput[] = [
      { kind: 'serial', bytes: Uint8Array.of(46) },
      { kind: 'scancodes', bytes: [0x1e, 0x9e] },
      { kind: 'mouse', dx: draw(9), dy: draw(9), wheel: 0, buttons: draw(2) },
    ];
    const input = kinds[draw(kinds.length)] ?? { kind: 'serial', bytes: Uint8Array.of(46) };
    const [first, last] = draw(2) === 0 ? [a, b] : [b, a];
    await askPair(first, 'offer', { sequence, input });
    await delay(draw(4));
    await askPair(last, 'offer', { sequence, input });
    if (draw(3) === 0) await delay(draw(20));
  }
}

describe('two machines under the virtual clock', { timeout: isLong ? 1_200_000 : 180_000 }, () => {
  it.each(isLong ? [1, 2, 4] : [1, 3])('of %i vCPUs are the same at the end of every epoch, and say the same, whenever input comes to which', async (cpus) => {
    const a = await side('primary', cpus);
    const b = await side('secondary', cpus);
    const asked: Promise<unknown>[] = [];
    a.onEpoch = (decision) => void asked.push(askPair(b.machine, 'decided', { decision }));
    b.onEpoch = ({ epoch }) => void asked.push(askPair(a.machine, 'followedTo', { epoch }));
    await askPair(a.machine, 'followedTo', { epoch: 0 });
    await a.machine.resume();
    await b.machine.resume();
    await eventually('both guests', () => [a, b].every(({ begun }) => begun.length > working));
    await say(a.machine, b.machine);
    // The last of it has been worked on.
    const last = () => a.begun.at(-1)?.decision.until === inputs;
    await eventually('all inputs', last);
    const more = (a.begun.at(-1)?.decision.epoch ?? 0) + 20;
    await eventually('twenty epochs more', () => (b.begun.at(-1)?.decision.epoch ?? 0) >= more);
    expect(b.begun.filter(({ differs }) => differs)).toEqual([]);
    expect(b.begun.map(({ decision }) => decision)).toEqual(a.begun.slice(0, b.begun.length).map(({ decision }) => decision));
    expect(a.said.startsWith(b.said)).toBe(true);
    expect(b.said.split('\n').length).toBeGreaterThan(inputs / 10);
    // It was said where it came: inputs came to many epochs.
    expect(new Set(b.begun.map(({ decision: { until } }) => until)).size).toBeGreaterThan(inputs / 6);

    // Both stand still at the end of one epoch: the whole states are the same.
    await askPair(a.machine, 'hold', { tell: false, epoch: { at: undefined, within: 60_000 } });
    const at = (a.begun.at(-1)?.decision.epoch ?? 0) + 1;
    await askPair(b.machine, 'hold', { tell: false, epoch: { at, within: 60_000 } });
    a.onEpoch = b.onEpoch = () => undefined;
    const whole = async ({ machine }: { machine: Machine }) => {
      await askPair(machine, 'begin', { peer: undefined });
      await askPair(machine, 'snapshot', { capture: 1, withDigest: true });
      return (await askPair(machine, 'pack', {})).digest;
    };
    expect(await whole(b)).toBe(await whole(a));
    await Promise.all(asked);
  });

  it('are not when each takes its input as it comes', async () => {
    const a = await side('primary', 1);
    const b = await side('primary', 1);
    await a.machine.resume();
    await b.machine.resume();
    await eventually('both guests', () => [a, b].every(({ begun }) => begun.length > working));
    await say(a.machine, b.machine);
    await eventually('all inputs', () => [a, b].every(({ begun }) => begun.at(-1)?.decision.until === inputs));
    const common = Math.min(a.begun.length, b.begun.length);
    const differing = a.begun.slice(0, common).filter(({ decision }, index) => decision.print !== b.begun[index]?.decision.print);
    expect(differing.length).toBeGreaterThan(0);
    expect(a.said.slice(0, 200)).not.toBe(b.said.slice(0, 200));
  });
});
