const bytesPerRow = 16;

/** Bytes in rows with their text; the first column is the address. */
export function hexRows(address: number, bytes: Uint8Array): string[] {
  const rows: string[] = [];
  for (let at = 0; at < bytes.length; at += bytesPerRow) {
    const row = [...bytes.subarray(at, at + bytesPerRow)];
    const hex = row.map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const text = row.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('');
    rows.push(`${(address + at).toString(16).padStart(8, '0')}  ${hex.padEnd(3 * bytesPerRow - 1)}  ${text}`);
  }
  return rows;
}
