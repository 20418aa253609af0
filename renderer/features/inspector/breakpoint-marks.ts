/** Breakpoints as the margin of a listing and the list of breakpoints show them. */
import type { BreakpointMessage, WatchedMessage } from '../../../main/contract/debug.ts';
import { hexNumber } from '../../ui/hex.ts';
import { count } from '../../ui/wording.ts';

/** Those that stop before the instruction at a linear address. */
export function breakpointsAt(breakpoints: readonly BreakpointMessage[], address: number): BreakpointMessage[] {
  return breakpoints.filter(
    ({ watched }) => watched.kind === 'execute' && watched.space === 'linear' && watched.address === address,
  );
}

/** The shape of the mark: a dot, hollow while it is off, a diamond when it only logs. */
export function markOf({ enabled, log }: Pick<BreakpointMessage, 'enabled' | 'log'>): { off: boolean; log: boolean } {
  return { off: !enabled, log: log !== null };
}

/** For instance "Breakpoint 2: if eax == 6, vCPU 1 only, 66 hits". */
export function breakpointWords(breakpoint: BreakpointMessage): string {
  return `Breakpoint ${breakpoint.id}: ${[whenWords(breakpoint), count(breakpoint.hits, 'hit')].filter((part) => part !== '').join(', ')}`;
}

const ACCESS = { read: 'read', write: 'write', access: 'read or write' } as const;

export function kindWord(watched: WatchedMessage): string {
  switch (watched.kind) {
    case 'execute':
      return 'Execute';
    case 'data':
      return { read: 'Read', write: 'Write', access: 'Access' }[watched.access];
    case 'port':
      return 'Port';
    case 'msr':
      return 'MSR';
    case 'control':
      return 'Control';
    case 'interrupt':
      return 'Interrupt';
    case 'exception':
      return 'Exception';
    case 'mode':
      return 'Mode';
    case 'smm':
      return 'SMM';
  }
}

/** What is watched, without its kind; a place by its name if it has one. */
export function whereWords({ watched, symbol }: Pick<BreakpointMessage, 'watched' | 'symbol'>): string {
  switch (watched.kind) {
    case 'execute':
      return symbol ?? `${hexNumber(watched.address)}${watched.space === 'physical' ? ' physical' : ''}`;
    case 'data':
      return `${symbol ?? hexNumber(watched.address)}${watched.space === 'physical' ? ' physical' : ''}, ${count(watched.length, 'byte')}`;
    case 'port': {
      const last = watched.last === watched.first ? '' : `-${watched.last.toString(16)}`;
      return `${watched.first.toString(16)}${last}, ${ACCESS[watched.access]}`;
    }
    case 'msr':
      return `${watched.msr === null ? 'any' : watched.msr.toString(16)}, ${ACCESS[watched.access]}`;
    case 'control':
      return `cr${watched.register}, ${ACCESS[watched.access]}`;
    case 'interrupt':
    case 'exception':
      return watched.vector === null ? 'any vector' : `vector ${watched.vector.toString(16)}`;
    case 'mode':
      return 'any change';
    case 'smm':
      return watched.edge === 'both' ? 'entry and exit' : watched.edge === 'enter' ? 'entry' : 'exit';
  }
}

/** When it counts as a hit, and what a hit does. */
export function whenWords({ condition, cpu, ignore, log, enabled, owner, temporary }: BreakpointMessage): string {
  return [
    enabled ? '' : 'off',
    condition === null ? '' : `if ${condition}`,
    cpu === null ? '' : `vCPU ${cpu} only`,
    ignore === 0 ? '' : `after ${ignore.toLocaleString('en-GB')}`,
    log === null ? '' : 'log only',
    temporary ? 'once' : '',
    owner === 'gdb' ? 'of gdb' : '',
  ]
    .filter((part) => part !== '')
    .join(', ');
}
