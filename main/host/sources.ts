import { createHash } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, sep } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { SOURCE_BYTES, sourcePath, type SourceDraftMessage, type SourceFileMessage } from '../contract/sources.ts';
import { assemblyError, type AssembleSource } from './assembler.ts';
import { writeAtomically } from './atomic-file.ts';
import { decodeSource } from './boot.ts';
import type { Disk } from './disk.ts';
import { Drafts } from './drafts.ts';
import { explain, HostError, isSystemError } from './errors.ts';
import { readImage } from './image.ts';
import type { NewFile, StoredMachine } from './library.ts';
import { sourceFiles } from './source-files.ts';

/** How often the folder is looked at while somebody watches it, in milliseconds. */
const LOOK_INTERVAL = 1000;
/** Deeper folders, and more files, are not looked through. */
const DEEPEST = 8;
const MOST_FILES = 1000;

export interface SourceList {
  main: string | null;
  files: SourceFileMessage[];
}

export interface SourceTools {
  disk: Disk;
  assemble: AssembleSource;
  /** The folder of the shipped guests, whose sources may be included. */
  guests: string;
  machine: (id: string) => Promise<StoredMachine>;
  /** The sources of a machine are others now. */
  changed: (id: string) => Promise<void>;
}

function versionOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 32);
}

/** The source that a machine starts from, if it stands in its folder. */
export function mainSource({ file }: StoredMachine): string | null {
  return file.boot.kind === 'assembly' && !isAbsolute(file.boot.file) ? file.boot.file.replaceAll('\\', '/') : null;
}

/** Sources in the folders of machines: see contract/sources.ts. Changes of one machine's folder run one after the other. */
export class Sources {
  readonly #queues = new Map<string, Promise<unknown>>();
  /** Versions of files by path, good as long as size and time are what they were. */
  readonly #versions = new Map<string, { size: number; modified: number; version: string }>();
  readonly drafts: Drafts;

  constructor(private readonly tools: SourceTools) {
    this.drafts = new Drafts(tools.disk);
  }

