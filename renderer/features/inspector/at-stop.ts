import { shallowRef, ref, watch, onScopeDispose, type Ref, type ShallowRef } from 'vue';
import { sentence } from '../../host/failure.ts';
import type { DebugFeed } from './debug-feed.ts';

/**
 * Asks once at each stop and edit of a machine, and when `wanted` changes; nothing while it runs or `wanted` gives nothing. The answer stays until the
 * next one, and goes when the machine is said to run.
 */
export function useAtStop<Wanted, Answer>(
  feed: DebugFeed,
  wanted: () => Wanted | undefined,
  question: (wanted: Wanted) => Promise<Answer>,
): { answer: ShallowRef<Answer | undefined>; failure: Ref<string>; again: () => void } {
  const answer = shallowRef<Answer>();
  const failure = ref('');
  const asked = ref(0);
  let round = 0;

  async function ask(now: Wanted): Promise<void> {
    const mine = ++round;
    try {
      const came = await question(now);
      if (mine !== round) return;
      answer.value = came;
      failure.value = '';
    } catch (error) {
      if (mine !== round) return;
      answer.value = undefined;
      failure.value = sentence(error);
    }
  }

  watch(
    () => [feed.phase.value === 'stopped', feed.moment.value, asked.value, JSON.stringify(wanted() ?? null)] as const,
    ([stopped, , , text], before) => {
      const now = wanted();
      if (!stopped || now === undefined) {
        round++;
        return;
      }
      // Another question: what it was answered before is none of its.
      if (before !== undefined && before[3] !== text) answer.value = undefined;
      void ask(now);
    },
    { immediate: true },
  );
  watch(feed.still, (still) => {
    if (still) return;
    answer.value = undefined;
    failure.value = '';
  });
  onScopeDispose(() => round++);
  return { answer, failure, again: () => asked.value++ };
}
