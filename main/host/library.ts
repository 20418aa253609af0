import { randomBytes } from 'node:crypto';
import { dirname, isAbsolute, join } from 'node:path';
import { imageOfLock, isLeftBehind } from '../../engine/storage/image-lock.ts';
import type { MachineFileEntry } from '../contract/library.ts';
import { machineId } from '../contract/machine.ts';
import { TEMPORARY_PREFIX, writeAtomically } from './atomic-file.ts';
import type { Disk } from './disk.ts';
import { explain, HostError, isSystemError } from './errors.ts';
import { LOCK_WORK_PREFIX, takeLock, type LibraryLock } from './library-lock.ts';
import { MACHINE_FILE, readMachineFile, writeMachineFile, type MachineFile } from './machine-file.ts';

/** Folders that are being made, and folders that are being removed. */
const STAGING_PREFIX = '.staging-';
const REMOVED_PREFIX = '.removed-';

/** What `machine.json` is called while a machine is deleted whose images stay. */
const DELETED_FILE = `.deleted-${MACHINE_FILE}`;

/** What bears one of these names when the library is opened was left by a program that was interrupted. */
const RUBBISH = [STAGING_PREFIX, REMOVED_PREFIX, TEMPORARY_PREFIX, LOCK_WORK_PREFIX];

/** What the host itself writes into a machine's folder; all else there is the person's. */
export const HOST_FILES = {
  machine: MACHINE_FILE,
  serialLog: 'serial.log',
  previousSerialLog: 'serial.previous.log',
  guardLog: 'guard.log',
  previousGuardLog: 'guard.previous.log',
  displayLog: 'display.log',
  previousDisplayLog: 'display.previous.log',
  thumbnail: 'thumbnail.png',
  lastRun: 'last-run.json',
  suspended: 'suspended.vst',
  breakpoints: 'breakpoints.json',
} as const;

const OWN_NAMES: ReadonlySet<string> = new Set(Object.values(HOST_FILES));

/** A machine as its folder says it. */
export interface StoredMachine {
  id: string;
  folder: string;
  file: MachineFile;
}

/** A folder whose `machine.json` cannot be opened. */
export interface StoredProblem {
  id: string;
  folder: string;
  problem: HostError;
}

/** A file for a new machine's folder (its name may have folders before it, with slashes): bytes, a copy of a file, or what `make` puts there. */
export type NewFile =
  | { name: string; bytes: Uint8Array }
  | { name: string; copyOf: string }
  | { name: string; make: (target: string, advance: (bytes: number) => void) => Promise<void> };

/** The folder name for a machine's name: "Kernel course, 2nd" becomes "kernel-course-2nd". */
export function folderName(name: string): string {
  const plain = name
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 56)
    .replace(/^-+|-+$/g, '');
  return plain === '' ? 'machine' : plain;
}

/** A file name that is safe in a machine's folder and not one of the host's own. `fallback` if nothing of it is left. */
export function safeFileName(name: string, fallback: string): string {
  const last = name.split(/[/\\]/).at(-1) ?? '';
  const plain = last
    .replace(/[^\p{L}\p{N}._ -]/gu, '_')
    .replace(/^[. ]+/, '')
    .slice(0, 120);
  if (plain === '') return fallback;
  return OWN_NAMES.has(plain.toLowerCase()) ? `image-${plain}` : plain;
}

/** Where a file of `machine.json` is. */
export function resolveFile(machine: StoredMachine, file: string): string {
  return isAbsolute(file) ? file : join(machine.folder, file);
}

/** Reads one folder of a library; needs no lock, since files change at one instant. */
export async function readMachine(disk: Disk, library: string, id: string): Promise<StoredMachine | StoredProblem | undefined> {
  const folder = join(library, id);
  const path = join(folder, MACHINE_FILE);
  let bytes: Uint8Array;
  try {
    bytes = await disk.readFile(path);
  } catch (error) {
    if (isSystemError(error, 'ENOENT') || isSystemError(error, 'ENOTDIR')) return undefined;
    const cause = explain(error, path);
    return { id, folder, problem: new HostError('BROKEN', `${MACHINE_FILE} cannot be opened: ${cause.message}`, { cause }) };
  }
  try {
    return { id, folder, file: readMachineFile(bytes) };
  } catch (error) {
    if (error instanceof HostError) return { id, folder, problem: error };
    throw error;
  }
}

/** Every machine of a library by folder name. Folders without a `machine.json` are none of ours. */
export async function readLibrary(disk: Disk, library: string): Promise<(StoredMachine | StoredProblem)[]> {
  let entries;
  try {
    entries = await disk.list(library);
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return [];
    throw explain(error, library);
  }
  const found: (StoredMachine | StoredProblem)[] = [];
  for (const { name, folder } of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (!folder || name.startsWith('.')) continue;
    const machine = await readMachine(disk, library, name);
    if (!machine) continue;
    // A folder made by hand may bear a name that no front can say; it is shown, not hidden.
    if (machineId.safeParse(name).success || 'problem' in machine) found.push(machine);
    else
      found.push({
        id: name,
        folder: machine.folder,
        problem: new HostError(
          'BROKEN',
          'cannot be opened: the folder’s name must be lower-case letters, digits and hyphens; rename it.',
        ),
      });
  }
  return found;
}

