import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { coreHead } from './header.ts';
import { alignment, mostSegments, physicalWindow, runsOfPages, segmentsOf, type LinearRun } from './segments.ts';
import { physicalLayer, physicalOffset, readHeaders } from './testing/read-core.ts';

const page = 4096;
const memoryPages = 64;
/** RAM with a hole in it. */
const isBacked = (number: number): boolean => number < 24 || (number >= 32 && number < 60);
const physical = runsOfPages(memoryPages, page, isBacked);

/** Linear page → physical page, of a guest that maps at random and maps some frames more than once. */
const mapping = fc.uniqueArray(fc.tuple(fc.integer({ min: 0, max: 400 }), fc.integer({ min: 0, max: memoryPages + 8 })), {
  selector: ([linear]) => linear,
  maxLength: 80,
});

function runsOf(pairs: readonly (readonly [number, number])[]): LinearRun[] {
  const runs: { linear: number; physical: number; bytes: number }[] = [];
  for (const [linear, frame] of [...pairs].sort(([a], [b]) => a - b)) {
    const last = runs.at(-1);
    if (last !== undefined && last.linear + last.bytes === linear * page && last.physical + last.bytes === frame * page)
      last.bytes += page;
    else runs.push({ linear: linear * page, physical: frame * page, bytes: page });
  }
  return runs;
}

describe('the program headers of a core', () => {
  it('without paging have each byte at its physical address', () => {
    const { segments, isWhole } = segmentsOf(physical, 'off');
    expect(isWhole).toBe(true);
    expect(segments).toEqual([
      { virtual: 0, physical: 0, bytes: 24 * page },
      { virtual: 32 * page, physical: 32 * page, bytes: 28 * page },
    ]);
  });

  it('lead from every linear address to its byte, and from every physical one, whatever is mapped', () => {
    fc.assert(
      fc.property(mapping, (pairs) => {
        const { segments, isWhole } = segmentsOf(physical, runsOf(pairs));
        expect(isWhole).toBe(true);
        const { head, placed, fileBytes } = coreHead(segments, Buffer.alloc(100));
        const headers = readHeaders(head);
        const layer = physicalLayer(headers);
        // Every PT_LOAD counts for readers of physical memory, and they need their order.
        expect(layer).toHaveLength(placed.length);
        expect(layer.every(([address], index) => address >= (layer[index - 1]?.[0] ?? 0))).toBe(true);
        for (const { offset, alignment: aligned, type, fileBytes: bytes } of headers) {
          if (type === 1) expect([offset % aligned, aligned, offset + bytes <= fileBytes]).toEqual([0, alignment, true]);
        }
        const offsets = new Set<number>();
        for (let frame = 0; frame < memoryPages; frame++) {
          const offset = physicalOffset(layer, frame * page + 5);
          expect(offset !== undefined).toBe(isBacked(frame));
          if (offset !== undefined) offsets.add(offset);
        }
        expect(offsets.size).toBe(52);
        for (const [linear, frame] of pairs) {
          const at = linear * page + 5;
          const found = placed.filter(({ virtual, bytes }) => virtual <= at && at < virtual + bytes);
          expect(found).toHaveLength(isBacked(frame) ? 1 : 0);
          for (const { offset, virtual } of found) expect(offset + at - virtual).toBe(physicalOffset(layer, frame * page + 5));
        }
        for (const { virtual, physical: address } of placed.filter(({ virtual }) => virtual >= physicalWindow)) {
          expect(virtual).toBe(physicalWindow + address);
        }
      }),
    );
  });

  it('are the physical window alone when there would be too many, and say so', () => {
    const everySecond = Array.from({ length: mostSegments }, (_, index) => ({
      linear: 2 * index * page,
      physical: 0,
      bytes: page,
    }));
    expect(segmentsOf(physical, everySecond)).toEqual(segmentsOf(physical, 'too many'));
    const { segments, isWhole } = segmentsOf(physical, 'too many');
    expect(isWhole).toBe(false);
    expect(segments.map(({ virtual }) => virtual)).toEqual([physicalWindow, physicalWindow + 32 * page]);
  });
});
