import { MEMORY_MAXIMUM } from '../contract/machine.ts';
import type { Disk } from './disk.ts';
import { explain, HostError } from './errors.ts';
import { formatSize } from './memory-size.ts';

/** Reads a file that goes into a machine. `limit` bounds what is brought into the host's memory; `what` names its part in errors. */
export async function readImage(disk: Disk, path: string, what: string, limit: number = MEMORY_MAXIMUM): Promise<Uint8Array> {
  try {
    const status = await disk.status(path);
    if (!status) throw new HostError('UNREADABLE', `The ${what} ${path} does not exist.`);
    if (status.folder) throw new HostError('UNREADABLE', `The ${what} ${path} is a folder, not a file.`);
    if (status.size > limit) {
      throw new HostError('TOO_LARGE', `The ${what} ${path} (${formatSize(status.size)}) does not fit: at most ${formatSize(limit)}.`);
    }
    const bytes = await disk.readFile(path);
    if (bytes.byteLength === 0) throw new HostError('BAD_IMAGE', `The ${what} ${path} is empty.`);
    return bytes;
  } catch (error) {
    throw explain(error, `The ${what} ${path}`);
  }
}
