/**
 * Where a thread can stand. A place is learned by running the thread's generator: it is the path of steps since its last checkpoint, with loops
 * cut out (the same step twice on a path is the same place). That this captures all of a thread's local state is checked, not assumed:
 * places reached along different histories have to go on alike.
 */
import type { ModelStep, Thread } from './model.ts';

export interface Place {
  readonly thread: number;
  readonly id: number;
  readonly path: readonly string[];
  /** Histories of results that lead here: the shortest, and some others to compare with. */
  readonly histories: (readonly number[])[];
  /** What is done here; undefined: the thread has ended. */
  readonly pending: ModelStep | undefined;
  readonly label: string;
  /** By result of the step. */
  readonly next: Map<number, Place>;
  /** The shortest history leads through this place; undefined: the thread begins here. */
  readonly from: { readonly place: Place; readonly result: number } | undefined;
}

const comparedHistories = 3;

const labelOf = (step: ModelStep | undefined) => {
  if (step === undefined) return 'done';
  return step.op === 'any' ? `${loopOf(step.at)}${step.of} ${step.local ?? 0}` : JSON.stringify(step);
};
const loopOf = (at: string) => `any ${at} `;
const over = 'over';

/** The path with the step that is next. */
function extended(before: readonly string[], step: ModelStep | undefined, label: string): readonly string[] {
  if (step?.op === 'checkpoint') return [label];
  const seen = before.indexOf(label);
  if (seen >= 0) return before.slice(0, seen + 1);
  if (step?.op !== 'any') return [...before, label];
  const loop = loopOf(step.at);
  const start = before.findIndex((each) => each.startsWith(loop));
  if (start >= 0) return [...before.slice(0, start), label];
  // Where one loop follows another it shows all that is known of the one before.
  const last = before.at(-1);
  const [any, name, left] = last?.split(' ') ?? [];
  if (any !== 'any' || name === undefined || left !== '0') return [...before, label];
  return [...before.slice(0, -1), `${loopOf(name)}${over}`, label];
}

export class Places {
  readonly all: Place[] = [];
  /** How many results of steps are known. */
  learned = 0;
  readonly #byKey = new Map<string, Place>();

  constructor(private readonly threads: readonly Thread[]) {}

  start(thread: number): Place {
    return this.#learn(thread, [], [], undefined);
  }

  #replay(thread: number, history: readonly number[]): ModelStep | undefined {
    const program = this.threads[thread];
    if (program === undefined) throw new RangeError(`no thread ${thread}`);
    const generator = program();
    let step = generator.next(0);
    for (const result of history) step = generator.next(result);
    return step.done === true ? undefined : step.value;
  }

  #learn(thread: number, before: readonly string[], history: readonly number[], from: Place['from']): Place {
    const pending = this.#replay(thread, history);
    const label = labelOf(pending);
    const path = extended(before, pending, label);
    const key = `${thread} ${path.join(' ')}`;
    let place = this.#byKey.get(key);
    if (place === undefined) {
      place = { thread, id: this.all.length, path, histories: [history], pending, label, next: new Map(), from };
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
      next = this.#learn(place.thread, place.path, [...(place.histories[0] ?? []), result], { place, result });
      place.next.set(result, next);
      this.learned += 1;
      for (const history of place.histories) this.#compare(place, result, history);
    }
    return next;
  }

  #compare(place: Place, result: number, history: readonly number[]): void {
    const expected = place.next.get(result)?.label ?? '';
    const found = labelOf(this.#replay(place.thread, [...history, result]));
    if (expected !== found) {
      throw new Error(`a thread keeps more than its steps show at ${place.path.at(-1) ?? ''}: ${expected} or ${found}`);
    }
  }
}
