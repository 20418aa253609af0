import { eventIterator } from '@orpc/contract';
import { z } from 'zod';
import { byteArray } from './bytes.ts';
import { procedure } from './errors.ts';
import { pairDifference } from './pair-difference.ts';
import { machineId, machineInput, pairState } from './machine.ts';

/** The two machines of a pair. Which of them is the primary changes; the names do not. */
export const pairSide = z.enum(['a', 'b']);

/** By what they are now. */
export const pairRole = z.enum(['primary', 'secondary']);

/** Milliseconds for which a side that etcd has told that it may speak goes by that. */
export const leaseValidity = z.int().min(100, 'A proof of the lease counts for 100 ms at least.').max(600_000);

/** What a person chooses; absent values are the usual ones. */
export const pairSettings = z.object({
  /** Where clients of COM1 connect, on loopback; 0: any that is free. */
  port: z.int().min(0).max(65535, 'Ports reach to 65535.').default(0),
  /** Milliseconds of silence after which the other side counts as gone. */
  deadAfter: z.int().min(50, 'A side counts as gone after 50 ms of silence at the soonest.').max(600_000).default(1000),
  /** Milliseconds for which output waits for its equal before a resync. */
  lateAfter: z.int().min(10, 'Output waits 10 ms for its equal at least.').max(600_000).default(200),
  /** More resyncs for divergence within 10 s than this: outputs are committed by periodic checkpoints. */
  stormAfter: z.int().min(1).max(10_000).default(10),
  /** Both sides' digests are compared after each resync. */
  verify: z.boolean().default(false),
  /** The name of the host on which the second machine runs; without it, this one. It needs `etcd`. */
  peer: z.string().min(1).max(63).optional(),
  /** Addresses of an etcd that keeps the lease; without it, a file of the machine's folder does. */
  etcd: z
    .array(z.url({ protocol: /^https?$/u, error: 'An etcd is named as http://host:2379.' }))
    .min(1)
    .max(9)
    .optional(),
  leaseValidity: leaseValidity.default(400),
  /** Files of this host, in PEM, by their absolute paths, for an etcd that is reached over https: the authority that its certificate is from, and a certificate to show it, with its key. */
  etcdFiles: z.object({ ca: z.string().optional(), certificate: z.string().optional(), key: z.string().optional() }).optional(),
});

/** What mends a point of the pre-flight list. */
export const preflightAction = z.enum(['powerOff', 'powerButton', 'resume', 'discard', 'anyPort', 'oneVcpu', 'wallClock']);

/** A point that is looked at before a pair is made. `note`: it can be made, but somebody should know. */
export const preflightPoint = z.object({
  id: z.enum(['state', 'system', 'peer', 'lease', 'vcpus', 'clock', 'memory', 'disks', 'space', 'port', 'serial']),
  state: z.enum(['ok', 'note', 'blocks']),
  title: z.string(),
  /** A sentence. */
  sentence: z.string(),
  /** What mends it, the best one first; none where nothing is wrong or only a person can. */
  actions: z.array(preflightAction),
});

/** A process of the pair with its machine. */
export const pairMember = z.object({
  pid: z.int(),
  role: pairRole,
  /** `joining`: it has no state yet. `fenced`: the other side goes on, and it speaks no more. */
  mode: z.enum(['joining', 'together', 'alone', 'acquiring', 'fenced']),
  term: z.number(),
  generation: z.number(),
  /** Milliseconds since the lease last said that it may speak; null where it has none. */
  leaseAge: z.number().nullable(),
});

export const pairStatus = z.object({
  state: pairState,
  /** A sentence. */
  reason: z.string(),
  /** The side that speaks; null when none answers. */
  primary: pairSide.nullable(),
  /** Null: gone, or it stands still and does not answer. */
  sides: z.object({ a: pairMember.nullable(), b: pairMember.nullable() }),
  /** Owns the clients' connections; null: it does not answer. */
  gateway: z
    .object({
      pid: z.int(),
      port: z.int(),
      clients: z.number(),
      bytesIn: z.number(),
      bytesOut: z.number(),
      /** Inputs that some side does not have yet. */
      waitingInputs: z.number(),
      /** Bytes of output that no client was given: its connection ended before, or nobody came for more than 256 KiB of them. */
      lost: z.number(),
    })
    .nullable(),
  /** Where its lease is kept. */
  lease: z.enum(['file', 'etcd']),
  /** The other host that side b runs on, by its address; null: this one, as side a does. */
  away: z.string().nullable(),
  settings: z.object({ deadAfter: z.number(), lateAfter: z.number(), stormAfter: z.number(), verify: z.boolean() }),
  /** Resyncs since the primary was started. */
  resyncs: z.number(),
});

