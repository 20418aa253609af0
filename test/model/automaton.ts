/**
 * A thread as tables. Its nodes are places (places.ts) of which those that go on alike are one, and for each `wait` the node of who sleeps there.
 * Words are numbered by value, so that a step on a word is a row of: old value → new value and next node. Rows are filled as they are needed.
 */
import type { Act, Check, ModelStep } from './model.ts';
import type { Place, Places } from './places.ts';

/** What was assumed of the tables does not hold: places that were taken for one are not, or there is no room. More is known now. */
export class Again extends Error {}

/** The values that each word has had. */
export class Domains {
  readonly values: number[][];
  readonly #numbers: Map<number, number>[];
  /** How many values of each word there is room for. */
  capacity: number[];

  /** `alike`: the first of the words that a word shares its numbers with. */
  constructor(words: readonly number[], alike: (word: number) => number = (word) => word) {
    const values = words.map((value) => [value]);
    const numbers = words.map((value) => new Map([[value, 0]]));
    const shared = <Each>(each: readonly Each[]) => words.map((_, word) => each[alike(word)]!);
    if (words.some((value, word) => words[alike(word)] !== value)) throw new RangeError('words that are alike begin differently');
    this.values = shared(values);
    this.#numbers = shared(numbers);
    this.capacity = words.map(() => maximumValues);
  }

  number(word: number, value: number): number {
    const values = this.values[word];
    const numbers = this.#numbers[word];
    if (values === undefined || numbers === undefined) throw new RangeError(`no word ${word}`);
    let number = numbers.get(value);
    if (number === undefined) {
      number = values.length;
      if (number >= maximumValues) throw new RangeError(`word ${word} has more than ${maximumValues} values`);
      values.push(value);
      numbers.set(value, number);
      if (number >= this.capacity[word]!) throw new Again();
    }
    return number;
  }
}

export const maximumValues = 256;

export const enum Kind {
  done,
  asleep,
  /** On a word. */
  memory,
  notify,
  checkpoint,
  choose,
  any,
  assert,
  act,
}

/**
 * Which places are one: they do the same, and whatever the result (of those that were seen) go on to the same. By number of the place. What is
 * only named differently, or would not be looked at any more, makes no difference.
 */
export function mergeAlike(places: readonly Place[]): Int32Array {
  const number = (keys: readonly string[]) => {
    const known = new Map<string, number>();
    const numbers = new Int32Array(keys.length);
    keys.forEach((key, at) => {
      if (!known.has(key)) known.set(key, known.size);
      numbers[at] = known.get(key) ?? 0;
    });
    return { numbers, count: known.size };
  };
  let classes = number(places.map(whatIsDone));
  for (;;) {
    const { numbers, count } = classes;
    const keys = places.map(({ id, next }) => {
      const ways = [...next].sort(([one], [other]) => one - other).map(([result, place]) => `${result}:${numbers[place.id]}`);
      return `${numbers[id]} ${ways.join(' ')}`;
    });
    classes = number(keys);
    if (classes.count === count) return numbers;
  }
}

/** Of a step that is no more than its operation: that. */
function whatIsDone({ thread, pending, label }: Place): string {
  if (pending === undefined) return `${thread} ${label}`;
  const { also, holds, own } = pending;
  if (pending.op === 'any' && holds === undefined) return `${thread} any ${pending.of}`;
  if (!('word' in pending)) return `${thread} ${label}`;
  if (also !== undefined || holds !== undefined || own === true) return `${thread} ${label}`;
  return [
    thread,
    pending.op,
    pending.word,
    'value' in pending ? pending.value : '',
    'expected' in pending ? pending.expected : '',
  ].join(' ');
}

/** Whatever came of a step somewhere is looked at wherever the same is done: places that are alike show it then. */
export function complete(places: Places): void {
  for (let known = -1; known !== places.learned;) {
    known = places.learned;
    const results = new Map<string, Set<number>>();
    for (const place of places.all) {
      const key = whatIsDone(place);
      const seen = results.get(key) ?? new Set();
      for (const result of place.next.keys()) seen.add(result);
      results.set(key, seen);
    }
    for (const place of [...places.all]) for (const result of results.get(whatIsDone(place)) ?? []) places.after(place, result);
  }
}

export interface AutomatonOptions {
  /** By number of the place; undefined: each is a node of its own. */
  readonly classes: Int32Array | undefined;
  /** Nodes that there is room for. */
  readonly capacity: number;
  /** The thread takes these steps together with the one before. */
  isEager(step: ModelStep): boolean;
  /** Set of goals that are reached by passing a checkpoint. */
  goalsAt(checkpoint: string): number;
}

export class Automaton {
  readonly kind: Kind[] = [];
  readonly step: (ModelStep | undefined)[] = [];
  /** Of `memory` and `notify`, and where an `asleep` waits. */
  readonly word: number[] = [];
  readonly also: (Act | undefined)[] = [];
  readonly holds: (Check | undefined)[] = [];
  readonly isEager: boolean[] = [];
  /** Goals that are reached by passing. */
  readonly passes: number[] = [];
  /** By node and number of the old value: next node * 256 + number of the new value; of other kinds by result: the next node. -1: not known yet. */
  readonly rows: Int32Array[] = [];
  /** Set of the choices that there are, as bits. */
  readonly ways: number[] = [];
  readonly #members: Place[][] = [];
  readonly #byPlace = new Map<number, number>();
  readonly #byClass = new Map<number, number>();
  readonly #sleepers = new Map<string, number>();

