/** The guard in whole machines, with real workers (out/engine, built before the tests). */
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { assemble } from '../assembler/assembler.ts';
import { Page } from '../cpu/platform.ts';
import type { GuardAlert } from '../machine/guard-types.ts';
import type { ClockMode, Machine, MachineEvent } from '../machine/machine.ts';
import { MachineMemory } from '../machine/memory.ts';
import { createMachine } from '../machine/virtual-machine.ts';

vi.setConfig({ testTimeout: 120_000 });

const workerDirectory = path.resolve(import.meta.dirname, '../../out/engine');
const mebibyte = 1 << 20;

const machines: Machine[] = [];
afterEach(async () => {
  await Promise.all(machines.splice(0).map((machine) => machine.dispose()));
});

interface Run {
  machine: Machine;
  memory: MachineMemory;
  alerts: GuardAlert[];
  until(what: string, condition: () => boolean): Promise<void>;
  /** A word of guest memory, now. */
  word(address: number): number;
}

async function boot(source: string, options: { clock?: ClockMode; hypercalls?: boolean } = {}): Promise<Run> {
  const { bytes, errors } = assemble({
    file: 'guest',
    read: () => ({ path: 'guest', bytes: Buffer.from(`org 0x7c00\n${source}\ntimes 510-($-$$) db 0\ndw 0xaa55\n`) }),
  });
  expect(errors).toEqual([]);
  const machine = await createMachine(
    {
      name: 'guarded',
      cpus: 1,
      memoryBytes: 32 * mebibyte,
      clock: options.clock ?? 'wall',
      boot: { kind: 'boot-sector', image: bytes },
      guard: { hypercalls: options.hypercalls ?? false },
    },
    { workerDirectory },
  );
  machines.push(machine);
  const alerts: GuardAlert[] = [];
  machine.on((event: MachineEvent) => {
    if (event.kind === 'guard') alerts.push(...event.alerts);
  });
  if (!('memory' in machine) || !(machine.memory instanceof MachineMemory)) throw new Error('no memory');
  const { memory } = machine;
  return {
    machine,
    memory,
    alerts,
    async until(what, condition) {
      const end = Date.now() + 100_000;
      while (!condition()) {
        if (Date.now() > end) throw new Error(`Waited for ${what}.`);
        await delay(5);
      }
    },
    word: (address) => new DataView(memory.buffer).getUint32(memory.ramBase + address, true),
  };
}

/** Counts at 0x20000 for ever, by fast stores. */
const counting = `
        xor ax, ax
        mov ds, ax
        mov ax, 0x2000
        mov es, ax
again:  inc ebx
        mov [es:0], ebx
        jmp again
`;
const counter = { kind: 'physical', address: 0x20000, bytes: 4 } as const;

describe('adding a page while the guest writes it', () => {
  it('is answered when it is in force: no store is missed from then on', async () => {
    const { machine, word, until, alerts } = await boot(counting);
    await machine.start();
    await until('the guest to count', () => word(0x20000) > 1000);
    const state = await machine.guard({ kind: 'add', range: counter, action: 'deny' });
    const stopped = word(0x20000);
    expect(state.ranges).toEqual([{ address: 0x20000, bytes: 4096, action: 'deny', byHost: true }]);
    await until('alerts', () => alerts.length > 10);
    expect(word(0x20000)).toBe(stopped);
    expect(alerts[0]).toMatchObject({
      kind: 'listed',
      action: 'deny',
      outcome: 'dropped',
      cause: 'instruction',
      physical: 0x20000,
      linear: 0x20000,
      size: 4,
      writer: { cpu: 0 },
    });
    await machine.guard({ kind: 'remove', range: counter });
    await until('the guest to count again', () => word(0x20000) !== stopped);
  });

  it('negative control: with the attribute alone, and no grace period, stores of a vCPU are missed', async () => {
    const { machine, memory, word, until, alerts } = await boot(counting);
    await machine.start();
    await until('the guest to count', () => word(0x20000) > 1000);
    await machine.guard({ kind: 'add', range: { ...counter, address: 0x30000 }, action: 'deny' });
    Atomics.or(memory.pageFlags, 0x20, Page.traced);
    const before = word(0x20000);
    await until('a missed store', () => word(0x20000) !== before);
    expect(alerts).toEqual([]);
  });
});

