import { readFile } from 'node:fs/promises';
import { formatSize } from '../memory-size.ts';
import { good, type Checker, type Finding } from './checker.ts';

const GIB = 1024 ** 3;
/** What V8 reserves for one machine's memory, with what lies around it so that no access needs a check. Reserved, not used. */
const OF_ONE_MACHINE = 12 * GIB;

/** The limit in bytes as /proc/self/limits says it (proc(5)); undefined when there is none. */
export function addressSpaceLimit(limits: string): number | undefined {
  const value = /^Max address space\s+(\S+)/m.exec(limits)?.[1];
  return value === undefined || value === 'unlimited' ? undefined : Number(value);
}

export function judgeAddressSpace(limit: number | undefined): Finding {
  if (limit === undefined) return good('This process may reserve as much as it wants.');
  const said = formatSize(Math.floor(limit / GIB) * GIB);
  const machines = Math.floor((limit - 2 * GIB) / OF_ONE_MACHINE);
  if (machines >= 8) return good(`This process may reserve ${said}, enough for about ${machines} machines at once.`);
  return {
    outcome: machines < 1 ? 'bad' : 'warning',
    description: `This process may reserve only ${said} of addresses, and each machine that is on reserves ${formatSize(OF_ONE_MACHINE)} (most of it is never used).`,
    fixes: ['Raise the limit before you start Vitrine: ulimit -v unlimited.'],
  };
}

export const addressSpace: Checker = {
  id: 'address-space',
  category: 'engine',
  title: 'Address space',
  notApplicable: () => (process.platform === 'linux' ? undefined : 'This system has no such limit.'),
  check: async () => judgeAddressSpace(addressSpaceLimit(await readFile('/proc/self/limits', 'utf8'))),
};
