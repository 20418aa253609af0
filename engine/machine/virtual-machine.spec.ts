/** Whole machines in real workers (out/engine, built before the tests). Guests are a few instructions each, by hand. */
import path from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, describe, expect, it } from 'vitest';
import { MachineError, type ClockMode, type Machine, type MachineEvent } from './machine.ts';
import { createMachine } from './virtual-machine.ts';

const workerDirectory = path.resolve(import.meta.dirname, '../../out/engine');
const mebibyte = 1 << 20;

const machines: Machine[] = [];
afterEach(async () => {
  await Promise.all(machines.splice(0).map((machine) => machine.dispose()));
});

interface Run {
  machine: Machine;
  events: MachineEvent[];
  /** Resolves at the first event that satisfies the condition, also when it has happened already. */
  until(condition: (event: MachineEvent) => boolean): Promise<MachineEvent>;
  text(): string;
}

async function boot(code: readonly number[], options: { clock?: ClockMode; memoryBytes?: number } = {}): Promise<Run> {
  const image = new Uint8Array(512);
  image.set(code);
  image.set([0x55, 0xaa], 510);
  const machine = await createMachine(
    { name: 'guest', cpus: 1, memoryBytes: options.memoryBytes ?? 4 * mebibyte, clock: options.clock ?? 'wall', boot: { kind: 'boot-sector', image } },
    { workerDirectory },
  );
  machines.push(machine);
  const events: MachineEvent[] = [];
  const waiting = new Set<() => void>();
  machine.on((event) => {
    events.push(event);
    for (const look of [...waiting]) look();
  });
  const until = (condition: (event: MachineEvent) => boolean) =>
    new Promise<MachineEvent>((resolve) => {
      const look = () => {
        const found = events.find(condition);
        if (found === undefined) return;
        waiting.delete(look);
        resolve(found);
      };
      waiting.add(look);
      look();
    });
  const text = () => events.map((event) => (event.kind === 'debugConsole' ? Buffer.from(event.bytes).toString('latin1') : '')).join('');
  return { machine, events, until, text };
}

const off = (event: MachineEvent) => event.kind === 'state' && event.state === 'off';

/** mov al, 'H' / out 0xe9, al / mov al, 'i' / out 0xe9, al / mov al, 3 / out 0xf4, al / jmp $ */
const hello = [0xb0, 0x48, 0xe6, 0xe9, 0xb0, 0x69, 0xe6, 0xe9, 0xb0, 0x03, 0xe6, 0xf4, 0xeb, 0xfe];

/** jmp $ */
const busy = [0xeb, 0xfe];

/** cli / hlt */
const dead = [0xfa, 0xf4];

/** Prints scancodes: again: in al, 0x64 / test al, 1 / jz again / in al, 0x60 / out 0xe9, al / jmp again */
const keys = [0xe4, 0x64, 0xa8, 0x01, 0x74, 0xfa, 0xe4, 0x60, 0xe6, 0xe9, 0xeb, 0xf4];

/** Echoes COM1: mov dx, 0x3fd / again: in al, dx / test al, 1 / jz again / mov dl, 0xf8 / in al, dx / out dx, al / mov dl, 0xfd / jmp again */
const echo = [0xba, 0xfd, 0x03, 0xec, 0xa8, 0x01, 0x74, 0xfb, 0xb2, 0xf8, 0xec, 0xee, 0xb2, 0xfd, 0xeb, 0xf3];

/**
 * Prints '.' at each timer interrupt (the loader's handler has counted it), ends the run after five:
 *   sti / mov cx, 5 / again: hlt / mov al, '.' / out 0xe9, al / loop again / mov al, 0 / out 0xf4, al / jmp $
 */
const ticking = [0xfb, 0xb9, 0x05, 0x00, 0xf4, 0xb0, 0x2e, 0xe6, 0xe9, 0xe2, 0xf9, 0xb0, 0x00, 0xe6, 0xf4, 0xeb, 0xfe];

/**
 * Mixes time into memory with interrupts on, for ever: latches and reads PIT channel 0, adds it to a sum, stores the
 * sum at a moving address, prints its low byte now and then.
 *   sti / xor bx, bx / xor di, di
 *   again: mov al, 0 / out 0x43, al / in al, 0x40 / mov ah, al / in al, 0x40 / add bx, ax / mov [di+0x1000], bx / add di, 2
 *   and di, 0x3fff / jnz again / mov al, bl / out 0xe9, al / hlt / jmp again
 */
