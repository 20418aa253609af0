/** Figures and facts as people read them. */
import { pairWordOf } from './state.ts';
import type { MachineSummary } from '../../main/contract/machine.ts';

const KIBI = 1024;
const BINARY_UNITS = ['bytes', 'KiB', 'MiB', 'GiB'];

/** For instance "1.4 GiB"; exact where it is whole. */
export function byteCount(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= KIBI && unit < BINARY_UNITS.length - 1) {
    value /= KIBI;
    unit++;
  }
  const text = Number.isInteger(value) ? String(value) : value.toFixed(value < 10 ? 2 : 1);
  return `${text} ${unit === 0 && bytes === 1 ? 'byte' : (BINARY_UNITS[unit] ?? '')}`;
}

/** For instance "12 min 04 s". */
export function duration(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${String(seconds % 60).padStart(2, '0')} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${String(minutes % 60).padStart(2, '0')} min` : `${Math.floor(hours / 24)} days`;
}

/** For instance "3 min ago". */
export function ago(milliseconds: number): string {
  return milliseconds < 60_000 ? 'just now' : `${duration(milliseconds).replace(/ \d+ (s|min)$/, '')} ago`;
}

export function count(number: number, one: string, many = `${one}s`): string {
  return `${number.toLocaleString('en-GB')} ${number === 1 ? one : many}`;
}

const BOOT_WORDS = { assembly: 'assembly', kernel: 'kernel', 'boot-sector': 'boot sector', bios: 'firmware', drives: 'drive' } as const;

/** For instance "lantern.elf, kernel". */
export function startedFrom({ boot }: MachineSummary): string {
  return `${boot.file}, ${BOOT_WORDS[boot.kind]}`;
}

/** What the guest shows, for instance "720 × 400 text, 80 × 25". */
export function displayWords(display: MachineSummary['display']): string {
  if (display === null || display.width === 0) return 'Nothing yet';
  const size = `${display.width} × ${display.height}`;
  return display.text ? `${size} text, ${display.text.columns} × ${display.text.rows}` : size;
}

/** One line under a machine's picture. */
export function caption(machine: MachineSummary, now: number): string {
  const { state, since, lastStarted, reason } = machine;
  if (state === 'running') return since === null ? 'Running' : `Running for ${duration(now - since)}`;
  if (machine.suspended !== null) return `Suspended ${ago(now - machine.suspended.since)}, ${byteCount(machine.suspended.bytes)} kept`;
  if (state === 'off') return lastStarted === null ? 'Off. Has never been started' : `Off. Started ${ago(now - lastStarted)}`;
  if (machine.pair !== null) return `${pairWordOf(machine.pair.state)}. ${reason}`;
  return reason || (state === 'paused' ? 'Paused' : 'Crashed');
}
