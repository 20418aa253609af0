import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GatewayRecord, keptInputs, keptOutput, shownBytes } from './gateway-record.ts';

const serial = (text: string) => ({ kind: 'serial' as const, bytes: Uint8Array.from(Buffer.from(text)) });
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

describe('what left', () => {
  it('is the last of it, from whatever offset is asked for', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 2 * keptOutput }), { maxLength: 8 }), fc.double({ min: 0, max: 1.2, noNaN: true }), (lengths, share) => {
        const record = new GatewayRecord();
        const all = Uint8Array.from({ length: lengths.reduce((sum, length) => sum + length, 0) }, (_, at) => (at * 31 + (at >> 8)) & 0xff);
        let end = 0;
        for (const length of lengths) {
          record.left(end, all.subarray(end, end + length), 0);
          end += length;
        }
        const from = Math.floor(share * end);
        const { offset, bytes } = record.look(from, 0);
        expect(offset).toBe(Math.min(end, Math.max(from, end - keptOutput)));
        expect(Buffer.from(bytes).equals(all.subarray(offset))).toBe(true);
      }),
      { numRuns: 40 },
    );
  });
});

describe('inputs', () => {
  it('have when the first byte left behind them, and which', () => {
    const record = new GatewayRecord();
    record.left(0, Uint8Array.from(Buffer.from('ready\n')), 5);
    record.came(serial('get 1\n'), 10);
    record.came({ kind: 'scancodes', bytes: [0x1e, 0x9e] }, 11);
    record.left(6, Uint8Array.from(Buffer.from('one\n')), 12.5);
    record.left(10, Uint8Array.from(Buffer.from('more\n')), 14);
    record.came(serial('get 2\n'), 20);
    const { inputs } = record.look(0, 30);
    expect(inputs.map(({ number, kind, bytes, begin, left }) => [number, kind, bytes, text(begin), left?.after, left?.offset, left && text(left.begin)])).toEqual([
      [0, 'serial', 6, 'get 1\n', 2.5, 6, 'one\nmore\n'],
      [1, 'keys', 2, '\x1e\x9e', 1.5, 6, 'one\nmore\n'],
      [2, 'serial', 6, 'get 2\n', undefined, undefined, null],
    ]);
    expect(Date.now() - (inputs[2]?.at ?? 0)).toBeLessThan(1000);
  });

  it('are the last ones, with the begin of each; what a mouse does is not among them', () => {
    const record = new GatewayRecord();
    for (let at = 0; at < keptInputs + 10; at++) {
      record.came(serial(`${at} ${'x'.repeat(100)}`), at);
      record.came({ kind: 'mouse', dx: 1, dy: 1, wheel: 0, buttons: 0 }, at);
    }
    // All that were pushed out are not waited for any more.
    record.left(0, Uint8Array.of(1), 1000);
    const { inputs } = record.look(0, 1000);
    expect(inputs).toHaveLength(keptInputs);
    expect(inputs[0]).toMatchObject({ number: 10, left: { after: 990 } });
    expect(text(inputs[0]?.begin ?? new Uint8Array(0))).toBe(`10 ${'x'.repeat(100)}`.slice(0, shownBytes));
    record.left(1, new Uint8Array(keptOutput), 1001);
    expect(record.look(0, 1001).inputs[0]?.left?.begin).toHaveLength(0);
  });
});
