/**
 * How blocks of older versions become blocks of today. A layout whose `version` was raised needs one entry here for the version
 * before; a saved state goes through as many as it takes. Entries stay for ever: a suspended machine may be years old.
 *
 * A step gets the bytes of one block as version `n` had them and returns those of version `n + 1`.
 */
import type { PlacedField } from '../layout/block.ts';

export type Step = (older: Uint8Array) => Uint8Array;

/** By layout name (without instance), then by the version that a step starts from. */
export type Migrations = Readonly<Record<string, Readonly<Record<number, Step>>>>;

/** For a version that only added fields behind the last one: they begin as zero. `bytes` is the size of the newer block. */
export function grownTo(bytes: number): Step {
  return (older) => {
    const newer = new Uint8Array(bytes);
    newer.set(older.subarray(0, bytes));
    return newer;
  };
}

/** For a version that moved fields: those that both have are copied, all others begin as zero. */
export function moved(before: Readonly<Record<string, Pick<PlacedField, 'offset' | 'size'>>>, after: Readonly<Record<string, Pick<PlacedField, 'offset' | 'size'>>>, bytes: number): Step {
  return (older) => {
    const newer = new Uint8Array(bytes);
    for (const [name, { offset, size }] of Object.entries(before)) {
      const target = after[name];
      if (target !== undefined) newer.set(older.subarray(offset, offset + Math.min(size, target.size)), target.offset);
    }
    return newer;
  };
}

/** The migrations of this build. */
export const migrations: Migrations = {
  // A pen.
  display: { 1: grownTo(4480) },
};
