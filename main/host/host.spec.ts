import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { MachineError } from '../../engine/machine/machine.ts';
import type { MachineSummary } from '../contract/machine.ts';
import { HostError } from './errors.ts';
import { Host } from './host.ts';
import { fakeEngine, fakeHost, temporaryFolder, type FakeEngine } from './testing/fake-engine.ts';
import type { FakeMachine } from './testing/fake-machine.ts';

async function open(guest?: (machine: FakeMachine) => void) {
  const folder = await temporaryFolder(onTestFinished);
  const engine: FakeEngine = fakeEngine(guest);
  const warnings: string[] = [];
  const { host, options } = await fakeHost(folder, { engine, warn: (sentence) => warnings.push(sentence) });
  onTestFinished(() => host.close());
  return { folder, engine, host, options, warnings };
}

async function refusal(work: Promise<unknown>): Promise<HostError> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof HostError)) throw new Error(`Expected a refusal, got ${String(error)}`);
  return error;
}

function machineOf(entries: Awaited<ReturnType<Host['list']>>, id: string): MachineSummary {
  const entry = entries.find((one) => one.id === id);
  if (entry?.kind !== 'machine') throw new Error(`No machine ${id}.`);
  return entry;
}

describe('a host opened for the first time', () => {
  it('has the samples in its library, off and never started', async () => {
    const { host } = await open();
    const hello = machineOf(await host.list(), 'hello');
    expect(hello).toMatchObject({ name: 'Hello', state: 'off', sample: 'hello', memoryBytes: 16 * 1024 * 1024, reason: 'Has never been started.' });
    expect(await readFile(join(hello.folder, 'hello.asm'), 'utf8')).toBe('jmp $\n');
  });

  it('does not bring a deleted sample back', async () => {
    const { host, options } = await open();
    await host.delete('hello', 'machine-and-disks');
    await host.close();
    const again = await Host.open(options);
    onTestFinished(() => again.close());
    expect(await again.list()).toEqual([]);
  });

  it('finds everything again the second time, and no sample twice', async () => {
    const { host, options } = await open();
    await host.create({ name: 'Mine', source: { kind: 'assembly-text', text: 'nop' } });
    await host.close();
    const again = await Host.open(options);
    onTestFinished(() => again.close());
    expect((await again.list()).map(({ id }) => id)).toEqual(['hello', 'mine']);
  });
});

describe('creating a machine', () => {
  it('copies the image, so that the original may go', async () => {
    const { host, folder } = await open();
    const image = new Uint8Array(512);
    image.set([0x55, 0xaa], 510);
    await writeFile(join(folder, 'boot.img'), image);
    const machine = await host.create({ source: { kind: 'image', file: { kind: 'path', path: join(folder, 'boot.img') } } });
    expect(machine).toMatchObject({ id: 'boot', boot: { kind: 'boot-sector', file: 'boot.img' } });
    expect(new Uint8Array(await readFile(join(machine.folder, 'boot.img')))).toEqual(image);
  });

  it('gives a second machine of the same name a folder of its own', async () => {
    const { host } = await open();
    const source = { kind: 'assembly-text' as const, text: 'nop' };
    expect((await host.create({ name: 'Köln & Café', source })).id).toBe('koln-cafe');
    expect((await host.create({ name: 'Köln & Café', source })).id).toBe('koln-cafe-2');
  });

  it('never lets an image take the place of the host’s own files', async () => {
    const { host } = await open();
    const bytes = new Uint8Array(512);
    bytes.set([0x55, 0xaa], 510);
    const machine = await host.create({ source: { kind: 'image', file: { kind: 'bytes', name: '../../machine.json', bytes } } });
    expect(machine.boot.file).toBe('image-machine.json');
    expect((await host.list()).map(({ kind }) => kind)).toEqual(['machine', 'machine']);
  });

  it.each([
    ['an empty image', new Uint8Array(), 'BAD_IMAGE', /empty/],
    ['a truncated boot sector', new Uint8Array(100), 'BAD_IMAGE', /boot sector/],
    ['something else', new Uint8Array(4096).fill(7), 'BAD_IMAGE', /cannot be started|nothing we can start/],
  ])('refuses %s with a sentence, and writes nothing', async (_what, bytes, code, sentence) => {
    const { host, options } = await open();
    const before = await readdir(options.library);
    const error = await refusal(host.create({ source: { kind: 'image', file: { kind: 'bytes', name: 'x.img', bytes } } }));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(sentence);
    expect(await readdir(options.library)).toEqual(before);
  });

  it('refuses a kernel that its memory cannot hold', async () => {
    const { host } = await open();
    const kernel = new Uint8Array(4 * 1024 * 1024);
    const header = new DataView(kernel.buffer);
    // Multiboot header with address fields (Multiboot specification 0.6.96, 3.1.3).
    const [magic, flags] = [0x1badb002, 0x10000];
    [magic, flags, -(magic + flags), 0x100000, 0x100000, 0, 0, 0x100020].forEach((value, at) => header.setInt32(at * 4, value | 0, true));
    const source = { kind: 'image' as const, file: { kind: 'bytes' as const, name: 'k.elf', bytes: kernel } };
    const error = await refusal(host.create({ memoryBytes: 2 * 1024 * 1024, source }));
    expect(error.code).toBe('TOO_LARGE');
    expect(error.message).toMatch(/k\.elf: .*memory/);
    expect((await host.create({ memoryBytes: 16 * 1024 * 1024, source })).boot.kind).toBe('kernel');
  });

  it('refuses a path that does not exist', async () => {
    const { host, folder } = await open();
    const error = await refusal(host.inspectImage({ kind: 'path', path: join(folder, 'none') }));
    expect(error).toMatchObject({ code: 'UNREADABLE' });
    expect(error.message).toMatch(/does not exist\.$/);
  });
});

