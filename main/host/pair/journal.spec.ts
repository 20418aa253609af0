import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Journal, resyncEntry, type JournalEntry } from './journal.ts';

let folder: string;
let path: string;
let journal: Journal;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vitrine-journal-'));
  path = join(folder, 'journal.jsonl');
  journal = new Journal(path);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const note = (text: string): JournalEntry => ({ at: 5, by: 'a', kind: 'note', text });

describe('the journal of a pair', () => {
  it('gives back what was written, and only what is new', async () => {
    expect(await journal.read()).toEqual({ entries: [], next: undefined });
    const divergence = { channel: 'com1', offset: 7, before: Uint8Array.of(65, 66), primary: Uint8Array.of(1, 255), secondary: Uint8Array.of(0, 255) };
    const difference = {
      instructions: { primary: 90, secondary: 88 },
      registers: [{ cpu: 0, name: 'eax', primary: '0x00000001', secondary: '0x00000000' }],
      first: { part: 'ram', page: 12, address: 0xc010, primary: 1, secondary: 0 },
      pages: [{ part: 'ram', pages: 1 }],
    };
    const resync = resyncEntry('b', { at: 9, reason: 'differs', divergence, pages: 3, bytes: 4096, pause: 2.5, took: 6, differing: [{ part: 'ram', page: 12 }], difference });
    journal.append(note('one'));
    journal.append(resync);
    const first = await journal.read();
    expect(first.entries).toEqual([note('one'), resync]);
    journal.append({ at: 10, by: 'person', kind: 'failover', text: 'two', took: 412 });
    expect((await journal.read(first.next)).entries).toEqual([{ at: 10, by: 'person', kind: 'failover', text: 'two', took: 412 }]);
  });

  it('waits for the rest of a line that is not whole yet', async () => {
    journal.append(note('one'));
    const line = JSON.stringify(note('two'));
    await appendFile(path, line.slice(0, 10));
    const first = await journal.read();
    expect(first.entries).toEqual([note('one')]);
    await appendFile(path, `${line.slice(10)}\n`);
    expect((await journal.read(first.next)).entries).toEqual([note('two')]);
  });

  it('begins anew before it gets too long, and is read on without a gap; who comes then has the older part as well', async () => {
    const filler = 'x'.repeat(1000);
    const number = ({ text }: JournalEntry): number => Number(text.split(' ')[0]);
    for (let at = 0; at < 1000; at++) journal.append(note(`${at} ${filler}`));
    const { next, entries: before } = await journal.read();
    for (let at = 1000; at < 1300; at++) journal.append(note(`${at} ${filler}`));
    expect((await readFile(`${path}.previous`)).length).toBeGreaterThan(1 << 20);
    const after = await journal.read(next);
    expect([...before, ...after.entries].map(number)).toEqual(Array.from({ length: 1300 }, (_, at) => at));
    expect((await journal.read(after.next)).entries).toEqual([]);
    expect((await journal.read()).entries).toHaveLength(1300);
    // Gone over twice meanwhile: what is still there comes, and nothing of it twice.
    for (let at = 1300; at < 3500; at++) journal.append(note(`${at} ${filler}`));
    const much = (await journal.read(after.next)).entries.map(number);
    expect(much).toEqual(Array.from({ length: much.length }, (_, at) => 3500 - much.length + at));
    expect(much.length).toBeGreaterThan(1000);
  });

  it('leaves out whatever is not a line of its own', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(fc.string(), fc.json(), fc.constant(JSON.stringify({ ...note('x'), kind: 'other' })))), async (lines) => {
        await rm(path, { force: true });
        for (const line of lines) await appendFile(path, `${line}\n`);
        journal.append(note('last'));
        expect((await journal.read()).entries).toEqual([note('last')]);
      }),
      { numRuns: 50 },
    );
  });
});
