/** Cores of real machines, read by gdb and readelf where they are installed, against what our own debugger says. */
import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { debugged, type Debugged } from '../../engine/debug/testing/debugged-machine.ts';
import { physicalWindow } from '../../engine/machine/core/segments.ts';
import { physicalLayer, physicalOffset, readHeaders, readNotes } from '../../engine/machine/core/testing/read-core.ts';
import { MachineError } from '../../engine/machine/machine.ts';

const isThere = (program: string): boolean => spawnSync(program, ['--version']).error === undefined;
const run = promisify(execFile);

/** Real mode, with something in the x87. */
const realMode = `org 0x7c00
bits 16
start: cli
  mov ax, 0x1234
  mov ds, ax
  mov eax, 0xcafebabe
  fninit
  fldpi
here: jmp here
`;

/** Paging with a page that is mapped twice, far from where it lies. */
const paged = `org 0x7c00
bits 16
start: cli
  xor ax, ax
  mov ds, ax
  mov ss, ax
  mov sp, 0x7000
  lgdt [gdtr]
  mov eax, cr0
  or al, 1
  mov cr0, eax
  jmp 8:flat
bits 32
flat: mov ax, 16
  mov ds, ax
  mov es, ax
  mov ss, ax
  mov esp, 0x7000
  mov edi, 0x100000
  mov ecx, 0x1000
  xor eax, eax
  rep stosd
  mov dword [0x100000], 0x101003
  mov dword [0x100000 + 0xc00], 0x102003
  mov dword [0x101000 + 4 * 7], 0x7003
  mov dword [0x101000 + 4 * 6], 0x6003
  mov dword [0x101000 + 4 * 0x103], 0x103003
  mov dword [0x102000], 0x7003
  mov dword [0x102004], 0x103003
  mov eax, 0x100000
  mov cr3, eax
  mov eax, cr0
  or eax, 0x80000000
  mov cr0, eax
  mov dword [0xc0001010], 0x600df00d
here: jmp here
gdt: dq 0, 0x00cf9a000000ffff, 0x00cf92000000ffff
gdtr: dw 23
  dd gdt
`;

async function folder(): Promise<string> {
  const made = await mkdtemp(path.join(tmpdir(), 'vitrine-core-'));
  onTestFinished(() => rm(made, { recursive: true, force: true }));
  return made;
}

/** The guest at its label `here`, held. */
async function heldAt(text: string, options: Parameters<typeof debugged>[1] = {}): Promise<Debugged> {
  const guest = await debugged(text, options);
  onTestFinished(() => guest.machine.dispose());
  await guest.arm({ watched: { kind: 'execute', space: 'linear', address: guest.address('here') } });
  await guest.go();
  await guest.machine.hold();
  return guest;
}

async function gdb(core: string, ...commands: string[]): Promise<string> {
  const { stdout, stderr } = await run('gdb', ['-nx', '-batch', '-c', core, ...commands.flatMap((command) => ['-ex', command])], {
    maxBuffer: 1 << 24,
  });
  return stdout + stderr;
}

/** What gdb's x/xb has printed, as bytes. */
function bytesOf(output: string): number[] {
  return output
    .split('\n')
    .flatMap((line) =>
      /^0x[0-9a-f]+.*:/u.test(line)
        ? [...line.replace(/^[^:]*:/u, '').matchAll(/0x([0-9a-f]{2})\b/gu)].map(([, byte]) => parseInt(byte ?? '', 16))
        : [],
    );
}

const names = {
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
  fs: 'fs',
  gs: 'gs',
  fs_base: 'fs_base',
  gs_base: 'gs_base',
} as const;

async function compareRegisters(guest: Debugged, core: string, cpu: number): Promise<void> {
  const output = await gdb(core, `thread ${cpu + 1}`, `info registers ${Object.keys(names).join(' ')}`);
  for (const [theirs, ours] of Object.entries(names)) {
    const shown = new RegExp(`^${theirs}\\s+0x([0-9a-f]+)\\s`, 'mu').exec(output)?.[1];
    expect(shown, `${theirs} of vCPU ${cpu}`).toBe((await guest.register(ours, cpu)).toString(16));
  }
}

async function compareMemory(guest: Debugged, core: string, address: number, length: number, at = address): Promise<void> {
  const { bytes } = await guest.machine.debug('readMemory', { space: { kind: 'linear', cpu: 0 }, address, length });
  expect(bytesOf(await gdb(core, `x/${length}xb 0x${at.toString(16)}`))).toEqual([...bytes]);
}

