/** How linear addresses become physical ones, and which do. */
import { z } from 'zod';
import { byteArray } from './bytes.ts';

/** `none`: paging is off, and every linear address is the physical one. */
export const pagingMode = z.enum(['none', '32-bit', 'PAE']);

export const walkedEntry = z.object({
  level: z.enum(['pointer', 'directory', 'table']),
  index: z.int(),
  /** Guest-physical; null for a pointer entry that the processor holds itself. */
  address: z.number().nullable(),
  value: z.bigint(),
  /** A pointer entry: what memory has by now in place of what the processor loaded. */
  replacement: z.bigint().nullable(),
  present: z.boolean(),
  /** It maps a page itself. */
  isLeaf: z.boolean(),
  flags: z.array(z.object({ name: z.string(), set: z.boolean(), meaning: z.string() })),
  /** Guest-physical address of the table or page it names. */
  target: z.number(),
  pageSize: z.int(),
});

export const pageWalk = z.object({
  mode: pagingMode,
  linear: z.number(),
  cr3: z.number(),
  entries: z.array(walkedEntry),
  reason: z.enum(['mapped', 'not-present', 'reserved-bit', 'unreadable']),
  /** Sentences: where it leads, or why it ends. */
  text: z.string(),
  physical: z.number().nullable(),
  pageSize: z.int(),
  /** What an access of each kind would meet: the error code of its page fault, or null. */
  verdicts: z.array(z.object({ access: z.enum(['read', 'write', 'fetch']), user: z.boolean(), fault: z.int().nullable() })),
  /** From the address to the end of a row of 16 bytes; empty when nothing is mapped. */
  bytes: byteArray(16),
  /** Why there are fewer. One sentence without its full stop. */
  problem: z.string().nullable(),
});

export const frameMappings = z.object({
  mode: pagingMode,
  cr3: z.number(),
  mappings: z.array(
    z.object({
      linear: z.number(),
      /** Of the page it lies in. */
      pageSize: z.int(),
      writable: z.boolean(),
      user: z.boolean(),
      executable: z.boolean(),
    }),
  ),
  /** There are more than these. */
  isCut: z.boolean(),
});

export type PageWalkMessage = z.infer<typeof pageWalk>;
export type FrameMappingsMessage = z.infer<typeof frameMappings>;
