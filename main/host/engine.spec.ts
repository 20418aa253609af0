import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { assembleSource } from './engine.ts';
import { assetsFolder } from './places.ts';
import { nodeDisk } from './disk.ts';
import { loadBoot } from './boot.ts';
import { draftMachine } from './creation.ts';
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

describe('a machine of a source', () => {
  const tools = { disk: nodeDisk, assemble: assembleSource, guests: join(assetsFolder(), 'guests') };
  const draft = (path: string) => draftMachine(tools, { source: { kind: 'assembly', file: { kind: 'path', path } } });

  it('takes along what the source includes and embeds, and leaves what is shipped where it is', async () => {
    const folder = await temporaryFolder(onTestFinished);
    await mkdir(join(folder, 'part'));
    await writeFile(join(folder, 'mine.asm'), '%include "part/code.inc"\n%include "lantern/boot.asm"\nincbin "data.bin"\n');
    await writeFile(join(folder, 'part', 'code.inc'), '%include "deeper.inc"\n');
    await writeFile(join(folder, 'part', 'deeper.inc'), 'nop\n');
    await writeFile(join(folder, 'data.bin'), Uint8Array.of(1, 2, 3));
    await writeFile(join(folder, 'other.asm'), 'nop\n');
    const { files } = await draft(join(folder, 'mine.asm'));
    expect(files.map(({ name }) => name)).toEqual(['mine.asm', 'part/code.inc', 'part/deeper.inc', 'data.bin']);
  });

  it('takes a part along by the name that is asked for, which may be a link', async () => {
    const folder = await temporaryFolder(onTestFinished);
    await writeFile(join(folder, 'real.inc'), 'nop\n');
    await symlink('real.inc', join(folder, 'link.inc'));
    await writeFile(join(folder, 'mine.asm'), '%include "link.inc"\n');
    const { files } = await draft(join(folder, 'mine.asm'));
    expect(files.map(({ name }) => name)).toEqual(['mine.asm', 'link.inc']);
  });

  it('is refused where a part of it stands elsewhere, and made where one is missing', async () => {
    const folder = await temporaryFolder(onTestFinished);
    await mkdir(join(folder, 'inner'));
    await writeFile(join(folder, 'above.inc'), 'nop\n');
    const path = join(folder, 'inner', 'mine.asm');
    await writeFile(path, '%include "../above.inc"\n');
    await expect(draft(path)).rejects.toThrow(/mine\.asm includes .*above\.inc, which is not in its folder/);
    await writeFile(path, '%include "none.inc"\n');
    expect((await draft(path)).files.map(({ name }) => name)).toEqual(['mine.asm']);
  });
});
