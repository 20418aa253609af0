import { z } from 'zod';
import { byteArray } from './bytes.ts';

/** A machine's folder in the library; also how the command line names it. Never a path. */
export const machineId = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,63}$/, 'A machine is named by lower-case letters, digits and hyphens, at most 64.');

/** What people call it. Free text of one line. */
export const machineName = z
  .string()
  .trim()
  .min(1, 'A machine needs a name.')
  .max(64, 'A name has at most 64 characters.')
  .regex(/^[^\p{Cc}\p{Zl}\p{Zp}]*$/u, 'A name is one line without control characters.');

/** A group in the library: one line, as people write it. */
export const groupName = z
  .string()
  .trim()
  .min(1, 'A group needs a name.')
  .max(40, 'The name of a group has at most 40 characters.')
  .regex(/^[^\p{Cc}\p{Zl}\p{Zp}]*$/u, 'The name of a group is one line without control characters.');

/** A word or two to find machines by. No comma: fronts separate tags by commas. */
export const tagName = z
  .string()
  .trim()
  .min(1, 'A tag needs a name.')
  .max(32, 'A tag has at most 32 characters.')
  .regex(/^[^\p{Cc}\p{Zl}\p{Zp},]*$/u, 'A tag is one line without commas and control characters.');

/** The tags of a machine, each once. */
export const tagNames = z
  .array(tagName)
  .max(16, 'A machine has at most 16 tags.')
  .refine((tags) => new Set(tags.map((tag) => tag.toLowerCase())).size === tags.length, 'Each tag is given once.');

/** Guest memory: what the engine can give a machine (architecture, section 2). */
export const MEMORY_UNIT = 1024 * 1024;
export const MEMORY_MINIMUM = 1 * MEMORY_UNIT;
export const MEMORY_MAXIMUM = 3 * 1024 * MEMORY_UNIT;

/** Bytes of guest memory. */
export const memoryBytes = z
  .int('Memory is a whole number of bytes.')
  .min(MEMORY_MINIMUM, 'A machine needs at least 1 MiB of memory.')
  .max(MEMORY_MAXIMUM, 'A machine has at most 3072 MiB of memory.')
  .multipleOf(MEMORY_UNIT, 'Memory is given in whole MiB.');

/** The most virtual processors that a machine can have. */
export const CPU_MAXIMUM = 16;

/** Virtual processors. */
export const cpuCount = z
  .int('The number of processors is a whole number.')
  .min(1, 'A machine needs a processor.')
  .max(CPU_MAXIMUM, `A machine has at most ${CPU_MAXIMUM} processors.`);

/** `wall` follows the host; `virtual` counts retired instructions, and each run is the same. */
export const clockMode = z.enum(['wall', 'virtual']);

/** Size in bytes of a disk that is made empty: whole MiB, up to 2 TiB, which is what partition tables of BIOS machines can say. */
export const diskBytes = z
  .int()
  .min(1024 ** 2, 'A disk has at least 1 MiB.')
  .max(2 * 1024 ** 4, 'A disk has at most 2 TiB.')
  .multipleOf(1024 ** 2, 'A disk’s size is whole MiB.');

/** What a machine is started from, as its file says it. */
export const bootKind = z.enum(['assembly', 'kernel', 'boot-sector', 'bios']);

/**
 * Of a machine that this host runs itself. `crashed`: the guest or the engine cannot go on; power off or reset ends it. `suspended`: off, with its whole
 * state kept in a file; it goes on with `resume`.
 */
export const runState = z.enum(['off', 'running', 'paused', 'crashed', 'suspended']);

/** `paired`: it runs in two processes of its own, as a pair; see `pairs`. */
export const machineState = z.enum([...runState.options, 'paired']);

/**
 * `preparing`: no secondary has had a state yet. `degraded`: protected by periodic checkpoints, since outputs differ too often to be compared.
 * `unprotected`: one side goes on alone. `lost`: no side answers, or clients cannot be reached.
 */
export const pairState = z.enum(['preparing', 'protected', 'degraded', 'unprotected', 'lost']);

