import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { withMachine } from './boot-machine.ts';

const guests = new URL('../../assets/guests/', import.meta.url).pathname;

function assemble(file: string): Uint8Array {
  const directory = mkdtempSync(join(tmpdir(), 'vitrine-guest-'));
  try {
    const output = join(directory, 'image');
    execFileSync('nasm', ['-f', 'bin', '-o', output, file], { cwd: guests });
    return new Uint8Array(readFileSync(output));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const keyMakeCodes: Record<string, number> = { h: 0x23, i: 0x17, '\r': 0x1c };

describe.skipIf(spawnSync('nasm', ['-v']).status !== 0)('our guests', { timeout: 90_000 }, () => {
  it('hello greets, and echoes keys and the serial line', async () => {
    await withMachine({ kind: 'boot-sector', image: assemble('hello.asm') }, 16, async (guest) => {
      await guest.until('the prompt', () => guest.serial().includes('> '), 40);
      expect(await guest.screen()).toContain('Hello from 0000:7C00.');
      for (const key of 'hi\r') {
        const make = keyMakeCodes[key] ?? 0;
        await guest.machine.input({ kind: 'scancodes', bytes: [make, make | 0x80] });
      }
      await guest.until('the echo', () => guest.serial().includes('> hi\r\n> '), 20);
      expect(await guest.screen()).toMatch(/^ {2}> hi *$/m);
      await guest.machine.input({ kind: 'serial', bytes: new TextEncoder().encode('serial') });
      await guest.until('the other echo', () => guest.serial().endsWith('> serial'), 20);
      expect(await guest.screen()).toMatch(/^ {2}> serial *$/m);
    });
  });

  it('smm-lab has all processors take SMIs, and no thief gets at SMRAM', async () => {
    await withMachine(
      { kind: 'kernel', image: assemble('smm-lab.asm') },
      16,
      async (guest) => {
        // Of whole lines: the newest may be on its way.
        const last = () =>
          [...guest.serial().matchAll(/(\d+) processors, (\d+) of (\d+) SMIs taken, (\d+) leaks, (\d+) loads[^\n]*\n/g)]
            .at(-1)
            ?.slice(1, 6)
            .map(Number);
        await guest.until('a hundred SMIs', () => (last()?.[1] ?? 0) > 100, 80);
        const [processors, taken = 0, sent = 0, leaks, loads = 0] = last() ?? [];
        expect([processors, leaks]).toEqual([4, 0]);
        expect(taken).toBeLessThanOrEqual(sent);
        expect(loads).toBeGreaterThan(0);
        expect(guest.serial()).toMatch(/us, locked\r\n/);
        expect(await guest.screen()).toMatch(/nobody outside of SMM has seen, changed or executed a byte of SMRAM/);
        // The thieves halt: a parked processor counts as stopped without being woken.
        await guest.machine.input({ kind: 'scancodes', bytes: [0x14, 0x94] });
        const before = last()?.[1] ?? 0;
        await guest.until('more SMIs', () => (last()?.[1] ?? 0) > before + 50, 60);
        await guest.machine.input({ kind: 'scancodes', bytes: [0x10, 0x90] });
        await guest.until('power-off', () => guest.machine.state === 'off', 30);
      },
      { cpus: 4 },
    );
  });

  it('lantern walks its page tables, reports faults, and switches the machine off', async () => {
    await withMachine({ kind: 'kernel', image: assemble('lantern.asm') }, 64, async (guest) => {
      const prompt = 'lantern:/# ';
      const command = async (text: string) => {
        const before = guest.serial().length;
        await guest.machine.input({ kind: 'serial', bytes: new TextEncoder().encode(`${text}\r`) });
        await guest.until(`the answer to ${text}`, () => guest.serial().slice(before).endsWith(prompt), 20);
        return guest.serial().slice(before);
      };
      await guest.until('the shell', () => guest.serial().endsWith(prompt), 40);
      expect(guest.serial()).toMatch(/1 processor, 64 MiB/);
      expect(guest.serial()).toMatch(/memory 0000000000100000-0000000003ffffff usable/);
      expect(await command('pages c0100abc')).toMatch(/pde @00200c00 = 000001[8a]1 .*physical {2}00100abc/s);
      expect(await command('pages 0')).toContain('not mapped');
      expect(await command('fault 14')).toMatch(/page fault {2}vector 14, error code 0002.*cr2 deadbeef/s);
      expect(await command('fault 0')).toContain('divide error');
      expect(await command('fault 13')).toContain('error code 7ff8');
      expect(await command('sieve 100000')).toContain('9592 primes');
      expect(await guest.screen()).toContain('9592 primes');
      await guest.machine.input({ kind: 'serial', bytes: new TextEncoder().encode('off\r') });
      await guest.until('power-off', () => guest.machine.state === 'off', 20);
    });
  });
});
