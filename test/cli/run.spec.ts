import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CommandLine } from './vitrine.ts';

let line: CommandLine;
beforeAll(async () => {
  line = await CommandLine.open();
});
afterAll(() => line.close());

/** A boot sector that does `body` and then halts for good. */
async function guest(name: string, body: string): Promise<string> {
  const source = `bits 16\norg 0x7c00\nstart:\n  xor ax, ax\n  mov ds, ax\n  mov ss, ax\n  mov sp, 0x7c00\n${body}\nhang:\n  cli\n  hlt\n  jmp hang\n`;
  await writeFile(line.at(name), source);
  return line.at(name);
}

/** Writes a text to a port, a byte at a time. */
function print(port: string, text: string): string {
  const bytes = [...Buffer.from(text)].join(', ');
  return `  mov dx, ${port}\n  mov si, text\n  mov cx, text_end - text\nnext:\n  lodsb\n  out dx, al\n  loop next\n  jmp done\ntext: db ${bytes}\ntext_end:\ndone:\n`;
}

describe('vitrine run, with the real engine', () => {
  it('prints COM1 and ends when it has said what was waited for', async () => {
    const asm = await guest('serial.asm', print('0x3f8', 'guest is up\n'));
    expect(await line.run('run', '--asm', asm, '--until-serial', 'is up', '--timeout', '20')).toEqual({ status: 0, out: 'guest is up\n', err: '' });
  });

  it('prints port 0xE9 to stderr', async () => {
    const asm = await guest('debug.asm', `${print('0xe9', 'debugging\n')}  mov al, 0\n  out 0xf4, al\n`);
    expect(await line.run('run', '--asm', asm, '--timeout', '20')).toEqual({ status: 1, out: '', err: 'debugging\n' });
  });

  it('ends with (v<<1)|1 for v at port 0xF4', async () => {
    const asm = await guest('exit.asm', '  mov al, 21\n  out 0xf4, al\n');
    expect((await line.run('run', '--asm', asm, '--timeout', '20')).status).toBe(43);
  });

  it('ends with 124 when the time is up, and counts what was done', async () => {
    const asm = await guest('loop.asm', 'again:\n  jmp again\n');
    const { status, out } = await line.run('run', '--asm', asm, '--timeout', '5', '--stats');
    expect(status).toBe(124);
    const statistics = JSON.parse(out) as { instructions: number; vcpus: unknown[] };
    expect(statistics.instructions).toBeGreaterThan(1000);
    expect(statistics.vcpus).toHaveLength(1);
  });

  it('waits for the screen, types, and takes its picture', async () => {
    const { status } = await line.run('run', 'hello', '--type', 'vitrine', '--until-screen', 'vitrine', '--timeout', '20', '--screenshot', line.at('hello.png'));
    expect(status).toBe(0);
    expect([...(await readFile(line.at('hello.png'))).subarray(0, 4)]).toEqual([0x89, 0x50, 0x4e, 0x47]);
  });

  it('ends cleanly at Ctrl-C', async () => {
    const asm = await guest('forever.asm', `${print('0x3f8', 'on\n')}again:\n  jmp again\n`);
    const { child, said, ended } = line.begin('run', '--asm', asm);
    await expect.poll(() => said.out, { timeout: 20_000 }).toBe('on\n');
    child.kill('SIGINT');
    expect(await ended).toMatchObject({ status: 130, err: '' });
  });

  it('names the place of a triple fault', async () => {
    const asm = await guest('triple.asm', '  lidt [none]\n  int3\nnone: dw 0\n  dd 0\n');
    const { child, said, ended } = line.begin('run', '--asm', asm);
    await expect.poll(() => said.err, { timeout: 20_000 }).toMatch(/^vitrine: Triple fault: vector /);
    child.kill('SIGINT');
    expect(await ended).toMatchObject({ status: 130 });
  });

  it('survives a guest that writes garbage to every port but those that end it', async () => {
    const asm = await guest(
      'garbage.asm',
      '  mov bx, 1\nround:\n  xor dx, dx\nport:\n  cmp dx, 0xf4\n  je skip\n  cmp dx, 0x64\n  je skip\n  cmp dx, 0x92\n  je skip\n  cmp dx, 0xcf9\n  je skip\n  mov ax, dx\n  xor ax, 0xa5a5\n  out dx, al\n  out dx, ax\n  in al, dx\nskip:\n  inc dx\n  jnz port\n  dec bx\n  jnz round\n  mov al, 7\n  out 0xf4, al\n',
    );
    const { status, err } = await line.run('run', '--asm', asm, '--serial', line.at('garbage.txt'), '--timeout', '6');
    // The guest may switch itself off or fault on the way; the host must neither fail nor hang.
    expect([0, 1, 15, 124]).toContain(status);
    expect(err).not.toMatch(/^\s+at /m);
  });
});
