import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { imageBlockBytes, TrackedImage } from './tracked-image.ts';

const sectors = 40;
const bytes = sectors * 512;

function memoryImage() {
  const content = new Uint8Array(bytes);
  const image = {
    bytes,
    readOnly: false,
    read: (offset: number, into: Uint8Array) => into.set(content.subarray(offset, offset + into.length)),
    write: (offset: number, from: Uint8Array) => content.set(from, offset),
    flush: () => undefined,
    close: () => undefined,
  };
  return { content, image };
}

const write = fc
  .record({ sector: fc.nat(sectors - 1), count: fc.integer({ min: 1, max: 12 }), value: fc.integer({ min: 1, max: 255 }) })
  .map(({ sector, count, value }) => ({ offset: sector * 512, from: new Uint8Array(Math.min(count, sectors - sector) * 512).fill(value) }));

describe('a secondary’s disk', () => {
  it('reads what was written, keeps its image as it was, and forgets or keeps it at a checkpoint', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(write, { maxLength: 12 }), fc.array(write, { maxLength: 4 }), async (own, primary) => {
        const { content, image } = memoryImage();
        const disk = new TrackedImage(image, true);
        const expected = new Uint8Array(bytes);
        for (const { offset, from } of own) {
          await disk.write(offset, from);
          expected.set(from, offset);
        }
        const all = new Uint8Array(bytes);
        await disk.read(0, all);
        expect(Buffer.compare(all, expected)).toBe(0);
        expect(content.every((byte) => byte === 0)).toBe(true);
        const touched = new Set(own.flatMap(({ offset, from }) => blocksOf(offset, from.length)));
        expect(disk.dirty).toEqual(touched);

        // A checkpoint names what differs of what either wrote; the rest of that is equal.
        const theirs = Uint8Array.from(expected);
        for (const { offset, from } of primary) theirs.set(from, offset);
        const named = new Set(primary.flatMap(({ offset, from }) => blocksOf(offset, from.length)));
        await disk.commit(new Map([...named].map((block) => [block, theirs.slice(block * imageBlockBytes, (block + 1) * imageBlockBytes)])));
        expect(Buffer.compare(content, theirs)).toBe(0);
        expect([disk.dirty.size, disk.heldBlocks]).toEqual([0, 0]);
      }),
      { numRuns: 30 },
    );
  });

  it('would be ahead of the last checkpoint, were it written to as a primary’s is', async () => {
    const { content, image } = memoryImage();
    const disk = new TrackedImage(image, false);
    await disk.write(0, new Uint8Array(512).fill(1));
    await disk.commit(new Map());
    // A checkpoint that says nothing of the block would leave what only this side has written.
    expect(content[0]).toBe(1);
    const secondary = memoryImage();
    const own = new TrackedImage(secondary.image, true);
    await own.write(0, new Uint8Array(512).fill(1));
    await own.commit(new Map([[0, new Uint8Array(imageBlockBytes)]]));
    expect(secondary.content[0]).toBe(0);
  });

  it('counts a block again whose write was under way when it was counted', async () => {
    const { image } = memoryImage();
    let finish: () => void = () => {};
    const disk = new TrackedImage({ ...image, write: () => new Promise<void>((resolve) => (finish = resolve)) }, false);
    const written = disk.write(0, new Uint8Array(512).fill(1));
    expect([...disk.dirty]).toEqual([0]);
    // Whoever copies the block now may get what it was before.
    disk.countAnew();
    finish();
    await written;
    expect([...disk.dirty]).toEqual([0]);
  });

  it('is what a full state says and zero elsewhere', async () => {
    const { content, image } = memoryImage();
    content.fill(9);
    const disk = new TrackedImage(image, true);
    await disk.write(512, new Uint8Array(512).fill(5));
    await disk.clear();
    expect([...new Set(content)]).toEqual([0]);
    await disk.commit(new Map([[1, new Uint8Array(imageBlockBytes).fill(7)]]));
    expect([...new Set(content.subarray(0, 4096))]).toEqual([0]);
    expect([...new Set(content.subarray(4096, 8192))]).toEqual([7]);
    expect([...new Set(content.subarray(8192))]).toEqual([0]);
  });

  it('is written out when it takes over, and then is an image as any', async () => {
    const { content, image } = memoryImage();
    const disk = new TrackedImage(image, true);
    await disk.write(0, new Uint8Array(512).fill(1));
    await disk.takeOver();
    expect(content[0]).toBe(1);
    await disk.write(512, new Uint8Array(512).fill(2));
    expect(content[512]).toBe(2);
  });
});

function blocksOf(offset: number, length: number): number[] {
  const first = Math.floor(offset / imageBlockBytes);
  const last = Math.floor((offset + length - 1) / imageBlockBytes);
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}
