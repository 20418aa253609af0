import { randomBytes } from 'node:crypto';
import { dirname, join, basename } from 'node:path';
import type { Disk } from './disk.ts';
import { explain } from './errors.ts';

/** Marks files that are being written. What bears it after a crash is rubbish. */
export const TEMPORARY_PREFIX = '.writing-';

/**
 * Replaces a file at one instant: at any moment, and after a crash at any moment, `path` is either what it was or `bytes`.
 * Order: temporary beside it → fsync → rename over → fsync of the folder. If the disk is full the old file is untouched and
 * the temporary is removed.
 */
export async function writeAtomically(disk: Disk, path: string, bytes: Uint8Array): Promise<void> {
  const folder = dirname(path);
  const temporary = join(folder, `${TEMPORARY_PREFIX}${basename(path)}-${randomBytes(6).toString('hex')}`);
  try {
    await disk.writeDurably(temporary, bytes);
    await disk.rename(temporary, path);
    await disk.syncFolder(folder);
  } catch (error) {
    try {
      await disk.removeFile(temporary);
    } catch {
      // It was renamed already or never came to be; the next start clears what is left.
    }
    throw explain(error, path);
  }
}
