/**
 * SMM on real threads: a kernel of ours (test/boot/smm/storm.asm) with an SMBASE for each processor in locked SMRAM, which takes storms of SMIs while
 * all processors try to read, write and execute SMRAM. VITRINE_SMM multiplies the rounds.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { assemble } from '../../engine/assembler/assembler.ts';
import type { BootSource, ClockMode, Machine } from '../../engine/machine/machine.ts';
import type { SaveStateLayout, SmmStatistics } from '../../engine/machine/smm-face.ts';
import { withMachine, type BootedMachine } from './boot-machine.ts';

const folders = [new URL('smm/', import.meta.url), new URL('smp/', import.meta.url)];
const factor = Number(process.env['VITRINE_SMM'] ?? 1);

function readSource(name: string): Uint8Array {
  for (const folder of folders) {
    try {
      return new Uint8Array(readFileSync(new URL(name, folder)));
    } catch {
      // It is in the other folder.
    }
  }
  throw new Error(`there is no ${name}`);
}

interface Storm {
  cpus: number;
  rounds: number;
  source?: 0 | 1;
  thief?: 0 | 1;
  clock?: ClockMode;
  saveState?: SaveStateLayout;
}

function kernel({ cpus, rounds, source = 1, thief = 1, saveState }: Storm): BootSource {
  const main = new TextEncoder().encode(
    `PROCESSORS equ ${cpus}\nROUNDS equ ${rounds}\nSOURCE equ ${source}\nTHIEF equ ${thief}\n${saveState === 'amd64' ? '%define AMD64' : ''}\n%include "storm.asm"\n`,
  );
  const result = assemble({
    file: 'main.asm',
    read: (name) => ({ path: name, bytes: name === 'main.asm' ? main : readSource(name) }),
  });
  const error = result.errors[0];
  if (error !== undefined) throw new Error(`${error.file}:${error.line}: ${error.message}`);
  return { kind: 'kernel', image: result.bytes };
}

interface Outcome {
  output: string;
  figures: Record<string, number>;
  smm: SmmStatistics;
}

async function storm(
  options: Storm,
  meanwhile: (guest: BootedMachine) => Promise<void> = async () => undefined,
  end?: (machine: Machine) => Promise<void>,
): Promise<Outcome> {
  let outcome: Outcome | undefined;
  await withMachine(
    kernel(options),
    32,
    async (guest) => {
      await meanwhile(guest);
      await guest.until('the end', () => guest.machine.state === 'off', 100 * factor);
      const output = guest.debugConsole();
      const figures = Object.fromEntries([...output.matchAll(/(\w+) (\d+)/g)].map(([, name, value]) => [name, Number(value)]));
      outcome = { output, figures, smm: (await guest.machine.statistics()).smm };
      await end?.(guest.machine);
    },
    { cpus: options.cpus, clock: options.clock ?? 'wall', startTime: 0, saveState: options.saveState },
  );
  if (outcome === undefined) throw new Error('the storm had no end');
  return outcome;
}

/** Nothing was stolen, and every SMI is accounted for. */
function expectTight({ figures, smm, output }: Outcome, { cpus, rounds }: Storm): void {
  expect(figures, output).toMatchObject({ processors: cpus, relocated: cpus, read: 0, written: 0, executed: 0 });
  // Each handler counts itself; the relocations have another one.
  expect(smm.entries).toBe((figures['entries'] ?? 0) + cpus);
  expect(smm.entries).toBeGreaterThanOrEqual(cpus * rounds);
  expect(smm.smis - smm.latched).toBeLessThanOrEqual(smm.entries);
  expect(smm.entries).toBeLessThanOrEqual(smm.smis);
  expect(smm.rendezvous + smm.joins).toBeLessThanOrEqual(smm.entries);
  expect(smm.vcpus.some(({ inSmm, stopped }) => inSmm || stopped)).toBe(false);
}

