/** What a guest sees of TSEG: the same kernel writes the same lines here and on QEMU's Q35. */
import { beforeAll, describe, expect, it } from 'vitest';
import { kernel } from '../../boot/smp-kernel.ts';
import { available, lines, onQemu, onVitrine, seconds } from '../kernel-lines.ts';

const shape = { cpus: 1, mebibytes: 64 };

describe.skipIf(!available)('TSEG, as QEMU has it', () => {
  let expected: Map<string, string>;
  let found: Map<string, string>;

  beforeAll(
    async () => {
      const image = kernel('smram', shape.cpus, `MEBIBYTES equ ${shape.mebibytes}`, new URL('./', import.meta.url));
      expected = lines(await onQemu(image, shape));
      found = lines(await onVitrine(image, shape));
    },
    2 * seconds * 1000,
  );

  // What the datasheet says, so that both are not wrong alike.
  it.each([
    ['in TSEG', '00000001'],
    ['before it is enabled', '00000001'],
    ['control', '00000001'],
    ['counter from outside', 'ffffffff'],
    ['first dword', 'ffffffff'],
    ['last dword', 'ffffffff'],
    ['locked increment gives zero', '00000001'],
    ['exchange gives', 'ffffffff'],
    ['nothing was written', '00000002'],
    ['SMRAM register behind D_LCK', '0000001a'],
    ['control behind D_LCK', '00000001'],
    ['still hidden', 'ffffffff'],
    ['still served', '00000003'],
  ])('%s', (name, value) => {
    expect(expected.get(name)).toBe(value);
    expect(found.get(name)).toBe(value);
  });

  it('is all that the kernel tries', () => {
    expect([expected.size, found.size]).toEqual([13, 13]);
  });
});
