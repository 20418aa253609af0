/** A listing's rows, and the arrows of its jumps. */
import type { DisassembledLineMessage } from '../../../main/contract/debug.ts';

export type ListingRow =
  | { kind: 'label'; key: string; names: string[] }
  | { kind: 'line'; key: string; line: DisassembledLineMessage; source: string | undefined };

/** Labels stand on lines of their own, above what they name. */
export function rowsOf(lines: readonly DisassembledLineMessage[]): ListingRow[] {
  const rows: ListingRow[] = [];
  let last: string | undefined;
  for (const line of lines) {
    if (line.labels.length > 0) rows.push({ kind: 'label', key: `label ${line.address}`, names: line.labels });
    const source = line.source === null ? undefined : `${line.source.file.replace(/^.*[\\/]/, '')}:${line.source.line}`;
    rows.push({ kind: 'line', key: `line ${line.address}`, line, source: source === last ? undefined : source });
    last = source;
  }
  return rows;
}

export interface Token {
  text: string;
  /** The class of the theme: operation, flow, number, symbol; undefined for the rest. */
  kind: 'op' | 'fl' | 'im' | 'sy' | undefined;
}

const FLOW = /^(?:j\w+|call|ret\w*|iret\w*|int\w*|loop\w*|sysenter|sysexit|syscall|sysret|hlt|rsm)$/;
const PREFIX = /^(?:lock|rep|repe|repne|repz|repnz|bnd) /;

/** An instruction's text in parts to be coloured. `symbol` stands in the place of a direct jump's address. */
export function tokensOf({ text, target }: DisassembledLineMessage): { mnemonic: Token; operands: Token[] } {
  const prefix = PREFIX.exec(text)?.[0] ?? '';
  const [word = ''] = text.slice(prefix.length).split(' ');
  const mnemonic: Token = { text: prefix + word, kind: FLOW.test(word) ? 'fl' : 'op' };
  let rest = text.slice(prefix.length + word.length).trimStart();
  if (target !== null && target.symbol !== null) rest = rest.replace(/0x[0-9a-f]+/, `\u0000${target.symbol}\u0000`);
  const operands: Token[] = [];
  for (const [index, part] of rest.split('\u0000').entries()) {
    if (index % 2 === 1) operands.push({ text: part, kind: 'sy' });
    else {
      for (const piece of part.split(/(?<![\w.])(-?0x[0-9a-f]+|\d+)(?!\w)/)) {
        if (piece !== '') operands.push({ text: piece, kind: /^-?(?:0x[0-9a-f]+|\d+)$/.test(piece) ? 'im' : undefined });
      }
    }
  }
  return { mnemonic, operands };
}

export interface JumpArrow {
  /** Row indices. */
  from: number;
  to: number;
  /** 0 is nearest to the text. */
  lane: number;
}

/** Arrows of direct jumps within the rows (calls have none): shorter ones nearer to the text. Those that find no lane are left out. */
export function jumpArrows(rows: readonly ListingRow[], lanes: number): JumpArrow[] {
  const places = new Map<number, number>();
  rows.forEach((row, index) => row.kind === 'line' && places.set(row.line.address, index));
  const spans: { from: number; to: number }[] = [];
  rows.forEach((row, from) => {
    if (row.kind !== 'line' || row.line.target === null || !/^(?:j|loop)/.test(row.line.text)) return;
    const to = places.get(row.line.target.address);
    if (to !== undefined && to !== from) spans.push({ from, to });
  });
  spans.sort((a, b) => Math.abs(a.to - a.from) - Math.abs(b.to - b.from));
  const taken: { low: number; high: number }[][] = Array.from({ length: lanes }, () => []);
  const arrows: JumpArrow[] = [];
  for (const { from, to } of spans) {
    const [low, high] = [Math.min(from, to), Math.max(from, to)];
    const lane = taken.findIndex((spans) => spans.every((span) => span.high < low || span.low > high));
    if (lane < 0) continue;
    taken[lane]?.push({ low, high });
    arrows.push({ from, to, lane });
  }
  return arrows;
}
