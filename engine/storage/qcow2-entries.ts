/** Entries of L1 and L2 tables (docs/interop/qcow2.rst, "Cluster mapping"). */
import { StorageError } from './block-device.ts';
import type { Qcow2Header } from './qcow2-header.ts';

/** Bit 63: the cluster has exactly one reference. In the upper half of an entry. */
export const copiedFlag = 0x80000000;
/** Bit 62: a compressed cluster. In the upper half. */
const compressedFlag = 0x40000000;
/** Bits 32 to 55, the upper part of an offset. */
const upperOffset = 0x00ffffff;
/** Bits 9 to 31, its lower part. */
const lowerOffset = 0xfffffe00;
/** Bit 0 (version 3): the cluster reads as zeros. */
const zeroFlag = 1;
const highPart = 2 ** 32;

/** Where a cluster of the disk is. */
export type Mapping =
  /** Not in this image: in the backing file, else zeros. */
  | { readonly kind: 'absent' }
  /** Zeros; `host` is a cluster kept for it, 0 if there is none. */
  | { readonly kind: 'zero'; readonly host: number }
  | { readonly kind: 'data'; readonly host: number }
  /** A deflated cluster in `bytes` bytes (the last sector may hold another's) at `host`, which is not aligned. */
  | { readonly kind: 'compressed'; readonly host: number; readonly bytes: number };

const absent: Mapping = { kind: 'absent' };

/** The offset in an L1 entry, 0 if there is no L2 table. */
export function tableOffset(view: DataView, index: number): number {
  return (view.getUint32(index * 8) & upperOffset) * highPart + ((view.getUint32(index * 8 + 4) & lowerOffset) >>> 0);
}

/** Points an L1 or L2 entry to a cluster with one reference. */
export function setEntry(view: DataView, index: number, offset: number): void {
  view.setUint32(index * 8, (Math.floor(offset / highPart) | copiedFlag) >>> 0);
  view.setUint32(index * 8 + 4, offset % highPart);
}

/** What an L2 entry says. Throws StorageError 'corrupt'. */
export function mapping(view: DataView, index: number, header: Qcow2Header, path: string): Mapping {
  const high = view.getUint32(index * 8);
  const low = view.getUint32(index * 8 + 4);
  if (high & compressedFlag) return compressedMapping(high, low, header.clusterBits);
  const host = (high & upperOffset) * highPart + ((low & lowerOffset) >>> 0);
  if (host % header.clusterBytes !== 0 || !Number.isSafeInteger(host + header.clusterBytes)) {
    throw new StorageError('corrupt', `${path} is damaged: a cluster is said to be at ${host}, where none can be.`);
  }
  if (low & zeroFlag) {
    if (header.version < 3)
      throw new StorageError('corrupt', `${path} is damaged: it has a zero cluster, which version 2 does not know.`);
    return { kind: 'zero', host };
  }
  return host === 0 ? absent : { kind: 'data', host };
}

function compressedMapping(high: number, low: number, clusterBits: number): Mapping {
  const entry = (BigInt(high) << 32n) | BigInt(low);
  const offsetBits = BigInt(62 - (clusterBits - 8));
  const offset = entry & ((1n << offsetBits) - 1n);
  const moreSectors = (entry >> offsetBits) & ((1n << BigInt(clusterBits - 8)) - 1n);
  return { kind: 'compressed', host: Number(offset), bytes: Number((moreSectors + 1n) * 512n - (offset & 511n)) };
}

/** First cluster of a compressed one's bytes, and one past the last. Each of them counts a reference. */
export function compressedClusters(
  place: { readonly host: number; readonly bytes: number },
  clusterBytes: number,
): [number, number] {
  return [Math.floor(place.host / clusterBytes), Math.floor((place.host + place.bytes - 1) / clusterBytes) + 1];
}
