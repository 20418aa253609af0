import { describe, expect, it } from 'vitest';
import { formatQcow2 } from './qcow2-create.ts';
import { Qcow2Device } from './qcow2.ts';
import { failEverywhere, type FailingRun } from './testing/failing.ts';
import { MemoryFile } from './testing/memory-file.ts';

/** A small image whose tables are small too. */
function life(): Pick<FailingRun, 'content' | 'open' | 'sectors' | 'writes' | 'seed'> {
  const file = new MemoryFile();
  formatQcow2(file, { bytes: 1 << 18, clusterBytes: 512 });
  const sectors = Array.from({ length: 60 }, (_, index) => (index * 37) % 512);
  return { content: file.content, open: (image, readOnly) => new Qcow2Device(image, readOnly), sectors, writes: 110, seed: 3 };
}

describe('a qcow2 image on a host', () => {
  it('that is full for a moment, at any write, goes on when there is room, and has lost nothing', () => {
    const { wrong, lives } = failEverywhere({ ...life(), fails: 'write', code: 'no-space', recovers: true });
    expect(wrong).toEqual([]);
    expect(lives).toBeGreaterThan(100);
  });

  it('would be found by this if it did not go on (negative control)', () => {
    expect(failEverywhere({ ...life(), fails: 'sync', code: 'io', recovers: true }).wrong.join('\n')).toContain(
      'requests were refused, not one',
    );
  });

  it('that fails to write once, is consistent and holds what was flushed', () => {
    expect(failEverywhere({ ...life(), fails: 'write', code: 'io', recovers: false }).wrong).toEqual([]);
  });

  it('that fails to flush once, claims no success afterwards', () => {
    const { wrong, lives } = failEverywhere({ ...life(), fails: 'sync', code: 'io', recovers: false });
    expect(wrong).toEqual([]);
    expect(lives).toBeGreaterThan(15);
  });

  it('that is full when it is flushed, claims no success afterwards either', () => {
    expect(failEverywhere({ ...life(), fails: 'sync', code: 'no-space', recovers: false }).wrong).toEqual([]);
  });

  it('that fails to read once, fails that request and no other', () => {
    const { wrong, lives } = failEverywhere({ ...life(), fails: 'read', code: 'io', recovers: false });
    expect(wrong).toEqual([]);
    expect(lives).toBeGreaterThan(10);
  });
});
