import type { LibraryEntry } from '../../../main/contract/machine.ts';
import { nameOf } from '../../stores/library.ts';
import { needsAttention } from '../../ui/state.ts';

/** What the left rail offers. */
export const FILTERS = ['all', 'running', 'paused', 'attention', 'samples', 'own'] as const;
export type Filter = (typeof FILTERS)[number];

const PREDICATES: Record<Filter, (entry: LibraryEntry) => boolean> = {
  all: () => true,
  running: (entry) => entry.kind === 'machine' && entry.state === 'running',
  paused: (entry) => entry.kind === 'machine' && entry.state === 'paused',
  attention: needsAttention,
  samples: (entry) => entry.kind === 'machine' && entry.sample !== null,
  own: (entry) => entry.kind === 'machine' && entry.sample === null,
};

export function passes(entry: LibraryEntry, filter: Filter): boolean {
  return PREDICATES[filter](entry);
}

/** Whether every word of the query is in the entry's name, note, or the name of what it starts from. */
export function matches(entry: LibraryEntry, query: string): boolean {
  const text = [nameOf(entry), ...(entry.kind === 'machine' ? [entry.note, entry.boot.file] : [entry.problem])].join('\n').toLowerCase();
  return query
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}
