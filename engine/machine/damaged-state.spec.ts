/** A machine and states that are damaged: by accident, and on purpose. Real workers. */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { sequence } from '../storage/testing/crash.ts';
import { MachineError, type Machine } from './machine.ts';
import { damageBytes, damageContent } from './testing/damaged-state.ts';
import { createMachine } from './virtual-machine.ts';

const fixture = readFileSync(path.resolve(import.meta.dirname, '../../test/fixtures/suspended-1.vst'));
const runs = Number(process.env['VITRINE_FUZZ'] ?? 40);

async function machine(): Promise<Machine> {
  const image = new Uint8Array(512);
  image.set([0xeb, 0xfe]);
  image.set([0x55, 0xaa], 510);
  const made = await createMachine(
    { name: 'guest', cpus: 1, memoryBytes: 1 << 20, clock: 'virtual', boot: { kind: 'boot-sector', image } },
    { workerDirectory: path.resolve(import.meta.dirname, '../../out/engine') },
  );
  onTestFinished(() => made.dispose());
  return made;
}

/** Restores damaged states, one after the other, on one machine; it must be as good as new after each. */
async function restoreAll(
  damage: (file: Buffer, random: (below: number) => number) => Buffer,
  seed: number,
): Promise<{ refused: number; resumed: number; crashed: number; strange: string[] }> {
  const folder = await mkdtemp(path.join(tmpdir(), 'vitrine-damaged-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const file = path.join(folder, 'suspended.vst');
  const random = sequence(seed);
  const guest = await machine();
  await writeFile(file, fixture);
  await guest.start({ paused: true, restore: file });
  const good = await guest.digest();
  await guest.powerOff();
  const outcome = { refused: 0, resumed: 0, crashed: 0, strange: [] as string[] };
  for (let run = 0; run < runs; run++) {
    const damaged = damage(fixture, random);
    if (damaged.equals(fixture)) continue;
    await writeFile(file, damaged);
    try {
      await guest.start({ paused: true, restore: file });
      outcome.resumed++;
      await guest.resume();
      await wait(3);
      if (guest.state === 'crashed') outcome.crashed++;
      if (guest.state !== 'off') await guest.powerOff();
    } catch (error) {
      const isSentence = error instanceof MachineError && error.code === 'bad-state' && /^[A-Z].*\.$/.test(error.message);
      if (!isSentence) outcome.strange.push(`${run}: ${String(error)}`);
      outcome.refused++;
    }
    if (guest.state !== 'off') outcome.strange.push(`${run}: the machine is ${guest.state}`);
  }
  await writeFile(file, fixture);
  await guest.start({ paused: true, restore: file });
  expect(await guest.digest(), 'nothing of what was refused is left').toBe(good);
  return outcome;
}

describe('a saved state', () => {
  it('that was damaged is refused with a sentence, and the machine stays off', { timeout: 60_000 + runs * 3000 }, async () => {
    const { refused, resumed, strange } = await restoreAll(damageBytes, 1);
    expect(strange).toEqual([]);
    expect(resumed).toBe(0);
    expect(refused).toBeGreaterThan(runs * 0.9);
  });

  it(
    'that was made to do harm is refused, or resumed as some machine, and nothing else',
    { timeout: 60_000 + runs * 3000 },
    async () => {
      const { refused, resumed, strange } = await restoreAll(damageContent, 2);
      expect(strange).toEqual([]);
      // Both happen, or it would not test what it says.
      expect(refused).toBeGreaterThan(runs * 0.2);
      expect(resumed).toBeGreaterThan(runs * 0.1);
    },
  );
});
