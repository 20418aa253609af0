import { isAbsolute } from 'node:path';
import { z } from 'zod';
import {
  clockMode,
  cpuCount,
  groupName,
  machineId,
  machineName,
  tagNames,
  MEMORY_MAXIMUM,
  MEMORY_MINIMUM,
  MEMORY_UNIT,
} from '../contract/machine.ts';
import { whenSessionEnds } from '../contract/display.ts';
import { guardAction } from '../contract/guard.ts';
import { HostError } from './errors.ts';

/** The name of a machine's own file in its folder. */
export const MACHINE_FILE = 'machine.json';

/** The newest version of the format that this program knows; there are no older ones yet. */
export const MACHINE_FILE_VERSION = 1;

function staysInside(path: string): boolean {
  return path.split(/[/\\]/).every((part) => part !== '' && part !== '.' && part !== '..');
}

/** A file in the machine's folder (relative, never leaving it), or one that was linked (absolute). */
const fileReference = z
  .string()
  .min(1)
  .refine((path) => !path.includes('\0') && (isAbsolute(path) || staysInside(path)), {
    message: 'a file is named relative to the machine’s folder, without "..", or by an absolute path',
  });

/** What the machine starts from. */
const boot = z.discriminatedUnion('kind', [
  /** Assembled at each start. */
  z.strictObject({ kind: z.literal('assembly'), file: fileReference }),
  z.strictObject({
    kind: z.literal('kernel'),
    file: fileReference,
    initrd: fileReference.optional(),
    commandLine: z.string().max(2047).optional(),
  }),
  z.strictObject({ kind: z.literal('boot-sector'), file: fileReference }),
  z.strictObject({ kind: z.literal('bios'), file: fileReference, vgaBios: fileReference.optional() }),
  /** Our own firmware, as this program brings it. */
  z.strictObject({ kind: z.literal('own-bios') }),
]);

/** An image in a drive. Places follow from kind and order (engine/machine/drives.ts). */
const drive = z
  .strictObject({
    kind: z.enum(['floppy', 'cdrom', 'disk']),
    file: fileReference,
    readOnly: z.boolean().optional(),
    /** Said once, when the image is added: a guest can make the first bytes of a raw disk look like anything. Floppies and CD-ROMs are raw without it. */
    format: z.enum(['raw', 'qcow2']).optional(),
  })
  .refine(({ kind, format }) => kind !== 'disk' || format !== undefined, {
    path: ['format'],
    message:
      'add "format": "raw" or "format": "qcow2"; it is not guessed, since a guest can make its raw disk look like another format',
  });

/** `machine.json`, version 1. Unknown keys are refused: a setting that silently does nothing is worse than none. */
export const machineFile = z.strictObject({
  format: z.literal('vitrine-machine'),
  version: z.literal(MACHINE_FILE_VERSION),
  name: machineName,
  note: z.string().max(2000).optional(),
  group: groupName.optional(),
  tags: tagNames.optional(),
  /** The sample it was made from. */
  sample: z.string().optional(),
  created: z.iso.datetime(),
  cpus: cpuCount,
  memoryMiB: z
    .int()
    .min(MEMORY_MINIMUM / MEMORY_UNIT)
    .max(MEMORY_MAXIMUM / MEMORY_UNIT),
  clock: clockMode,
  boot,
  drives: z.array(drive).max(6, 'a machine has two floppy drives and room for four disks and CD-ROMs').optional(),
  /** Machines of the same library in whose folders images behind the disks stand: a linked clone needs them. */
  linkedTo: z.array(machineId).max(15).optional(),
  /** What its guard does from power-on; see docs/formats/machine-file.md. */
  guard: z
    .strictObject({
      /** The guest's kernel is listened to at VMCALL. */
      hypercalls: z.literal(true).optional(),
      /** Physical memory that is protected at each power-on and reset. */
      ranges: z
        .array(
          z.strictObject({
            address: z.int().min(0).max(0xffffffff),
            bytes: z
              .int()
              .min(1)
              .max(2 ** 32),
            action: guardAction,
          }),
        )
        .max(256)
        .optional(),
    })
    .optional(),
  /** Display sessions; see docs/formats/machine-file.md. */
  display: z
    .strictObject({
      whenSessionEnds: whenSessionEnds.optional(),
      /** A virtio GPU, for guests that bring a driver for it. */
      virtioGpu: z.literal(true).optional(),
      /** Without virtio input devices. */
      virtioInput: z.literal(false).optional(),
    })
    .optional(),
  /** What firmware tries, first to last. */
  bootOrder: z
    .array(z.enum(['floppy', 'cdrom', 'disk']))
    .max(3)
    .optional(),
});

export type MachineFile = z.infer<typeof machineFile>;
export type MachineFileBoot = MachineFile['boot'];

/** The bytes of a valid file: readable, in a fixed order, with a line end. */
export function writeMachineFile(file: MachineFile): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(machineFile.parse(file), undefined, 2)}\n`);
}

/** Larger than any that could be valid. */
const SIZE_LIMIT = 256 * 1024;

function cannotBeOpened(why: string, cause?: unknown): HostError {
  return new HostError('BROKEN', `${MACHINE_FILE} cannot be opened: ${why}`, { cause });
}

function versionOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null && 'version' in value ? value.version : undefined;
}

/** Reads a `machine.json`. Throws a HostError (BROKEN) with one sentence. */
export function readMachineFile(bytes: Uint8Array): MachineFile {
  if (bytes.byteLength === 0) throw cannotBeOpened('it is empty.');
  if (bytes.byteLength > SIZE_LIMIT) throw cannotBeOpened('it is far too large to be a machine’s file.');
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw cannotBeOpened('it is not valid JSON.', error);
  }
  const version = versionOf(value);
  if (typeof version === 'number' && version > MACHINE_FILE_VERSION) {
    throw cannotBeOpened(
      `it was written by a newer Vitrine (format ${version}; this one reads ${MACHINE_FILE_VERSION}). It is left as it is.`,
    );
  }
  const parsed = machineFile.safeParse(value);
  if (parsed.success) return parsed.data;
  throw cannotBeOpened(firstIssue(parsed.error), parsed.error);
}

/** The first complaint of a schema as half a sentence with its place. */
function firstIssue(error: z.ZodError): string {
  const issue = error.issues[0];
  if (!issue) return 'it does not follow the format.';
  const place = issue.path.length === 0 ? '' : `${issue.path.map(String).join('.')}: `;
  if (issue.code === 'unrecognized_keys') {
    return `${place}unknown key ${issue.keys.map((key) => `"${key}"`).join(', ')}.`;
  }
  const message = issue.message.replace(/\.$/, '');
  return `${place}${message.charAt(0).toLowerCase()}${message.slice(1)}.`;
}
