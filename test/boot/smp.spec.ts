/** Several processors: kernels of ours, in test/boot/smp, that bring all of them up by INIT and start-up IPIs. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ClockMode, Machine } from '../../engine/machine/machine.ts';
import { withMachine, type BootedMachine } from './boot-machine.ts';
import { kernel } from './smp-kernel.ts';

interface RunOptions {
  rounds: number;
  clock?: ClockMode;
  seconds?: number;
  /** How often the machine is paused on its way. */
  stops?: number;
  end?: (machine: Machine) => Promise<void>;
  hypercalls?: boolean;
}

/** What the kernel wrote until it switched the machine off. */
async function outputOf(name: string, cpus: number, options: RunOptions): Promise<string> {
  let output = '';
  await withMachine(
    { kind: 'kernel', image: kernel(name, cpus, `ROUNDS equ ${options.rounds}`) },
    32,
    async (guest) => {
      for (let stop = 0; stop < (options.stops ?? 0); stop++) {
        await delay(100);
        if (guest.machine.state !== 'running') break;
        await guest.machine.pause();
        await guest.machine.resume();
      }
      await guest.until('the end', () => guest.machine.state === 'off', options.seconds ?? 60);
      output = guest.debugConsole();
      await options.end?.(guest.machine);
    },
    { cpus, clock: options.clock ?? 'wall', startTime: 0, guard: { hypercalls: options.hypercalls ?? false } },
  );
  return output;
}

/** Rounds of a short run; VITRINE_LITMUS multiplies them. */
const factor = Number(process.env['VITRINE_LITMUS'] ?? 1);
const isLong = factor >= 10;

/** The numbers of a kernel's report, by name. */
function reported(output: string): Map<string, number> {
  return new Map([...output.matchAll(/([a-z][a-z ]*?) (\d+)/g)].map(([, name = '', value]) => [name, Number(value)]));
}

function countedBy(cpus: number, rounds: number): string {
  const all = cpus * rounds;
  const wide = `queue ${all} carry ${all * 16} carried ${all} wide ${all} wide carry ${all * 16}`;
  return `processors ${cpus} counter ${all} split ${all} across ${all} ${wide} guarded ${all} exchanged ${all} interrupts ${2 * cpus - 1} unlocked `;
}

/** All but the last number, which is not the same each time. */
function withoutLast(output: string): string {
  return output.replace(/\d+$/, '');
}

describe('several processors', { timeout: 120_000 * factor }, () => {
  it.each([1, 2, 4])('%i of them count with locked instructions, and interrupt each other', async (cpus) => {
    const rounds = Math.floor((10_000 * factor) / cpus);
    const output = await outputOf('processors', cpus, { rounds, seconds: 60 * factor });
    expect(withoutLast(output)).toBe(countedBy(cpus, rounds));
    const unlocked = reported(output).get('unlocked') ?? NaN;
    // They do run at once: without LOCK counts are lost, given the time.
    if (isLong && cpus > 1) expect(unlocked).toBeLessThan(100 * rounds * cpus);
    else expect(unlocked).toBeLessThanOrEqual(100 * rounds * cpus);
  });

  it('sixteen of them come up on two cores of the host', async () => {
    expect(withoutLast(await outputOf('processors', 16, { rounds: 100, seconds: 100 }))).toBe(countedBy(16, 100));
  });

  it('do so by turns under the virtual clock, and every run ends in the same state', async () => {
    const digests: string[] = [];
    for (const stops of [0, 3]) {
      const output = await outputOf('processors', 3, {
        clock: 'virtual',
        rounds: 200,
        stops,
        end: async (machine) => void digests.push(await machine.digest()),
      });
      expect(withoutLast(output)).toBe(countedBy(3, 200));
    }
    expect(digests[1]).toBe(digests[0]);
  });

  it.each([2, 4])('%i of them see memory in an order that the architecture allows', async (cpus) => {
    const rounds = Math.floor((10_000 * factor) / cpus ** 2);
    const output = await outputOf('litmus', cpus, { rounds, seconds: 60 * factor });
    expect(withoutLast(output)).toBe(`rounds ${rounds} fenced 0 passed 0 loaded 0 independent 0 buffered `);
  });

  it('store nothing to a page any more from the moment in which one of them has had it protected', async () => {
    const rounds = 20 * factor;
    const output = await outputOf('guard', 2, { rounds: Math.min(rounds, 1000), hypercalls: true, seconds: 100 });
    expect(output).toBe(`rounds ${Math.min(rounds, 1000)} missed 0 refused 0`);
  });

  it.each([2, 3])('%i of them execute what one has written into code, once it has said so', async (cpus) => {
    const rounds = Math.floor((4000 * factor) / cpus);
    expect(await outputOf('modify', cpus, { rounds, seconds: 60 * factor })).toBe(`rounds ${rounds} stale 0`);
  });

  it.each([2, 3])('%i of them forget a translation when they are told', async (cpus) => {
    const rounds = Math.floor((4000 * factor) / cpus);
    expect(await outputOf('shootdown', cpus, { rounds, seconds: 60 * factor })).toBe(`rounds ${rounds} stale 0`);
  });

  it('three of them change one table entry, of which one sets accessed and dirty bits: nothing is lost', async () => {
    const rounds = 20_000 * factor;
    expect(withoutLast(await outputOf('dirty', 3, { rounds, seconds: 60 * factor }))).toBe(
      `rounds ${rounds} clean 0 lost 0 flips `,
    );
  });
});

