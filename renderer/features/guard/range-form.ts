/** What a person writes to name memory, as the contract takes it. */
import type { GuardRangeMessage } from '../../../main/contract/guard.ts';
import { readHex } from '../../ui/hex.ts';
import { PAGE } from './wording.ts';

export const RANGE_KINDS = {
  physical: 'Physical address',
  linear: 'Linear address',
  table: 'Table of a vCPU',
  symbol: 'Symbol',
  structure: 'Structure or field',
} as const;
export type RangeKind = keyof typeof RANGE_KINDS;

export const TABLES = { idt: 'IDT', gdt: 'GDT', ldt: 'LDT', tss: 'TSS' } as const;

export interface RangeForm {
  kind: RangeKind;
  address: string;
  bytes: string;
  table: keyof typeof TABLES;
  symbol: string;
  expression: string;
  cpu: number;
}

export function emptyForm(): RangeForm {
  return { kind: 'physical', address: '', bytes: '', table: 'idt', symbol: '', expression: '', cpu: 0 };
}

/** "64", "16K" or "1M" in bytes; undefined for anything else. */
export function parseBytes(text: string): number | undefined {
  const [, digits, unit] = /^(\d{1,10})\s*([KM]?)$/i.exec(text.trim()) ?? [];
  if (digits === undefined) return undefined;
  const bytes = Number(digits) * { '': 1, K: 1024, M: 1024 * 1024 }[(unit ?? '').toUpperCase() as '' | 'K' | 'M'];
  return bytes >= 1 && bytes <= 2 ** 32 ? bytes : undefined;
}

/** An address of up to eight hexadecimal digits. */
export function parseAddress(text: string): number | undefined {
  const value = readHex(text);
  return value === undefined || value > 0xffffffffn ? undefined : Number(value);
}

/** The range, or a sentence why there is none. Without a size it is the page of its first byte, of a symbol as far as it reaches. */
export function rangeOf(form: RangeForm): GuardRangeMessage | string {
  const { kind, cpu } = form;
  if (kind === 'table') return { kind, table: form.table, cpu };
  if (kind === 'structure') {
    const expression = form.expression.trim();
    return expression === '' ? 'Name an object or a field of one.' : { kind, expression, cpu };
  }
  const bytes = form.bytes.trim() === '' ? undefined : parseBytes(form.bytes);
  if (form.bytes.trim() !== '' && bytes === undefined) return `“${form.bytes}” is no size; write bytes, or 16K, or 1M.`;
  if (kind === 'symbol') {
    const name = form.symbol.trim();
    return name === '' ? 'Name a symbol.' : { kind, name, cpu, ...(bytes === undefined ? {} : { bytes }) };
  }
  if (form.address.trim() === '') return 'Where does it begin?';
  const address = parseAddress(form.address);
  if (address === undefined) return `“${form.address}” is not an address of up to eight hexadecimal digits.`;
  if (address + (bytes ?? 1) > 2 ** 32) return 'It would reach beyond 4 GiB.';
  return kind === 'linear' ? { kind, address, bytes: bytes ?? 1, cpu } : { kind, address, bytes: bytes ?? 1 };
}

/** How many whole pages such bytes touch; all of them are protected. */
export function pagesTouched(address: number, bytes: number): number {
  return Math.ceil((address + bytes) / PAGE) - Math.floor(address / PAGE);
}
