import type { LibraryEntry } from '../../../main/contract/machine.ts';
import { nameOf } from '../../stores/library.ts';
import { needsAttention } from '../../ui/state.ts';

type Fixed = 'all' | 'running' | 'paused' | 'suspended' | 'paired' | 'attention' | 'samples' | 'own';
/** What the left rail offers: states, what ships with us or not, the person's groups and tags. */
export type Filter = Fixed | `group:${string}` | `tag:${string}`;

const PREDICATES: Record<Fixed, (entry: LibraryEntry) => boolean> = {
  all: () => true,
  running: (entry) => entry.kind === 'machine' && entry.state === 'running',
  paused: (entry) => entry.kind === 'machine' && entry.state === 'paused',
  suspended: (entry) => entry.kind === 'machine' && entry.state === 'suspended',
  paired: (entry) => entry.kind === 'machine' && entry.state === 'paired',
  attention: needsAttention,
  samples: (entry) => entry.kind === 'machine' && entry.sample !== null,
  own: (entry) => entry.kind === 'machine' && entry.sample === null,
};

function isFixed(filter: Filter): filter is Fixed {
  return Object.hasOwn(PREDICATES, filter);
}

export function passes(entry: LibraryEntry, filter: Filter): boolean {
  if (isFixed(filter)) return PREDICATES[filter](entry);
  if (entry.kind !== 'machine') return false;
  return filter.startsWith('group:') ? entry.group === filter.slice(6) : entry.tags.includes(filter.slice(4));
}

function sorted(names: Iterable<string>): string[] {
  return [...new Set(names)].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
}

/** Every group that a machine stands in. */
export function groupsOf(entries: readonly LibraryEntry[]): string[] {
  return sorted(entries.flatMap((entry) => (entry.kind === 'machine' && entry.group !== null ? [entry.group] : [])));
}

/** Every tag that a machine has. */
export function tagsOf(entries: readonly LibraryEntry[]): string[] {
  return sorted(entries.flatMap((entry) => (entry.kind === 'machine' ? entry.tags : [])));
}

/** Whether every word of the query is in the entry's name, note, group, tags, or the name of what it starts from. */
export function matches(entry: LibraryEntry, query: string): boolean {
  const words = entry.kind === 'machine' ? [entry.note, entry.boot.file, entry.group ?? '', ...entry.tags] : [entry.problem];
  const text = [nameOf(entry), ...words].join('\n').toLowerCase();
  return query
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}
