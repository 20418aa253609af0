/** Where each field of a state lies in its row of 32-bit words: as many bits each as it needs, none across two words. */
export class Packing {
  /** Words of a row. */
  readonly width: number;
  /** By field: the word, and where in it. */
  readonly position: Int32Array;
  readonly shift: Int32Array;
  readonly mask: Int32Array;
  /** Fields that are not always 0. */
  readonly active: Int32Array;

  constructor(bits: readonly number[]) {
    this.position = new Int32Array(bits.length);
    this.shift = new Int32Array(bits.length);
    this.mask = Int32Array.from(bits, (each) => 2 ** each - 1);
    const used: number[] = [];
    bits.forEach((each, field) => {
      let at = used.findIndex((already) => already + each <= 32);
      if (at < 0) at = used.push(0) - 1;
      this.position[field] = at;
      this.shift[field] = used[at]!;
      used[at]! += each;
    });
    this.width = used.length;
    this.active = Int32Array.from(bits.flatMap((each, field) => (each === 0 ? [] : [field])));
  }
}

/** Bits that tell so many values apart. */
export function bitsFor(count: number): number {
  return Math.ceil(Math.log2(Math.max(1, count)));
}
