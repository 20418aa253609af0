/** What a guest sees of the interrupt controllers of two processors, here and on QEMU: the same kernel writes the same lines. */
import { beforeAll, describe, expect, it } from 'vitest';
import { kernel } from '../../boot/smp-kernel.ts';
import { available, lines, onQemu, onVitrine, seconds } from '../kernel-lines.ts';

const shape = { cpus: 2, mebibytes: 32 };

describe.skipIf(!available)('interrupt controllers of two processors, as QEMU has them', () => {
  let expected: Map<string, string>;
  let found: Map<string, string>;

  beforeAll(
    async () => {
      const image = kernel('apic', 2, '', new URL('./', import.meta.url));
      expected = lines(await onQemu(image, shape));
      found = lines(await onVitrine(image, shape));
    },
    2 * seconds * 1000,
  );

  it.each([
    'registers',
    'task priority holds back',
    'in service',
    'requested twice',
    'illegal register',
    'physical',
    'flat',
    'cluster',
    'shorthand',
    'nmi',
    'switched off by software',
    'timer one-shot',
    'timer masked',
    'timer stopped',
    'timer periodic',
    'ExtINT',
    'ExtINT masked',
    'I/O APIC',
    'edge',
    'edge to the other',
    'edge while masked',
    'level',
    'INIT de-assert',
    'start-up without INIT',
    'INIT, start-up twice',
  ])('%s', (name) => {
    expect(expected.get(name)).toMatch(/^[0-9a-f]/);
    expect(found.get(name)).toBe(expected.get(name));
  });

  it('is all that the kernel tries', () => {
    expect(expected.size).toBe(25);
  });
});
