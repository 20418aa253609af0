import { diskBytes, MEMORY_MAXIMUM, MEMORY_MINIMUM, MEMORY_UNIT } from '../contract/machine.ts';
import { HostError } from './errors.ts';

const UNITS: Record<string, number> = { '': MEMORY_UNIT, k: 1024, m: MEMORY_UNIT, g: 1024 * MEMORY_UNIT };

/**
 * Memory as people write it: `128M`, `1G`, `65536K`, `128MiB`; a bare number is MiB, as elsewhere in this trade. Returns bytes.
 * Throws BAD_INPUT with the rule that was broken.
 */
export function parseMemory(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kmg]?)(?:i?b)?$/i.exec(text.trim());
  const unit = UNITS[match?.[2]?.toLowerCase() ?? ''];
  if (!match || unit === undefined) {
    throw new HostError('BAD_INPUT', `"${text}" is not an amount of memory; write for instance 128M or 1G.`);
  }
  const bytes = Number(match[1]) * unit;
  if (bytes < MEMORY_MINIMUM || bytes > MEMORY_MAXIMUM) {
    throw new HostError('BAD_INPUT', `${text} of memory is not possible: a machine has from 1 MiB to 3072 MiB.`);
  }
  if (bytes % MEMORY_UNIT !== 0) throw new HostError('BAD_INPUT', `${text} of memory is not possible: it must be whole MiB.`);
  return bytes;
}

/** The size of a disk as people write it: `512M`, `4G`, `1T`; a bare number is MiB. Returns bytes; BAD_INPUT with the rule that was broken. */
export function parseDiskSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([mgt]?)(?:i?b)?$/i.exec(text.trim());
  const power = ['', 'g', 't'].indexOf((match?.[2] ?? '').toLowerCase().replace('m', ''));
  if (!match || power < 0) throw new HostError('BAD_INPUT', `"${text}" is not the size of a disk; write for instance 512M or 4G.`);
  const checked = diskBytes.safeParse(Number(match[1]) * MEMORY_UNIT * 1024 ** power);
  if (checked.success) return checked.data;
  throw new HostError('BAD_INPUT', `${text}: ${checked.error.issues[0]?.message ?? 'a disk cannot have this size.'}`);
}

/** Bytes for people: "12 MiB", "1.5 KiB", "17 bytes". */
export function formatSize(bytes: number): string {
  if (bytes === 1) return '1 byte';
  if (bytes < 1024) return `${bytes} bytes`;
  const [value, unit] = bytes < MEMORY_UNIT ? [bytes / 1024, 'KiB'] : [bytes / MEMORY_UNIT, 'MiB'];
  return `${Number.isInteger(value) ? value : value.toFixed(1)} ${unit}`;
}
