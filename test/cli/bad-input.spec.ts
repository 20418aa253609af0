import { execFileSync } from 'node:child_process';
import { chmod, mkdir, readFile, readdir, statfs, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CommandLine, type Ended } from './vitrine.ts';

let line: CommandLine;
beforeAll(async () => {
  line = await CommandLine.open();
});
afterAll(() => line.close());

/** One sentence, or one per fault with its place; never a stack, never silence. */
function expectRefusal(ended: Ended, status: number, sentence: RegExp): void {
  expect(ended.status, ended.err).toBe(status);
  expect(ended.err).toMatch(sentence);
  expect(ended.err).not.toMatch(/^\s+at .*:\d+/m);
  expect(ended.err).not.toContain('node:internal');
  expect(ended.out).toBe('');
}

const isRoot = process.getuid?.() === 0;

describe('bad input is refused with a sentence', () => {
  it('an image that is not there, is a folder, or is empty', async () => {
    await writeFile(line.at('empty'), '');
    for (const option of ['--kernel', '--boot-sector', '--bios', '--asm']) {
      expectRefusal(await line.run('run', option, line.at('none')), 2, /^vitrine: The .* does not exist\.\n$/);
      expectRefusal(await line.run('run', option, line.folder), 2, /^vitrine: The .* is a folder, not a file\.\n$/);
      expectRefusal(await line.run('run', option, line.at('empty')), 2, /^vitrine: The .* is empty\.\n$/);
    }
  });

  it.skipIf(isRoot || process.platform === 'win32')('an image that may not be read', async () => {
    await writeFile(line.at('closed'), 'x');
    await chmod(line.at('closed'), 0);
    expectRefusal(await line.run('run', '--kernel', line.at('closed')), 2, /permission denied\.\n$/);
  });

  it('an image of another kind, or cut short', async () => {
    await writeFile(line.at('text'), 'This is no kernel.\n'.repeat(100));
    expectRefusal(await line.run('run', '--kernel', line.at('text')), 2, /^vitrine: .*text: .*not a kernel.*\n$/);
    expectRefusal(await line.run('run', '--boot-sector', line.at('text')), 2, /^vitrine: .*text: .*not a boot sector.*\n$/);
    expectRefusal(await line.run('run', '--bios', line.at('text')), 2, /^vitrine: .*text: .*\n$/);
    await writeFile(line.at('short'), new Uint8Array(100));
    expectRefusal(await line.run('run', '--boot-sector', line.at('short')), 2, /cut short: it has 100 bytes of 512\.\n$/);
  });

  it('drives and firmware of every wrong kind', { timeout: 240_000 }, async () => {
    const rom = line.at('rom.bin');
    await writeFile(line.at('short'), new Uint8Array(100));
    await writeFile(rom, Uint8Array.from({ length: 65_536 }, (_, at) => at & 0xff));
    await writeFile(line.at('disk.img'), new Uint8Array(1 << 20));
    expectRefusal(await line.run('run', '--floppy', line.at('none')), 2, /^vitrine: .*there is no such file.*\n$/);
    expectRefusal(await line.run('run', '--cdrom', line.folder), 2, /is no plain file; an image must be one\.\n$/);
    expectRefusal(await line.run('run', '--disk', line.at('short')), 2, /^vitrine: .*short ends inside a sector.*\n$/);
    expectRefusal(await line.run('run', '--floppy', line.at('disk.img'), '--floppy', line.at('disk.img'), '--floppy', 'x'), 2, /--floppy can be given 2 times at most/);
    expectRefusal(await line.run('run', '--bios', rom, '--vgabios', line.at('short')), 2, /^vitrine: .*short: The VGA BIOS image does not begin with the option ROM signature 55 AA\.\n$/);
  });

  it('a picture that has nowhere to go, before the machine starts', async () => {
    expectRefusal(await line.run('run', 'hello', '--screenshot', line.at('none/x.png')), 2, /^vitrine: The screenshot cannot go to .*x\.png: there is no folder .*none\.\n$/);
  });

  it('a kernel larger than the memory', async () => {
    const kernel = new Uint8Array(4 * 1024 * 1024);
    const view = new DataView(kernel.buffer);
    // Multiboot header with address fields (Multiboot specification 0.6.96, 3.1.3).
    [0x1badb002, 0x10000, -(0x1badb002 + 0x10000), 0x100000, 0x100000, 0, 0, 0x100020].forEach((value, at) => view.setInt32(at * 4, value | 0, true));
    await writeFile(line.at('large.elf'), kernel);
    expectRefusal(await line.run('run', '--kernel', line.at('large.elf'), '--memory', '2M'), 2, /needs memory up to .* but the machine has 2 MiB; give it more\.\n$/);
    expectRefusal(await line.run('create', 'large', '--kernel', line.at('large.elf'), '--memory', '2M'), 2, /give it more/);
  });

  it('assembly with a hundred errors: each with its place', async () => {
    await writeFile(line.at('bad.asm'), Array.from({ length: 100 }, (_, at) => `  mov eax, nothing_${at}`).join('\n'));
    const ended = await line.run('asm', line.at('bad.asm'));
    expectRefusal(ended, 2, /bad\.asm has 100 errors; nothing was written\.\n$/);
    expect(ended.err.match(/^.*bad\.asm:\d+:\d+: error: /gm)).toHaveLength(100);
    expect(await readdir(line.folder)).not.toContain('bad.bin');
    expectRefusal(await line.run('run', '--asm', line.at('bad.asm')), 2, /^vitrine: The source has 100 errors:\n(bad\.asm:\d+:\d+: .*\n){3}… and 97 more\.\n$/);
  });

  it('options that make no sense', async () => {
    expectRefusal(await line.run('run', 'hello', '--cpus', '64'), 2, /at most 16 processors\.\n$/);
    expectRefusal(await line.run('run', 'hello', '--memory', '1T'), 2, /not an amount of memory/);
    expectRefusal(await line.run('walk'), 2, /unknown command/);
  });
});

