import { MEMORY_MAXIMUM } from '../../contract/machine.ts';
import { formatSize } from '../memory-size.ts';
import { good, type Checker } from './checker.ts';

/** A WebAssembly page. */
const PAGE_BYTES = 65536;

export const sharedMemory: Checker = {
  id: 'shared-memory',
  category: 'engine',
  title: 'Shared WebAssembly memory',
  check() {
    try {
      const maximum = MEMORY_MAXIMUM / PAGE_BYTES;
      const memory = new WebAssembly.Memory({ initial: 1, maximum, shared: true });
      if (!(memory.buffer instanceof SharedArrayBuffer)) throw new TypeError('The memory is not shared.');
      return good(`Threads can share a memory of up to ${formatSize(MEMORY_MAXIMUM)}.`);
    } catch (error) {
      return {
        outcome: 'bad',
        description: `A shared WebAssembly memory cannot be reserved: ${error instanceof Error ? error.message : String(error)}`,
        fixes: ['Raise the limit of address space (ulimit -v unlimited).', 'Use a 64-bit Node.js.'],
      };
    }
  },
};
