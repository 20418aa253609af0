import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import type { Disk } from './disk.ts';
import { explain, HostError, isSystemError } from './errors.ts';

/** The lock's file in the library. */
export const LOCK_FILE = '.lock';

const lockFile = z.object({
  /** The holder's process, and when it started, so that a reused number is not taken for the holder. */
  pid: z.int().positive(),
  started: z.string(),
  host: z.string(),
  /** What holds it, as people call it. */
  program: z.string(),
  /** Where the holder listens for the command line. */
  control: z.string(),
});

export type LockHolder = z.infer<typeof lockFile>;

/**
 * When a process started, as an opaque text that differs between two processes of one number; empty if the system does
 * not tell. Linux: field 22 of /proc/PID/stat (proc(5)), counted after the command, which may contain anything.
 */
export function processStart(pid: number): string {
  if (process.platform !== 'linux') return '';
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

/** Whether the process that wrote the lock still runs. A lock from another host cannot be judged and counts as held. */
export function isHeld(holder: LockHolder): boolean {
  if (holder.host !== hostname()) return true;
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    if (isSystemError(error, 'ESRCH')) return false;
    // EPERM: it runs as somebody else.
  }
  const started = processStart(holder.pid);
  return started === '' || holder.started === '' || started === holder.started;
}

async function readLock(disk: Disk, path: string): Promise<{ bytes: Buffer; holder: LockHolder | undefined } | undefined> {
  try {
    const bytes = await disk.readFile(path);
    try {
      return { bytes, holder: lockFile.parse(JSON.parse(bytes.toString('utf8'))) };
    } catch {
      // A lock appears with its whole content (link), so a damaged one is nobody's.
      return { bytes, holder: undefined };
    }
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined;
    throw explain(error, path);
  }
}

/** Who holds the library now; undefined if nobody does. */
export async function lockHolder(disk: Disk, folder: string): Promise<LockHolder | undefined> {
  const lock = await readLock(disk, join(folder, LOCK_FILE));
  return lock?.holder && isHeld(lock.holder) ? lock.holder : undefined;
}

/** The refusal that the second program shows. */
function busy(folder: string, holder: LockHolder): HostError {
  const where = holder.host === hostname() ? '' : ` on ${holder.host}`;
  return new HostError(
    'LIBRARY_BUSY',
    `The library ${folder} is in use by ${holder.program} (process ${holder.pid}${where}). Close it first, or name another library with VITRINE_LIBRARY.`,
  );
}

/** A held lock. */
export interface LibraryLock {
  /** Gives it back; only if it is still ours. */
  release(): Promise<void>;
}

/**
 * Takes the library for this process, or throws LIBRARY_BUSY. The lock comes into being with its content by link(2), so two
 * programs cannot both make it. A stale lock is first moved aside: only one can move it, and who finds that he moved
 * something else than he judged puts it back.
 */
export async function takeLock(disk: Disk, folder: string, program: string, control: string): Promise<LibraryLock> {
  const path = join(folder, LOCK_FILE);
  const mine: LockHolder = { pid: process.pid, started: processStart(process.pid), host: hostname(), program, control };
  const content = Buffer.from(`${JSON.stringify(mine)}\n`);
  const unique = randomBytes(6).toString('hex');
  const temporary = join(folder, `.writing-lock-${unique}`);
  try {
    await disk.writeDurably(temporary, content);
    // Three rounds: made it; found it stale and moved it; lost the race against another who did.
    for (let round = 0; round < 3; round++) {
      try {
        await disk.link(temporary, path);
        return { release: () => release(disk, path, content) };
      } catch (error) {
        if (!isSystemError(error, 'EEXIST')) throw error;
      }
      const found = await readLock(disk, path);
      if (!found) continue;
      if (found.holder && isHeld(found.holder)) throw busy(folder, found.holder);
      await moveAside(disk, path, join(folder, `.writing-stale-lock-${unique}`), found.bytes);
    }
    throw new HostError('LIBRARY_BUSY', `The library ${folder} is being opened by another program just now. Try again.`);
  } catch (error) {
    throw explain(error, folder);
  } finally {
    await removeIfThere(disk, temporary);
  }
}

async function moveAside(disk: Disk, path: string, aside: string, judged: Buffer): Promise<void> {
  try {
    await disk.rename(path, aside);
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return;
    throw error;
  }
  try {
    const moved = await disk.readFile(aside);
    if (!moved.equals(judged)) await disk.link(aside, path);
  } finally {
    await removeIfThere(disk, aside);
  }
}

async function release(disk: Disk, path: string, content: Buffer): Promise<void> {
  const found = await readLock(disk, path);
  if (found?.bytes.equals(content)) await removeIfThere(disk, path);
}

async function removeIfThere(disk: Disk, path: string): Promise<void> {
  try {
    await disk.removeFile(path);
  } catch (error) {
    if (!isSystemError(error, 'ENOENT')) throw error;
  }
}
