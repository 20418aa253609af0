import { eventIterator } from '@orpc/contract';
import { z } from 'zod';
import { procedure } from './errors.ts';

/** Long work of the host, whichever front asked for it. */
export const task = z.object({
  id: z.string(),
  /** What is being done, for instance "Cloning Hello". */
  title: z.string(),
  state: z.enum(['running', 'done', 'failed', 'cancelled']),
  /** Bytes; `total` is 0 until it is known. */
  done: z.number(),
  total: z.number(),
  /** Milliseconds since 1970. */
  started: z.number(),
  /** Null while it runs. */
  ended: z.number().nullable(),
  /** While it runs: what Cancel does. Afterwards: what became of it. */
  sentence: z.string(),
});

export const tasks = {
  /** All tasks, newest first, now and at each change (at most some 5 times a second while they run). Ended ones are kept until cleared. */
  watch: procedure.output(eventIterator(z.array(task))),
  /** Asks a running task to stop; its own request ends with an error then. NOT_FOUND if it has ended. */
  cancel: procedure.input(z.object({ id: z.string() })).output(z.void()),
  /** Forgets the tasks that have ended. */
  clear: procedure.output(z.void()),
};

export type Task = z.infer<typeof task>;
