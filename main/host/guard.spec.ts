import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { GuardAlert } from '../../engine/machine/guard-types.ts';
import { guardAlert, guardState } from '../contract/guard.ts';
import { forgetRange, guardMessage, keepRange } from './guard.ts';
import { readMachineFile, writeMachineFile, type MachineFile } from './machine-file.ts';
import { fakeEngine, fakeHost, temporaryFolder } from './testing/fake-engine.ts';

const cleanUps: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

const file: MachineFile = {
  format: 'vitrine-machine',
  version: 1,
  name: 'One',
  created: '2026-01-02T03:04:05.000Z',
  cpus: 1,
  memoryMiB: 64,
  clock: 'wall',
  boot: { kind: 'own-bios' },
};
const physical = (address: number, bytes: number) => ({ kind: 'physical', address, bytes }) as const;
const ranges = (of: MachineFile) => of.guard?.ranges?.map(({ address, bytes, action }) => [address, bytes, action]);

const alert: GuardAlert = {
  sequence: 0,
  kind: 'listed',
  action: 'deny',
  outcome: 'dropped',
  cause: 'instruction',
  time: 5,
  physical: 0x1234,
  linear: 0x1234,
  size: 2,
  node: undefined,
  level: undefined,
  writer: { cpu: 0, cs: 8, eip: 0x100, linear: 0x100, cpl: 0, cr3: 0 },
  before: Uint8Array.of(1, 2),
  after: Uint8Array.of(3, 4),
};

describe('what the machine’s file keeps', () => {
  it('is read back as it was written, and other keys are refused', () => {
    const kept = keepRange(file, physical(0x1000, 0x2000), 'deny');
    expect(readMachineFile(writeMachineFile(kept))).toEqual(kept);
    const damaged = JSON.stringify({ ...kept, guard: { ...kept.guard, extra: 1 } });
    expect(() => readMachineFile(Buffer.from(damaged))).toThrow('unknown key "extra"');
  });

  it('has each page once: a later range replaces what it covers', () => {
    const twice = keepRange(keepRange(file, physical(0x1000, 0x4000), 'deny'), physical(0x2000, 0x1000), 'log');
    expect(ranges(twice)).toEqual([
      [0x1000, 0x1000, 'deny'],
      [0x3000, 0x2000, 'deny'],
      [0x2000, 0x1000, 'log'],
    ]);
  });

  it('is nothing when the last range is gone', () => {
    const kept = keepRange(file, physical(0x1ff0, 0x20), 'deny');
    expect(forgetRange(kept, { address: 0, bytes: 0x10000 })).toEqual(file);
    expect(ranges(forgetRange(kept, { address: 0x8000, bytes: 1 }))).toEqual([[0x1ff0, 0x20, 'deny']]);
  });

  it('cannot be a range that does not exist at power-on', () => {
    expect(() => keepRange(file, { kind: 'table', table: 'idt', cpu: 0 }, 'deny')).toThrow('Only a range of physical memory');
  });
});

