import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Task } from '../contract/tasks.ts';
import { nodeDisk, type Disk } from './disk.ts';
import { fakeEngine, fakeHost, temporaryFolder } from './testing/fake-engine.ts';

async function open(disk?: Disk) {
  const folder = await temporaryFolder(onTestFinished);
  const { host, options } = await fakeHost(folder, { engine: fakeEngine(), ...(disk ? { disk } : {}) });
  onTestFinished(() => host.close());
  return { folder, host, options };
}

async function newestTask(tasks: AsyncGenerator<Task[], void, void>): Promise<Task | undefined> {
  const { value } = await tasks.next();
  await tasks.return();
  return value?.[0];
}

describe('cloning', () => {
  it('copies the person’s files and neither logs nor pictures', async () => {
    const { host } = await open();
    const hello = await host.get('hello');
    await writeFile(join(hello.folder, 'serial.log'), 'said');
    await mkdir(join(hello.folder, 'part'));
    await writeFile(join(hello.folder, 'part', 'data.bin'), 'data');
    const clone = await host.clone('hello');
    expect(clone).toMatchObject({ id: 'hello-copy', name: 'Hello copy', state: 'off', sample: 'hello', lastStarted: null });
    expect((await readdir(clone.folder)).sort()).toEqual(['hello.asm', 'machine.json', 'part']);
    expect(await readFile(join(clone.folder, 'part', 'data.bin'), 'utf8')).toBe('data');
    expect(await newestTask(host.tasks.watch())).toMatchObject({ title: 'Cloning Hello', state: 'done', sentence: 'Hello copy is in the library.' });
  });

  it('is refused while the machine is on', async () => {
    const { host } = await open();
    await host.start('hello', false);
    await expect(host.clone('hello')).rejects.toMatchObject({ code: 'WRONG_STATE' });
  });

  it('is refused while the machine is suspended, and for an image outside of the folder that both would write', async () => {
    const { host } = await open();
    const { folder } = await host.get('hello');
    await writeFile(join(folder, 'suspended.vst'), 'state');
    await expect(host.clone('hello')).rejects.toThrow('is suspended');
    await rm(join(folder, 'suspended.vst'));
    const path = join(folder, 'machine.json');
    const file: unknown = JSON.parse(await readFile(path, 'utf8'));
    if (typeof file !== 'object' || file === null) throw new Error('The machine has no file.');
    await writeFile(path, JSON.stringify({ ...file, drives: [{ kind: 'disk', file: '/images/big.qcow2', format: 'qcow2' }] }));
    await expect(host.clone('hello')).rejects.toThrow('/images/big.qcow2, which is outside of its folder');
    await writeFile(path, JSON.stringify({ ...file, drives: [{ kind: 'cdrom', file: '/images/big.iso' }] }));
    expect(await host.clone('hello')).toMatchObject({ id: 'hello-copy' });
  });

  it('keeps the original from being started, and leaves nothing when it is cancelled', async () => {
    let go = (): void => undefined;
    const held = new Promise<void>((resolve) => (go = resolve));
    let reached = (): void => undefined;
    const copying = new Promise<void>((resolve) => (reached = resolve));
    let waits = false;
    const disk: Disk = {
      ...nodeDisk,
      async copyFile(from, to, advance) {
        if (waits) {
          reached();
          await held;
        }
        await nodeDisk.copyFile(from, to, advance);
      },
    };
    const { host, options } = await open(disk);
    const before = (await readdir(options.library)).sort();
    waits = true;
    const clone = host.clone('hello', 'Second');
    const refused = expect(clone).rejects.toThrow('was cancelled');
    await copying;
    await expect(host.start('hello', false)).rejects.toThrow('being cloned');
    await expect(host.delete('hello', 'machine')).rejects.toThrow('being cloned');
    const task = await newestTask(host.tasks.watch());
    expect(task).toMatchObject({ state: 'running', title: 'Cloning Hello' });
    host.tasks.cancel(task?.id ?? '');
    go();
    await refused;
    expect((await readdir(options.library)).sort()).toEqual(before);
    expect(await newestTask(host.tasks.watch())).toMatchObject({ state: 'cancelled' });
    expect(() => host.tasks.cancel(task?.id ?? '')).toThrow('ended already');
    await host.start('hello', false);
  });
});

describe('adopting a folder', () => {
  it('copies it into the library and leaves the original', async () => {
    const { host, folder } = await open();
    const clone = await host.clone('hello', 'Elsewhere');
    const away = join(folder, 'Some Folder');
    await mkdir(away);
    for (const name of await readdir(clone.folder)) await writeFile(join(away, name), await readFile(join(clone.folder, name)));
    await host.delete('elsewhere', 'machine-and-disks');
    const adopted = await host.adopt(away);
    expect(adopted).toMatchObject({ id: 'elsewhere', name: 'Elsewhere' });
    expect((await readdir(adopted.folder)).sort()).toEqual((await readdir(away)).sort());
  });

  it.each([
    ['a folder without machine.json', async (folder: string) => folder, 'has no machine.json'],
    ['a folder that is not there', async (folder: string) => join(folder, 'nowhere'), 'does not exist'],
    ['a relative path', async () => 'somewhere', 'whole path'],
    ['a folder of the library itself', async (_folder: string, library: string) => join(library, 'hello'), 'in the library already'],
  ])('refuses %s', async (_what, at, sentence) => {
    const { host, folder, options } = await open();
    await expect(host.adopt(await at(folder, options.library))).rejects.toThrow(sentence);
  });
});

describe('group and tags', () => {
  it('are kept in the machine’s file and can be changed while it runs', async () => {
    const { host, options } = await open();
    await host.start('hello', false);
    await host.configure('hello', { group: 'Kernel course', tags: ['real mode', 'boot'] });
    expect(await host.get('hello')).toMatchObject({ group: 'Kernel course', tags: ['real mode', 'boot'] });
    const file: unknown = JSON.parse(await readFile(join(options.library, 'hello', 'machine.json'), 'utf8'));
    expect(file).toMatchObject({ group: 'Kernel course', tags: ['real mode', 'boot'] });
    await host.configure('hello', { group: null, tags: [] });
    expect(await host.get('hello')).toMatchObject({ group: null, tags: [] });
    await expect(host.configure('hello', { memoryBytes: 1024 * 1024 })).rejects.toMatchObject({ code: 'WRONG_STATE' });
  });
});
