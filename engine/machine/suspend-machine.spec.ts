/** Suspend and resume of whole machines in real workers (out/engine, built before the tests). Guests are a few instructions each, by hand. */
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ClockMode, Machine, MachineConfiguration, MachineEvent } from './machine.ts';
import { createMachine } from './virtual-machine.ts';

const workerDirectory = path.resolve(import.meta.dirname, '../../out/engine');
const mebibyte = 1 << 20;

let folder: string;
const machines: Machine[] = [];
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'vitrine-suspend-'));
});
afterEach(async () => {
  await Promise.all(machines.splice(0).map((machine) => machine.dispose()));
  await rm(folder, { recursive: true, force: true });
});
const file = () => path.join(folder, 'suspended.vst');

interface Run {
  machine: Machine;
  events: MachineEvent[];
  text(): string;
  until(condition: () => boolean): Promise<void>;
}

async function make(code: readonly number[], changes: Partial<MachineConfiguration> & { clock?: ClockMode } = {}): Promise<Run> {
  const image = new Uint8Array(512);
  image.set(code);
  image.set([0x55, 0xaa], 510);
  const configuration: MachineConfiguration = { name: 'guest', cpus: 1, memoryBytes: mebibyte, clock: 'wall', boot: { kind: 'boot-sector', image }, ...changes };
  const machine = await createMachine(configuration, { workerDirectory });
  machines.push(machine);
  const events: MachineEvent[] = [];
  const waiting = new Set<() => void>();
  machine.on((event) => {
    events.push(event);
    for (const look of [...waiting]) look();
  });
  const until = (condition: () => boolean) =>
    new Promise<void>((resolve) => {
      const look = () => {
        if (!condition()) return;
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
      look();
    });
  const text = () => events.map((event) => (event.kind === 'debugConsole' ? Buffer.from(event.bytes).toString('latin1') : '')).join('');
  return { machine, events, text, until };
}

/** jmp $ */
const busy = [0xeb, 0xfe];

/** Prints scancodes: again: in al, 0x64 / test al, 1 / jz again / in al, 0x60 / out 0xe9, al / jmp again */
const keys = [0xe4, 0x64, 0xa8, 0x01, 0x74, 0xfa, 0xe4, 0x60, 0xe6, 0xe9, 0xeb, 0xf4];

/** Counts from 'A' on at each timer interrupt: sti / mov al, 'A' / again: hlt / out 0xe9, al / inc ax / and al, 0x5f / jmp again */
const counting = [0xfb, 0xb0, 0x41, 0xf4, 0xe6, 0xe9, 0x40, 0x24, 0x5f, 0xeb, 0xf8];

/** Mixes time into memory with interrupts on, for ever; see virtual-machine.spec.ts. */
const mixing = [
  0xfb, 0x31, 0xdb, 0x31, 0xff, 0xb0, 0x00, 0xe6, 0x43, 0xe4, 0x40, 0x88, 0xc4, 0xe4, 0x40, 0x01, 0xc3, 0x89, 0x9d, 0x00, 0x10, 0x83,
  0xc7, 0x02, 0x81, 0xe7, 0xff, 0x3f, 0x75, 0xe7, 0x88, 0xd8, 0xe6, 0xe9, 0xf4, 0xeb, 0xe0,
];

const retired = async (machine: Machine) => (await machine.statistics()).instructions;

describe('a machine with a virtual clock', () => {
  const end = 60_000;

  it('comes to the same state at instruction N whether or not it was suspended on the way, at random instants too', async () => {
    const whole = await make(mixing, { clock: 'virtual' });
    await whole.machine.start({ paused: true });
    await whole.machine.runUntil(end);
    const expected = await whole.machine.digest();

    const instants = [1, ...Array.from({ length: 2 }, () => 1000 + Math.floor(Math.random() * (end - 2000)))];
    for (const instant of instants) {
      const first = await make(mixing, { clock: 'virtual' });
      await first.machine.start({ paused: true });
      await first.machine.runUntil(instant);
      const before = await first.machine.digest();
      await first.machine.suspend(file());
      await first.machine.dispose();

      const second = await make(mixing, { clock: 'virtual' });
      await second.machine.start({ paused: true, restore: file() });
      expect(await second.machine.digest(), `right after the resume, suspended at ${instant}`).toBe(before);
      await second.machine.runUntil(end);
      expect(await retired(second.machine)).toBe(end);
      expect(await second.machine.digest(), `suspended at ${instant}`).toBe(expected);
      expect(first.text() + second.text()).toBe(whole.text());
      await second.machine.dispose();
      await rm(file());
    }
  }, 60_000);

  it('survives several suspends, each of a machine that was resumed', async () => {
    const whole = await make(mixing, { clock: 'virtual' });
    await whole.machine.start({ paused: true });
    await whole.machine.runUntil(end);
    let restore: string | undefined;
    for (let stop = 1; stop <= 2; stop++) {
      const { machine } = await make(mixing, { clock: 'virtual' });
      await machine.start({ paused: true, restore });
      await machine.runUntil(stop * 20_011);
      restore = path.join(folder, `state-${stop}`);
      await machine.suspend(restore);
      await machine.dispose();
    }
    const { machine } = await make(mixing, { clock: 'virtual' });
    await machine.start({ paused: true, restore });
    await machine.runUntil(end);
    expect(await machine.digest()).toBe(await whole.machine.digest());
  });
});

describe('a running machine', () => {
  it('goes on after a resume where it was suspended: text goes on, time goes on, keys arrive', async () => {
    const first = await make(counting);
    await first.machine.start();
    await first.until(() => first.text().length >= 3);
    await first.machine.suspend(file());
    expect(first.machine.state).toBe('paused');
    const before = await retired(first.machine);
    const { seconds } = await first.machine.statistics();
    await first.machine.dispose();
    const second = await make(counting);
    await second.machine.start({ restore: file() });
    await second.until(() => second.text().length >= 3);
    expect(await retired(second.machine)).toBeGreaterThan(before);
    expect((await second.machine.statistics()).seconds).toBeGreaterThan(seconds);
    const all = first.text() + second.text();
    for (let at = 1; at < all.length; at++) expect(all.charCodeAt(at)).toBe((all.charCodeAt(at - 1) + 1) & 0x5f);
  });

  it('keeps input that the guest had not taken yet', async () => {
    const first = await make(keys);
    await first.machine.start({ paused: true });
    const typed = Array.from({ length: 200 }, (_, index) => (index % 0x50) + 1);
    await first.machine.input({ kind: 'scancodes', bytes: typed });
    await first.machine.suspend(file());
    await first.machine.dispose();
    const second = await make(keys);
    await second.machine.start({ restore: file() });
    await second.until(() => second.text().length === typed.length);
    expect([...Buffer.from(second.text(), 'latin1')]).toEqual(typed);
    await second.machine.input({ kind: 'scancodes', bytes: [0x1e] });
    await second.until(() => second.text().endsWith('\x1e'));
  });

  it('can be resumed in place when the file was kept for nothing, and suspended again', async () => {
    const { machine } = await make(busy);
    await machine.start();
    await machine.suspend(file());
    await machine.resume();
    expect(machine.state).toBe('running');
    await expect(machine.suspend(file())).rejects.toMatchObject({ code: 'file-failed' });
    expect(machine.state).toBe('running');
    await machine.suspend(path.join(folder, 'second'));
    expect((await stat(path.join(folder, 'second'))).mode & 0o077).toBe(0);
  });

  it('goes on when a suspend is cancelled, and leaves no file', async () => {
    const { machine, events } = await make(busy, { memoryBytes: 512 * mebibyte });
    await machine.start();
    const suspended = machine.suspend(file()).catch((error: unknown) => error);
    await machine.cancelSuspend();
    expect(await suspended).toMatchObject({ code: 'cancelled' });
    expect(machine.state).toBe('running');
    expect(events.at(-1)).toMatchObject({ kind: 'state', state: 'running' });
    await expect(stat(file())).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('can be told nothing else while it is being suspended, and says how far it is', async () => {
    const { machine, events } = await make(busy, { memoryBytes: 256 * mebibyte });
    await machine.start();
    const suspended = machine.suspend(file());
    await expect(machine.resume()).rejects.toThrow(/is being suspended, so it cannot be resumed now/);
    await expect(machine.powerOff()).rejects.toMatchObject({ code: 'wrong-state' });
    const { bytes } = await suspended;
    expect((await stat(file())).size).toBe(bytes);
    expect(events).toContainEqual(expect.objectContaining({ kind: 'progress', activity: 'suspend' }));
    const last = events.filter((event) => event.kind === 'progress').at(-1);
    expect(last?.done).toBe(last?.total);
  });

  it('goes on when the file cannot be written', async () => {
    const { machine } = await make(busy);
    await machine.start();
    await expect(machine.suspend(path.join(folder, 'no', 'such', 'folder'))).rejects.toMatchObject({ code: 'file-failed' });
    expect(machine.state).toBe('running');
  });
});

describe('a state that does not fit', () => {
  async function saved(): Promise<Buffer> {
    const { machine } = await make(mixing, { clock: 'virtual' });
    await machine.start({ paused: true });
    await machine.runUntil(20_000);
    await machine.suspend(file());
    return readFile(file());
  }

  it('is refused with a sentence, and the machine can still be started', async () => {
    await saved();
    const { machine } = await make(mixing, { clock: 'virtual', memoryBytes: 2 * mebibyte });
    await expect(machine.start({ restore: file() })).rejects.toThrow(/saved with 1 MiB of memory, and the machine has 2 MiB now/);
    expect(machine.state).toBe('off');
    await machine.start({ paused: true });
    await machine.runUntil(1000);
  });

  it('is refused when the clock is another one', async () => {
    await saved();
    const { machine } = await make(mixing);
    await expect(machine.start({ restore: file() })).rejects.toMatchObject({ code: 'bad-state' });
  });

  it('is refused when any byte of it is wrong or any is missing, with nothing changed', async () => {
    const bytes = await saved();
    const fresh = await make(mixing, { clock: 'virtual' });
    const other = await make(mixing, { clock: 'virtual' });
    await fresh.machine.start({ paused: true });
    const expected = await fresh.machine.digest();
    for (let round = 0; round < 12; round++) {
      const damaged = Buffer.from(bytes);
      const at = Math.floor((round / 12) * bytes.length);
      damaged[at] = (damaged[at] ?? 0) ^ 0x10;
      await writeFile(file(), round % 3 === 2 ? bytes.subarray(0, at) : damaged);
      await expect(other.machine.start({ paused: true, restore: file() }), `byte ${at}`).rejects.toMatchObject({ code: 'bad-state' });
      expect(other.machine.state).toBe('off');
    }
    await other.machine.start({ paused: true });
    expect(await other.machine.digest()).toBe(expected);
  });

  it('is refused when there is none', async () => {
    const { machine } = await make(busy);
    await expect(machine.start({ restore: file() })).rejects.toMatchObject({ code: 'file-failed' });
  });

  it('resumes although what it starts from has changed, and says so', async () => {
    await saved();
    const { machine, events } = await make(busy, { clock: 'virtual' });
    await machine.start({ paused: true, restore: file() });
    expect(events).toContainEqual({ kind: 'state', state: 'paused', reason: expect.stringMatching(/has changed.*next reset/) as unknown });
  });
});

describe('a state that an earlier build wrote', () => {
  // The fixture is never made anew: each build has to resume it. A block whose version was raised needs a migration.
  it('is resumed, and the guest goes on with what it would have printed then', async () => {
    const fixtures = path.resolve(import.meta.dirname, '../../test/fixtures');
    const { machine, text } = await make(mixing, { clock: 'virtual' });
    await machine.start({ paused: true, restore: path.join(fixtures, 'suspended-1.vst') });
    expect(await retired(machine)).toBe(20_000);
    await machine.runUntil(400_000);
    expect(Buffer.from(text(), 'latin1').toString('hex')).toBe((await readFile(path.join(fixtures, 'suspended-1.txt'), 'utf8')).trim());
  });
});

describe('the file', () => {
  it('is small: zero pages are left out', async () => {
    const { machine } = await make(busy, { memoryBytes: 64 * mebibyte });
    await machine.start();
    const { bytes } = await machine.suspend(file());
    expect(bytes).toBeLessThan(64 * 1024);
  });
});
