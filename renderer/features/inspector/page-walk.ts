/** The page walk in words. */
import type { FrameMappingsMessage, PageWalkMessage } from '../../../main/contract/page-walk.ts';
import { hexNumber } from '../../ui/hex.ts';
import { byteCount } from '../../ui/wording.ts';

export const LEVELS = { pointer: 'PDPT', directory: 'Directory', table: 'Table' } as const;

/** The linear address as the processor cuts it up: an index for each table, and what is left. `isEnd`: where the walk came to its end. */
export function cutAddress({
  linear,
  mode,
  entries,
  pageSize,
}: PageWalkMessage): { name: string; value: string; isEnd: boolean }[] {
  const tableBits = mode === 'PAE' ? 9 : 10;
  const index = (shift: number, bits: number): number => (linear >>> shift) & (2 ** bits - 1);
  const isLarge = pageSize > 4096;
  const parts = [
    ...(mode === 'PAE' ? [{ level: 'pointer', name: 'PDPT', value: index(30, 2) }] : []),
    { level: 'directory', name: 'directory', value: index(12 + tableBits, tableBits) },
    ...(isLarge ? [] : [{ level: 'table', name: 'table', value: index(12, tableBits) }]),
  ];
  const last = entries.at(-1)?.level;
  return [
    ...parts.map(({ level, name, value }) => ({ name, value: String(value), isEnd: level === last })),
    { name: 'offset', value: hexNumber(linear % pageSize, 3), isEnd: false },
  ];
}

/** "page of 4 KiB, writable, supervisor, executable". */
export function mappingWords({ pageSize, writable, user, executable }: FrameMappingsMessage['mappings'][number]): string {
  const rights = [writable ? 'writable' : 'read-only', user ? 'user' : 'supervisor', ...(executable ? [] : ['no execute'])];
  return `page of ${byteCount(pageSize)}, ${rights.join(', ')}`;
}
