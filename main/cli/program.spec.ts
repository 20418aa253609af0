import { readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { fakeEngine, temporaryFolder } from '../host/testing/fake-engine.ts';
import type { FakeMachine } from '../host/testing/fake-machine.ts';
import { exitStatus } from './run.ts';
import { unescape } from './guest-console.ts';
import { fakeCommandLine } from './testing/fake-command-line.ts';

async function open(guest?: (machine: FakeMachine) => void) {
  const folder = await temporaryFolder(onTestFinished);
  const engine = fakeEngine(guest);
  const line = await fakeCommandLine(folder, engine);
  const asm = join(folder, 'guest.asm');
  await writeFile(asm, 'jmp $\n');
  return { folder, engine, asm, ...line };
}

/** Waits for what happens soon. */
function soon(check: () => boolean): Promise<void> {
  return expect.poll(check, { timeout: 5000, interval: 5 }).toBe(true) as Promise<void>;
}

describe('bad usage ends with 2 and one sentence', () => {
  it.each([
    [['run'], 'Say what to run: one of MACHINE, --kernel, --boot-sector, --bios, --asm, --floppy, --cdrom, --disk.'],
    [
      ['run', 'hello', '--asm', 'x.asm'],
      'Say what to run: one of MACHINE, --kernel, --boot-sector, --bios, --asm, --floppy, --cdrom, --disk.',
    ],
    [['run', '--asm', 'x', '--floppy', 'a', '--floppy', 'b', '--floppy', 'c'], '--floppy can be given 2 times at most.'],
    [['run', '--boot', 'cdrom,tape', '--cdrom', 'y'], '--boot takes floppy, cdrom and disk, separated by commas, not tape.'],
    [
      ['run', '--disk', 'a', '--disk', 'b', '--cdrom', 'c', '--disk', 'd', '--disk', 'e'],
      '--disk and --cdrom can be given 4 times together at most.',
    ],
    [['run', 'x', '--report', 'y.pdf'], 'A report ends in .json, .html, .md, .core, which says what it is; y.pdf does not.'],
    [['report', 'x'], 'Say where the report goes: -o FILE.json, .html, .md or .core.'],
    [['run', 'x', '--gdb', 'x'], '--gdb takes a port from 0 (any that is free) to 65535, not x.'],
    [
      ['run', '--asm', 'x', '--paused'],
      '--paused goes with --gdb or --script, or with a machine of the library that “vitrine resume” lets go on.',
    ],
    [['gdb', 'x', '--port', '70000'], '--port takes a port from 0 (any that is free) to 65535, not 70000.'],
    [['run', 'x', '--rfb', '70000'], '--rfb takes a port from 0 (any that is free) to 65535, not 70000.'],
    [['run', 'x', '--serial', 'pty'], '--serial pty is not supported yet in this version.'],
    [['run', 'x', '--serial', 'tcp:70000'], '--serial tcp:70000: a port is a number from 0 to 65535.'],
    [['run', 'x', '--cpus', '17'], '--cpus 17: A machine has at most 16 processors.'],
    [['run', 'x', '--cpus', 'two'], '--cpus takes a number, not two.'],
    [['run', 'x', '--cpus', '0'], '--cpus 0: A machine needs a processor.'],
    [['run', 'x', '--memory', 'lots'], '"lots" is not an amount of memory; write for instance 128M or 1G.'],
    [['run', 'x', '--memory', '4G'], '4G of memory is not possible: a machine has from 1 MiB to 3072 MiB.'],
    [['run', 'x', '--clock', 'sun'], '--clock is wall or virtual, not sun.'],
    [['run', 'x', '--timeout', 'soon'], '--timeout takes seconds above 0, not soon.'],
    [['run', 'x', '--timeout', '-1'], '--timeout takes seconds above 0, not -1.'],
    [['run', 'x', '--until-serial', '('], '--until-serial: "(" is not a regular expression.'],
    [['run', 'x', '--type', 'ü'], '“ü” (U+00FC) is not on a US keyboard and cannot be typed.'],
    [['run', 'x', '--type', '\\q'], '--type: \\q is none of \\n, \\t, \\b, \\e, \\\\.'],
    [['run', '--asm', 'x', '--append', 'quiet'], '--initrd and --append go with --kernel.'],
    [['run', '--asm', 'x', '--vgabios', 'y'], '--vgabios goes with --bios.'],
    [
      ['create', 'x'],
      'Say what the machine starts from, with one of --sample, --asm, --image, --kernel, --boot-sector, --bios, --disk, --cdrom, --floppy, --blank.',
    ],
    [
      ['create', 'x', '--disk', 'a.img', '--kernel', 'k'],
      '--disk, --cdrom, --floppy and --blank are started by firmware; of the other sources only --bios goes with them.',
    ],
    [['create', 'x', '--bios', 'own'], '--bios own starts what is in drives: it goes with --disk, --cdrom, --floppy or --blank.'],
    [['disasm', 'x', '--bits', '64'], '--bits is 16 or 32, not 64.'],
    [['serve', '--port', 'http'], '--port takes a number from 0 to 65535, not http.'],
    [['run', 'nothing-of-that-name'], 'There is no machine named nothing-of-that-name; "vitrine list" shows what there is.'],
  ])('%j', async (words, sentence) => {
    const { call } = await open();
    expect(await call(...words)).toEqual({ status: 2, out: '', err: `vitrine: ${sentence}\n` });
  });

  it.each([[['--nonsense']], [['frobnicate']], [['run', '--nonsense']], [['delete']], [['asm']], [['list', 'extra']]])(
    '%j',
    async (words) => {
      const { call } = await open();
      const { status, out, err } = await call(...words);
      expect({ status, out }).toEqual({ status: 2, out: '' });
      expect(err).toMatch(/^vitrine: [^\n]+\n(?:\(Did you mean [^\n]+\n)?$/);
    },
  );

  it('of a file that is not there', async () => {
    const { call, folder } = await open();
    const path = join(folder, 'none');
    for (const [option, what] of [
      ['--asm', 'source'],
      ['--kernel', 'kernel'],
      ['--bios', 'firmware'],
      ['--boot-sector', 'boot sector image'],
    ] as const) {
      expect(await call('run', option, path)).toEqual({
        status: 2,
        out: '',
        err: `vitrine: The ${what} ${path} does not exist.\n`,
      });
    }
    expect((await call('asm', path)).status).toBe(2);
    expect((await call('disasm', path)).status).toBe(2);
  });

  it('of a file that is empty, a folder, or no text', async () => {
    const { call, folder } = await open();
    const empty = join(folder, 'empty');
    await writeFile(empty, '');
    const binary = join(folder, 'binary.asm');
    await writeFile(binary, new Uint8Array([0xff, 0xfe, 0]));
    expect((await call('run', '--kernel', empty)).err).toBe(`vitrine: The kernel ${empty} is empty.\n`);
    expect((await call('run', '--kernel', folder)).err).toBe(`vitrine: The kernel ${folder} is a folder, not a file.\n`);
    expect(await call('asm', binary)).toMatchObject({ status: 2, err: expect.stringContaining('is not a text (UTF-8)') });
    expect((await call('run', '--kernel', binary)).err).toMatch(/is not a kernel we can start/);
  });
});

describe('a machine that is not there', () => {
  it.each(['suspend', 'resume', 'discard', 'clone', 'stop', 'start', 'delete'])('is said to be none by %s', async (verb) => {
    const { call } = await open();
    expect(await call(verb, 'nosuch')).toEqual({
      status: 2,
      out: '',
      err: 'vitrine: There is no machine named nosuch; "vitrine list" shows what there is.\n',
    });
    expect(await call(verb)).toMatchObject({ status: 2, err: "vitrine: missing required argument 'machine'\n" });
  });

  it('is another thing than one that is off', async () => {
    const { call } = await open();
    await call('list');
    expect(await call('suspend', 'hello')).toMatchObject({
      status: 1,
      err: expect.stringMatching(/^vitrine: hello is not on: no program has the library .* open\.\n$/),
    });
    expect(await call('resume', 'hello')).toMatchObject({ status: 1, err: 'vitrine: The machine is off; start it first.\n' });
  });
});

describe('help', () => {
  it.each(['run', 'list', 'create', 'clone', 'start', 'stop', 'delete', 'asm', 'disasm', 'serve', 'doctor'])(
    '%s explains itself and knows --json',
    async (verb) => {
      const { call } = await open();
      const { status, out, err } = await call(verb, '--help');
      expect({ status, err }).toEqual({ status: 0, err: '' });
      expect(out).toContain(`Usage: vitrine ${verb}`);
      expect(out).toContain('--json');
    },
  );

  it('prints the version', async () => {
    const { call } = await open();
    expect(await call('--version')).toEqual({ status: 0, out: '1.2.3\n', err: '' });
  });
});

describe('run', () => {
  it('prints COM1, and 0xE9 to stderr, until the serial line says what was waited for', async () => {
    const { call, asm, engine } = await open((machine) => {
      machine.emit({ kind: 'debugConsole', bytes: Buffer.from('debug\n') });
      machine.say('boo');
      machine.say('t ok\n');
    });
    expect(await call('run', '--asm', asm, '--until-serial', '^boot ok$')).toEqual({
      status: 0,
      out: 'boot ok\n',
      err: 'debug\n',
    });
    expect(engine.machines[0]).toMatchObject({ state: 'off', disposed: true });
  });

  it('waits for the screen', async () => {
    const { call, asm } = await open((machine) => setTimeout(() => (machine.screen = ['one', 'C:\\>  ']), 20));
    expect((await call('run', '--asm', asm, '--until-screen', 'C:.>$')).status).toBe(0);
  });

  it('ends with 0 when the guest powers off, and still shows what it left', async () => {
    const { call, asm, folder } = await open((machine) => machine.become('off', 'The guest powered off.'));
    const picture = join(folder, 'last.png');
    const { status, out } = await call('run', '--asm', asm, '--stats', '--screenshot', picture);
    expect(status).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ instructions: 1000, seconds: 1 });
    expect([...(await readFile(picture)).subarray(1, 4)].map((code) => String.fromCharCode(code)).join('')).toBe('PNG');
  });

  it('ends with (v<<1)|1 when the guest writes v to 0xF4', async () => {
    const { call, asm } = await open((machine) => machine.emit({ kind: 'debugExit', value: 16 }));
    expect((await call('run', '--asm', asm)).status).toBe(33);
    expect(exitStatus({ kind: 'debug-exit', value: 0 })).toBe(1);
    expect(exitStatus({ kind: 'debug-exit', value: 0xff })).toBe(0xff);
  });

  it('ends with 124 when the time is up, and says that it waited in vain', async () => {
    const { call, asm, engine } = await open();
    const { status, err } = await call('run', '--asm', asm, '--timeout', '0.05', '--until-serial', 'x');
    expect({ status, err }).toEqual({ status: 124, err: 'vitrine: The time was up before what was waited for appeared.\n' });
    expect(engine.machines[0]?.disposed).toBe(true);
  });

  it('ends with 1 and the exceptions that led there when the guest triple-faults', async () => {
    const { call, asm } = await open((machine) => {
      machine.emit({
        kind: 'tripleFault',
        chain: [
          { vector: 13, code: 0x18, eip: 0x7c05, address: 0 },
          { vector: 8, code: 0, eip: 0x7c05, address: 0 },
        ],
      });
      machine.become('crashed', 'The guest ended in a triple fault.');
    });
    expect(await call('run', '--asm', asm)).toEqual({
      status: 1,
      out: '',
      err: 'vitrine: Triple fault: vector 13 (error code 18) at eip 00007c05, then vector 8 (error code 0) at eip 00007c05.\nvitrine: The guest ended in a triple fault.\n',
    });
  });

  it('does not repeat a triple fault without end', async () => {
    const { call, asm } = await open((machine) => {
      for (let count = 0; count < 100; count++) machine.emit({ kind: 'tripleFault', chain: [] });
      machine.become('off', 'x');
    });
    expect((await call('run', '--asm', asm)).err.trimEnd().split('\n')).toHaveLength(4);
  });

  it('ends the guest’s last line before the line of JSON', async () => {
    const { call, asm } = await open((machine) => {
      machine.say('prompt> ');
      machine.become('off', 'x');
    });
    expect((await call('run', '--asm', asm, '--stats')).out).toMatch(/^prompt> \n\{.*\}\n$/);
  });

  it('ends cleanly at Ctrl-C', async () => {
    const { begin, asm, engine } = await open();
    const { terminal, ended } = begin('run', '--asm', asm);
    await soon(() => engine.machines[0]?.state === 'running');
    terminal.signal('SIGINT');
    expect(await ended).toBe(130);
    expect(engine.machines[0]?.disposed).toBe(true);
    expect(terminal.listening).toBe(false);
  });

  it('says with --json how it ended', async () => {
    const { call, asm } = await open((machine) => machine.become('off', 'x'));
    expect(JSON.parse((await call('run', '--asm', asm, '--json')).out)).toMatchObject({
      outcome: 'powered-off',
      status: 0,
      statistics: { instructions: 1000 },
    });
  });

  it('gives the guest what was asked for', async () => {
    const { call, asm, engine } = await open((machine) => machine.become('off', 'x'));
    await call('run', '--asm', asm, '--memory', '32M', '--clock', 'virtual');
    expect(engine.machines[0]?.configuration).toMatchObject({
      memoryBytes: 32 * 1024 * 1024,
      clock: 'virtual',
      cpus: 1,
      name: 'guest.asm',
    });
    const boot = engine.machines[0]?.configuration.boot;
    expect(boot?.kind === 'boot-sector' && [...boot.image.subarray(0, 2), ...boot.image.subarray(510)]).toEqual([
      0xeb, 0xfe, 0x55, 0xaa,
    ]);
  });

  it('types once the guest shows something', async () => {
    const { call, asm, engine } = await open((machine) => setTimeout(() => machine.become('off', 'x'), 900));
    await call('run', '--asm', asm, '--type', 'a\\n');
    expect(engine.machines[0]?.inputs).toEqual([
      { kind: 'scancodes', bytes: [0x1e, 0x9e] },
      { kind: 'scancodes', bytes: [0x1c, 0x9c] },
    ]);
  });

  it('joins COM1 to the terminal', async () => {
    const { begin, asm, engine } = await open();
    const { terminal, ended } = begin('run', '--asm', asm, '--serial', 'stdio');
    await soon(() => engine.machines[0]?.state === 'running');
    terminal.stdin.write('ls\n');
    await soon(() => (engine.machines[0]?.inputs.length ?? 0) > 0);
    expect(engine.machines[0]?.inputs).toEqual([{ kind: 'serial', bytes: new Uint8Array(Buffer.from('ls\n')) }]);
    terminal.signal('SIGTERM');
    expect(await ended).toBe(143);
  });

  it('lets go of what comes on COM1 before there is a machine', async () => {
    const { begin, asm, engine } = await open();
    const { terminal, ended } = begin('run', '--asm', asm, '--serial', 'stdio');
    terminal.stdin.write('early\n');
    await soon(() => engine.machines[0]?.state === 'running');
    terminal.stdin.write('ls\n');
    await soon(() => (engine.machines[0]?.inputs.length ?? 0) > 0);
    expect(engine.machines[0]?.inputs).toEqual([{ kind: 'serial', bytes: new Uint8Array(Buffer.from('ls\n')) }]);
    terminal.signal('SIGTERM');
    expect(await ended).toBe(143);
  });

  it('writes COM1 to a file', async () => {
    const { call, asm, folder } = await open((machine) => {
      machine.say('to the file');
      machine.become('off', 'x');
    });
    const path = join(folder, 'com1.txt');
    expect((await call('run', '--asm', asm, '--serial', path)).out).toBe('');
    expect(await readFile(path, 'utf8')).toBe('to the file');
    expect(await call('run', '--asm', asm, '--serial', join(folder, 'none', 'x'))).toMatchObject({
      status: 2,
      err: expect.stringContaining('does not exist'),
    });
  });

  it('offers COM1 on a loopback port, with what was said before', async () => {
    const { begin, asm, engine } = await open((machine) => machine.say('early '));
    const { terminal, ended } = begin('run', '--asm', asm, '--serial', 'tcp:0');
    await soon(() => engine.machines[0]?.state === 'running');
    const port = Number(/127\.0\.0\.1:(\d+)/.exec(terminal.err)?.[1]);
    const client = connect(port, '127.0.0.1');
    let heard = '';
    client.on('data', (bytes) => (heard += bytes.toString()));
    client.write('in');
    await soon(() => heard === 'early ' && engine.machines[0]?.inputs.length === 1);
    engine.machines[0]?.say('late');
    await soon(() => heard === 'early late');
    terminal.signal('SIGINT');
    expect(await ended).toBe(130);
  });

  it('reports the errors of a source and runs nothing', async () => {
    const { call, folder, engine } = await open();
    const path = join(folder, 'bad.asm');
    await writeFile(path, 'nop\nerror\n');
    expect(await call('run', '--asm', path)).toEqual({
      status: 2,
      out: '',
      err: 'vitrine: The source has 1 error:\nbad.asm:2:1: That is wrong.\n',
    });
    expect(engine.machines).toEqual([]);
  });

  it('knows the keys that a shell cannot type', () => {
    expect(unescape('dir\\n\\t\\e\\\\n')).toBe('dir\n\t\u001b\\n');
  });
});

