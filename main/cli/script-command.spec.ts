import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { fakeEngine, temporaryFolder } from '../host/testing/fake-engine.ts';
import type { FakeMachine } from '../host/testing/fake-machine.ts';
import { fakeCommandLine } from './testing/fake-command-line.ts';

/** Runs a script with a machine whose guest a test plays; `run` is a machine of this process, `script` one of another. */
async function open(guest?: (machine: FakeMachine) => void) {
  const folder = await temporaryFolder(onTestFinished);
  const engine = fakeEngine(guest);
  const line = await fakeCommandLine(folder, engine);
  const asm = join(folder, 'guest.asm');
  await writeFile(asm, 'jmp $\n');
  const file = join(folder, 'steps.script');
  const write = (text: string): Promise<void> => writeFile(file, text.replaceAll('FOLDER', folder));
  return {
    ...line,
    engine,
    folder,
    file,
    async run(text: string, ...words: string[]) {
      await write(text);
      const { status, out, err } = await line.call('run', '--asm', asm, '--script', file, ...words);
      return { status, out, err: err.replaceAll(file, 'FILE').replaceAll(folder, 'FOLDER') };
    },
    /** With a machine of the program that has the library open. */
    async script(text: string, ...words: string[]) {
      await write(text);
      const server = line.begin('run', 'hello');
      await expect.poll(() => engine.machines.at(-1)?.state, { timeout: 5000, interval: 5 }).toBe('running');
      const { status, out, err } = await line.call('script', 'hello', file, ...words);
      server.terminal.signal('SIGTERM');
      await server.ended;
      return { status, out, err: err.replaceAll(file, 'FILE') };
    },
  };
}

/** The guest's answers to the steps below. */
function player(machine: FakeMachine): void {
  machine.say('boot ok\r\nlogin: ');
  machine.screen = ['C:\\>   ', ''];
  machine.debugAnswers.registers = () =>
    ({ registers: [{ name: 'eax', group: 'general', bits: 32, value: 0x1234n }], cpl: 0, pc: 0x7c00, stack: 0x7000 }) as never;
  machine.debugAnswers.readMemory = ({ length }) => ({
    bytes: new Uint8Array(length).fill(0x55),
    readable: new Uint8Array(length).fill(1),
  });
  machine.answerTool = () => [{ kind: 'value', node: { name: 'ticks', type: 'u32', value: '7', number: 7 } }];
}

const everything = `
wait-serial '^boot ok$'
wait-serial login:
wait-screen 'C:.>$'   # as --until-screen does
type 'a\\n'
keys ctrl+c
send 'off\\n'
wait 1ms
screenshot FOLDER/last.png
break execute 0x7c00
assert ah == 0x12 && al == 0x34 && word[0x600] == 0x5555
peek ticks
`;

describe.each(['run', 'script'] as const)('a script by “%s”', (by) => {
  it('takes its steps one after the other', async () => {
    const opened = await open(player);
    const { status, out, err } = await opened[by](everything);
    expect({ status, err }).toEqual({ status: 0, err: '' });
    expect(out).toContain('ticks = 7\n');
    expect(opened.engine.machines[0]?.inputs).toEqual([
      { kind: 'scancodes', bytes: [0x1e, 0x9e] },
      { kind: 'scancodes', bytes: [0x1c, 0x9c] },
      { kind: 'scancodes', bytes: [0x1d, 0x2e, 0xae, 0x9d] },
      { kind: 'serial', bytes: new Uint8Array(Buffer.from('off\r')) },
    ]);
    expect((await readFile(join(opened.folder, 'last.png'))).subarray(1, 4).toString()).toBe('PNG');
  });

  it('tells each step as a line of JSON', async () => {
    const { out } = await (await open(player))[by](everything, '--json');
    const lines = out
      .split('\n')
      .flatMap((text) => (text.startsWith('{"line"') ? [JSON.parse(text) as Record<string, unknown>] : []));
    expect(lines.map(({ line, step, ok }) => [line, step, ok])).toEqual([
      [2, 'wait-serial', true],
      [3, 'wait-serial', true],
      [4, 'wait-screen', true],
      [5, 'type', true],
      [6, 'keys', true],
      [7, 'send', true],
      [8, 'wait', true],
      [9, 'screenshot', true],
      [10, 'break', true],
      [11, 'assert', true],
      [12, 'peek', true],
    ]);
    expect(lines[0]).toMatchObject({ found: 'boot ok', seconds: expect.any(Number) });
    expect(lines.at(-1)).toMatchObject({ value: { name: 'ticks', number: 7 } });
  });

  it('ends with 124 and what there was instead when a step waits in vain', async () => {
    const opened = await open(player);
    expect(await opened[by]("timeout 50ms\nwait-screen 'A:.>'\n")).toMatchObject({
      status: 124,
      err: "vitrine: FILE:2: wait-screen 'A:.>': 0.05 s were not enough. The screen shows:\n  | C:\\>\n",
    });
    expect(await opened[by]('wait-serial ok\nwait-serial ok timeout 0')).toMatchObject({
      status: 124,
      err: 'vitrine: FILE:2: wait-serial ok timeout 0: 0 s were not enough. COM1 has said since:\n  | \n  | login:\n',
    });
  });

  it('ends with 1 and the values when something does not hold', async () => {
    expect(await (await open(player))[by]('assert eax == 5 || byte[eax + 1] == 1\ntype x')).toMatchObject({
      status: 1,
      err: 'vitrine: FILE:1: assert eax == 5 || byte[eax + 1] == 1: It does not hold.\n  | eax is 0x1234\n  | byte[eax + 1] is 0x55\n',
    });
  });
});