describe('actions', () => {
  const once = `mov ax, 0x2000\nmov es, ax\nwait: cmp byte [0x7b00], 0\nje wait\nmov dword [es:0x10], 0x11223344\nmov byte [0x7b01], 1\nidle: jmp idle`;
  const begin = async (action: GuardAlert['action']) => {
    const run = await boot(once);
    await run.machine.start();
    await run.machine.guard({ kind: 'add', range: counter, action });
    run.memory.ram[0x7b00] = 1;
    return run;
  };

  it.each([
    ['log', 'made', 0x11223344],
    ['notify', 'made', 0x11223344],
    ['deny', 'dropped', 0],
  ] as const)('%s', async (action, outcome, value) => {
    const { memory, until, alerts, word } = await begin(action);
    await until('the store', () => memory.ram[0x7b01] === 1 && alerts.length > 0);
    expect(word(0x20010)).toBe(value);
    expect(alerts).toHaveLength(1);
    expect(alerts[0]).toMatchObject({ action, outcome, physical: 0x20010, size: 4 });
    expect([Buffer.from(alerts[0]!.before).toString('hex'), Buffer.from(alerts[0]!.after!).toString('hex')]).toEqual([
      '00000000',
      '44332211',
    ]);
  });

  it('pause stops the machine right behind the write', async () => {
    const { machine, memory, until, word } = await begin('pause');
    await until('the pause', () => machine.state === 'paused');
    expect([word(0x20010), memory.ram[0x7b01]]).toEqual([0x11223344, 0]);
    await machine.resume();
    await until('the rest', () => memory.ram[0x7b01] === 1);
  });

  it('power off drops the write', async () => {
    const { machine, memory, until, word } = await begin('powerOff');
    await until('the end', () => machine.state === 'off');
    expect([word(0x20010), memory.ram[0x7b01]]).toEqual([0, 0]);
  });
});

describe('the tree', () => {
  it('raises the tree alert at any write to its pages, and holds', async () => {
    const source = `
        lgdt [gdtr]
        mov eax, cr0
        or al, 1
        mov cr0, eax
        mov cx, 8
        mov es, cx
        dec eax
        mov cr0, eax
wait:   cmp dword [0x7b00], 0
        je wait
        mov edi, [0x7b00]
        mov dword [es:edi], 0xffffffff
        mov byte [0x7b04], 1
idle:   jmp idle
gdtr:   dw 15
        dd gdt
gdt:    dq 0, 0x00cf92000000ffff`;
    const { machine, memory, until, alerts } = await boot(source);
    await machine.start();
    const { nodes } = await machine.guard({ kind: 'add', range: counter, action: 'log' });
    expect(nodes.filter(({ level }) => level !== undefined)).toHaveLength(3);
    const leaf = nodes.find(({ level }) => level === 0)!;
    expect(leaf.first).toBe(counter.address - (counter.address % 0x20_0000));
    new DataView(memory.buffer).setUint32(memory.ramBase + 0x7b00, leaf.address + 8 * 0x20, true);
    await until('the attack', () => memory.ram[0x7b04] === 1 && alerts.length > 0);
    expect(alerts).toMatchObject([
      { kind: 'tree', action: 'deny', outcome: 'dropped', physical: leaf.address + 8 * 0x20, node: leaf.address },
    ]);
    expect((await machine.guard({ kind: 'look' })).ranges).toHaveLength(1);
  });
});

describe('a guard on pages that nobody writes', () => {
  it('changes nothing of a run under the virtual clock', async () => {
    const source = `sti\nxor bx, bx\nagain: add bx, ax\nmov [bx+0x1000], bx\nin al, 0x40\ninc bx\njmp again`;
    const guestState = async (guarded: boolean) => {
      const { machine } = await boot(source, { clock: 'virtual' });
      await machine.start({ paused: true });
      if (guarded)
        await machine.guard({ kind: 'add', range: { kind: 'physical', address: 0x100000, bytes: 0x80000 }, action: 'deny' });
      await machine.runUntil(300_000);
      return machine.digest();
    };
    const free = await guestState(false);
    expect(await guestState(true)).toBe(free);
  });
});

describe('suspend and resume', () => {
  it('keep what is protected, and the tree protects itself again', async () => {
    const { mkdtemp, rm } = await import('node:fs/promises');
    const { tmpdir } = await import('node:os');
    const folder = await mkdtemp(path.join(tmpdir(), 'vitrine-guard-'));
    try {
      const first = await boot(counting);
      await first.machine.start();
      await first.machine.guard({ kind: 'add', range: { ...counter, address: 0x30000 }, action: 'fault' });
      const file = path.join(folder, 'state');
      await first.machine.suspend(file);
      const second = await boot(counting);
      await second.machine.start({ restore: file });
      const state = await second.machine.guard({ kind: 'look' });
      expect(state.ranges).toEqual([{ address: 0x30000, bytes: 4096, action: 'fault', byHost: true }]);
      for (const { address } of state.nodes) expect(second.memory.pageFlags[address / 4096]! & Page.traced).toBe(Page.traced);
      await second.machine.guard({ kind: 'add', range: counter, action: 'deny' });
      await second.until('alerts', () => second.alerts.length > 0);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
