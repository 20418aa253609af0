import { mkdir, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { sourcePath } from '../contract/sources.ts';
import { nodeDisk, type Disk } from './disk.ts';
import { HostError } from './errors.ts';
import { Host } from './host.ts';
import { assembleSource } from './engine.ts';
import { fakeEngine, fakeHost, temporaryFolder } from './testing/fake-engine.ts';

const id = 'hello';

async function open(disk?: Disk) {
  const folder = await temporaryFolder(onTestFinished);
  const engine = { ...fakeEngine(), assemble: assembleSource };
  const { host, options } = await fakeHost(folder, { engine, ...(disk === undefined ? {} : { disk }) });
  onTestFinished(() => host.close());
  return { host, options, machine: join(folder, 'library', id), folder, sources: host.sources };
}

async function refusal(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return error instanceof HostError ? error.code : String(error);
}

describe('names of sources', () => {
  it('stay in the folder, and are of sources', () => {
    for (const name of ['a.asm', 'part/b.inc', 'ü.s', 'A b.ASM']) expect(sourcePath.safeParse(name).success, name).toBe(true);
    const wrong = [
      '',
      '../a.asm',
      'a/../b.asm',
      '/a.asm',
      '.a.asm',
      'x/.y/a.asm',
      'a\\b.asm',
      'machine.json',
      'disk.qcow2',
      'a.asm/',
      'c:a.asm',
      'a\0.asm',
    ];
    for (const name of wrong) expect(sourcePath.safeParse(name).success, name).toBe(false);
  });
});

describe('sources of a machine', () => {
  it('are those in its folder, with the one that it starts from', async () => {
    const { sources, machine } = await open();
    await mkdir(join(machine, 'part'));
    await writeFile(join(machine, 'part', 'more.inc'), 'nop\n');
    await writeFile(join(machine, 'disk.img'), 'x');
    expect(await sources.list(id)).toMatchObject({
      main: 'hello.asm',
      files: [{ path: 'hello.asm' }, { path: 'part/more.inc', bytes: 4 }],
    });
    expect(await sources.read(id, 'part/more.inc')).toMatchObject({ text: 'nop\n' });
    expect(await refusal(sources.read(id, 'none.asm'))).toBe('NOT_FOUND');
  });

  it('are written only over what the writer has seen', async () => {
    const { sources, machine } = await open();
    const { version } = await sources.read(id, 'hello.asm');
    const written = await sources.write(id, 'hello.asm', 'nop\n', version);
    expect(await readFile(join(machine, 'hello.asm'), 'utf8')).toBe('nop\n');
    expect(await sources.read(id, 'hello.asm')).toEqual({ text: 'nop\n', version: written.version });
    await writeFile(join(machine, 'hello.asm'), 'hlt\n');
    expect(await refusal(sources.write(id, 'hello.asm', 'cli\n', written.version))).toBe('CONFLICT');
    expect(await readFile(join(machine, 'hello.asm'), 'utf8')).toBe('hlt\n');
    // Who wants what is there already has no quarrel.
    expect(await sources.write(id, 'hello.asm', 'hlt\n', version)).toMatchObject({});
    expect(await refusal(sources.write(id, 'hello.asm', 'cli\n', null))).toBe('CONFLICT');
    await sources.write(id, 'new/one.asm', 'cli\n', null);
    expect(await readFile(join(machine, 'new', 'one.asm'), 'utf8')).toBe('cli\n');
    await rm(join(machine, 'new', 'one.asm'));
    expect(await refusal(sources.write(id, 'new/one.asm', 'x\n', version))).toBe('CONFLICT');
  });

  it('never are what a link out of the folder names', async () => {
    const { sources, machine, folder } = await open();
    await writeFile(join(folder, 'secret.asm'), 'secret');
    await mkdir(join(folder, 'outside'));
    await symlink(join(folder, 'secret.asm'), join(machine, 'link.asm'));
    await symlink(join(folder, 'outside'), join(machine, 'way'));
    expect(await refusal(sources.read(id, 'link.asm'))).toBe('UNREADABLE');
    expect(await refusal(sources.write(id, 'way/new.asm', 'x', null))).toBe('UNREADABLE');
    expect(await readdir(join(folder, 'outside'))).toEqual([]);
    expect((await sources.list(id)).files.map(({ path }) => path)).toEqual(['hello.asm']);
    // The negative control: without the link the same name is written.
    await rm(join(machine, 'way'));
    await sources.write(id, 'way/new.asm', 'x', null);
    expect(await readFile(join(machine, 'way', 'new.asm'), 'utf8')).toBe('x');
  });

  it('go, but for the one that the machine starts from', async () => {
    const { sources, machine } = await open();
    const { version } = await sources.write(id, 'b.asm', 'nop\n', null);
    const main = await sources.read(id, 'hello.asm');
    expect(await refusal(sources.remove(id, 'hello.asm', main.version))).toBe('CONFLICT');
    await writeFile(join(machine, 'b.asm'), 'changed');
    expect(await refusal(sources.remove(id, 'b.asm', version))).toBe('CONFLICT');
    await writeFile(join(machine, 'b.asm'), 'nop\n');
    await sources.remove(id, 'b.asm', version);
    expect(await refusal(sources.read(id, 'b.asm'))).toBe('NOT_FOUND');
  });

  it('are told of when somebody else changes them', async () => {
    const { sources, machine } = await open();
    const stop = new AbortController();
    const seen = sources.watch(id, stop.signal);
    expect((await seen.next()).value).toMatchObject({ files: [{ path: 'hello.asm' }] });
    await writeFile(join(machine, 'b.inc'), 'x');
    expect((await seen.next()).value).toMatchObject({ files: [{ path: 'b.inc' }, { path: 'hello.asm' }] });
    stop.abort();
    expect((await seen.next()).done).toBe(true);
  });

  it('include what a start would include', async () => {
    const { sources, machine, options } = await open();
    await mkdir(join(machine, 'part'));
    await writeFile(join(machine, 'part', 'near.inc'), 'near');
    await writeFile(join(options.guests, 'shared.inc'), 'shared');
    const text = async (name: string, from: string): Promise<string | undefined> => {
      const found = await sources.find(id, name, from);
      return found === null ? undefined : new TextDecoder().decode(found.bytes);
    };
    expect(await text('near.inc', 'part/x.inc')).toBe('near');
    expect(await text('shared.inc', 'hello.asm')).toBe('shared');
    expect(await text('../../secret', 'hello.asm')).toBeUndefined();
  });
});

describe('what is not saved', () => {
  it('outlives the program, whenever it is killed', async () => {
    const { host, options, sources } = await open();
    await sources.keepDraft(id, { path: 'hello.asm', base: 'v', text: 'typed' });
    // Another program over the same folder, as after a kill: nothing was closed.
    await host.close();
    const again = await Host.open(options);
    onTestFinished(() => again.close());
    expect(await again.sources.listDrafts(id)).toEqual([{ path: 'hello.asm', base: 'v', text: 'typed' }]);
  });

  it('is there as it was, or as it is, after an end at any step of its writing', async () => {
    for (let end = 0; ; end++) {
      let steps = -1;
      const step = (): void => {
        if (steps >= 0 && steps++ === end) throw new Error('killed');
      };
      const disk: Disk = {
        ...nodeDisk,
        writeDurably: async (...parts) => (step(), await nodeDisk.writeDurably(...parts)),
        rename: async (...parts) => (step(), await nodeDisk.rename(...parts)),
        syncFolder: async (...parts) => (step(), await nodeDisk.syncFolder(...parts)),
        removeFile: async (...parts) => (step(), await nodeDisk.removeFile(...parts)),
      };
      const { sources } = await open(disk);
      await sources.keepDraft(id, { path: 'hello.asm', base: null, text: 'first' });
      steps = 0;
      const failed = await sources.keepDraft(id, { path: 'hello.asm', base: null, text: 'second' }).then(
        () => false,
        () => true,
      );
      steps = -1;
      const [draft] = await sources.listDrafts(id);
      expect(failed ? ['first', 'second'] : ['second']).toContain(draft?.text);
      if (!failed) return;
    }
  });

  it('goes when it is saved or dropped, and a damaged file of it is set aside', async () => {
    const { sources, machine } = await open();
    const { version } = await sources.read(id, 'hello.asm');
    await sources.keepDraft(id, { path: 'hello.asm', base: version, text: 'a' });
    await sources.keepDraft(id, { path: 'b.asm', base: null, text: 'b' });
    await sources.write(id, 'hello.asm', 'a', version);
    expect(await sources.listDrafts(id)).toMatchObject([{ path: 'b.asm' }]);
    await sources.dropDraft(id, 'b.asm');
    expect(await readdir(machine)).not.toContain('.unsaved.json');
    await writeFile(join(machine, '.unsaved.json'), '{ damaged');
    expect(await sources.listDrafts(id)).toEqual([]);
    await sources.keepDraft(id, { path: 'b.asm', base: null, text: 'c' });
    expect(await readFile(join(machine, '.unsaved-damaged.json'), 'utf8')).toBe('{ damaged');
  });
});

describe('a program in a machine', () => {
  it('is another source of the same machine from the next start on', async () => {
    const { host, sources } = await open();
    await sources.write(id, 'other.asm', 'nop\n', null);
    expect(await host.setMainSource(id, 'other.asm')).toMatchObject({ boot: { kind: 'assembly', file: 'other.asm' } });
    expect(await sources.list(id)).toMatchObject({ main: 'other.asm' });
    expect(await refusal(host.setMainSource(id, 'none.asm'))).toBe('NOT_FOUND');
  });

  it('becomes a new machine with the files that it reads and no others', async () => {
    const { host, sources, folder } = await open();
    await sources.write(id, 'part/macros.inc', 'VALUE equ 7\n', null);
    await sources.write(id, 'unused.inc', 'x equ 1\n', null);
    await sources.write(id, 'kernel.asm', '%include "part/macros.inc"\ndb VALUE\n', null);
    const made = await host.newMachineOf(id, 'kernel.asm');
    expect(made).toMatchObject({ id: 'kernel', name: 'kernel', boot: { file: 'kernel.asm' } });
    const library = join(folder, 'library', 'kernel');
    expect((await readdir(library)).sort()).toEqual(['kernel.asm', 'machine.json', 'part']);
    await sources.write(id, 'wrong.asm', 'frob ax\n', null);
    expect(await refusal(host.newMachineOf(id, 'wrong.asm'))).toBe('BAD_INPUT');
  });
});

describe('breakpoints of lines', () => {
  const settings = { cpu: null, condition: null, ignore: 0, log: null, temporary: false, enabled: true };

  it('stand at the code of their line each time the source is another', async () => {
    const { host, sources } = await open();
    const { version } = await sources.read(id, 'hello.asm');
    const first = await sources.write(id, 'hello.asm', 'org 0x7c00\nnop\nhere: hlt\njmp here\n', version);
    const list = () => host.withSession(id, ({ debug }) => debug.list());
    await host.withSession(id, ({ debug }) =>
      debug.add({
        ...settings,
        watched: { kind: 'execute', space: 'linear', address: 1 },
        source: { file: 'hello.asm', line: 3 },
      }),
    );
    expect(await list()).toMatchObject([{ watched: { address: 0x7c01 }, at: { file: 'hello.asm', line: 3 }, symbol: 'here' }]);
    const second = await sources.write(id, 'hello.asm', 'org 0x7c00\nnop\nnop\nnop\nhere: hlt\njmp here\n', first.version);
    await host.withSession(id, ({ debug }) => debug.change(1, { source: { file: 'hello.asm', line: 5 } }));
    expect(await list()).toMatchObject([{ watched: { address: 0x7c03 }, source: { line: 5 }, enabled: true }]);
    // A text that does not assemble changes nothing; one without that line turns it off.
    const third = await sources.write(id, 'hello.asm', 'frob ax\n', second.version);
    expect(await list()).toMatchObject([{ watched: { address: 0x7c03 }, enabled: true }]);
    await sources.write(id, 'hello.asm', 'org 0x7c00\nhlt\n', third.version);
    expect(await list()).toMatchObject([{ enabled: false }]);
  });

  it('are kept with the machine', async () => {
    const { host, options, machine } = await open();
    await host.withSession(id, ({ debug }) =>
      debug.add({
        ...settings,
        watched: { kind: 'execute', space: 'linear', address: 1 },
        source: { file: 'hello.asm', line: 1 },
      }),
    );
    await host.close();
    expect(JSON.parse(await readFile(join(machine, 'breakpoints.json'), 'utf8'))).toMatchObject({
      breakpoints: [{ source: { file: 'hello.asm', line: 1 } }],
    });
    const again = await Host.open(options);
    onTestFinished(() => again.close());
    expect(await again.withSession(id, ({ debug }) => debug.list())).toMatchObject([{ source: { file: 'hello.asm', line: 1 } }]);
  });
});
