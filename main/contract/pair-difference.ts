import { z } from 'zod';

/** Where the secondary's state was not the primary's at a resync: what engine/tolerance/difference.ts finds. */
export const pairDifference = z.object({
  /** Retired by all vCPUs. */
  instructions: z.object({ primary: z.number(), secondary: z.number() }),
  /** Of each vCPU that differs the first register; values are hexadecimal. */
  registers: z.array(z.object({ cpu: z.int(), name: z.string(), primary: z.string(), secondary: z.string() })).readonly(),
  /** The first byte, of RAM if one of RAM differs; `address` counts in the part. */
  first: z.object({ part: z.string(), page: z.int(), address: z.number(), primary: z.int(), secondary: z.int() }).nullable(),
  /** Pages of 4 KiB that differ, by part. */
  pages: z.array(z.object({ part: z.string(), pages: z.int() })).readonly(),
});

export type PairDifference = z.infer<typeof pairDifference>;

const hex = (value: number, digits: number): string => `0x${value.toString(16).padStart(digits, '0')}`;

/** For people, a sentence each: registers, the first byte, pages, instructions. */
export function differenceSentences({ instructions, registers, first, pages }: PairDifference): string[] {
  const sentences = registers.map(({ cpu, name, primary, secondary }) => `First register of vCPU ${cpu}: ${name} was ${primary} on the primary, ${secondary} on the secondary.`);
  if (first !== null) {
    const { part, page, address, primary, secondary } = first;
    sentences.push(`First byte: ${part} ${hex(address, 8)} in page ${page.toString(16)} was ${hex(primary, 2)} on the primary, ${hex(secondary, 2)} on the secondary.`);
  }
  if (pages.length > 0) sentences.push(`Pages that differed: ${pages.map(({ part, pages: count }) => `${count.toLocaleString('en-GB')} of ${part}`).join(', ')}.`);
  if (sentences.length === 0) sentences.push('Registers, memory and disks were the same.');
  const retired = ({ primary, secondary }: typeof instructions): string => `${primary.toLocaleString('en-GB')} on the primary, ${secondary.toLocaleString('en-GB')} on the secondary`;
  sentences.push(`Instructions until then: ${retired(instructions)}.`);
  return sentences;
}
