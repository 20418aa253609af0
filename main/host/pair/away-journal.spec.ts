import { describe, expect, it } from 'vitest';
import { AwayJournal } from './away-journal.ts';
import type { JournalEntry, JournalPlace } from './journal.ts';

const entry = (text: string): JournalEntry => ({ at: 5, by: 'b', kind: 'note', text });

describe('the journal of a side on another host', () => {
  it('comes when that host can be reached again, each line once', async () => {
    const written = ['one', 'two'];
    let isReachable = true;
    const journal = new AwayJournal((from: JournalPlace | undefined) => {
      if (!isReachable) return Promise.reject(new Error('north cannot be reached.'));
      const offset = from?.offset ?? 0;
      return Promise.resolve({ entries: written.slice(offset).map(entry), next: { file: 'f', offset: written.length } });
    });
    // Two that ask at once get one answer.
    expect(await Promise.all([journal.ask(), journal.ask()])).toEqual([undefined, undefined]);
    expect(journal.take()).toEqual([entry('one'), entry('two')]);
    isReachable = false;
    written.push('three');
    expect(await journal.ask()).toBe('north cannot be reached.');
    expect(journal.take()).toEqual([]);
    isReachable = true;
    await journal.ask();
    await journal.ask();
    expect(journal.take()).toEqual([entry('three')]);
  });
});
