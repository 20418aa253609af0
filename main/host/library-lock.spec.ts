import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { nodeDisk, type Disk } from './disk.ts';
import { isHeld, lockHolder, LOCK_FILE, processStart, takeLock, type LockHolder } from './library-lock.ts';
import { temporaryFolder } from './testing/fake-engine.ts';

/** A process that has ended: its number is nobody's now. */
function deadProcess(): number {
  return spawnSync(process.execPath, ['-e', '']).pid;
}

function holder(change: Partial<LockHolder>): LockHolder {
  return { pid: process.pid, started: processStart(process.pid), host: hostname(), program: 'x', control: '', nonce: '1', ...change };
}

async function lockedBy(change: Partial<LockHolder>): Promise<string> {
  const folder = await temporaryFolder(onTestFinished);
  await writeFile(join(folder, LOCK_FILE), JSON.stringify(holder(change)));
  return folder;
}

describe('the lock of a library', () => {
  it('lets one in and names him to the second', async () => {
    const folder = await temporaryFolder(onTestFinished);
    const lock = await takeLock(nodeDisk, folder, 'the Vitrine app', '/run/x');
    await expect(takeLock(nodeDisk, folder, 'another', '')).rejects.toMatchObject({
      code: 'LIBRARY_BUSY',
      message: `The library ${folder} is in use by the Vitrine app (process ${process.pid}). Close it first, or name another library with VITRINE_LIBRARY.`,
    });
    expect(await lockHolder(nodeDisk, folder)).toMatchObject({ program: 'the Vitrine app', control: '/run/x' });
    await lock.release();
    expect(await readdir(folder)).toEqual([]);
    expect(await lockHolder(nodeDisk, folder)).toBeUndefined();
  });

  it('of a process that is gone is taken over', async () => {
    const folder = await lockedBy({ pid: deadProcess(), started: '' });
    const lock = await takeLock(nodeDisk, folder, 'the heir', '');
    expect(await readFile(join(folder, LOCK_FILE), 'utf8')).toContain('the heir');
    await lock.release();
    expect(await readdir(folder)).toEqual([]);
  });

  it.runIf(process.platform === 'linux')('of a process whose number another has now is taken over', async () => {
    const folder = await lockedBy({ started: '1' });
    await (await takeLock(nodeDisk, folder, 'the heir', '')).release();
  });

  it('from another host is never taken over', async () => {
    const folder = await lockedBy({ pid: deadProcess(), host: 'elsewhere' });
    await expect(takeLock(nodeDisk, folder, 'x', '')).rejects.toThrow(/process \d+ on elsewhere/);
  });

  it('with damaged content is nobody’s', async () => {
    const folder = await temporaryFolder(onTestFinished);
    await writeFile(join(folder, LOCK_FILE), '{"pid":');
    await (await takeLock(nodeDisk, folder, 'x', '')).release();
  });

  it('is given to one of many who find it stale at once', async () => {
    for (let round = 0; round < 5; round++) {
      const folder = await lockedBy({ pid: deadProcess(), started: '' });
      const takers = await Promise.allSettled(Array.from({ length: 8 }, (_, at) => takeLock(nodeDisk, folder, `taker ${at}`, '')));
      expect(takers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    }
  });

  it('that a quicker one took meanwhile stays with him', async () => {
    const folder = await lockedBy({ pid: deadProcess(), started: '' });
    const path = join(folder, LOCK_FILE);
    const quicker = JSON.stringify(holder({ program: 'the quicker' }));
    const slow: Disk = {
      ...nodeDisk,
      // Between our look at the stale lock and our claim on it, another takes it over.
      async link(from, to) {
        if (to.includes('claim')) await writeFile(path, quicker);
        await nodeDisk.link(from, to);
      },
    };
    await expect(takeLock(slow, folder, 'the slow', '')).rejects.toThrow(/in use by the quicker/);
    expect(await readFile(path, 'utf8')).toBe(quicker);
    expect(await readdir(folder)).toEqual([LOCK_FILE]);
  });

  it('is taken over also after a taker died in the middle of taking it over', async () => {
    const folder = await lockedBy({ pid: deadProcess(), started: '' });
    const dying: Disk = { ...nodeDisk, rename: () => Promise.reject(new Error('killed')), removeFile: () => Promise.reject(new Error('killed')) };
    await expect(takeLock(dying, folder, 'the dying', '')).rejects.toThrow('killed');
    const claim = (await readdir(folder)).find((name) => name.includes('claim'));
    if (claim === undefined) throw new Error('The dying one left no claim, so this tests nothing.');
    await writeFile(join(folder, claim), JSON.stringify(holder({ pid: deadProcess(), started: '' })));
    await takeLock(nodeDisk, folder, 'the heir', '');
    expect(await readFile(join(folder, LOCK_FILE), 'utf8')).toContain('the heir');
  });

  it('is only given back by who has it', async () => {
    const folder = await temporaryFolder(onTestFinished);
    const lock = await takeLock(nodeDisk, folder, 'x', '');
    await writeFile(join(folder, LOCK_FILE), JSON.stringify(holder({ program: 'usurper' })));
    await lock.release();
    expect(existsSync(join(folder, LOCK_FILE))).toBe(true);
  });

  it('is held by a living process, and not by a dead one', () => {
    expect(isHeld(holder({}))).toBe(true);
    expect(isHeld(holder({ pid: deadProcess(), started: '' }))).toBe(false);
  });
});