describe('System Management Mode on threads', { timeout: 120_000 * factor }, () => {
  it.each([1, 2, 4])('keeps SMRAM from %i processors through a storm of SMIs', async (cpus) => {
    const options: Storm = { cpus, rounds: Math.floor((400 * factor) / cpus) };
    const outcome = await storm(options);
    if (factor > 1) process.stderr.write(`${outcome.output}\n`);
    expectTight(outcome, options);
    expect(outcome.figures['refused']).toBe(outcome.figures['tries']);
    expect(outcome.figures['tries']).toBe(cpus * options.rounds * 20);
  });

  it('does so by turns under the virtual clock, and every run ends in the same state', async () => {
    const digests: string[] = [];
    for (let run = 0; run < 2; run++) {
      const options: Storm = { cpus: 3, rounds: 60, clock: 'virtual' };
      expectTight(await storm(options, undefined, async (machine) => void digests.push(await machine.digest())), options);
    }
    expect(digests[1]).toBe(digests[0]);
  });

  it("has AMD64's save-state map for who asks for it", async () => {
    const options: Storm = { cpus: 2, rounds: 50, saveState: 'amd64' };
    expectTight(await storm(options), options);
  });

  it('goes on after pauses and breaks on entry and exit', async () => {
    const options: Storm = { cpus: 2, rounds: 800 };
    const outcome = await storm(options, async ({ machine }) => {
      const breaks: string[] = [];
      machine.on((event) => {
        if (event.kind === 'smmBreak') breaks.push(event.at);
      });
      for (let stop = 0; stop < 4 && machine.state === 'running'; stop++) {
        await machine.pause();
        const { statistics, mapped } = await machine.smm();
        expect(statistics.vcpus.some(({ inSmm }) => inSmm)).toBe(mapped);
        await machine.resume();
        await delay(5);
      }
      for (const at of ['entry', 'exit'] as const) {
        await machine.breakOnSmm({ entry: at === 'entry', exit: at === 'exit' });
        for (let tries = 0; tries < 500 && breaks.at(-1) !== at; tries++) await delay(10);
        expect(breaks.at(-1)).toBe(at);
        await machine.breakOnSmm({ entry: false, exit: false });
        await machine.resume();
      }
    });
    expectTight(outcome, options);
  });

  it('can be suspended and resumed, reset and switched off in the middle of it', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'vitrine-smm-'));
    const boot = kernel({ cpus: 2, rounds: 1_000_000 });
    const more = { cpus: 2, startTime: 0 };
    try {
      const file = path.join(folder, 'state.vst');
      await withMachine(
        boot,
        32,
        async ({ machine, until }) => {
          const entries = async () => (await machine.statistics()).smm.entries;
          await until('SMIs', async () => (await entries()) > 100, 60);
          await machine.reset();
          const before = await entries();
          await until('SMIs after the reset', async () => (await entries()) > before + 100, 60);
          await machine.breakOnSmm({ entry: true, exit: false });
          await until('the break', () => machine.state === 'paused', 60);
          const broken = await machine.smm();
          expect(broken.mapped).toBe(true);
          await machine.suspend(file);
          await machine.breakOnSmm({ entry: false, exit: false });
          await machine.resume();
          const later = await entries();
          await until('SMIs after the pause', async () => (await entries()) > later + 100, 60);
          await machine.powerOff();
          await machine.start({ restore: file, paused: true });
          const resumed = await machine.smm();
          // One of them in SMM, or both where each had an SMI of its own.
          const inside = resumed.statistics.vcpus.map(({ inSmm }) => inSmm);
          expect([resumed.mapped, resumed.locked]).toEqual([true, true]);
          expect(inside).toContain(true);
          expect(inside).toEqual(broken.statistics.vcpus.map(({ inSmm }) => inSmm));
          await machine.resume();
          const restored = await entries();
          await until('SMIs after the resume', async () => (await entries()) > restored + 100, 60);
        },
        more,
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('shows SMRAM, save states and events to the host, which sends SMIs of its own', async () => {
    await storm({ cpus: 2, rounds: 3000, thief: 0 }, async ({ machine, until }) => {
      await until('the lock', async () => (await machine.smm()).locked, 60);
      const secret = await machine.readSmram(0xa4000, 4);
      expect(Buffer.from(secret).readUInt32LE()).toBe(0x5ec2e70f);
      await expect(machine.readSmram(0x90000, 4)).rejects.toThrow('4 bytes at 0x90000 are not SMRAM: that is 0xa0000-0xbffff.');
      await expect(machine.injectSmi(2)).rejects.toThrow('has no virtual CPU 2');
      const { sent } = await machine.injectSmi('all', 5);
      expect(sent).toBe(10);
      const { events, next } = await machine.smmEvents(0);
      expect(events.at(-1)?.sequence).toBe(next - 1);
      const kinds = new Set(events.map(({ kind }) => kind));
      for (const kind of ['smi', 'stop', 'acknowledge', 'map', 'enter', 'rsm', 'unmap', 'release'])
        expect([...kinds]).toContain(kind);
      expect((await machine.smm()).statistics.causes.injected).toBe(10);
      const state = await machine.smmSaveState(1);
      expect([state.layout, state.smbase & 0xfffff]).toEqual(['intel32', state.smbase]);
      expect(state.fields.find(({ name }) => name === 'revision')?.value).toBe('00030000');
    });
  });
});
