/** One search of explore.ts, for as many states as it may have: forwards through all of them, then backwards from the goals. */
import { Automaton, complete, type Domains, Kind, maximumValues, mergeAlike } from './automaton.ts';
import type { Model, ModelStep, Outcome } from './model.ts';
import type { Places } from './places.ts';
import { Masks, Numbers, StateSet } from './state-set.ts';

/** Eager steps in a row: more can only be a circle. */
const longestRun = 1000;

export class Search {
  #transitions = 0;
  #interleavings = 0;
  readonly #automata: Automaton[];
  readonly #states: StateSet;
  /** Where the transitions of all states lead, but for those that lead back to where they start, in the order of the states they start from. */
  readonly #edges = new Numbers();
  /** How many of them a state has. */
  readonly #degrees = new Masks();
  /** Goals that are known to be reachable. */
  readonly #goals = new Masks();
  readonly #wordCount: number;
  /** By field: words, numbered by value, then nodes of threads. Where it is in a row. */
  readonly #position: Int32Array;
  readonly #shift: Int32Array;
  readonly #mask: Int32Array;
  /** Fields that are not always 0. */
  readonly #active: Int32Array;
  /** The state that is expanded, and what becomes of it; they differ at most in the fields `changed`. */
  readonly #here: Int32Array;
  readonly #there: Int32Array;
  readonly #changed = new Int32Array(1024);
  #changes = 0;
  /** The words of `here`, or, while somebody looks at them, of `there`. */
  readonly #values: number[];
  /** Both, packed. */
  readonly #rowHere: Int32Array;
  readonly #row: Int32Array;
  #passed = 0;
  #log: string[] | undefined;