/** One look at a pair. Values are null where there is nothing to measure, for instance the lag of a side that goes on alone. */
export const pairSample = z.object({
  /** Milliseconds since 1970. */
  at: z.number(),
  state: pairState,
  /** Milliseconds for which output has waited for its equal, at most in the last half second. */
  lag: z.number().nullable(),
  /** Bytes that have not left yet. */
  held: z.number().nullable(),
  /** Milliseconds since anything came from the other side. */
  heartbeat: z.number().nullable(),
  /** Bytes a second between the sides, both ways; and those of them that are states. */
  link: z.number().nullable(),
  states: z.number().nullable(),
  /** Milliseconds to the other side's process and back, the middle one of its last beats. */
  roundTrip: z.number().nullable(),
  /** What the pair costs: the share (0 to 1) of the time since the last look in which output waited for its equal, and in which the primary stood still for a resync. */
  waited: z.number().nullable(),
  stood: z.number().nullable(),
});

export const pairResync = z.object({
  reason: z.enum(['differs', 'late', 'asked', 'periodic', 'join', 'refused']),
  /** The first bytes that were not the same, of a stream that is named by its channel, from `offset` on; `before`: what both said right before. */
  divergence: z
    .object({ channel: z.string(), offset: z.number(), before: byteArray(256), primary: byteArray(256), secondary: byteArray(256) })
    .nullable(),
  pages: z.number(),
  bytes: z.number(),
  /** Milliseconds for which the primary stood still. */
  pause: z.number(),
  /** Milliseconds until the secondary had it. */
  took: z.number(),
  /** Of both whole states, where they are compared. */
  digest: z.string().nullable(),
  /** The first pages that differed: `ram`, `vram`, a disk, or a block as `block vcpu/0 1`. */
  differing: z.array(z.object({ part: z.string(), page: z.number() })),
  /** What of the secondary's state was not the primary's; absent for a full state and for a periodic checkpoint. */
  difference: pairDifference.optional(),
});

export const pairEvent = z.object({
  at: z.number(),
  /** Who tells it; `person`: it was done to the pair from outside. */
  by: z.enum(['a', 'b', 'person']),
  /** `protected`, `degraded` and `unprotected` begin a time of that state. */
  kind: z.enum(['protected', 'degraded', 'unprotected', 'resync', 'failover', 'fault', 'note']),
  text: z.string(),
  /** Milliseconds until the other side went on: from a failover that was asked for, or from the last that it had heard of a primary that went by itself. */
  took: z.number().optional(),
  resync: pairResync.optional(),
});

export const pairMessage = z.discriminatedUnion('kind', [
  /** It is in no pair, or in none any more. */
  z.object({ kind: z.literal('none') }),
  /** What is new; the first one has what the host still knows. Events are in order of time; of a side on another host some may come later than younger ones. */
  z.object({ kind: z.literal('now'), status: pairStatus, samples: z.array(pairSample), events: z.array(pairEvent) }),
]);

/** Bytes for COM1 or keys, as the gateway numbered them. */
export const pairInput = z.object({
  number: z.int(),
  /** When it came, milliseconds since 1970. */
  at: z.number(),
  kind: z.enum(['serial', 'keys']),
  bytes: z.int(),
  /** The first of them. */
  begin: byteArray(32),
  /**
   * The first output of COM1 that left after it came: milliseconds until then, its offset, its first bytes as far as they are kept. The gateway does not know what the
   * guest and its clients say: it may answer something earlier. Null: none yet.
   */
  left: z.object({ after: z.number(), offset: z.number(), begin: byteArray(32) }).nullable(),
});

export const pairOutside = z.object({
  /** Where `bytes` begin in what has left; they reach to its end. */
  offset: z.number(),
  /** At most 64 KiB are kept. */
  bytes: byteArray(1 << 16),
  /** The last 256, oldest first. */
  inputs: z.array(pairInput),
});

/** A register of which a fault can change a bit. */
export const pairRegister = z.enum(['eax', 'ecx', 'edx', 'ebx', 'esp', 'ebp', 'esi', 'edi']);

