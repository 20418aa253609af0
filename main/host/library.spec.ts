import { spawnSync } from 'node:child_process';
import { hostname } from 'node:os';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { writeAtomically } from './atomic-file.ts';
import { nodeDisk, type Disk } from './disk.ts';
import { folderName, Library, readLibrary, safeFileName, type NewFile } from './library.ts';
import { processStart } from './library-lock.ts';
import type { MachineFile } from './machine-file.ts';
import { temporaryFolder } from './testing/fake-engine.ts';

const FILE: MachineFile = {
  format: 'vitrine-machine',
  version: 1,
  name: 'First',
  created: '2026-01-02T03:04:05.000Z',
  cpus: 1,
  memoryMiB: 16,
  clock: 'wall',
  boot: { kind: 'assembly', file: 'guest.asm' },
};
const FILES: NewFile[] = [
  { name: 'guest.asm', bytes: new TextEncoder().encode('jmp $\n') },
  { name: 'part/inside.inc', bytes: new TextEncoder().encode('nop\n') },
];

class Killed extends Error {}

/**
 * A disk that does `steps` changes and then nothing more, as if the program had been killed: the next change, or half of it,
 * and all after it fail. Reading goes on.
 */
function mortalDisk(steps: number): Disk & { changes: number } {
  const disk = { ...nodeDisk, changes: 0 };
  const changing = ['writeDurably', 'copyFile', 'rename', 'syncFolder', 'makeFolder', 'removeFile', 'removeTree', 'link'] as const;
  const step = async <Result>(work: () => Promise<Result>, half?: () => Promise<unknown>): Promise<Result> => {
    disk.changes++;
    if (disk.changes === steps + 1) await half?.();
    if (disk.changes > steps) throw new Killed();
    return work();
  };
  for (const name of changing) {
    const original = nodeDisk[name] as (...parameters: unknown[]) => Promise<void>;
    Object.assign(disk, { [name]: (...parameters: unknown[]) => step(() => original(...parameters)) });
  }
  // A write that is interrupted leaves half of its bytes.
  disk.writeDurably = (path, bytes) =>
    step(
      () => nodeDisk.writeDurably(path, bytes),
      () => nodeDisk.writeDurably(path, bytes.subarray(0, bytes.length >> 1)),
    );
  return disk;
}

async function killed(work: Promise<unknown>): Promise<boolean> {
  try {
    await work;
    return false;
  } catch (error) {
    if (error instanceof Killed) return true;
    throw error;
  }
}

/** Opens as the next start would: the dead program's lock is gone or stale. */
async function reopen(folder: string): Promise<Library> {
  await nodeDisk.removeTree(join(folder, '.lock'));
  const library = await Library.open(nodeDisk, folder, 'the next start', '');
  onTestFinished(() => library.close());
  return library;
}

/** Runs `work` on a fresh library with one machine, killed after each possible number of steps, and looks at what is left. */
async function everyDeath(
  work: (library: Library) => Promise<unknown>,
  look: (library: Library, survived: boolean, folder: string) => Promise<void>,
): Promise<void> {
  for (let steps = 0; ; steps++) {
    const folder = await temporaryFolder(onTestFinished);
    const setUp = await Library.open(nodeDisk, folder, 'the test', '');
    await setUp.create(FILE, FILES);
    await setUp.close();
    const disk = mortalDisk(Number.POSITIVE_INFINITY);
    const library = await Library.open(disk, folder, 'the test', '');
    const doomed = mortalDisk(steps);
    Object.assign(disk, doomed);
    const dead = await killed(work(library));
    await look(await reopen(folder), !dead, folder);
    if (!dead) {
      expect(steps).toBeGreaterThanOrEqual(2);
      return;
    }
  }
}

describe('a library whose program is killed', () => {
  it('while a machine is made: has it whole or not at all, and no rubbish', async () => {
    await everyDeath(
      (library) => library.create({ ...FILE, name: 'Second' }, FILES),
      async (library, survived, folder) => {
        const machines = await library.list();
        expect(machines.every((machine) => 'file' in machine)).toBe(true);
        const ids = machines.map(({ id }) => id);
        expect(ids[0]).toBe('first');
        if (survived) expect(ids).toEqual(['first', 'second']);
        if (ids.includes('second')) {
          expect(await readFile(join(folder, 'second', 'guest.asm'), 'utf8')).toBe('jmp $\n');
          expect(await readFile(join(folder, 'second', 'part', 'inside.inc'), 'utf8')).toBe('nop\n');
        }
        expect((await readdir(folder)).sort()).toEqual(['.lock', ...ids]);
      },
    );
  });

  it('while machine.json changes: has the old one or the new one', async () => {
    await everyDeath(
      (library) => library.update('first', (file) => ({ ...file, name: 'Changed' })),
      async (library, survived, folder) => {
        const name = (await library.get('first')).file.name;
        expect(survived ? ['Changed'] : ['First', 'Changed']).toContain(name);
        expect((await readdir(join(folder, 'first'))).sort()).toEqual(['guest.asm', 'machine.json', 'part']);
      },
    );
  });

  it.each(['machine', 'machine-and-disks'] as const)('while a machine is deleted (%s): has it whole or not in the list', async (what) => {
    await everyDeath(
      async (library) => {
        await writeFile(join(library.folder, 'first', 'suspended.vst'), 'state');
        await library.delete('first', what);
      },
      async (library, survived, folder) => {
        const machines = await library.list();
        // What is the host's goes with the machine, if need be at the next start.
        if (what === 'machine' && machines.length === 0) expect((await readdir(join(folder, 'first'))).sort()).toEqual(['guest.asm', 'part']);
        if (survived) expect(machines).toEqual([]);
        if (machines.length > 0) {
          expect(machines).toMatchObject([{ id: 'first', file: { name: 'First' } }]);
          expect(await readFile(join(folder, 'first', 'guest.asm'), 'utf8')).toBe('jmp $\n');
        }
        if (what === 'machine') expect(await readFile(join(folder, 'first', 'guest.asm'), 'utf8')).toBe('jmp $\n');
      },
    );
  });
});

