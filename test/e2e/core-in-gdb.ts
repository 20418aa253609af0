/** A core in this computer's gdb, against what the app says of the machine. */
import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import { expect } from 'vitest';
import { askHost } from './host-client.ts';

export const hasGdb = spawnSync('gdb', ['--version']).error === undefined;

const NAMES = {
  rax: 'eax',
  rbx: 'ebx',
  rcx: 'ecx',
  rdx: 'edx',
  rsi: 'esi',
  rdi: 'edi',
  rbp: 'ebp',
  rsp: 'esp',
  rip: 'eip',
  eflags: 'eflags',
  cs: 'cs',
  ss: 'ss',
  ds: 'ds',
  es: 'es',
};

/** Registers of vCPU 0, and memory at its next instruction and on its stack, are the same in both. The machine stands still. */
export async function expectEqualInGdb(library: string, id: string, core: string): Promise<void> {
  const { registers, stack, pc } = await askHost(library, (client) => client.debug.registers({ id, cpu: 0 }));
  const read = async (address: number) => {
    const { bytes } = await askHost(library, (client) =>
      client.peek.read({ id, space: { kind: 'linear' }, operation: { kind: 'read', address, length: 64 } }),
    );
    expect(bytes).toHaveLength(64);
    return [...bytes].map((byte) => `0x${byte.toString(16).padStart(2, '0')}`);
  };
  const commands = [`info registers ${Object.keys(NAMES).join(' ')}`, `x/64xb ${pc}`, `x/64xb ${stack}`];
  const words = commands.flatMap((command) => ['-ex', command]);
  const { stdout } = await promisify(execFile)('gdb', ['-nx', '-batch', '-c', core, ...words]);
  for (const [theirs, ours] of Object.entries(NAMES)) {
    const value = registers.find(({ name }) => name === ours)?.value ?? -1n;
    expect(new RegExp(`^${theirs}\\s+0x([0-9a-f]+)\\s`, 'mu').exec(stdout)?.[1], theirs).toBe(value.toString(16));
  }
  const shown = stdout
    .split('\n')
    .filter((line) => /^0x[^:]*:/u.test(line))
    .flatMap((line) =>
      line
        .replace(/^[^:]*:\s*/u, '')
        .trim()
        .split(/\s+/u),
    );
  expect(shown).toEqual([...(await read(pc)), ...(await read(stack))]);
}
