import { eventIterator } from '@orpc/contract';
import { z } from 'zod';
import { byteArray } from './bytes.ts';
import { procedure } from './errors.ts';
import { machineId } from './machine.ts';

const size = {
  columns: z.int().min(2).max(1000),
  rows: z.int().min(1).max(1000),
};
const terminal = z.int().min(0);

export const terminalEvent = z.discriminatedUnion('kind', [
  /** First of all: the number for `write` and `resize`, and what runs, as people would type it. */
  z.object({ kind: z.literal('opened'), terminal, line: z.string() }),
  /** `lost`: bytes before these that a slow reader has missed. */
  z.object({ kind: z.literal('output'), bytes: byteArray(), lost: z.int() }),
  /** Last of all. */
  z.object({ kind: z.literal('ended'), status: z.int() }),
]);

/**
 * Terminals of the host. No payload names a program: what runs is the host's own gdb, attached to the gdb server of a machine that is on, which begins if need
 * be. It ends with its stream. Without gdb, with another gdb attached, or from another front than the app: NOT_SUPPORTED or CONFLICT with a sentence.
 */
export const terminals = {
  gdb: procedure.input(z.object({ id: machineId, ...size })).output(eventIterator(terminalEvent)),
  /** What is typed, as bytes. A terminal that has ended takes nothing: NOT_FOUND. */
  write: procedure.input(z.object({ terminal, bytes: byteArray(1 << 16) })).output(z.void()),
  resize: procedure.input(z.object({ terminal, ...size })).output(z.void()),
};

export type TerminalEventMessage = z.infer<typeof terminalEvent>;