describe('a machine’s life', () => {
  it('goes from off to running, paused, running and off, each with a reason, and every reader hears it', async () => {
    const { host, engine } = await open();
    const events = await host.events('hello', false);
    const states: string[] = [];
    const reading = (async () => {
      for await (const event of events) {
        if (event.kind !== 'state') continue;
        states.push(event.state);
        if (states.length === 5) return;
      }
    })();
    expect((await host.start('hello', false)).state).toBe('running');
    await host.control('hello', ({ machine }) => machine.pause());
    await host.control('hello', ({ machine }) => machine.resume());
    expect((await host.control('hello', (session) => session.powerOff())).state).toBe('off');
    await reading;
    expect(states).toEqual(['off', 'running', 'paused', 'running', 'off']);
    expect(engine.machines[0]?.disposed).toBe(true);
  });

  it('tells late comers what was said before, whole and once', async () => {
    const { host, engine } = await open();
    await host.start('hello', false);
    engine.machines[0]?.say('before ');
    const events = await host.events('hello', true);
    engine.machines[0]?.say('after');
    let text = '';
    for await (const event of events) {
      if (event.kind === 'serial') text += new TextDecoder().decode(event.bytes);
      if (text.endsWith('after')) break;
    }
    expect(text).toBe('before after');
  });

  it('keeps a log of COM1 and a thumbnail of the last picture', async () => {
    const { host, engine } = await open();
    const { folder } = await host.start('hello', false);
    engine.machines[0]?.say('logged');
    const off = await host.control('hello', (session) => session.powerOff());
    expect(await readFile(join(folder, 'serial.log'), 'utf8')).toBe('logged');
    expect(off.thumbnail).not.toBeNull();
    const png = (await host.thumbnail('hello'))?.png;
    expect([...(png ?? []).slice(0, 4)]).toEqual([0x89, 0x50, 0x4e, 0x47]);
  });

  it('is off again, and can be started again, after its guest powered it off', async () => {
    const { host, engine } = await open();
    await host.start('hello', false);
    engine.machines[0]?.become('off', 'The guest powered off.');
    expect(machineOf(await host.list(), 'hello')).toMatchObject({ state: 'off', reason: 'The guest powered off.' });
    expect((await host.start('hello', false)).state).toBe('running');
    expect(engine.machines).toHaveLength(2);
    expect(engine.machines[0]?.disposed).toBe(true);
  });

  it('cannot be started twice, nor deleted or reconfigured while on', async () => {
    const { host } = await open();
    await host.start('hello', false);
    expect((await refusal(host.start('hello', false))).code).toBe('WRONG_STATE');
    expect((await refusal(host.delete('hello', 'machine'))).code).toBe('WRONG_STATE');
    expect((await refusal(host.configure('hello', { memoryBytes: 1024 * 1024 }))).code).toBe('WRONG_STATE');
  });

  it('can be switched off where it has crashed and nothing of its engine is left, and started again', async () => {
    const { host, engine, warnings } = await open();
    await host.start('hello', false);
    const [machine] = engine.machines;
    if (machine === undefined) throw new Error('no machine');
    machine.powerOff = () => Promise.reject(new MachineError('crashed', 'The machine Hello is gone.'));
    machine.become('crashed', 'Virtual CPU 0 failed.');
    await host.control('hello', (session) => session.powerOff());
    expect(machineOf(await host.list(), 'hello').state).not.toBe('crashed');
    expect(warnings.join()).toMatch(/was not switched off cleanly/);
    await host.start('hello', false);
    expect(machineOf(await host.list(), 'hello').state).toBe('running');
  });

  it('says how to go on when it is off', async () => {
    const { host } = await open();
    const error = await refusal(host.control('hello', ({ machine }) => machine.pause()));
    expect(error).toMatchObject({ code: 'WRONG_STATE', message: 'The machine is off; start it first.' });
  });

  it('does not start from a source with errors; the first are named and all counted', async () => {
    const { host } = await open();
    const text = Array.from({ length: 100 }, () => 'error').join('\n');
    const { id } = await host.create({ name: 'Bad', source: { kind: 'assembly-text', text } });
    const error = await refusal(host.start(id, false));
    expect(error.code).toBe('BAD_INPUT');
    expect(error.message).toMatch(/^The source has 100 errors:\nguest\.asm:1:1: That is wrong\./);
    expect(error.message).toMatch(/… and 97 more\.$/);
    expect(machineOf(await host.list(), id).state).toBe('off');
  });
});

