/** Sizes of diskettes. */

export interface Diskette {
  cylinders: number;
  heads: number;
  sectors: number;
  /** CMOS type of the smallest drive that takes it (IBM AT: 1 360K, 2 1.2M, 3 720K, 4 1.44M, 5 2.88M). */
  driveType: number;
}

const known: readonly Diskette[] = [
  { cylinders: 40, heads: 1, sectors: 8, driveType: 1 }, // 160K
  { cylinders: 40, heads: 1, sectors: 9, driveType: 1 }, // 180K
  { cylinders: 40, heads: 2, sectors: 8, driveType: 1 }, // 320K
  { cylinders: 40, heads: 2, sectors: 9, driveType: 1 }, // 360K
  { cylinders: 80, heads: 2, sectors: 9, driveType: 3 }, // 720K
  { cylinders: 80, heads: 2, sectors: 15, driveType: 2 }, // 1.2M
  { cylinders: 80, heads: 2, sectors: 18, driveType: 4 }, // 1.44M
  { cylinders: 80, heads: 2, sectors: 21, driveType: 4 }, // 1.68M (DMF)
  { cylinders: 80, heads: 2, sectors: 36, driveType: 5 }, // 2.88M
];

/** The diskette of an image: the smallest one that holds it, so that an image cut short at its end is still read. Undefined: none is as large. */
export function disketteOf(bytes: number): Diskette | undefined {
  return known.find(({ cylinders, heads, sectors }) => cylinders * heads * sectors * 512 >= bytes);
}
