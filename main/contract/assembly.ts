import { z } from 'zod';
import { byteArray } from './bytes.ts';
import { procedure } from './errors.ts';

/** A place in a source and what is wrong with it. Lines and columns count from 1. */
export const diagnostic = z.object({
  severity: z.enum(['error', 'warning']),
  file: z.string(),
  line: z.int(),
  column: z.int(),
  message: z.string(),
});

export const assembly = {
  /** Assembles a text (NASM syntax, flat binary). Errors of the source are its diagnostics, not errors of the call. */
  assemble: procedure
    .input(z.object({ name: z.string().max(255).optional(), text: z.string().max(4 * 1024 * 1024) }))
    .output(
      z.object({
        ok: z.boolean(),
        diagnostics: z.array(diagnostic),
        /** Empty unless `ok`. */
        bytes: byteArray(),
        /** Address, bytes and source, a line each; empty unless `ok`. */
        listing: z.string(),
      }),
    ),
  disassemble: procedure
    .input(z.object({ bytes: byteArray(1024 * 1024), bits: z.union([z.literal(16), z.literal(32)]), origin: z.int().min(0).max(0xffffffff) }))
    .output(
      z.object({
        lines: z.array(z.object({ address: z.number(), bytes: byteArray(), text: z.string() })),
      }),
    ),
};

export type Diagnostic = z.infer<typeof diagnostic>;
