import { describe, expect, it } from 'vitest';
import { Unheard } from './unheard.ts';

describe('output for which there is no client', () => {
  it('waits for one, up to 256 KiB, and counts what had to go', () => {
    const unheard = new Unheard();
    expect(unheard.take()).toHaveLength(0);
    unheard.put(Uint8Array.of(1, 2));
    unheard.put(Uint8Array.of(3));
    expect([...unheard.take()]).toEqual([1, 2, 3]);
    expect(unheard.take()).toHaveLength(0);
    unheard.put(new Uint8Array(200_000).fill(1));
    unheard.put(new Uint8Array(100_000).fill(2));
    expect(unheard.lost).toBe(300_000 - (1 << 18));
    const bytes = unheard.take();
    expect([bytes.length, bytes[0], bytes.at(-1)]).toEqual([1 << 18, 1, 2]);
    expect(unheard.lost).toBe(300_000 - (1 << 18));
  });
});
