import { readdir } from 'node:fs/promises';
import { isSystemError } from '../errors.ts';
import { good, type Checker } from './checker.ts';

export const engineWorkers: Checker = {
  id: 'engine-workers',
  category: 'engine',
  title: 'Engine programs',
  async check({ workers }) {
    try {
      const programs = (await readdir(workers)).filter((name) => name.endsWith('.js'));
      if (programs.length > 0) return good(`${programs.length} worker programs in ${workers}.`);
    } catch (error) {
      if (!isSystemError(error, 'ENOENT')) throw error;
    }
    return {
      outcome: 'bad',
      description: `The engine’s worker programs are not in ${workers}.`,
      fixes: ['Build Vitrine (npm start does).'],
    };
  },
};
