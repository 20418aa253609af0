/** A stream's last bytes as rows, each of which keeps its place in the stream while others come and go. */
import { textByte } from '../../ui/hex.ts';

export interface StreamRow {
  /** Of its first byte, in the whole stream. */
  offset: number;
  bytes: Uint8Array;
}

/** Sixteen bytes a row; the first is shorter where the stream is not kept from a multiple of it. */
export function hexRows(offset: number, bytes: Uint8Array): StreamRow[] {
  const rows: StreamRow[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 16 - ((offset + at) % 16);
    rows.push({ offset: offset + at, bytes: bytes.subarray(at, end) });
    at = end;
  }
  return rows;
}

/** A line a row, up to and with its line feed; one that is longer than `width` goes on in the next row. */
export function textRows(offset: number, bytes: Uint8Array, width: number): StreamRow[] {
  const rows: StreamRow[] = [];
  for (let at = 0; at < bytes.length; ) {
    const feed = bytes.subarray(at, at + width).indexOf(0x0a);
    const end = feed < 0 ? Math.min(bytes.length, at + width) : at + feed + 1;
    rows.push({ offset: offset + at, bytes: bytes.subarray(at, end) });
    at = end;
  }
  return rows;
}

/** Without the end of the line; a dot for what has no ASCII sign. */
export function rowText({ bytes }: StreamRow): string {
  const end = bytes.at(-1) === 0x0a ? (bytes.at(-2) === 0x0d ? -2 : -1) : undefined;
  return Array.from(bytes.subarray(0, end), textByte).join('');
}
