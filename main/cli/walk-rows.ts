/** Page walks as lines of text. */
import type { FrameMappingsMessage, PageWalkMessage } from '../contract/page-walk.ts';
import { hexRows } from './hex-rows.ts';

const hex = (value: number | bigint, digits = 8): string => value.toString(16).padStart(digits, '0');

const levels = { pointer: 'PDPT', directory: 'Directory', table: 'Table' };

/** From CR3 to the byte; an entry a line, with the flags that are set. */
export function walkRows(walk: PageWalkMessage): string[] {
  const digits = walk.mode === 'PAE' ? 16 : 8;
  const rows = [
    `linear ${hex(walk.linear)}, ${walk.mode === 'none' ? 'without paging' : `${walk.mode} paging, cr3 ${hex(walk.cr3)}`}`,
  ];
  for (const { level, index, address, value, replacement, flags } of walk.entries) {
    const place = address === null ? 'held by the processor' : `at ${hex(address)}`;
    const set = flags.filter((flag) => flag.set).map(({ name }) => name);
    rows.push(`  ${levels[level]}[${index}] ${place}: ${hex(value, digits)}  ${set.join(' ') || '-'}`);
    if (replacement !== null) rows.push(`    memory has ${hex(replacement, digits)} there by now`);
  }
  rows.push(walk.text);
  if (walk.physical === null) return rows;
  rows.push(`physical ${hex(walk.physical)}`, ...hexRows(walk.physical, walk.bytes));
  if (walk.problem !== null) rows.push(`nothing to read: ${walk.problem}`);
  return rows;
}

/** Who maps a frame. */
export function mappingRows({ mode, cr3, mappings, isCut }: FrameMappingsMessage): string[] {
  const through = mode === 'none' ? 'paging is off' : `${mode} paging, cr3 ${hex(cr3)}`;
  if (mappings.length === 0) return [`No linear address leads there (${through}).`];
  const rows = mappings.map(({ linear, pageSize, writable, user, executable }) => {
    const rights = [writable ? 'writable' : 'read-only', user ? 'user' : 'supervisor', executable ? 'executable' : 'no execute'];
    return `${hex(linear)}  in a page of ${pageSize / 1024} KiB, ${rights.join(', ')}`;
  });
  return isCut ? [...rows, '… and more'] : rows;
}