const mixing = [
  0xfb, 0x31, 0xdb, 0x31, 0xff, 0xb0, 0x00, 0xe6, 0x43, 0xe4, 0x40, 0x88, 0xc4, 0xe4, 0x40, 0x01, 0xc3, 0x89, 0x9d, 0x00, 0x10, 0x83,
  0xc7, 0x02, 0x81, 0xe7, 0xff, 0x3f, 0x75, 0xe7, 0x88, 0xd8, 0xe6, 0xe9, 0xf4, 0xeb, 0xe0,
];

describe('a machine in its workers', () => {
  it('runs a guest from its boot sector to the debug exit', async () => {
    const run = await boot(hello);
    await run.machine.start();
    await run.until(off);
    expect(run.text()).toBe('Hi');
    expect(run.events).toContainEqual({ kind: 'debugExit', value: 3 });
    expect(run.machine.state).toBe('off');
    const statistics = await run.machine.statistics();
    expect(statistics.instructions).toBeGreaterThanOrEqual(6);
  });

  it.each(['wall', 'virtual'] as const)('wakes from HLT at timer interrupts (%s clock)', async (clock) => {
    const run = await boot(ticking, { clock });
    await run.machine.start();
    await run.until(off);
    expect(run.text()).toBe('.....');
    const { vcpus } = await run.machine.statistics();
    expect(vcpus[0]?.interrupts).toBeGreaterThanOrEqual(5);
  });

  it.each(['wall', 'virtual'] as const)('gives keys to the guest (%s clock)', async (clock) => {
    const { machine, text, until } = await boot(keys, { clock });
    await machine.start();
    await machine.input({ kind: 'scancodes', bytes: [0x1e, 0x9e, 0xe0, 0x48] });
    await until(() => text().length === 4);
    expect(Buffer.from(text(), 'latin1')).toEqual(Buffer.from([0x1e, 0x9e, 0xe0, 0x48]));
  });

  it('carries bytes over the serial port both ways', async () => {
    const { machine, events, until } = await boot(echo);
    const sent = Uint8Array.from({ length: 100 }, (_, index) => index * 7);
    const received = () => Buffer.concat(events.flatMap((event) => (event.kind === 'serial' ? [event.bytes] : [])));
    await machine.start();
    await machine.input({ kind: 'serial', bytes: sent });
    await until((event) => event.kind === 'serial' && received().length === sent.length);
    expect(received().equals(sent)).toBe(true);
  });

  it('shows its screen: pixels, text, and an address for viewers', async () => {
    const { machine } = await boot(dead);
    await machine.start();
    const { width, height, rgba } = await machine.screenshot();
    expect([width, height, rgba.length]).toEqual([720, 400, 720 * 400 * 4]);
    expect((await machine.screenText())?.length).toBe(25);
    const { url } = await machine.display();
    expect(url).toMatch(/^ws:\/\/127\.0\.0\.1:\d+\/[\w-]{16,}$/);
    expect((await machine.display()).url).toBe(url);
  });

  it('pauses, resumes, resets and switches off a guest that never lets go', async () => {
    const { machine, events } = await boot(busy);
    await machine.start();
    await machine.pause();
    const before = (await machine.statistics()).instructions;
    expect((await machine.statistics()).instructions).toBe(before);
    await machine.resume();
    await machine.reset();
    await machine.pause();
    expect((await machine.statistics()).instructions).toBeGreaterThanOrEqual(before);
    await machine.powerOff();
    expect(events.flatMap((event) => (event.kind === 'state' ? [event.state] : [event.kind])).filter((kind) => kind !== 'display' && kind !== 'outputs' && kind !== 'debug')).toEqual([
      'running', 'paused', 'running', 'reset', 'paused', 'off',
    ]);
    await expect(machine.resume()).rejects.toThrow(/is off, so it cannot be resumed/);
    await machine.start({ paused: true });
    expect(machine.state).toBe('paused');
  });

  it('stops a vCPU that sleeps for good', async () => {
    const { machine } = await boot(dead);
    await machine.start();
    await machine.pause();
    await machine.resume();
    await machine.reset();
    await machine.powerOff();
    expect(machine.state).toBe('off');
  });

  it('crashes alone when its engine fails, and says why', async () => {
    const { machine, until } = await boot(mixing);
    await machine.start();
    await until((event) => event.kind === 'debugConsole');
    await machine.pause();
    if (!('memory' in machine)) throw new Error('no memory');
    const { memory } = machine as { memory: { block(layout: object, instance: string): { jumpCache: number } } };
    const { vcpuState } = await import('../isa/state.ts');
    const block = memory.block(vcpuState, '0');
    // Generated code looks its next block up far outside the memory.
    block.jumpCache = 0xf000_0000;
    await machine.resume();
    const event = await until((seen) => seen.kind === 'state' && seen.state === 'crashed');
    expect(event).toMatchObject({ reason: expect.stringMatching(/memory access out of bounds/) as unknown });
    expect(machine.state).toBe('crashed');
    await expect(machine.resume()).rejects.toThrow(MachineError);
    expect(await machine.digest()).toMatch(/^[0-9a-f]{64}$/);
  });

  it('is gone after dispose', async () => {
    const { machine } = await boot(busy);
    await machine.start();
    const waiting = machine.runUntil(5).catch((error: unknown) => error);
    await machine.dispose();
    await machine.dispose();
    expect(await waiting).toBeInstanceOf(MachineError);
    await expect(machine.start()).rejects.toThrow(/is gone/);
  });
});

