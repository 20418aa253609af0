/**
 * Exhaustive exploration of protocols between threads that are written as atomic steps (engine/machine/atomic-step.ts): all states, breadth first,
 * then, backwards from each goal, all from which it can be reached. `wait` sleeps for ever unless notified, so a lost wake-up shows as a state from
 * which a goal cannot be reached.
 *
 * A state is the words and where each thread stands, exactly, in as few bits as there are values; no hash stands for a state. What makes that
 * small enough:
 * - places of a thread that go on alike are one (automaton.ts). The states are those of the text up to strong bisimulation;
 * - steps of a thread that commute with everybody's belong to the step before them: checkpoints, its own words, and notifies (a sleeper that is woken
 *   early may still be slow, and one that goes to sleep meanwhile is not woken at all, so this only takes away ways on). Each is its thread's only
 *   step there, invisible to goals and to what `holds`, and there is no circle of them: so all that is told here is told of every order.
 * - where a model says so (Symmetry in model.ts), states that differ in who is who only are one (symmetry.ts);
 * - transitions are not kept but found anew (transitions.ts).
 * explore.spec.ts compares with searches that do none of the first three.
 */
import { Again, Domains } from './automaton.ts';
import type { Model, Outcome } from './model.ts';
import { Places } from './places.ts';
import { Search } from './search.ts';
import { Exchanges } from './symmetry.ts';

export type { Check, Model, ModelStep, Outcome, Thread } from './model.ts';

export interface Options {
  /** More states are a failure. */
  readonly limit?: number;
  /** False: every step of every thread is a transition of its own, and every place a place. */
  readonly isReduced?: boolean;
  /** False: threads are not exchanged for each other. */
  readonly isExchanged?: boolean;
}

/** Explores all interleavings. */
export function explore(model: Model, { limit = 3_000_000, isReduced = true, isExchanged = true }: Options = {}): Outcome {
  const places = new Places(model.threads);
  const exchanges = isExchanged && model.symmetry !== undefined ? new Exchanges(model, places) : undefined;
  const domains = new Domains(model.words, exchanges && ((word) => exchanges.alike(word)));
  // Small searches first, which learn what there is.
  for (const scope of [...firstScopes.filter((each) => isReduced && each < limit), limit]) {
    for (;;) {
      try {
        const room = scope === firstScopes[0] ? 4 : 1.15;
        const search = new Search(model, { places, domains, exchanges, isReduced, room }, scope);
        const outcome = search.run();
        if (outcome !== undefined) return outcome;
        if (scope === limit) return { ...search.figures, failure: `more than ${limit} states` };
        break;
      } catch (error) {
        if (!(error instanceof Again)) throw error;
      }
    }
  }
  throw new Error('unreachable');
}

const firstScopes = [4_000, 80_000, 2_000_000];
