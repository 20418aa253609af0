import { eventIterator } from '@orpc/contract';
import { z } from 'zod';
import { byteArray } from './bytes.ts';
import { procedure } from './errors.ts';
import { CPU_MAXIMUM, machineId } from './machine.ts';
import { smiCause, smmStatistics } from './smm-figures.ts';

/** The number of a virtual processor. */
const cpu = z
  .int()
  .min(0)
  .max(CPU_MAXIMUM - 1);

/**
 * What happened, on the host's monotonic clock in nanoseconds. `smi`: sent to the vCPU; `latched`: sent while it was in SMM or had one pending, and
 * served once, behind its RSM. `stop`: it asks all others to stand still; `acknowledge`: it does. `map`, `unmap`: SMRAM comes into the view of memory and
 * leaves it. `enter`, `rsm`: it begins and ends SMM. `hold`: it has resumed and stands still because others are in SMM; `release`: it goes on.
 */
export const smmEvent = z.object({
  /** Counts from 0 since the machine was started. */
  sequence: z.number(),
  kind: z.enum(['smi', 'latched', 'stop', 'acknowledge', 'map', 'enter', 'rsm', 'unmap', 'hold', 'release']),
  cpu,
  time: z.number(),
  /** Of `smi`, `latched` and `enter`. */
  cause: smiCause.optional(),
});

/** Where a person may look into SMRAM, which no guest program sees. */
export const smramRange = z.object({ name: z.enum(['compatible', 'tseg']), base: z.number(), size: z.number() });

export const smmState = z.object({
  /** Which save-state map the processors write: the 32-bit one of the SDM, or AMD64's. */
  layout: z.enum(['intel32', 'amd64']),
  /** SMRAM is in the view of memory because somebody is in SMM. */
  mapped: z.boolean(),
  /** D_OPEN, D_CLS and D_LCK of the host bridge. */
  open: z.boolean(),
  closed: z.boolean(),
  locked: z.boolean(),
  ranges: z.array(smramRange),
  breakOn: z.object({ entry: z.boolean(), exit: z.boolean() }),
  statistics: smmStatistics,
  now: z.number(),
});

export const smmSaveState = z.object({
  cpu,
  layout: z.enum(['intel32', 'amd64']),
  smbase: z.number(),
  /** In SMM now: this is what RSM will find. Else it is left from before, or was never written. */
  inSmm: z.boolean(),
  fields: z.array(
    z.object({
      name: z.string(),
      /** From SMBASE. */
      offset: z.number(),
      bytes: z.number(),
      /** Hexadecimal, `bytes` wide. */
      value: z.string(),
      /** Not in the manuals: processors keep such state in reserved fields. */
      hidden: z.boolean(),
    }),
  ),
});

/** What `watch` carries: `off` while there is no running machine; `skipped` events are not among those given. */
export const smmMessage = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('off') }),
  z.object({ kind: z.literal('now'), state: smmState, events: z.array(smmEvent), skipped: z.number() }),
]);

const one = z.object({ id: machineId });

/** System Management Mode of a machine that is on. */
export const smm = {
  state: procedure.input(one).output(smmState),
  /**
   * The present, then four times a second what has happened since; never more than the newest thousand and a half events, so that a storm costs a reader no
   * more than a breeze. Looking disturbs nothing. Stays open over power-off and start.
   */
  watch: procedure.input(one).output(eventIterator(smmMessage)),
  /** Sends SMIs, one behind the entry that the one before has caused. */
  inject: procedure
    .input(
      z.object({
        id: machineId,
        target: z.union([cpu, z.literal('all')]),
        count: z.int().min(1, 'At least one SMI is sent.').max(1_000_000, 'At most a million SMIs are sent at once.').default(1),
      }),
    )
    .output(z.object({ sent: z.number(), latched: z.number() })),
  /** Pauses the machine before a vCPU's first instruction in SMM, or behind its RSM. Until the machine is off. */
  breakOn: procedure.input(z.object({ id: machineId, entry: z.boolean(), exit: z.boolean() })).output(z.void()),
  /** Bytes of SMRAM; outside of the state's ranges BAD_INPUT. */
  read: procedure
    .input(z.object({ id: machineId, address: z.int().min(0).max(0xffffffff), length: z.int().min(1).max(65536) }))
    .output(z.object({ bytes: byteArray() })),
  saveState: procedure.input(z.object({ id: machineId, cpu })).output(smmSaveState),
};

export type SmmEventMessage = z.infer<typeof smmEvent>;
export type SmmStateMessage = z.infer<typeof smmState>;
export type SmmSaveStateMessage = z.infer<typeof smmSaveState>;
export type SmmMessage = z.infer<typeof smmMessage>;
