/** Bytes of one stream, and how many before them a slow reader has missed. */
export interface StreamedBytes {
  bytes: Uint8Array;
  lost: number;
}

/** Neighbours as one; of more than `most` bytes the older ones are dropped and counted. */
export function joinBytes(last: StreamedBytes, next: StreamedBytes, most: number): StreamedBytes {
  const joined = new Uint8Array(last.bytes.length + next.bytes.length);
  joined.set(last.bytes);
  joined.set(next.bytes, last.bytes.length);
  const dropped = Math.max(0, joined.length - most);
  return { bytes: joined.subarray(dropped), lost: last.lost + next.lost + dropped };
}
