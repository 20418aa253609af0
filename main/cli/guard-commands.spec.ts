import { afterEach, describe, expect, it } from 'vitest';
import { fakeEngine, temporaryFolder } from '../host/testing/fake-engine.ts';
import { fakeCommandLine } from './testing/fake-command-line.ts';

const cleanUps: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** A server with the sample "hello" running. */
async function serving() {
  const engine = fakeEngine();
  const line = await fakeCommandLine(await temporaryFolder((work) => void cleanUps.push(work)), engine);
  const { terminal, ended } = line.begin('serve', '--json');
  cleanUps.push(async () => {
    terminal.signal('SIGTERM');
    await ended;
  });
  const end = Date.now() + 20_000;
  while (!terminal.out.includes('\n') && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 10));
  expect((await line.call('start', 'hello')).status).toBe(0);
  return { ...line, engine };
}

describe('vitrine guard', () => {
  it('adds and lists ranges of a running machine', async () => {
    const { call, engine } = await serving();
    const added = await call('guard', 'add', 'hello', '--address', '0x1000', '--bytes', '8K', '--action', 'pause');
    expect(added).toMatchObject({ status: 0, err: '' });
    expect(added.out).toContain('00001000-00002fff  pause      by the host');
    expect((await call('guard', 'add', 'hello', '--table', 'idt', '--action', 'power-off')).status).toBe(0);
    expect((await call('guard', 'add', 'hello', '--address', 'c0100000', '--linear', '--cpu', '0')).status).toBe(0);
    expect((await call('guard', 'remove', 'hello', '--all', '--json')).status).toBe(0);
    expect((await call('guard', 'add', 'hello', '--tree', '--action', 'log')).status).toBe(0);
    expect(engine.machines[0]?.guardRequests).toEqual([
      { kind: 'add', range: { kind: 'physical', address: 0x1000, bytes: 8192 }, action: 'pause' },
      { kind: 'add', range: { kind: 'table', table: 'idt', cpu: 0 }, action: 'powerOff' },
      { kind: 'add', range: { kind: 'linear', address: 0xc0100000, bytes: 1, cpu: 0 }, action: 'deny' },
      { kind: 'clear' },
      { kind: 'treeAction', action: 'log' },
    ]);
    const json: unknown = JSON.parse((await call('guard', 'list', 'hello', '--json')).out);
    expect(json).toMatchObject({ treeAction: 'deny', agent: null });
  });

  it('prints alerts as they come', async () => {
    const { begin, engine } = await serving();
    const { terminal, ended } = begin('guard', 'watch', 'hello', '--history', '--count', '2');
    const writer = { cpu: 1, cs: 8, eip: 0x7c05, linear: 0x7c05, cpl: 0, cr3: 0 };
    const one = {
      sequence: 0,
      action: 'deny',
      cause: 'instruction',
      time: 1_500_000_000,
      linear: 0x2004,
      size: 4,
      writer,
    } as const;
    engine.machines[0]?.emit({
      kind: 'guard',
      alerts: [
        {
          ...one,
          kind: 'listed',
          outcome: 'dropped',
          physical: 0x2004,
          node: undefined,
          level: undefined,
          before: Uint8Array.of(0, 1, 2, 3),
          after: Uint8Array.of(9, 9, 9, 9),
        },
        {
          ...one,
          kind: 'tree',
          outcome: 'refused',
          physical: 0xff000008,
          node: 0xff000000,
          level: 2,
          before: Uint8Array.of(1),
          after: undefined,
        },
      ],
    });
    expect(await ended).toBe(0);
    expect(terminal.out.split('\n')).toEqual([
      '    1.500000  write to 00002004, 4 bytes, by vCPU 1 at 0008:00007c05: 00 01 02 03 -> 09 09 09 09 (denied, deny)',
      '    1.500000  ATTACK ON THE TREE at ff000008, 4 bytes, by vCPU 1 at 0008:00007c05: 01 (refused with #GP, deny)',
      '',
    ]);
  });

  it.each([
    [['add', 'hello'], 'What to protect? Give --address and --bytes, --table, --symbol, --type or --field.'],
    [['add', 'hello', '--address', '12345678900'], '--address takes a hexadecimal address of up to 8 digits'],
    [['add', 'hello', '--address', 'zz'], '--address takes a hexadecimal address of up to 8 digits, not zz.'],
    [['add', 'hello', '--table', 'idt', '--address', '1'], '--address says which bytes; give it without --table.'],
    [['add', 'hello', '--address', '1', '--cpu', '0'], '--cpu goes with --linear and with names'],
    [['add', 'hello', '--table', 'idt', '--bytes', '1'], '--bytes goes with --address or --symbol, not with --table.'],
    [['add', 'hello', '--symbol', 'a', '--type', 'u32@1'], '--symbol says which bytes; give it without --type.'],
    [['add', 'hello', '--symbol', 'a', '--profile', 'lantern'], '--profile goes with --type or --field, not with --symbol.'],
    [['add', 'hello', '--field', 'process@1'], '--field is written as type.field@address'],
    [['add', 'hello', '--type', 'process'], '--type is written as type@address'],
    [['add', 'hello', '--address', '1', '--bytes', '0'], 'At least one byte is protected.'],
    [['add', 'hello', '--tree', '--address', '1'], '--tree names no range'],
    [['watch', 'hello', '--count', 'x'], '--count takes a number, not x.'],
  ])('refuses %j with a sentence', async (words, sentence) => {
    const { call } = await fakeCommandLine(await temporaryFolder((work) => void cleanUps.push(work)), fakeEngine());
    const { status, err } = await call('guard', ...words);
    expect([status, err.includes(sentence) ? sentence : err]).toEqual([2, sentence]);
  });

  it('says that a machine is off when no program has its library', async () => {
    const { call } = await fakeCommandLine(await temporaryFolder((work) => void cleanUps.push(work)), fakeEngine());
    expect(await call('guard', 'list', 'hello')).toMatchObject({
      status: 1,
      err: expect.stringContaining('hello is off') as string,
    });
  });
});
