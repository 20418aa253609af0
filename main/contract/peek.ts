import { eventIterator } from '@orpc/contract';
import { z } from 'zod';
import { byteArray } from './bytes.ts';
import { chipFacts } from './chips.ts';
import { descriptorTable, descriptorTableName } from './descriptors.ts';
import { procedure } from './errors.ts';
import { fileSource } from './library.ts';
import { machineId } from './machine.ts';
import { frameMappings, pageWalk } from './page-walk.ts';

/** Bytes of one read. */
export const PEEK_MAXIMUM = 16 * 1024 * 1024;

const address = z
  .int('An address is a whole number.')
  .min(0, 'An address is not negative.')
  .max(2 ** 36 - 1, 'An address has at most 36 bits.');
const length = z
  .int('A length is a whole number of bytes.')
  .min(0, 'A length is not negative.')
  .max(PEEK_MAXIMUM, 'At most 16 MiB are read at once.');
const cpu = z.int().min(0).max(255);
const word = z
  .int()
  .min(0)
  .max(2 ** 32 - 1, 'CR3 and linear addresses are numbers of 32 bits.');

/** How addresses are meant: by the processor's paging, as offsets into a segment, by the page tables at `cr3`, or physical. */
export const peekSpace = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('linear') }),
  z.object({ kind: z.literal('segment'), segment: z.enum(['es', 'cs', 'ss', 'ds', 'fs', 'gs']) }),
  z.object({ kind: z.literal('root'), cr3: word }),
  z.object({ kind: z.literal('physical') }),
]);

/** One operation: nothing of it is read behind a fault. */
export const peekOperation = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('read'), address, length }),
  /** Up to a NUL. */
  z.object({ kind: z.literal('string'), address, limit: length }),
  z.object({ kind: z.literal('scatter'), parts: z.array(z.object({ address, length })).max(4096) }),
  /** Pointers: at `address`, then at what it points to plus the first offset, and so on; `length` bytes behind the last. */
  z.object({ kind: z.literal('chain'), address, offsets: z.array(z.int()).min(1).max(64), length }),
]);

export const peekOutcome = z.object({
  /** What was read; bytes that could not be read are not among them. */
  bytes: byteArray(),
  pointers: z.array(z.number()),
  /** A string: its NUL was found. Else: all was read. */
  complete: z.boolean(),
  /** The exception that the guest would have had. */
  fault: z.object({ vector: z.int(), code: z.int(), address: z.number() }).nullable(),
  /** One sentence without its full stop: why it ended early. */
  problem: z.string().nullable(),
});

/** A value, with what is in it. What could not be read has `unreadable` in place of a value. */
export interface PeekNode {
  name: string;
  type: string;
  address?: number | undefined;
  size?: number | undefined;
  value?: string | undefined;
  number?: number | undefined;
  target?: number | undefined;
  unreadable?: string | undefined;
  note?: string | undefined;
  children?: PeekNode[] | undefined;
  more?: string | undefined;
}

export const peekNode: z.ZodType<PeekNode> = z.object({
  name: z.string(),
  type: z.string(),
  address: z.number().optional(),
  size: z.number().optional(),
  value: z.string().optional(),
  number: z.number().optional(),
  target: z.number().optional(),
  unreadable: z.string().optional(),
  note: z.string().optional(),
  children: z.lazy(() => z.array(peekNode)).optional(),
  more: z.string().optional(),
});

export const peekExpression = z.object({
  /** For instance `tasks[3].comm`; see docs/formats/structures.md. */
  expression: z.string().min(1).max(4096),
  /** Absent: linear. */
  space: peekSpace.optional(),
  user: z.boolean().optional(),
  /** Pointers to structures are followed so deep. */
  follow: z.int().min(0).max(16).optional(),
  /** Elements of each array and list. */
  limit: z.int().min(1).max(4096).optional(),
});

/** `value`: a tree. `error`: the expression makes no sense; its column counts from 1. */
export const peekResult = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('value'), node: peekNode }),
  z.object({ kind: z.literal('error'), message: z.string(), column: z.int().optional() }),
]);

