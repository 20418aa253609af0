/** Which image is in which drive of the machine. */
import { MachineError, type DriveConfiguration } from './machine.ts';

/** Floppy drives A and B. */
const floppyPositions = ['floppy0', 'floppy1'] as const;
/** Channel and device, in the order in which disks take them: both of the primary channel first. */
const diskPositions = ['ide0.0', 'ide0.1', 'ide1.1', 'ide1.0'] as const;
/** CD-ROMs come from the other end: the master of the secondary channel is the usual place. */
const cdromPositions = ['ide1.0', 'ide1.1', 'ide0.1', 'ide0.0'] as const;

export type DrivePosition = (typeof floppyPositions)[number] | (typeof diskPositions)[number];

/**
 * The drives of a machine by position. The same configuration always gives the same positions.
 * Throws MachineError 'bad-configuration' when there are more than positions.
 */
export function placeDrives(drives: readonly DriveConfiguration[] = []): ReadonlyMap<DrivePosition, DriveConfiguration> {
  const placed = new Map<DrivePosition, DriveConfiguration>();
  const put = (drive: DriveConfiguration, positions: readonly DrivePosition[], limit: string) => {
    const free = positions.find((position) => !placed.has(position));
    if (free === undefined) throw new MachineError('bad-configuration', limit);
    placed.set(free, drive);
  };
  const inUse = drives.filter(({ kind }) => kind !== 'floppy').length;
  const limit = `A machine has room for ${diskPositions.length} disks and CD-ROMs together, not ${inUse}.`;
  for (const drive of drives) if (drive.kind === 'disk') put(drive, diskPositions, limit);
  for (const drive of drives) if (drive.kind === 'cdrom') put(drive, cdromPositions, limit);
  for (const drive of drives) if (drive.kind === 'floppy') put(drive, floppyPositions, 'A machine has two floppy drives, not more.');
  return placed;
}

/** The smallest and largest image of each kind in bytes, and what its size has to be a multiple of. */
const sizes: Record<DriveConfiguration['kind'], { least: number; most: number; unit: number }> = {
  floppy: { least: 512 * 320, most: 512 * 5760, unit: 512 },
  cdrom: { least: 2048, most: 2048 * 0xffff_ffff, unit: 2048 },
  disk: { least: 512, most: 512 * 2 ** 48, unit: 512 },
};

const called: Record<DriveConfiguration['kind'], string> = { floppy: 'a floppy', cdrom: 'a CD-ROM', disk: 'a disk' };

/** Bytes of an image that the drive shows, a part sector at the end left out. Throws MachineError 'bad-image' when it cannot be its medium. */
export function mediumBytes(kind: DriveConfiguration['kind'], path: string, bytes: number): number {
  const { least, most, unit } = sizes[kind];
  if (bytes < least) throw new MachineError('bad-image', `The image ${path} has ${bytes} bytes; ${called[kind]} has at least ${least}.`);
  if (bytes > most) throw new MachineError('too-large', `The image ${path} has ${bytes} bytes; ${called[kind]} has at most ${most}.`);
  return Math.floor(bytes / unit) * unit;
}

/** What firmware tries, first to last, as CMOS numbers it (1 floppy, 2 disk, 3 CD-ROM): `wanted`, or each kind that has an image in the usual order. */
export function bootOrder(wanted: readonly DriveConfiguration['kind'][] | undefined, present: readonly DriveConfiguration['kind'][]): number[] {
  const numbers: Record<DriveConfiguration['kind'], number> = { floppy: 1, disk: 2, cdrom: 3 };
  const usual = (['floppy', 'cdrom', 'disk'] as const).filter((kind) => present.includes(kind));
  return [...(wanted ?? usual)].map((kind) => numbers[kind]).slice(0, 3);
}
