/**
 * Pairs of several vCPUs. Under the wall clock nothing inside is the same on both sides, and clients see one whole stream; under the virtual clock nothing
 * differs. VITRINE_PAIR: longer.
 */
import { writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PairStatus } from '../../main/host/pair/pairs.ts';
import { kernel } from '../boot/smp-kernel.ts';
import { LineClient, PairLine, pidOf } from './pair-line.ts';

const isLong = process.env['VITRINE_PAIR'] !== undefined;

let crowd: PairLine;
beforeEach(async () => {
  crowd = await PairLine.open('crowd');
});
afterEach(() => crowd.close());

async function make(cpus: number, races: 0 | 1, ...words: string[]): Promise<void> {
  const stamped = words.includes('virtual') ? 1 : 0;
  const image = crowd.line.at('crowd.elf');
  await writeFile(image, kernel('crowd', cpus, `RACES equ ${races}\nSTAMPED equ ${stamped}`, new URL('guests/', import.meta.url)));
  await crowd.makeOf('--kernel', image, '--cpus', String(cpus), '--memory', '8M', ...words);
}

const hex = (value: number) => (value >>> 0).toString(16).padStart(8, '0');

/** A second crowd, in TypeScript. */
function totalOf(job: number, cpus: number): number {
  let total = 0;
  for (let cpu = 0; cpu < cpus; cpu++) {
    let part = (Math.imul(job, 40503) + cpu) >>> 0;
    for (let round = 0; round < 1000; round++) part = (Math.imul(part, 1103515245) + 12345) >>> 0;
    total = (total + part) >>> 0;
  }
  return total;
}

class Jobs {
  #job = 0;
  #stamp = 0;

  constructor(
    private readonly client: LineClient,
    private readonly cpus: number,
  ) {}

  /** Each answer is awaited before the next job. `midway` happens while one is being done. */
  async do(count: number, midway: () => unknown = () => undefined): Promise<void> {
    for (let number = 0; number < count; number++) {
      this.client.say('.');
      if (number === Math.floor(count / 2)) midway();
      const job = ++this.#job;
      const answer = `${hex(job)} ${hex(totalOf(job, this.cpus))}`;
      const line = this.#withoutStamp(await this.client.line(answer));
      const letters = line.length > answer.length ? line.slice(0, this.cpus) : '';
      expect([...letters].sort().join('') + line.slice(letters.length)).toBe(letters === '' ? answer : `${'abcdefgh'.slice(0, this.cpus)} ${answer}`);
    }
  }

  /** A guest's time only goes forward, whoever goes on with it. */
  #withoutStamp(line: string): string {
    const found = / ([0-9a-f]{16})$/.exec(line);
    if (found === null) return line;
    const stamp = Number.parseInt(found[1] ?? '', 16);
    expect(stamp).toBeGreaterThan(this.#stamp);
    this.#stamp = stamp;
    return line.slice(0, -found[0].length);
  }
}

describe('a pair of several vCPUs', { timeout: 300_000 }, () => {
  it.each(isLong ? [2, 4] : [2])('of %i: differs inside without a resync, and goes on when a side is killed', async (cpus) => {
    await make(cpus, 0);
    const created = await crowd.create();
    const client = await LineClient.open(created);
    const jobs = new Jobs(client, cpus);
    await jobs.do(isLong ? 2000 : 30);
    const { sides } = await crowd.look();
    expect(sides.a?.recent.filter(({ reason }) => reason !== 'join')).toEqual([]);
    await jobs.do(20, () => process.kill(pidOf(created, 'a'), 'SIGKILL'));
    await crowd.until('the take-over', ({ primary }) => primary === 'b');
    // The whole state goes to a new secondary while they work, and that one takes over.
    const again = crowd.pair('reprotect', 'crowd');
    await jobs.do(20);
    await again;
    await jobs.do(20, () => process.kill(pidOf(created, 'b'), 'SIGKILL'));
    await crowd.until('the take-over', ({ primary }) => primary === 'a');
    client.close();
  });

  it('whose output races resyncs as often as it differs; the stream is whole, and the states are equal after each', async () => {
    const cpus = 4;
    await make(cpus, 1);
    // With --verify a side whose digest is another ends itself.
    const created = await crowd.create(30_000, '--storm-after', '100000');
    const client = await LineClient.open(created);
    const jobs = new Jobs(client, cpus);
    const wanted = isLong ? 200 : 3;
    let resyncs = 0;
    for (let tries = 0; tries < 40 * wanted && resyncs < wanted; tries++) {
      await jobs.do(3);
      resyncs = ((await crowd.look()).sides.a?.resyncs ?? 0) - 1;
    }
    const raced = await crowd.until('the end of a resync', ({ sides }) => sides.a?.recent.at(-1)?.took !== undefined);
    expect(resyncs).toBeGreaterThanOrEqual(wanted);
    const differing = raced.sides.a?.recent.filter(({ reason }) => reason === 'differs') ?? [];
    expect(differing.length).toBeGreaterThan(0);
    for (const { digest, divergence } of differing) {
      expect(digest).toMatch(/^[0-9a-f]{64}$/);
      expect(divergence?.channel).toBe('com1');
    }
    expect(raced).toMatchObject({ isProtected: true, sides: { b: { mode: 'together' } } });
    await jobs.do(20, () => process.kill(pidOf(created, 'a'), 'SIGKILL'));
    await crowd.until('the take-over', ({ primary }) => primary === 'b');
    client.close();
  });

  it('under the virtual clock is the same inside and outside, time stamps and the order of its vCPUs included', async () => {
    const cpus = 3;
    await make(cpus, 1, '--clock', 'virtual');
    const created = await crowd.create();
    const client = await LineClient.open(created);
    const jobs = new Jobs(client, cpus);
    for (let round = 0; round < (isLong ? 200 : 6); round++) {
      await jobs.do(5);
      await delay((round * 37) % 100);
    }
    const strayed = (status: PairStatus) => status.sides.b?.events.filter(({ text }) => text.includes('not the same inside'));
    const before = await crowd.look();
    expect(strayed(before)).toEqual([]);
    expect(before.sides.a?.recent.map(({ reason }) => reason)).toEqual(['join']);
    // Looked at in one moment of the guest's time not a page differs but the one with the number of the checkpoint.
    expect((await crowd.inject('resync')).err).toBe('');
    await jobs.do(5);
    const asked = await crowd.until('the resync', ({ sides }) => sides.a?.recent.at(-1)?.took !== undefined && sides.a.resyncs === 2);
    expect(asked.sides.a?.recent.at(-1)).toMatchObject({ reason: 'asked', differing: [{ part: 'block epoch 1', page: 0 }] });

    await jobs.do(20, () => process.kill(pidOf(created, 'a'), 'SIGKILL'));
    await crowd.until('the take-over', ({ primary }) => primary === 'b');
    await crowd.pair('reprotect', 'crowd');
    await jobs.do(20);
    const again = await crowd.look();
    expect(again.sides.b?.recent.map(({ reason }) => reason)).toEqual(['join']);
    expect(again.sides.a?.events.filter(({ text }) => text.includes('not the same inside'))).toEqual([]);

    // A bit of memory that nobody reads: seen, and no reason to do anything.
    expect((await crowd.inject('flip-memory', '--address', '700000')).err).toBe('');
    await crowd.until('somebody to see it', ({ sides }) => sides.b?.events.some(({ text }) => text.includes('not the same inside')) ?? false);
    expect((await crowd.look()).sides.b?.resyncs).toBe(1);
    client.close();
  });
});
