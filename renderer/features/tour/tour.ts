import { defineStore } from 'pinia';
import { ref } from 'vue';
import { z } from 'zod';
import { TOUR_STEPS } from './tour-steps.ts';

const KEY = 'vitrine.tour';
const kept = z.object({ state: z.enum(['new', 'on', 'over']), machine: z.string(), step: z.int().min(0) });

/** Where the person is in the tour; kept with the window's other memories. What cannot be read means: it is new here. */
export const useTour = defineStore('tour', () => {
  const read = kept.safeParse(parsed(localStorage.getItem(KEY)));
  /** `over`: taken, or not wanted. */
  const state = ref<'new' | 'on' | 'over'>(read.success ? read.data.state : 'new');
  const machine = ref(read.success ? read.data.machine : '');
  const step = ref(read.success ? Math.min(read.data.step, TOUR_STEPS.length - 1) : 0);

  function keep(): void {
    localStorage.setItem(KEY, JSON.stringify({ state: state.value, machine: machine.value, step: step.value }));
  }

  return {
    state,
    machine,
    step,
    begin(id: string): void {
      state.value = 'on';
      machine.value = id;
      step.value = 0;
      keep();
    },
    next(): void {
      step.value = Math.min(step.value + 1, TOUR_STEPS.length - 1);
      keep();
    },
    end(): void {
      state.value = 'over';
      keep();
    },
  };
});

function parsed(text: string | null): unknown {
  try {
    return text === null ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}
