/**
 * A guest that differs inside all the time, on purpose: each side writes down its own time a hundred times a second. Nobody hears of that, so it costs nothing.
 * Seconds of it by VITRINE_PAIR_DIVERGES, for instance 600.
 */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { LineClient, PairLine } from './pair-line.ts';

const machine = 'server';
const seconds = Number(process.env['VITRINE_PAIR_DIVERGES'] ?? 3);

let servers: PairLine;
beforeEach(async () => {
  servers = await PairLine.open(machine);
});
afterEach(() => servers.close());

it('a guest that differs inside and says the same is never resynchronized for it', { timeout: 300_000 + seconds * 2000 }, async () => {
  await servers.make(new URL('guests/server.asm', import.meta.url), '--memory', '16M');
  // Whatever the host is busy with: that one side is late is another matter.
  const created = await servers.create(30_000, '--late-after', '60000');
  const client = await LineClient.open(created);
  expect(await client.line('the greeting')).toBe('server');
  let number = 0;
  for (const end = Date.now() + seconds * 1000; number < 3 || Date.now() < end; ) {
    number++;
    client.say(`${number} ${number % 3}\n`);
    expect(await client.line(`the answer to ${number}`)).toMatch(new RegExp(`^${number} \\d+$`));
  }
  const before = await servers.look();
  expect(before).toMatchObject({ isProtected: true, primary: 'a' });
  // The first state, and nothing else.
  expect(before.sides.a?.recent.map(({ reason }) => reason)).toEqual(['join']);

  // They did differ: now that somebody asks, those pages have to travel, and both states hash equal then.
  expect((await servers.inject('resync')).status).toBe(0);
  const after = await servers.until('the resync', ({ sides }) => sides.a?.recent.some(({ reason, took }) => reason === 'asked' && took !== undefined) ?? false);
  const asked = after.sides.a?.recent.find(({ reason }) => reason === 'asked');
  expect(asked?.pages).toBeGreaterThan(200);
  expect(asked?.digest).toMatch(/^[0-9a-f]{64}$/);
  expect(after.sides.b?.mode).toBe('together');
  client.say(`${++number} 1\n`);
  expect(await client.line('the last answer')).toMatch(new RegExp(`^${number} \\d+$`));
  client.close();
  if (seconds > 60) process.stdout.write(`${JSON.stringify({ seconds, answered: number, resyncs: before.sides.a?.resyncs, pagesThatDiffered: asked?.pages })}\n`);
});
