/**
 * What the rendezvous of SMM protects, as threads for explore.ts: vCPUs that run, halt, wait for the device lock in the middle of an instruction,
 * take SMIs, INITs and NMIs; who sends them; and a service worker that pauses and resets. The rendezvous itself is the text that vCPUs run.
 *
 * Every vCPU keeps touching the region where SMRAM is, through a translation that it keeps as a TLB does. Outside of SMM that must never reach
 * SMRAM, in SMM always.
 */
import { Attention } from '../../engine/isa/state.ts';
import type { Protocol } from '../../engine/machine/atomic-step.ts';
import * as stop from '../../engine/machine/stop.ts';
import { Inside, StopReason, type StopWords } from '../../engine/machine/stop.ts';
import * as rendezvous from '../../engine/smm/rendezvous.ts';
import type { SmmHooks, SmmWords } from '../../engine/smm/rendezvous.ts';
import { explore, type ModelStep, type Outcome, type Thread } from './explore.ts';

const maximum = 4;
const perVcpu = ['stop', 'attention', 'inside', 'inSmm', 'latched', 'cached', 'sent', 'served', 'relied', 'lost'] as const;
const at = (name: (typeof perVcpu)[number], cpu: number) => perVcpu.indexOf(name) * maximum + cpu;
const shared = perVcpu.length * maximum;
export const word = { owner: shared, turn: shared + 1, members: shared + 2, view: shared + 3 };
const wordCount = shared + 4;

/**
 * Words that only the vCPU's own thread touches, but for a reset while it stands still; and `sent`, which is written right before an SMI is sent, and
 * only counts from then on.
 */
const ownNames: readonly (typeof perVcpu)[number][] = ['inSmm', 'latched', 'cached', 'sent'];

/** What a translation leads to. */
const enum Cached {
  nothing,
  outside,
  smram,
}

type Steps = Generator<ModelStep, void, number>;

export const sound = { ...rendezvous, stopUnless: stop.stopUnless };
export type Parts = Pick<typeof rendezvous, 'enterSmm' | 'leaveSmm' | 'stand' | 'sendSmi'>;

export const hooks: SmmHooks = {
  *dropTranslations(cpu: number): Protocol {
    yield { at: 'drop', op: 'store', word: at('cached', cpu), value: Cached.nothing };
  },
  stopping: () => undefined,
  stopped: () => undefined,
  mapped: () => undefined,
  joined: () => undefined,
  unmapped: () => undefined,
  held: () => undefined,
};

export function wordsOf(cpus: number): SmmWords {
  return {
    stop: {
      cpus,
      stop: (cpu) => at('stop', cpu),
      attention: (cpu) => at('attention', cpu),
      owner: word.owner,
      inside: (cpu) => at('inside', cpu),
    },
    turn: word.turn,
    members: word.members,
    view: word.view,
  };
}

const numberOf = (bits: number) => bits.toString(2).replaceAll('0', '').length;

function* translate(cpu: number): Steps {
  yield {
    at: 'translate',
    op: 'act',
    act: (values) => {
      if (values[at('cached', cpu)] === Cached.nothing)
        values[at('cached', cpu)] = values[word.view] === 0 ? Cached.outside : Cached.smram;
      return undefined;
    },
  };
}

/** An access to the region, by the translation that is there. In one piece: whoever may change the view meanwhile may do so before. */
function* touch(cpu: number): Steps {
  yield {
    at: 'touch',
    op: 'act',
    act: (values) => {
      const inSmm = values[at('inSmm', cpu)] !== 0;
      if (values[at('cached', cpu)] === Cached.nothing)
        values[at('cached', cpu)] = values[word.view] === 0 ? Cached.outside : Cached.smram;
      const cached = values[at('cached', cpu)];
      if (values[at('relied', cpu)] !== 0) return `vCPU ${cpu} runs while stopped`;
      if (!inSmm && cached === Cached.smram) return `vCPU ${cpu} reaches SMRAM outside of SMM`;
      if (!inSmm && values[word.view] !== 0) return `vCPU ${cpu} runs outside of SMM while SMRAM is in the view`;
      if (inSmm && cached !== Cached.smram) return `vCPU ${cpu} is in SMM without SMRAM`;
      return undefined;
    },
  };
}

export type Habit = 'busy' | 'halts' | 'lock';

