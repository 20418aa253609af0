/** What the panels of a pair share of one machine: how it fares, and what the host knows of its past. */
import { onScopeDispose, ref, shallowRef, type Ref, type ShallowRef } from 'vue';
import type { HostClient } from '../../../main/contract/contract.ts';
import type { PairEventMessage, PairMessage, PairSampleMessage, PairStatusMessage } from '../../../main/contract/pairs.ts';
import { sentence } from '../../host/failure.ts';
import { sharedFeed } from '../../host/shared-feed.ts';

export interface PairFeed {
  /** Undefined while the machine is in no pair, or nothing was heard yet. */
  status: ShallowRef<PairStatusMessage | undefined>;
  heard: Ref<boolean>;
  /** Oldest first; replaced with each look. */
  samples: ShallowRef<readonly PairSampleMessage[]>;
  events: ShallowRef<readonly PairEventMessage[]>;
  /** The event that a person has chosen; undefined: none. */
  chosen: ShallowRef<PairEventMessage | undefined>;
  /** Why nothing comes any more. */
  ended: Ref<string>;
  /** What somebody is doing to the pair from here, and why the last such thing was refused. */
  doing: Ref<PairDeed | undefined>;
  refusal: Ref<string>;
  do(deed: PairDeed, work: () => Promise<unknown>): Promise<boolean>;
}

export type PairDeed = 'create' | 'failover' | 'resync' | 'reprotect' | 'break' | 'inject';

const KEPT_SAMPLES = 2400;
const KEPT_EVENTS = 1000;

function open(host: HostClient, id: string): PairFeed {
  const feed: PairFeed = {
    status: shallowRef<PairStatusMessage>(),
    heard: ref(false),
    samples: shallowRef([]),
    events: shallowRef([]),
    chosen: shallowRef(),
    ended: ref(''),
    doing: ref(),
    refusal: ref(''),
    async do(deed, work) {
      if (feed.doing.value !== undefined) return false;
      feed.doing.value = deed;
      feed.refusal.value = '';
      try {
        await work();
        return true;
      } catch (error) {
        feed.refusal.value = sentence(error);
        return false;
      } finally {
        feed.doing.value = undefined;
      }
    },
  };
  const stop = new AbortController();
  const show = (message: PairMessage): void => {
    feed.heard.value = true;
    if (message.kind === 'none') {
      feed.status.value = undefined;
      feed.samples.value = [];
      feed.events.value = [];
      feed.chosen.value = undefined;
      return;
    }
    feed.status.value = message.status;
    feed.samples.value = [...feed.samples.value, ...message.samples].slice(-KEPT_SAMPLES);
    if (message.events.length > 0) feed.events.value = [...feed.events.value, ...message.events].sort((one, two) => one.at - two.at).slice(-KEPT_EVENTS);
  };
  async function follow(): Promise<void> {
    for await (const message of await host.pairs.watch({ id }, { signal: stop.signal })) show(message);
    feed.ended.value = 'This machine was deleted.';
  }
  follow().catch((error: unknown) => {
    if (!stop.signal.aborted) feed.ended.value = sentence(error);
  });
  onScopeDispose(() => stop.abort());
  return feed;
}

/** The feed of a machine, which lives as long as a component uses it. */
export const usePairFeed = sharedFeed(open);
