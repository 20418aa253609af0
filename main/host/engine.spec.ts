import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { assembleSource } from './engine.ts';
import { assetsFolder } from './places.ts';
import { nodeDisk } from './disk.ts';
import { loadBoot } from './boot.ts';
import { readSamples } from './samples.ts';
import { temporaryFolder } from './testing/fake-engine.ts';

describe('assembling for a machine', () => {
  it('takes includes of the machine’s folder and names errors in them by their path from there', async () => {
    const folder = await temporaryFolder(onTestFinished);
    await mkdir(join(folder, 'part'));
    await writeFile(join(folder, 'part', 'code.inc'), 'mov ax, 1\nmov eax\n');
    const result = assembleSource({ name: 'guest.asm', text: '%include "part/code.inc"\n', folders: [folder], anywhere: false });
    expect(result.ok).toBe(false);
    expect(result.bytes).toHaveLength(0);
    expect(result.diagnostics).toMatchObject([{ severity: 'error', file: 'part/code.inc', line: 2 }]);
  });

  it('embeds nothing from outside of it', async () => {
    const folder = await temporaryFolder(onTestFinished);
    const inner = join(folder, 'inner');
    await mkdir(inner);
    await writeFile(join(folder, 'secret'), 'secret');
    for (const path of ['../secret', join(folder, 'secret')]) {
      const source = { name: 'guest.asm', text: `incbin "${path}"\n`, folders: [inner] };
      expect(assembleSource({ ...source, anywhere: false }).ok).toBe(false);
      expect(new TextDecoder().decode(assembleSource({ ...source, anywhere: true }).bytes)).toBe('secret');
    }
  });

  it('makes something to start from each shipped sample', async () => {
    const guests = join(assetsFolder(), 'guests');
    const samples = await readSamples(nodeDisk, guests);
    expect(samples.length).toBeGreaterThan(0);
    for (const { file, memoryBytes } of samples) {
      const boot = await loadBoot({ disk: nodeDisk, assemble: assembleSource, guests }, { kind: 'assembly', file: join(guests, file) }, memoryBytes);
      expect(boot.image.byteLength).toBeGreaterThan(100);
    }
  });
});