/** What a vCPU's thread does (VcpuThread.turn), and Vcpu.run between two instructions. */
export function vcpu(parts: Parts, words: SmmWords, cpu: number, habit: Habit = 'busy'): Thread {
  const attentionWord = words.stop.attention(cpu);
  const ownInSmm = at('inSmm', cpu);
  return function* () {
    yield* parts.stand(words, cpu, hooks);
    for (;;) {
      yield { at: 'guest', op: 'checkpoint' };
      const attention = yield { at: 'poll', op: 'load', word: attentionWord };
      if ((attention & Attention.stop) !== 0) {
        yield { at: 'obey', op: 'and', word: attentionWord, value: ~Attention.stop };
        yield* stop.enterQuiescence(words.stop, cpu);
        yield* parts.stand(words, cpu, hooks);
        continue;
      }
      const inSmm = yield { at: 'in SMM?', op: 'load', word: ownInSmm, local: attention };
      if (inSmm !== 0) {
        yield* inHandler(words, cpu, attention);
        continue;
      }
      if ((attention & Attention.smi) !== 0) {
        yield* parts.enterSmm(words, cpu, hooks);
        yield* enter(words, cpu);
        continue;
      }
      const members = yield { at: 'member?', op: 'load', word: words.members, local: attention };
      if ((members & (1 << cpu)) !== 0) {
        yield* parts.leaveSmm(words, cpu, hooks);
        continue;
      }
      if ((attention & (Attention.init | Attention.nmi)) !== 0) {
        yield { at: 'take', op: 'and', word: attentionWord, value: ~(Attention.init | Attention.nmi) };
      }
      yield { at: 'instruction', op: 'checkpoint' };
      yield* instruction(parts, words, cpu, habit);
    }
  };
}

function* instruction(parts: Parts, words: SmmWords, cpu: number, habit: Habit): Steps {
  if (habit !== 'lock') yield* touch(cpu);
  else {
    yield* translate(cpu);
    yield { at: 'inside', op: 'store', word: words.stop.inside(cpu), value: Inside.lock };
    yield* stop.enterQuiescence(words.stop, cpu);
    yield* stop.leaveQuiescence(words.stop, cpu);
    yield* touch(cpu);
    yield* stop.comeOutside(words.stop, cpu, 'lock');
  }
  if (habit !== 'halts') return;
  yield* stop.enterQuiescence(words.stop, cpu);
  const seen = yield { at: 'halt', op: 'load', word: words.stop.attention(cpu) };
  if (seen === 0) yield { at: 'halted', op: 'wait', word: words.stop.attention(cpu), expected: 0 };
  yield* parts.stand(words, cpu, hooks);
}

function* enter(words: SmmWords, cpu: number): Steps {
  yield {
    at: 'save',
    op: 'act',
    act: (values) => {
      values[at('inSmm', cpu)] = 1;
      const served = (values[at('served', cpu)] ?? 0) + 1;
      values[at('served', cpu)] = served;
      return served > numberOf(values[at('sent', cpu)] ?? 0) ? `an SMI of vCPU ${cpu} is delivered twice` : undefined;
    },
  };
  yield { at: 'accept', op: 'and', word: words.stop.attention(cpu), value: ~Attention.smi };
}

/** One instruction of the handler, then RSM. */
function* inHandler(words: SmmWords, cpu: number, attention: number): Steps {
  if ((attention & Attention.smi) !== 0) {
    yield { at: 'latch', op: 'and', word: words.stop.attention(cpu), value: ~Attention.smi };
    yield { at: 'latched', op: 'store', word: at('latched', cpu), value: 1 };
  }
  yield { at: 'handler', op: 'checkpoint' };
  yield* touch(cpu);
  const latched = yield { at: 'latched?', op: 'load', word: at('latched', cpu) };
  if (latched !== 0) {
    yield { at: 'again', op: 'or', word: words.stop.attention(cpu), value: Attention.smi };
    yield { at: 'unlatch', op: 'store', word: at('latched', cpu), value: 0 };
  }
  yield { at: 'rsm', op: 'store', word: at('inSmm', cpu), value: 0 };
}

/** Sends an SMI, the `number`th that somebody sends; see `allServed`. */
export function sender(parts: Parts, words: SmmWords, cpu: number, number = 0): Thread {
  return function* () {
    yield { at: 'note', op: 'or', word: at('sent', cpu), value: 1 << number };
    yield* parts.sendSmi(words.stop, cpu);
  };
}

