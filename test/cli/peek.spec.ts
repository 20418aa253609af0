/** vitrine peek on the sample kernel, in a server of its own. */
import { writeFile } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CommandLine } from './vitrine.ts';

let vitrine: CommandLine;
let server: ReturnType<CommandLine['begin']>;

beforeAll(async () => {
  vitrine = await CommandLine.open();
  server = vitrine.begin('serve', '--json');
  for (let round = 0; round < 400 && !server.said.out.includes('\n'); round++) await wait(50);
  expect((await vitrine.run('start', 'lantern')).status).toBe(0);
  // Until the kernel has set up its tables and stands in its shell.
  await writeFile(vitrine.at('shell.script'), "wait-serial 'lantern:/# $' timeout 50s\nassert cr0 & 0x80000000\n");
  expect(await vitrine.run('script', 'lantern', vitrine.at('shell.script'))).toEqual({ status: 0, out: '', err: '' });
}, 60_000);
afterAll(async () => {
  server.child.kill('SIGKILL');
  await server.ended;
  await vitrine.close();
});

async function peek(...words: string[]): Promise<string> {
  const { status, out, err } = await vitrine.run('peek', 'lantern', ...words);
  expect(err).toBe('');
  expect(status).toBe(0);
  return out;
}

describe('vitrine peek', () => {
  it('reads memory as the processor sees it, physically, and as text', async () => {
    // The Multiboot header of the kernel, which is mapped where it lies, and again at 0xc0000000.
    const linear = await peek('0x100000', '--length', '32');
    expect(linear).toMatch(/^00100000 {2}([0-9a-f]{2} ){16} .{16}\n00100010 {2}/);
    expect((await peek('0xc0100000', '--length', '32')).replaceAll('c01', '001')).toBe(linear);
    expect(await peek('0x100000', '--length', '32', '--physical')).toBe(linear);
    expect(await peek('0x100000', '--length', '32', '--segment', 'ds')).toBe(linear);
    const address = (JSON.parse(await peek('name_gp', '--json')) as { number: number }).number;
    expect(await peek(String(address), '--format', 'string')).toBe('general protection\n');
  });

  it('says what cannot be read, and shows what could', async () => {
    const ended = await vitrine.run('peek', 'lantern', '0xfff', '--length', '4');
    expect(ended).toMatchObject({ status: 1, out: '' });
    expect(ended.err).toBe('vitrine: 0 of 4 bytes were read; then #PF(0x0) at linear 0xfff: not present.\n');
    const json = JSON.parse(await peek('0x201ffe', '--length', '4', '--json')) as { bytes: string; fault: unknown };
    expect(json).toMatchObject({
      complete: false,
      bytes: expect.stringMatching(/^[0-9a-f]{4}$/),
      fault: { vector: 14, code: 0, address: 0x202000 },
    });
  });

  it('shows the processor’s tables, the kernel’s own, and what a file describes', async () => {
    const gdt = await peek('--profile', 'descriptor-tables', 'GDT');
    expect(gdt).toContain('# null: loading it gives #GP');
    expect(gdt).toContain('# 32-bit code, readable, base 0x0, limit 0xffffffff, DPL 0');
    expect(gdt).toContain('not present: using it gives #NP');
    expect(await peek('--profile', 'lantern', 'Exception names', '--limit', '2')).toContain('"divide error"');
    await writeFile(vitrine.at('lantern.h'), 'struct pointer packed { u16 limit; u32 base; };');
    expect(await peek('gdt_pointer', '--types', vitrine.at('lantern.h'), '--type', 'struct pointer')).toMatch(
      /limit = 31 \(0x1f\)\n {2}base = \d+/,
    );
    expect(await peek('(struct pointer)gdt_pointer', '--types', vitrine.at('lantern.h'), '--frozen', '--json')).toContain(
      '"name":"limit"',
    );
  });

  it('walks the page tables to a byte, and back to every address that leads there', async () => {
    const walk = await peek('0xc0100004', '--walk');
    expect(walk).toMatch(
      /^linear c0100004, 32-bit paging, cr3 [0-9a-f]{8}\n {2}Directory\[768\] at [0-9a-f]{8}: [0-9a-f]{8} {2}P /,
    );
    expect(walk).toContain('physical 00100004\n00100004  ');
    expect(await peek('0xfff', '--walk')).toContain('Bit 0, present, of the page-table entry is clear.');
    const json = JSON.parse(await peek('name_gp', '--walk', '--json')) as { physical: number; entries: { value: string }[] };
    expect(json.entries.every(({ value }) => /^0x[0-9a-f]+$/.test(value))).toBe(true);
    // The kernel is mapped where it lies, and again at 0xc0000000.
    const mappings = await peek('0x100004', '--mappings');
    expect(mappings).toMatch(/^00100000 {2}in a page of \d+ KiB, .*\nc0100000 {2}in a page of \d+ KiB, .*\n$/);
    const root = JSON.parse(await peek('$cr3', '--json')) as { number: number };
    expect(await peek('0x100004', '--mappings', '--cr3', String(root.number))).toBe(mappings);
    expect(await peek('0xfee00000', '--mappings')).toMatch(/^No linear address leads there \(32-bit paging/);
    expect((await vitrine.run('peek', 'lantern', '0', '--walk', '--physical')).err).toContain('without --physical');
  });

  it('tells what the chips do, all or one', async () => {
    const pic = await peek('pic', '--devices');
    expect(pic).toMatch(/^pic: 8259 interrupt controllers \(ports 20, a0, 4d0\)\n/);
    expect(pic).toMatch(/\n {4}Vectors +20-27 +28-2f\n/);
    const all = JSON.parse(await peek('--devices', '--json')) as { id: string }[];
    expect(all.map(({ id }) => id)).toContain('lapic0');
    expect((await vitrine.run('peek', 'lantern', 'toaster', '--devices')).err).toContain('There is no device toaster; there are lapic0, pic');
  });

  it('refuses what makes no sense with a sentence', async () => {
    const refused = async (...words: string[]) => (await vitrine.run('peek', 'lantern', ...words)).err;
    expect(await refused('nothing')).toMatch(/^vitrine: nothing, column 1: There is no symbol nothing/);
    expect(await refused('0x1000', '--cpu', '7')).toBe('vitrine: There is no virtual CPU 7; the machine has only number 0.\n');
    expect(await refused('0x1000', '--physical', '--cr3', '0')).toContain('only one can be given');
    expect(await refused('0x1000', '--profile', 'none')).toContain('There is no profile none; there are descriptor-tables');
    expect(await refused('0x100000000')).toContain('0x100000000 is not an address of 32 bits.');
    await writeFile(vitrine.at('bad.h'), 'struct a {\n  int x\n};');
    expect(await refused('x', '--types', vitrine.at('bad.h'))).toMatch(
      /bad\.h:3:1: ";" is missing behind a member, where "}" stands\.\n$/,
    );
  });
});
