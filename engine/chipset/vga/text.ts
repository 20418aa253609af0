/** The screen of a text mode as characters. Looks only; nothing of the guest changes. */
import { toUnicode } from './code-page-437.ts';
import { displayMode, planeAddressOf } from './geometry.ts';
import { Crtc, planeAddresses } from './registers.ts';
import type { VgaRegisters } from './registers.ts';

export interface TextScreen {
  columns: number;
  rows: number;
  /** One string of `columns` characters a row, code page 437 as Unicode; NUL and 255 are shown as spaces. */
  lines: string[];
  /** Attribute bytes, row by row. */
  attributes: Uint8Array;
  /** Undefined when switched off or not on the screen. Scan lines within the character cell. */
  cursor: { column: number; row: number; startLine: number; endLine: number } | undefined;
}

/** Size of the text screen in cells, or undefined when the VGA shows graphics or nothing. */
export function textSize(registers: VgaRegisters): { columns: number; rows: number } | undefined {
  const mode = displayMode(registers);
  if (mode.kind !== 'text') return undefined;
  return { columns: mode.columns, rows: Math.max(1, Math.floor(mode.lines / (mode.rowScans * mode.repeat))) };
}

/** The characters on the screen, or undefined when the VGA shows graphics or nothing. */
export function textScreen(registers: VgaRegisters, vram: Uint8Array): TextScreen | undefined {
  const mode = displayMode(registers);
  const size = textSize(registers);
  if (mode.kind !== 'text' || size === undefined) return undefined;
  const { columns, rows } = size;
  const attributes = new Uint8Array(columns * rows);
  const lines: string[] = [];
  const { crtc } = registers;
  const cursorAt = ((crtc[Crtc.cursorLocationHigh] ?? 0) << 8) | (crtc[Crtc.cursorLocationLow] ?? 0);
  const cursorStart = crtc[Crtc.cursorStart] ?? 0;
  const startLine = cursorStart & 0x1f;
  const endLine = (crtc[Crtc.cursorEnd] ?? 0) & 0x1f;
  const cursorShown = (cursorStart & 0x20) === 0 && startLine <= endLine && startLine < mode.rowScans;
  let cursor: TextScreen['cursor'];
  const rowHeight = mode.rowScans * mode.repeat;
  for (let row = 0; row < rows; row++) {
    // A row that begins below the split comes from address 0 on.
    const below = row * rowHeight > mode.split ? Math.floor((row * rowHeight - mode.split - 1) / rowHeight) : -1;
    const base = below >= 0 ? below * mode.pitch : mode.start + row * mode.pitch;
    let line = '';
    for (let column = 0; column < columns; column++) {
      const counter = (base + column) & (planeAddresses - 1);
      const at = 4 * planeAddressOf(crtc, counter, 0);
      line += toUnicode(vram[at] ?? 0);
      attributes[row * columns + column] = vram[at + 1] ?? 0;
      if (counter === cursorAt && cursorShown) cursor = { column, row, startLine, endLine };
    }
    lines.push(line);
  }
  return { columns, rows, lines, attributes, cursor };
}