describe('the memory of a machine', () => {
  it('is given back after dispose', async () => {
    setFlagsFromString('--expose_gc');
    const collect = runInNewContext('gc') as () => void;
    const memoryOf = async (): Promise<WeakRef<object>> => {
      const { machine } = await boot(busy);
      await machine.start();
      if (!('memory' in machine) || typeof machine.memory !== 'object' || machine.memory === null) throw new Error('no memory');
      const reference = new WeakRef(machine.memory);
      machines.pop();
      await machine.dispose();
      return reference;
    };
    const reference = await memoryOf();
    for (let round = 0; round < 50 && reference.deref() !== undefined; round++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      collect();
    }
    expect(reference.deref()).toBeUndefined();
  });
});

describe('a machine with a virtual clock', () => {
  it('comes to the same state at instruction N, ten times out of ten, however it got there', async () => {
    const target = 300_000;
    const digests = new Set<string>();
    const texts = new Set<string>();
    // Machines just made, and machines that were switched off and on again.
    for (let made = 0; made < 2; made++) {
      const { machine, events, text } = await boot(mixing, { clock: 'virtual' });
      for (let start = 0; start < 5; start++) {
        events.length = 0;
        await machine.start({ paused: true });
        // Some of the runs stop on the way, at different places.
        if (start % 2 === 1) for (let stop = 1; stop < 5; stop++) await machine.runUntil(stop * 10_007 * start + made);
        await machine.runUntil(target);
        expect((await machine.statistics()).instructions).toBe(target);
        digests.add(await machine.digest());
        texts.add(text());
        await machine.powerOff();
      }
    }
    expect(digests.size).toBe(1);
    expect([...texts][0]?.length).toBeGreaterThan(2);
    expect(texts.size).toBe(1);
  });

  it('differs one instruction later', async () => {
    const { machine } = await boot(mixing, { clock: 'virtual' });
    await machine.start({ paused: true });
    await machine.runUntil(50_000);
    const before = await machine.digest();
    await machine.runUntil(50_001);
    expect(await machine.digest()).not.toBe(before);
  });

  it('says that a guest which halted for good will not get there', async () => {
    // The loader's timer never ends by itself, so the guest has to stop it: mask all interrupts, mode 0 without a count, halt.
    const { machine } = await boot([0xb0, 0xff, 0xe6, 0x21, 0xb0, 0x30, 0xe6, 0x43, 0xf4, 0xeb, 0xfd], { clock: 'virtual' });
    await machine.start({ paused: true });
    await expect(machine.runUntil(1_000_000)).rejects.toThrow(/halted for good after \d+ instructions/);
    expect(machine.state).toBe('paused');
  });
});

describe('createMachine refuses', () => {
  const image = new Uint8Array(512);
  const good = { name: 'guest', cpus: 1, memoryBytes: mebibyte, clock: 'wall', boot: { kind: 'boot-sector', image } } as const;
  it.each([
    ['more vCPUs than there can be', { ...good, cpus: 17 }, 'bad-configuration'],
    ['too much memory', { ...good, memoryBytes: 4096 * mebibyte }, 'bad-configuration'],
    ['an empty image', { ...good, boot: { kind: 'kernel', image: new Uint8Array(0) } }, 'bad-image'],
  ] as const)('%s', async (_name, configuration, expected) => {
    await expect(createMachine(configuration, { workerDirectory })).rejects.toMatchObject({ code: expected });
  });
});
