/** The saved form without a machine. */
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { defineBlock, scalar } from '../layout/block.ts';
import { grownTo, moved, type Migrations } from './block-migration.ts';
import { MachineError } from './machine.ts';
import { checkConfiguration, migrate } from './restore.ts';
import { checkSavedState, chunkBytes, loadChunk, writeSavedState, type PartBytes, type SavedHeader } from './saved-state.ts';
import { fileRefusal } from './suspend.ts';

const following = { progress: () => undefined, check: () => undefined };
const header: Omit<SavedHeader, 'parts'> = {
  machine: { name: 'test', cpus: 1, memoryBytes: 1 << 20, clock: 'wall' },
  builtFrom: { kind: 'boot-sector', sha256: '' },
  savedAt: 0,
  ranFor: 0,
  drives: [],
};

async function emptyFile() {
  const folder = await mkdtemp(path.join(tmpdir(), 'vitrine-state-'));
  const file = await open(path.join(folder, 'state'), 'wx+');
  onTestFinished(async () => {
    await file.close();
    await rm(folder, { recursive: true });
  });
  return file;
}

function part(name: string, content: Uint8Array): PartBytes {
  return { kind: 'area', name, version: 1, bytes: content.length, content };
}

async function readBack(parts: readonly PartBytes[]): Promise<Uint8Array[]> {
  const file = await emptyFile();
  await writeSavedState(file, header, parts, following);
  const { header: read, chunks } = await checkSavedState(file, following);
  expect(read.parts.map(({ name, bytes }) => ({ name, bytes }))).toEqual(parts.map(({ name, bytes }) => ({ name, bytes })));
  const back = parts.map(({ bytes }) => new Uint8Array(bytes));
  for (const chunk of chunks) {
    const target = back[chunk.part];
    if (target !== undefined) await loadChunk(file, chunk, target);
  }
  return back;
}

describe('a saved state', () => {
  it('gives back any parts of any size, with any pages zero', async () => {
    const content = fc.tuple(fc.integer({ min: 0, max: 3 * 4096 + 17 }), fc.array(fc.tuple(fc.nat(4 * 4096), fc.integer({ min: 1, max: 255 })), { maxLength: 5 })).map(([length, bytes]) => {
      const result = new Uint8Array(length);
      for (const [at, value] of bytes) if (at < length) result[at] = value;
      return result;
    });
    await fc.assert(
      fc.asyncProperty(fc.array(content, { maxLength: 4 }), async (contents) => {
        const back = await readBack(contents.map((bytes, index) => part(`part ${index}`, bytes)));
        expect(back).toEqual(contents);
      }),
      { numRuns: 25 },
    );
  });

  it('gives back parts of more than one chunk, compressible or not', async () => {
    const noise = new Uint8Array(2 * chunkBytes + 4096 + 5);
    let seed = 1;
    for (let at = 0; at < noise.length; at++) noise[at] = (seed = (seed * 1103515245 + 12345) & 0x7fffffff) >>> 16;
    const sparse = new Uint8Array(3 * chunkBytes);
    sparse[2 * chunkBytes + 5000] = 7;
    const [first, second] = await readBack([part('noise', noise), part('sparse', sparse)]);
    expect(Buffer.from(first ?? []).equals(noise)).toBe(true);
    expect(Buffer.from(second ?? []).equals(sparse)).toBe(true);
  });

  it('is ended between two chunks by whoever follows it', async () => {
    const file = await emptyFile();
    let looks = 0;
    const check = () => {
      if (++looks === 3) throw new MachineError('cancelled', 'Enough.');
    };
    await expect(writeSavedState(file, header, [part('large', new Uint8Array(8 * chunkBytes).fill(1))], { ...following, check })).rejects.toThrow('Enough.');
  });

  it('says when it is none, or newer than we are', async () => {
    const file = await emptyFile();
    await file.write(Buffer.alloc(200, 'x'), 0, 200, 0);
    await expect(checkSavedState(file, following)).rejects.toThrow(/not a saved state/);
    const newer = await emptyFile();
    await writeSavedState(newer, header, [], following);
    await newer.write(Buffer.from([9, 0, 0, 0]), 0, 4, 8);
    await expect(checkSavedState(newer, following)).rejects.toThrow(/newer version of Vitrine \(format 9; this version reads 1\)/);
  });
});

describe('a block of another version', () => {
  const older = defineBlock('pit', 1, { count: scalar('u16'), mode: scalar('u8') });
  const newer = defineBlock('pit', 3, { mode: scalar('u8'), gate: scalar('u32'), count: scalar('u16') });
  const bytes = new Uint8Array(older.size);
  bytes.set([0x34, 0x12, 3]);
  const head = { kind: 'block', name: 'pit/channel0', version: 1, bytes: older.size } as const;
  const entry = { version: 3, bytes: new Uint8Array(new SharedArrayBuffer(newer.size)) };

  it('goes through each migration on the way to ours', () => {
    const table: Migrations = { pit: { 1: grownTo(older.size), 2: moved(older.fields, newer.fields, newer.size) } };
    const migrated = migrate(head, bytes, entry, table);
    const buffer = new SharedArrayBuffer(newer.size);
    new Uint8Array(buffer).set(migrated);
    const view = newer.at(buffer, 0);
    expect([view.count, view.mode, view.gate]).toEqual([0x1234, 3, 0]);
  });

  it('is refused with a sentence where a migration is missing, or when it is newer, or has another size', () => {
    expect(() => migrate(head, bytes, entry, { pit: { 1: grownTo(older.size) } })).toThrow(/block pit\/channel0 has version 1, which this version of Vitrine no longer understands/);
    expect(() => migrate({ ...head, version: 4 }, bytes, entry, {})).toThrow(/has version 4, and this version of Vitrine knows it up to 3\. A newer Vitrine wrote it/);
    expect(() => migrate({ ...head, version: 3 }, new Uint8Array(1), entry, {})).toThrow(/has 1 bytes instead of 64/);
  });
});

describe('a state of another machine', () => {
  const configuration = { name: 'test', cpus: 1, memoryBytes: 1 << 20, clock: 'wall', boot: { kind: 'boot-sector', image: new Uint8Array(512) } } as const;
  const disk = { position: 'ide0.0', kind: 'disk', bytes: 1024 };
  const saved = (drives: SavedHeader['drives']): SavedHeader => ({ ...header, drives, parts: [] });
  it('is refused when a disk was taken out, put in or changed', () => {
    expect(() => checkConfiguration(saved([disk]), configuration, [disk])).not.toThrow();
    expect(() => checkConfiguration(saved([disk]), configuration, [])).toThrow(/ide0\.0 had an image in it then/);
    expect(() => checkConfiguration(saved([]), configuration, [disk])).toThrow(/ide0\.0 was empty then/);
    expect(() => checkConfiguration(saved([disk]), configuration, [{ ...disk, bytes: 2048 }])).toThrow(/a disk of 1024 bytes then, and holds a disk of 2048 bytes now/);
  });
});

describe('a refusal of the file system', () => {
  it('is a sentence; a full disk has its own code', () => {
    const full = Object.assign(new Error('write'), { code: 'ENOSPC' });
    expect(fileRefusal(full, '/x', 'written')).toMatchObject({ code: 'no-space' });
    expect(fileRefusal(Object.assign(new Error('open'), { code: 'EACCES' }), '/x', 'read')).toMatchObject({ code: 'file-failed' });
    const defect = new TypeError('defect');
    expect(fileRefusal(defect, '/x', 'read')).toBe(defect);
  });
});
