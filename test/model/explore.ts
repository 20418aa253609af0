/**
 * Exhaustive exploration of protocols between threads that are written as atomic steps (engine/machine/atomic-step.ts).
 *
 * A state is the words of memory plus where each thread stands. Where a thread stands is learned by running its generator: the path
 * of steps since its last checkpoint, with loops cut out (the same step twice on a path is the same place). That this captures
 * all of a thread's local state is checked, not assumed: places reached along different histories have to go on alike.
 *
 * `wait` sleeps for ever unless notified, so a lost wake-up shows as a state from which a goal cannot be reached.
 */
import type { AtomicStep } from '../../engine/machine/atomic-step.ts';

export type ModelStep =
  | AtomicStep
  /** One of `count` ways to go on, all explored. */
  | { readonly at: string; readonly op: 'choose'; readonly count: number }
  /** A place that is fully described by its name: the path starts afresh. Counts as reached by goals. */
  | { readonly at: string; readonly op: 'checkpoint' }
  /** Fails the exploration when it says something. */
  | { readonly at: string; readonly op: 'assert'; readonly check: (words: readonly number[]) => string | undefined };

export type Thread = () => Generator<ModelStep, void, number>;

interface Place {
  readonly thread: number;
  readonly id: number;
  readonly path: readonly string[];
  /** Histories of results that lead here: the shortest, and some others to compare with. */
  readonly histories: (readonly number[])[];
  readonly pending: ModelStep | undefined;
  readonly next: Map<number, Place>;
}

export interface Model {
  readonly threads: readonly Thread[];
  /** Initial words. */
  readonly words: readonly number[];
  /** Each must stay reachable from every state: 'done 2' (thread 2 has ended) or 'NAME 1' (thread 1 is at checkpoint NAME). */
  readonly goals: readonly string[];
}

export interface Outcome {
  readonly states: number;
  /** What went wrong, with the steps that lead there; undefined when all is well. */
  readonly failure: string | undefined;
}

const comparedHistories = 3;

class Places {
  readonly all: Place[] = [];
  readonly #byKey = new Map<string, Place>();

  constructor(private readonly threads: readonly Thread[]) {}

  start(thread: number): Place {
    return this.#learn(thread, [], []);
  }

  #replay(thread: number, history: readonly number[]): ModelStep | undefined {
    const program = this.threads[thread];
    if (program === undefined) throw new RangeError(`no thread ${thread}`);
    const generator = program();
    let step = generator.next(0);
    for (const result of history) step = generator.next(result);
    return step.done === true ? undefined : step.value;
  }

  #learn(thread: number, before: readonly string[], history: readonly number[]): Place {
    const pending = this.#replay(thread, history);
    const label = pending === undefined ? 'done' : JSON.stringify(pending);
    const seen = before.indexOf(label);
    const path = pending?.op === 'checkpoint' ? [label] : seen >= 0 ? before.slice(0, seen + 1) : [...before, label];
    const key = `${thread} ${path.join(' ')}`;
    let place = this.#byKey.get(key);
    if (place === undefined) {
      place = { thread, id: this.all.length, path, histories: [history], pending, next: new Map() };
      this.#byKey.set(key, place);
      this.all.push(place);
    } else if (place.histories.length < comparedHistories) {
      place.histories.push(history);
      for (const result of place.next.keys()) this.#compare(place, result, history);
    }
    return place;
  }

  after(place: Place, result: number): Place {
    let next = place.next.get(result);
    if (next === undefined) {
      next = this.#learn(place.thread, place.path, [...(place.histories[0] ?? []), result]);
      place.next.set(result, next);
      for (const history of place.histories) this.#compare(place, result, history);
    }
    return next;
  }

  #compare(place: Place, result: number, history: readonly number[]): void {
    const expected = place.next.get(result)?.pending;
    const found = this.#replay(place.thread, [...history, result]);
    if (JSON.stringify(expected) !== JSON.stringify(found)) {
      throw new Error(`a thread keeps more than its steps show at ${place.path.at(-1) ?? ''}: ${JSON.stringify(expected)} or ${JSON.stringify(found)}`);
    }
  }
}

interface State {
  readonly words: number[];
  readonly places: number[];
  /** 1 for a thread that sleeps in its `wait`. */
  readonly asleep: number[];
}

function keyOf({ words, places, asleep }: State): string {
  return String.fromCharCode(...words.map((word) => word & 0xffff), ...places, ...asleep);
}