/** Something bad that is done to a side on purpose. */
export const pairFault = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('kill') }),
  /** It stands still, as by a signal. */
  z.object({ kind: z.literal('stop'), seconds: z.number().min(0.1).max(60, 'A side is stopped for a minute at most.') }),
  /** The link between the sides. */
  z.object({ kind: z.literal('cut') }),
  /** Holds each message of that side to the other back; ends by itself. */
  z.object({
    kind: z.literal('delay'),
    milliseconds: z.int().min(0).max(60_000),
    seconds: z.number().min(0.1).max(600, 'A link is delayed for ten minutes at most.'),
  }),
  /** The lowest bit of a byte of guest memory. */
  z.object({ kind: z.literal('flip-memory'), address: z.int().min(0).max(0xffffffff) }),
  /** The lowest bit of a general register. */
  z.object({ kind: z.literal('flip-register'), cpu: z.int().min(0).max(255), register: pairRegister }),
  /** The lowest bit of the next byte that leaves it. */
  z.object({ kind: z.literal('flip-output') }),
]);

const one = z.object({ id: machineId });

/** Two machines, one service: a machine of the library that runs in two processes of which either may die. */
export const pairs = {
  /** What stands in the way of a pair, and what is worth knowing. Nothing is changed. */
  preflight: procedure.input(one.extend(pairSettings.pick({ port: true, peer: true, etcd: true, etcdFiles: true }).shape)).output(z.array(preflightPoint)),
  /** Other hosts that this library knows, on which a second machine can run; null: it has come to us, and has not said where it listens. */
  peers: procedure.output(z.array(z.object({ name: z.string(), address: z.string().nullable() }))),
  /** Of a machine that is off; answered when it is protected. What blocks is WRONG_STATE, with its sentence. */
  create: procedure.input(one.extend({ settings: pairSettings.optional() })).output(pairStatus),
  status: procedure.input(one).output(pairStatus),
  /** Twice a second while somebody listens. Goes on over the end of a pair and the making of another; ends when the machine is deleted. */
  watch: procedure.input(one).output(eventIterator(pairMessage)),
  /** Kills the primary, as a power failure would; answered when the other side goes on. */
  failover: procedure.input(one).output(pairStatus),
  /** Gives a side that goes on alone a secondary again; answered when it is protected. */
  reprotect: procedure.input(one).output(pairStatus),
  /** Makes both sides equal now. */
  resync: procedure.input(one).output(z.void()),
  inject: procedure.input(one.extend({ role: pairRole, fault: pairFault })).output(z.void()),
  /** Keys, mouse, positions or bytes of COM1, for both sides in one order. */
  input: procedure.input(one.extend({ inputs: z.array(machineInput).min(1).max(256) })).output(z.void()),
  /** What went in and out at the gateway last, of COM1 from `from` on. */
  outside: procedure.input(one.extend({ from: z.int().min(0).default(0) })).output(pairOutside),
  /** What a side showed a moment ago, as PNG; null: it was not seen. Changes with `pair.screens` of the library. */
  picture: procedure.input(one.extend({ side: pairSide })).output(z.object({ png: byteArray() }).nullable()),
  /** Ends the pair. The machine is suspended as far as it had come; off where no side was left. */
  break: procedure.input(one).output(z.object({ state: z.enum(['suspended', 'off']) })),
  /** As `machines.display`, of a side, wherever it is; to be looked at only. */
  display: procedure.input(one.extend({ side: pairSide })).output(z.object({ url: z.string() })),
};

export type PairSideName = z.infer<typeof pairSide>;
export type PairRole = z.infer<typeof pairRole>;
export type PairSettings = z.infer<typeof pairSettings>;
export type PreflightPoint = z.infer<typeof preflightPoint>;
export type PreflightAction = z.infer<typeof preflightAction>;
export type PairStatusMessage = z.infer<typeof pairStatus>;
export type PairMemberMessage = z.infer<typeof pairMember>;
export type PairSampleMessage = z.infer<typeof pairSample>;
export type PairEventMessage = z.infer<typeof pairEvent>;
export type PairMessage = z.infer<typeof pairMessage>;
export type PairInputMessage = z.infer<typeof pairInput>;
export type PairOutsideMessage = z.infer<typeof pairOutside>;
export type PairRegister = z.infer<typeof pairRegister>;
export type PairFaultMessage = z.infer<typeof pairFault>;
