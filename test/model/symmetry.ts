/**
 * Threads that may be exchanged for each other (Symmetry in model.ts): of states that are the same but for who is who, one stands for all.
 *
 * An exchange is a permutation of threads, and goes with their words, the numbers that name them, and where each thread stands. The last is found by
 * walking: the history that leads to a place, exchanged result by result, leads to its image; on the way each step has to be the image of the
 * other's, or it is an error. So an exchange of a state does what the state does, exchanged, however the representative is chosen; a
 * choice that is not the same for all states of an orbit would only cost room.
 */
import { lowest } from '../../engine/machine/atomic-step.ts';
import { type Automaton, type Domains, maximumValues } from './automaton.ts';
import type { Model, ModelStep } from './model.ts';
import type { Place, Places } from './places.ts';

/** Where each thread goes. */
type Exchange = readonly number[];

/** Of words that are numbers of threads. */
const numberMask = 0xff;

function permutationsOf(elements: readonly number[]): number[][] {
  if (elements.length === 0) return [[]];
  return elements.flatMap((first) => permutationsOf(elements.filter((each) => each !== first)).map((rest) => [first, ...rest]));
}

export class Exchanges {
  /** The first leaves everybody where they are. */
  readonly all: readonly Exchange[];
  readonly #images: Map<number, Place>[];
  readonly #words: Int32Array[];
  readonly #numbers: Set<number>;
  readonly #sets: Set<number>;

