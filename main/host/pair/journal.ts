/**
 * What a pair has lived through, in its folder: a line of JSON for each event, written by its sides and by whoever does something to it. A side that is
 * killed leaves what it has seen.
 */
import { appendFileSync, renameSync, statSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { z } from 'zod';
import { pairResync } from '../../contract/pairs.ts';
import { isSystemError } from '../errors.ts';
import type { Resync } from './protocol.ts';

const hexadecimal = z
  .string()
  .regex(/^(?:[0-9a-f]{2})*$/u)
  .transform((text): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex')));

/** Bytes are hexadecimal here, where people may read them. */
const journalResync = pairResync.extend({
  divergence: z.object({ channel: z.string(), offset: z.number(), before: hexadecimal.prefault(''), primary: hexadecimal, secondary: hexadecimal }).nullable(),
});

const journalEntry = z.object({
  /** Milliseconds since 1970. */
  at: z.number(),
  by: z.enum(['a', 'b', 'person']),
  /**
   * `protected`, `degraded` (periodic checkpoints) and `unprotected` begin a time of that state; `failover` has how long it took until the other side
   * went on; `fault` was done to the pair on purpose.
   */
  kind: z.enum(['protected', 'degraded', 'unprotected', 'resync', 'failover', 'fault', 'note']),
  /** A sentence. */
  text: z.string(),
  /** Milliseconds, of a failover. */
  took: z.number().optional(),
  resync: journalResync.optional(),
});

export type JournalEntry = z.infer<typeof journalEntry>;
export type JournalKind = JournalEntry['kind'];

/** How far a journal was read: in which of its files, which outlives its name, and how many bytes of it. */
export const journalPlace = z.strictObject({ file: z.string().max(100), offset: z.int().min(0) });
export type JournalPlace = z.infer<typeof journalPlace>;

/** A journal that is longer begins anew; the one before is kept beside it. */
const longest = 1 << 20;
const mostAtOnce = 1 << 21;

export class Journal {
  constructor(private readonly path: string) {}

  /** In one write, so that lines of several processes stay whole. A failure is the writer's to tell; nothing depends on this file. */
  append(entry: JournalEntry): void {
    const { resync } = entry;
    const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
    const divergence = resync?.divergence;
    const written =
      divergence === undefined || divergence === null
        ? entry
        : {
            ...entry,
            resync: {
              ...resync,
              divergence: { ...divergence, before: hex(divergence.before), primary: hex(divergence.primary), secondary: hex(divergence.secondary) },
            },
          };
    appendFileSync(this.path, `${JSON.stringify(written)}\n`, { mode: 0o600 });
    if (statSync(this.path).size > longest) renameSync(this.path, `${this.path}.previous`);
  }

  /** What has come since `from`, and where to go on. A line that is not one of ours, as one cut short by a full disk, is left out. */
  async read(from?: JournalPlace): Promise<{ entries: JournalEntry[]; next: JournalPlace | undefined }> {
    const { text, next } = await this.readText(from);
    return { entries: journalEntries(text), next };
  }

  /** As `read`, as lines: for a reader on another host. The older part comes first where its end was not read. */
  async readText(from?: JournalPlace): Promise<{ text: string; next: JournalPlace | undefined }> {
    // In this order: where it begins anew in between, both are the same file, and none is missed.
    const current = await opened(this.path);
    const previous = await opened(`${this.path}.previous`);
    try {
      const parts = [previous, current].flatMap((part) => part ?? []).filter(({ key }, at, all) => all.findIndex((one) => one.key === key) === at);
      const known = parts.findIndex(({ key }) => key === from?.file);
      let text = '';
      let next = from;
      for (const [at, { file, key, size }] of parts.slice(Math.max(0, known)).entries()) {
        const start = at === 0 && known >= 0 && from !== undefined && from.offset <= size ? from.offset : 0;
        const bytes = Buffer.alloc(Math.min(size - start, mostAtOnce));
        const { bytesRead } = await file.read(bytes, 0, bytes.length, start);
        const whole = bytes.subarray(0, bytes.subarray(0, bytesRead).lastIndexOf(0x0a) + 1);
        text += whole.toString('utf8');
        next = { file: key, offset: start + whole.length };
        if (size - start > mostAtOnce) break;
      }
      return { text, next };
    } finally {
      await current?.file.close();
      await previous?.file.close();
    }
  }
}

async function opened(path: string): Promise<{ file: FileHandle; key: string; size: number } | undefined> {
  let file;
  try {
    file = await open(path, 'r');
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined;
    throw error;
  }
  const { ino, birthtimeMs, size } = await file.stat();
  return { file, key: `${ino} ${birthtimeMs}`, size };
}

/** The entries of a journal's lines. */
export function journalEntries(text: string): JournalEntry[] {
  return text.split('\n').flatMap((line) => readEntry(line) ?? []);
}

function readEntry(line: string): JournalEntry | undefined {
  try {
    return journalEntry.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}

const RESYNC_WORDS: Record<Resync['reason'], string> = {
  differs: 'Output differed',
  late: 'Output was missing on one side for longer than the limit',
  asked: 'It was asked for',
  periodic: 'A periodic checkpoint',
  join: 'A secondary joined',
  refused: 'A state was damaged on its way and sent again',
};

/** A resync that is over, as the journal has it. */
export function resyncEntry(by: 'a' | 'b', resync: Resync): JournalEntry {
  const { at, reason, divergence, pages = 0, bytes = 0, pause = 0, took = 0, digest, differing = [], difference } = resync;
  return {
    at,
    by,
    kind: 'resync',
    text: `${RESYNC_WORDS[reason]}; both sides are equal again.`,
    resync: {
      reason,
      divergence: divergence ?? null,
      pages,
      bytes,
      pause,
      took,
      digest: digest ?? null,
      differing: [...differing],
      ...(difference === undefined ? {} : { difference }),
    },
  };
}
