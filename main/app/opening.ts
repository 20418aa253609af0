import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { Opened } from '../contract/application.ts';
import type { Disk } from '../host/disk.ts';
import { EventChannel } from '../host/event-channel.ts';

/** What one start of the program hands to the one that runs already. Checked: any program of this person can send it. */
export const handedOver = z.object({ paths: z.array(z.string().max(4096)).max(100) });

/**
 * The files that a person's command line names, as whole paths. `words` is all of it; `ownPath` is the app's folder where Electron was
 * started with one (a checkout), and what stands before it is Electron's. Switches are Chromium's, and ours.
 */
export function pathsOf(words: readonly string[], workingDirectory: string, ownPath?: string): string[] {
  const begin =
    ownPath === undefined ? 1 : words.findLastIndex((word) => path.resolve(workingDirectory, word) === path.resolve(ownPath)) + 1;
  if (begin === 0) return [];
  return words
    .slice(begin)
    .filter((word) => word !== '' && !word.startsWith('-'))
    .flatMap((word) => localPath(word, workingDirectory));
}

/** Desktops hand over addresses as well as paths; of addresses only files are ours. */
function localPath(word: string, workingDirectory: string): string[] {
  if (!/^[a-z][a-z0-9+.-]+:\/\//i.test(word)) return [path.resolve(workingDirectory, word)];
  try {
    return [fileURLToPath(word)];
  } catch {
    return [];
  }
}

/** What the person asked the app to open (a file's association, the command line), until a library's page takes it: each once. */
export class Openings {
  readonly #channel = new EventChannel<Opened>();
  #waiting: Opened[] = [];

  constructor(private readonly disk: Disk) {}

  /** A machine's own file stands for its folder. What is not there is a file: the page that reads it says so. */
  async add(file: string): Promise<void> {
    const named = path.basename(file) === 'machine.json' ? path.dirname(file) : file;
    const folder = (await this.disk.status(named).catch(() => undefined))?.folder ?? false;
    const opened: Opened = { path: named, name: path.basename(named), folder };
    if (this.#channel.readers > 0) this.#channel.publish(opened);
    else this.#waiting.push(opened);
  }

  watch(signal?: AbortSignal): AsyncGenerator<Opened, void, void> {
    const present = this.#waiting;
    this.#waiting = [];
    return this.#channel.subscribe(present, signal);
  }
}