  constructor(
    private readonly model: Model,
    places: Places,
    private readonly domains: Domains,
    private readonly isReduced: boolean,
    private readonly limit: number,
    room: number,
  ) {
    const { threads, words, own, goals } = model;
    if (goals.length > 16) throw new RangeError('more than 16 goals');
    threads.forEach((_, thread) => places.start(thread));
    if (isReduced) complete(places);
    const classes = isReduced ? mergeAlike(places.all) : undefined;
    const wordBits = domains.values.map(({ length }) => bitsFor(room > 2 ? Math.max(16, length * room) : length));
    domains.capacity = wordBits.map((bits) => 2 ** bits);
    const isEager = (step: ModelStep): boolean =>
      step.op === 'checkpoint' ||
      step.op === 'notify' ||
      step.own === true ||
      ('word' in step && step.op !== 'wait' && own?.(step.word) === true);
    const nodeBits = threads.map((_, thread) => {
      const known = places.all.filter((place) => place.thread === thread);
      const count = new Set(known.map(({ id }) => classes?.[id] ?? id)).size;
      // Sleepers are nodes as well.
      return isReduced ? bitsFor((count + known.filter(({ pending }) => pending?.op === 'wait').length) * room + 8) : 16;
    });
    this.#automata = threads.map((_, thread) => {
      const goalsAt = (name: string) =>
        goals.reduce<number>((mask, goal, at) => (goal === `${name} ${thread}` ? mask | (1 << at) : mask), 0);
      const automaton = new Automaton(places, domains, {
        classes,
        capacity: 2 ** (nodeBits[thread] ?? 0),
        isEager: isReduced ? isEager : () => false,
        goalsAt,
      });
      automaton.learn(thread);
      return automaton;
    });
    this.#wordCount = words.length;
    const bits = [...wordBits, ...nodeBits];
    this.#position = new Int32Array(bits.length);
    this.#shift = new Int32Array(bits.length);
    this.#mask = Int32Array.from(bits, (each) => 2 ** each - 1);
    const used: number[] = [];
    bits.forEach((each, field) => {
      let at = used.findIndex((already) => already + each <= 32);
      if (at < 0) at = used.push(0) - 1;
      this.#position[field] = at;
      this.#shift[field] = used[at]!;
      used[at]! += each;
    });
    this.#active = Int32Array.from(bits.flatMap((each, field) => (each === 0 ? [] : [field])));
    this.#rowHere = new Int32Array(used.length);
    this.#row = new Int32Array(used.length);
    this.#states = new StateSet(used.length);
    this.#here = new Int32Array(bits.length);
    this.#there = new Int32Array(bits.length);
    this.#values = [...words];
    threads.forEach((_, thread) => this.#set(words.length + thread, this.#automata[thread]!.nodeOf(places.start(thread))));
  }

  get figures() {
    return { states: this.#states.count, transitions: this.#transitions, interleavings: this.#interleavings };
  }

  /** Undefined: there are more states than the limit. */
  run(): Outcome | undefined {
    const early = this.#automata.map((_, thread) => this.#runAhead(thread)).find((wrong) => wrong !== undefined);
    if (early !== undefined) return this.#fail(early, 0);
    const states = this.#states;
    this.#add();
    this.#takeBack();
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
      const wrong = this.#lookAt(current);
      if (wrong !== undefined) return this.#fail(wrong, current);
      const waysHere = ways[current - levelStart]!;
      let isEnd = true;
      let degree = 0;
      for (let thread = 0; thread < this.#automata.length; thread++) {
        const count = this.#choices(thread);
        for (let choice = 0; choice < count; choice++) {
          this.#passed = 0;
          const failure = this.#advance(thread, choice);
          this.#transitions += 1;
          if (failure !== undefined) return this.#fail(failure, current, thread, choice);
          if (this.#passed !== 0) this.#goals.add(current, this.#passed);
          const number = this.#add();
          this.#takeBack();
          if (number >= levelEnd) {
            if (number - levelEnd >= next.length) {
              const longer = new Float64Array(2 * next.length);
              longer.set(next);
              next = longer;
            }
            next[number - levelEnd]! += waysHere;
            isEnd = false;
          }
          if (number !== current) {
            this.#edges.push(number);
            degree += 1;
          }
        }
      }
      this.#degrees.add(current, degree);
      if (isEnd) this.#interleavings += waysHere;
    }
    states.close();
    return this.#checkGoals() ?? { ...this.figures, failure: undefined };
  }

  /** Unpacks a state, checks what has to hold in it, and notes the goals that it is. */
  #lookAt(state: number): string | undefined {
    const here = this.#here;
    const there = this.#there;
    const row = this.#rowHere;
    const values = this.#values;
    this.#states.take(state, row);
    for (const field of this.#active) {
      const number = (row[this.#position[field]!]! >>> this.#shift[field]!) & this.#mask[field]!;
      here[field] = there[field] = number;
      if (field < this.#wordCount) values[field] = this.domains.values[field]![number]!;
    }
    const { goals, holds } = this.model;
    let mask = 0;
    for (let at = 0; at < goals.length; at++) {
      const goal = goals[at]!;
      if (typeof goal === 'function' && goal(values)) mask |= 1 << at;
    }
    const wrong = holds?.(values);
    if (wrong !== undefined) return wrong;
    for (let thread = 0; thread < this.#automata.length; thread++) {
      const automaton = this.#automata[thread]!;
      const node = here[this.#wordCount + thread]!;
      if (automaton.kind[node] === Kind.done) mask |= this.#doneGoal(thread);
      const failure = automaton.holds[node]?.(values);
      if (failure !== undefined) return failure;
    }
    this.#goals.add(state, mask);
    return undefined;
  }

  readonly #doneGoals = new Map<number, number>();
  #doneGoal(thread: number): number {
    let mask = this.#doneGoals.get(thread);
    if (mask === undefined) {
      mask = 0;
      this.model.goals.forEach((goal, at) => (mask! |= goal === `done ${thread}` ? 1 << at : 0));
      this.#doneGoals.set(thread, mask);
    }
    return mask;
  }

  /** In how many ways the thread may go on from `here`. */
  #choices(thread: number): number {
    const automaton = this.#automata[thread]!;
    const node = this.#here[this.#wordCount + thread]!;
    const kind = automaton.kind[node]!;
    return kind <= Kind.asleep ? 0 : kind === Kind.choose ? automaton.rows[node]!.length : 1;
  }

  /** One transition of the thread, in `there`. */
  #advance(thread: number, choice: number): string | undefined {
    return this.#perform(thread, choice) ?? (this.isReduced ? this.#runAhead(thread) : undefined);
  }

  #runAhead(thread: number): string | undefined {
    const automaton = this.#automata[thread]!;
    const field = this.#wordCount + thread;
    for (let count = 0; automaton.isEager[this.#there[field]!] === true; count++) {
      if (count > longestRun) throw new Error(`thread ${thread} goes in a circle of its own steps`);
      const wrong = this.#perform(thread, 0);
      if (wrong !== undefined) return wrong;
    }
    return undefined;
  }

  /** One step of the thread, in `there`. */
  #perform(thread: number, choice: number): string | undefined {
    const there = this.#there;
    const automaton = this.#automata[thread]!;
    const field = this.#wordCount + thread;
    const node = there[field]!;
    const kind = automaton.kind[node]!;
    this.#log?.push(`thread ${thread}: ${JSON.stringify(automaton.step[node])}`);
    if (kind === Kind.memory) {
      const word = automaton.word[node]!;
      const old = there[word]!;
      let move = automaton.rows[node]![old]!;
      if (move < 0) move = automaton.move(node, old);
      const number = move & (maximumValues - 1);
      if (number !== old) this.#set(word, number);
      this.#set(field, move >>> 8);
      const also = automaton.also[node];
      return also === undefined ? undefined : this.#act(also);
    }
    let next = automaton.rows[node]![choice]!;
    if (next < 0) next = automaton.next(node, choice);
    this.#set(field, next);
    const step = automaton.step[node];
    switch (step?.op) {
      case 'notify':
        return this.#wake(step.word);
      case 'checkpoint':
        this.#passed |= automaton.passes[node]!;
        return undefined;
      case 'assert':
        return this.#act(step.check);
      case 'act':
        return this.#act(step.act);
    }
    return undefined;
  }

  #wake(word: number): string | undefined {
    const there = this.#there;
    for (let thread = 0; thread < this.#automata.length; thread++) {
      const automaton = this.#automata[thread]!;
      const field = this.#wordCount + thread;
      const node = there[field]!;
      if (automaton.kind[node] !== Kind.asleep || automaton.word[node] !== word) continue;
      this.#set(field, automaton.rows[node]![0]!);
      const wrong = this.isReduced ? this.#runAhead(thread) : undefined;
      if (wrong !== undefined) return wrong;
    }
    return undefined;
  }

  #set(field: number, number: number): void {
    this.#there[field] = number;
    this.#changed[this.#changes++] = field;
  }

  #act(act: (words: number[]) => string | undefined): string | undefined {
    const values = this.#values;
    const domains = this.domains.values;
    for (let change = 0; change < this.#changes; change++) {
      const field = this.#changed[change]!;
      if (field < this.#wordCount) values[field] = domains[field]![this.#there[field]!]!;
    }
    const wrong = act(values);
    for (let word = 0; word < this.#wordCount; word++) {
      const value = values[word]!;
      if (value !== domains[word]![this.#there[word]!]) this.#set(word, this.domains.number(word, value));
    }
    return wrong;
  }

  /** The number of the state that is in `there`. */
  #add(): number {
    this.#pack();
    return this.#states.add(this.#row);
  }

  #pack(): void {
    const row = this.#row;
    const from = this.#rowHere;
    for (let word = 0; word < row.length; word++) row[word] = from[word]!;
    for (let change = 0; change < this.#changes; change++) {
      const field = this.#changed[change]!;
      const at = this.#position[field]!;
      const shift = this.#shift[field]!;
      row[at] = (row[at]! & ~(this.#mask[field]! << shift)) | (this.#there[field]! << shift);
    }
  }

  /** `there` is `here` again. */
  #takeBack(): void {
    for (let change = 0; change < this.#changes; change++) {
      const field = this.#changed[change]!;
      this.#there[field] = this.#here[field]!;
      if (field < this.#wordCount) this.#values[field] = this.domains.values[field]![this.#here[field]!]!;
    }
    this.#changes = 0;
  }

  /** Spreads the goals backwards until nothing changes; then every state should have them all. */
  #checkGoals(): Outcome | undefined {
    const { count } = this.#states;
    const goals = this.#goals;
    const all = 2 ** this.model.goals.length - 1;
    for (let hasChanged = true; hasChanged;) {
      hasChanged = false;
      let edge = this.#edges.length;
      for (let state = count - 1; state >= 0; state--) {
        const degree = this.#degrees.at(state);
        const before = goals.at(state);
        edge -= degree;
        if (before === all) continue;
        let mask = before;
        for (let each = edge; each < edge + degree && mask !== all; each++) mask |= goals.at(this.#edges.at(each));
        if (mask === before) continue;
        goals.add(state, mask);
        hasChanged = true;
      }
    }
    for (let state = 0; state < count; state++) {
      const mask = goals.at(state);
      if (mask === all) continue;
      const missing = this.model.goals.find((_, at) => (mask & (1 << at)) === 0);
      return this.#fail(`'${String(missing)}' cannot be reached any more`, state);
    }
    return undefined;
  }

  /** With the steps that lead to `state`, and from there into the failure. */
  #fail(what: string, state: number, thread = -1, choice = 0): Outcome {
    const path: number[] = [];
    for (let at = state; at > 0; at = this.#before(at)) path.unshift(at);
    this.#log = [];
    let at = 0;
    for (const next of path) {
      this.#step(at, next);
      at = next;
    }
    if (thread >= 0) {
      this.#lookAt(at);
      this.#advance(thread, choice);
    }
    return { ...this.figures, failure: `${what}\n${this.#log.join('\n')}` };
  }

  /** The first state with a transition to this one. */
  #before(state: number): number {
    let edge = 0;
    for (let from = 0; from < state; from++) {
      for (const end = edge + this.#degrees.at(from); edge < end; edge++) if (this.#edges.at(edge) === state) return from;
    }
    throw new RangeError(`nothing leads to state ${state}`);
  }

  /** Logs the transition from one state to another. */
  #step(from: number, to: number): void {
    const log = this.#log ?? [];
    const before = log.length;
    const goal = this.#row.slice();
    this.#states.take(to, goal);
    for (let thread = 0; thread < this.#automata.length; thread++) {
      this.#lookAt(from);
      for (let choice = 0; choice < this.#choices(thread); choice++) {
        const wrong = this.#advance(thread, choice);
        this.#pack();
        this.#takeBack();
        if (wrong === undefined && this.#row.every((word, at) => word === goal[at])) return;
        log.length = before;
      }
    }
  }
}

function bitsFor(count: number): number {
  return Math.ceil(Math.log2(Math.max(1, count)));
}
