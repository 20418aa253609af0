/** The search itself: it finds what there is to find, and the reductions leave nothing out. */
import { describe, expect, it } from 'vitest';
import { lowest } from '../../engine/machine/atomic-step.ts';
import { explore, type Model, type ModelStep, type Thread } from './explore.ts';
import { check, isOwn, modelOf, sceneOf, sound, word, wordsOfVcpu, type Scene } from './smm-model.ts';

const both = [true, false];

/** A word is set, and whoever waits for it is told; `notifies` false: not told. */
const setter = (notifies: boolean): Thread =>
  function* () {
    yield { at: 'set', op: 'store', word: 0, value: 1 };
    if (notifies) yield { at: 'tell', op: 'notify', word: 0 };
  };
const waiter: Thread = function* () {
  for (;;) {
    const seen = yield { at: 'look', op: 'load', word: 0 };
    if (seen !== 0) return;
    yield { at: 'wait', op: 'wait', word: 0, expected: 0 };
  }
};
/** Adds one to a word, in two steps. */
const adder: Thread = function* () {
  const seen = yield { at: 'read', op: 'load', word: 0 };
  yield { at: 'write', op: 'store', word: 0, value: seen + 1 };
};

describe.each(both)('a search (reduced: %s)', (isReduced) => {
  it('finds a lost wake-up', () => {
    const model = (notifies: boolean): Model => ({
      threads: [waiter, setter(notifies)],
      words: [0],
      goals: ['done 0', 'done 1'],
    });
    expect(explore(model(true), { isReduced }).failure).toBeUndefined();
    const { failure } = explore(model(false), { isReduced });
    expect(failure).toMatch(/^'done 0' cannot be reached any more\n/);
    expect(failure?.split('\n').slice(1)).toEqual([
      expect.stringMatching(/thread 0: .*"look"/),
      expect.stringMatching(/thread 0: .*"wait"/),
    ]);
  });

  it('finds a lost update, and says how it comes about', () => {
    const model: Model = {
      threads: [adder, adder],
      words: [0],
      goals: [(words) => words[0] === 2],
    };
    const { failure } = explore(model, { isReduced });
    expect(failure).toContain('cannot be reached');
    expect(
      failure
        ?.split('\n')
        .slice(1)
        .map((line) => line.replaceAll(/\{"at":"(\w+)".*/g, '$1')),
    ).toEqual(['thread 0: read', 'thread 1: read']);
  });

  it('counts states, transitions and interleavings', () => {
    const once = (word: number): Thread =>
      function* () {
        yield { at: 'set', op: 'store', word, value: 1 };
        yield { at: 'set again', op: 'store', word, value: 2 };
      };
    // Two steps each: a grid of three by three, which is crossed in 4! / (2! 2!) ways.
    const outcome = explore({ threads: [once(0), once(1)], words: [0, 0], goals: ['done 0'] }, { isReduced });
    expect(outcome).toEqual({ states: 9, transitions: 12, interleavings: 6, failure: undefined });
  });

  it('goes every way that a thread may choose', () => {
    const chooser: Thread = function* () {
      const choice = yield { at: 'choose', op: 'choose', count: 3 };
      yield { at: 'chosen', op: 'store', word: 0, value: choice };
    };
    const reach = (value: number) =>
      explore(
        { threads: [chooser], words: [7], goals: [], holds: (words) => (words[0] === value ? 'there' : undefined) },
        { isReduced },
      ).failure;
    expect([0, 1, 2].map(reach).every((found) => found?.startsWith('there') === true)).toBe(true);
    expect(reach(3)).toBeUndefined();
  });

  it('tells a goal that was passed from one that can be reached', () => {
    const passer: Thread = function* () {
      yield { at: 'first', op: 'store', word: 0, value: 1 };
      yield { at: 'here', op: 'checkpoint' };
      yield { at: 'last', op: 'store', word: 0, value: 2 };
      yield { at: 'sleep', op: 'wait', word: 0, expected: 2 };
    };
    expect(explore({ threads: [passer], words: [0], goals: ['here 0'] }, { isReduced }).failure).toMatch(
      /'here 0' cannot be reached/,
    );
  });

  it('refuses a thread that keeps more than its steps show', () => {
    const forgetful: Thread = function* () {
      const seen = yield { at: 'look', op: 'load', word: 0 };
      yield { at: 'nothing', op: 'load', word: 0 };
      yield { at: 'use', op: 'store', word: 1, value: seen };
    };
    expect(() => explore({ threads: [forgetful, setter(false)], words: [0, 0], goals: [] }, { isReduced })).toThrow(
      /keeps more than its steps show/,
    );
  });

  it('stops at its limit', () => {
    expect(explore({ threads: [adder, adder, adder], words: [0], goals: [] }, { limit: 10, isReduced }).failure).toBe(
      'more than 10 states',
    );
  });
});

describe.each(both)('a thread that takes any of a set (reduced: %s)', (isReduced) => {
  /** Goes on until what it takes is 0. */
  const taker = (op: 'any' | 'choose'): Thread =>
    function* () {
      for (;;) {
        yield { at: 'again', op: 'checkpoint' };
        const taken = yield op === 'any' ? { at: 'take', op, of: 0b101 } : { at: 'take', op, count: 2 };
        yield { at: 'taken', op: 'store', word: 0, value: taken };
        if (taken === 0) return;
      }
    };

  it('takes each of them', () => {
    for (const [value, isTaken] of [true, false, true].entries()) {
      const holds = (words: readonly number[]) => (words[0] === value ? 'there' : undefined);
      const { failure } = explore({ threads: [taker('any')], words: [7], goals: [], holds }, { isReduced });
      expect(failure?.startsWith('there') ?? false).toBe(isTaken);
    }
  });

  it('has to reach the goals whatever it takes, unlike one that chooses', () => {
    const reach = (op: 'any' | 'choose') => explore({ threads: [taker(op)], words: [0], goals: ['done 0'] }, { isReduced });
    expect(reach('choose').failure).toBeUndefined();
    expect(reach('any').failure).toMatch(/^'done 0' cannot be reached any more/);
  });

  it('takes nobody of nobody', () => {
    const none: Thread = function* () {
      const taken = yield { at: 'none', op: 'any', of: 0 };
      yield { at: 'taken', op: 'store', word: 0, value: taken };
    };
    const model: Model = { threads: [none], words: [0], goals: [(words) => words[0] === -1] };
    expect(explore(model, { isReduced }).failure).toBeUndefined();
  });
});

describe('a search that exchanges threads', () => {
  const scenes = [
    '2*busy | SMI any',
    '3*busy | SMI any',
    'busy 2*halts | SMI 0',
    '2*lock busy | SMI any',
    '2*decodes | SMI any',
    '2*gathers | SMI any, SMI any',
    '2*busy | SMI any, INIT any, NMI any',
    '2*busy | SMI any, pause',
  ];

  function visited(model: Model, options: { isExchanged: boolean; isReduced?: boolean }) {
    const found = new Set<string>();
    const holds = (values: readonly number[]) => {
      found.add(values.join(' '));
      return model.holds?.(values);
    };
    const { failure, states } = explore({ ...model, holds }, options);
    expect(failure).toBeUndefined();
    return { found, states };
  }

  /** The least of what the words become when vCPUs are exchanged in every way. */
  function leastOf(scene: Scene, words: string): string {
    const values = words.split(' ').map(Number);
    const ways = waysToExchange(scene.groups ?? [], scene.vcpus.length);
    return ways.map((goesTo) => exchanged(values, goesTo).join(' ')).reduce((one, other) => (one < other ? one : other));
  }

  it.each(scenes)('has been, but for who is who, wherever one is that does not: %s', (text) => {
    const scene = sceneOf(text);
    const model = modelOf(scene);
    const [some, all] = both.map((isExchanged) => visited(model, { isExchanged }));
    const least = ({ found }: { found: Set<string> }) => new Set([...found].map((words) => leastOf(scene, words)));
    expect(least(some!)).toEqual(least(all!));
    expect(some!.states).toBeLessThan(all!.states);
  });

  it('does so step by step as well', () => {
    const scene = sceneOf('2*busy | SMI any');
    const [some, all] = both.map((isExchanged) => visited(modelOf(scene), { isExchanged, isReduced: false }));
    const least = ({ found }: { found: Set<string> }) => [...new Set([...found].map((words) => leastOf(scene, words)))].sort();
    expect(least(some!)).toEqual(least(all!));
  });

  it('has been, in any order, wherever vCPUs come that are asked in the order of their numbers', () => {
    const inOrder = visited(modelOf(sceneOf('busy busy halts | SMI 0')), { isExchanged: false });
    const inAny = visited(modelOf(sceneOf('busy 1*busy halts | SMI 0')), { isExchanged: false });
    expect([...inOrder.found].filter((words) => !inAny.found.has(words))).toEqual([]);
    expect(inAny.found.size).toBeGreaterThan(inOrder.found.size);
  });

  it('refuses threads that do not do the same', () => {
    expect(() => check(sceneOf('2*busy | SMI 0'))).toThrow(/threads that are exchanged do not do the same/);
    expect(() => check({ ...sceneOf('busy decodes | SMI any'), groups: [[0, 1]] })).toThrow(/do not do the same/);
  });

  it('refuses goals that are not the same for all', () => {
    const model = modelOf(sceneOf('2*busy | SMI any'));
    expect(() => explore({ ...model, goals: ['instruction 0'] })).toThrow(/goals are not the same/);
  });

  /** Writes that it wants something, and has it without a look at the other when `isBlind`. */
  const contender = (thread: number, isBlind: boolean): Thread =>
    function* () {
      yield { at: 'want', op: 'store', word: thread, value: 1 };
      const other = yield { at: 'other?', op: 'load', word: 1 - thread };
      if (other !== 0 && !isBlind) return;
      yield { at: 'have', op: 'store', word: 2, value: thread + 1 };
      const check = (words: readonly number[]) => (words[2] === thread + 1 ? undefined : 'both have it');
      yield { at: 'still', op: 'assert', check };
    };
  const contest = (isBlind: boolean): Model => ({
    threads: [contender(0, isBlind), contender(1, isBlind)],
    words: [0, 0, 0],
    goals: ['done 0', 'done 1'],
    symmetry: { groups: [[0, 1]], wordsOf: (thread) => [thread], numbers: [2], sets: [] },
  });

  it('says of threads as they are how a failure comes about', () => {
    expect(explore(contest(false)).failure).toBeUndefined();
    const { failure } = explore(contest(true));
    expect(failure).toMatch(/^both have it\n/);
    const { threads, words: initial } = contest(true);
    const words = [...initial];
    const running = threads.map((thread) => thread());
    const pending = running.map((thread) => thread.next(0));
    const lines = failure?.split('\n').slice(1) ?? [];
    for (const [index, line] of lines.entries()) {
      const [, thread, step] = /^thread (\d): (.*)$/.exec(line) ?? [];
      const next = pending[Number(thread)]?.value as ModelStep;
      expect(JSON.stringify(next)).toBe(step);
      if (index === lines.length - 1) expect(next.op === 'assert' && next.check(words)).toBe('both have it');
      else pending[Number(thread)] = running[Number(thread)]!.next(take(next, words, () => 0) ?? 0);
    }
  });
});

/** Where each of so many vCPUs goes, in all ways that leave the groups what they are. */
function waysToExchange(groups: readonly (readonly number[])[], cpus: number): number[][] {
  const orders = (of: readonly number[]): number[][] =>
    of.length < 2 ? [[...of]] : of.flatMap((first) => orders(of.filter((each) => each !== first)).map((rest) => [first, ...rest]));
  return groups.reduce<number[][]>(
    (ways, group) =>
      ways.flatMap((way) => orders(group).map((order) => way.map((to, cpu) => (group.includes(cpu) ? order[group.indexOf(cpu)]! : to)))),
    [Array.from({ length: cpus }, (_, cpu) => cpu)],
  );
}

function exchanged(values: readonly number[], goesTo: readonly number[]): number[] {
  const changed = [...values];
  goesTo.forEach((to, cpu) => {
    const there = wordsOfVcpu(to);
    wordsOfVcpu(cpu).forEach((own, index) => (changed[there[index]!] = values[own]!));
  });
  const named = (value: number) => ((value & 0xff) === 0 ? value : (value & ~0xff) | (goesTo[(value & 0xff) - 1]! + 1));
  const set = (value: number) => goesTo.reduce((members, to, cpu) => members | (((value >> cpu) & 1) << to), 0);
  changed[word.turn] = named(values[word.turn]!);
  changed[word.owner] = named(values[word.owner]!);
  changed[word.members] = set(values[word.members]!);
  return changed;
}

describe('a reduced search', () => {
  const scenes = [
    'busy busy | SMI 0',
    'busy halts | SMI 1',
    'lock busy | SMI 1, INIT 0',
    'decodes busy | SMI 0',
    'busy | SMI 0, NMI 0, pause',
    'halts | SMI 0, reset',
  ];

  /** What threads see of each other: all words but those that are one thread's own. */
  const seenIn = (values: readonly number[]) => values.filter((_, word) => !isOwn(word)).join(' ');

  it.each(scenes)('finds the same as one step by step: %s', (text) => {
    const scene = sceneOf(text);
    const seen = both.map((isReduced) => {
      const found = new Set<string>();
      const model = modelOf(scene);
      const outcome = explore(
        {
          ...model,
          holds: (values) => {
            found.add(seenIn(values));
            return model.holds?.(values);
          },
        },
        { isReduced },
      );
      expect(outcome.failure).toBeUndefined();
      return { found, states: outcome.states };
    });
    const [reduced, full] = seen;
    expect([...(reduced?.found ?? [])].sort()).toEqual([...(full?.found ?? [])].sort());
    expect(reduced?.states).toBeLessThan((full?.states ?? 0) / 2);
  });

  it('has been wherever threads come that just run', () => {
    const scene = sceneOf('busy halts | SMI 0, SMI 1');
    const found = new Set<string>();
    expect(explore({ ...modelOf(scene), holds: (values) => void found.add(seenIn(values)) }).failure).toBeUndefined();
    let seed = 1;
    const random = (below: number) => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return Math.floor((seed / 2 ** 32) * below);
    };
    for (let walk = 0; walk < 300; walk++) {
      for (const values of randomWalk(modelOf(scene), random, 300)) expect(found.has(seenIn(values))).toBe(true);
    }
  });

  it('is sound for a part that is not', () => {
    const scene: Scene = {
      ...sceneOf('busy busy | SMI 0'),
      parts: { ...sound, leaveSmm: (words, cpu, hooks) => sound.enterSmm(words, cpu, hooks) },
    };
    for (const isReduced of both) expect(explore(modelOf(scene), { isReduced }).failure).toBeDefined();
  });
});