describe('a script', () => {
  it('is checked to its end before anything runs', async () => {
    const opened = await open();
    expect(await opened.run('wait-screen a b\nscreenshot x.png\nsleep 1')).toEqual({
      status: 2,
      out: '',
      err: `vitrine: FILE:1: wait-screen takes one word, and “b” is another. Put quotes around what belongs together: wait-screen 'a b'\nFILE:3: There is no step “sleep”; did you mean wait?\n`,
    });
    expect((await opened.run('screenshot FOLDER/none/x.png')).err).toBe(
      'vitrine: FILE:1: The screenshot cannot go to FOLDER/none/x.png: there is no folder FOLDER/none.\n',
    );
    expect(opened.engine.machines).toEqual([]);
    expect(await opened.call('run', 'hello', '--script', 'none.script')).toMatchObject({
      status: 2,
      err: expect.stringContaining('none.script does not exist'),
    });
    expect(await opened.call('run', 'hello', '--script', 'x', '--type', 'y')).toMatchObject({
      status: 2,
      err: expect.stringContaining('--script goes with none of'),
    });
  });

  it('sets breakpoints before the first instruction, and goes on from them', async () => {
    const opened = await open((machine) => {
      const resume = machine.resume.bind(machine);
      machine.resume = async () => {
        await resume();
        const hit = {
          id: 1,
          watched: { kind: 'execute', space: 'linear', address: 0x7c00 },
          at: 0x7c00,
          write: undefined,
          value: undefined,
          before: undefined,
          from: undefined,
          problem: undefined,
        } as const;
        machine.become('paused', 'A breakpoint.');
        machine.emit({ kind: 'debug', event: { kind: 'stopped', cause: { kind: 'breakpoint', cpu: 0, hits: [hit] } } });
      };
    });
    const text = 'break execute 0x7c00\ncontinue\nwait-stop\ncontinue\nwait-stop\n';
    const { status, out, err } = await opened.run(text, '--paused', '--json');
    expect({ status, err }).toEqual({ status: 0, err: '' });
    expect(out).toContain('"hits":[{"id":1,"text":"Reached 0x7c00"');
    expect((await opened.run('continue')).err).toBe(
      'vitrine: FILE:1: continue: The machine does not stand still; wait-stop waits until it does.\n',
    );
  });

  it('may wait for the end of the machine, and fails when that comes too early', async () => {
    const opened = await open((machine) => setTimeout(() => machine.become('off', 'The guest powered off.'), 30));
    expect(await opened.run('wait-off')).toEqual({ status: 0, out: '', err: '' });
    expect(await opened.run('wait-serial never')).toMatchObject({
      status: 1,
      err: 'vitrine: FILE:1: wait-serial never: The machine is off (The guest powered off). COM1 has said nothing since.\n',
    });
  });

  it('ends with what ends the run', async () => {
    const opened = await open((machine) => setTimeout(() => machine.emit({ kind: 'debugExit', value: 3 }), 30));
    expect(await opened.run('wait 1m\nwait-off')).toEqual({
      status: 7,
      out: '',
      err: 'vitrine: FILE:1: wait 1m: The run ended before this was done.\n',
    });
    expect(await (await open()).run('wait-off', '--timeout', '0.05')).toMatchObject({ status: 124 });
  });
});
