import { z } from 'zod';
import { procedure } from './errors.ts';
import { machineId } from './machine.ts';
import { NOTES_MAXIMUM } from './report.ts';

/** `core`: an ELF64 core, which debuggers and memory forensics read; it is memory, so there is none of a redacted report. */
export const reportFormat = z.enum(['json', 'html', 'markdown', 'core']);

/** A report that the host keeps until the next one of the same machine is taken. */
export const takenReport = z.object({
  capture: z.string(),
  title: z.string(),
  /** Milliseconds since 1970. */
  at: z.number(),
  /** The machine went on behind it, so that what is taken later is another state. */
  isPast: z.boolean(),
  /** Sections with how much is in each: "4", "GDT, IDT". */
  contents: z.array(z.object({ id: z.string(), title: z.string(), amount: z.string(), isEmpty: z.boolean() })),
  problems: z.array(z.string()),
});

const wording = {
  /** Leaves out what docs/formats/report.md says. */
  redact: z.boolean(),
  notes: z.string().max(NOTES_MAXIMUM, `Notes have at most ${NOTES_MAXIMUM} characters.`),
};

/** Evidence to take home. A running machine stands still for the moment of the copy. */
export const reports = {
  /** Takes a report of a machine that is on or suspended. */
  take: procedure.input(z.object({ id: machineId })).output(takenReport),
  /** The text of a report that was taken. */
  render: procedure
    .input(z.object({ id: machineId, capture: z.string(), format: reportFormat.exclude(['core']), ...wording }))
    .output(z.object({ text: z.string() })),
  /**
   * Writes files; shows in `tasks`, and is cancelled there or by aborting the call (CANCELLED). Each file comes to be as a whole or not at all. With a
   * core, or without `capture`, everything is taken anew, in one stop. In a folder, names
   * come from the machine and the moment. Not for browsers.
   */
  save: procedure
    .input(
      z.object({
        id: machineId,
        capture: z.string().optional(),
        place: z.discriminatedUnion('kind', [
          z.object({ kind: z.literal('file'), path: z.string().min(1) }),
          z.object({ kind: z.literal('folder'), path: z.string().min(1) }),
        ]),
        formats: z
          .array(reportFormat)
          .min(1, 'Choose at least one format.')
          .refine((formats) => new Set(formats).size === formats.length, 'Each format is given once.'),
        ...wording,
      }),
    )
    .output(
      z.object({
        title: z.string(),
        files: z.array(z.object({ format: reportFormat, path: z.string(), bytes: z.number() })),
        problems: z.array(z.string()),
      }),
    ),
};

export type ReportFormat = z.infer<typeof reportFormat>;
export type TakenReport = z.infer<typeof takenReport>;
