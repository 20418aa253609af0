/** What the panels of the guard share of one machine: its state, its alerts, and what a person looks at. */
import { onScopeDispose, ref, shallowRef, triggerRef, type Ref, type ShallowRef } from 'vue';
import type { HostClient } from '../../../main/contract/contract.ts';
import type { GuardAlertMessage, GuardStateMessage } from '../../../main/contract/guard.ts';
import { errorCode, sentence } from '../../host/failure.ts';
import { sharedFeed } from '../../host/shared-feed.ts';
import { AlertLog } from './alert-log.ts';

export interface GuardFeed {
  /** Undefined while the machine is off, or nothing was heard yet. */
  state: ShallowRef<GuardStateMessage | undefined>;
  /** Why there is no state. */
  problem: Ref<string>;
  /** Triggered, not replaced. */
  log: ShallowRef<AlertLog>;
  selected: ShallowRef<GuardAlertMessage | undefined>;
  /** The physical address that is looked at in the tree. */
  place: Ref<number | undefined>;
  /** Looks again now: something was changed. */
  refresh(): void;
  show(state: GuardStateMessage): void;
}

/** Milliseconds between two looks; a large tree, which takes long to read, is read less often. */
const INTERVAL = 700;
const SHARE = 20;
/** After an alert, since the counts have changed. */
const SOON = 150;
/** Under a storm of alerts they are shown so often. */
const SHOWN_EVERY = 250;

function open(host: HostClient, id: string): GuardFeed {
  const state = shallowRef<GuardStateMessage>();
  const problem = ref('');
  const log = shallowRef(new AlertLog());
  const selected = shallowRef<GuardAlertMessage>();
  const place = ref<number>();
  const stop = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let due = Infinity;

  function later(milliseconds: number): void {
    const at = performance.now() + milliseconds;
    if (stop.signal.aborted || (timer !== undefined && at >= due)) return;
    clearTimeout(timer);
    due = at;
    timer = setTimeout(() => void look(), milliseconds);
  }

  function show(now: GuardStateMessage): void {
    state.value = now;
    problem.value = '';
    if (log.value.settle(now.alerts)) {
      selected.value = undefined;
      triggerRef(log);
    }
  }

  async function look(): Promise<void> {
    const begun = performance.now();
    timer = undefined;
    try {
      show(await host.guard.state({ id }));
    } catch (error) {
      state.value = undefined;
      problem.value = errorCode(error) === 'WRONG_STATE' ? '' : sentence(error);
    }
    later(Math.max(INTERVAL, SHARE * (performance.now() - begun)));
  }

  let told = -Infinity;
  let telling: ReturnType<typeof setTimeout> | undefined;
  function tell(): void {
    telling ??= setTimeout(
      () => {
        telling = undefined;
        told = performance.now();
        triggerRef(log);
      },
      Math.max(0, told + SHOWN_EVERY - performance.now()),
    );
  }

  async function follow(): Promise<void> {
    for await (const alerts of await host.guard.watch({ id, history: true }, { signal: stop.signal })) {
      log.value.add(alerts);
      tell();
      later(SOON);
    }
  }
  void look();
  follow().catch((error: unknown) => {
    if (!stop.signal.aborted) problem.value = sentence(error);
  });
  onScopeDispose(() => {
    stop.abort();
    clearTimeout(timer);
    clearTimeout(telling);
  });
  return { state, problem, log, selected, place, refresh: () => later(0), show };
}

/** The feed of a machine, which lives as long as a component uses it. */
export const useGuardFeed = sharedFeed(open);
