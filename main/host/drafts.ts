import { join } from 'node:path';
import { z } from 'zod';
import { sourceDraft, type SourceDraftMessage } from '../contract/sources.ts';
import { writeAtomically } from './atomic-file.ts';
import type { Disk } from './disk.ts';
import { explain, isSystemError } from './errors.ts';

/** Texts that were not saved, in the machine's folder. It is the person's work, so it goes with the sources and not with `machine.json`. */
export const DRAFTS_FILE = '.unsaved.json';
/** Where a file goes that cannot be read, so that the next draft does not overwrite it. */
const DAMAGED_FILE = '.unsaved-damaged.json';

const stored = z.strictObject({ version: z.literal(1), drafts: z.array(sourceDraft).max(1000) });

/** Drafts of sources, a file in each machine's folder. The caller keeps its calls for one folder one behind the other. */
export class Drafts {
  constructor(private readonly disk: Disk) {}

  async list(folder: string): Promise<SourceDraftMessage[]> {
    return [...(await this.#open(folder)).values()];
  }

  async keep(folder: string, draft: SourceDraftMessage): Promise<void> {
    const drafts = await this.#open(folder);
    drafts.set(draft.path, draft);
    await this.#write(folder, drafts);
  }

  async drop(folder: string, path: string): Promise<void> {
    const drafts = await this.#open(folder);
    if (drafts.delete(path)) await this.#write(folder, drafts);
  }

  async #open(folder: string): Promise<Map<string, SourceDraftMessage>> {
    const drafts = new Map<string, SourceDraftMessage>();
    const path = join(folder, DRAFTS_FILE);
    let bytes: Buffer;
    try {
      bytes = await this.disk.readFile(path);
    } catch (error) {
      if (isSystemError(error, 'ENOENT')) return drafts;
      throw explain(error, path);
    }
    try {
      for (const draft of stored.parse(JSON.parse(bytes.toString('utf8'))).drafts) drafts.set(draft.path, draft);
    } catch {
      await this.disk.rename(path, join(folder, DAMAGED_FILE));
    }
    return drafts;
  }

  async #write(folder: string, drafts: Map<string, SourceDraftMessage>): Promise<void> {
    const path = join(folder, DRAFTS_FILE);
    if (drafts.size === 0) await this.disk.removeFile(path);
    else await writeAtomically(this.disk, path, Buffer.from(`${JSON.stringify({ version: 1, drafts: [...drafts.values()] })}\n`));
  }
}
