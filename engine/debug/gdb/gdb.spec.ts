/** Real gdb attaches to whole machines. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { askPeek } from '../../peek/client.ts';
import { linearSpace, physicalSpace } from '../../peek/operation.ts';
import { BreakpointStore } from '../store.ts';
import { debugged, type Debugged } from '../testing/debugged-machine.ts';
import { listenForGdb, type GdbListener } from './listener.ts';

const gdb = '/usr/bin/gdb';
const longest = 60_000;

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

interface Served extends Debugged {
  store: BreakpointStore;
  listener: GdbListener;
  warnings: string[];
  /** Runs gdb with these commands and gives what it printed; it quits (detaching) at the end. */
  gdb(...commands: string[]): Promise<string>;
  /** The same, and Ctrl-C once gdb says that it continues. */
  interrupted(...commands: string[]): Promise<string>;
}

async function serve(...parameters: Parameters<typeof debugged>): Promise<Served> {
  const guest = await debugged(...parameters);
  ends.push(() => guest.machine.dispose());
  const store = new BreakpointStore();
  await store.attach(guest.machine);
  const warnings: string[] = [];
  const listener = await listenForGdb({
    machine: guest.machine,
    store,
    port: 0,
    warn: (text) => warnings.push(text),
    changed: () => undefined,
  });
  ends.push(() => listener.close());
  const folder = await mkdtemp(path.join(tmpdir(), 'vitrine-gdb-'));
  ends.push(() => rm(folder, { recursive: true }));
  const run = async (commands: string[], interrupt: boolean): Promise<string> => {
    const all = [
      'set confirm off',
      'set pagination off',
      'set tcp auto-retry off',
      `target remote 127.0.0.1:${listener.port}`,
      ...commands,
    ];
    return new Promise((resolve, reject) => {
      const child = spawn(gdb, ['-nx', '-batch', ...all.flatMap((command) => ['-ex', command])], {
        timeout: longest,
        env: { ...process.env, HOME: folder, LC_ALL: 'C' },
      });
      let output = '';
      let sent = false;
      const take = (bytes: Buffer): void => {
        output += bytes.toString('latin1');
        if (!interrupt || sent || !output.includes('going on')) return;
        sent = true;
        setTimeout(() => child.kill('SIGINT'), 300);
      };
      child.stdout.on('data', take);
      child.stderr.on('data', take);
      child.on('error', reject);
      child.on('close', () => resolve(output));
    });
  };
  return {
    ...guest,
    store,
    listener,
    warnings,
    gdb: (...commands) => run(commands, false),
    interrupted: (...commands) => run(commands, true),
  };
}

const sector = `
        org 0x7c00
        cli
        xor ax, ax
again:  inc ax
middle: mov [0x600], ax
        call routine
        jmp again
routine: nop
        ret
`;

const kernel = (cpus: number): string => `
PROCESSORS equ ${cpus}
%include "bring-up.asm"
main:
        mov ecx, 1000000
.again: call visit
        loop .again
        ret
visit:  lock inc dword [shared]
        ret
finish: jmp $
kernel_end:
bss_end equ kernel_end
`;

