/** A debugger costs nothing while idle: what is generated does not know of it. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { BlockCache } from '../execute/block-cache.ts';
import type { CodeFetch } from '../execute/code-fetch.ts';
import { generateInterpreter } from '../execute/interpreter-module.ts';
import { vcpuState } from '../isa/state.ts';

const code = 0x1000;
const cache = 0x10000;
const cacheBytes = 0x80000;

/** The records decoded from a few instructions at offset 0 of a page. */
function records(splits: CodeFetch['splits']): string {
  const memory = new WebAssembly.Memory({ initial: 16, maximum: 16, shared: true });
  const bytes = new Uint8Array(memory.buffer);
  bytes.set([0x40, 0x43, 0x90, 0x40, 0xeb, 0xfa], code);
  const fetch: CodeFetch = {
    context: () => ({ base: 0, limit: 0xffffffff, big: true, single: false }),
    translate: (linear) => linear,
    page: () => code,
    readByte: () => 0,
    markCode: () => undefined,
    markLines: () => false,
    generation: () => 0,
    ...(splits === undefined ? {} : { splits }),
  };
  const blocks = new BlockCache(memory, 0, cache, cacheBytes, fetch);
  const shared: unknown = memory.buffer;
  if (!(shared instanceof SharedArrayBuffer)) throw new TypeError('The memory is shared.');
  vcpuState.at(shared, 0).eip = 0n;
  blocks.lookup(0);
  return createHash('sha256')
    .update(Uint8Array.from(bytes.subarray(cache, cache + cacheBytes)))
    .digest('hex');
}

describe('with no breakpoint set', () => {
  it('the decoded records are those of a vCPU without a debugger', () => {
    expect(records(() => false)).toBe(records(undefined));
  });

  it('which a breakpoint would change', () => {
    expect(records((offset) => offset === 2)).not.toBe(records(undefined));
  });

  it('the interpreter is the same bytes each time, and imports nothing of a debugger', async () => {
    const bytes = generateInterpreter();
    expect(Buffer.from(generateInterpreter()).equals(Buffer.from(bytes))).toBe(true);
    const imports = WebAssembly.Module.imports(await WebAssembly.compile(bytes)).map(({ name }) => name);
    expect(imports.filter((name) => /debug|break|watch|trace/i.test(name)).sort()).toEqual(['moveFromDebug', 'moveToDebug']);
  });
});
