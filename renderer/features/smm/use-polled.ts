import { onScopeDispose, ref, watch, type Ref } from 'vue';

/**
 * Asks `question` again every `milliseconds` while `wanted` gives something, and at once when that changes. The answer of an earlier question that
 * comes late is dropped. A failure is kept as its sentence until the next answer.
 */
export function usePolled<Wanted, Answer>(
  wanted: () => Wanted | undefined,
  question: (wanted: Wanted) => Promise<Answer>,
  sentence: (error: unknown) => string,
  milliseconds: number,
): { answer: Ref<Answer | undefined>; failure: Ref<string> } {
  const answer = ref<Answer>() as Ref<Answer | undefined>;
  const failure = ref('');
  let round = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;

  async function ask(now: Wanted, mine: number): Promise<void> {
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
    timer = setTimeout(() => void ask(now, mine), milliseconds);
  }

  watch(
    () => JSON.stringify(wanted() ?? null),
    () => {
      clearTimeout(timer);
      const mine = ++round;
      const now = wanted();
      if (now === undefined) {
        answer.value = undefined;
        failure.value = '';
      } else void ask(now, mine);
    },
    { immediate: true },
  );
  onScopeDispose(() => {
    round++;
    clearTimeout(timer);
  });
  return { answer, failure };
}
