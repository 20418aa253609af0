/**
 * A pair in real processes, as people start it: a client sends numbered requests through the gateway while sides are killed, stopped and cut off.
 * Every answer comes once, in order, and right, by a second clerk in TypeScript.
 *
 * VITRINE_PAIR=N sends N requests altogether while the sides fail at every step of the protocol, by either signal, and says at the end what came of it:
 *
 *   VITRINE_PAIR=100000 npx vitest run --project cli test/cli/pair.spec.ts -t 'whatever step'
 *
 * VITRINE_PAIR_SEED repeats a run as far as the scheduler lets it.
 */
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PairStatus } from '../../main/host/pair/pairs.ts';
import { failPoints, type FailPoint } from '../../main/host/pair/protocol.ts';
import { ClerkClient } from './clerk-client.ts';
import { PairLine, pidOf } from './pair-line.ts';
import type { CommandLine } from './vitrine.ts';

const isLong = process.env['VITRINE_PAIR'] !== undefined;
/** Of each part, but for those of a long run. */
const requests = 40;
const machine = 'bank-clerk';
/** Of a long run: requests that are on their way at the same time. */
const window = isLong ? 16 : undefined;
const seed = Number(process.env['VITRINE_PAIR_SEED'] ?? (isLong ? Date.now() % 2 ** 32 : 1));

