import { existsSync } from 'node:fs';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { MachineError } from '../../engine/machine/machine.ts';
import { nodeDisk, type Disk } from './disk.ts';
import { Host } from './host.ts';
import { fakeEngine, fakeHost, temporaryFolder } from './testing/fake-engine.ts';

async function open(disk?: Disk) {
  const folder = await temporaryFolder(onTestFinished);
  const engine = fakeEngine();
  const { host, options } = await fakeHost(folder, { engine, disk });
  onTestFinished(() => host.close());
  const machine = async () => {
    const entry = await host.get('hello');
    if (entry.kind !== 'machine') throw new Error('unreadable');
    return entry;
  };
  const file = (await machine()).folder;
  return { host, options, engine, machine, state: join(file, 'suspended.vst'), folder: file };
}

describe('suspending', () => {
  it('keeps the state in the machine’s folder and ends the machine', async () => {
    const { host, engine, state, folder } = await open();
    await host.start('hello', false);
    const machine = await host.suspending.suspend('hello');
    expect(machine).toMatchObject({ state: 'suspended', display: null, suspended: { bytes: 14 } });
    expect(await readFile(state, 'utf8')).toBe('state of Hello');
    expect(engine.machines[0]?.disposed).toBe(true);
    expect((await readdir(folder)).filter((name) => name.startsWith('.'))).toEqual([]);
    expect(existsSync(join(folder, 'thumbnail.png'))).toBe(true);
  });

  it('leaves the machine running when the disk is full, and says so', async () => {
    const { host, engine, machine, state } = await open();
    await host.start('hello', false);
    const fake = engine.machines[0];
    if (fake) fake.suspendFailure = new MachineError('no-space', 'The disk is full: the state was not written.');
    await expect(host.suspending.suspend('hello')).rejects.toMatchObject({ code: 'NO_SPACE' });
    expect((await machine()).state).toBe('running');
    expect(existsSync(state)).toBe(false);
  });

  it('goes on when the state cannot be put in place, and the state that was kept before is as it was', async () => {
    let fail = false;
    const disk: Disk = {
      ...nodeDisk,
      rename: (from, to) =>
        fail && to.endsWith('.vst')
          ? Promise.reject(Object.assign(new Error('rename'), { code: 'ENOSPC' }))
          : nodeDisk.rename(from, to),
    };
    const { host, machine, folder } = await open(disk);
    await host.start('hello', false);
    fail = true;
    await expect(host.suspending.suspend('hello')).rejects.toMatchObject({ code: 'NO_SPACE' });
    expect((await machine()).state).toBe('running');
    expect((await readdir(folder)).filter((name) => name.includes('vst'))).toEqual([]);
  });

  it('is refused for a machine that is off', async () => {
    const { host } = await open();
    await expect(host.suspending.suspend('hello')).rejects.toMatchObject({ code: 'WRONG_STATE' });
  });
});

