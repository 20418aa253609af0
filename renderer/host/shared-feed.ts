/** Streams that several panels of one machine read together: opened by the first of them, closed with the last. */
import { effectScope, onScopeDispose, type EffectScope } from 'vue';
import type { HostClient } from '../../main/contract/contract.ts';
import { useHost } from './client.ts';

/** `open` runs in a scope of its own, which ends with the last component that uses the feed; what is open then is for `onScopeDispose`. */
export function sharedFeed<Feed>(open: (host: HostClient, id: string) => Feed): (id: string) => Feed {
  const feeds = new Map<string, { feed: Feed; scope: EffectScope; users: number }>();
  return (id) => {
    const host = useHost();
    let shared = feeds.get(id);
    if (shared === undefined) {
      const scope = effectScope(true);
      const opened = scope.run(() => ({ feed: open(host, id) }));
      if (opened === undefined) throw new Error('The scope of a new feed is not active.');
      shared = { feed: opened.feed, scope, users: 0 };
      feeds.set(id, shared);
    }
    const mine = shared;
    mine.users++;
    onScopeDispose(() => {
      if (--mine.users > 0) return;
      mine.scope.stop();
      feeds.delete(id);
    });
    return mine.feed;
  };
}
