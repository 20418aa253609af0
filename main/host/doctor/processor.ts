import { cpus } from 'node:os';
import { good, type Checker } from './checker.ts';

export const processor: Checker = {
  id: 'processor',
  category: 'host',
  title: 'Processor',
  check() {
    const count = cpus().length;
    const model = cpus()[0]?.model.trim() ?? 'of unknown model';
    if (process.arch === 'arm64') {
      return {
        outcome: 'warning',
        description: `${count} × ${model} (ARM64). Its memory order is weaker than x86’s, so the processors of one machine take turns here.`,
        fixes: [],
      };
    }
    if (count < 2) {
      return {
        outcome: 'warning',
        description: `One processor (${model}). A guest shares it with the app, so both are slower.`,
        fixes: ['Give this computer or container two or more processors.'],
      };
    }
    return good(`${count} × ${model}.`);
  },
};
