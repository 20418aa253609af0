/**
 * Linked clones. A clone's disk is an overlay: it holds what differs from an image in the original's folder, which nobody writes from then on. The original
 * goes on with an overlay of its own. Main thread.
 */
import { chmodSync, existsSync, realpathSync } from 'node:fs';
import { dirname, extname, isAbsolute, join, relative } from 'node:path';
import type { DriveConfiguration } from '../../engine/machine/machine.ts';
import { convertToQcow2 } from '../../engine/storage/convert.ts';
import { openHostFile } from '../../engine/storage/image-file.ts';
import { openImage, type ImageFormat, type OpenImage } from '../../engine/storage/open.ts';
import { createOverlay } from '../../engine/storage/overlay.ts';
import { readHeader } from '../../engine/storage/qcow2-header.ts';
import { readL1 } from '../../engine/storage/qcow2-metadata.ts';
import { emptyDisk, storageFailure } from './drive-image.ts';
import { resolveFile, type NewFile, type StoredMachine } from './library.ts';
import type { MachineFile } from './machine-file.ts';

type Drive = NonNullable<MachineFile['drives']>[number];

/** Whether the machine writes an image in its own folder by this drive. */
export function isOwnDisk(drive: Drive): boolean {
  return drive.kind === 'disk' && drive.readOnly !== true && !isAbsolute(drive.file);
}

/** Folders of other machines, in which images behind a machine's disks may stand. */
function foldersBehind(machine: StoredMachine): string[] {
  return (machine.file.linkedTo ?? []).map((id) => join(dirname(machine.folder), id));
}

/** The machine's drives as its engine takes them. */
export function driveConfigurations(machine: StoredMachine): DriveConfiguration[] | undefined {
  const behind = foldersBehind(machine);
  return machine.file.drives?.map(({ file, ...drive }) => ({ ...drive, path: resolveFile(machine, file), behind }));
}

/** The machine's image, read-only, with its chain. Throws HostError. */
function openChain(machine: StoredMachine, drive: Drive): OpenImage {
  const allowed = [machine.folder, ...foldersBehind(machine)].filter(existsSync).map((folder) => realpathSync(folder));
  try {
    return openImage(join(machine.folder, drive.file), {
      owner: `machine ${machine.file.name}`,
      readOnly: true,
      format: drive.format ?? 'raw',
      mayOpenBacking: (path) => allowed.includes(dirname(path)),
    });
  } catch (error) {
    throw storageFailure(error) ?? error;
  }
}

/** The image behind an overlay into which nothing was written yet: a further clone can stand on it as well. */
function untouchedBase(path: string): { name: string; format: ImageFormat } | undefined {
  const file = openHostFile(path, false);
  try {
    const header = readHeader(file);
    const l1 = readL1(file, header);
    for (let entry = 0; entry < header.l1Entries; entry++) if (l1.getBigUint64(entry * 8) !== 0n) return undefined;
    const format = header.backing?.format;
    return header.backing && (format === 'raw' || format === 'qcow2') ? { name: header.backing.name, format } : undefined;
  } finally {
    file.close();
  }
}

/** What a linked clone stands on: for each of the original's disks an image that is not written any more. */
export interface LinkedBase {
  /** The original's drives from now on. */
  drives: Drive[];
  /** The images by the drive's place in the list: file in the original's folder, format, and bytes of the disk. */
  bases: Map<number, { file: string; format: ImageFormat; bytes: number }>;
  /** Files of the original's folder that the clone stands on, and does not copy. */
  shared: Set<string>;
}

/**
 * Gives the original overlays of its own where it has written to its disks since the last linked clone. `machine.json` is not changed here: until
 * the caller has put `drives` into it, the new files are nobody's.
 */
export function freezeDisks(original: StoredMachine): LinkedBase {
  const drives = [...(original.file.drives ?? [])];
  const base: LinkedBase = { drives, bases: new Map(), shared: new Set() };
  for (const [index, drive] of drives.entries()) {
    if (!isOwnDisk(drive)) continue;
    const { device, files } = openChain(original, drive);
    const { bytes } = device;
    device.close();
    const folder = realpathSync(original.folder);
    for (const file of files) if (dirname(file) === folder) base.shared.add(relative(folder, file));
    const path = join(original.folder, drive.file);
    const behind = drive.format === 'qcow2' ? untouchedBase(path) : undefined;
    const below = behind && relative(original.folder, join(dirname(path), behind.name));
    if (behind && below !== undefined && dirname(below) === '.') {
      base.bases.set(index, { file: below, format: behind.format, bytes });
      continue;
    }
    const file = freeName(original.folder, drive.file);
    createOverlay(join(original.folder, file), {
      base: path,
      baseFormat: drive.format ?? 'raw',
      owner: `machine ${original.file.name}`,
      mayOpenBacking: (behindIt) => files.includes(behindIt),
      relative: true,
    });
    // A hint for people and other programs; our own never writes what stands behind.
    chmodSync(path, 0o444);
    base.bases.set(index, { file: drive.file, format: drive.format ?? 'raw', bytes });
    drives[index] = { ...drive, file, format: 'qcow2' };
  }
  return base;
}

function freeName(folder: string, file: string): string {
  const stem = file.slice(0, file.length - extname(file).length).replace(/\.\d+$/, '');
  for (let number = 2; ; number++) {
    const name = `${stem}.${number}.qcow2`;
    if (!existsSync(join(folder, name))) return name;
  }
}

/** The clone's drives and their overlays. Both folders stand in the library, so that it can be moved as a whole. */
export function linkedDrives(
  original: StoredMachine,
  base: LinkedBase,
): { drives: Drive[]; files: NewFile[]; linkedTo: string[] } {
  const files: NewFile[] = [];
  const drives = base.drives.map((drive, index) => {
    const found = base.bases.get(index);
    if (!found) return drive;
    const name = `disk-${index + 1}.qcow2`;
    files.push({ name, bytes: emptyDisk(found.bytes, { name: `./../${original.id}/${found.file}`, format: found.format }) });
    return { ...drive, file: name, format: 'qcow2' as const };
  });
  return { drives, files, linkedTo: [original.id, ...(original.file.linkedTo ?? [])] };
}

/** For a full clone of a machine that is linked itself: its disks as images that need nothing behind them. */
export function standAlone(machine: StoredMachine): { drives: Drive[]; files: NewFile[]; bytes: number; replaced: Set<string> } {
  const files: NewFile[] = [];
  const replaced = new Set<string>();
  let total = 0;
  const drives = (machine.file.drives ?? []).map((drive) => {
    if (!isOwnDisk(drive)) return drive;
    const { device, files: chain } = openChain(machine, drive);
    total += device.bytes;
    device.close();
    const folder = realpathSync(machine.folder);
    for (const file of chain) if (dirname(file) === folder) replaced.add(relative(folder, file));
    files.push({
      name: drive.file,
      async make(target, advance) {
        const { device: source } = openChain(machine, drive);
        try {
          await convertToQcow2(source, target, advance);
        } catch (error) {
          throw storageFailure(error) ?? error;
        } finally {
          source.close();
        }
      },
    });
    return { ...drive, format: 'qcow2' as const };
  });
  return { drives, files, bytes: total, replaced };
}