/** A description of guest data that a machine can be looked at with. */
export const peekProfile = z.object({
  id: z.string(),
  title: z.string(),
  /** It was loaded for this machine; the others ship. */
  loaded: z.boolean(),
  types: z.int(),
  symbols: z.int(),
  views: z.array(
    z.object({ name: z.string(), expression: z.string(), description: z.string(), physical: z.boolean(), follow: z.int() }),
  ),
});

export const profileId = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9._-]{0,63}$/,
    'A profile is named by lower-case letters, digits, dots, hyphens and underscores, at most 64.',
  );
const one = z.object({ id: machineId });
const evaluation = z.object({
  id: machineId,
  cpu: cpu.optional(),
  profile: profileId.optional(),
  expressions: z.array(peekExpression).min(1).max(256),
});

/** Reads of guest memory that the guest never notices. The machine is on; a running one is not stopped. */
export const peek = {
  read: procedure
    .input(
      z.object({ id: machineId, cpu: cpu.optional(), space: peekSpace, user: z.boolean().optional(), operation: peekOperation }),
    )
    .output(peekOutcome),
  /** Every entry from CR3 to the byte. `cr3`: another than the vCPU's, in its paging mode. */
  walk: procedure.input(z.object({ id: machineId, cpu: cpu.optional(), address: word, cr3: word.optional() })).output(pageWalk),
  /** Every linear address that leads to the frame that a physical address lies in. */
  mappings: procedure
    .input(z.object({ id: machineId, cpu: cpu.optional(), physical: address, cr3: word.optional() }))
    .output(frameMappings),
  /** A descriptor table of a vCPU. */
  descriptors: procedure
    .input(z.object({ id: machineId, cpu: cpu.optional(), table: descriptorTableName }))
    .output(descriptorTable),
  /** What every chip does now, local APICs included; without side effects in any of them. */
  chips: procedure.input(one).output(z.array(chipFacts)),
  profiles: procedure.input(one).output(z.array(peekProfile)),
  /**
   * Types for this machine, kept until the host ends: Volatility 3's symbol file (JSON), an ELF file with DWARF, or our own text, whichever
   * it is. What is wrong with them is BAD_INPUT, with the line and column.
   */
  load: procedure.input(z.object({ id: machineId, profile: profileId, file: fileSource })).output(peekProfile),
  unload: procedure.input(z.object({ id: machineId, profile: profileId })).output(z.void()),
  /** Names of types and symbols that contain `text`, at most 200 of each. */
  search: procedure
    .input(z.object({ id: machineId, profile: profileId.optional(), text: z.string().max(200) }))
    .output(z.object({ types: z.array(z.string()), symbols: z.array(z.object({ name: z.string(), address: z.number() })) })),
  /** `frozen`: all of them at one moment, for which the machine stands still. */
  evaluate: procedure.input(evaluation.extend({ frozen: z.boolean().optional() })).output(z.array(peekResult)),
  /**
   * The same again and again, every `interval` milliseconds, without stopping the machine; an event when the result of an expression (by its
   * number) is another than before. `off`: the machine is off; the stream goes on when it is started.
   */
  watch: procedure
    .input(evaluation.extend({ interval: z.int().min(50, 'Live views are refreshed at most 20 times a second.').max(60_000) }))
    .output(
      eventIterator(
        z.discriminatedUnion('kind', [
          z.object({ kind: z.literal('result'), index: z.int(), result: peekResult }),
          z.object({ kind: z.literal('off') }),
        ]),
      ),
    ),
};

export type PeekSpace = z.infer<typeof peekSpace>;
export type PeekOperation = z.infer<typeof peekOperation>;
export type PeekOutcome = z.infer<typeof peekOutcome>;
export type PeekExpression = z.infer<typeof peekExpression>;
export type PeekResult = z.infer<typeof peekResult>;
export type PeekProfile = z.infer<typeof peekProfile>;
