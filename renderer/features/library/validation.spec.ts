import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  diskRefusal,
  groupRefusal,
  memoryRefusal,
  nameRefusal,
  processorsRefusal,
  splitTags,
  tagsRefusal,
} from './validation.ts';

const MEBIBYTE = 1024 * 1024;

describe('what is refused in a machine’s description', () => {
  it('names the value, the rule, and a value that works', () => {
    expect(memoryRefusal('4096', 0)).toEqual({
      what: '4096 MiB is refused.',
      why: 'A machine has at most 3072 MiB of memory.',
      fix: '3072',
    });
    expect(memoryRefusal('2', 8 * MEBIBYTE)).toEqual({
      what: '2 MiB is too little.',
      why: 'This image needs at least 8 MiB.',
      fix: '8',
    });
    expect(memoryRefusal('lots', 0)).toMatchObject({ what: '“lots” is not a number.', fix: '16' });
    expect(memoryRefusal('1.5', 0)).toMatchObject({ why: 'Memory is given in whole MiB.', fix: '2' });
    expect(nameRefusal('x'.repeat(65), 'Hello')).toMatchObject({ why: 'A name has at most 64 characters.', fix: 'x'.repeat(64) });
    expect(nameRefusal(' ', 'Hello')).toMatchObject({ what: 'No name is given.', fix: 'Hello' });
    expect(tagsRefusal('boot, Boot, smm')).toMatchObject({ why: 'Each tag is given once.', fix: 'boot, smm' });
  });

  it('takes what the contract takes', () => {
    expect([
      memoryRefusal('3072', 0),
      nameRefusal('Lantern', ''),
      groupRefusal(''),
      groupRefusal('Kernel course'),
      tagsRefusal(''),
      tagsRefusal('a, b'),
    ]).toEqual(Array(6).fill(undefined));
    expect(splitTags(' real mode ,, boot ')).toEqual(['real mode', 'boot']);
  });

  it('takes disks of whole MiB up to 2 TiB', () => {
    expect(['1', '4096', '2097152'].map(diskRefusal)).toEqual([undefined, undefined, undefined]);
    expect(diskRefusal('2097153')).toMatchObject({ why: 'A disk has at most 2 TiB.', fix: '2097152' });
    expect(diskRefusal('0')).toMatchObject({ why: 'A disk has at least 1 MiB.', fix: '1' });
    expect(['', 'big', '1.5', '1e400'].map((text) => diskRefusal(text)?.why)).toEqual(
      Array(4).fill('A disk’s size is given in whole MiB.'),
    );
  });

  it('never proposes a value that is refused itself', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 100, unit: 'binary' }), fc.nat(64 * MEBIBYTE), (text, least) => {
        const memory = memoryRefusal(text, least)?.fix;
        const name = nameRefusal(text, 'Machine')?.fix;
        const disk = diskRefusal(text)?.fix;
        expect(disk === undefined ? undefined : diskRefusal(disk)).toBeUndefined();
        const group = groupRefusal(text)?.fix;
        const tags = tagsRefusal(text)?.fix;
        expect(memory === undefined ? undefined : memoryRefusal(memory, least)).toBeUndefined();
        expect(name === undefined ? undefined : nameRefusal(name, '')).toBeUndefined();
        expect(group === undefined ? undefined : groupRefusal(group)).toBeUndefined();
        expect(tags === undefined ? undefined : tagsRefusal(tags)).toBeUndefined();
      }),
      { numRuns: 300 },
    );
  });

  it('takes one to sixteen processors, and offers the nearest number', () => {
    for (const good of ['1', '2', '16']) expect(processorsRefusal(good)).toBeUndefined();
    expect(processorsRefusal('17')).toMatchObject({ why: 'A machine has at most 16 processors.', fix: '16' });
    expect(processorsRefusal('0')).toMatchObject({ why: 'A machine needs a processor.', fix: '1' });
    expect(processorsRefusal('2.6')).toMatchObject({ why: 'The number of processors is a whole number.', fix: '3' });
    expect(processorsRefusal('many')?.fix).toBe('1');
    expect(processorsRefusal(' ')?.what).toBe('No number is given.');
  });
});
