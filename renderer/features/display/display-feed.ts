/** What the panels of a machine's displays share: what it has now, what happened, and which output a person looks at. */
import { onScopeDispose, ref, shallowRef, type Ref, type ShallowRef } from 'vue';
import type { HostClient } from '../../../main/contract/contract.ts';
import type { DisplayLogEntry, DisplayStateMessage } from '../../../main/contract/display.ts';
import { sentence } from '../../host/failure.ts';
import { sharedFeed } from '../../host/shared-feed.ts';

/** Lines of the log that are kept here; the machine's `display.log` has all of a run. */
const KEPT = 500;

export interface DisplayFeed {
  /** Undefined while the machine is off. */
  state: ShallowRef<DisplayStateMessage | undefined>;
  /** Oldest first. */
  log: ShallowRef<readonly DisplayLogEntry[]>;
  /** Why nothing more is heard; empty while something is. */
  ended: Ref<string>;
  /** The output that is looked at. */
  selected: Ref<number>;
}

function open(host: HostClient, id: string): DisplayFeed {
  const state = shallowRef<DisplayStateMessage>();
  const log = shallowRef<readonly DisplayLogEntry[]>([]);
  const ended = ref('');
  const stop = new AbortController();
  async function follow(): Promise<void> {
    for await (const event of await host.display.watch({ id, history: true }, { signal: stop.signal })) {
      if (event.kind === 'state') state.value = event.state ?? undefined;
      else log.value = [...log.value, ...event.entries].slice(-KEPT);
    }
    ended.value = 'This machine was deleted.';
  }
  follow().catch((error: unknown) => {
    if (!stop.signal.aborted) ended.value = sentence(error);
  });
  onScopeDispose(() => stop.abort());
  return { state, log, ended, selected: ref(0) };
}

/** The feed of a machine, which lives as long as a component uses it. */
export const useDisplayFeed = sharedFeed(open);
