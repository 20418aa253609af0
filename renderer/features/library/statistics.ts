import { onScopeDispose, ref, watch, type Ref } from 'vue';
import type { MachineSummary } from '../../../main/contract/machine.ts';
import { useHost } from '../../host/client.ts';

/** Live figures of a machine: instructions since power-on, and the speed over the last second. */
export interface LiveFigures {
  instructions: number;
  mips: number;
  halted: boolean;
}

const PERIOD_MILLISECONDS = 1000;

/** Asks once a second while the machine runs; undefined while nothing is known. */
export function useStatistics(machine: Ref<MachineSummary | undefined>): Ref<LiveFigures | undefined> {
  const host = useHost();
  const figures = ref<LiveFigures>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  /** Counts up with each machine and state, so that a late answer for an earlier one is dropped. */
  let round = 0;

  async function ask(id: string, mine: number, before: { at: number; instructions: number } | undefined): Promise<void> {
    let now = before;
    try {
      const { instructions, mips, vcpus } = await host.machines.statistics({ id });
      if (mine !== round) return;
      now = { at: performance.now(), instructions };
      const recent = before && now.at > before.at ? (instructions - before.instructions) / (now.at - before.at) / 1000 : mips;
      figures.value = { instructions, mips: Math.max(0, recent), halted: vcpus.every(({ halted }) => halted) };
    } catch {
      // It was powered off between two questions; the state's event ends this.
      if (mine !== round) return;
    }
    timer = setTimeout(() => void ask(id, mine, now), PERIOD_MILLISECONDS);
  }

  watch(
    () => (machine.value && machine.value.state === 'running' ? machine.value.id : undefined),
    (id) => {
      clearTimeout(timer);
      round++;
      figures.value = undefined;
      if (id !== undefined) void ask(id, round, undefined);
    },
    { immediate: true },
  );
  onScopeDispose(() => {
    clearTimeout(timer);
    round++;
  });
  return figures;
}
