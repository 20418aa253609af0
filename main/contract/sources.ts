import { eventIterator } from '@orpc/contract';
import { z } from 'zod';
import { byteArray } from './bytes.ts';
import { procedure } from './errors.ts';
import { machineId, machineName, machineSummary } from './machine.ts';

/** Larger texts are no sources: what the host assembles has the same limit. */
export const SOURCE_BYTES = 4 * 1024 * 1024;

/** Names that end so are sources; only they are shown and written. */
export const SOURCE_ENDINGS = ['.asm', '.inc', '.s', '.nasm', '.mac'] as const;

/** A source in a machine's folder: relative, with slashes, no part hidden or leading out. */
export const sourcePath = z
  .string()
  .min(1, 'A source needs a name.')
  .max(200, 'The name of a source has at most 200 characters.')
  .refine(
    (path) => path.split('/').every((part) => part !== '' && !part.startsWith('.')) && !/[\\\p{Cc}:*?"<>|]/u.test(path),
    'A source is named without a leading dot, "..", backslash or : * ? " < > |, and stands in the machine’s folder.',
  )
  .refine(
    (path) => SOURCE_ENDINGS.some((ending) => path.toLowerCase().endsWith(ending)),
    `The name of a source ends with ${SOURCE_ENDINGS.join(', ')}.`,
  );

const text = z.string().max(SOURCE_BYTES, 'A source has at most 4 MiB.');

/** Names a content: two files with equal bytes have equal versions. */
const version = z.string().max(64);

/** What a text was when it was changed: a version, or null for a file that was not there. */
const base = version.nullable();

export const sourceFile = z.object({ path: z.string(), bytes: z.int(), version });

/** A text that was not saved. */
export const sourceDraft = z.object({ path: sourcePath, base, text });

const one = z.object({ id: machineId });
const oneFile = one.extend({ path: sourcePath });

/** Assembly sources in a machine's folder, and texts of them that are not saved yet. Works whether the machine is on or off. */
export const sources = {
  /** `main`: the one that the machine starts from; null where it starts from something else, or from a file outside of its folder. */
  list: procedure.input(one).output(z.object({ main: z.string().nullable(), files: z.array(sourceFile) })),
  /** The list, and the list again after each change on the disk, until the caller ends it. */
  watch: procedure.input(one).output(eventIterator(z.object({ main: z.string().nullable(), files: z.array(sourceFile) }))),
  read: procedure.input(oneFile).output(z.object({ text: z.string(), version })),
  /** At one instant, or not at all. CONFLICT if the file is not what it was at `base`. A draft of it goes. */
  write: procedure.input(oneFile.extend({ text, base })).output(z.object({ version })),
  /** CONFLICT as for `write`, and for the source that the machine starts from. */
  remove: procedure.input(oneFile.extend({ base: version })).output(z.void()),
  /** What `%include` or `incbin` of `name` in `from` would read when the machine starts; null if nothing. */
  find: procedure
    .input(one.extend({ name: z.string().min(1).max(1024), from: z.string().max(1024) }))
    .output(z.object({ path: z.string(), bytes: byteArray() }).nullable()),
  /** The machine starts from this source from now on. Only where it starts from assembly already: WRONG_STATE. */
  setMain: procedure.input(oneFile).output(machineSummary),
  /** A new machine of this source with every file of the folder that it reads. A source with errors: BAD_INPUT. */
  newMachine: procedure.input(oneFile.extend({ name: machineName.optional() })).output(machineSummary),

  /** Texts that were changed and not saved; they outlive a program that is killed. */
  drafts: {
    list: procedure.input(one).output(z.array(sourceDraft)),
    keep: procedure.input(one.extend({ draft: sourceDraft })).output(z.void()),
    drop: procedure.input(oneFile).output(z.void()),
  },
};

export type SourceFileMessage = z.infer<typeof sourceFile>;
export type SourceDraftMessage = z.infer<typeof sourceDraft>;
