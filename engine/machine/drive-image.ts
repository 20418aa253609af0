/** The image of a drive, by engine/storage. Service worker. */
import { existsSync, realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import { openImage } from '../storage/open.ts';
import type { Image } from './disk-service.ts';
import type { DriveConfiguration } from './machine.ts';

/**
 * Opens and locks the image for `owner` (shown to whoever finds it locked). Floppies and CD-ROMs are raw unless the configuration says otherwise; a disk whose
 * format is not said is what its first bytes say, or raw. Behind a qcow2 image may stand files of its own folder and of those that `behind` names. Throws StorageError.
 */
export function openDriveImage(drive: DriveConfiguration, owner: string): Image {
  const readOnly = drive.kind === 'cdrom' || drive.readOnly === true;
  const format = drive.format ?? (drive.kind === 'disk' ? 'detect' : 'raw');
  const folders = [dirname(drive.path), ...(drive.behind ?? [])].filter(existsSync).map((folder) => realpathSync(folder));
  // The image itself may be a link to elsewhere; what stands behind it is named from there.
  const mayOpenBacking = (path: string) => folders.includes(dirname(path)) || dirname(path) === dirname(realpathSync(drive.path));
  return openImage(drive.path, { owner, readOnly, format, allowRaw: true, mayOpenBacking }).device;
}