describe.skipIf(!existsSync(gdb))('real gdb', { timeout: 2 * longest }, () => {
  it('reads and writes registers and memory of a boot sector', async () => {
    const { gdb: run, machine, register } = await serve(sector);
    const output = await run(
      'info registers eip cs eflags',
      'x/2xb 0x7c00',
      'set $ebx = 0x12345678',
      'p/x $ebx',
      'set {unsigned int}0x1000 = 0xcafe',
      'x/1xw 0x1000',
      'info registers cr0 idtr_limit',
      'x/1xb 0xd0000000',
      'set $eip = 0x12345',
      'info registers st0 fctrl',
    );
    expect(output).toContain('eip            0x7c00');
    expect(output).toMatch(/0x7c00:\s+0xfa\s+0x31/u);
    expect(output).toContain('= 0x12345678');
    expect(output).toMatch(/0x1000:\s+0x0000cafe/u);
    expect(output).toMatch(/cr0\s+0x\w+\s+\[.*ET.*\]/u);
    expect(output).toContain('Cannot access memory at address 0xd0000000');
    expect(output).toContain('the limit of CS is 0xffff');
    expect(output).toMatch(/fctrl\s+0x40\s/u);
    // gdb was attached, so quitting detached it, and the machine runs.
    expect(machine.state).toBe('running');
    await machine.pause();
    expect(await register('ebx')).toBe(0x12345678);
  });

  it('sets breakpoints, temporary and conditional ones, steps, and finds them gone after it', async () => {
    const { gdb: run, address, store } = await serve(sector);
    const at = (label: string): string => `*0x${address(label).toString(16)}`;
    const output = await run(
      `break ${at('middle')}`,
      'continue',
      'p $eax',
      'continue',
      'p $eax',
      `tbreak ${at('routine')}`,
      'continue',
      'p/x $eip',
      'stepi',
      'p/x $eip',
      'stepi',
      'p/x $eip',
      `condition 1 $ax == 20`,
      'continue',
      'p $eax',
      'monitor info breakpoints',
    );
    expect(output.match(/\$\d+ = .*/gu)).toEqual([
      '$1 = 1',
      '$2 = 2',
      `$3 = 0x${address('routine').toString(16)}`,
      `$4 = 0x${(address('routine') + 1).toString(16)}`,
      `$5 = 0x${(address('again') + 8 - 1).toString(16)}`,
      '$6 = 20',
    ]);
    expect(store.list).toEqual([]);
  });

  it('is told of watchpoints with old and new values', async () => {
    const { gdb: run } = await serve(sector);
    const output = await run(
      'watch *(unsigned short *)0x600',
      'continue',
      'continue',
      'delete',
      'awatch *(unsigned short *)0x600',
      'continue',
      'p/x $eip',
    );
    expect(output).toMatch(/Hardware watchpoint 1: .*\n\nOld value = 1\nNew value = 2/u);
    expect(output).toContain('Hardware access (read/write) watchpoint 2');
  });

  it('is told of a read by rwatch, and not of the write before', async () => {
    const { gdb: run, address } = await serve(`
        org 0x7c00
        xor ax, ax
        mov ds, ax
again:  mov [0x604], ax
        inc ax
look:   mov bx, [0x604]
behind: jmp again
`);
    const output = await run('rwatch *(unsigned short *)0x604', 'continue', 'p/x $eip', 'info watchpoints');
    expect(output).toContain('Hardware read watchpoint 1');
    expect(output).toMatch(/Value = 0\n/u);
    expect(output).toContain(`$1 = 0x${address('behind').toString(16)}`);
    expect(output).toContain('breakpoint already hit 1 time');
  });

  it('stops at the reset vector and steps from there', async () => {
    const { gdb: run } = await serve(sector);
    const output = await run(
      'monitor pc linear',
      'break *0xfffffff0',
      'monitor reset',
      'maintenance flush register-cache',
      'p/x $eip',
    );
    expect(output).toContain('$eip is the linear address');
    expect(output).toContain('The machine was reset.');
  });

  it('interrupts with Ctrl-C, and kills', async () => {
    const { interrupted, machine } = await serve(sector);
    const output = await interrupted('echo going on\\n', 'continue', 'echo stopped\\n', 'p/x $cs', 'kill');
    expect(output).toContain('Program received signal SIGINT');
    expect(output).toContain('stopped');
    expect(machine.state).toBe('off');
  });

  it('sees vCPUs as threads of a 32-bit kernel, and breaks on each', async () => {
    for (const clock of ['wall', 'virtual'] as const) {
      const { gdb: run, address } = await serve(kernel(3), { cpus: 3, kernel: true, clock });
      const [main, visit] = ['main', 'visit'].map((label) => `*0x${address(label).toString(16)}`);
      const output = await run(
        'info threads',
        // Each comes here once: gdb lets the others go on itself, one stop after the other.
        `break ${main} thread 3`,
        'continue',
        'p $_thread',
        'delete',
        `break ${visit}`,
        'continue',
        'p/x $eip',
        'x/i $eip',
        'info threads',
        'thread 1',
        'set scheduler-locking on',
        'stepi',
        'p $_thread',
        'maintenance packet qC',
      );
      expect(output).toContain('Thread 1 "vCPU 0" (running, protected, 32-bit code, CPL 0)');
      expect(output).toContain('waiting for SIPI');
      expect(output).toContain(`= 0x${address('visit').toString(16)}`);
      expect(output).toMatch(/lock incl? /u);
      expect(output.match(/\$\d+ = \d+$/gmu)).toEqual(['$1 = 3', '$3 = 1']);
    }
  });

  it('reads physical memory, and shares breakpoints with everybody else', async () => {
    const { gdb: run, store, address } = await serve(sector);
    await store.add({ watched: { kind: 'execute', space: 'linear', address: address('routine') }, condition: 'ax == 3' });
    const output = await run(
      'maintenance packet Qqemu.PhyMemMode:1',
      'x/1xb 0x7c00',
      'maintenance packet Qqemu.PhyMemMode:0',
      'monitor break port 0x60 read',
      'monitor info breakpoints',
      'continue',
      'p $eax',
      'monitor nonsense',
      'monitor break everything',
      'monitor help',
      'monitor info cpus',
      'monitor info registers',
      'monitor translate 0x1234',
    );
    expect(output).toMatch(/0x7c00:\s+0xfa/u);
    expect(output).toContain('1 execute 0x');
    expect(output).toContain('2 port 0x60 read');
    expect(output).toContain('Breakpoint 1 of the machine, vCPU 0: Reached');
    expect(output).toContain('$1 = 3');
    expect(output).toContain(
      'There is no command “nonsense”'.replace(/[“”]/gu, (quote) => Buffer.from(quote).toString('latin1')),
    );
    expect(output).toContain('vCPU 0: real, CPL 0');
    expect(output).toContain('00001234 is 00001234 (ram)');
    expect(store.list.map(({ watched }) => watched.kind)).toEqual(['execute', 'port']);
  });
});

