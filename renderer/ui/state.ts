import type { LibraryEntry, PairStateName, RunStateName } from '../../main/contract/machine.ts';

/** The shapes of states in this version; also the `data-st` that colours them. */
export type Shape = 'running' | 'paused' | 'suspended' | 'alert' | 'off' | 'protected' | 'unprotected';

const SHAPES: Record<RunStateName, Shape> = { running: 'running', paused: 'paused', suspended: 'suspended', crashed: 'alert', off: 'off' };
const WORDS: Record<RunStateName, string> = { running: 'Running', paused: 'Paused', suspended: 'Suspended', crashed: 'Crashed', off: 'Off' };
const PAIR_SHAPES: Record<PairStateName, Shape> = { preparing: 'unprotected', protected: 'protected', degraded: 'protected', unprotected: 'unprotected', lost: 'alert' };
const PAIR_WORDS: Record<PairStateName, string> = { preparing: 'Preparing', protected: 'Protected', degraded: 'Degraded', unprotected: 'Unprotected', lost: 'Lost' };

export function pairShapeOf(state: PairStateName): Shape {
  return PAIR_SHAPES[state];
}

export function pairWordOf(state: PairStateName): string {
  return PAIR_WORDS[state];
}

export function shapeOf(entry: LibraryEntry): Shape {
  if (entry.kind === 'unreadable') return 'alert';
  return entry.state === 'paired' ? PAIR_SHAPES[entry.pair?.state ?? 'lost'] : SHAPES[entry.state];
}

export function wordOf(entry: LibraryEntry): string {
  if (entry.kind === 'unreadable') return 'Unreadable';
  return entry.state === 'paired' ? PAIR_WORDS[entry.pair?.state ?? 'lost'] : WORDS[entry.state];
}

/** Whether its guest is in this host's memory now: neither off nor kept in a file, and not in the processes of a pair. */
export function isLive(entry: LibraryEntry): boolean {
  return entry.kind === 'machine' && !['off', 'suspended', 'paired'].includes(entry.state);
}

/** Whether its guest runs, stands still or has crashed somewhere: its files are in use. */
export function isOn(entry: LibraryEntry): boolean {
  return isLive(entry) || (entry.kind === 'machine' && entry.state === 'paired');
}

/** A crashed machine, a pair of which a side is gone, and a folder that cannot be opened wait for somebody. */
export function needsAttention(entry: LibraryEntry): boolean {
  return entry.kind === 'unreadable' || entry.state === 'crashed' || entry.pair?.state === 'unprotected' || entry.pair?.state === 'lost';
}
