/** What a known host may ask of `vitrine serve --peer`. */
import { z } from 'zod';
import { etcdLease, pairId } from '../pair/folder.ts';
import { journalPlace } from '../pair/journal.ts';

/** Bytes of a piece of an image or a state. */
export const pieceBytes = 1 << 20;

const bytes = z.instanceof(Uint8Array);
const range = z.strictObject({ address: z.int().min(0), bytes: z.int().min(1), action: z.enum(['log', 'notify', 'pause', 'deny', 'fault', 'powerOff']) });

/** The machine, without its drives: a host names no files of another. What is out of range the engine refuses. */
const configuration = z.strictObject({
  name: z.string().max(200),
  cpus: z.int().min(1),
  memoryBytes: z.int().min(1),
  clock: z.enum(['wall', 'virtual']),
  boot: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('boot-sector'), image: bytes, drive: z.int().optional() }),
    z.strictObject({
      kind: z.literal('kernel'),
      image: bytes,
      initrd: bytes.optional(),
      commandLine: z.string().optional(),
      firmware: z.strictObject({ image: bytes, vgaBios: bytes.optional() }).optional(),
    }),
    z.strictObject({ kind: z.literal('bios'), image: bytes, vgaBios: bytes.optional() }),
  ]),
  bootOrder: z.array(z.enum(['floppy', 'cdrom', 'disk'])).optional(),
  guard: z.strictObject({ hypercalls: z.boolean(), ranges: z.array(range).optional() }).optional(),
  startTime: z.number().optional(),
  virtioGpu: z.boolean().optional(),
  saveState: z.enum(['intel32', 'amd64']).optional(),
  guestSmm: z.boolean().optional(),
});

const settings = z.strictObject({
  machine: z.string().max(200),
  deadAfter: z.int().min(50),
  lateAfter: z.int().min(10),
  stormAfter: z.int().min(1),
  verify: z.boolean(),
  lease: etcdLease,
});

const drive = z.strictObject({ kind: z.enum(['floppy', 'cdrom', 'disk']), readOnly: z.boolean(), bytes: z.int().min(0) });

export const awayRequest = z.discriminatedUnion('kind', [
  /** Makes a place for side b of a pair: its images, empty. What was there of the pair is over. */
  z.strictObject({ kind: z.literal('prepare'), id: pairId, settings, configuration, drives: z.array(drive).max(6) }),
  /** Content of an image that nobody writes. */
  z.strictObject({ kind: z.literal('fill'), id: pairId, drive: z.int().min(0).max(5), offset: z.int().min(0), bytes: bytes.refine(({ length }) => length <= pieceBytes) }),
  z.strictObject({ kind: z.literal('start'), id: pairId }),
  z.strictObject({ kind: z.literal('signal'), id: pairId, signal: z.enum(['SIGKILL', 'SIGSTOP', 'SIGCONT']) }),
  z.strictObject({ kind: z.literal('read'), id: pairId, what: z.union([z.enum(['state', 'copy']), z.int().min(0).max(5)]), offset: z.int().min(0) }),
  /** What side b has lived through since `from`; null: all that is kept. */
  z.strictObject({ kind: z.literal('journal'), id: pairId, from: journalPlace.nullable() }),
  /** Side b's screen. Behind the answer the link has RFB, in messages of bytes. */
  z.strictObject({ kind: z.literal('view'), id: pairId }),
  z.strictObject({ kind: z.literal('discard'), id: pairId }),
]);

export type AwaySettings = z.infer<typeof settings>;
export type AwayConfiguration = z.infer<typeof configuration>;
/** As it is sent: who sends it has the configuration from a process of the pair, and does not look inside. */
export type AwayRequest = Exclude<z.infer<typeof awayRequest>, { kind: 'prepare' }> | (Omit<Extract<z.infer<typeof awayRequest>, { kind: 'prepare' }>, 'configuration'> & { configuration: unknown });
