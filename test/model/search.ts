/** One search of explore.ts, for as many states as it may have: forwards through all of them, then backwards from the goals. */
import { lowest } from '../../engine/machine/atomic-step.ts';
import { GoalSearch } from './goals.ts';
import type { Model, Outcome } from './model.ts';
import { type Knowledge, Transitions } from './transitions.ts';

/** Who led to a state is found among those that were expanded when one of so many was new. */
const statesPerMark = 1024;

interface Move {
  readonly thread: number;
  readonly choice: number;
  /** What the state that it leads to is exchanged by. */
  readonly exchange: number;
}

export class Search {
  #transitionCount = 0;
  #interleavings = 0;
  readonly #transitions: Transitions;
  /** The states that were expanded when every so many-th was found. */
  readonly #expanded: number[] = [0];

  constructor(
    private readonly model: Model,
    knowledge: Knowledge,
    private readonly limit: number,
  ) {
    this.#transitions = new Transitions(model, knowledge);
  }

  get figures() {
    const { states } = this.#transitions;
    return { states: states.count, transitions: this.#transitionCount, interleavings: this.#interleavings };
  }

  /** Undefined: there are more states than the limit. */
  run(): Outcome | undefined {
    const transitions = this.#transitions;
    const { states, goals, found, passes, threads } = transitions;
    const early = transitions.begin();
    if (early !== undefined) return { ...this.figures, failure: early };
    let levelStart = 0;
    let levelEnd = 0;
    /** Ways that lead to each state of the level, and to each of the next. */
    let ways = new Float64Array(0);
    let next = Float64Array.of(1);
    for (let current = 0; current < states.count; current++) {
      if (current === levelEnd) {
        levelStart = current;
        levelEnd = states.count;
        ways = next;
        next = new Float64Array(64 + 2 * (levelEnd - levelStart));
      }
      if (states.count > this.limit) return undefined;
      const wrong = transitions.lookAt(current);
      if (wrong !== undefined) return this.#fail(wrong, current);
      const waysHere = ways[current - levelStart]!;
      let isEnd = true;
      for (let thread = 0; thread < threads; thread++) {
        const choices = transitions.choices(thread);
        const isAny = transitions.isAny(thread);
        let passed = isAny ? -1 : 0;
        for (let left = choices; left !== 0; left &= left - 1) {
          const choice = lowest(left);
          const before = states.count;
          const failure = transitions.go(thread, choice);
          this.#transitionCount += 1;
          if (failure !== undefined) return this.#fail(failure, current, { thread, choice, exchange: 0 });
          const number = found[choice]!;
          if (number === before && number % statesPerMark === 0) this.#expanded.push(current);
          if (number >= levelEnd) {
            if (number - levelEnd >= next.length) {
              const longer = new Float64Array(2 * next.length);
              longer.set(next);
              next = longer;
            }
            next[number - levelEnd]! += waysHere;
            isEnd = false;
          }
          if (isAny) passed &= passes[choice]!;
          else passed |= passes[choice]!;
        }
        if (passed !== 0) goals.add(current, passed);
      }
      if (isEnd) this.#interleavings += waysHere;
    }
    return this.#checkGoals() ?? { ...this.figures, failure: undefined };
  }

  #checkGoals(): Outcome | undefined {
    const { goals } = this.model;
    const short = new GoalSearch(this.#transitions, goals.length).run();
    if (short === undefined) return undefined;
    const missing = goals.find((_, at) => (short.reached & (1 << at)) === 0);
    return this.#fail(`'${String(missing)}' cannot be reached any more`, short.state);
  }

  /** With the steps that lead to `state`, and from there into the failure. */
  #fail(what: string, state: number, last?: Move): Outcome {
    const transitions = this.#transitions;
    const moves = last === undefined ? [] : [last];
    for (let at = state; at > 0;) {
      const before = this.#before(at);
      moves.unshift(before.move);
      at = before.state;
    }
    transitions.unpack(0);
    const log = (transitions.log = []);
    /** By thread of the representative: who it really is. */
    let really = Array.from({ length: transitions.threads }, (_, thread) => thread);
    for (const { thread, choice, exchange } of moves) {
      const who = really[thread]!;
      transitions.move(who, transitions.isAny(who) ? really[choice]! : choice);
      const goesTo = transitions.exchange(exchange);
      const before = really;
      really = goesTo === undefined ? before : before.map((_, to) => before[goesTo.indexOf(to)]!);
    }
    return { ...this.figures, failure: `${what}\n${log.join('\n')}` };
  }

  /** The first state with a transition to this one. */
  #before(state: number): { state: number; move: Move } {
    const transitions = this.#transitions;
    for (let from = this.#expanded[Math.floor(state / statesPerMark)]!; from < state; from++) {
      transitions.unpack(from);
      for (let thread = 0; thread < transitions.threads; thread++) {
        for (let left = transitions.choices(thread); left !== 0; left &= left - 1) {
          const choice = lowest(left);
          if (transitions.go(thread, choice) !== undefined || transitions.found[choice] !== state) continue;
          return { state: from, move: { thread, choice, exchange: transitions.exchanges[choice]! } };
        }
      }
    }
    throw new RangeError(`nothing leads to state ${state}`);
  }
}