describe('a library that is not as it should be', () => {
  it('with a damaged and a future machine.json: shown, refused, and left as they are', async () => {
    expect((await line.run('list')).status).toBe(0);
    const put = async (id: string, text: string): Promise<string> => {
      await mkdir(path.join(line.library, id));
      const file = path.join(line.library, id, 'machine.json');
      await writeFile(file, text);
      return file;
    };
    const files = {
      broken: await put('broken', '{"format": "vitrine-machine", '),
      future: await put('future', '{"format": "vitrine-machine", "version": 12, "quantum": true}'),
    };
    const before = await Promise.all(Object.values(files).map((file) => readFile(file, 'utf8')));
    const list = await line.run('list');
    expect(list).toMatchObject({ status: 0, err: '' });
    expect(list.out).toMatch(/^broken +unreadable +machine\.json cannot be opened: it is not valid JSON\.$/m);
    expect(list.out).toMatch(/^future +unreadable +machine\.json cannot be opened: it was written by a newer Vitrine \(format 12/m);
    for (const id of ['broken', 'future']) {
      expectRefusal(await line.run('run', id), 2, new RegExp(`^vitrine: ${id}: machine\\.json cannot be opened`));
      expectRefusal(await line.run('delete', id, '--disks'), 2, /cannot be opened/);
    }
    expect(await Promise.all(Object.values(files).map((file) => readFile(file, 'utf8')))).toEqual(before);
  });

  it('in use by another program', async () => {
    const { child, said, ended } = line.begin('serve');
    await expect.poll(() => said.out, { timeout: 20_000 }).toMatch(/#token=/);
    expectRefusal(await line.run('serve'), 1, /^vitrine: The library .* is in use by vitrine serve \(process \d+\)\. Close it first/);
    expectRefusal(await line.run('run', 'hello'), 1, /is in use by vitrine serve/);
    // Speaks to the holder instead.
    expect(await line.run('list')).toMatchObject({ status: 0, err: '' });
    child.kill('SIGKILL');
    await ended;
    // Nothing of it is in the way of the next.
    const after = await line.run('list');
    expect(after).toMatchObject({ status: 0, err: '' });
    expect(after.out).toMatch(/^hello +off/m);
  });

  it('that is no folder', async () => {
    await writeFile(line.at('file'), '');
    expectRefusal(await line.withLibrary(line.at('file')).run('list'), 2, /^vitrine: .*file.*\n$/);
    expectRefusal(await line.withLibrary('/proc/nowhere').run('list'), 2, /^vitrine: .*\n$/);
  });
});

describe('a full disk', () => {
  let mounted: string | undefined;
  afterEach(() => {
    if (mounted !== undefined) execFileSync('umount', [mounted]);
    mounted = undefined;
  });

  it.skipIf(!isRoot || process.platform !== 'linux')('is said, and loses no machine', async (context) => {
    const folder = line.at('small');
    await mkdir(folder);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', folder], { stdio: 'ignore' });
    } catch {
      context.skip('This container may not mount a small disk.');
    }
    mounted = folder;
    const small = line.withLibrary(path.join(folder, 'library'));
    expect((await small.run('list')).status).toBe(0);
    // Room for one image and not for two, however much the samples take.
    const { bavail, bsize } = await statfs(folder);
    await writeFile(path.join(folder, 'filler'), new Uint8Array(bavail * bsize - 450 * 1024));
    const image = new Uint8Array(300 * 1024);
    image.set([0x55, 0xaa], 510);
    await writeFile(line.at('large.img'), image);
    expect((await small.run('create', 'one', '--boot-sector', line.at('large.img'))).err).toBe('');
    const before = (await small.run('list')).out;
    expectRefusal(await small.run('create', 'two', '--boot-sector', line.at('large.img')), 1, /the disk is full\. What was there before is unchanged\.\n$/);
    expect((await small.run('list')).out).toBe(before);
    expect((await readdir(small.library)).filter((name) => name.startsWith('.staging'))).toEqual([]);
  });
});
