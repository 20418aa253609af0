/** What the panels of System Management Mode share of one machine: the state, the rendezvous seen so far, and which of them a person looks at. */
import { onScopeDispose, ref, shallowRef, triggerRef, type Ref, type ShallowRef } from 'vue';
import type { SmmMessage, SmmStateMessage } from '../../../main/contract/smm.ts';
import type { HostClient } from '../../../main/contract/contract.ts';
import { sentence } from '../../host/failure.ts';
import { sharedFeed } from '../../host/shared-feed.ts';
import { RendezvousLog, type Rendezvous } from './rendezvous.ts';

export interface SmmFeed {
  /** Undefined while the machine is off. */
  state: ShallowRef<SmmStateMessage | undefined>;
  /** Oldest first; triggered, not replaced. */
  rendezvous: ShallowRef<Rendezvous[]>;
  /** SMIs a second, over the last looks. */
  rate: Ref<number>;
  /** Events that came too fast to be shown, since the panels were opened. */
  skipped: Ref<number>;
  /** The timeline moves with what happens. */
  following: Ref<boolean>;
  /** The rendezvous that is looked at; undefined: the newest. */
  selected: ShallowRef<Rendezvous | undefined>;
  /** The instant under the cursor, in host nanoseconds; undefined: now. */
  cursor: Ref<number | undefined>;
  /** The vCPU whose save state is shown. */
  vcpu: Ref<number>;
  /** Why nothing comes any more. */
  ended: Ref<string>;
}

function open(host: HostClient, id: string): SmmFeed {
  const log = new RendezvousLog();
  const feed: SmmFeed = {
    state: shallowRef<SmmStateMessage>(),
    rendezvous: shallowRef(log.list),
    rate: ref(0),
    skipped: ref(0),
    following: ref(true),
    selected: shallowRef<Rendezvous>(),
    cursor: ref<number>(),
    vcpu: ref(0),
    ended: ref(''),
  };
  const stop = new AbortController();
  let before: { smis: number; at: number } | undefined;
  const show = (message: SmmMessage): void => {
    if (message.kind === 'off') {
      feed.state.value = undefined;
      feed.rate.value = 0;
      before = undefined;
      return;
    }
    const { state, events, skipped } = message;
    if (feed.state.value === undefined) {
      log.clear();
      feed.selected.value = undefined;
      feed.cursor.value = undefined;
    }
    if (skipped > 0) {
      feed.skipped.value += skipped;
      log.interrupt();
    }
    for (const event of events) log.add(event);
    const { smis } = state.statistics;
    if (before !== undefined && state.now > before.at) feed.rate.value = ((smis - before.smis) * 1e9) / (state.now - before.at);
    before = { smis, at: state.now };
    feed.state.value = state;
    triggerRef(feed.rendezvous);
  };
  async function follow(): Promise<void> {
    for await (const message of await host.smm.watch({ id }, { signal: stop.signal })) show(message);
    feed.ended.value = 'This machine was deleted.';
  }
  follow().catch((error: unknown) => {
    if (!stop.signal.aborted) feed.ended.value = sentence(error);
  });
  onScopeDispose(() => stop.abort());
  return feed;
}

/** The feed of a machine, which lives as long as a component uses it. */
export const useSmmFeed = sharedFeed(open);
