import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nextTurn } from './turns.ts';

describe('turns of the virtual clock', () => {
  it('go round in a circle', () => {
    expect([0, 1, 2, 3].map((holder) => nextTurn(4, holder, () => true))).toEqual([1, 2, 3, 0]);
  });

  it('pass over who has no work, and come back to the only one that has', () => {
    expect(nextTurn(4, 0, (cpu) => cpu === 3)).toBe(3);
    expect(nextTurn(4, 2, (cpu) => cpu === 2)).toBe(2);
    expect(nextTurn(4, 2, () => false)).toBeUndefined();
  });

  it('reach everybody who has work within one round', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: 1, maxLength: 16 }), fc.nat(15), (work, start) => {
        const cpus = work.length;
        const seen = new Set<number>();
        let holder = start % cpus;
        for (let round = 0; round < cpus; round++) {
          const next = nextTurn(cpus, holder, (cpu) => work[cpu] === true);
          if (next === undefined) break;
          seen.add((holder = next));
        }
        expect([...seen].sort((a, b) => a - b)).toEqual(work.flatMap((has, cpu) => (has ? [cpu] : [])));
      }),
    );
  });
});
