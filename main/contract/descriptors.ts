/** GDT, IDT and LDT entry by entry. */
import { z } from 'zod';

export const descriptorTableName = z.enum(['gdt', 'idt', 'ldt']);

export const decodedDescriptor = z.object({
  /** `none`: nothing that could be used in this place. */
  kind: z.enum(['none', 'code', 'data', 'system', 'gate']),
  /** "32-bit code", "busy 32-bit TSS", "task gate". */
  type: z.string(),
  /** Of code and data: "readable", "expand-down". */
  properties: z.array(z.string()),
  /** Of segments; null for others. */
  base: z.number().nullable(),
  /** Highest offset. */
  limit: z.number().nullable(),
  /** Of gates; a task gate has no offset. */
  target: z.object({ selector: z.int(), offset: z.number().nullable(), symbol: z.string().nullable() }).nullable(),
  privilege: z.int(),
  present: z.boolean(),
  /** What using it leads to, without full stop; null: it is as it should be. */
  problem: z.string().nullable(),
});

/** A register that holds a system segment; `type` null: none was loaded. */
export const systemSegment = z.object({ selector: z.int(), base: z.number(), limit: z.number(), type: z.string().nullable() });

export const descriptorTable = z.object({
  table: descriptorTableName,
  base: z.number(),
  limit: z.number(),
  /** 8, or 4 in the vector table of real mode. */
  entryBytes: z.int(),
  entries: z.array(
    z.object({
      index: z.int(),
      /** Linear. */
      address: z.number(),
      /** Its bytes as a number, low byte first. */
      value: z.bigint(),
      /** Of the IDT: what the vector is for. */
      name: z.string().nullable(),
      descriptor: decodedDescriptor,
      /** Registers whose selector names it; stale: the processor goes on with what it loaded, which is another thing by now. */
      registers: z.array(z.object({ name: z.string(), isStale: z.boolean() })),
    }),
  ),
  /** About the table as a whole, without full stop. */
  problem: z.string().nullable(),
  task: systemSegment,
  ldt: systemSegment,
});

export type DescriptorTableMessage = z.infer<typeof descriptorTable>;
export type DescriptorEntryMessage = DescriptorTableMessage['entries'][number];
