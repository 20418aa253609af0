import { isAbsolute } from 'node:path';
import { placeDrives } from '../../engine/machine/drives.ts';
import type { ImageFormat } from '../../engine/storage/open.ts';
import type { DriveKind, FileSource, NewDrive } from '../contract/library.ts';
import type { Disk } from './disk.ts';
import { emptyDisk, examineDrive, lookAt } from './drive-image.ts';
import { explain, HostError } from './errors.ts';
import { findImport, nameOf, type ImportedDisk } from './importing.ts';
import { safeFileName, type NewFile } from './library.ts';
import type { MachineFile } from './machine-file.ts';

export type MachineDrives = NonNullable<MachineFile['drives']>;

/** Drives as a machine's file will name them, and what has to be put into its folder for them. */
export interface DraftedDrives {
  drives: MachineDrives;
  files: NewFile[];
  /** Bytes that are copied or converted; 0: nothing that takes long. */
  copiedBytes: number;
}

const CALLED: Record<DriveKind, string> = { floppy: 'floppy', cdrom: 'CD-ROM', disk: 'disk' };

/** File systems that ignore case would take both for one. */
export function isNamed(files: readonly { name: string }[], name: string): boolean {
  return files.some((file) => file.name.toLowerCase() === name.toLowerCase());
}

function freeName(wanted: string, isTaken: (name: string) => boolean): string {
  let name = wanted;
  for (let number = 2; isTaken(name); number++) name = `${number}-${wanted}`;
  return name;
}

/** Where a file of a machine will be: in its folder, or where it is. */
export function placeFor(
  files: NewFile[],
  source: FileSource,
  link: boolean,
  what: string,
  isTaken: (name: string) => boolean = () => false,
): string {
  if (link) {
    if (source.kind !== 'path') throw new HostError('BAD_INPUT', `The ${what} can only be linked by its path.`);
    return source.path;
  }
  const name = freeName(safeFileName(nameOf(source), what.replaceAll(' ', '-')), (one) => isTaken(one) || isNamed(files, one));
  files.push(source.kind === 'path' ? { name, copyOf: source.path } : { name, bytes: source.bytes });
  return name;
}

type Examined =
  | { kind: 'converted'; disk: ImportedDisk }
  | { kind: 'taken'; format: ImageFormat; bytes: number; backing: string | undefined; length: number };

/** Looks at an image for a drive. Throws a HostError if it can be none. */
async function examine(disk: Disk, kind: DriveKind, file: FileSource): Promise<Examined> {
  const what = `${CALLED[kind]} image`;
  if (file.kind === 'path') {
    if (!isAbsolute(file.path))
      throw new HostError('BAD_INPUT', `The ${what} must be named by its whole path, not ${file.path}.`);
    if (!(await disk.status(file.path))) throw new HostError('UNREADABLE', `The ${what} ${file.path} does not exist.`);
  }
  const foreign = kind === 'disk' ? findImport(file) : undefined;
  if (!foreign) return lookAt(file, (opened) => ({ kind: 'taken', ...examineDrive(opened, kind), length: opened.length }));
  const [found] = foreign.disks;
  if (foreign.format === 'ova' || !found)
    throw new HostError('BAD_INPUT', `${nameOf(file)} is an appliance with a machine of its own; create one of it alone.`);
  return { kind: 'converted', disk: found };
}

function refuseBacking(file: FileSource, backing: string | undefined): void {
  if (backing === undefined) return;
  const why = `${nameOf(file)} has ${backing} behind it, which a copy would miss.`;
  throw new HostError('BAD_IMAGE', `${why} Copy the image in one file (\`qemu-img convert -O qcow2\`), or link it.`);
}

/** What a drive would show of a file of which it gets a copy. */
export async function inspectDrive(
  disk: Disk,
  kind: DriveKind,
  file: FileSource,
): Promise<{ bytes: number; format: ImageFormat; converted: boolean }> {
  const examined = await examine(disk, kind, file);
  if (examined.kind === 'converted') return { bytes: examined.disk.bytes, format: 'qcow2', converted: true };
  refuseBacking(file, examined.backing);
  return { bytes: examined.bytes, format: examined.format, converted: false };
}

/** Everything is looked at before anything is written. `isTaken` tells names that the machine's folder has already. */
export async function draftDrives(
  disk: Disk,
  wanted: readonly NewDrive[],
  link: boolean,
  isTaken: (name: string) => boolean,
): Promise<DraftedDrives> {
  const files: NewFile[] = [];
  const drives: MachineDrives = [];
  let copiedBytes = 0;
  for (const drive of wanted) {
    if (!('file' in drive)) {
      const source = { kind: 'bytes' as const, name: 'disk.qcow2', bytes: emptyDisk(drive.emptyBytes) };
      drives.push({ kind: 'disk', file: placeFor(files, source, false, 'disk', isTaken), format: 'qcow2' });
      continue;
    }
    const { kind, file, readOnly } = drive;
    const examined = await examine(disk, kind, file);
    if (examined.kind === 'converted') {
      if (link) throw new HostError('BAD_INPUT', `${nameOf(file)} is converted, so it cannot be linked.`);
      const name = freeName(examined.disk.file.name, (one) => isTaken(one) || isNamed(files, one));
      files.push({ ...examined.disk.file, name });
      drives.push({ kind, file: name, ...(readOnly ? { readOnly } : {}), format: 'qcow2' });
      copiedBytes += examined.disk.work;
      continue;
    }
    const { format, backing, length } = examined;
    if (!link) refuseBacking(file, backing);
    const what = `${CALLED[kind]} image`;
    if (file.kind === 'path' && !link) copiedBytes += length;
    drives.push({ kind, file: placeFor(files, file, link, what, isTaken), ...(readOnly ? { readOnly } : {}), format });
  }
  return { drives, files, copiedBytes };
}

/** Throws a HostError when a machine has no room for so many. */
export function checkPlaces(drives: MachineDrives): void {
  try {
    placeDrives(drives.map(({ kind, file }) => ({ kind, path: file })));
  } catch (error) {
    throw explain(error, 'The machine');
  }
}