describe('the core of a machine', () => {
  it('holds all of physical memory by the rules of those who read it, with registers of each vCPU', async () => {
    const guest = await heldAt(paged, { cpus: 2 });
    const file = path.join(await folder(), 'guest.core');
    const written = await guest.machine.writeCore(file, 0);
    expect(written).toEqual({ bytes: (await stat(file)).size, hasLinear: true });
    expect((await stat(file)).mode & 0o077).toBe(0);
    const core = await readFile(file);
    const headers = readHeaders(core);
    const layer = physicalLayer(headers);
    expect(layer.every(([address], index) => address >= (layer[index - 1]?.[0] ?? 0))).toBe(true);
    for (const address of [0, 0x7c00, 0x100000, 0x101000, 0x103010, 0xf0000, (16 << 20) - 64]) {
      const { bytes, readable } = await guest.machine.debug('readMemory', { space: { kind: 'physical' }, address, length: 64 });
      expect(readable.includes(0)).toBe(false);
      const offset = physicalOffset(layer, address) ?? NaN;
      expect([...core.subarray(offset, offset + 64)], address.toString(16)).toEqual([...bytes]);
    }
    expect(core.readUInt32LE(physicalOffset(layer, 0x103010) ?? NaN)).toBe(0x600df00d);
    const notes = readNotes(core, headers);
    expect(notes.map(({ name, type, description }) => [name, type, description.length])).toEqual([
      ['CORE', 1, 336],
      ['CORE', 2, 512],
      ['CORE', 1, 336],
      ['CORE', 2, 512],
      ['VITRINE', 0x56495452, expect.any(Number)],
    ]);
    const own = JSON.parse(notes.at(-1)?.description.toString() ?? '') as { vcpus: Record<string, string>[] };
    expect(own.vcpus[0]?.['cr3']).toBe('0x100000');
    await guest.machine.letGo();
    await expect(guest.machine.writeCore(`${file}2`, 0)).rejects.toThrow('A core is written of a machine that is held.');
  });

  it('leaves nothing when it is cancelled, and the machine goes on', async () => {
    const guest = await debugged('org 0x7c00\nagain: inc eax\njmp again\n');
    onTestFinished(() => guest.machine.dispose());
    const place = await folder();
    await guest.machine.resume();
    await guest.machine.hold();
    await expect(guest.machine.pause()).rejects.toThrow('is being copied, so it cannot be paused now.');
    await expect(guest.machine.hold()).rejects.toThrow(MachineError);
    const core = guest.machine.writeCore(path.join(place, 'x.core'), 0);
    await guest.machine.cancelCore();
    await expect(core).rejects.toThrow('The core was cancelled; nothing of it is left.');
    expect(await readdir(place)).toEqual([]);
    const before = await guest.register('eax');
    expect(await guest.register('eax')).toBe(before);
    await guest.machine.letGo();
    expect(guest.machine.state).toBe('running');
    // Debuggers hear of the stop before it, and of none for the copy.
    expect(guest.events.filter((event) => event.kind === 'debug')).toEqual([
      { kind: 'debug', event: { kind: 'stopped', cause: { kind: 'pause' } } },
    ]);
    const states = guest.events.flatMap((event) => (event.kind === 'state' ? [event.reason] : []));
    expect(states).toEqual(['Started paused.', 'Resumed.', 'Stands still while it is copied.', 'Resumed.']);
    await expect.poll(() => guest.register('eax')).not.toBe(before);
  });

  it('does not pass by a breakpoint that is hit while it stands still for the copy', async () => {
    const guest = await debugged('org 0x7c00\nmov ecx, 100000\nagain: loop again\nhere: jmp here\n');
    onTestFinished(() => guest.machine.dispose());
    await guest.arm({ watched: { kind: 'execute', space: 'linear', address: guest.address('here') } });
    const stopped = guest.stopped();
    await guest.machine.resume();
    let ended: unknown;
    void stopped.then((cause) => (ended = cause));
    for (let round = 0; round < 200 && (await guest.register('ecx')) !== 0; round++) {
      // The breakpoint may have paused it, which holding does not change.
      await guest.machine.hold();
      await guest.machine.letGo();
    }
    await expect.poll(() => guest.register('ecx')).toBe(0);
    await expect
      .poll(() =>
        guest.events.some(
          (event) => event.kind === 'debug' && event.event.kind === 'stopped' && event.event.cause.kind === 'breakpoint',
        ),
      )
      .toBe(true);
    expect(ended).toBeDefined();
    expect(guest.machine.state).toBe('paused');
  });

  describe.skipIf(!isThere('gdb') || !isThere('readelf'))('in real gdb and readelf', () => {
    it('has equal registers and equal memory with paging, at linear addresses and in the physical window', async () => {
      const guest = await heldAt(paged, { cpus: 2 });
      const file = path.join(await folder(), 'guest.core');
      await guest.machine.writeCore(file, 0);
      for (const cpu of [0, 1]) await compareRegisters(guest, file, cpu);
      await compareMemory(guest, file, 0x7c00, 256);
      await compareMemory(guest, file, 0xc0000c00, 64);
      await compareMemory(guest, file, 0xc0001000, 64);
      await compareMemory(guest, file, 0x103000, 64);
      await compareMemory(guest, file, 0x103000, 64, physicalWindow + 0x103000);
      await expect(gdb(file, 'x/xb 0x1000')).rejects.toThrow('Cannot access memory at address 0x1000');
      expect(await gdb(file, 'x/i $pc')).toMatch(/=> 0x[0-9a-f]+:\tjmp/u);
      expect(await gdb(file, 'info threads')).toMatch(/\* 1 .*\n.* 2 /u);
      const { stdout, stderr } = await run('readelf', ['-Wa', file], { maxBuffer: 1 << 24 });
      expect(stderr).toBe('');
      expect(stdout).not.toMatch(/warning|error/iu);
      expect(stdout).toMatch(/Type:\s+CORE/u);
      expect(stdout.match(/NT_PRSTATUS/gu)).toHaveLength(2);
    });

    it('has equal registers, x87 and memory in real mode', async () => {
      const guest = await heldAt(realMode);
      const file = path.join(await folder(), 'guest.core');
      await guest.machine.writeCore(file, 0);
      await compareRegisters(guest, file, 0);
      await compareMemory(guest, file, 0x7c00, 64);
      expect(await gdb(file, 'p $st0')).toContain('3.14159265358979323');
    });
  });
});
