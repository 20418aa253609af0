/** What an expression on a machine's memory is now: a live stream, opened anew whenever the question changes. The guest never stops for it. */
import { onScopeDispose, ref, shallowRef, watch } from 'vue';
import type { HostClient } from '../../../main/contract/contract.ts';
import type { PeekExpression, PeekNode } from '../../../main/contract/peek.ts';
import { sentence } from '../../host/failure.ts';

export interface StructureQuestion {
  id: string;
  cpu: number;
  profile: string;
  expression: PeekExpression;
}

/** Milliseconds between two looks. */
const INTERVAL = 250;

export function useStructureFeed(host: HostClient, question: () => StructureQuestion | undefined) {
  const node = shallowRef<PeekNode>();
  /** Why there is nothing to see: a sentence. */
  const problem = ref('');
  let stop: AbortController | undefined;

  async function follow({ id, cpu, profile, expression }: StructureQuestion, signal: AbortSignal): Promise<void> {
    try {
      const events = await host.peek.watch({ id, cpu, profile, expressions: [expression], interval: INTERVAL }, { signal });
      for await (const event of events) {
        if (signal.aborted) return;
        if (event.kind === 'off') {
          node.value = undefined;
          problem.value = 'The machine is off.';
        } else if (event.result.kind === 'error') {
          node.value = undefined;
          problem.value =
            event.result.column === undefined ? event.result.message : `Column ${event.result.column}: ${event.result.message}`;
        } else {
          node.value = event.result.node;
          problem.value = '';
        }
      }
    } catch (error) {
      if (signal.aborted) return;
      node.value = undefined;
      problem.value = sentence(error);
    }
  }

  watch(
    () => JSON.stringify(question() ?? null),
    () => {
      stop?.abort();
      node.value = undefined;
      problem.value = '';
      const asked = question();
      if (asked === undefined) return;
      stop = new AbortController();
      void follow(asked, stop.signal);
    },
    { immediate: true },
  );
  onScopeDispose(() => stop?.abort());
  return { node, problem };
}
