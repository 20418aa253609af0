/** Descriptor tables as rows. */
import type { DescriptorEntryMessage } from '../../../main/contract/descriptors.ts';
import { hexNumber } from '../../ui/hex.ts';

export type TableRow =
  | { kind: 'entry'; entry: DescriptorEntryMessage }
  /** Entries without anything in them, one behind the other. */
  | { kind: 'empty'; first: number; last: number; problem: string };

/** From so many empty ones on they are told in one row. */
const FEW = 3;

export function foldEntries(entries: readonly DescriptorEntryMessage[]): TableRow[] {
  const rows: TableRow[] = [];
  for (let at = 0; at < entries.length;) {
    let end = at;
    while (isEmpty(entries[end])) end++;
    const first = entries[at];
    if (first === undefined) break;
    if (end - at >= FEW) {
      rows.push({ kind: 'empty', first: at, last: end - 1, problem: first.descriptor.problem ?? '' });
      at = end;
    } else {
      rows.push({ kind: 'entry', entry: first });
      at++;
    }
  }
  return rows;
}

function isEmpty(entry: DescriptorEntryMessage | undefined): boolean {
  return entry !== undefined && entry.value === 0n && entry.descriptor.problem !== null && entry.registers.length === 0;
}

/** The selector with RPL 0 that names an entry. */
export function selectorOf(index: number, table: string): string {
  return hexNumber(index * 8 + (table === 'ldt' ? 4 : 0), 4);
}

/** "0008:00101234". */
export function targetWords({ selector, offset }: { selector: number; offset: number | null }): string {
  return offset === null ? hexNumber(selector, 4) : `${hexNumber(selector, 4)}:${hexNumber(offset)}`;
}
