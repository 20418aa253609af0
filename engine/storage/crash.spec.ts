import { describe, expect, it } from 'vitest';
import { formatQcow2 } from './qcow2-create.ts';
import { readHeader } from './qcow2-header.ts';
import { Qcow2Device } from './qcow2.ts';
import { crashEverywhere, stamped, type CrashRun, type Forgotten } from './testing/crash.ts';
import { MemoryFile } from './testing/memory-file.ts';

const open: CrashRun['open'] = (file, readOnly) => new Qcow2Device(file, readOnly);

/** A small image whose tables are small too: an L2 table every 32 KiB of disk, a refcount block every 128 KiB of file. */
function life(forgotten: Forgotten, seed: number): CrashRun {
  const file = new MemoryFile();
  formatQcow2(file, { bytes: 1 << 18, clusterBytes: 512 });
  const sectors = Array.from({ length: 60 }, (_, index) => (index * 37) % 512);
  return { content: file.content, initial: () => 0, open, sectors, writes: 110, seed, forgotten };
}

/** The image is as full as its refcount table can count, so that the table must move. */
function fullLife(): CrashRun {
  const file = new MemoryFile();
  formatQcow2(file, { bytes: 9 << 20, clusterBytes: 512 });
  const device = new Qcow2Device(file, false);
  const version = stamped(5);
  let written = 0;
  // 64 blocks of 256 counts are what a table of one cluster names.
  for (; file.length < 64 * 256 * 512 - 12 * 512; written++) device.write(written * 512, version);
  device.close();
  const sectors = Array.from({ length: 24 }, (_, index) => (index < 8 ? index * 100 : written + index * 40));
  return {
    content: file.content,
    initial: (sector) => (sector < written ? 5 : 0),
    open,
    sectors,
    writes: 24,
    seed: 4,
    losses: 2,
  };
}

describe('a qcow2 image whose process or host ends at any instant', () => {
  it.each([1, 2])('is consistent and holds what was flushed (life %i)', (seed) => {
    expect(crashEverywhere(life('none', seed))).toEqual([]);
  });

  it('is so while its refcount table moves', { timeout: 120_000 }, () => {
    const life = fullLife();
    let table = 0;
    expect(crashEverywhere({ ...life, ended: (file) => (table = readHeader(file).refcountTableOffset) })).toEqual([]);
    expect(table).not.toBe(readHeader(new MemoryFile(life.content)).refcountTableOffset);
  });

  it('would be damaged if the steps of a commit were not kept in order', () => {
    expect(crashEverywhere(life('inner', 1)).join('\n')).toMatch(/too few references|damaged|no version/);
  });

  it('would lose what was flushed if the commit did not wait for the medium', () => {
    expect(crashEverywhere(life('last', 1)).join('\n')).toMatch(/holds/);
  });
});
