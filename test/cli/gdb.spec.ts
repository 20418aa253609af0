/** `vitrine gdb` and `vitrine run --gdb` as a person has them, with real gdb where it is installed. */
import { execFile, spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CommandLine } from './vitrine.ts';

const gdb = spawnSync('gdb', ['--version']).error === undefined;

let line: CommandLine;
const begun: ReturnType<CommandLine['begin']>[] = [];
beforeAll(async () => {
  line = await CommandLine.open();
  await writeFile(line.at('guest.asm'), 'org 0x7c00\ncli\nagain: inc ax\nplace: nop\njmp again\n');
});
afterEach(async () => {
  for (const { child, ended } of begun.splice(0)) {
    child.kill('SIGTERM');
    await ended;
  }
});
afterAll(() => line.close());

async function said(of: ReturnType<CommandLine['begin']>, pattern: RegExp): Promise<string> {
  for (;;) {
    const found = pattern.exec(of.said.out + of.said.err);
    if (found?.[1] !== undefined) return found[1];
    if (of.child.exitCode !== null) throw new Error(`It ended: ${of.said.err}`);
    await wait(50);
  }
}

async function attach(port: string, ...commands: string[]): Promise<string> {
  const words = [`target remote 127.0.0.1:${port}`, ...commands].flatMap((command) => ['-ex', command]);
  const { stdout, stderr } = await promisify(execFile)('gdb', ['-nx', '-batch', ...words]);
  return stdout + stderr;
}

describe.skipIf(!gdb)('real gdb', () => {
  it('attaches before the first instruction of vitrine run, and its kill ends the run', async () => {
    const run = line.begin('run', '--asm', line.at('guest.asm'), '--gdb', '0', '--paused');
    begun.push(run);
    const port = await said(run, /target remote 127\.0\.0\.1:(\d+)/u);
    const output = await attach(port, 'p/x $eip', 'break *0x7c02', 'continue', 'continue', 'p $ax', 'kill');
    expect(output).toContain('$1 = 0x7c00');
    expect(output).toMatch(/Breakpoint 1, 0x00007c02/u);
    expect(output).toContain('$2 = 2');
    expect((await run.ended).status).toBe(0);
  });

  it('attaches to a machine of a server at the port that vitrine gdb names', async () => {
    const server = line.begin('serve', '--json');
    begun.push(server);
    await said(server, /(\n)/u);
    expect((await line.run('gdb', 'hello')).err).toContain('The machine is off; start it first.');
    expect((await line.run('start', 'hello')).status).toBe(0);
    const named = await line.run('gdb', 'hello');
    expect(named.out).toContain('miDebuggerServerAddress');
    const port = /target remote 127\.0\.0\.1:(\d+)/u.exec(named.out)?.[1] ?? '';
    expect(JSON.parse((await line.run('gdb', 'hello', '--json')).out)).toMatchObject({ port: Number(port), attached: false });
    expect(await attach(port, 'info registers cs', 'monitor info status')).toContain('The machine Hello is paused.');
    expect((await line.run('gdb', 'hello', '--stop')).out).toBe('gdb can no longer attach to hello.\n');
  });
});

describe('a port', () => {
  it('that is none, or that another program has, is refused with a sentence', async () => {
    expect((await line.run('run', '--asm', line.at('guest.asm'), '--gdb', '99999')).err).toContain(
      'a port from 0 (any that is free) to 65535, not 99999.',
    );
    const run = line.begin('run', '--asm', line.at('guest.asm'), '--gdb', '0');
    begun.push(run);
    const port = await said(run, /target remote 127\.0\.0\.1:(\d+)/u);
    const second = await line.run('run', '--asm', line.at('guest.asm'), '--gdb', port);
    expect(second).toMatchObject({
      status: 2,
      err: `vitrine: Port ${port} is in use by another program; choose another one for gdb.\n`,
    });
  });
});
