import type { DriveKind, FileSource, MachineDrive, NewDrive } from '../../../main/contract/library.ts';
import { MEMORY_UNIT } from '../../../main/contract/machine.ts';

/** Drives that a machine has room for (engine/machine/drives.ts). */
const MOST_FLOPPIES = 2;
const MOST_OTHERS = 4;

export const DRIVE_NAMES: Record<DriveKind, string> = { floppy: 'Floppy', cdrom: 'CD-ROM', disk: 'Disk' };

/** A drive in a list that is being changed. */
export interface DriveRow {
  kind: DriveKind;
  /** The image as people see it. */
  name: string;
  /** Of the medium; null if that is not known. */
  bytes: number | null;
  readOnly: boolean;
  /** Where it comes from: the machine has it, a file that is copied, or nothing yet. */
  from: { kept: string } | { file: FileSource; converted: boolean } | { emptyBytes: number };
  /** Which drive it is in: "Primary master". */
  place?: string;
  /** Why the image cannot be used. */
  problem?: string | undefined;
  /** What the machine starts from: it cannot be taken out here. */
  fixed?: boolean;
}

export function rowOf({ kind, file, bytes, readOnly, place, problem }: MachineDrive): DriveRow {
  return { kind, name: file, bytes, readOnly, place, from: { kept: file }, problem: problem ?? undefined };
}

export function emptyRow(mebibytes: number): DriveRow {
  const emptyBytes = mebibytes * MEMORY_UNIT;
  return { kind: 'disk', name: 'New empty disk', bytes: emptyBytes, readOnly: false, from: { emptyBytes } };
}

/** Why no further drive of this kind fits; undefined if one does. */
export function roomRefusal(rows: readonly DriveRow[], kind: DriveKind): string | undefined {
  if (kind === 'floppy') {
    return rows.filter((row) => row.kind === 'floppy').length < MOST_FLOPPIES ? undefined : 'A machine has two floppy drives.';
  }
  return rows.filter((row) => row.kind !== 'floppy').length < MOST_OTHERS
    ? undefined
    : 'A machine has room for four disks and CD-ROMs together.';
}

/** What is said of where a drive comes from. */
export function originOf({ from, place, problem }: DriveRow): string {
  if (problem !== undefined) return problem;
  if ('kept' in from) return place ?? '';
  if ('emptyBytes' in from) return 'qcow2, grows as it is written';
  return from.converted ? 'is converted to qcow2' : 'is copied';
}

/** As `configureDrives` takes it. */
export function changeOf({ kind, from, readOnly }: DriveRow): NewDrive | { keep: string; readOnly?: boolean } {
  // A CD-ROM is read-only without anybody saying so.
  if ('kept' in from) return { keep: from.kept, ...(kind === 'cdrom' ? {} : { readOnly }) };
  if ('emptyBytes' in from) return { kind: 'disk', emptyBytes: from.emptyBytes };
  return { kind, file: from.file, ...(readOnly && kind !== 'cdrom' ? { readOnly } : {}) };
}

/** Those that a new machine gets besides what it starts from. */
export function addedDrives(rows: readonly DriveRow[]): NewDrive[] {
  return rows.flatMap((row) => {
    const change = row.fixed === true ? undefined : changeOf(row);
    return change === undefined || 'keep' in change ? [] : [change];
  });
}

export const USUAL_ORDER: readonly DriveKind[] = ['floppy', 'cdrom', 'disk'];

/** The kinds of `order`, and behind them the rest of the usual one. */
export function wholeOrder(order: readonly DriveKind[] | null): DriveKind[] {
  return [...new Set([...(order ?? []), ...USUAL_ORDER])];
}
