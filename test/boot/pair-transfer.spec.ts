/**
 * The state of a pair's primary with several vCPUs, taken in the middle of what several vCPUs do: interrupts between them on their way, some of them
 * halted, in SMM, or held for one that is. The secondary goes on from each and comes to a right end. VITRINE_PAIR: longer.
 */
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { Machine } from '../../engine/machine/machine.ts';
import { createMachine } from '../../engine/machine/virtual-machine.ts';
import { askPair } from '../../engine/tolerance/questions.ts';
import { kernel } from './smp-kernel.ts';

const isLong = process.env['VITRINE_PAIR'] !== undefined;
const workerDirectory = path.resolve(import.meta.dirname, '../../out/engine');
const machines: Machine[] = [];
afterEach(async () => {
  await Promise.all(machines.splice(0).map((machine) => machine.dispose()));
});

async function side(role: 'primary' | 'secondary', cpus: number, image: Uint8Array) {
  const machine = await createMachine({ name: role, cpus, memoryBytes: 16 << 20, clock: 'wall', startTime: 0, boot: { kind: 'kernel', image }, pair: role }, { workerDirectory });
  machines.push(machine);
  let said = '';
  machine.on((event) => {
    if (event.kind === 'debugConsole') said += Buffer.from(event.bytes).toString('latin1');
  });
  const ended = async () => {
    for (const end = Date.now() + 60_000; machine.state !== 'off'; await delay(5)) {
      if (Date.now() > end || machine.state === 'crashed') throw new Error(`The ${role} is ${machine.state} and has said: ${said}`);
    }
    return said;
  };
  return { machine, ended };
}

/** Brings the state of `from` to `to`, which differs from it in whatever it has done since. */
async function resync(from: Machine, to: Machine, isFull: boolean, run: boolean): Promise<void> {
  const theirs = await askPair(to, 'hold', { tell: !isFull });
  await askPair(from, 'begin', { peer: theirs });
  await askPair(from, 'hold', { tell: false });
  await askPair(from, 'snapshot', { capture: 1, withDigest: true });
  const taken = await askPair(from, 'pack', {});
  const put = await askPair(to, 'put', { bytes: taken.bytes });
  expect(put).toEqual({ digest: taken.digest });
  if (run) await askPair(to, 'go', { run: true });
}

/** Both run; every now and then the secondary is brought back to the primary; then both go to their ends. */
async function endsOf(cpus: number, image: Uint8Array, resyncs: number): Promise<string[]> {
  const a = await side('primary', cpus, image);
  const b = await side('secondary', cpus, image);
  await b.machine.start({ paused: true });
  await a.machine.start();
  for (let count = 0; count < resyncs && a.machine.state === 'running'; count++) {
    try {
      await resync(a.machine, b.machine, count === 0, true);
    } catch (error) {
      // One of them has come to its end by itself; the other goes on to its own.
      if (![a, b].some(({ machine }) => machine.state === 'off')) throw error;
      if (b.machine.state === 'paused') await askPair(b.machine, 'go', { run: true });
      break;
    }
    await delay(5);
  }
  return Promise.all([a.ended(), b.ended()]);
}

describe('a primary of several vCPUs', { timeout: 180_000 }, () => {
  it.each(isLong ? [2, 4] : [4])('is copied in the middle of timers, nudges, HLT and PAUSE of %i vCPUs', async (cpus) => {
    for (const said of await endsOf(cpus, kernel('clockwork', cpus, 'ROUNDS equ 1500'), isLong ? 40 : 8)) {
      const ticks = Number(/ticks (\d+)/.exec(said)?.[1]);
      const nudges = Number(/nudges (\d+)/.exec(said)?.[1]);
      expect(said).toMatch(/^ticks \d+ nudges \d+ order \d+$/);
      expect(ticks).toBeGreaterThanOrEqual(1500 * cpus);
      // One that comes while another is still pending is one with it.
      expect(nudges).toBeGreaterThan(0);
      expect(nudges).toBeLessThanOrEqual(ticks);
    }
  });

  it.each(isLong ? [2, 3, 4] : [4])('is copied in the middle of a storm of SMIs to %i vCPUs', async (cpus) => {
    const rounds = isLong ? 2000 : 150;
    const image = kernel('storm', cpus, `ROUNDS equ ${rounds}\nSOURCE equ 1\nTHIEF equ 1`, new URL('smm/', import.meta.url));
    for (const said of await endsOf(cpus, image, isLong ? 40 : 8)) {
      const figures = Object.fromEntries([...said.matchAll(/(\w+) (\d+)/g)].map(([, name, value]) => [name, Number(value)]));
      expect(figures, said).toMatchObject({ processors: cpus, relocated: cpus, read: 0, written: 0, executed: 0, tries: cpus * rounds * 20, refused: cpus * rounds * 20 });
      expect(figures['entries']).toBeGreaterThanOrEqual(rounds * cpus);
    }
  });
});
