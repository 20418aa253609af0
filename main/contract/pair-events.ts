import type { PairEventMessage } from './pairs.ts';

/** What people are told of as the pair's last failover: one that was asked for, or a side that took over by itself. */
export function lastFailover<Event extends Pick<PairEventMessage, 'kind' | 'took'>>(events: readonly Event[]): Event | undefined {
  return events.findLast(({ kind, took }) => kind === 'failover' || (kind === 'unprotected' && took !== undefined));
}
