/**
 * Keeps two writers, and a writer and readers, away from one image. Files beside the image say who has it:
 * `<image>.lock` the writer, `<image>.reader-<nonce>.lock` each reader. Who comes makes the own file first and looks for the
 * others' then, so that of two who come at once at least one sees the other. A file of a process that is gone counts for nothing.
 *
 * Not fcntl or flock: Node has neither, and network file systems disagree about them. QEMU does not see these files.
 */
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { StorageError } from './block-device.ts';

/** What a lock's file says. */
interface Holder {
  readonly pid: number;
  /** When the process started, so that a number used again is not taken for it; '' where the system does not tell. */
  readonly started: string;
  readonly host: string;
  /** For people: which machine, which program. */
  readonly owner: string;
  readonly nonce: string;
}

/** A held lock. */
export interface ImageLock {
  /** Gives it back. A second call does nothing. */
  release(): void;
}

/** What these files' names are: of locks, of locks that are being made (by the process with this number), of locks moved aside. */
const lockName =
  /^(?<image>.+?)(?:(?:\.reader-[0-9a-f]{18})?\.lock|\.(?<pid>\d+)-[0-9a-f]{18}\.lock-new|(?:\.reader-[0-9a-f]{18})?\.lock-[0-9a-f]{12})$/;

/** The name of the image that a file of this name would be a lock of; undefined when it can be none. */
export function imageOfLock(name: string): string | undefined {
  return lockName.exec(name)?.groups?.['image'];
}

/** Whether a file is a lock's, and whoever made it is gone. Nobody's any more: who holds the folder may remove it. */
export function isLeftBehind(name: string, content: Uint8Array): boolean {
  const match = lockName.exec(name);
  if (match === null) return false;
  // One that was being made may have no content yet.
  const maker = match.groups?.['pid'];
  if (maker !== undefined) return !isRunning(Number(maker));
  const holder = parseHolder(Buffer.from(content).toString('utf8'));
  return holder !== undefined && holder.nonce !== '' && !isHeld(holder);
}

/** Someone else's attempts to take a stale lock over that are waited out by trying again. */
const rounds = 8;

/**
 * Takes the image (a path without symbolic links). Throws StorageError 'locked' with who has it. A reader in a folder that
 * cannot be written gets a lock without a file: whoever could write there could not make one either.
 */
export function lockImage(path: string, writer: boolean, owner: string): ImageLock {
  const nonce = randomBytes(9).toString('hex');
  const mine: Holder = { pid: process.pid, started: processStart(process.pid), host: hostname(), owner, nonce };
  const file = writer ? `${path}.lock` : `${path}.reader-${nonce}.lock`;
  if (!place(path, file, mine, writer)) return { release: () => undefined };
  const lock = { release: () => remove(file, nonce) };
  try {
    const others = writer ? readers(path) : [`${path}.lock`];
    for (const other of others) {
      const holder = readHolder(other);
      if (holder && isHeld(holder)) throw busy(path, holder, writer ? 'reading' : 'writing');
      // No name of a reader's file occurs twice, so it is nobody's by now.
      if (holder && writer) fs.rmSync(other, { force: true });
    }
  } catch (error) {
    lock.release();
    throw error;
  }
  return lock;
}

/**
 * Gives back what `owner` in this process holds on images (paths without symbolic links). For whoever knows that the thread that
 * opened them has ended without closing them: its process lives on, so the locks would count as held. Any thread may call it.
 */
export function releaseLocksOf(owner: string, paths: readonly string[]): void {
  for (const path of paths) {
    for (const file of [`${path}.lock`, ...readers(path)]) {
      const holder = readHolder(file);
      const ours = holder?.host === hostname() && holder.pid === process.pid && holder.owner === owner;
      if (ours && isHeld(holder)) fs.rmSync(file, { force: true });
    }
  }
}

/** Makes the lock's file with its content, at one instant. False if a reader may go without. */
function place(path: string, file: string, mine: Holder, writer: boolean): boolean {
  const temporary = `${path}.${mine.pid}-${mine.nonce}.lock-new`;
  try {
    fs.writeFileSync(temporary, `${JSON.stringify(mine)}\n`, { flag: 'wx' });
  } catch (error) {
    if (!writer && isSystemError(error, ['EACCES', 'EPERM', 'EROFS'])) return false;
    throw new StorageError('unreachable', `${path} cannot be locked: beside it no file can be made.`, { cause: error });
  }
  try {
    for (let round = 0; round < rounds; round++) {
      if (link(temporary, file)) return true;
      const holder = readHolder(file);
      if (holder && isHeld(holder)) throw busy(path, holder, 'writing');
      takeAway(file, holder);
    }
  } finally {
    fs.rmSync(temporary, { force: true });
  }
  throw new StorageError('locked', `${path} is being opened by several programs at once. Try again.`);
}

/** Moves a stale lock aside; if it was another's new one by then, it is put back. */
function takeAway(file: string, stale: Holder | undefined): void {
  const aside = `${file}-${randomBytes(6).toString('hex')}`;
  try {
    fs.renameSync(file, aside);
  } catch (error) {
    if (isSystemError(error, ['ENOENT'])) return;
    throw error;
  }
  const moved = readHolder(aside);
  if (moved && moved.nonce !== stale?.nonce) link(aside, file);
  fs.rmSync(aside, { force: true });
}

function link(from: string, to: string): boolean {
  try {
    fs.linkSync(from, to);
    return true;
  } catch (error) {
    if (isSystemError(error, ['EEXIST'])) return false;
    throw error;
  }
}

function remove(file: string, nonce: string): void {
  if (readHolder(file)?.nonce === nonce) fs.rmSync(file, { force: true });
}

function readers(path: string): string[] {
  const start = `${basename(path)}.reader-`;
  return fs
    .readdirSync(dirname(path))
    .filter((name) => name.startsWith(start) && name.endsWith('.lock'))
    .map((name) => join(dirname(path), name));
}

/** Undefined if there is none or if it says nothing: locks appear with their whole content. */
function readHolder(file: string): Holder | undefined {
  try {
    return parseHolder(fs.readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

function parseHolder(text: string): Holder | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return undefined;
    const word = (name: string) =>
      name in value && typeof Reflect.get(value, name) === 'string' ? String(Reflect.get(value, name)) : '';
    const pid = 'pid' in value ? value.pid : undefined;
    if (typeof pid !== 'number' || !Number.isInteger(pid) || pid <= 0) return undefined;
    return { pid, started: word('started'), host: word('host'), owner: word('owner'), nonce: word('nonce') };
  } catch {
    return undefined;
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it runs as somebody else.
    return !isSystemError(error, ['ESRCH']);
  }
}

/** Whether its process still runs. One of another host cannot be judged and counts as running. */
function isHeld(holder: Holder): boolean {
  if (holder.host !== hostname()) return true;
  if (!isRunning(holder.pid)) return false;
  const started = processStart(holder.pid);
  return started === '' || holder.started === '' || started === holder.started;
}

/** Field 22 of /proc/PID/stat (proc(5)), counted after the command, which may contain anything; '' elsewhere. */
function processStart(pid: number): string {
  if (process.platform !== 'linux') return '';
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

function busy(path: string, holder: Holder, doing: string): StorageError {
  const where = holder.host === hostname() ? '' : ` on ${holder.host}`;
  return new StorageError(
    'locked',
    `${path} is open for ${doing} by ${holder.owner} (process ${holder.pid}${where}). Stop that first, or use a linked clone of the image.`,
  );
}

function isSystemError(error: unknown, codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && codes.includes(error.code);
}
