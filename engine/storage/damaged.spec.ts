import { describe, expect, it } from 'vitest';
import { formatQcow2 } from './qcow2-create.ts';
import { headerField, readHeader } from './qcow2-header.ts';
import { Qcow2Device } from './qcow2.ts';
import { MemoryFile } from './testing/memory-file.ts';
import { fuzz } from './testing/mutate.ts';

const clusterBytes = 4096;

function image(): MemoryFile {
  const file = new MemoryFile();
  formatQcow2(file, { bytes: 1 << 22, clusterBytes });
  const device = new Qcow2Device(file, false);
  for (let place = 0; place < 64; place++) device.write(place << 14, new Uint8Array(8192).fill(place));
  device.close();
  return file;
}

/** The image with a field of the header set. */
function withField(field: number, bytes: 1 | 4 | 8, value: number): MemoryFile {
  const { content } = image();
  const view = new DataView(content.buffer);
  if (bytes === 1) view.setUint8(field, value);
  else if (bytes === 4) view.setUint32(field, value);
  else view.setBigUint64(field, BigInt(value));
  return new MemoryFile(content);
}

describe('a damaged qcow2 image', () => {
  it('is refused or served, with nothing else thrown, nothing read for ever and nothing written outside', () => {
    const { content } = image();
    const header = readHeader(new MemoryFile(content));
    const l2 = new DataView(content.buffer).getUint32(header.l1Offset + 4);
    const { refused, served } = fuzz(content, [header.l1Offset, header.refcountTableOffset, 2 * clusterBytes, l2], 1500, 1);
    // The damage does reach what is looked at, and is not so coarse that all is refused at once.
    expect(refused).toBeGreaterThan(200);
    expect(served).toBeGreaterThan(200);
  });

  it.each([
    ['an L1 table that is too short', headerField.l1Size, 4, 1, 'the disk needs 2'],
    ['an L1 table beyond the end', headerField.l1TableOffset, 8, 2 ** 40, 'not inside the file'],
    ['an endless L1 table', headerField.l1Size, 4, 0xffffffff, 'L1 table would have'],
    ['clusters of no size', headerField.clusterBits, 4, 3, 'only 2^9 to 2^21'],
    ['an endless refcount table', headerField.refcountTableClusters, 4, 0xffffffff, 'refcount table would have'],
    ['a refcount table in the L1 table', headerField.refcountTableOffset, 8, 3 * clusterBytes, 'damaged'],
    ['a million snapshots', headerField.snapshotCount, 4, 1_000_000, '1000000 snapshots'],
    ['encryption', headerField.cryptMethod, 4, 2, 'encrypted'],
    ['an unknown feature', headerField.incompatibleFeatures, 8, 2 ** 40, 'bit 40'],
    ['zstd', headerField.compressionType, 1, 1, 'zstd'],
    ['a version of the future', headerField.version, 4, 4, 'version 4'],
    ['the mark of damage', headerField.incompatibleFeatures, 8, 2, 'marked as damaged'],
  ] as const)('with %s is refused with a sentence', (_, field, bytes, value, sentence) => {
    expect(() => new Qcow2Device(withField(field, bytes, value), false)).toThrow(sentence);
  });

  it('whose data lies where a table is does not have it written over', () => {
    const { content } = image();
    const header = readHeader(new MemoryFile(content));
    const view = new DataView(content.buffer);
    const l2 = view.getUint32(header.l1Offset + 4);
    view.setUint32(l2 + 4, header.l1Offset);
    const file = new MemoryFile(content);
    const device = new Qcow2Device(file, false);
    expect(() => device.write(0, new Uint8Array(512))).toThrow('where a table is');
    expect(Buffer.compare(file.content, content)).toBe(0);
  });
});