describe('the library by the command line', () => {
  it('creates a machine with drives, each with the format it was found to have', async () => {
    const { call, folder, library } = await open();
    await writeFile(join(folder, 'disk.img'), new Uint8Array(1024 * 1024));
    expect(await call('create', 'Box', '--disk', join(folder, 'disk.img'), '--blank', '1G', '--bios', 'own')).toMatchObject({
      status: 0,
      err: '',
    });
    expect(JSON.parse(await readFile(join(library, 'box', 'machine.json'), 'utf8'))).toMatchObject({
      boot: { kind: 'own-bios' },
      drives: [
        { kind: 'disk', file: 'disk.img', format: 'raw' },
        { kind: 'disk', file: 'disk.qcow2', format: 'qcow2' },
      ],
    });
  });

  it('lists, creates and deletes', async () => {
    const { call, asm, library } = await open();
    expect((await call('list')).out).toMatch(
      /^MACHINE +STATE +MEMORY +NAME\nhello +off +16 MiB +Hello \(assembly: hello\.asm\)\n$/,
    );
    expect(await call('create', 'My guest', '--asm', asm, '--memory', '8M')).toEqual({
      status: 0,
      err: '',
      out: `my-guest was made in ${join(library, 'my-guest')}.\n`,
    });
    expect(JSON.parse((await call('list', '--json')).out)).toMatchObject([
      { id: 'hello' },
      { id: 'my-guest', memoryBytes: 8 * 1024 * 1024 },
    ]);
    expect((await call('clone', 'my-guest', 'Second')).out).toBe(`second was made in ${join(library, 'second')}.\n`);
    expect((await call('clone', 'nowhere')).status).toBe(2);
    expect(await call('clone', 'my-guest', '--linked')).toMatchObject({
      status: 2,
      err: 'vitrine: My guest has no hard disk in its folder that a clone could be linked to. Make a full clone.\n',
    });
    await call('create', 'Base', '--blank', '4M');
    expect((await call('clone', 'base', 'Linked', '--linked')).out).toContain('linked was made in');
    expect((await call('delete', 'base', '--disks')).err).toContain('The linked clone Linked needs its disks.');
    for (const id of ['linked', 'base']) expect((await call('delete', id, '--disks')).status).toBe(0);
    expect((await call('delete', 'second', '--disks')).status).toBe(0);
    expect((await call('delete', 'my-guest', '--dry-run')).out).toMatch(/^machine\.json {2}\d+ bytes\n$/);
    expect((await call('delete', 'My guest', '--disks')).out).toBe('my-guest was deleted.\n');
    expect((await call('delete', 'hello')).out).toBe(`hello was deleted. Kept in ${join(library, 'hello')}: hello.asm.\n`);
    expect((await call('list')).out).toBe(`There are no machines in ${library}.\n`);
  });

  it('runs a machine, which others then see running and can stop', async () => {
    const { begin, call, engine } = await open();
    const { terminal, ended } = begin('run', 'hello');
    await soon(() => engine.machines[0]?.state === 'running');
    expect(JSON.parse((await call('list', '--json')).out)).toMatchObject([{ id: 'hello', state: 'running' }]);
    expect(await call('run', 'hello')).toMatchObject({
      status: 1,
      err: expect.stringContaining('is in use by vitrine run (process'),
    });
    expect(await call('start', 'hello')).toMatchObject({ status: 1, err: 'vitrine: The machine is on already.\n' });
    expect(await call('stop', 'hello')).toEqual({ status: 0, out: 'hello is off.\n', err: '' });
    expect(await ended).toBe(0);
    expect(terminal.err).toBe('');
    expect(await call('stop', 'hello')).toMatchObject({
      status: 1,
      err: expect.stringMatching(/^vitrine: hello is not on: no program has the library/),
    });
  });

  it('serves it, and starts and stops machines in the server', async () => {
    const { begin, call, library } = await open();
    const { terminal, ended } = begin('serve', '--json');
    await soon(() => terminal.out.endsWith('\n'));
    const { url } = JSON.parse(terminal.out) as { url: string };
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/#token=[\w-]{43}$/);
    expect(await call('start', 'hello')).toEqual({ status: 0, out: 'hello is running in vitrine serve.\n', err: '' });
    expect(JSON.parse((await call('stop', 'hello', '--json')).out)).toMatchObject({ id: 'hello', state: 'off' });
    expect(await call('serve')).toMatchObject({
      status: 1,
      err: expect.stringContaining(`The library ${library} is in use by vitrine serve`),
    });
    terminal.signal('SIGINT');
    expect(await ended).toBe(0);
    expect((await call('list')).status).toBe(0);
  });

  it('shows what cannot be opened, and refuses to run it', async () => {
    const { call, library } = await open();
    await call('list');
    await writeFile(join(library, 'hello', 'machine.json'), '{"version": 99}');
    expect((await call('list')).out).toMatch(
      /hello +unreadable +machine\.json cannot be opened: it was written by a newer Vitrine/,
    );
    expect(await call('run', 'hello')).toMatchObject({
      status: 2,
      err: expect.stringMatching(/^vitrine: hello: machine\.json cannot be opened/),
    });
  });
});