/** What the guest shows: pixels, and cells in a text mode. */
export const displaySize = z.object({
  width: z.int().min(0),
  height: z.int().min(0),
  text: z.object({ columns: z.int(), rows: z.int() }).nullable(),
});

/** A machine of the library with its live state. */
export const machineSummary = z.object({
  kind: z.literal('machine'),
  id: machineId,
  name: machineName,
  state: machineState,
  /** One sentence: why it is in this state. */
  reason: z.string(),
  /** When it came into this state, milliseconds since 1970; null if it has never been started. */
  since: z.number().nullable(),
  memoryBytes,
  cpus: cpuCount,
  clock: clockMode,
  boot: z.object({
    /** `drives`: what is in its drives, by our own firmware. */
    kind: z.enum([...bootKind.options, 'drives']),
    /** The file it starts from, as a person would say it, for instance "lantern.elf". */
    file: z.string(),
  }),
  /** The sample this was made from; null for one's own. */
  sample: z.string().nullable(),
  /** One or two sentences on what it is; empty if nobody wrote any. */
  note: z.string(),
  /** The group it stands in; null for none. */
  group: groupName.nullable(),
  tags: tagNames,
  /** Hard disks in its folder that it writes: what a linked clone can stand on. */
  disks: z.int(),
  /** Machines whose disks it needs, since it is a linked clone. */
  linkedTo: z.array(machineId),
  /** The machine's folder on the host. */
  folder: z.string(),
  /** Changes with the picture; ask for it with `library.thumbnail`. Null: it has never shown anything. */
  thumbnail: z.number().nullable(),
  /** Milliseconds since 1970. */
  created: z.number(),
  /** Milliseconds since 1970; null if it has never been started. */
  lastStarted: z.number().nullable(),
  /** What it shows now; null while off. */
  display: displaySize.nullable(),
  /** The state that is kept while suspended: when it was written (milliseconds since 1970), and the file's bytes. */
  suspended: z.object({ since: z.number(), bytes: z.number() }).nullable(),
  /**
   * Of one that is `paired`; `port`: where its clients connect, once that is known. `screens`: its sides, the primary first; `picture` changes with what the side shows, ask
   * for it with `pairs.picture`. Null: it was not seen.
   */
  pair: z
    .object({
      state: pairState,
      port: z.int().nullable(),
      screens: z.array(z.object({ side: z.enum(['a', 'b']), role: z.enum(['primary', 'secondary', 'gone']), picture: z.number().nullable() })),
    })
    .nullable(),
});

/** A folder of the library whose `machine.json` cannot be opened. It is shown, and left as it is. */
export const unreadableMachine = z.object({
  kind: z.literal('unreadable'),
  /** The folder's name. */
  id: z.string(),
  folder: z.string(),
  /** One sentence: "cannot be opened: …". */
  problem: z.string(),
});

/** What the library lists. */
export const libraryEntry = z.discriminatedUnion('kind', [machineSummary, unreadableMachine]);

