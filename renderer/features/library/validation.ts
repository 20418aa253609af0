import type { ZodType } from 'zod';
import {
  cpuCount,
  CPU_MAXIMUM,
  diskBytes,
  groupName,
  machineName,
  memoryBytes,
  MEMORY_MAXIMUM,
  MEMORY_UNIT,
  tagNames,
} from '../../../main/contract/machine.ts';
import type { Refusal } from '../../ui/refusal.ts';

const MOST_DISK_MEBIBYTES = 2 * 1024 ** 2;
const MOST_MEBIBYTES = MEMORY_MAXIMUM / MEMORY_UNIT;

function rule(schema: ZodType, value: unknown): string | undefined {
  const result = schema.safeParse(value);
  return result.success ? undefined : (result.error.issues[0]?.message ?? 'This value is refused.');
}

/** The text on one line without control characters, at most `most` characters of it. */
function tidy(text: string, most: number): string {
  return text
    .replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ')
    .trim()
    .slice(0, most)
    .trim();
}

/** Why a machine may not be called that; `proposed` is what it could be called instead of nothing. */
export function nameRefusal(text: string, proposed: string): Refusal | undefined {
  const why = rule(machineName, text);
  if (why === undefined) return undefined;
  const fix = tidy(text, 64) || tidy(proposed, 64);
  return { what: text.trim() === '' ? 'No name is given.' : 'This name is refused.', why, fix: fix === '' ? undefined : fix };
}

/** Why a machine may not have that much memory. `text` is in MiB; `least` in bytes is what its image needs. */
export function memoryRefusal(text: string, least: number, image = 'This image'): Refusal | undefined {
  const mebibytes = Number(text);
  const leastMebibytes = Math.max(1, Math.ceil(least / MEMORY_UNIT));
  const within = (value: number): string => String(Math.min(MOST_MEBIBYTES, Math.max(leastMebibytes, value)));
  if (text.trim() === '' || !Number.isFinite(mebibytes)) {
    return {
      what: text.trim() === '' ? 'No memory is given.' : `“${tidy(text, 20)}” is not a number.`,
      why: 'Memory is given in whole MiB.',
      fix: within(Number.parseInt(text, 10) || 16),
    };
  }
  const why = Number.isInteger(mebibytes) ? rule(memoryBytes, mebibytes * MEMORY_UNIT) : 'Memory is given in whole MiB.';
  if (why !== undefined) return { what: `${text.trim()} MiB is refused.`, why, fix: within(Math.round(mebibytes)) };
  if (mebibytes >= leastMebibytes) return undefined;
  return {
    what: `${mebibytes} MiB is too little.`,
    why: `${image} needs at least ${leastMebibytes} MiB.`,
    fix: String(leastMebibytes),
  };
}

/** Why a machine may not have that many virtual processors. */
export function processorsRefusal(text: string): Refusal | undefined {
  const count = Number(text);
  const fix = String(Math.min(CPU_MAXIMUM, Math.max(1, Math.round(count) || 1)));
  if (text.trim() === '') return { what: 'No number is given.', why: 'A machine needs a processor.', fix };
  if (!Number.isFinite(count)) return { what: `“${tidy(text, 20)}” is not a number.`, why: 'Processors are counted.', fix };
  const why = rule(cpuCount, count);
  return why === undefined ? undefined : { what: `${text.trim()} processors are refused.`, why, fix };
}

/** Why an empty disk may not have that size. `text` is in MiB. */
export function diskRefusal(text: string): Refusal | undefined {
  const mebibytes = Number(text);
  if (text.trim() === '' || !Number.isFinite(mebibytes)) {
    return {
      what: text.trim() === '' ? 'No size is given.' : `“${tidy(text, 20)}” is not a number.`,
      why: 'A disk’s size is given in whole MiB.',
      fix: '1024',
    };
  }
  const why = Number.isInteger(mebibytes) ? rule(diskBytes, mebibytes * MEMORY_UNIT) : 'A disk’s size is given in whole MiB.';
  const fix = String(Math.min(MOST_DISK_MEBIBYTES, Math.max(1, Math.round(mebibytes))));
  return why === undefined ? undefined : { what: `${text.trim()} MiB is refused.`, why, fix };
}

/** Why a machine may not stand in that group; the empty text is no group. */
export function groupRefusal(text: string): Refusal | undefined {
  const why = text.trim() === '' ? undefined : rule(groupName, text);
  return why === undefined ? undefined : { what: 'This group is refused.', why, fix: tidy(text, 40) };
}

/** The tags of a text that separates them by commas. */
export function splitTags(text: string): string[] {
  return text
    .split(',')
    .map((tag) => tag.trim())
    .filter((tag) => tag !== '');
}

export function tagsRefusal(text: string): Refusal | undefined {
  const tags = splitTags(text);
  const why = rule(tagNames, tags);
  if (why === undefined) return undefined;
  const kept = tags
    .map((tag) => tidy(tag, 32))
    .filter((tag, at, all) => all.findIndex((other) => other.toLowerCase() === tag.toLowerCase()) === at);
  return { what: 'These tags are refused.', why, fix: kept.slice(0, 16).join(', ') };
}
