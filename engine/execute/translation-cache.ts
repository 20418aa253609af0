/**
 * Shapes of the two caches generated code looks into: the TLB (filled by cpu/, decision 0002) and the jump cache (filled by
 * the block cache). Both lie in the vCPU's droppable region.
 */

/** One TLB half. A tag is the linear address of the page, or -1. */
export const tlb = {
  entries: 1024,
  entryBytes: 32,
  readTag: 0,
  writeTag: 8,
  /** Memory address minus linear address, mod 2^32. */
  addend: 16,
  physicalPage: 20,
  /** Translation bits (cpu/paging.ts). */
  flags: 24,
  /** What linear page the entry translates, whatever the fast tags say; see cpu/tlb.ts. */
  slowTag: 28,
} as const;
/**
 * Number of the entry for a linear address. Pages whose numbers differ by a multiple of 1,024 (code, stack and heap at round
 * addresses) must not share one, so the number's upper bits are folded in. Generated code computes the same.
 */
export function tlbSlot(linear: number): number {
  return ((linear >>> 12) ^ (linear >>> 22)) & (tlb.entries - 1);
}

export const tlbHalfBytes = tlb.entries * tlb.entryBytes;

/** Jump cache: (eip, code context) → record. */
export const jumpCache = {
  entries: 2048,
  entryBytes: 32,
  /** u64: eip, or all ones. */
  tag: 0,
  context: 8,
  record: 12,
  pageEip: 16,
} as const;
export const jumpCacheBytes = jumpCache.entries * jumpCache.entryBytes;

/** Byte offset of the entry for an eip. */
export function jumpCacheOffset(eip: number): number {
  return ((eip ^ (eip >>> 11)) & (jumpCache.entries - 1)) * jumpCache.entryBytes;
}