/** Input as it goes to the chips. */
export const machineInput = z.discriminatedUnion('kind', [
  /** Set 1 scancodes with 0xE0 prefixes; a release has bit 7 set. Complete sequences only. */
  z.object({ kind: z.literal('scancodes'), bytes: z.array(z.int().min(0).max(255)).min(1).max(4096) }),
  /** Relative motion in counts, y up; buttons: bit 0 left, 1 right, 2 middle. Wheel in steps, positive is away from the user. */
  z.object({
    kind: z.literal('mouse'),
    dx: z.int().min(-32768).max(32767),
    dy: z.int().min(-32768).max(32767),
    wheel: z.int().min(-128).max(127),
    buttons: z.int().min(0).max(7),
  }),
  /** Bytes for COM1. */
  z.object({ kind: z.literal('serial'), bytes: byteArray(64 * 1024) }),
  /** Absolute position on an output: 0 to 65,535 from its left and upper edge. */
  z.object({
    kind: z.literal('pointer'),
    output: z.int().min(0).max(7),
    x: z.int().min(0).max(65535),
    y: z.int().min(0).max(65535),
    buttons: z.int().min(0).max(7),
    /** Steps, positive is away from the user. */
    wheel: z.int().min(-128).max(127),
  }),
  /** A finger. */
  z.object({
    kind: z.literal('touch'),
    output: z.int().min(0).max(7),
    contact: z.int().min(0).max(9),
    phase: z.enum(['down', 'move', 'up', 'cancel']),
    x: z.int().min(0).max(65535),
    y: z.int().min(0).max(65535),
  }),
  /** A pen. */
  z.object({
    kind: z.literal('pen'),
    output: z.int().min(0).max(7),
    x: z.int().min(0).max(65535),
    y: z.int().min(0).max(65535),
    /** It is over the output; away it touches nothing. */
    near: z.boolean(),
    /** 0: it hovers. */
    pressure: z.int().min(0).max(65535),
    button: z.boolean(),
    eraser: z.boolean(),
  }),
]);

/** What a machine's event stream carries. The first events are the present: state, display, and the history that was asked for. */
export const machineEvent = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('state'), state: runState, reason: z.string(), since: z.number().nullable() }),
  /** Bytes the guest wrote to COM1. `lost`: bytes before these that are no longer kept or could not be delivered. */
  z.object({ kind: z.literal('serial'), bytes: byteArray(), lost: z.int().min(0) }),
  /** Bytes the guest wrote to port 0xE9. */
  z.object({ kind: z.literal('debugConsole'), bytes: byteArray(), lost: z.int().min(0) }),
  /** The guest wrote `value` to the debug-exit port 0xF4. */
  z.object({ kind: z.literal('debugExit'), value: z.number() }),
  z.object({ kind: z.literal('reset'), reason: z.string() }),
  /** Writes to pages whose guard action is `notify`, `count` of them since the last such event; a sentence on the latest. */
  z.object({ kind: z.literal('guard'), count: z.int().min(1), sentence: z.string() }),
  /** The host could not do what a drive asked; the guest was told that its command failed. */
  z.object({ kind: z.literal('diskError'), drive: z.string(), path: z.string(), reason: z.string() }),
  /** The exceptions that led to the triple fault, first one first; `address` is CR2 at that time. */
  z.object({
    kind: z.literal('tripleFault'),
    chain: z.array(z.object({ vector: z.number(), code: z.number(), eip: z.number(), address: z.number() })),
  }),
  z.object({ kind: z.literal('display'), display: displaySize.nullable() }),
]);

/** Counters since power-on. */
export const machineStatistics = z.object({
  /** Seconds of running. */
  seconds: z.number(),
  instructions: z.number(),
  /** Million instructions a second, over `seconds`. */
  mips: z.number(),
  /** Returns to the run loop, by reason. */
  exits: z.record(z.string(), z.number()),
  vcpus: z.array(
    z.object({
      instructions: z.number(),
      exits: z.record(z.string(), z.number()),
      exceptions: z.record(z.string(), z.number()),
      interrupts: z.number(),
      halted: z.boolean(),
      /** Host seconds asleep for want of work; against the growth of `seconds` this says how busy it is. */
      idleSeconds: z.number(),
    }),
  ),
});

/** A picture of what the guest shows. */
export const screenshot = z.object({ width: z.int(), height: z.int(), png: byteArray() });

export type MachineSummary = z.infer<typeof machineSummary>;
export type UnreadableMachine = z.infer<typeof unreadableMachine>;
export type LibraryEntry = z.infer<typeof libraryEntry>;
export type PairStateName = z.infer<typeof pairState>;
export type RunStateName = z.infer<typeof runState>;
export type MachineStateName = z.infer<typeof machineState>;
export type MachineInputMessage = z.infer<typeof machineInput>;
export type MachineEventMessage = z.infer<typeof machineEvent>;
export type MachineStatisticsMessage = z.infer<typeof machineStatistics>;
export type DisplaySize = z.infer<typeof displaySize>;
