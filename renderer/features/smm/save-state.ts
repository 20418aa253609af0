/** What a person wants to know of a field of a save state, beside its value. */
import type { SmmSaveStateMessage } from '../../../main/contract/smm.ts';

type Field = SmmSaveStateMessage['fields'][number];

const CR0: readonly (readonly [number, string])[] = [[31, 'PG'], [30, 'CD'], [29, 'NW'], [18, 'AM'], [16, 'WP'], [5, 'NE'], [4, 'ET'], [3, 'TS'], [2, 'EM'], [1, 'MP'], [0, 'PE']];
const CR4: readonly (readonly [number, string])[] = [[18, 'OSXSAVE'], [10, 'OSXMMEXCPT'], [9, 'OSFXSR'], [8, 'PCE'], [7, 'PGE'], [6, 'MCE'], [5, 'PAE'], [4, 'PSE'], [3, 'DE'], [2, 'TSD'], [1, 'PVI'], [0, 'VME']];
const EFLAGS: readonly (readonly [number, string])[] = [[21, 'ID'], [18, 'AC'], [17, 'VM'], [16, 'RF'], [14, 'NT'], [11, 'OF'], [10, 'DF'], [9, 'IF'], [8, 'TF'], [7, 'SF'], [6, 'ZF'], [4, 'AF'], [2, 'PF'], [0, 'CF']];
const EFER: readonly (readonly [number, string])[] = [[11, 'NXE'], [10, 'LMA'], [8, 'LME'], [0, 'SCE']];
const BITS: Record<string, readonly (readonly [number, string])[]> = { cr0: CR0, cr4: CR4, eflags: EFLAGS, rflags: EFLAGS, efer: EFER };

export function remark({ name, value }: Pick<Field, 'name' | 'value'>): string {
  const number = BigInt(`0x${value || '0'}`);
  const plain = name.toLowerCase();
  const bits = BITS[plain];
  if (bits !== undefined) return bits.filter(([bit]) => ((number >> BigInt(bit)) & 1n) !== 0n).map(([, word]) => word).join(' ');
  if (plain === 'smbase') return number === 0x30000n ? 'as at reset' : 'moved';
  if (plain.includes('halt')) return (number & 1n) !== 0n ? 'was halted' : 'was not halted';
  return '';
}
