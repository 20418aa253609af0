import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { groupRefusal, memoryRefusal, nameRefusal, splitTags, tagsRefusal } from './validation.ts';

const MEBIBYTE = 1024 * 1024;

describe('what is refused in a machine’s description', () => {
  it('names the value, the rule, and a value that works', () => {
    expect(memoryRefusal('4096', 0)).toEqual({ what: '4096 MiB is refused.', why: 'A machine has at most 3072 MiB of memory.', fix: '3072' });
    expect(memoryRefusal('2', 8 * MEBIBYTE)).toEqual({ what: '2 MiB is too little.', why: 'This image needs at least 8 MiB.', fix: '8' });
    expect(memoryRefusal('lots', 0)).toMatchObject({ what: '“lots” is not a number.', fix: '16' });
    expect(memoryRefusal('1.5', 0)).toMatchObject({ why: 'Memory is given in whole MiB.', fix: '2' });
    expect(nameRefusal('x'.repeat(65), 'Hello')).toMatchObject({ why: 'A name has at most 64 characters.', fix: 'x'.repeat(64) });
    expect(nameRefusal(' ', 'Hello')).toMatchObject({ what: 'No name is given.', fix: 'Hello' });
    expect(tagsRefusal('boot, Boot, smm')).toMatchObject({ why: 'Each tag is given once.', fix: 'boot, smm' });
  });

  it('takes what the contract takes', () => {
    expect([memoryRefusal('3072', 0), nameRefusal('Lantern', ''), groupRefusal(''), groupRefusal('Kernel course'), tagsRefusal(''), tagsRefusal('a, b')]).toEqual(Array(6).fill(undefined));
    expect(splitTags(' real mode ,, boot ')).toEqual(['real mode', 'boot']);
  });

  it('never proposes a value that is refused itself', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 100, unit: 'binary' }), fc.nat(64 * MEBIBYTE), (text, least) => {
        const memory = memoryRefusal(text, least)?.fix;
        const name = nameRefusal(text, 'Machine')?.fix;
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
});
