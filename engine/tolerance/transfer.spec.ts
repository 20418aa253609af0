import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readTransfer, TransferError, writeTransfer, type TransferHead } from './transfer.ts';

const head: TransferHead = { fits: 'these parts', isFull: false, capture: 1, ahead: 0, scancodes: [1, 2], serialInput: [], ranFor: 7, digest: undefined };
const page = fc.record({ part: fc.nat(5), page: fc.nat(2 ** 20), bytes: fc.uint8Array({ maxLength: 64 }) });

describe('a transfer', () => {
  it('gives back what was put in', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(page, { maxLength: 600 }), async (pages) => {
        const read = readTransfer(await writeTransfer(head, pages));
        expect(read.head).toEqual(head);
        expect(read.pages.map((one) => ({ ...one, bytes: Uint8Array.from(one.bytes) }))).toEqual(pages.map((one) => ({ ...one })));
      }),
      { numRuns: 20 },
    );
  });

  it('is refused when any of its bytes is another, or it is cut', async () => {
    const bytes = await writeTransfer(head, [{ part: 1, page: 2, bytes: new Uint8Array(4096).fill(3) }]);
    for (let at = 0; at < bytes.length; at++) {
      const damaged = Uint8Array.from(bytes);
      damaged[at] = (damaged[at] ?? 0) ^ (1 << at % 8);
      expect(() => readTransfer(damaged)).toThrow(TransferError);
      expect(() => readTransfer(bytes.subarray(0, at))).toThrow(TransferError);
    }
  });

  it('that is garbage is refused with a sentence', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        expect(() => readTransfer(bytes)).toThrow(TransferError);
      }),
    );
  });
});