  constructor(
    private readonly places: Places,
    private readonly domains: Domains,
    private readonly options: AutomatonOptions,
  ) {}

  /** Nodes for all places of a thread that are known. */
  learn(thread: number): void {
    for (const place of this.places.all) if (place.thread === thread) this.nodeOf(place);
  }

  nodeOf(place: Place): number {
    let node = this.#byPlace.get(place.id);
    if (node !== undefined) return node;
    const { classes } = this.options;
    const known = classes !== undefined && place.id < classes.length ? classes[place.id] : undefined;
    node = known === undefined ? undefined : this.#byClass.get(known);
    if (node === undefined) {
      node = this.#create(place.pending);
      if (known !== undefined) this.#byClass.set(known, node);
    }
    this.#put(place, node);
    return node;
  }

  #put(place: Place, node: number): void {
    this.#members[node]!.push(place);
    this.#byPlace.set(place.id, node);
  }

  #create(step: ModelStep | undefined): number {
    const node = this.kind.length;
    const kind = kindOf(step);
    this.kind.push(kind);
    this.step.push(step);
    this.word.push(step !== undefined && 'word' in step ? step.word : -1);
    this.also.push(step?.also);
    this.holds.push(step?.holds);
    this.isEager.push(step !== undefined && this.options.isEager(step));
    this.passes.push(step?.op === 'checkpoint' ? this.options.goalsAt(step.at) : 0);
    const ways = waysOf(step);
    this.ways.push(ways);
    this.rows.push(new Int32Array(kind === Kind.memory ? maximumValues : Math.max(1, 32 - Math.clz32(ways))).fill(-1));
    this.#members.push([]);
    if (node >= this.options.capacity) throw new Again();
    return node;
  }

  /** Where the step of `node` leads with `result`. */
  #follow(node: number, result: number): number {
    let next = -1;
    let fresh = -1;
    let agree = true;
    for (const place of this.#members[node]!) {
      const after = this.places.after(place, result);
      // New places are taken for alike until they show that they are not.
      if (fresh >= 0 && !this.#byPlace.has(after.id) && whatIsDone(after) === whatIsDone(this.#members[fresh]![0]!))
        this.#put(after, fresh);
      const count = this.kind.length;
      const there = this.nodeOf(after);
      if (there === count) fresh = there;
      if (next >= 0 && there !== next) agree = false;
      next = there;
    }
    if (!agree) throw new Again();
    return next;
  }

  /** Fills in what `rows` says of a step that is not on a word, or of who sleeps. */
  next(node: number, choice: number): number {
    const step = this.step[node];
    return (this.rows[node]![choice] = this.#follow(node, step?.op === 'any' && step.of === 0 ? -1 : choice));
  }

  /** One of the places that are this node; undefined: somebody sleeps here. */
  placeOf(node: number): Place | undefined {
    return this.#members[node]?.[0];
  }

  /** Fills in what `rows` says of a step on a word. */
  move(node: number, old: number): number {
    const step = this.step[node];
    const word = this.word[node]!;
    const value = this.domains.values[word]![old]!;
    let changed = value;
    let result = value;
    switch (step?.op) {
      case 'store':
        changed = step.value;
        result = 0;
        break;
      case 'exchange':
        changed = step.value;
        break;
      case 'and':
        changed = value & step.value;
        break;
      case 'or':
        changed = value | step.value;
        break;
      case 'compareExchange':
        if (value === step.expected) changed = step.value;
        break;
      case 'wait':
        result = 0;
    }
    const next = step?.op === 'wait' && value === step.expected ? this.#sleeperAt(node) : this.#follow(node, result);
    return (this.rows[node]![old] = next * maximumValues + this.domains.number(word, changed));
  }

  /** The node of who sleeps in the `wait` of `node`. What matters of it is what wakes it, and where it goes on. */
  #sleeperAt(node: number): number {
    return this.sleeper(this.word[node]!, this.#follow(node, 0));
  }

  sleeper(word: number, wakes: number): number {
    const key = `${word} ${wakes}`;
    let sleeper = this.#sleepers.get(key);
    if (sleeper === undefined) {
      sleeper = this.#create(undefined);
      this.kind[sleeper] = Kind.asleep;
      this.ways[sleeper] = 0;
      this.word[sleeper] = word;
      this.rows[sleeper]![0] = wakes;
      this.#sleepers.set(key, sleeper);
    }
    return sleeper;
  }
}

function waysOf(step: ModelStep | undefined): number {
  switch (step?.op) {
    case undefined:
      return 0;
    case 'choose':
      return 2 ** step.count - 1;
    case 'any':
      return step.of === 0 ? 1 : step.of;
    default:
      return 1;
  }
}

function kindOf(step: ModelStep | undefined): Kind {
  switch (step?.op) {
    case undefined:
      return Kind.done;
    case 'notify':
      return Kind.notify;
    case 'checkpoint':
      return Kind.checkpoint;
    case 'choose':
      return Kind.choose;
    case 'any':
      return Kind.any;
    case 'assert':
      return Kind.assert;
    case 'act':
      return Kind.act;
    default:
      return Kind.memory;
  }
}