/** Every SMI that was sent found a handler that began behind it, alone or together with others. */
const allServed = (values: readonly number[]) =>
  Array.from({ length: maximum }, (_, cpu) => cpu).every(
    (cpu) =>
      (values[at('sent', cpu)] === 0 || values[at('lost', cpu)] !== 0 || (values[at('served', cpu)] ?? 0) > 0) &&
      values[at('latched', cpu)] === 0 &&
      ((values[at('attention', cpu)] ?? 0) & Attention.smi) === 0,
  );

/** Sends an INIT or an NMI, which has to wait until the vCPU is out of SMM. */
export function eventSender(words: SmmWords, cpu: number, bit: Attention.init | Attention.nmi): Thread {
  return function* () {
    yield { at: 'event', op: 'or', word: words.stop.attention(cpu), value: bit };
    yield { at: 'event.notify', op: 'notify', word: words.stop.attention(cpu) };
  };
}

/** In one step: everybody stands still before, and still does behind it. */
function* rely(words: StopWords, value: number): Steps {
  yield {
    at: `rely ${value}`,
    op: 'act',
    act: (values) => {
      for (let cpu = 0; cpu < words.cpus; cpu++) values[at('relied', cpu)] = value;
      return undefined;
    },
  };
}

/** The service worker: stops the machine between instructions, relies on it, and lets it go; resets it meanwhile if `resets`. */
export function service(words: SmmWords, resets = false): Thread {
  const reason = resets ? StopReason.service : StopReason.pause;
  return function* () {
    yield { at: 'pause', op: 'checkpoint' };
    yield* stop.stopBetweenInstructions(words.stop, reason);
    yield* rely(words.stop, 1);
    yield {
      at: 'saved',
      op: 'assert',
      check: (values) => {
        if ((values[word.view] !== 0) !== (values[word.members] !== 0)) return 'a state is saved in the middle of a rendezvous';
        const outsiders = Array.from({ length: words.stop.cpus }, (_, cpu) => cpu).filter(
          (cpu) => ((values[word.members] ?? 0) & (1 << cpu)) === 0,
        );
        return outsiders.some((cpu) => values[at('inSmm', cpu)] !== 0) ? 'a vCPU is in SMM and no member' : undefined;
      },
    };
    if (resets) {
      yield {
        at: 'reset',
        op: 'act',
        act: (values) => {
          values[word.members] = values[word.view] = 0;
          for (let cpu = 0; cpu < words.stop.cpus; cpu++) {
            values[at('inSmm', cpu)] = values[at('latched', cpu)] = values[at('cached', cpu)] = 0;
            values[at('attention', cpu)] = Attention.stop;
            // What was pending is gone with the reset.
            values[at('lost', cpu)] = 1;
          }
          return undefined;
        },
      };
      yield* stop.releaseAll(words.stop, StopReason.smm);
    }
    yield* rely(words.stop, 0);
    yield* stop.releaseAll(words.stop, reason);
  };
}

export interface VcpuThread {
  readonly thread: Thread;
  readonly habit: Habit;
}

export interface Scene {
  readonly vcpus: VcpuThread[];
  readonly others: Thread[];
}

/** Every vCPU that does not halt must be able to come to run again, and every other thread to its end, whatever happens. */
export function check(cpus: number, build: (words: SmmWords) => Scene, limit?: number): Outcome {
  const { vcpus, others } = build(wordsOf(cpus));
  return explore(
    {
      threads: [...vcpus.map(({ thread }) => thread), ...others],
      words: new Array<number>(wordCount).fill(0),
      own: (touched) => ownNames.some((name) => Math.floor(touched / maximum) === perVcpu.indexOf(name)) && touched < shared,
      goals: [
        ...vcpus.flatMap(({ habit }, cpu) => (habit === 'halts' ? [] : [`instruction ${cpu}`])),
        ...others.map((_, index) => `done ${vcpus.length + index}`),
        allServed,
        (values) =>
          Array.from({ length: cpus }, (_, cpu) => values[at('attention', cpu)] ?? 0).every(
            (bits) => (bits & (Attention.init | Attention.nmi)) === 0,
          ),
      ],
    },
    limit,
  );
}

export function all(cpus: number, parts: Parts, words: SmmWords, habits: Readonly<Record<number, Habit>> = {}): VcpuThread[] {
  return Array.from({ length: cpus }, (_, cpu) => ({
    thread: vcpu(parts, words, cpu, habits[cpu]),
    habit: habits[cpu] ?? 'busy',
  }));
}
