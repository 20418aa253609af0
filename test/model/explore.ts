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
  | { readonly at: string; readonly op: 'assert'; readonly check: (words: readonly number[]) => string | undefined }
  /** Changes words in one piece, for what is no protocol but what a protocol protects; may fail the exploration as `assert` does. */
  | { readonly at: string; readonly op: 'act'; readonly act: (words: number[]) => string | undefined };

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
  /**
   * Each must stay reachable from every state: 'done 2' (thread 2 has ended), 'NAME 1' (thread 1 is at checkpoint NAME), or words of which this
   * is true.
   */
  readonly goals: readonly (string | ((words: readonly number[]) => boolean))[];
  /** Words that only one thread ever touches: its steps on them commute with everybody's, so one order stands for all. */
  readonly own?: (word: number) => boolean;
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
      throw new Error(
        `a thread keeps more than its steps show at ${place.path.at(-1) ?? ''}: ${JSON.stringify(expected)} or ${JSON.stringify(found)}`,
      );
    }
  }
}

/** A state is a row of small numbers: the words (numbered by value), where each thread stands, and whether it sleeps. */
class Rows {
  readonly #chunks: (Uint16Array | undefined)[] = [];
  readonly #values: number[] = [];
  readonly #numbers = new Map<number, number>();
  count = 0;

  constructor(private readonly width: number) {}

  /** The number of a value of a word. */
  number(value: number): number {
    let number = this.#numbers.get(value);
    if (number === undefined) {
      number = this.#values.length;
      this.#numbers.set(value, number);
      this.#values.push(value);
    }
    return number;
  }

  value(number: number): number {
    return this.#values[number] ?? 0;
  }

  add(row: Uint16Array): void {
    const at = this.count % rowsPerChunk;
    if (at === 0) this.#chunks.push(new Uint16Array(rowsPerChunk * this.width));
    this.#chunks.at(-1)?.set(row, at * this.width);
    this.count += 1;
  }

  take(index: number, into: Uint16Array): void {
    const chunk = this.#chunks[Math.floor(index / rowsPerChunk)];
    if (chunk === undefined) throw new RangeError(`state ${index} is gone`);
    const at = index % rowsPerChunk;
    into.set(chunk.subarray(at * this.width, (at + 1) * this.width));
    if (at === rowsPerChunk - 1) this.#chunks[Math.floor(index / rowsPerChunk)] = undefined;
  }
}

const rowsPerChunk = 1 << 14;

/** Numbers that grow without a copy of what is there. */
class Numbers {
  readonly #chunks: Int32Array[] = [];
  length = 0;

  push(value: number): void {
    const at = this.length % numbersPerChunk;
    if (at === 0) this.#chunks.push(new Int32Array(numbersPerChunk));
    const chunk = this.#chunks.at(-1);
    if (chunk !== undefined) chunk[at] = value;
    this.length += 1;
  }

  at(index: number): number {
    return this.#chunks[Math.floor(index / numbersPerChunk)]?.[index % numbersPerChunk] ?? -1;
  }
}

const numbersPerChunk = 1 << 16;

interface State {
  readonly words: number[];
  readonly places: number[];
  /** 1 for a thread that sleeps in its `wait`. */
  readonly asleep: number[];
}