describe('the guard of a machine of the library', () => {
  it('is set from the machine’s file at power-on, and the file follows', async () => {
    const engine = fakeEngine();
    const { host } = await fakeHost(await temporaryFolder((work) => void cleanUps.push(work)), { engine });
    cleanUps.push(() => host.close());
    await host.start('hello', false);
    const state = await host.changeGuard('hello', { kind: 'add', range: physical(0x5000, 0x1000), action: 'pause' }, (before) =>
      keepRange(before, physical(0x5000, 0x1000), 'pause'),
    );
    expect(guardState.parse(state).ranges).toEqual([{ address: 0x5000, bytes: 0x1000, action: 'pause', byHost: true }]);
    await host.control('hello', (session) => session.powerOff());
    await host.start('hello', false);
    expect(engine.machines.at(-1)?.configuration.guard).toEqual({
      hypercalls: false,
      ranges: [{ address: 0x5000, bytes: 0x1000, action: 'pause' }],
    });
  });

  it('tells readers of alerts, early and late ones, and writes a line for each into the folder', async () => {
    const engine = fakeEngine();
    const { host } = await fakeHost(await temporaryFolder((work) => void cleanUps.push(work)), { engine });
    cleanUps.push(() => host.close());
    const early = await host.watchGuard('hello', true);
    await host.start('hello', false);
    await host.withSession('hello', ({ debug }) => Promise.resolve(debug.setLabels('hello.asm', new Map([['start', 0xf8]]))));
    engine.machines[0]?.emit({
      kind: 'guard',
      alerts: [alert, { ...alert, sequence: 1, outcome: 'refused', after: undefined, writer: undefined }],
    });
    engine.machines[0]?.emit({ kind: 'guard', alerts: [{ ...alert, sequence: 2 }] });
    const late = await host.watchGuard('hello', true);
    for (const stream of [early, late]) {
      // In one batch or in several: a reader that comes late, or waits, gets them joined. Each of them once.
      const heard = [];
      while (heard.length < 3) heard.push(...((await stream.next()).value ?? []));
      expect(heard.map(({ sequence }) => sequence)).toEqual([0, 1, 2]);
      const [first, second] = heard;
      expect(guardAlert.parse(first)).toMatchObject({ sequence: 0, physical: 0x1234, after: Uint8Array.of(3, 4) });
      expect(guardAlert.parse(first).writer).toMatchObject({ cpu: 0, symbol: 'start+0x8' });
      expect(guardAlert.parse(second)).toMatchObject({ sequence: 1, after: null, writer: null });
      await stream.return();
    }
    await host.control('hello', (session) => session.powerOff());
    const { folder } = await host.get('hello');
    const lines = (await readFile(join(folder, 'guard.log'), 'utf8')).trim().split('\n');
    expect(lines.map((line) => JSON.parse(line) as object)).toMatchObject([
      { sequence: 0, before: '0102', after: '0304' },
      { sequence: 1, after: null },
      { sequence: 2, after: '0304' },
    ]);
  });

  it('keeps no more for a reader than it can take, and the numbers say what it missed', async () => {
    const engine = fakeEngine();
    const { host } = await fakeHost(await temporaryFolder((work) => void cleanUps.push(work)), { engine });
    cleanUps.push(() => host.close());
    const slow = await host.watchGuard('hello', false);
    await host.start('hello', false);
    for (let sequence = 0; sequence < 5000; sequence += 100)
      engine.machines[0]?.emit({
        kind: 'guard',
        alerts: Array.from({ length: 100 }, (_, at) => ({ ...alert, sequence: sequence + at })),
      });
    // The first one came at once; of what was gathered behind it the newest are left.
    const numbers: number[] = [];
    while (numbers.at(-1) !== 4999) numbers.push(...((await slow.next()).value ?? []).map(({ sequence }) => sequence));
    expect([numbers.length, numbers.at(-1000)]).toEqual([1100, 4000]);
    await slow.return();
  });

  it('tells people of writes to pages with that action, and of no others', async () => {
    const engine = fakeEngine();
    const { host } = await fakeHost(await temporaryFolder((work) => void cleanUps.push(work)), { engine });
    cleanUps.push(() => host.close());
    await host.start('hello', false);
    const events = await host.events('hello', false);
    const notified: GuardAlert = { ...alert, action: 'notify', outcome: 'made' };
    engine.machines[0]?.emit({ kind: 'guard', alerts: [alert, notified, { ...notified, physical: 0x1300, writer: undefined }] });
    const heard: unknown[] = [];
    for (let count = 0; count < 3; count++) heard.push((await events.next()).value);
    expect(heard.at(-1)).toEqual({
      kind: 'guard',
      count: 2,
      sentence: 'A device wrote 2 bytes of guarded memory at 00001300: 0102 became 0304.',
    });
    await events.return();
  });

  it('says so when the machine is off', async () => {
    const { host } = await fakeHost(await temporaryFolder((work) => void cleanUps.push(work)));
    cleanUps.push(() => host.close());
    await expect(host.changeGuard('hello', { kind: 'look' })).rejects.toThrow('The machine is off; start it first.');
  });

  it('has nulls where the engine has nothing', () => {
    const state = {
      ranges: [],
      nodes: [{ address: 1, level: undefined, parent: undefined, first: undefined, given: false }],
      treeAction: 'deny',
      agent: undefined,
      sealed: false,
      alerts: 0,
      treeAlerts: 0,
      damaged: 0,
    } as const;
    expect(guardState.parse(guardMessage({ ...state, ranges: [], nodes: [...state.nodes] }))).toMatchObject({
      agent: null,
      nodes: [{ level: null, parent: null, first: null }],
    });
  });
});
