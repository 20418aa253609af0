import { statfs } from 'node:fs/promises';
import { isSystemError } from '../errors.ts';
import { formatSize } from '../memory-size.ts';
import { good, type Checker, type Finding } from './checker.ts';

const MIB = 1024 * 1024;
/** Chromium passes pictures between its processes through files there; containers often have 64 MiB. */
const ENOUGH = 128 * MIB;

export function judgeSharedFiles(bytes: number | undefined): Finding {
  const fixes = ['Make it larger: sudo mount -o remount,size=1G /dev/shm; for a container: --shm-size=1g.'];
  if (bytes === undefined)
    return { outcome: 'warning', description: 'There is no /dev/shm, through which the app’s processes share pictures.', fixes };
  const free = formatSize(Math.floor(bytes / MIB) * MIB);
  if (bytes >= ENOUGH) return good(`${free} are free in /dev/shm.`);
  return {
    outcome: 'warning',
    description: `Only ${free} are free in /dev/shm: the app’s windows may go blank. Machines do not use it.`,
    fixes,
  };
}

export const sharedFiles: Checker = {
  id: 'shared-files',
  category: 'host',
  title: 'Shared memory of the app',
  notApplicable: () => (process.platform === 'linux' ? undefined : 'This system has no limit of its own for it.'),
  async check() {
    try {
      const { bavail, bsize } = await statfs('/dev/shm');
      return judgeSharedFiles(bavail * bsize);
    } catch (error) {
      if (isSystemError(error, 'ENOENT')) return judgeSharedFiles(undefined);
      throw error;
    }
  },
};