/** Carries out a step of `thread`; the result goes to the thread, undefined means that it sleeps. */
function apply(state: State, places: readonly Place[], step: ModelStep, choice: number): number | undefined {
  const { words } = state;
  switch (step.op) {
    case 'choose':
      return choice;
    case 'checkpoint':
    case 'assert':
    case 'act':
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
  const wordCount = model.words.length;
  const threadCount = model.threads.length;
  const width = wordCount + 2 * threadCount;
  const rows = new Rows(width);
  const row = new Uint16Array(width);
  const index = new Map<string, number>();
  /** By state: the one before it, and what was done there: thread * 2^20 + place, or -1. */
  const before = new Numbers();
  const done = new Numbers();
  /** All transitions in the order of the states they start from. */
  const firstEdge = new Numbers();
  const edges = new Numbers();
  const reached = model.goals.map((): number[] => []);

  const pack = ({ words, places: at, asleep }: State): string => {
    words.forEach((word, position) => (row[position] = rows.number(word)));
    at.forEach((place, thread) => (row[wordCount + thread] = place));
    asleep.forEach((sleeps, thread) => (row[wordCount + threadCount + thread] = sleeps));
    return String.fromCharCode(...row);
  };
  const add = (state: State, from: number, what: number): number => {
    const key = pack(state);
    const known = index.get(key);
    if (known !== undefined) return known;
    const number = rows.count;
    index.set(key, number);
    rows.add(row);
    before.push(from);
    done.push(what);
    return number;
  };
  const trace = (at: number, what: string): string => {
    const steps: string[] = [];
    for (let state = at; state > 0; state = before.at(state)) {
      const thread = Math.floor(done.at(state) / 2 ** 20);
      steps.unshift(`thread ${thread}: ${JSON.stringify(places.all[done.at(state) % 2 ** 20]?.pending)}`);
    }
    return `${what}\n${steps.join('\n')}`;
  };
  const pendingOf = (state: State, thread: number): ModelStep | undefined => places.all[state.places[thread] ?? -1]?.pending;
  const goalNumbers = new Map(model.goals.map((goal, number) => [goal, number]));
  /**
   * Steps of `thread` that commute with everybody's belong to the step before them, and are no states of their own: checkpoints, its own
   * words, and notifies (a sleeper that is woken early may still be slow). Gives the goals it passes.
   */
  const runAhead = (state: State, thread: number): number[] => {
    const passed: number[] = [];
    for (;;) {
      const place = places.all[state.places[thread] ?? -1];
      const step = place?.pending;
      if (place === undefined || step === undefined || state.asleep[thread] !== 0) return passed;
      const own = 'word' in step && step.op !== 'wait' && model.own?.(step.word) === true;
      if (step.op !== 'checkpoint' && step.op !== 'notify' && !own) return passed;
      if (step.op === 'checkpoint') {
        const goal = goalNumbers.get(`${step.at} ${thread}`);
        if (goal !== undefined) passed.push(goal);
      }
      state.places[thread] = places.after(place, apply(state, places.all, step, 0) ?? 0).id;
    }
  };

  const first: State = {
    words: [...model.words],
    places: model.threads.map((_, thread) => places.start(thread).id),
    asleep: model.threads.map(() => 0),
  };
  for (let thread = 0; thread < threadCount; thread++) runAhead(first, thread);
  add(first, -1, -1);
  const packed = new Uint16Array(width);
  for (let current = 0; current < rows.count; current++) {
    rows.take(current, packed);
    const state: State = {
      words: Array.from({ length: wordCount }, (_, position) => rows.value(packed[position] ?? 0)),
      places: [...packed.subarray(wordCount, wordCount + threadCount)],
      asleep: [...packed.subarray(wordCount + threadCount)],
    };
    firstEdge.push(edges.length);
    model.goals.forEach((goal, number) => {
      const isReached =
        typeof goal === 'string'
          ? goal.startsWith('done ') && pendingOf(state, Number(goal.slice(5))) === undefined
          : goal(state.words);
      if (isReached) reached[number]?.push(current);
    });
    for (const [thread, placeId] of state.places.entries()) {
      const place = places.all[placeId];
      if (place?.pending === undefined || state.asleep[thread] === 1) continue;
      const step = place.pending;
      if (step.op === 'assert') {
        const wrong = step.check(state.words);
        if (wrong !== undefined) return { states: rows.count, failure: trace(current, wrong) };
      }
      for (let choice = 0; choice < (step.op === 'choose' ? step.count : 1); choice++) {
        const next: State = { words: [...state.words], places: [...state.places], asleep: [...state.asleep] };
        if (step.op === 'act') {
          const wrong = step.act(next.words);
          if (wrong !== undefined) return { states: rows.count, failure: trace(current, wrong) };
        }
        const woken = next.asleep[thread] === 2;
        next.asleep[thread] = 0;
        const result = woken ? 0 : apply(next, places.all, step, choice);
        if (result === undefined) next.asleep[thread] = 1;
        else next.places[thread] = places.after(place, result).id;
        const passed = runAhead(next, thread);
        const number = add(next, current, thread * 2 ** 20 + placeId);
        for (const goal of passed) reached[goal]?.push(number);
        if (number === limit) return { states: number, failure: `more than ${limit} states` };
        edges.push(number);
      }
    }
  }
  firstEdge.push(edges.length);

  const count = rows.count;
  // The transitions turned round, as one list with the place of each state's part.
  const start = new Int32Array(count + 1);
  for (let edge = 0; edge < edges.length; edge++) start[edges.at(edge) + 1]! += 1;
  for (let state = 0; state < count; state++) start[state + 1]! += start[state]!;
  const sources = new Int32Array(edges.length);
  const filled = start.slice(0, count);
  for (let state = 0; state < count; state++) {
    for (let edge = firstEdge.at(state); edge < firstEdge.at(state + 1); edge++) sources[filled[edges.at(edge)]!++] = state;
  }
  for (const [number, goal] of model.goals.entries()) {
    const can = new Uint8Array(count);
    const stack = [...(reached[number] ?? [])];
    for (const state of stack) can[state] = 1;
    for (let state = stack.pop(); state !== undefined; state = stack.pop()) {
      for (let edge = start[state]!; edge < start[state + 1]!; edge++) {
        const source = sources[edge]!;
        if (can[source] === 0) {
          can[source] = 1;
          stack.push(source);
        }
      }
    }
    const stuck = can.indexOf(0);
    if (stuck >= 0) return { states: count, failure: trace(stuck, `'${String(goal)}' cannot be reached any more`) };
  }
  return { states: count, failure: undefined };
}