/** Numbers from 0 to 1 that a seed repeats (mulberry32). */
function randomFrom(state: number): () => number {
  let at = state >>> 0;
  return () => {
    at = (at + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(at ^ (at >>> 15), at | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

let clerks: PairLine;
let line: CommandLine;
beforeEach(async () => {
  clerks = await PairLine.open(machine);
  line = clerks.line;
});
afterEach(() => clerks.close());

const pair = (...words: string[]) => clerks.pair(...words);
const create = (deadAfter?: number, ...words: string[]) => clerks.create(deadAfter, ...words);
const look = () => clerks.look();
const until = (what: string, condition: (status: PairStatus) => boolean) => clerks.until(what, condition);

describe('a pair', { timeout: 240_000 + requests * 600 }, () => {
  it('answers every request once and right while either side is killed, and ends as a suspended machine', async () => {
    const created = await create();
    expect(created).toMatchObject({ isProtected: true, primary: 'a' });
    const client = await ClerkClient.open(created);
    await client.requests(requests);

    // Both have recorded their own time, and nobody is the wiser: no resync for that.
    const agreed = await pair('status', machine);
    expect(agreed.sides.a?.recent.filter(({ reason }) => reason === 'differs')).toEqual([]);
    // What a person may ask for besides: how far the other side is away, what left, and how long each request took.
    expect(agreed.sides.a?.roundTrip).toBeGreaterThan(0);
    const { together = 0, waited = 0 } = agreed.sides.a?.cost ?? {};
    expect(waited).toBeGreaterThan(0);
    expect(waited).toBeLessThan(together);
    expect((await line.run('pair', 'output', machine)).out).toMatch(new RegExp(`^clerk 0\n[^]*\n${requests} `, 'u'));
    const asked = JSON.parse((await line.run('pair', 'requests', machine, '--json')).out) as { bytes: number; left: { after: number } | null }[];
    expect(asked.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(agreed.gateway?.bytesIn);
    expect(asked.every(({ left }) => left !== null && left.after > 0)).toBe(true);

    await client.requests(requests, () => Promise.resolve(process.kill(pidOf(created, 'a'), 'SIGKILL')));
    const survived = await until('the take-over', ({ primary }) => primary === 'b');
    expect(survived.isProtected).toBe(false);
    expect(survived.sides.b).toMatchObject({ mode: 'alone', term: 2 });
    const told = JSON.parse((await line.run('pair', 'status', machine, '--json')).out) as { failover: { by: string; took: number } | null };
    expect(told.failover).toMatchObject({ by: 'b', took: expect.any(Number) as number });

    const again = await pair('reprotect', machine);
    expect(again).toMatchObject({ isProtected: true, primary: 'b' });
    await client.requests(requests, () => Promise.resolve(process.kill(pidOf(again, 'a'), 'SIGKILL')));
    await until('the primary to go on alone', ({ sides }) => sides.b?.mode === 'alone' && sides.b.term === 3);
    await client.requests(5);
    client.close();

    const ended = await line.run('pair', 'break', machine);
    expect(ended).toMatchObject({ status: 0, err: '' });
    expect((await line.run('list')).out).toMatch(/bank-clerk +suspended/);
    const status = await line.run('pair', 'status', machine);
    expect(status).toMatchObject({ status: 2, err: 'vitrine: This machine is in no pair.\n' });
  });

  it('resyncs once for output that differs and comes to equal digests; a wrong byte reaches no client', async () => {
    const created = await create(30_000, '--storm-after', '2');
    const client = await ClerkClient.open(created);
    await client.requests(5);
    const before = (await pair('status', machine)).sides.a?.resyncs ?? 0;
    expect((await line.run('pair', 'inject', machine, 'flip-output')).status).toBe(0);
    expect((await line.run('pair', 'inject', machine, 'flip-register', '--cpu', '7')).err).toContain('There is no virtual CPU 7.');
    await client.requests(5);
    const after = await until('the resync', ({ sides, isProtected }) => isProtected && (sides.a?.recent.some(({ reason, took }) => reason === 'differs' && took !== undefined) ?? false));
    // With --verify a secondary whose digest is another ends itself.
    const differing = after.sides.a?.recent.filter(({ reason }) => reason === 'differs') ?? [];
    expect(differing).toHaveLength(1);
    expect(differing[0]?.divergence?.channel).toBe('com1');
    expect(differing[0]?.digest).toMatch(/^[0-9a-f]{64}$/);
    // A client's own lines are before it, and both sides have counted what they did inside.
    expect(differing[0]?.divergence?.before.length).toBeGreaterThan(0);
    expect(differing[0]?.difference?.instructions.primary).toBeGreaterThan(0);
    const shown = await line.run('pair', 'status', machine);
    expect(shown.out).toMatch(/Last divergence: com1 at offset \d+, behind/);
    expect(shown.out).toMatch(/Instructions until then: [\d,]+ on the primary, [\d,]+ on the secondary\./);
    expect(after.sides.a?.resyncs).toBeGreaterThan(before);
    expect(after.sides.b?.mode).toBe('together');

    // Three within 10 s are a storm here: outputs are committed from then on, and the pair says so.
    for (let tries = 0; tries < 20 && (await look()).sides.a?.periodic !== true; tries++) {
      await line.run('pair', 'inject', machine, 'flip-output');
      await client.requests(2);
    }
    const storm = await until('periodic checkpoints', ({ sides, isProtected }) => isProtected && (sides.a?.periodic ?? false) && (sides.b?.periodic ?? false));
    expect(storm.reason).toMatch(/periodic checkpoints/);
    await client.requests(8);
    expect((await pair('status', machine)).sides.a?.recent.some(({ reason }) => reason === 'periodic')).toBe(true);
    // The secondary, which stood still, goes on from the last checkpoint.
    await client.requests(8, () => Promise.resolve(process.kill(pidOf(storm, 'a'), 'SIGKILL')));
    await until('the take-over', ({ primary }) => primary === 'b');
    client.close();
  });

  it('has one speaker when the primary is only stopped, and when the link is cut', async () => {
    const created = await create(4000);
    const client = await ClerkClient.open(created);
    await client.requests(4);
    const stopped = pidOf(created, 'a');
    process.kill(stopped, 'SIGSTOP');
    try {
      await client.requests(requests);
      await until('the take-over', ({ primary }) => primary === 'b');
    } finally {
      process.kill(stopped, 'SIGCONT');
    }
    // It wakes up, finds a newer term, and is gone without a word.
    await until('the end of the stopped side', ({ sides }) => sides.a === null);
    await client.requests(4);

    await pair('reprotect', machine);
    expect((await line.run('pair', 'inject', machine, 'cut')).status).toBe(0);
    await client.requests(requests);
    const cut = await until('one side', ({ sides }) => (sides.a === null) !== (sides.b === null));
    expect(cut.isProtected).toBe(false);
    await client.requests(4);
    client.close();

    // The host loses its power: what was answered is on the disk of whoever spoke last.
    clerks.killAll();
    await until('nobody', ({ gateway, sides }) => gateway === null && sides.a === null && sides.b === null);
    const ended = await line.run('pair', 'break', machine, '--json');
    expect([ended.err, JSON.parse(ended.out)]).toEqual(['', { machine, state: 'off' }]);
    expect(await line.run('run', machine, '--until-serial', `clerk ${client.oracle.last}\n`, '--timeout', '60')).toMatchObject({ status: 0 });
  });

  const points: readonly [FailPoint, 'primary' | 'secondary'][] = failPoints.map((point) => [
    point,
    ['staged', 'received', 'committed', 'confirmed', 'produce'].includes(point) ? 'secondary' : 'primary',
  ]);
  const failures = points.flatMap(([point, side]) => (['SIGKILL', 'SIGSTOP'] as const).map((signal): [FailPoint, string, string] => [point, side, signal]));
  /** In short runs some of each kind; all of them with VITRINE_PAIR. */
  const some: [string, FailPoint[]][] = [
    ['wall', ['sent']],
    // What was decided about an input is lost with who decided; a state with its epochs is in place and nobody knows.
    ['virtual', ['input', 'committed']],
  ];
  const clocks = some.map(([clock, chosen]) => [clock, isLong ? failures : failures.filter(([point, , signal]) => chosen.includes(point) && signal === 'SIGKILL')] as const);

  it.each(clocks)('answers every request once and right whatever step of the protocol a side fails at, under the %s clock', { timeout: 120_000 + failures.length * (isLong ? 120_000 : 5_000) }, async (clock, chosen) => {
    const random = randomFrom(seed);
    const share = isLong ? Math.ceil(Number(process.env['VITRINE_PAIR']) / chosen.length) : requests;
    const began = Date.now();
    if (clock !== 'wall') {
      expect(await line.run('delete', machine, '--disks')).toMatchObject({ status: 0, err: '' });
      await clerks.makeOf('--sample', 'bank-clerk', '--clock', clock);
    }
    const created = await create(isLong ? 4000 : 30_000);
    const client = await ClerkClient.open(created, window);
    for (const [index, [point, side, signal]] of chosen.entries()) {
      if (index > 0) await pair('reprotect', machine);
      const before = await look();
      const target = before.primary === null ? undefined : before.sides[side === 'primary' ? before.primary : before.primary === 'a' ? 'b' : 'a'];
      const fail = async () => {
        expect(await line.run('pair', 'inject', machine, 'fail-at', '--side', side, '--point', point, '--signal', signal)).toMatchObject({ status: 0, err: '' });
        // A resync comes by, and the rest of the steps with it. Not by a wrong byte: a secondary that is wrong and takes over is two faults.
        const all = point === 'ahead' || point === 'staged' ? ['--full'] : [];
        await line.run('pair', 'inject', machine, 'resync', ...all);
      };
      await client.requests(share, fail, random() / 2);
      await client.requests(4);
      await until(`the end of protection at ${point}`, ({ sides, primary }) => primary !== null && sides[primary]?.mode === 'alone');
      if (signal === 'SIGSTOP' && target) {
        process.kill(target.pid, 'SIGCONT');
        await until('the end of the stopped side', ({ sides }) => sides[target.side] === null);
      }
      await client.requests(4);
      // Neither has come to a state that is not the other's, and under the virtual clock they were the same all the time.
      expect(readFileSync(`${line.library}/${machine}/pair/journal.jsonl`, 'utf8')).not.toMatch(/Failed:|not the same inside/);
    }
    client.close();
    if (isLong)
      process.stdout.write(
        `${JSON.stringify({ seed, clock, answered: client.oracle.last, failures: chosen.length, seconds: Math.round((Date.now() - began) / 1000) })}\n`,
      );
  });

  it('is refused with a sentence where there is nothing to be made a pair of', async () => {
    await line.run('list');
    expect(await line.run('pair', 'status', machine)).toMatchObject({ status: 2, err: 'vitrine: This machine is in no pair.\n' });
    expect(await line.run('pair', 'create', 'nobody')).toMatchObject({ status: 2 });
    expect(await line.run('pair', 'create', machine, '--dead-after', 'soon')).toMatchObject({ status: 2 });
  });
});
