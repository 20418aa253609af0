import { rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { PairMessage } from '../../contract/pairs.ts';
import { Host } from '../host.ts';
import { hostOfPairs as open, pairSettings as settings } from '../testing/fake-pair.ts';

/** What the stream says until `isIt`. */
async function heard(stream: AsyncGenerator<PairMessage>, isIt: (message: PairMessage) => boolean): Promise<PairMessage> {
  for (;;) {
    const { value, done } = await stream.next();
    if (done === true) throw new Error('The stream has ended.');
    if (isIt(value)) return value;
  }
}

it('makes a pair, tells how it fares, and the library has it as one machine', async () => {
  const { pair, host } = await open();
  const stream = await host.pairs.watch('clerk');
  expect((await stream.next()).value).toEqual({ kind: 'none' });
  const status = await host.pairs.create('clerk', settings);
  expect(pair.launched).toEqual(['gateway a', 'primary a', 'secondary b']);
  expect(status).toMatchObject({ state: 'protected', primary: 'a', gateway: { port: 4001 }, resyncs: 1 });
  expect(await host.get('clerk')).toMatchObject({ state: 'paired', reason: 'Outputs agree.', pair: { state: 'protected', port: 4001 } });
  await expect(host.start('clerk', false)).rejects.toMatchObject({ code: 'WRONG_STATE' });
  await expect(host.pairs.create('clerk', settings)).rejects.toMatchObject({ code: 'CONFLICT' });
  const now = await heard(stream, (message) => message.kind === 'now' && message.status.state === 'protected');
  expect(now.kind === 'now' && now.samples.at(-1)).toMatchObject({ state: 'protected', lag: 2.5, held: 7, heartbeat: 40 });
  // Who comes later has what was before.
  const later = await host.pairs.watch('clerk');
  expect((await later.next()).value).toMatchObject({ kind: 'now', events: [{ kind: 'protected', by: 'a' }] });
  await later.return();
  await stream.return();
});

it('says why it is unprotected, protects it again, and ends it as a suspended machine', async () => {
  const { pair, host } = await open();
  await host.pairs.create('clerk', settings);
  const stream = await host.pairs.watch('clerk');
  pair.kill('a');
  const alone = await heard(stream, (message) => message.kind === 'now' && message.status.state === 'unprotected');
  expect(alone).toMatchObject({
    status: { primary: 'b', sides: { a: null }, reason: 'It took over, since the primary is gone.' },
    events: [{ kind: 'unprotected' }],
  });
  expect(await host.get('clerk')).toMatchObject({ pair: { state: 'unprotected' } });
  await expect(host.pairs.failover('clerk')).rejects.toMatchObject({ code: 'WRONG_STATE' });
  expect(await host.pairs.reprotect('clerk')).toMatchObject({ state: 'protected', primary: 'b' });
  expect(pair.launched.at(-1)).toBe('secondary a');
  expect(await host.pairs.display('clerk', 'a')).toEqual({ url: 'ws://127.0.0.1:1/a' });
  await host.pairs.inject('clerk', 'secondary', { kind: 'flip-output' });
  expect(pair.asked).toContain('a inject');
  expect(await host.pairs.break('clerk')).toEqual({ state: 'suspended' });
  await heard(stream, ({ kind }) => kind === 'none');
  expect(await host.get('clerk')).toMatchObject({ state: 'suspended', pair: null });
  await stream.return();
});

it('finds a pair again that was made before the host came, and one that others make while it is there', async () => {
  const { pair, host, options } = await open();
  await host.pairs.create('clerk', settings);
  await host.close();
  const again = await Host.open(options);
  onTestFinished(() => again.close());
  expect((await again.list()).find(({ id }) => id === 'clerk')).toMatchObject({ state: 'paired', pair: { state: 'protected' } });
  // The library's readers hear of what happens to it.
  const changes = await again.watch();
  pair.kill('a');
  for await (const change of changes)
    if (change.kind === 'changed' && change.entry.kind === 'machine' && change.entry.pair?.state === 'unprotected') break;
  await rm(join(options.library, 'clerk', 'pair'), { recursive: true });
  const more = await again.watch();
  for await (const change of more) if (change.kind === 'changed' && change.entry.kind === 'machine' && change.entry.state === 'off') break;
});

it('names what stands in the way, and the action that mends it; what only is worth knowing blocks nothing', async () => {
  const { host } = await open();
  const points = async (port = 0, more: { peer?: string; etcd?: string[]; etcdFiles?: { ca?: string } } = {}) =>
    Object.fromEntries((await host.pairs.preflight('clerk', { port, ...more })).map((point) => [point.id, point]));
  expect(Object.values(await points()).filter(({ state }) => state === 'blocks')).toEqual([]);
  expect(await points(0, { peer: 'rack-2' })).toMatchObject({
    peer: { state: 'blocks', sentence: expect.stringContaining('No host named rack-2') as string },
    lease: { state: 'blocks', sentence: expect.stringContaining('name an etcd') as string },
  });
  expect(await points(0, { etcd: ['http://127.0.0.1:1'] })).toMatchObject({ lease: { state: 'blocks', sentence: 'etcd at http://127.0.0.1:1 does not answer: connect ECONNREFUSED 127.0.0.1:1' } });
  const etcdFiles = { ca: join(tmpdir(), 'no-such-authority.pem') };
  expect(await points(0, { etcd: ['https://127.0.0.1:1'], etcdFiles })).toMatchObject({ lease: { state: 'blocks', sentence: `${etcdFiles.ca} does not exist.` } });
  expect(await points(0, { etcdFiles })).toMatchObject({ lease: { state: 'blocks' } });
  expect(host.pairs.peers()).toEqual([]);
  await host.configure('clerk', { cpus: 2, clock: 'virtual' });
  expect(await points()).toMatchObject({ vcpus: { state: 'note', actions: ['oneVcpu'] }, clock: { state: 'note', actions: ['wallClock'] } });
  await host.start('clerk', false);
  expect(await points()).toMatchObject({ state: { state: 'blocks', actions: ['powerButton', 'powerOff'] } });
  await expect(host.pairs.create('clerk', settings)).rejects.toMatchObject({ code: 'WRONG_STATE', message: expect.stringContaining('It is running.') as string });
  await host.suspending.suspend('clerk');
  expect(await points()).toMatchObject({ state: { state: 'blocks', actions: ['resume', 'discard'] } });
  await host.suspending.discard('clerk');
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  expect(await points((server.address() as AddressInfo).port)).toMatchObject({ state: { state: 'ok' }, port: { state: 'blocks', actions: ['anyPort'] } });
});

it('says of a pair without its gateway what can be done, which works', async () => {
  const { pair, host } = await open();
  await host.pairs.create('clerk', settings);
  pair.kill('gateway');
  expect(await host.pairs.status('clerk')).toMatchObject({ state: 'lost', gateway: null, reason: expect.stringContaining('End the pair; its machine is kept, suspended.') as string });
  await expect(host.pairs.reprotect('clerk')).rejects.toThrow('a pair gets no other one. End the pair');
  expect(await host.pairs.break('clerk')).toEqual({ state: 'suspended' });
});

it('does one thing at a time to a pair, and knows machines that are in none', async () => {
  const { host } = await open();
  await expect(host.pairs.status('clerk')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await expect(host.pairs.resync('clerk')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await expect(host.pairs.preflight('nobody', { port: 0 })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  const both = await Promise.allSettled([host.pairs.create('clerk', settings), host.pairs.create('clerk', settings)]);
  expect(both.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  const refused = { code: 'WRONG_STATE', message: 'The pair of Clerk is being made; wait until that is done.' };
  expect(both.find(({ status }) => status === 'rejected')).toMatchObject({ reason: refused });
});

it('says what went in and out at the gateway, and knows no pair that has none', async () => {
  const { host } = await open();
  await expect(host.pairs.outside('clerk', 0)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await host.pairs.create('clerk', settings);
  expect(await host.pairs.outside('clerk', 5)).toEqual({ offset: 5, bytes: Uint8Array.of(0x6f, 0x6b), inputs: [] });
});

it('has a picture of each side while somebody looks, the primary’s also behind the end of the pair', async () => {
  const { pair, host } = await open();
  await host.pairs.create('clerk', settings);
  expect(await host.pairs.picture('clerk', 'a')).toBeNull();
  host.pairs.follow();
  const screens = async () => {
    const entry = await host.get('clerk');
    return entry.kind === 'machine' ? (entry.pair?.screens ?? []) : [];
  };
  await expect.poll(screens, { timeout: 10_000 }).toEqual([
    { side: 'a', role: 'primary', picture: expect.any(Number) as number },
    { side: 'b', role: 'secondary', picture: expect.any(Number) as number },
  ]);
  const first = await host.pairs.picture('clerk', 'a');
  expect(Buffer.from(first?.png ?? []).subarray(1, 4).toString()).toBe('PNG');
  const before = (await screens())[0]?.picture;
  pair.red = 200;
  await expect.poll(async () => (await screens())[0]?.picture, { timeout: 15_000 }).not.toBe(before);
  const second = await host.pairs.picture('clerk', 'a');
  expect(second).not.toEqual(first);
  expect(await host.thumbnail('clerk')).toEqual(second);
  pair.kill('a');
  await host.pairs.status('clerk');
  expect(await screens()).toMatchObject([{ side: 'b', role: 'primary' }, { side: 'a', role: 'gone' }]);
}, 40_000);
