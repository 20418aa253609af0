import { nodeDisk } from '../disk.ts';
import { readLibrary } from '../library.ts';
import { good, type Checker } from './checker.ts';

export const machineFiles: Checker = {
  id: 'machine-files',
  category: 'library',
  title: 'Machine files',
  async check({ library }) {
    const machines = await readLibrary(nodeDisk, library);
    const broken = machines.filter((machine) => 'problem' in machine);
    if (broken.length === 0)
      return good(`${machines.length} ${machines.length === 1 ? 'machine' : 'machines'}, each can be opened.`);
    return {
      outcome: 'warning',
      description: `${broken.length} of ${machines.length} cannot be opened. ${broken.map(({ id, problem }) => `${id}: ${problem.message}`).join(' ')}`,
      fixes: ['Mend or remove the named machine.json; Vitrine leaves it as it is.'],
    };
  },
};
