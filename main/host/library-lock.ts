import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import type { Disk } from './disk.ts';
import { explain, HostError, isSystemError } from './errors.ts';

/** The lock's file in the library. */
export const LOCK_FILE = '.lock';

export const lockFile = z.object({
  /** The holder's process, and when it started, so that a reused number is not taken for the holder. */
  pid: z.int().positive(),
  started: z.string(),
  host: z.string(),
  /** What holds it, as people call it. */
  program: z.string(),
  /** Where the holder listens for the command line. */
  control: z.string(),
  /** Makes each lock another, even of one process. */
  nonce: z.string(),
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
export function isHeld(holder: Pick<LockHolder, 'pid' | 'started' | 'host'>): boolean {
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

/** Files of those who are taking the lock. Whoever holds it may remove them. */
export const LOCK_WORK_PREFIX = '.lock-';

/** A taker that loses this often against others gives up; each loss means that another got further. */
const ROUNDS = 16;

/**
 * Takes the library for this process, or throws LIBRARY_BUSY. The lock comes into being with its content by link(2), so two
 * programs cannot both make it. A stale lock may be replaced only by who holds the claim on exactly that lock (a lock of its
 * own, named after the stale one's content) and has looked again; no content occurs twice, since each has a nonce.
 */
export async function takeLock(disk: Disk, folder: string, program: string, control: string): Promise<LibraryLock> {
  const path = join(folder, LOCK_FILE);
  const nonce = randomBytes(12).toString('hex');
  const mine: LockHolder = { pid: process.pid, started: processStart(process.pid), host: hostname(), program, control, nonce };
  const content = Buffer.from(`${JSON.stringify(mine)}\n`);
  try {
    await acquire(disk, folder, path, content);
    return { release: () => release(disk, path, content) };
  } catch (error) {
    throw explain(error, folder);
  }
}

async function acquire(disk: Disk, folder: string, path: string, content: Buffer): Promise<void> {
  const temporary = join(folder, `${LOCK_WORK_PREFIX}${randomBytes(6).toString('hex')}`);
  try {
    for (let round = 0; round < ROUNDS; round++) {
      if (await create(disk, temporary, path, content)) return;
      const found = await readLock(disk, path);
      if (!found) continue;
      if (found.holder && isHeld(found.holder)) throw busy(folder, found.holder);
      if (await replace(disk, folder, path, found.bytes, temporary, content)) return;
    }
  } finally {
    await removeIfThere(disk, temporary);
  }
  throw new HostError('LIBRARY_BUSY', `The library ${folder} is being opened by several programs at once. Try again.`);
}

/** False if there is one already, or if the temporary was cleared away by who just got the lock. */
async function create(disk: Disk, temporary: string, path: string, content: Buffer): Promise<boolean> {
  await disk.writeDurably(temporary, content);
  try {
    await disk.link(temporary, path);
    return true;
  } catch (error) {
    if (isSystemError(error, 'EEXIST') || isSystemError(error, 'ENOENT')) return false;
    throw error;
  }
}

/** Puts ours in the place of a stale one, if it still is that one. */
async function replace(disk: Disk, folder: string, path: string, stale: Buffer, temporary: string, content: Buffer): Promise<boolean> {
  const claim = join(folder, `${LOCK_WORK_PREFIX}claim-${createHash('sha256').update(stale).digest('hex').slice(0, 24)}`);
  await acquire(disk, folder, claim, content);
  try {
    const now = await readLock(disk, path);
    if (!now?.bytes.equals(stale)) return false;
    await disk.writeDurably(temporary, content);
    await disk.rename(temporary, path);
    return true;
  } finally {
    await removeIfThere(disk, claim);
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
