/** A set of interrupt vectors in shared memory, as IRR, ISR and TMR are: 256 bits in eight words. Any thread may change it. */

export type VectorSet = Int32Array<SharedArrayBuffer>;

/** What `highest` says of an empty set. */
export const noVector = -1;

/** The highest vector of the set, or noVector. */
export function highest(set: VectorSet): number {
  for (let word = 7; word >= 0; word--) {
    const value = Atomics.load(set, word);
    if (value !== 0) return 32 * word + 31 - Math.clz32(value);
  }
  return noVector;
}

export function addVector(set: VectorSet, vector: number): void {
  Atomics.or(set, vector >>> 5, 1 << (vector & 31));
}

export function removeVector(set: VectorSet, vector: number): void {
  Atomics.and(set, vector >>> 5, ~(1 << (vector & 31)));
}

export function hasVector(set: VectorSet, vector: number): boolean {
  return ((Atomics.load(set, vector >>> 5) >>> (vector & 31)) & 1) !== 0;
}

/** The register that shows vectors 32 * `word` and up. */
export function wordOf(set: VectorSet, word: number): number {
  return Atomics.load(set, word) >>> 0;
}
