/** Which goals can be reached from each state of a search that has found them all. */
import { lowest } from '../../engine/machine/atomic-step.ts';
import type { Transitions } from './transitions.ts';

/** Beside the goals of a state: they have been sought. */
const sought = 1 << 15;

/** More goals are not told apart. */
export const mostGoals = 15;

export class GoalSearch {
  readonly #all: number;
  /** States, and each with twice the thread whose way is taken, and whether it has to be looked at again behind it. */
  readonly #path: number[] = [];

  constructor(
    private readonly transitions: Transitions,
    goalCount: number,
  ) {
    this.#all = 2 ** goalCount - 1;
  }

  /** A state from which some goals cannot be reached, and which can; undefined: there is none. */
  run(): { state: number; reached: number } | undefined {
    const { goals, states } = this.transitions;
    const all = this.#all;
    for (let state = states.count - 1; state >= 0; state--) this.#seek(state);
    for (let hasChanged = true; hasChanged;) {
      hasChanged = false;
      for (let state = states.count - 1; state >= 0; state--) {
        const before = goals.at(state) & all;
        if (before === all) continue;
        const reached = this.#behind(state, before);
        if (reached === before) continue;
        goals.add(state, reached);
        hasChanged = true;
      }
    }
    for (let state = 0; state < states.count; state++) {
      const reached = goals.at(state) & all;
      if (reached !== all) return { state, reached };
    }
    return undefined;
  }

  /**
   * Goes depth first from a state to one that has all goals, which all on the way have then as well. Nearly every state is done with so at the first
   * look; what it misses, since it goes nowhere twice, is left.
   */
  #seek(from: number): void {
    const { goals, states, found } = this.transitions;
    const all = this.#all;
    const path = this.#path;
    const enter = (state: number) => {
      goals.add(state, sought);
      path.push(state, 2 * this.transitions.threads - 2);
    };
    if (from < states.count && goals.at(from) < sought && goals.at(from) !== all) enter(from);
    while (path.length > 0) {
      const thread = path[path.length - 1]! >> 1;
      if (thread < 0) {
        path.length -= 2;
        continue;
      }
      this.transitions.unpack(path[path.length - 2]!);
      const isAny = this.transitions.isAny(thread);
      let reached = 0;
      let missed = 0;
      let open = -1;
      for (let left = this.transitions.choices(thread); left !== 0; left &= left - 1) {
        const choice = lowest(left);
        this.transitions.go(thread, choice);
        const mask = goals.at(found[choice]!);
        if ((mask & all) === all) reached += 1;
        else missed += 1;
        if ((mask & all) !== all && mask < sought) open = found[choice]!;
      }
      if (reached > 0 && (missed === 0 || !isAny)) {
        do {
          goals.add(path[path.length - 2]!, all);
          path.length -= 2;
        } while (path.length > 0 && (path[path.length - 1]! & 1) === 0);
      } else if (open >= 0) {
        path[path.length - 1] = 2 * thread + (isAny ? 1 : 0);
        enter(open);
      } else path[path.length - 1] = 2 * thread - 2;
    }
  }

  /** The goals of a state and of where it leads: of one of the ways that a thread has, or of all that it cannot help. */
  #behind(state: number, own: number): number {
    const { transitions } = this;
    let reached = own;
    transitions.unpack(state);
    for (let thread = transitions.threads - 1; thread >= 0 && reached !== this.#all; thread--) {
      const isAny = transitions.isAny(thread);
      let common = this.#all;
      for (let left = transitions.choices(thread); left !== 0; left &= left - 1) {
        const choice = lowest(left);
        transitions.go(thread, choice);
        const there = transitions.goalsBefore(choice, transitions.goals.at(transitions.found[choice]!) & this.#all);
        if (isAny) common &= there;
        else reached |= there;
      }
      if (isAny) reached |= common;
    }
    return reached;
  }
}
