import { nodeDisk } from '../disk.ts';
import { lockHolder } from '../library-lock.ts';
import { good, type Checker } from './checker.ts';

export const libraryLock: Checker = {
  id: 'library-lock',
  category: 'library',
  title: 'Library in use',
  async check({ library }) {
    const holder = await lockHolder(nodeDisk, library);
    if (!holder) return good('No program has the library open.');
    if (holder.pid === process.pid) return good('This program has the library open.');
    return good(`${holder.program} has the library open (process ${holder.pid}); start, stop and list speak to it.`);
  },
};