describe('the library', () => {
  it('shows a folder that cannot be opened, and leaves it byte for byte', async () => {
    const { host, options } = await open();
    const text = JSON.stringify({ format: 'vitrine-machine', version: 9, name: 'Future', novelty: true });
    await mkdir(join(options.library, 'future'));
    await writeFile(join(options.library, 'future', 'machine.json'), text);
    const entry = (await host.list()).find(({ id }) => id === 'future');
    expect(entry).toMatchObject({ kind: 'unreadable' });
    expect(entry?.kind === 'unreadable' && entry.problem).toMatch(/cannot be opened: it was written by a newer Vitrine/);
    expect((await refusal(host.start('future', false))).code).toBe('BROKEN');
    expect((await refusal(host.delete('future', 'machine-and-disks'))).code).toBe('BROKEN');
    expect((await refusal(host.rename('future', 'Past'))).code).toBe('BROKEN');
    expect(await readFile(join(options.library, 'future', 'machine.json'), 'utf8')).toBe(text);
  });

  it('tells watchers of each change', async () => {
    const { host } = await open();
    const changes = await host.watch();
    const first = await changes.next();
    expect(first.value).toMatchObject({ kind: 'all', entries: [{ id: 'hello' }] });
    await host.rename('hello', 'Hello again');
    expect((await changes.next()).value).toMatchObject({ kind: 'changed', entry: { id: 'hello', name: 'Hello again' } });
    await host.delete('hello', 'machine-and-disks');
    expect((await changes.next()).value).toEqual({ kind: 'removed', id: 'hello' });
    await changes.return();
  });

  it('deletes the machine only, or everything, as the list of files says before', async () => {
    const { host } = await open();
    const { folder } = machineOf(await host.list(), 'hello');
    expect(await host.listFiles('hello')).toMatchObject([
      { name: 'hello.asm', part: 'disk' },
      { name: 'machine.json', part: 'machine' },
    ]);
    expect(await host.delete('hello', 'machine')).toMatchObject({ removed: ['machine.json'], kept: ['hello.asm'] });
    expect(await readdir(folder)).toEqual(['hello.asm']);
    expect(await host.list()).toEqual([]);
    const { id, folder: second } = await host.create({ source: { kind: 'sample', sample: 'hello' } });
    expect(id).toBe('hello-2');
    await host.delete(id, 'machine-and-disks');
    expect(existsSync(second)).toBe(false);
  });

  it('is refused to a second program while the first has it', async () => {
    const { options } = await open();
    const error = await refusal(Host.open(options));
    expect(error.code).toBe('LIBRARY_BUSY');
    expect(error.message).toContain(`is in use by the test (process ${process.pid})`);
  });
});
