import { ORPCError } from '@orpc/client';
import { explain, HostError } from '../host/errors.ts';

/** Exit statuses (architecture, section 8). */
export const EXIT = { done: 0, failed: 1, usage: 2, timeOut: 124 } as const;

/** 128 + the signal's number, as shells say it. */
export const SIGNAL_EXIT = { SIGINT: 130, SIGTERM: 143 } as const;

/** A refusal of the command line: one sentence on stderr and an exit status. */
export class CommandError extends Error {
  constructor(
    readonly status: number,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'CommandError';
  }
}

/** Bad usage. */
export function usage(message: string): CommandError {
  return new CommandError(EXIT.usage, message);
}

/** A part of the interface that this version does not have. */
export function notYet(what: string): CommandError {
  return new CommandError(EXIT.usage, `${what} is not supported yet in this version.`);
}

/** What the caller gave was wrong: status 2. All else failed while running: status 1. */
const INPUT_CODES: ReadonlySet<string> = new Set(['BAD_INPUT', 'BAD_IMAGE', 'TOO_LARGE', 'UNREADABLE', 'NOT_FOUND', 'NOT_SUPPORTED', 'BROKEN', 'CONFLICT']);

/** The sentence and the exit status of any failure. A defect gets status 1 and its message, never its stack. */
export function outcomeOf(error: unknown): { status: number; sentence: string } {
  if (error instanceof CommandError) return { status: error.status, sentence: error.message };
  if (error instanceof ORPCError) return { status: INPUT_CODES.has(String(error.code)) ? EXIT.usage : EXIT.failed, sentence: error.message };
  const explained = explain(error, 'The system');
  if (explained instanceof HostError) return { status: INPUT_CODES.has(explained.code) ? EXIT.usage : EXIT.failed, sentence: explained.message };
  return { status: EXIT.failed, sentence: explained.message === '' ? 'Something failed without saying why.' : explained.message };
}