describe('locks of images in a machine’s folder', () => {
  const lock = (pid: number): string =>
    JSON.stringify({ pid, started: processStart(pid), host: hostname(), owner: 'First', nonce: 'abc' });

  it('go when the library is opened, unless their program still runs', async () => {
    const folder = await temporaryFolder(onTestFinished);
    const setUp = await Library.open(nodeDisk, folder, 'the test', '');
    await setUp.create(FILE, FILES);
    await setUp.close();
    const { pid: dead } = spawnSync(process.execPath, ['-e', '']);
    const at = (name: string): string => join(folder, 'first', name);
    await writeFile(at('disk.qcow2.lock'), lock(dead));
    await writeFile(at('disk.qcow2.reader-012345678901234567.lock'), lock(dead));
    await writeFile(at(`disk.qcow2.${dead}-012345678901234567.lock-new`), '{"pi');
    await writeFile(at('disk.qcow2.lock-0123456789ab'), lock(dead));
    await writeFile(at('other.qcow2.lock'), lock(process.pid));
    await writeFile(at('mine.lock'), 'a person’s own');
    const library = await reopen(folder);
    expect((await readdir(join(folder, 'first'))).sort()).toEqual(['guest.asm', 'machine.json', 'mine.lock', 'other.qcow2.lock', 'part']);
    expect(await library.list()).toHaveLength(1);
  });

  it('are not copied with the machine', async () => {
    const folder = await temporaryFolder(onTestFinished);
    const library = await reopen(folder);
    const { folder: first } = await library.create(FILE, FILES);
    await writeFile(join(first, 'guest.asm.lock'), lock(process.pid));
    await writeFile(join(first, 'mine.lock'), 'a person’s own, since there is nothing named mine');
    expect((await library.copyOf(first)).files.map(({ name }) => name)).toEqual(['guest.asm', 'mine.lock', 'part/inside.inc']);
  });
});

describe('replacing a file in place', () => {
  it('would be caught by these tests if it were not atomic (negative control)', async () => {
    const folder = await temporaryFolder(onTestFinished);
    const path = join(folder, 'machine.json');
    await nodeDisk.writeDurably(path, Buffer.from('old contents'));
    await expect(mortalDisk(0).writeDurably(path, Buffer.from('new contents'))).rejects.toThrow(Killed);
    expect(await readFile(path, 'utf8')).toBe('new co');
  });

  it('leaves the old file when the disk is full, says so, and leaves nothing beside it', async () => {
    const folder = await temporaryFolder(onTestFinished);
    const path = join(folder, 'machine.json');
    await writeFile(path, 'old');
    const full: Disk = {
      ...nodeDisk,
      writeDurably: async (temporary, bytes) => {
        await nodeDisk.writeDurably(temporary, bytes.subarray(0, 1));
        throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
      },
    };
    await expect(writeAtomically(full, path, Buffer.from('new'))).rejects.toMatchObject({
      code: 'NO_SPACE',
      message: `${path}: the disk is full. What was there before is unchanged.`,
    });
    expect(await readFile(path, 'utf8')).toBe('old');
    expect(await readdir(folder)).toEqual(['machine.json']);
  });
});

describe('the list of a library', () => {
  it('passes over what is no machine, and shows what cannot be opened', async () => {
    const folder = await temporaryFolder(onTestFinished);
    const put = async (id: string, text: string): Promise<void> => {
      await mkdir(join(folder, id));
      await writeFile(join(folder, id, 'machine.json'), text);
    };
    await put('a-good', JSON.stringify(FILE));
    await put('b-broken', '{');
    await put('C bad name', JSON.stringify(FILE));
    await put('.hidden', '{');
    await mkdir(join(folder, 'no-machine'));
    await writeFile(join(folder, 'stray.txt'), '');
    const found = await readLibrary(nodeDisk, folder);
    expect(found.map((one) => [one.id, 'problem' in one ? one.problem.message : 'good'])).toEqual([
      ['C bad name', expect.stringContaining('rename it')],
      ['a-good', 'good'],
      ['b-broken', 'machine.json cannot be opened: it is not valid JSON.'],
    ]);
  });

  it('is empty where there is no folder', async () => {
    expect(await readLibrary(nodeDisk, '/nonexistent/library')).toEqual([]);
  });
});

describe('names', () => {
  it('become folders of lower-case letters, digits and hyphens', () => {
    expect(folderName('Kernel course, 2nd')).toBe('kernel-course-2nd');
    expect(folderName('  Ünïcode — ☃  ')).toBe('unicode');
    expect(folderName('☃')).toBe('machine');
    expect(folderName('x'.repeat(64))).toHaveLength(56);
  });

  it('of files lead nowhere else', () => {
    expect(safeFileName('../../etc/passwd', 'image')).toBe('passwd');
    expect(safeFileName('C:\\boot.img', 'image')).toBe('boot.img');
    expect(safeFileName('...', 'image')).toBe('image');
    expect(safeFileName('Machine.JSON', 'image')).toBe('image-Machine.JSON');
    expect(safeFileName('a\0b\n.img', 'image')).toBe('a_b_.img');
  });
});