/** The words behind each step of threads that take turns at random, without any knowledge of places. */
function* randomWalk(
  { threads, words: initial }: Model,
  random: (below: number) => number,
  steps: number,
): Generator<readonly number[]> {
  const words = [...initial];
  const running = threads.map((thread) => thread());
  const pending = running.map((thread) => thread.next(0));
  const asleep = running.map(() => false);
  yield words;
  for (let count = 0; count < steps; count++) {
    const able = pending.flatMap(({ done }, thread) => (done === true || asleep[thread] === true ? [] : [thread]));
    const thread = able[random(able.length)];
    if (thread === undefined) return;
    const step = pending[thread]?.value as ModelStep;
    const result = take(step, words, random);
    if (step.op === 'notify') {
      for (const [other, { value, done }] of pending.entries()) {
        if (asleep[other] !== true || done === true || value.op !== 'wait' || value.word !== step.word) continue;
        asleep[other] = false;
        pending[other] = running[other]!.next(0);
      }
    }
    if (result === undefined) asleep[thread] = true;
    else {
      expect(step.also?.(words)).toBeUndefined();
      pending[thread] = running[thread]!.next(result);
    }
    yield words;
  }
}

/** Undefined: sleeps. */
function take(step: ModelStep, words: number[], random: (below: number) => number): number | undefined {
  switch (step.op) {
    case 'choose':
      return random(step.count);
    case 'any':
      return lowest(step.of);
    case 'act':
      expect(step.act(words)).toBeUndefined();
      return 0;
    case 'assert':
      expect(step.check(words)).toBeUndefined();
      return 0;
    case 'checkpoint':
    case 'notify':
      return 0;
  }
  const old = words[step.word] ?? 0;
  if (step.op === 'wait') return old === step.expected ? undefined : 0;
  if (step.op === 'compareExchange' ? old === step.expected : step.op === 'store' || step.op === 'exchange')
    words[step.word] = (step as { value: number }).value;
  if (step.op === 'and') words[step.word] = old & step.value;
  if (step.op === 'or') words[step.word] = old | step.value;
  return step.op === 'store' ? 0 : old;
}
