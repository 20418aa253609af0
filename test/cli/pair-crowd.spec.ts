/** Pairs of several vCPUs under the wall clock: nothing inside is the same on both sides, and clients see one whole stream. VITRINE_PAIR: longer. */
import { writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { kernel } from '../boot/smp-kernel.ts';
import { LineClient, PairLine, pidOf } from './pair-line.ts';

const isLong = process.env['VITRINE_PAIR'] !== undefined;

let crowd: PairLine;
beforeEach(async () => {
  crowd = await PairLine.open('crowd');
});
afterEach(() => crowd.close());

async function make(cpus: number, races: 0 | 1): Promise<void> {
  const image = crowd.line.at('crowd.elf');
  await writeFile(image, kernel('crowd', cpus, `RACES equ ${races}`, new URL('guests/', import.meta.url)));
  await crowd.makeOf('--kernel', image, '--cpus', String(cpus), '--memory', '8M');
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
      const line = await this.client.line(answer);
      const letters = line.length > answer.length ? line.slice(0, this.cpus) : '';
      expect([...letters].sort().join('') + line.slice(letters.length)).toBe(letters === '' ? answer : `${'abcdefgh'.slice(0, this.cpus)} ${answer}`);
    }
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
});
