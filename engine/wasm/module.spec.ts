import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { signed32, signed64, unsigned } from './leb128.ts';
import { ModuleBuilder } from './module.ts';
import { i32, i64 } from './value.ts';

function instantiate(
  module: ModuleBuilder,
  imports: WebAssembly.Imports = {},
): Record<string, (...operands: never[]) => unknown> {
  return new WebAssembly.Instance(new WebAssembly.Module(module.encode()), imports).exports as never;
}

describe('the module builder', () => {
  it('encodes every constant so that the engine reads it back', () => {
    fc.assert(
      fc.property(fc.integer(), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (small, large) => {
        const module = new ModuleBuilder();
        module.defineFunction([], 'i32', (f) => f.return(i32.const(small)), 'small');
        module.defineFunction([], 'i64', (f) => f.return(i64.const(large)), 'large');
        const { small: readSmall, large: readLarge } = instantiate(module);
        return readSmall?.() === small && readLarge?.() === large;
      }),
      { numRuns: 200 },
    );
  });

  it('takes unsigned numbers for signed constants of the same bits', () => {
    expect(signed32(0xffffffff)).toEqual(signed32(-1));
    expect(signed64(0xffffffffffffffffn)).toEqual([0x7f]);
    expect(unsigned(624485)).toEqual([0xe5, 0x8e, 0x26]);
  });

  it('builds loops, branches and switches', () => {
    const module = new ModuleBuilder();
    module.defineFunction(
      ['i32'],
      'i32',
      (f) => {
        const n = f.parameter('i32', 0);
        const sum = f.local('i32');
        f.block((done) =>
          f.loop((again) => {
            f.brIf(done, i32.eqz(n.get));
            f.set(sum, i32.add(sum.get, n.get));
            f.set(n, i32.sub(n.get, i32.const(1)));
            f.br(again);
          }),
        );
        f.return(sum.get);
      },
      'sum',
    );
    module.defineFunction(
      ['i32'],
      'i32',
      (f) => {
        f.block((end) => {
          f.switch(
            3,
            (labels) => f.brTable(labels, end, f.parameter('i32', 0).get),
            (index) => f.return(i32.const(100 + index)),
          );
        });
        f.return(i32.const(-1));
      },
      'pick',
    );
    const { sum, pick } = instantiate(module) as unknown as Record<string, (n: number) => number>;
    expect(sum?.(100)).toBe(5050);
    expect([0, 1, 2, 3].map((n) => pick?.(n))).toEqual([100, 101, 102, -1]);
  });

  it('shares locals between scopes but not inside one', () => {
    const module = new ModuleBuilder();
    const indexes: number[] = [];
    module.defineFunction([], undefined, (f) => {
      f.scope(() => indexes.push(f.local('i32').index, f.local('i32').index));
      f.scope(() => indexes.push(f.local('i32').index, f.local('i32').index, f.local('i64').index));
    });
    expect(new Set(indexes.slice(0, 2)).size).toBe(2);
    expect(new Set(indexes).size).toBe(3);
  });

  it('refuses calls whose operands do not fit', () => {
    const module = new ModuleBuilder();
    const imported = module.importFunction('env', 'f', ['i32', 'i64'], 'i32');
    module.defineFunction([], undefined, (f) => expect(() => f.call(imported, i32.const(1))).toThrow(TypeError));
  });
});
