import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { corrected, deviations, isDeviation } from './deviations.ts';
import { runOnQemu, runOnVitrine } from './runners.ts';
import { assembleHarness, everything, groups, parseReport, select } from './system-image.ts';

const workerDirectory = new URL('../../../out/engine/', import.meta.url);
const available =
  spawnSync('qemu-system-i386', ['--version']).status === 0 &&
  spawnSync('nasm', ['-v']).status === 0 &&
  existsSync(new URL('vcpu-worker.js', workerDirectory));

describe.skipIf(!available)('system behaviour, case by case, as QEMU has it', () => {
  let image: Uint8Array;
  let expected: Map<string, string>;
  let found: Map<string, string>;

  beforeAll(async () => {
    image = assembleHarness();
    const whole = select(image, everything);
    expected = parseReport(await runOnQemu(whole));
    found = parseReport(await runOnVitrine(whole, workerDirectory));
  }, 300_000);

  it('is asked for in thousands of cases', () => {
    expect(expected.size).toBeGreaterThan(15_000);
    expect(new Set([...expected.keys()].map((key) => key.split(':')[0]))).toEqual(new Set(groups));
  });

  it('is compared but for few cases in which QEMU is known to be wrong', () => {
    const left = [...expected.keys()].filter((key) => !isDeviation(key));
    expect(left.length).toBeGreaterThan(expected.size * 0.92);
    for (const deviation of deviations) expect(groups).toContain(deviation.group);
  });

  it.each(groups.map((name, number) => [name, number] as const))('%s cases end alike', async (name, number) => {
    const cases = [...expected.keys()].filter((key) => key.startsWith(`${name}:`) && !isDeviation(key));
    const different = cases.filter((key) => found.get(key) !== corrected(expected.get(key) ?? ''));
    if (different.length === 0) return;

    // The whole lines of the first few, from both.
    const details: string[] = [];
    for (const key of different.slice(0, 8)) {
      const index = Number.parseInt(key.split(':')[1] ?? '', 16);
      const one = select(image, { ...everything, verbose: true, firstGroup: number, lastGroup: number, firstIndex: index, lastIndex: index });
      const [qemu, vitrine] = await Promise.all([runOnQemu(one), runOnVitrine(one, workerDirectory)]);
      details.push(`${key}\n  QEMU    ${parseReport(qemu).get(key)}\n  Vitrine ${parseReport(vitrine).get(key)}`);
    }
    expect.fail(`${different.length} of ${cases.length} cases differ:\n${details.join('\n')}`);
  });
});
