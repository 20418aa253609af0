/** The state of the chips of a machine, as each says it of itself. */
import { z } from 'zod';

export const chipFacts = z.object({
  /** Unique in a machine: `pit`, `lapic0`. */
  id: z.string(),
  title: z.string(),
  /** Where the guest finds it: "ports 20, a0". */
  place: z.string(),
  /** `interrupts`: local APICs, I/O APIC, 8259s. */
  group: z.enum(['interrupts', 'devices']),
  facts: z.array(
    z.object({
      name: z.string(),
      /** Numbers of registers are hexadecimal, counts decimal. */
      value: z.string(),
      note: z.string().nullable(),
      /** Bits of the register by the manual's names. */
      flags: z.array(z.object({ name: z.string(), set: z.boolean() })),
    }),
  ),
  tables: z.array(z.object({ title: z.string(), columns: z.array(z.string()), rows: z.array(z.array(z.string())) })),
});

export type ChipFactsMessage = z.infer<typeof chipFacts>;
export type ChipTableMessage = ChipFactsMessage['tables'][number];
