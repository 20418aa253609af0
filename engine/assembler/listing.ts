/** The listing: what every source line became. */

export interface ListingLine {
  readonly file: string;
  /** 1-based line of the file the text comes from; in a macro: of its definition. */
  readonly line: number;
  /** The place a diagnostic or a breakpoint means: the invocation, for a line of a macro. */
  readonly sourceFile: string;
  readonly sourceLine: number;
  /** Its bytes are an instruction. */
  readonly code: boolean;
  /** Address with the section's base; undefined for lines that take no place. */
  readonly address: number | undefined;
  /** Offset in the binary; undefined for lines that are not in it. */
  readonly offset: number | undefined;
  /** Bytes of one repetition, at most the first 4,096. */
  readonly bytes: Uint8Array;
  /** Bytes the line takes in all. */
  readonly size: number;
  /** Memory without content (RESB in .bss). */
  readonly blank: boolean;
  readonly text: string;
  /** 0 outside of macros. */
  readonly macroLevel: number;
}

const bytesPerRow = 9;

/** The listing as text: line, address, bytes, macro level, source. */
export function formatListing(lines: readonly ListingLine[]): string {
  const rows: string[] = [];
  for (const line of lines) {
    const number = line.line.toString().padStart(6);
    const level = line.macroLevel > 0 ? `<${line.macroLevel}>` : '';
    const hex = line.blank ? `<res ${line.size.toString(16).toUpperCase()}h>` : hexOf(line);
    const first = hex.slice(0, bytesPerRow * 2);
    const address = line.address === undefined || line.size === 0 ? '' : hexAddress(line.address);
    const more = hex.length > bytesPerRow * 2 && !line.blank;
    rows.push(
      `${number} ${address.padEnd(8)} ${(first + (more ? '-' : '')).padEnd(20)} ${level.padStart(5)} ${line.text}`.trimEnd(),
    );
    if (!more) continue;
    for (let at = bytesPerRow * 2; at < hex.length; at += bytesPerRow * 2) {
      const part = hex.slice(at, at + bytesPerRow * 2);
      rows.push(`${number} ${hexAddress((line.address ?? 0) + at / 2)} ${part}${at + bytesPerRow * 2 < hex.length ? '-' : ''}`);
    }
  }
  return rows.length === 0 ? '' : `${rows.join('\n')}\n`;
}

function hexAddress(address: number): string {
  return address.toString(16).toUpperCase().padStart(8, '0');
}

function hexOf(line: ListingLine): string {
  let text = '';
  for (const byte of line.bytes) text += byte.toString(16).toUpperCase().padStart(2, '0');
  if (line.bytes.length > 0 && line.size > line.bytes.length) {
    text += line.size % line.bytes.length === 0 ? `<rep ${(line.size / line.bytes.length).toString(16).toUpperCase()}h>` : '...';
  }
  return text;
}
