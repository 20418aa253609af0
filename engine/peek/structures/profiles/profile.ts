/** A ready description of something that every guest of a kind has: types, and the expressions to look at. */

export interface ProfileView {
  readonly name: string;
  readonly expression: string;
  readonly description: string;
  /** Addresses in it are physical: tables of firmware. */
  readonly physical?: boolean;
  /** Pointers deep. */
  readonly follow?: number;
}

export interface Profile {
  readonly id: string;
  readonly title: string;
  /** In our own text (docs/formats/structures.md). */
  readonly types: string;
  readonly views: readonly ProfileView[];
  /** Says what the bytes of a structure (named as in C) mean, and what is wrong with them. */
  note?(type: string, bytes: Uint8Array): string | undefined;
}

export function word16(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
}

export function word32(bytes: Uint8Array, at: number): number {
  return (word16(bytes, at) | (word16(bytes, at + 2) << 16)) >>> 0;
}

export function word64(bytes: Uint8Array, at: number): bigint {
  return BigInt(word32(bytes, at)) | (BigInt(word32(bytes, at + 4)) << 32n);
}

/** Firmware tables add up to 0 in their lowest byte. */
export function sumIsZero(bytes: Uint8Array): boolean {
  return (bytes.reduce((sum, byte) => sum + byte, 0) & 0xff) === 0;
}