describe('processors without work', { timeout: 120_000 }, () => {
  /** Cores of the host that this process keeps busy meanwhile. */
  async function burned(name: string, seconds: number): Promise<number> {
    let cores = NaN;
    await withMachine(
      { kind: 'kernel', image: kernel(name, 4, 'ROUNDS equ 0') },
      32,
      async ({ until, debugConsole }) => {
        await until('all of them', () => debugConsole() === '4', 60);
        const [before, began] = [process.cpuUsage(), performance.now()];
        await delay(seconds * 1000);
        const { user, system } = process.cpuUsage(before);
        cores = (user + system) / 1000 / (performance.now() - began);
      },
      { cpus: 4 },
    );
    return cores;
  }

  it('leave the host alone in HLT', async () => {
    expect(await burned('halting', 2)).toBeLessThan(0.2);
  });

  it('leave the host a core of its own when they spin with PAUSE', async () => {
    // Four spinners would take all there are: two at least.
    expect(await burned('spinning', 2)).toBeLessThan(1.5);
  });
});

describe('processors that take turns, with timers and interrupts among them', { timeout: 120_000 }, () => {
  let temporary: string;
  beforeEach(() => {
    temporary = mkdtempSync(path.join(tmpdir(), 'vitrine-smp-'));
  });
  afterEach(() => rmSync(temporary, { recursive: true }));

  it.each([
    [2, 2_000_000],
    [4, 2_000_000],
    // Half a minute: for the long run.
    ...(factor > 1 ? [[16, 3_000_000] as const] : []),
  ] as const)('%i of them are in one and the same state behind so many instructions, whatever came in between', async (cpus, end) => {
    const image = kernel('clockwork', cpus, 'ROUNDS equ 1000000');
    const machineOf = (restore: string | undefined, body: (guest: BootedMachine) => Promise<void>) =>
      withMachine({ kind: 'kernel', image }, 32, body, { cpus, clock: 'virtual', startTime: 0 }, { paused: true, restore });
    const file = path.join(temporary, 'suspended.vst');
    const digests: string[] = [];
    // Once without a stop; sixteen threads take their time to start, so in the short run their first machine is the suspended one.
    if (cpus < 16 || isLong) {
      await machineOf(undefined, async ({ machine }) => {
        await machine.runUntil(end);
        digests.push(await machine.digest());
      });
    }
    await machineOf(undefined, async ({ machine }) => {
      // With a stop now and then, at instants of the host's choice.
      const there = machine.runUntil(Math.floor(end / 3) + 1);
      for (let stop = 0; stop < 3; stop++) {
        await delay(5);
        await machine.input({ kind: 'mouse', dx: 0, dy: 0, wheel: 0, buttons: 0 });
      }
      await there;
      await machine.suspend(file);
      await machine.runUntil(end);
      digests.push(await machine.digest());
    });
    await machineOf(file, async ({ machine }) => {
      await machine.runUntil(end);
      digests.push(await machine.digest());
    });
    expect(new Set(digests).size, digests.join(' ')).toBe(1);
  });

  it('come to the end of it in the same order each time', async () => {
    const outputs: string[] = [];
    for (const stops of [0, 2]) outputs.push(await outputOf('clockwork', 4, { clock: 'virtual', rounds: 20, stops }));
    expect(outputs[0]).toMatch(/^ticks \d+ nudges \d+ order \d+$/);
    expect(outputs[1]).toBe(outputs[0]);
  });

  it('and without turns as well, under the wall clock', async () => {
    const numbers = reported(await outputOf('clockwork', 4, { rounds: 50 }));
    expect(numbers.get('ticks')).toBeGreaterThanOrEqual(200);
    expect(numbers.get('nudges')).toBeGreaterThan(0);
  });
});