/** Carries out a step of `thread`; the result goes to the thread, undefined means that it sleeps. */
function apply(state: State, places: readonly Place[], step: ModelStep, choice: number): number | undefined {
  const { words } = state;
  switch (step.op) {
    case 'choose':
      return choice;
    case 'checkpoint':
    case 'assert':
      return 0;
    default: {
      const old = words[step.word];
      if (old === undefined) throw new RangeError(`no word ${step.word}`);
      switch (step.op) {
        case 'load':
          break;
        case 'store':
          words[step.word] = step.value;
          return 0;
        case 'and':
          words[step.word] = old & step.value;
          break;
        case 'or':
          words[step.word] = old | step.value;
          break;
        case 'exchange':
          words[step.word] = step.value;
          break;
        case 'compareExchange':
          if (old === step.expected) words[step.word] = step.value;
          break;
        case 'wait':
          return old === step.expected ? undefined : 0;
        case 'notify':
          state.asleep.forEach((asleep, thread) => {
            const pending = places[state.places[thread] ?? -1]?.pending;
            if (asleep === 1 && pending?.op === 'wait' && pending.word === step.word) state.asleep[thread] = 2;
          });
          return 0;
      }
      return old;
    }
  }
}

/** Explores all interleavings. */
export function explore(model: Model, limit = 3_000_000): Outcome {
  const places = new Places(model.threads);
  const first: State = {
    words: [...model.words],
    places: model.threads.map((_, thread) => places.start(thread).id),
    asleep: model.threads.map(() => 0),
  };
  const index = new Map<string, number>([[keyOf(first), 0]]);
  const states: (State | undefined)[] = [first];
  const parents: { from: number; text: string }[] = [{ from: -1, text: '' }];
  const predecessors: number[][] = [[]];
  const reached = model.goals.map((): number[] => []);

  const trace = (at: number, what: string): string => {
    const steps: string[] = [];
    for (let state = at; state > 0; state = parents[state]?.from ?? -1) steps.unshift(parents[state]?.text ?? '');
    return `${what}\n${steps.join('\n')}`;
  };

  for (let current = 0; current < states.length; current++) {
    const state = states[current];
    if (state === undefined) continue;
    states[current] = undefined;
    model.goals.forEach((goal, number) => {
      const [name, thread] = goal.split(' ');
      const pending = places.all[state.places[Number(thread)] ?? -1]?.pending;
      if (name === 'done' ? pending === undefined : pending?.op === 'checkpoint' && pending.at === name) reached[number]?.push(current);
    });
    for (const [thread, placeId] of state.places.entries()) {
      const place = places.all[placeId];
      if (place?.pending === undefined || state.asleep[thread] === 1) continue;
      const step = place.pending;
      if (step.op === 'assert') {
        const wrong = step.check(state.words);
        if (wrong !== undefined) return { states: states.length, failure: trace(current, wrong) };
      }
      for (let choice = 0; choice < (step.op === 'choose' ? step.count : 1); choice++) {
        const next: State = { words: [...state.words], places: [...state.places], asleep: [...state.asleep] };
        const woken = next.asleep[thread] === 2;
        next.asleep[thread] = 0;
        const result = woken ? 0 : apply(next, places.all, step, choice);
        if (result === undefined) next.asleep[thread] = 1;
        else next.places[thread] = places.after(place, result).id;
        const key = keyOf(next);
        let number = index.get(key);
        if (number === undefined) {
          number = states.length;
          if (number === limit) return { states: number, failure: `more than ${limit} states` };
          index.set(key, number);
          states.push(next);
          predecessors.push([]);
          parents.push({ from: current, text: `thread ${thread}: ${JSON.stringify(step)} -> ${result ?? 'sleeps'}` });
        }
        predecessors[number]?.push(current);
      }
    }
  }

  for (const [number, goal] of model.goals.entries()) {
    const can = new Uint8Array(states.length);
    const stack = [...(reached[number] ?? [])];
    for (const state of stack) can[state] = 1;
    for (let state = stack.pop(); state !== undefined; state = stack.pop()) {
      for (const before of predecessors[state] ?? []) {
        if (can[before] === 0) {
          can[before] = 1;
          stack.push(before);
        }
      }
    }
    const stuck = can.indexOf(0);
    if (stuck >= 0) return { states: states.length, failure: trace(stuck, `'${goal}' cannot be reached any more`) };
  }
  return { states: states.length, failure: undefined };
}
