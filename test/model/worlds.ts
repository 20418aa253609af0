/** Worlds that are values, of which is known all that may happen next, for the explorer of threads (explore.ts). */
import { explore, type Outcome, type Thread } from './explore.ts';

/** That a word of the explorer can have; a world's number is in four, the lowest digit first. */
const wordValues = 256;
/** More than can happen in one state. */
const most = 24;

export interface Happened<World> {
  readonly what: string;
  readonly next: World;
  /** Ends the exploration. */
  readonly wrong: string | undefined;
}

export interface WorldModel<World> {
  happenings(world: World): readonly Happened<World>[];
  /** The same for equal worlds. */
  textOf(world: World): string;
  /** What has to stay reachable from every world. */
  isServed(world: World): boolean;
}

interface Known<World> {
  readonly world: World;
  readonly before: number;
  readonly what: string;
}

/** Worlds are numbered as they are found; the explorer's words hold the number. Thread k does the k-th thing that may happen. */
export function exploreWorlds<World>(first: World, { happenings, textOf, isServed }: WorldModel<World>): Outcome {
  const worlds: Known<World>[] = [];
  const numbers = new Map<string, number>();
  const number = (world: World, before: number, what: string): number => {
    const text = textOf(world);
    const known = numbers.get(text);
    if (known !== undefined) return known;
    numbers.set(text, worlds.length);
    worlds.push({ world, before, what });
    return worlds.length - 1;
  };
  const story = (from: number, what: string): string => {
    const steps = [what];
    for (let at = from; at > 0; at = worlds[at]?.before ?? 0) steps.unshift(worlds[at]?.what ?? '');
    return steps.join('\n');
  };
  let current = -1;
  let results: { wrong: string | undefined; next: number; what: string }[] = [];
  const look = (at: number) => {
    if (at === current) return results;
    const known = worlds[at];
    if (known === undefined) throw new RangeError(`no world ${at}`);
    current = at;
    results = happenings(known.world).map(({ what, next, wrong }) => ({ what, wrong, next: wrong === undefined ? number(next, at, what) : at }));
    if (results.length > most) throw new RangeError(`${results.length} things may happen at once`);
    return results;
  };
  const at = (words: readonly number[]) => words.reduceRight((number, digit) => number * wordValues + digit, 0);
  const thread = (index: number): Thread =>
    function* () {
      for (;;) {
        yield {
          at: `happening ${index}`,
          op: 'act',
          act(words) {
            const from = at(words);
            const result = look(from)[index];
            if (result === undefined) return undefined;
            if (result.wrong !== undefined) return story(from, `${result.what}\n=> ${result.wrong}`);
            for (let rest = result.next, word = 0; word < words.length; word++) {
              words[word] = rest % wordValues;
              rest = Math.floor(rest / wordValues);
            }
            return undefined;
          },
        };
      }
    };
  number(first, 0, 'begin');
  const goal = (words: readonly number[]) => {
    const world = worlds[at(words)]?.world;
    return world !== undefined && isServed(world);
  };
  const outcome = explore({ threads: Array.from({ length: most }, (_, index) => thread(index)), words: [0, 0, 0, 0], goals: [goal] });
  return outcome.failure?.includes('cannot be reached') === true
    ? { ...outcome, failure: `${outcome.failure.split('\n')[0] ?? ''} (not served)` }
    : outcome;
}
