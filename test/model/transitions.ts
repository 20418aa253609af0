/**
 * What a search does to one state at a time: unpack it, take one thread a transition further, pack what becomes of it, exchanged for its representative
 * (symmetry.ts). Where the transitions of a state lead is found anew whenever it is asked for: to keep it would take more room than the states.
 */
import { Automaton, complete, type Domains, Kind, maximumValues, mergeAlike } from './automaton.ts';
import type { Model, ModelStep } from './model.ts';
import { bitsFor, Packing } from './packing.ts';
import type { Places } from './places.ts';
import { mostGoals } from './goals.ts';
import { Masks, StateSet } from './state-set.ts';
import { type Exchanges, Representatives } from './symmetry.ts';

/** Eager steps in a row: more can only be a circle. */
const longestRun = 1000;

/** What a search knows of its model beforehand. */
export interface Knowledge {
  readonly places: Places;
  readonly domains: Domains;
  /** Undefined: threads are not exchanged for each other. */
  readonly exchanges: Exchanges | undefined;
  readonly isReduced: boolean;
  /** How many times more than what is known there has to be room for. */
  readonly room: number;
}

export class Transitions {
  readonly #automata: Automaton[];
  readonly states: StateSet;
  readonly #representatives: Representatives | undefined;
  /** Goals that are known to be reachable. */
  readonly goals = new Masks();
  readonly #wordCount: number;
  /** Its fields: words, numbered by value, then nodes of threads. */
  readonly #packing: Packing;
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
  /** Where the choices of the last thread lead: by choice the state, what it was exchanged by, and the goals that are passed. */
  readonly found = new Float64Array(32);
  readonly exchanges = new Int32Array(32);
  readonly passes = new Int32Array(32);
  /** The steps that are done, as they are done. */
  log: string[] | undefined;

  readonly #domains: Domains;
  readonly #isReduced: boolean;