/** The library of this process: it holds the lock, and is the only one that writes. */
export class Library {
  private constructor(
    private readonly disk: Disk,
    readonly folder: string,
    private readonly lock: LibraryLock,
  ) {}

  /** Makes the folder if need be, takes the lock (LIBRARY_BUSY if another has it), and clears what an interrupted program left. */
  static async open(disk: Disk, folder: string, program: string, control: string): Promise<Library> {
    try {
      await disk.makeFolder(folder);
    } catch (error) {
      throw explain(error, `The library ${folder}`);
    }
    const lock = await takeLock(disk, folder, program, control);
    const library = new Library(disk, folder, lock);
    try {
      await library.clearRubbish();
    } catch (error) {
      await lock.release();
      throw explain(error, folder);
    }
    return library;
  }

  async close(): Promise<void> {
    await this.lock.release();
  }

  private async clearRubbish(): Promise<void> {
    for (const { name, folder } of await this.disk.list(this.folder)) {
      if (RUBBISH.some((prefix) => name.startsWith(prefix))) {
        await this.disk.removeTree(join(this.folder, name));
      } else if (folder) {
        await this.clearMachine(join(this.folder, name));
      }
    }
  }

  /** A machine's folder: what was being written, locks of programs that are gone, and the rest of a deletion. */
  private async clearMachine(folder: string): Promise<void> {
    const files = (await this.disk.list(folder)).filter((entry) => !entry.folder).map(({ name }) => name);
    for (const name of files) {
      const path = join(folder, name);
      const isRubbish =
        name.startsWith(TEMPORARY_PREFIX) ||
        (imageOfLock(name) !== undefined && isLeftBehind(name, await this.disk.readFile(path)));
      if (isRubbish) await this.disk.removeFile(path);
    }
    if (files.includes(DELETED_FILE)) await this.removeOwnFiles(folder, files);
  }

  /** Of a machine whose `machine.json` is set aside. That goes last: it says that there is something to do. */
  private async removeOwnFiles(folder: string, files: readonly string[]): Promise<void> {
    for (const name of files) if (OWN_NAMES.has(name) && name !== MACHINE_FILE) await this.disk.removeFile(join(folder, name));
    await this.disk.removeFile(join(folder, DELETED_FILE));
    await this.disk.syncFolder(folder);
  }

  list(): Promise<(StoredMachine | StoredProblem)[]> {
    return readLibrary(this.disk, this.folder);
  }

  /** NOT_FOUND or BROKEN if there is no such machine. */
  async get(id: string): Promise<StoredMachine> {
    const machine = await readMachine(this.disk, this.folder, id);
    if (!machine) throw new HostError('NOT_FOUND', `There is no machine named ${id} in ${this.folder}.`);
    if ('problem' in machine) throw machine.problem;
    return machine;
  }

  /** A machine appears complete or not at all: its folder is filled beside the others, made durable, and renamed into place. */
  async create(
    file: MachineFile,
    files: readonly NewFile[],
    /** `advance` hears of copied bytes and may throw; `inTurn` runs the step that puts the folder in place among other changes. */
    options: { advance?: (bytes: number) => void; inTurn?: <Result>(work: () => Promise<Result>) => Promise<Result> } = {},
  ): Promise<StoredMachine> {
    const inTurn = options.inTurn ?? ((work) => work());
    const staging = join(this.folder, `${STAGING_PREFIX}${randomBytes(6).toString('hex')}`);
    try {
      await this.disk.makeFolder(staging);
      const folders = new Set<string>();
      for (const entry of files) {
        const target = join(staging, entry.name);
        if (dirname(target) !== staging) {
          await this.disk.makeFolder(dirname(target));
          folders.add(dirname(target));
        }
        await this.write(entry, target, options.advance);
      }
      await this.disk.writeDurably(join(staging, MACHINE_FILE), writeMachineFile(file));
      for (const inside of [...folders, staging]) await this.disk.syncFolder(inside);
      options.advance?.(0);
      return await inTurn(async () => {
        const id = await this.freeName(folderName(file.name));
        const folder = join(this.folder, id);
        await this.disk.rename(staging, folder);
        await this.disk.syncFolder(this.folder);
        return { id, folder, file };
      });
    } catch (error) {
      try {
        await this.disk.removeTree(staging);
      } catch {
        // The next start clears it.
      }
      throw explain(error, `The new machine “${file.name}” in ${this.folder}`);
    }
  }

