import { eventIterator } from '@orpc/contract';
import { z } from 'zod';
import { byteArray } from './bytes.ts';
import { procedure } from './errors.ts';
import {
  bootKind,
  clockMode,
  cpuCount,
  diskBytes,
  groupName,
  libraryEntry,
  machineId,
  machineName,
  machineSummary,
  memoryBytes,
  tagNames,
} from './machine.ts';

/**
 * Where a file comes from. A path is on the host and may only be named by a front of the same person on the same host (the
 * app, the command line); a browser sends the bytes.
 */
export const fileSource = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('path'), path: z.string().min(1).max(4096) }),
  z.object({ kind: z.literal('bytes'), name: z.string().min(1).max(255), bytes: byteArray() }),
]);

/** A drive that takes an image. */
export const driveKind = z.enum(['floppy', 'cdrom', 'disk']);

/** What an image was found to be. */
export const imageReport = z.object({
  /** The file's own name. */
  name: z.string(),
  size: z.number(),
  /** Null: it can be nothing that this version starts. */
  as: bootKind.nullable(),
  /** The drive that the image is for, with which our own firmware starts it; `as` is null then. */
  drive: driveKind.nullable(),
  /** One sentence: what it is, or why it cannot be used. */
  description: z.string(),
  /** Least and proposed memory for a machine of it, in bytes. */
  memoryMinimum: memoryBytes,
  memoryProposed: memoryBytes,
  /** Another program's disk or appliance (VMDK, VDI, OVA): what it will be converted to. Null for what is taken as it is. */
  imports: z
    .object({
      name: z.string().nullable(),
      cpus: cpuCount.nullable(),
      /** The images that will be in the machine's folder, and the sizes of their disks. */
      disks: z.array(z.object({ name: z.string(), bytes: z.number() })),
      /** What will not be as it was. */
      warnings: z.array(z.string()),
    })
    .nullable(),
});

/** An image that is put into a drive. */
export const newDrive = z.union([
  z.object({ kind: driveKind, file: fileSource, readOnly: z.boolean().optional() }),
  /** An empty disk (qcow2), which grows as it is written. */
  z.object({ kind: z.literal('disk'), emptyBytes: diskBytes }),
]);

/** Floppies have two drives; disks and CD-ROMs four together. */
export const DRIVES_MAXIMUM = 6;

/** What firmware tries, first to last; kinds that are not named are not tried. */
export const bootOrder = z
  .array(driveKind)
  .min(1)
  .max(3)
  .refine((kinds) => new Set(kinds).size === kinds.length, 'Each kind of drive is named once in the boot order.');

/** What a new machine starts from. Files are copied into the machine's folder unless `link` is set. */
export const creationSource = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('sample'), sample: z.string().min(1).max(64) }),
  z.object({
    kind: z.literal('image'),
    file: fileSource,
    /** Null or absent: what the image was found to be. */
    as: bootKind.nullish(),
    initrd: fileSource.nullish(),
    /** The kernel's command line. */
    commandLine: z.string().max(2047).nullish(),
    vgaBios: fileSource.nullish(),
    /** Do not copy: machine.json names the file where it is. Needs a path. */
    link: z.boolean().optional(),
  }),
  /** Firmware that starts what is in drives. The format of an image is found once, here, and kept. */
  z.object({
    kind: z.literal('drives'),
    drives: z.array(newDrive).min(1).max(DRIVES_MAXIMUM),
    /** Null or absent: our own firmware. */
    bios: fileSource.nullish(),
    vgaBios: fileSource.nullish(),
    /** Do not copy: machine.json names the files where they are. Needs paths. */
    link: z.boolean().optional(),
  }),
  /** A source file of one's own; what it includes must stand in the machine's folder. */
  z.object({ kind: z.literal('assembly'), file: fileSource }),
  z.object({ kind: z.literal('assembly-text'), text: z.string().max(4 * 1024 * 1024) }),
]);

export const creation = z.object({
  /** Absent: made from the file's or the sample's name. */
  name: machineName.optional(),
  /** Absent: what the sample or the image proposes. */
  memoryBytes: memoryBytes.optional(),
  cpus: cpuCount.optional(),
  clock: clockMode.optional(),
  note: z.string().max(2000).optional(),
  source: creationSource,
  /** Images besides those that the machine starts from; copied into its folder. */
  drives: z.array(newDrive).max(DRIVES_MAXIMUM).optional(),
  bootOrder: bootOrder.optional(),
});

/** A drive of a machine. */
export const machineDrive = z.object({
  kind: driveKind,
  /** Relative to the machine's folder, or the whole path of an image that is linked. */
  file: z.string(),
  format: z.enum(['raw', 'qcow2']),
  readOnly: z.boolean(),
  /** Where it is: "A:", "Primary master". */
  place: z.string(),
  /** Of the medium; null when the image cannot be looked at, and `problem` says why. */
  bytes: z.number().nullable(),
  problem: z.string().nullable(),
});

/** The drives of a machine, and what firmware tries: `bootOrder` null is floppies, CD-ROMs, disks. */
export const machineDrives = z.object({ drives: z.array(machineDrive), bootOrder: bootOrder.nullable() });

/** A guest of ours that a machine can be made from. */
export const sample = z.object({
  id: z.string(),
  name: z.string(),
  /** One or two sentences. */
  summary: z.string(),
  memoryBytes,
  cpus: cpuCount,
});

