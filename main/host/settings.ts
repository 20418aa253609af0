import { join } from 'node:path';
import { z } from 'zod';
import { settings as schema, type Settings } from '../contract/application.ts';
import { writeAtomically } from './atomic-file.ts';
import type { Disk } from './disk.ts';
import { isSystemError } from './errors.ts';
import { EventChannel } from './event-channel.ts';

/** Beside the machines; the dot keeps it out of the list. */
export const SETTINGS_FILE = '.settings.json';

const DEFAULTS: Settings = {
  theme: 'system',
  releaseKey: 'ControlRight',
  scaling: 'pixel-exact',
  passThrough: [],
  combinations: [],
};

const stored = z.object({ version: z.literal(1), settings: schema.partial() });

/** A person's choices, in one file of the library. A damaged file costs the choices, not the start; `warn` says so. */
export class SettingsStore {
  readonly #changes = new EventChannel<Settings>();
  #queue: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly disk: Disk,
    private readonly path: string,
    private value: Settings,
  ) {}

  static async open(disk: Disk, library: string, warn: (sentence: string) => void): Promise<SettingsStore> {
    const path = join(library, SETTINGS_FILE);
    try {
      const { settings } = stored.parse(JSON.parse((await disk.readFile(path)).toString('utf8')));
      return new SettingsStore(disk, path, { ...DEFAULTS, ...settings });
    } catch (error) {
      if (!isSystemError(error, 'ENOENT')) warn(`The settings in ${path} cannot be read; the defaults hold.`);
      return new SettingsStore(disk, path, DEFAULTS);
    }
  }

  get(): Settings {
    return this.value;
  }

  /** One change after the other: each starts from what the one before it made. */
  set(change: Partial<Settings>): Promise<Settings> {
    const result = this.#queue.then(() => this.#set(change));
    this.#queue = result.catch(() => undefined);
    return result;
  }

  async #set(change: Partial<Settings>): Promise<Settings> {
    const value = { ...this.value, ...change };
    await writeAtomically(
      this.disk,
      this.path,
      Buffer.from(`${JSON.stringify({ version: 1, settings: value }, undefined, 2)}\n`),
    );
    this.value = value;
    this.#changes.publish(value);
    return value;
  }

  watch(signal?: AbortSignal): AsyncGenerator<Settings, void, void> {
    return this.#changes.subscribe([this.value], signal);
  }

  close(): void {
    this.#changes.close();
  }
}
