import type { LibraryEntry, MachineStateName } from '../../main/contract/machine.ts';

/** The shapes of states in this version; also the `data-st` that colours them. */
export type Shape = 'running' | 'paused' | 'suspended' | 'alert' | 'off';

const SHAPES: Record<MachineStateName, Shape> = { running: 'running', paused: 'paused', suspended: 'suspended', crashed: 'alert', off: 'off' };
const WORDS: Record<MachineStateName, string> = { running: 'Running', paused: 'Paused', suspended: 'Suspended', crashed: 'Crashed', off: 'Off' };

export function shapeOf(entry: LibraryEntry): Shape {
  return entry.kind === 'machine' ? SHAPES[entry.state] : 'alert';
}

export function wordOf(entry: LibraryEntry): string {
  return entry.kind === 'machine' ? WORDS[entry.state] : 'Unreadable';
}

/** Whether its guest is in memory now: neither off nor kept in a file. */
export function isLive(entry: LibraryEntry): boolean {
  return entry.kind === 'machine' && entry.state !== 'off' && entry.state !== 'suspended';
}

/** A crashed machine and a folder that cannot be opened wait for somebody. */
export function needsAttention(entry: LibraryEntry): boolean {
  return entry.kind === 'unreadable' || entry.state === 'crashed';
}