  #inTurn<Result>(id: string, work: () => Promise<Result>): Promise<Result> {
    const result = (this.#queues.get(id) ?? Promise.resolve()).then(work);
    this.#queues.set(
      id,
      result.catch(() => undefined),
    );
    return result;
  }

  async list(id: string): Promise<SourceList> {
    const machine = await this.tools.machine(id);
    const files: SourceFileMessage[] = [];
    await this.#walk(machine.folder, '', files);
    return { main: mainSource(machine), files: files.sort((a, b) => (a.path < b.path ? -1 : 1)) };
  }

  async #walk(folder: string, prefix: string, files: SourceFileMessage[]): Promise<void> {
    const { disk } = this.tools;
    for (const { name, folder: inside } of await disk.list(join(folder, prefix))) {
      const path = prefix === '' ? name : `${prefix}/${name}`;
      if (name.startsWith('.') || files.length >= MOST_FILES) continue;
      if (inside) {
        if (path.split('/').length <= DEEPEST) await this.#walk(folder, path, files);
        continue;
      }
      if (!sourcePath.safeParse(path).success) continue;
      const file = await this.#inside(folder, path).catch(() => undefined);
      const status = file === undefined ? undefined : await disk.status(file);
      if (file === undefined || status === undefined || status.folder || status.size > SOURCE_BYTES) continue;
      const known = this.#versions.get(file);
      let version = known?.version;
      if (known?.size !== status.size || known.modified !== status.modified) {
        version = versionOf(await disk.readFile(file));
        this.#versions.set(file, { size: status.size, modified: status.modified, version });
      }
      files.push({ path, bytes: status.size, version: version ?? '' });
    }
  }

  async *watch(id: string, signal?: AbortSignal): AsyncGenerator<SourceList, void, void> {
    let told = '';
    while (!signal?.aborted) {
      let now: SourceList;
      try {
        now = await this.list(id);
      } catch (error) {
        // Deleted: there is nothing to watch any more.
        if (error instanceof HostError && error.code === 'NOT_FOUND') return;
        throw error;
      }
      const text = JSON.stringify(now);
      if (text !== told) yield now;
      told = text;
      try {
        await wait(LOOK_INTERVAL, undefined, { signal, ref: false });
      } catch {
        return;
      }
    }
  }

  /** Where a source is. A symbolic link that leads out of the machine's folder is refused. */
  async #inside(folder: string, path: string): Promise<string> {
    const file = join(folder, ...path.split('/'));
    const root = await realpath(folder);
    for (let at = file; at.length >= folder.length; at = dirname(at)) {
      let real: string;
      try {
        real = await realpath(at);
      } catch (error) {
        // Not there yet: then the folder that it will be in decides.
        if (isSystemError(error, 'ENOENT')) continue;
        throw explain(error, path);
      }
      if (real !== root && !real.startsWith(root + sep))
        throw new HostError('UNREADABLE', `${path} leads out of the machine’s folder.`);
      return file;
    }
    throw new HostError('UNREADABLE', `${path} is not in the machine’s folder.`);
  }

  /** The content now; undefined if there is no such file. */
  async #content(file: string, path: string): Promise<Uint8Array | undefined> {
    const status = await this.tools.disk.status(file);
    if (status === undefined) return undefined;
    if (status.folder) throw new HostError('CONFLICT', `${path} is a folder.`);
    if (status.size > SOURCE_BYTES) throw new HostError('TOO_LARGE', `${path} is too large for a source: at most 4 MiB.`);
    try {
      return await this.tools.disk.readFile(file);
    } catch (error) {
      throw explain(error, path);
    }
  }

  async read(id: string, path: string): Promise<{ text: string; version: string }> {
    const { folder } = await this.tools.machine(id);
    const bytes = await this.#content(await this.#inside(folder, path), path);
    if (bytes === undefined) throw new HostError('NOT_FOUND', `There is no source ${path}.`);
    return { text: decodeSource(bytes, path), version: versionOf(bytes) };
  }

  write(id: string, path: string, text: string, base: string | null): Promise<{ version: string }> {
    return this.#inTurn(id, async () => {
      const { disk } = this.tools;
      const { folder } = await this.tools.machine(id);
      const file = await this.#inside(folder, path);
      const now = await this.#content(file, path);
      const bytes = new TextEncoder().encode(text);
      if (bytes.length > SOURCE_BYTES) throw new HostError('TOO_LARGE', `${path} is too large for a source: at most 4 MiB.`);
      const version = versionOf(bytes);
      const found = now === undefined ? null : versionOf(now);
      if (found !== base && found !== version) {
        const what = found === null ? 'was removed' : base === null ? 'exists already' : 'was changed';
        throw new HostError('CONFLICT', `${path} ${what} on the disk; nothing was written.`);
      }
      if (found !== version) {
        try {
          await disk.makeFolder(dirname(file));
        } catch (error) {
          throw explain(error, path);
        }
        await writeAtomically(disk, file, bytes);
      }
      await this.drafts.drop(folder, path);
      await this.tools.changed(id);
      return { version };
    });
  }

  remove(id: string, path: string, base: string): Promise<void> {
    return this.#inTurn(id, async () => {
      const machine = await this.tools.machine(id);
      if (mainSource(machine) === path) throw new HostError('CONFLICT', `The machine starts from ${path}; it stays.`);
      const file = await this.#inside(machine.folder, path);
      const now = await this.#content(file, path);
      if (now !== undefined) {
        if (versionOf(now) !== base) throw new HostError('CONFLICT', `${path} was changed on the disk; it stays.`);
        try {
          await this.tools.disk.removeFile(file);
          await this.tools.disk.syncFolder(dirname(file));
        } catch (error) {
          throw explain(error, path);
        }
      }
      await this.drafts.drop(machine.folder, path);
      await this.tools.changed(id);
    });
  }

  async find(id: string, name: string, from: string): Promise<{ path: string; bytes: Uint8Array } | null> {
    const { folder } = await this.tools.machine(id);
    const found = sourceFiles([folder, this.tools.guests], false)(name, from);
    return found?.bytes === undefined ? null : { path: found.path.split(sep).join('/'), bytes: found.bytes };
  }

  /** What a new machine of a source is made of: the source first, then each file of the folder that it reads. */
  async copyOf(id: string, path: string): Promise<NewFile[]> {
    const { folder } = await this.tools.machine(id);
    const file = await this.#inside(folder, path);
    const text = decodeSource(await readImage(this.tools.disk, file, 'source', SOURCE_BYTES), path);
    const result = this.tools.assemble({ name: path, text, folders: [folder, this.tools.guests], anywhere: false });
    if (!result.ok) throw assemblyError(result.diagnostics);
    const read = (result.files ?? []).slice(1).filter((name) => !isAbsolute(name) && name !== path);
    return [path, ...read].map((name) => ({ name: relative('.', name).split(sep).join('/'), copyOf: join(folder, name) }));
  }

  async keepDraft(id: string, draft: SourceDraftMessage): Promise<void> {
    return this.#inTurn(id, async () => this.drafts.keep((await this.tools.machine(id)).folder, draft));
  }

  async dropDraft(id: string, path: string): Promise<void> {
    return this.#inTurn(id, async () => this.drafts.drop((await this.tools.machine(id)).folder, path));
  }

  async listDrafts(id: string): Promise<SourceDraftMessage[]> {
    return this.#inTurn(id, async () => this.drafts.list((await this.tools.machine(id)).folder));
  }
}
