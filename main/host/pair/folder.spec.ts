import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FileLease, PairFolder, type PairDescription } from './folder.ts';
import { StormWatch } from './storm.ts';

let path: string;
beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'vitrine-pair-folder-'));
});
afterEach(() => rmSync(path, { recursive: true, force: true }));

describe('the lease of a pair', () => {
  it('gives each term to one side, in their order', async () => {
    const a = new FileLease(path, 'a', 'one');
    const b = new FileLease(path, 'b', 'one');
    expect([await a.acquire(1), await b.acquire(1)]).toEqual([true, false]);
    expect([a.standing(1), b.standing(1)]).toEqual(['held', 'lost']);
    expect(await b.acquire(3)).toBe(false);
    expect([await b.acquire(2), await a.acquire(2)]).toEqual([true, false]);
    // The side of the older term may say nothing more, whatever it believes.
    expect([a.standing(1), a.standing(2), b.standing(2)]).toEqual(['lost', 'lost', 'held']);
    expect([a.newest(), a.owner()]).toEqual([2, 'b']);
  });

  it('gives a side of an earlier pair in the same folder none of its terms', async () => {
    const old = new FileLease(path, 'b', 'one');
    const now = new FileLease(path, 'a', 'two');
    expect(await now.acquire(1)).toBe(true);
    // It was stopped when its pair ended, with term 1 of that.
    expect(await old.acquire(2)).toBe(false);
    expect([now.standing(1), now.newest()]).toEqual(['held', 1]);
  });

  it('takes no room on the disk for a term, and says whose it is from the first moment', async () => {
    const a = new FileLease(path, 'a', 'one');
    const b = new FileLease(path, 'b', 'one');
    await a.acquire(1);
    await b.acquire(2);
    const node = (name: string) => statSync(join(path, name)).ino;
    expect([node('lease.one.1'), node('lease.one.2')]).toEqual([node('owner-a'), node('owner-b')]);
  });
});

describe('the description of a pair', () => {
  const pair: PairDescription = { version: 1, id: '0'.repeat(24), away: null, home: null, library: '/library', machine: 'clerk', port: 0, deadAfter: 1000, lateAfter: 200, stormAfter: 10, verify: false, lease: { kind: 'file' }, disks: { a: [], b: ['/b.img'] } };

  it('is what was written, and is refused with a sentence when there is none or it is damaged', () => {
    const folder = new PairFolder(path);
    expect(() => folder.read()).toThrow('This machine is in no pair.');
    folder.write(pair);
    expect([folder.exists, folder.read()]).toEqual([true, pair]);
    writeFileSync(join(path, 'pair.json'), '{"version":1,"more":2}');
    expect(() => folder.read()).toThrow(/is damaged/);
  });

  it('is claimed by one process at a time, and by nobody who is gone', () => {
    const folder = new PairFolder(path);
    const release = folder.claim('reprotect');
    expect([release !== undefined, folder.claim('reprotect'), folder.claim('other') !== undefined]).toEqual([true, undefined, true]);
    release?.();
    const gone = spawnSync(process.execPath, ['-e', '']).pid;
    writeFileSync(join(path, 'reprotect.claim'), JSON.stringify({ pid: gone, host: hostname(), started: '1' }));
    expect(folder.claim('reprotect')).toBeDefined();
  });

  it('has sockets with short paths wherever the library is', () => {
    expect(new PairFolder(path).socket('a')).toBe(join(path, 'a.sock'));
    const deep = new PairFolder(join(path, 'x'.repeat(120)));
    expect(Buffer.byteLength(deep.socket('gateway'))).toBeLessThanOrEqual(103);
    deep.remove();
  });
});

describe('a storm', () => {
  it('is more divergence within a while than is worth comparing', () => {
    const storm = new StormWatch(3, 1000);
    expect([0, 100, 200].map((at) => storm.note(at))).toEqual([false, false, false]);
    expect(storm.note(900)).toBe(true);
    storm.clear();
    expect([2000, 3001, 4002, 5003].map((at) => storm.note(at))).toEqual([false, false, false, false]);
  });
});
