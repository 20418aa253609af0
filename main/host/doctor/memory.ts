import { freemem, totalmem } from 'node:os';
import { formatSize } from '../memory-size.ts';
import { good, type Checker } from './checker.ts';

/** Enough for the app, and a machine of ordinary size. */
const COMFORTABLE = 1024 * 1024 * 1024;

function rounded(bytes: number): string {
  return formatSize(Math.floor(bytes / (1024 * 1024)) * 1024 * 1024);
}

export const memory: Checker = {
  id: 'memory',
  category: 'host',
  title: 'Memory',
  check() {
    const found = `${rounded(freemem())} of ${rounded(totalmem())} are free.`;
    if (freemem() >= COMFORTABLE) return good(found);
    return {
      outcome: 'warning',
      description: `${found} A machine takes its memory as its guest touches it.`,
      fixes: ['Close other programs, or give machines less memory.'],
    };
  },
};
