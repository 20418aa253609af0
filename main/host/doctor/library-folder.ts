import { access, constants, stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { explain, isSystemError } from '../errors.ts';
import { formatSize } from '../memory-size.ts';
import { good, type Checker } from './checker.ts';

/** Below this a log or a new machine may not fit. */
const ROOM = 64 * 1024 * 1024;

/** The folder itself, or the nearest one above it that is there. */
async function existing(folder: string): Promise<string> {
  try {
    await stat(folder);
    return folder;
  } catch (error) {
    const parent = dirname(folder);
    if (parent === folder || !isSystemError(error, 'ENOENT')) throw error;
    return existing(parent);
  }
}

export const libraryWritable: Checker = {
  id: 'library-folder',
  category: 'library',
  title: 'Library folder',
  async check({ library }) {
    try {
      const folder = await existing(library);
      await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
      const { bavail, bsize } = await statfs(folder);
      const free = Math.floor((bavail * bsize) / (1024 * 1024)) * 1024 * 1024;
      if (free < ROOM) {
        return {
          outcome: 'warning',
          description: `${library} can be written, but only ${formatSize(free)} are free.`,
          fixes: ['Free some space on that disk.'],
        };
      }
      return good(
        `${library} can be written; ${formatSize(free)} are free.${folder === library ? '' : ' It is made at the first start.'}`,
      );
    } catch (error) {
      return {
        outcome: 'bad',
        description: explain(error, `The library ${library}`).message,
        fixes: ['Name a folder of yours with VITRINE_LIBRARY.'],
      };
    }
  },
};