describe('a suspended machine', () => {
  it('comes back for a client of its displays, but not for a window that saw it run a moment ago', async () => {
    const { host, machine, state } = await open();
    await host.start('hello', false);
    await host.suspending.suspend('hello');
    const console = { client: { id: 'laptop', name: 'Laptop' }, outputs: [{ output: 0, width: 800, height: 600 }] };
    await expect(host.attachDisplay('hello', { ...console, onlyIfOn: true })).rejects.toMatchObject({ code: 'WRONG_STATE' });
    expect(await machine()).toMatchObject({ state: 'suspended' });
    expect(existsSync(state)).toBe(true);
    await host.attachDisplay('hello', console);
    expect((await machine()).state).not.toBe('suspended');
    expect(existsSync(state)).toBe(false);
  });

  it('is there after the program ended, and goes on; the state goes when it runs', async () => {
    const { host, options, state } = await open();
    await host.start('hello', false);
    expect(await host.suspending.suspendAll()).toEqual([]);
    await host.close();
    const again = await Host.open({ ...options, engine: fakeEngine() });
    onTestFinished(() => again.close());
    expect(await again.get('hello')).toMatchObject({ state: 'suspended', reason: 'Suspended.' });
    expect(await again.suspending.resume('hello')).toMatchObject({ state: 'running', suspended: null, reason: 'Resumed.' });
    expect(existsSync(state)).toBe(false);
  });

  it('has its state removed before its guest runs, and does not run when that fails', async () => {
    const removed: string[] = [];
    let fail = true;
    const { host, engine, state, machine } = await open({
      ...nodeDisk,
      async removeFile(path) {
        if (path.endsWith('.vst')) {
          removed.push(engine.machines.at(-1)?.state ?? 'none');
          if (fail) throw Object.assign(new Error('unlink'), { code: 'EACCES' });
        }
        await nodeDisk.removeFile(path);
      },
    });
    await host.start('hello', false);
    await host.suspending.suspend('hello');
    await expect(host.suspending.resume('hello')).rejects.toThrow(
      /Hello was not resumed: its kept state could not be removed\. .*permission denied/,
    );
    expect(await machine()).toMatchObject({ state: 'suspended' });
    expect(existsSync(state)).toBe(true);
    fail = false;
    expect((await host.suspending.resume('hello')).state).toBe('running');
    expect(removed).toEqual(['paused', 'paused']);
  });

  it('keeps a state that cannot be resumed until it is discarded', async () => {
    const { host, state, machine } = await open();
    await writeFile(state, 'bad');
    await expect(host.suspending.resume('hello')).rejects.toMatchObject({ code: 'BAD_STATE', message: 'The saved state is damaged.' });
    expect(await machine()).toMatchObject({ state: 'suspended' });
    expect(await host.suspending.discard('hello')).toMatchObject({ state: 'off', suspended: null });
    expect(existsSync(state)).toBe(false);
    await expect(host.suspending.discard('hello')).rejects.toMatchObject({ code: 'WRONG_STATE' });
    expect((await host.start('hello', false)).state).toBe('running');
  });

  it('is not started anew and not given other memory behind its back, but may be renamed and deleted', async () => {
    const { host, state } = await open();
    await writeFile(state, 'state');
    await expect(host.start('hello', false)).rejects.toMatchObject({
      code: 'WRONG_STATE',
      message: 'Hello is suspended. Resume it, or discard its state first.',
    });
    await expect(host.configure('hello', { memoryBytes: 32 << 20 })).rejects.toMatchObject({ code: 'WRONG_STATE' });
    expect((await host.configure('hello', { note: 'mine' })).note).toBe('mine');
    expect(await host.listFiles('hello')).toContainEqual({ name: 'suspended.vst', size: 5, part: 'machine' });
    expect((await host.delete('hello', 'machine')).removed).toContain('suspended.vst');
    expect(existsSync(state)).toBe(false);
  });

  it('still resumes a machine that is only paused', async () => {
    const { host, state } = await open();
    await host.start('hello', true);
    expect((await host.suspending.resume('hello')).state).toBe('running');
    expect(existsSync(state)).toBe(false);
  });
});

describe('the end of the program', () => {
  it('names each machine that it could not suspend; that one is on', async () => {
    const { host, engine, machine } = await open();
    await host.start('hello', false);
    const fake = engine.machines[0];
    if (fake) fake.suspendFailure = new MachineError('no-space', 'The disk is full.');
    expect(await host.suspending.suspendAll()).toEqual(['hello was not suspended. The disk is full.']);
    expect((await machine()).state).toBe('running');
  });

  it('is not missed for a machine that was powered off meanwhile', async () => {
    const { host, engine } = await open();
    await host.start('hello', false);
    const fake = engine.machines[0];
    if (!fake) throw new Error('There is no machine.');
    let go = (): void => undefined;
    fake.suspending = new Promise((resolve) => (go = resolve));
    fake.suspendFailure = new MachineError('wrong-state', 'The machine is off.');
    const all = host.suspending.suspendAll();
    await host.control('hello', (session) => session.powerOff());
    go();
    expect(await all).toEqual([]);
  });
});