describe.skipIf(!existsSync(gdb))('determinism', { timeout: 2 * longest }, () => {
  it('gives the same digest with gdb attached, breakpoints and guards on places that are not touched, and reads all the time, as without', async () => {
    // Enough for the machine not to be there yet when it is told.
    const count = 40_000_000;
    const alone = await debugged(sector, { clock: 'virtual' });
    ends.push(() => alone.machine.dispose());
    await alone.machine.runUntil(count);
    const { gdb: run, machine } = await serve(sector, { clock: 'virtual' });
    await machine.guard({ kind: 'add', range: { kind: 'physical', address: 0x100000, bytes: 0x40000 }, action: 'deny' });
    const output = run(
      'break *0x9000',
      'watch *(int *)0x8000',
      'info registers',
      'x/16xb 0x7c00',
      'continue',
      'p $_siginfo',
      'info threads',
      'shell sleep 1',
    );
    while (machine.state !== 'running') await new Promise((resolve) => setTimeout(resolve, 20));
    let reads = 0;
    let arrived = false;
    const toTheEnd = machine.runUntil(count).finally(() => (arrived = true));
    // As the inspector does, which is open.
    while (!arrived || reads === 0) {
      for (const space of [linearSpace, physicalSpace]) {
        await askPeek(machine, 'read', { cpu: 0, operation: { kind: 'read', space, address: 0x7c00, length: 256 } });
        reads++;
      }
      await machine.statistics();
      await machine.guard({ kind: 'look' });
    }
    await toTheEnd;
    const [expected, found] = [await alone.machine.digest(), await machine.digest()];
    await output;
    expect(found).toBe(expected);
  });
});

describe('the port', () => {
  it('is refused with a sentence when another program has it', async () => {
    const { listener, machine, store } = await serve(sector);
    const again = listenForGdb({ machine, store, port: listener.port, warn: () => undefined, changed: () => undefined });
    await expect(again).rejects.toThrow(`Port ${listener.port} is in use by another program; choose another one for gdb.`);
  });

  it('turns a second gdb away and survives whatever is sent', async () => {
    const { listener, machine, warnings } = await serve(sector);
    const talk = (text: string | Uint8Array): Promise<string> =>
      new Promise((resolve) => {
        const socket = connect(listener.port, '127.0.0.1', () => socket.write(text));
        let answer = '';
        socket.on('data', (bytes) => (answer += bytes.toString('latin1')));
        socket.on('error', () => undefined);
        socket.on('close', () => resolve(answer));
        setTimeout(() => socket.end(), 200);
      });
    expect(await talk('$vMustReplyEmpty#3a$qAttached#8f$?#3f$m7c00,2#c5')).toMatch(/^\+{4}\$#00\$1#31\$T02thread:1;#d4\$fa31#/u);
    const first = connect(listener.port, '127.0.0.1');
    await new Promise((resolve) => first.once('connect', resolve));
    expect(await talk('$?#3f')).toBe('');
    expect(warnings).toEqual(['Another gdb wanted to attach to a machine that has one; it was turned away.']);
    await new Promise((resolve) => {
      first.once('close', resolve);
      first.end();
    });
    expect(await talk(`$${'x'.repeat(70_000)}`)).toBe('');
    expect(warnings.at(-1)).toContain('A packet is longer than allowed.');
    expect(await talk('$g#00')).toBe('-');
    expect(machine.state).not.toBe('crashed');
  });
});