  constructor(
    { threads, words, symmetry }: Model,
    private readonly places: Places,
  ) {
    let all: number[][] = [threads.map((_, thread) => thread)];
    for (const group of symmetry?.groups ?? []) {
      all = permutationsOf(group).flatMap((order) =>
        all.map((exchange) => exchange.map((to, thread) => (group.includes(thread) ? order[group.indexOf(thread)]! : to))),
      );
    }
    this.all = all;
    this.#images = all.map(() => new Map());
    this.#numbers = new Set(symmetry?.numbers);
    this.#sets = new Set(symmetry?.sets);
    this.#words = all.map((exchange) => {
      const target = Int32Array.from(words, (_, word) => word);
      for (const thread of symmetry?.groups.flat() ?? []) {
        const there = symmetry!.wordsOf(exchange[thread]!);
        symmetry!.wordsOf(thread).forEach((word, at) => (target[word] = there[at]!));
      }
      return target;
    });
  }

  /** The first of the words that may come to each other's places. */
  alike(word: number): number {
    return this.#words.reduce((least, target) => Math.min(least, target[word]!), word);
  }

  word(exchange: number, word: number): number {
    return this.#words[exchange]![word]!;
  }

  /** Whether the word's values are exchanged too. */
  names(word: number): boolean {
    return this.#numbers.has(word) || this.#sets.has(word);
  }

  value(exchange: number, word: number, value: number): number {
    if (this.#sets.has(word)) return this.#setOf(exchange, value);
    const number = value & numberMask;
    return this.#numbers.has(word) && number > 0 ? (value & ~numberMask) | (this.all[exchange]![number - 1]! + 1) : value;
  }

  #setOf(exchange: number, set: number): number {
    const goesTo = this.all[exchange]!;
    let changed = set;
    goesTo.forEach((to, thread) => (changed = (changed & ~(1 << to)) | (((set >>> thread) & 1) << to)));
    return changed;
  }

  #result(exchange: number, step: ModelStep, result: number): number {
    if (step.op === 'any') return result < 0 ? result : this.all[exchange]![result]!;
    return 'word' in step && step.op !== 'wait' ? this.value(exchange, step.word, result) : result;
  }

  /** Where the thread is that stands at the place, when all are exchanged. */
  image(exchange: number, place: Place): Place {
    const images = this.#images[exchange]!;
    let image = images.get(place.id);
    if (image !== undefined) return image;
    const { from } = place;
    if (from?.place.pending === undefined) image = this.places.start(this.all[exchange]![place.thread]!);
    else
      image = this.places.after(this.image(exchange, from.place), this.#result(exchange, from.place.pending, from.result));
    const [expected, found] = [this.#exchanged(exchange, place.pending), whatIsSaid(image.pending)];
    if (expected !== found) throw new Error(`threads that are exchanged do not do the same: ${expected} or ${found}`);
    images.set(place.id, image);
    return image;
  }

  #exchanged(exchange: number, step: ModelStep | undefined): string {
    if (step?.op === 'any') return whatIsSaid({ ...step, of: this.#setOf(exchange, step.of) });
    if (step === undefined || !('word' in step)) return whatIsSaid(step);
    const changed: Record<string, unknown> = { ...step, word: this.word(exchange, step.word) };
    if ('value' in step) changed['value'] = this.value(exchange, step.word, step.value);
    if ('expected' in step) changed['expected'] = this.value(exchange, step.word, step.expected);
    return whatIsSaid(changed);
  }

  /** Learns the images of all places, and what follows on them. */
  close(): void {
    for (let known = -1; known !== this.places.learned;) {
      known = this.places.learned;
      for (const place of [...this.places.all]) {
        this.all.forEach((_, exchange) => {
          const image = this.image(exchange, place);
          for (const result of place.next.keys())
            if (place.pending !== undefined) this.places.after(image, this.#result(exchange, place.pending, result));
        });
      }
    }
  }
}

/** Of a step, what an exchange may be held to: names in it may be of others, and `local` is whatever the text takes it for. */
function whatIsSaid(step: ModelStep | Record<string, unknown> | undefined): string {
  return JSON.stringify({ ...step, at: String(step?.['at']).replaceAll(/\d+/g, '#'), local: undefined });
}

/** Chooses representatives of the states of one search. */
export class Representatives {
  readonly #groups: readonly (readonly number[])[];
  readonly #members: readonly number[];
  readonly #goesTo: Int32Array;
  /** By where the members go, as digits: the number of the exchange. */
  readonly #exchanges: Int16Array;
  readonly #ownWords: readonly (readonly number[])[];
  readonly #keys: Int32Array;
  /** By thread and node, for each thread: a number for what it is to the one that stands there. */
  readonly #roles: (Int32Array | undefined)[][];
  /** By exchange and thread, for each node. */
  readonly #nodes: Int32Array[][];
  /** By exchange and word, for each value by number; of words whose values are not exchanged: undefined. */
  readonly #values: (Int32Array | undefined)[][];
  /** By exchange: where the fields of a state go. */
  readonly fields: Int32Array[];
  readonly #goals: Int32Array[];

  constructor(
    private readonly model: Model,
    private readonly exchanges: Exchanges,
    private readonly automata: readonly Automaton[],
    private readonly domains: Domains,
  ) {
    const { threads, words, symmetry, goals } = model;
    const all = exchanges.all;
    this.#groups = symmetry?.groups ?? [];
    this.#members = this.#groups.flat();
    this.#goesTo = Int32Array.from(threads, (_, thread) => thread);
    this.#exchanges = new Int16Array(threads.length ** this.#members.length).fill(-1);
    all.forEach((exchange, number) => (this.#exchanges[this.#digits(exchange)] = number));
    this.#ownWords = threads.map((_, thread) => (this.#members.includes(thread) ? symmetry!.wordsOf(thread) : []));
    this.#keys = new Int32Array(threads.length);
    this.#roles = threads.map(() => []);
    this.#nodes = all.map(() => threads.map(() => new Int32Array(firstNodes).fill(-1)));
    const table = (size: number) => new Int32Array(size).fill(-1);
    this.#values = all.map(() => words.map((_, word) => (exchanges.names(word) ? table(maximumValues) : undefined)));
    this.fields = all.map((exchange, number) =>
      Int32Array.from([...words.map((_, word) => exchanges.word(number, word)), ...exchange.map((to) => words.length + to)]),
    );
    this.#goals = all.map((exchange) => {
      const comes = goals.map((goal) => {
        const [, name, thread] = typeof goal === 'function' ? [] : (/^(.*) (\d+)$/.exec(goal) ?? []);
        return name === undefined ? goals.indexOf(goal) : goals.indexOf(`${name} ${exchange[Number(thread)]!}`);
      });
      if (comes.includes(-1)) throw new Error('goals are not the same for threads that are exchanged');
      const set = (mask: number) => comes.reduce((goalsHere, to, goal) => goalsHere | (((mask >>> to) & 1) << goal), 0);
      return Int32Array.from({ length: 2 ** goals.length }, (_, mask) => set(mask));
    });
  }

  #digits(exchange: ArrayLike<number>): number {
    let digits = 0;
    for (const member of this.#members) digits = digits * this.#goesTo.length + exchange[member]!;
    return digits;
  }

  /** The exchange that makes its representative of a state. */
  choose(state: Int32Array): number {
    const keys = this.#keys;
    const words = this.model.words.length;
    for (const member of this.#members) {
      let key = 0;
      for (const word of this.#ownWords[member]!) key = Math.imul(key ^ state[word]!, 0x9e3779b1) ^ (key >>> 15);
      keys[member] = key;
    }
    const symmetry = this.model.symmetry!;
    for (const word of symmetry.numbers) {
      const number = this.domains.values[word]![state[word]!]! & numberMask;
      if (number > 0) keys[number - 1]! += mixed(word);
    }
    for (const word of symmetry.sets) {
      for (let left = this.domains.values[word]![state[word]!]!; left !== 0; left &= left - 1) keys[lowest(left)]! += mixed(word);
    }
    for (let thread = 0; thread < this.automata.length; thread++) {
      const node = state[words + thread]!;
      const roles = this.#roles[thread]![node] ?? this.#learnRoles(thread, node);
      for (const member of this.#members) keys[member]! += roles[member]!;
    }
    const goesTo = this.#goesTo;
    for (const group of this.#groups) {
      for (const member of group) {
        let rank = 0;
        for (const other of group)
          if (keys[other]! < keys[member]! || (keys[other] === keys[member] && other < member)) rank += 1;
        goesTo[member] = group[rank]!;
      }
    }
    return this.#exchanges[this.#digits(goesTo)]!;
  }

  #learnRoles(thread: number, node: number): Int32Array {
    const { all } = this.exchanges;
    const least = this.#goesTo.map((_, member) =>
      all.reduce((code, exchange, number) => {
        const there = (exchange[thread]! * 0x10000 + this.#node(number, thread, node)) * 16 + exchange[member]!;
        return Math.min(code, there);
      }, Infinity),
    );
    return (this.#roles[thread]![node] = Int32Array.from(least, mixed));
  }

  /** What the field of a state says when it is exchanged. */
  exchanged(exchange: number, field: number, number: number): number {
    const words = this.model.words.length;
    if (field >= words) return this.#node(exchange, field - words, number);
    const table = this.#values[exchange]![field];
    if (table === undefined) return number;
    let changed = table[number]!;
    if (changed < 0) {
      const value = this.exchanges.value(exchange, field, this.domains.values[field]![number]!);
      changed = table[number] = this.domains.number(field, value);
    }
    return changed;
  }

  #node(exchange: number, thread: number, node: number): number {
    let nodes = this.#nodes[exchange]![thread]!;
    if (node >= nodes.length) {
      const longer = new Int32Array(2 * node).fill(-1);
      longer.set(nodes);
      nodes = this.#nodes[exchange]![thread] = longer;
    }
    if (nodes[node]! < 0) nodes[node] = this.#learnNode(exchange, thread, node);
    return nodes[node]!;
  }

  #learnNode(exchange: number, thread: number, node: number): number {
    const automaton = this.automata[thread]!;
    const there = this.automata[this.exchanges.all[exchange]![thread]!]!;
    const place = automaton.placeOf(node);
    if (place !== undefined) return there.nodeOf(this.exchanges.image(exchange, place));
    const wakes = this.#node(exchange, thread, automaton.rows[node]![0]!);
    return there.sleeper(this.exchanges.word(exchange, automaton.word[node]!), wakes);
  }

  /** Where each thread goes. */
  exchange(exchange: number): Exchange {
    return this.exchanges.all[exchange]!;
  }

  /** The goals of a state, from those of what it was exchanged for. */
  goals(exchange: number, mask: number): number {
    return this.#goals[exchange]![mask]!;
  }
}

const firstNodes = 1024;

function mixed(value: number): number {
  let hash = Math.imul(value | 0, 0x85ebca6b) ^ Math.imul(Math.floor(value / 0x1_0000_0000), 0xc2b2ae35);
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0x2545f491);
  return hash ^ (hash >>> 13);
}
