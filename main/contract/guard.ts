import { eventIterator } from '@orpc/contract';
import { z } from 'zod';
import { byteArray } from './bytes.ts';
import { procedure } from './errors.ts';
import { CPU_MAXIMUM, machineId } from './machine.ts';
import { profileId } from './peek.ts';

const address = z.int().min(0, 'An address is not negative.').max(0xffffffff, 'Addresses reach to ffffffff.');
const bytes = z
  .int()
  .min(1, 'At least one byte is protected.')
  .max(2 ** 32, 'No more than 4 GiB can be protected.');
const cpu = z
  .int()
  .min(0)
  .max(CPU_MAXIMUM - 1);

/**
 * What happens at a write to a protected page. `log`: it is recorded; `notify`: people are told as well; `pause`: the machine stops right behind it. `deny`: it is
 * not made, and the guest goes on; `fault`: the instruction gets #GP instead; `powerOff`: it is not made, and the machine goes off.
 */
export const guardAction = z.enum(['log', 'notify', 'pause', 'deny', 'fault', 'powerOff']);

/** What to protect; whole pages, so whatever shares them is protected too. */
export const guardRange = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('physical'), address, bytes }),
  /** As the paging of a virtual processor maps it now. */
  z.object({ kind: z.literal('linear'), address, bytes, cpu }),
  /** What a processor's registers point to. */
  z.object({ kind: z.literal('table'), table: z.enum(['idt', 'gdt', 'ldt', 'tss']), cpu }),
  /** What lies at a symbol of the debugger. Without `bytes` as far as it reaches: to its end if that is known, else to the next symbol. */
  z.object({ kind: z.literal('symbol'), name: z.string().min(1, 'A symbol has a name.').max(255), bytes: bytes.optional(), cpu }),
  /**
   * What an expression of guest structures names: an object of a type, or a field of one. Without a profile the one of the sample that the machine is
   * made of, if there is one.
   */
  z.object({
    kind: z.literal('structure'),
    expression: z.string().min(1, 'Name an object, for instance *(struct process *)0x1000.').max(4096),
    profile: profileId.optional(),
    cpu,
  }),
]);

/** Pages in a row with the same action; `byHost`: not by an agent in the guest. */
export const guardedRange = z.object({ address: z.number(), bytes: z.number(), action: guardAction, byHost: z.boolean() });

export const guardState = z.object({
  ranges: z.array(guardedRange),
  /**
   * The tree's pages: level 2 is the root, 0 a leaf, null one that is kept for a node. `first`: the first byte it can list, from where a leaf reaches
   * 2 MiB; null when no way leads to it. `given`: RAM that the guest's agent gave.
   */
  nodes: z.array(
    z.object({
      address: z.number(),
      level: z.int().nullable(),
      parent: z.number().nullable(),
      first: z.number().nullable(),
      given: z.boolean(),
    }),
  ),
  treeAction: guardAction,
  /** The name of the guest's agent; null: none has registered. `sealed`: what it protects stays so. */
  agent: z.string().nullable(),
  sealed: z.boolean(),
  /** Since power-on. */
  alerts: z.number(),
  treeAlerts: z.number(),
  /** Entries of the tree that cannot be right. */
  damaged: z.number(),
});

export const guardAlert = z.object({
  sequence: z.number(),
  /** When the host heard of it, milliseconds since 1970. */
  heard: z.number(),
  /** Guest nanoseconds since power-on. */
  time: z.number(),
  /** `tree`: an attack on the guard's own pages. `damaged`: its tree is damaged on the way to the page. */
  kind: z.enum(['listed', 'tree', 'damaged']),
  action: guardAction,
  outcome: z.enum(['made', 'dropped', 'refused']),
  /** `delivery`: the frame of an interrupt or exception; `walk`: accessed and dirty bits; `dma`: a device. */
  cause: z.enum(['instruction', 'delivery', 'walk', 'dma']),
  physical: z.number(),
  /** Null for a device. */
  linear: z.number().nullable(),
  /** From the first byte to the last; 0: refused before that was known. */
  size: z.number(),
  node: z.number().nullable(),
  level: z.int().nullable(),
  /** Null for a device. */
  writer: z
    .object({
      cpu: z.int(),
      cs: z.number(),
      eip: z.number(),
      linear: z.number(),
      cpl: z.int(),
      cr3: z.number(),
      /** "name+0x12", if the debugger knew one. */
      symbol: z.string().nullable(),
    })
    .nullable(),
  before: byteArray(64),
  /** Null: refused before they were made. */
  after: byteArray(64).nullable(),
});

const one = z.object({ id: machineId });

/** The guard of a machine: pages whose writes are watched or denied, in a tree that protects itself. */
export const guard = {
  state: procedure.input(one).output(guardState),
  /** Answered when it is in force. `atPowerOn`: a physical range is kept in the machine's file and set at each power-on and reset. */
  add: procedure
    .input(z.object({ id: machineId, range: guardRange, action: guardAction, atPowerOn: z.boolean().optional() }))
    .output(guardState),
  /** Also out of the machine's file. */
  remove: procedure.input(z.object({ id: machineId, range: guardRange })).output(guardState),
  /** Lets go of everything, also out of a damaged tree. What the machine's file says comes again at the next power-on. */
  clear: procedure.input(one).output(guardState),
  /** What happens at a write to the tree itself. */
  treeAction: procedure.input(z.object({ id: machineId, action: guardAction })).output(guardState),
  /**
   * Alerts as they come; with `history`, those that the host still has first. Stays open over power-off and start, where `sequence` begins at 0 again. A number that
   * is missing was too much for this reader, or for the machine's way to the host; the guest was denied all the same.
   */
  watch: procedure.input(z.object({ id: machineId, history: z.boolean().optional() })).output(eventIterator(z.array(guardAlert))),
};

export type GuardActionName = z.infer<typeof guardAction>;
export type GuardRangeMessage = z.infer<typeof guardRange>;
export type GuardStateMessage = z.infer<typeof guardState>;
export type GuardAlertMessage = z.infer<typeof guardAlert>;
