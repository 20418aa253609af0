/** What went in and out at a pair's gateway, as a panel follows it. */
import { ref, shallowRef, watch, type Ref, type ShallowRef } from 'vue';
import type { PairInputMessage } from '../../../main/contract/pairs.ts';
import { useHost } from '../../host/client.ts';
import { sentence } from '../../host/failure.ts';
import { usePairFeed } from './pair-feed.ts';

/** As much as the gateway keeps. */
const KEPT = 1 << 16;

export interface PairOutside {
  /** Where `bytes` begin in what has left. */
  offset: Ref<number>;
  bytes: ShallowRef<Uint8Array>;
  /** Oldest first. */
  inputs: ShallowRef<readonly PairInputMessage[]>;
  /** Why nothing comes. */
  problem: Ref<string>;
}

/** Asks with each look at the pair, while `isWanted`. */
export function usePairOutside(id: string, isWanted: () => boolean): PairOutside {
  const host = useHost();
  const feed = usePairFeed(id);
  const outside: PairOutside = { offset: ref(0), bytes: shallowRef(new Uint8Array(0)), inputs: shallowRef([]), problem: ref('') };
  const { offset, bytes, inputs, problem } = outside;
  let gateway: number | undefined;
  let isAsking = false;

  async function look(pid: number): Promise<void> {
    if (isAsking) return;
    isAsking = true;
    // Another pair: its stream is another one.
    if (pid !== gateway) [offset.value, bytes.value] = [0, new Uint8Array(0)];
    gateway = pid;
    try {
      const end = offset.value + bytes.value.length;
      const now = await host.pairs.outside({ id, from: end });
      const isNext = now.offset === end;
      if (!isNext) [offset.value, bytes.value] = [now.offset, now.bytes];
      else if (now.bytes.length > 0) {
        const all = new Uint8Array(bytes.value.length + now.bytes.length);
        all.set(bytes.value);
        all.set(now.bytes, bytes.value.length);
        bytes.value = all.slice(-KEPT);
        offset.value += all.length - bytes.value.length;
      }
      inputs.value = now.inputs;
      problem.value = '';
    } catch (error) {
      problem.value = sentence(error);
    } finally {
      isAsking = false;
    }
  }
  watch(
    () => (isWanted() ? feed.status.value : undefined),
    (status) => {
      if (status?.gateway) void look(status.gateway.pid);
      else if (status) problem.value = 'The gateway does not answer.';
    },
    { immediate: true },
  );
  return outside;
}