/** A file of a machine's folder. `machine` files go with the machine; `disk` files are the person's data. */
export const machineFileEntry = z.object({
  /** Relative to the machine's folder. */
  name: z.string(),
  size: z.number(),
  part: z.enum(['machine', 'disk']),
});

/** The first event is `all`; then each change. */
export const libraryEvent = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('all'), entries: z.array(libraryEntry) }),
  z.object({ kind: z.literal('changed'), entry: libraryEntry }),
  z.object({ kind: z.literal('removed'), id: z.string() }),
]);

export const library = {
  /** Every folder of the library, by name, with its live state. */
  list: procedure.output(z.array(libraryEntry)),
  /** One of them. */
  get: procedure.input(z.object({ id: machineId })).output(libraryEntry),
  /** The list, and then what changes in it, until the caller ends it. */
  watch: procedure.output(eventIterator(libraryEvent)),
  samples: procedure.output(z.array(sample)),
  /** What would become of this file; nothing is written. */
  inspectImage: procedure.input(z.object({ file: fileSource })).output(imageReport),
  /** Long copies show in `tasks`; cancelled: BAD_INPUT, and nothing is left. */
  create: procedure.input(creation).output(machineSummary),
  /** Changes what people see; the folder keeps its name. */
  rename: procedure.input(z.object({ id: machineId, name: machineName })).output(machineSummary),
  /** Absent values stay. Memory, processors, clock and command line only while off; note, group and tags at any time. */
  configure: procedure
    .input(
      z.object({
        id: machineId,
        memoryBytes: memoryBytes.optional(),
        cpus: cpuCount.optional(),
        clock: clockMode.optional(),
        note: z.string().max(2000).optional(),
        group: groupName.nullable().optional(),
        tags: tagNames.optional(),
        commandLine: z.string().max(2047).nullable().optional(),
        /** A virtio GPU, for guests that bring a driver for it; only while off. */
        virtioGpu: z.boolean().optional(),
        /** Virtio input devices that come and go with the session; only while off. */
        virtioInput: z.boolean().optional(),
      }),
    )
    .output(machineSummary),
  /** What a drive would show of this file; refused as `configureDrives` would refuse it. `converted`: it becomes a qcow2 image. */
  inspectDrive: procedure
    .input(z.object({ kind: driveKind, file: fileSource }))
    .output(z.object({ bytes: z.number(), format: z.enum(['raw', 'qcow2']), converted: z.boolean() })),
  drives: procedure.input(z.object({ id: machineId })).output(machineDrives),
  /**
   * Replaces the list of drives, in order. `keep` names one that it has, by its file. The image of a drive that goes stays where it is. Only
   * while off, and not suspended. Long copies show in `tasks`; cancelled: BAD_INPUT, and nothing is changed.
   */
  configureDrives: procedure
    .input(
      z.object({
        id: machineId,
        drives: z
          .array(z.union([z.object({ keep: z.string().min(1).max(4096), readOnly: z.boolean().optional() }), newDrive]))
          .max(DRIVES_MAXIMUM),
        /** Absent: as it is; null: the usual one. */
        bootOrder: bootOrder.nullable().optional(),
      }),
    )
    .output(machineDrives),
  /**
   * A machine of its own with a copy of every file that is the person's; logs, pictures and a suspended state stay with the
   * original. Only while off. Shows in `tasks`; cancelled: BAD_INPUT, and nothing is left of it. `linked`: its disks hold only what
   * differs from the original's, which is needed from then on: the original's folder cannot be deleted while there is such a clone.
   */
  clone: procedure
    .input(z.object({ id: machineId, name: machineName.optional(), kind: z.enum(['full', 'linked']).optional() }))
    .output(machineSummary),
  /** Copies a machine's folder from elsewhere on the host into the library. The original stays as it is. Shows in `tasks`. */
  adopt: procedure.input(z.object({ folder: z.string().min(1).max(4096) })).output(machineSummary),
  /** What `delete` would remove. For a folder that cannot be opened: everything in it. */
  listFiles: procedure.input(z.object({ id: z.string().max(255) })).output(z.array(machineFileEntry)),
  /** `machine` leaves the disk files in the folder; `machine-and-disks` removes the folder. Only while off. */
  delete: procedure
    .input(z.object({ id: machineId, what: z.enum(['machine', 'machine-and-disks']) }))
    .output(z.object({ removed: z.array(z.string()), kept: z.array(z.string()), folder: z.string() })),
  /** The machine's last picture as a PNG; null if there is none. */
  thumbnail: procedure.input(z.object({ id: machineId })).output(z.object({ png: byteArray() }).nullable()),
};

export type DriveKind = z.infer<typeof driveKind>;
export type NewDrive = z.infer<typeof newDrive>;
export type MachineDrive = z.infer<typeof machineDrive>;
export type MachineDrives = z.infer<typeof machineDrives>;
export type FileSource = z.infer<typeof fileSource>;
export type ImageReport = z.infer<typeof imageReport>;
export type Creation = z.infer<typeof creation>;
export type CreationSource = z.infer<typeof creationSource>;
export type Sample = z.infer<typeof sample>;
export type MachineFileEntry = z.infer<typeof machineFileEntry>;
export type LibraryEvent = z.infer<typeof libraryEvent>;