describe('asm and disasm', () => {
  it('write the binary and the listing, and print errors with their places', async () => {
    const { call, asm, folder } = await open();
    expect(await call('asm', asm, '-l', join(folder, 'guest.lst'))).toEqual({ status: 0, out: '', err: '' });
    expect([...(await readFile(join(folder, 'guest.bin')))]).toEqual([0xeb, 0xfe]);
    expect(await readFile(join(folder, 'guest.lst'), 'utf8')).toContain('EBFE');
    const bad = join(folder, 'bad.asm');
    await writeFile(bad, 'error\n'.repeat(100));
    const { status, err } = await call('asm', bad);
    expect(status).toBe(2);
    expect(err.trimEnd().split('\n')).toHaveLength(101);
    expect(err).toContain(`vitrine: ${bad} has 100 errors; nothing was written.`);
    const json = await call('asm', bad, '--json');
    expect((JSON.parse(json.out) as { diagnostics: unknown[] }).diagnostics).toHaveLength(100);
    expect(await call('disasm', join(folder, 'guest.bin'), '--org', '7c00h')).toMatchObject({
      status: 0,
      out: '00007c00  ebfe                  bytes\n',
    });
  });
});

describe('doctor', () => {
  it('checks what there is, and fails when something is bad', async () => {
    const { call } = await open();
    const { status, out } = await call('doctor', '--json');
    const results = JSON.parse(out) as { id: string; outcome: string; fixes: string[] }[];
    expect(results.find(({ id }) => id === 'node-version')?.outcome).toBe('good');
    const workers = results.find(({ id }) => id === 'engine-workers');
    expect(workers).toMatchObject({ outcome: 'bad', fixes: ['Build Vitrine (npm start does).'] });
    expect(status).toBe(1);
  });
});