  /**
   * Puts files into a machine's folder. They are whole and durable when `commit` runs, under names that the next start clears; its `put`
   * gives them theirs. Whatever fails before, nothing is left of them.
   */
  async addFiles<Result>(
    id: string,
    files: readonly NewFile[],
    options: { advance: (bytes: number) => void; commit: (put: () => Promise<void>) => Promise<Result> },
  ): Promise<Result> {
    const { folder } = await this.get(id);
    const written: { temporary: string; target: string }[] = [];
    try {
      for (const file of files) {
        const temporary = join(folder, `${TEMPORARY_PREFIX}${file.name}-${randomBytes(6).toString('hex')}`);
        written.push({ temporary, target: join(folder, file.name) });
        await this.write(file, temporary, options.advance);
      }
      options.advance(0);
      return await options.commit(async () => {
        for (const one of written) {
          if (await this.disk.status(one.target)) throw new HostError('CONFLICT', `${one.target} has come to be meanwhile.`);
        }
        while (written[0]) {
          await this.disk.rename(written[0].temporary, written[0].target);
          written.shift();
        }
        await this.disk.syncFolder(folder);
      });
    } catch (error) {
      for (const { temporary } of written) {
        try {
          await this.disk.removeFile(temporary);
        } catch {
          // It was not begun, or the next start clears it.
        }
      }
      throw explain(error, folder);
    }
  }

  private async write(file: NewFile, target: string, advance?: (bytes: number) => void): Promise<void> {
    if ('bytes' in file) await this.disk.writeDurably(target, file.bytes);
    else if ('make' in file) await file.make(target, advance ?? (() => undefined));
    else await this.disk.copyFile(file.copyOf, target, advance);
  }

  private async freeName(wanted: string): Promise<string> {
    const taken = new Set((await this.disk.list(this.folder)).map(({ name }) => name));
    for (let number = 1; ; number++) {
      const name = number === 1 ? wanted : `${wanted}-${number}`;
      if (!taken.has(name)) return name;
    }
  }

  /** Changes `machine.json` at one instant. */
  async update(id: string, change: (file: MachineFile) => MachineFile): Promise<StoredMachine> {
    const machine = await this.get(id);
    const file = change(machine.file);
    await writeAtomically(this.disk, join(machine.folder, MACHINE_FILE), writeMachineFile(file));
    return { ...machine, file };
  }

  /** Everything in a machine's folder, with who it belongs to. */
  async files(id: string): Promise<MachineFileEntry[]> {
    const known = await readMachine(this.disk, this.folder, id);
    if (!known || id.startsWith('.') || /[/\\]/.test(id)) {
      throw new HostError('NOT_FOUND', `There is no machine named ${id} in ${this.folder}.`);
    }
    return this.walk(known.folder, '');
  }

  /** What a copy of a machine's folder would hold beside its `machine.json`, and how many bytes that is. */
  async copyOf(folder: string, without: ReadonlySet<string> = new Set()): Promise<{ files: NewFile[]; bytes: number }> {
    const own = (await this.walk(folder, '')).filter(({ name, part }) => part === 'disk' && !without.has(name));
    return {
      files: own.map(({ name }) => ({ name, copyOf: join(folder, name) })),
      bytes: own.reduce((sum, { size }) => sum + size, 0),
    };
  }

  private async walk(folder: string, prefix: string): Promise<MachineFileEntry[]> {
    const entries: MachineFileEntry[] = [];
    const list = await this.disk.list(folder);
    const isLock = (name: string): boolean => list.some((other) => other.name === imageOfLock(name));
    for (const { name, folder: inside } of list) {
      const relative = prefix === '' ? name : `${prefix}/${name}`;
      if (inside) entries.push(...(await this.walk(join(folder, name), relative)));
      else {
        const status = await this.disk.status(join(folder, name));
        entries.push({
          name: relative,
          size: status?.size ?? 0,
          part: OWN_NAMES.has(relative) || isLock(name) ? 'machine' : 'disk',
        });
      }
    }
    return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /**
   * `machine-and-disks`: the folder leaves the library at one instant, then its files go. `machine`: `machine.json` is set aside at one
   * instant, the host's own files go, and the folder stays with the rest.
   */
  async delete(
    id: string,
    what: 'machine' | 'machine-and-disks',
  ): Promise<{ removed: string[]; kept: string[]; folder: string }> {
    const machine = await this.get(id);
    const files = await this.files(id);
    const names = files.map(({ name }) => name);
    const kept = what === 'machine' ? files.filter(({ part }) => part === 'disk').map(({ name }) => name) : [];
    try {
      if (kept.length === 0) {
        const removed = join(this.folder, `${REMOVED_PREFIX}${randomBytes(6).toString('hex')}`);
        await this.disk.rename(machine.folder, removed);
        await this.disk.syncFolder(this.folder);
        await this.disk.removeTree(removed);
      } else {
        await this.disk.rename(join(machine.folder, MACHINE_FILE), join(machine.folder, DELETED_FILE));
        await this.disk.syncFolder(machine.folder);
        await this.removeOwnFiles(machine.folder, names);
      }
    } catch (error) {
      throw explain(error, machine.folder);
    }
    return { removed: names.filter((name) => !kept.includes(name)), kept, folder: machine.folder };
  }
}
