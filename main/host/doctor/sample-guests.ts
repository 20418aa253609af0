import { join } from 'node:path';
import { nodeDisk } from '../disk.ts';
import { HostError } from '../errors.ts';
import { readSamples } from '../samples.ts';
import { good, type Checker } from './checker.ts';

export const sampleGuests: Checker = {
  id: 'sample-guests',
  category: 'library',
  title: 'Sample guests',
  async check({ guests }) {
    try {
      const samples = await readSamples(nodeDisk, guests);
      const missing: string[] = [];
      for (const { file } of samples) if (!(await nodeDisk.status(join(guests, file)))) missing.push(file);
      if (missing.length === 0) return good(`${samples.length} samples ship with this version.`);
      return { outcome: 'bad', description: `Sources are missing: ${missing.join(', ')}.`, fixes: ['Install Vitrine again.'] };
    } catch (error) {
      if (!(error instanceof HostError)) throw error;
      return { outcome: 'bad', description: error.message, fixes: ['Install Vitrine again.'] };
    }
  },
};
