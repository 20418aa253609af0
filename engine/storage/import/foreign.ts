/** Disks and appliances of other programs, recognized by their first bytes and opened for reading. */
import type { BlockDevice } from '../block-device.ts';
import type { ImageFile } from '../image-file.ts';
import { isArchive } from './ova.ts';
import { isVdi, VdiDisk } from './vdi.ts';
import { isVmdk, VmdkDisk } from './vmdk.ts';

export type ForeignFormat = 'vmdk' | 'vdi' | 'ova';

export function foreignFormat(file: ImageFile): ForeignFormat | undefined {
  if (isVmdk(file)) return 'vmdk';
  if (isVdi(file)) return 'vdi';
  return isArchive(file) ? 'ova' : undefined;
}

/** A disk, and what its format calls its kind. */
export interface ForeignDisk {
  device: BlockDevice;
  kind: string;
}

/**
 * Opens a disk for reading; closing it closes the file. `openPart` opens files beside it, by names without folders; undefined where there are none. Throws
 * StorageError, and leaves `file` to the caller then.
 */
export function openForeignDisk(file: ImageFile, format: 'vmdk' | 'vdi', openPart?: (name: string) => ImageFile): ForeignDisk {
  const device = format === 'vdi' ? new VdiDisk(file) : VmdkDisk.open(file, openPart);
  return { device, kind: device.kind };
}
