/** Scripts with the real engine: a small guest of this run, and a machine of a server. */
import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CommandLine } from './vitrine.ts';

let line: CommandLine;
beforeAll(async () => {
  line = await CommandLine.open();
});
afterAll(() => line.close());

/** Writes "up" to COM1 and the screen, counts keys, says each one's code, and exits at 7 by port 0xF4 for Escape. */
const guest = `bits 16
org 0x7c00
start:
  xor ax, ax
  mov ds, ax
  mov ss, ax
  mov sp, 0x7c00
  mov ax, 0xb800
  mov es, ax
  mov dword [es:0], 0x0770_0775
  mov dx, 0x3f8
  mov al, 'u'
  out dx, al
  mov al, 'p'
  out dx, al
  mov al, 10
  out dx, al
again:
  in al, 0x64
  test al, 1
  jz again
  in al, 0x60
  test al, 0x80
  jnz again
key:
  inc word [count]
  cmp al, 1
  je leave
  mov dx, 0x3f8
  mov al, 'k'
  out dx, al
  mov al, 10
  out dx, al
  jmp again
leave:
  mov al, 3
  out 0xf4, al
  hlt
count: dw 0
`;

async function file(name: string, text: string): Promise<string> {
  await writeFile(line.at(name), text);
  return line.at(name);
}

describe('a script', () => {
  it('follows a guest from its first instruction to its end', async () => {
    const asm = await file('guest.asm', guest);
    const steps = `
wait-stop
assert cs == 0 && eip == start && word[count] == 0
break execute again temporary
continue
wait-stop
assert pc == again && al == 10
continue
wait-serial '^up$'
wait-screen '^up'
break execute key if word[count] == 1
type a
wait-serial '^k$'
keys b
wait-stop
assert al == 0x30 && word[count] == 1 && zf == 1
peek count
screenshot ${line.at('guest.png')}
continue
keys esc
wait-off
`;
    const script = await file('guest.script', steps);
    const { status, out, err } = await line.run('run', '--asm', asm, '--paused', '--script', script, '--timeout', '50');
    // The guest's own end counts, and the last step is not reached.
    expect({ status, err }).toEqual({
      status: 7,
      err: expect.stringMatching(/guest\.script:\d+: \S+[^\n]*: The run ended before this was done\.\n$/) as string,
    });
    expect(out).toMatch(/^up\nk\n.*count/s);
    expect((await readFile(line.at('guest.png'))).subarray(1, 4).toString()).toBe('PNG');
  });

  it('tells what there was instead', async () => {
    const asm = await file('wrong.asm', guest);
    const script = await file('wrong.script', 'wait-serial up\nassert word[count] + 1 == 3\n');
    const { status, err } = await line.run('run', '--asm', asm, '--script', script);
    expect(status).toBe(1);
    expect(err).toMatch(/wrong\.script:2: assert word\[count\] \+ 1 == 3: It does not hold\.\n {2}\| word\[count\] is 0x0\n$/);
  });

  it('takes a machine of a server to its end', async () => {
    const server = line.begin('serve', '--json');
    try {
      await expect.poll(() => server.said.out, { timeout: 20_000 }).toContain('\n');
      expect((await line.run('start', 'lantern')).status).toBe(0);
      const steps = `
wait-serial 'lantern:/# $'
assert cr0 >> 31 == 1
profile lantern
peek name_gp
send 'sieve 100000\\n'
wait-serial '9592 primes'
wait-screen '9592 primes'
send 'off\\n'
wait-off
`;
      const script = await file('lantern.script', steps);
      const { status, out, err } = await line.run('script', 'lantern', script, '--json');
      expect({ status, err }).toEqual({ status: 0, err: '' });
      expect(
        out
          .trimEnd()
          .split('\n')
          .map((text) => (JSON.parse(text) as { ok: boolean }).ok),
      ).toEqual(new Array(8).fill(true));
    } finally {
      server.child.kill('SIGKILL');
      await server.ended;
    }
  });
});
