/** The state of a chip as lines of text. */
import type { ChipFactsMessage, ChipTableMessage } from '../contract/chips.ts';

export function chipRows({ id, title, place, facts, tables }: ChipFactsMessage): string[] {
  const width = Math.max(0, ...facts.map(({ name }) => name.length));
  const rows = facts.map(({ name, value, note, flags }) => {
    const set = flags.filter((flag) => flag.set).map((flag) => flag.name);
    const said = [note ?? '', set.join(' ')].filter((part) => part !== '');
    return `  ${name.padEnd(width)}  ${value}${said.length === 0 ? '' : `  ${said.join(', ')}`}`;
  });
  return [`${id}: ${title} (${place})`, ...rows, ...tables.flatMap(tableRows)];
}

function tableRows({ title, columns, rows }: ChipTableMessage): string[] {
  const widths = columns.map((column, index) => Math.max(column.length, ...rows.map((row) => row[index]?.length ?? 0)));
  const padded = (cells: readonly string[]): string =>
    `    ${cells.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join('  ')}`.trimEnd();
  return [`  ${title}`, padded(columns), ...rows.map(padded)];
}