  constructor(
    private readonly model: Model,
    { places, domains, exchanges, isReduced, room }: Knowledge,
  ) {
    this.#domains = domains;
    this.#isReduced = isReduced;
    const { threads, words, own, goals } = model;
    if (goals.length > mostGoals) throw new RangeError(`more than ${mostGoals} goals`);
    threads.forEach((_, thread) => places.start(thread));
    if (isReduced) {
      for (let learned = -1; learned !== places.learned;) {
        learned = places.learned;
        complete(places);
        exchanges?.close();
      }
    }
    const classes = isReduced ? mergeAlike(places.all) : undefined;
    const wordBits = domains.values.map(({ length }) => bitsFor(room > 2 ? Math.max(16, length * room) : length));
    domains.capacity = wordBits.map((bits) => 2 ** bits);
    const isEager = (step: ModelStep): boolean =>
      step.op === 'checkpoint' ||
      step.op === 'notify' ||
      (step.op === 'any' && step.of === 0) ||
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
    this.#packing = new Packing(bits);
    this.#rowHere = new Int32Array(this.#packing.width);
    this.#row = new Int32Array(this.#packing.width);
    this.states = new StateSet(this.#packing.width);
    this.#here = new Int32Array(bits.length);
    this.#there = new Int32Array(bits.length);
    this.#values = [...words];
    this.#representatives = exchanges && new Representatives(model, exchanges, this.#automata, domains);
    threads.forEach((_, thread) => this.#set(words.length + thread, this.#automata[thread]!.nodeOf(places.start(thread))));
  }

  get threads(): number {
    return this.#automata.length;
  }

  /** The state in which nobody has done anything, but for what may as well be done at once. Says what is wrong with it. */
  begin(): string | undefined {
    for (let thread = 0; thread < this.threads; thread++) {
      const wrong = this.#runAhead(thread);
      if (wrong !== undefined) return wrong;
    }
    this.#add(0);
    this.#takeBack();
    return undefined;
  }

  /** A choice of a thread of the state that was unpacked: `found`, `exchanges` and `passes` say of it where it leads. */
  go(thread: number, choice: number): string | undefined {
    this.#passed = 0;
    const failure = this.#advance(thread, choice);
    if (failure === undefined) {
      const exchange = this.#representatives?.choose(this.#there) ?? 0;
      this.found[choice] = this.#add(exchange);
      this.exchanges[choice] = exchange;
      this.passes[choice] = this.#passed;
    }
    this.#takeBack();
    return failure;
  }

  /** The goals on that way, when those are known of the state that it leads to. */
  goalsBefore(choice: number, there: number): number {
    return this.passes[choice]! | (this.#representatives?.goals(this.exchanges[choice]!, there) ?? there);
  }

  /** As `go`, to the state itself, which nobody is exchanged in. */
  move(thread: number, choice: number): void {
    this.#advance(thread, choice);
    this.#settle();
  }

  /** Where each thread goes; undefined: threads are not exchanged. */
  exchange(number: number): readonly number[] | undefined {
    return this.#representatives?.exchange(number);
  }

  unpack(state: number): void {
    const here = this.#here;
    const there = this.#there;
    const row = this.#rowHere;
    const values = this.#values;
    this.states.take(state, row);
    for (const field of this.#packing.active) {
      const number = (row[this.#packing.position[field]!]! >>> this.#packing.shift[field]!) & this.#packing.mask[field]!;
      here[field] = there[field] = number;
      if (field < this.#wordCount) values[field] = this.#domains.values[field]![number]!;
    }
  }

  /** Unpacks a state, checks what has to hold in it, and notes the goals that it is. */
  lookAt(state: number): string | undefined {
    this.unpack(state);
    const here = this.#here;
    const values = this.#values;
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
    this.goals.add(state, mask);
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

  /** Set of ways in which the thread may go on from `here`. */
  choices(thread: number): number {
    return this.#automata[thread]!.ways[this.#here[this.#wordCount + thread]!]!;
  }

  /** Whether a thread's ways on are none of its own choosing. */
  isAny(thread: number): boolean {
    return this.#automata[thread]!.kind[this.#here[this.#wordCount + thread]!] === Kind.any;
  }

  /** One transition of the thread, in `there`. */
  #advance(thread: number, choice: number): string | undefined {
    if (!this.#isReduced) return this.#perform(thread, choice);
    // Whom it takes is open until the step is done.
    const wrong = this.isAny(thread) ? this.#perform(thread, choice) : undefined;
    return wrong ?? this.#perform(thread, this.isAny(thread) ? 0 : choice) ?? this.#runAhead(thread);
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
    this.log?.push(`thread ${thread}: ${JSON.stringify(automaton.step[node])}`);
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
      const wrong = this.#isReduced ? this.#runAhead(thread) : undefined;
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
    const domains = this.#domains.values;
    for (let change = 0; change < this.#changes; change++) {
      const field = this.#changed[change]!;
      if (field < this.#wordCount) values[field] = domains[field]![this.#there[field]!]!;
    }
    const wrong = act(values);
    for (let word = 0; word < this.#wordCount; word++) {
      const value = values[word]!;
      if (value !== domains[word]![this.#there[word]!]) this.#set(word, this.#domains.number(word, value));
    }
    return wrong;
  }

  /** The number of the state that is in `there`, exchanged. */
  #add(exchange: number): number {
    if (exchange === 0) this.#pack();
    else this.#packExchanged(exchange);
    return this.states.add(this.#row);
  }

  #packExchanged(exchange: number): void {
    const representatives = this.#representatives!;
    const goesTo = representatives.fields[exchange]!;
    const row = this.#row;
    row.fill(0);
    for (const field of this.#packing.active) {
      const to = goesTo[field]!;
      row[this.#packing.position[to]!]! |= representatives.exchanged(exchange, field, this.#there[field]!) << this.#packing.shift[to]!;
    }
  }

  #pack(): void {
    const row = this.#row;
    const from = this.#rowHere;
    for (let word = 0; word < row.length; word++) row[word] = from[word]!;
    for (let change = 0; change < this.#changes; change++) {
      const field = this.#changed[change]!;
      const at = this.#packing.position[field]!;
      const shift = this.#packing.shift[field]!;
      row[at] = (row[at]! & ~(this.#packing.mask[field]! << shift)) | (this.#there[field]! << shift);
    }
  }

  /** `there` is `here` again. */
  #takeBack(): void {
    for (let change = 0; change < this.#changes; change++) {
      const field = this.#changed[change]!;
      this.#there[field] = this.#here[field]!;
      if (field < this.#wordCount) this.#values[field] = this.#domains.values[field]![this.#here[field]!]!;
    }
    this.#changes = 0;
  }

  /** `here` is `there`. */
  #settle(): void {
    this.#here.set(this.#there);
    for (const field of this.#packing.active) if (field < this.#wordCount) this.#values[field] = this.#domains.values[field]![this.#here[field]!]!;
    this.#changes = 0;
  }
}
