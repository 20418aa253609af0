/** kill -9 of `vitrine serve` while guests write, machines are suspended and the library changes. VITRINE_KILLS sets how often. */
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { missingPackages } from '../../build/prepare.mjs';
import { LibraryWork } from '../kill/library-work.ts';
import { killAgainAndAgain } from '../kill/rounds.ts';
import { Writer } from '../kill/writer.ts';

const kills = Number(process.env['VITRINE_KILLS'] ?? 3);
const seed = Number(process.env['VITRINE_SEED'] ?? Date.now() % 1_000_000);
const missing = missingPackages([{ name: 'qemu-utils', program: 'qemu-img' }]);

describe.skipIf(missing.length > 0)('a library whose program is killed at random instants', () => {
  it(
    `opens with every machine, and nothing that was flushed is lost (${kills} times)`,
    { timeout: 300_000 + kills * 60_000 },
    async () => {
      const folder = mkdtempSync(path.join(tmpdir(), 'vitrine-kill-'));
      onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
      const outcome = await killAgainAndAgain(folder, ['serve'], kills, seed);
      process.stderr.write(`Killed ${outcome.kills} times (seed ${seed}): ${JSON.stringify(outcome)}\n`);
      expect(outcome.wrong).toEqual([]);
      expect(outcome.kills).toBe(kills);
      expect(outcome.flushes).toBeGreaterThan(0);
      expect(outcome.changes).toBeGreaterThan(0);
    },
  );
});

describe.skipIf(missing.length > 0)('what is looked for after a kill', () => {
  const version = (number: number): Buffer =>
    Buffer.concat(Array.from({ length: 128 }, () => Buffer.from(Uint32Array.of(number).buffer)));

  it('is missed when it is lost: a flushed sector, half of one, a machine, a change of one (negative control)', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'vitrine-kill-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const writer = new Writer(path.join(folder, 'library'));
    expect(writer.inspect()).toEqual([]);
    const image = openSync(writer.at('raw.img'), 'r+');
    for (const number of [1, 2, 3]) writeSync(image, version(number), 0, 512, (16 + number * 200) * 512);
    writer.hear(Buffer.from('S 0 00000001\n0 00000003\n'));
    expect(writer.inspect()).toEqual([]);
    writer.hear(Buffer.from('0 00000004\nX 0 00000001 00000002\n'));
    expect(writer.inspect()).toEqual(['slot 4 of raw.img holds 0, but 4 was flushed']);
    expect(writer.complaints).toEqual(['the guest says “X 0 00000001 00000002”']);
    writeSync(image, version(9), 0, 100, (16 + 400) * 512);
    expect(writer.inspect()).toContain('slot 2 of raw.img is torn');
    closeSync(image);

    const work = new LibraryWork(() => 0);
    work.known.set('one', { name: 'One', group: null, tags: [], note: '' });
    expect(work.compare([], 'writer').join()).toContain('one is undefined and was {"name":"One"');
  });
});
