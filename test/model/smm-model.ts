/**
 * What the rendezvous of SMM protects, as threads for explore.ts: vCPUs that run, halt, wait for the device lock in the middle of an instruction,
 * take SMIs, INITs and NMIs; who sends them; and a service worker that pauses and resets. The rendezvous itself is the text that vCPUs run.
 *
 * Every vCPU keeps touching the region where SMRAM is, through a translation that it keeps as a TLB does. Outside of SMM that must never reach
 * SMRAM, in SMM always. An SMI is owed from the step on that sends it to the one that accepts it.
 */
import { Attention } from '../../engine/isa/state.ts';
import { lowest, type Protocol } from '../../engine/machine/atomic-step.ts';
import { hasPassed, type GraceWords } from '../../engine/machine/grace-period.ts';
import * as stop from '../../engine/machine/stop.ts';
import { Inside, running, StopReason } from '../../engine/machine/stop.ts';
import * as rendezvous from '../../engine/smm/rendezvous.ts';
import type { SmmHooks, SmmWords } from '../../engine/smm/rendezvous.ts';
import { explore, type Check, type Model, type ModelStep, type Options, type Outcome, type Thread } from './explore.ts';

const maximum = 4;
const perVcpu = ['stop', 'attention', 'inside', 'inSmm', 'latched', 'cached', 'owed', 'relied', 'done'] as const;
const at = (name: (typeof perVcpu)[number], cpu: number) => perVcpu.indexOf(name) * maximum + cpu;
const shared = perVcpu.length * maximum;
export const word = { owner: shared, turn: shared + 1, members: shared + 2, view: shared + 3 };
const wordCount = shared + 4;

/** Words that only the vCPU's own thread touches, but for a reset while it stands still. */
const ownNames: readonly (typeof perVcpu)[number][] = ['inSmm', 'latched', 'cached'];
export const isOwn = (touched: number) =>
  touched < shared && ownNames.some((name) => Math.floor(touched / maximum) === perVcpu.indexOf(name));

export const wordsOfVcpu = (cpu: number) => perVcpu.map((name) => at(name, cpu));

const graceWords = ({ stop: words }: SmmWords): GraceWords => {
  const done = (cpu: number) => at('done', cpu);
  // Only requests have to do with the others.
  return { stop: words, requested: word.owner, done, scope: done };
};

/** What a translation leads to. */
const enum Cached {
  nothing,
  outside,
  smram,
}

type Steps<Result = void> = Generator<ModelStep, Result, number>;

export const sound = { ...rendezvous, decode: stop.acquireExclusivityBetweenInstructions };
export type Parts = Pick<typeof sound, 'enterSmm' | 'leaveSmm' | 'stand' | 'sendSmi' | 'decode'>;

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

export function wordsOf(cpus: number, anyOrder = false): SmmWords {
  return {
    stop: {
      anyOrder,
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

/** The steps, each with what `more` says of it. */
function* adorned(steps: Protocol<unknown>, more: (step: ModelStep) => Pick<ModelStep, 'also' | 'holds'> | undefined): Steps {
  for (let next = steps.next(0); next.done !== true;) {
    const step: ModelStep = next.value;
    next = steps.next(yield { ...step, ...more(step) });
  }
}

/** Holds wherever the vCPU is about to go on with a guest's instructions. */
const mayExecute =
  (cpu: number): Check =>
  (values) => {
    if (values[at('relied', cpu)] !== 0) return `vCPU ${cpu} runs while stopped`;
    const isMember = (values[word.members]! & (1 << cpu)) !== 0;
    if (!isMember && values[word.view] !== 0) return `vCPU ${cpu} runs outside of SMM while SMRAM is in the view`;
    if (values[at('inSmm', cpu)] !== 0 && values[word.view] === 0) return `vCPU ${cpu} is in SMM without SMRAM`;
    return undefined;
  };

/** A translation, at the latest now, in the view that there is. */
function translated(values: number[], cpu: number): number {
  const known = values[at('cached', cpu)] ?? 0;
  return known !== 0 ? known : (values[at('cached', cpu)] = values[word.view] === 0 ? Cached.outside : Cached.smram);
}

/** Words that are only changed by others against `mayExecute`, which holds at the vCPU's next step that is seen: both are `own`. */
function* translate(cpu: number): Steps {
  yield { at: 'translate', op: 'act', act: (values) => void translated(values, cpu), own: true };
}

/** An access to the region, by the translation that is there. In one piece: whoever may change the view meanwhile may do so before. */
function* touch(cpu: number, own: boolean): Steps {
  yield {
    at: own ? 'touch' : 'touch inside',
    op: 'act',
    own,
    act: (values) => {
      const inSmm = values[at('inSmm', cpu)] !== 0;
      const cached = translated(values, cpu);
      if (values[at('relied', cpu)] !== 0) return `vCPU ${cpu} runs while stopped`;
      if (!inSmm && cached === Cached.smram) return `vCPU ${cpu} reaches SMRAM outside of SMM`;
      if (!inSmm && values[word.view] !== 0) return `vCPU ${cpu} runs outside of SMM while SMRAM is in the view`;
      if (inSmm && cached !== Cached.smram) return `vCPU ${cpu} is in SMM without SMRAM`;
      return undefined;
    },
  };
}

/**
 * `lock`: waits for the device lock in the middle of each instruction. `decodes`: has exclusivity between instructions, as for code that is new.
 * `gathers`: its handler waits until every vCPU that has an SMI is in SMM, as those of real firmware do.
 */
const habits = ['busy', 'halts', 'lock', 'decodes', 'gathers'] as const;
export type Habit = (typeof habits)[number];

/** What a vCPU's thread does (VcpuThread.turn), and Vcpu.run between two instructions. */
function vcpu(parts: Parts, words: SmmWords, cpu: number, habit: Habit = 'busy'): Thread {
  const attentionWord = words.stop.attention(cpu);
  const ownInSmm = at('inSmm', cpu);
  const holds = mayExecute(cpu);
  return function* () {
    yield* parts.stand(words, cpu, hooks);
    for (;;) {
      yield { at: 'guest', op: 'checkpoint' };
      const attention = yield { at: 'poll', op: 'load', word: attentionWord, holds };
      if ((attention & Attention.stop) !== 0) {
        yield { at: 'obey', op: 'and', word: attentionWord, value: ~Attention.stop };
        yield* stop.enterQuiescence(words.stop, cpu);
        yield* parts.stand(words, cpu, hooks);
        continue;
      }
      const inSmm = yield { at: 'in SMM?', op: 'load', word: ownInSmm, local: attention };
      if (inSmm !== 0) {
        yield* inHandler(words, cpu, attention, habit);
        continue;
      }
      if ((attention & Attention.smi) !== 0) {
        yield* parts.enterSmm(words, cpu, hooks);
        yield* enter(words, cpu);
        continue;
      }
      // Its own bit, which nobody else changes.
      const members = yield { at: 'member?', op: 'load', word: words.members, local: attention, own: true };
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
  if (habit !== 'lock') yield* touch(cpu, true);
  else {
    yield* translate(cpu);
    yield { at: 'inside', op: 'store', word: words.stop.inside(cpu), value: Inside.lock, holds: mayExecute(cpu) };
    yield* stop.enterQuiescence(words.stop, cpu);
    yield* stop.leaveQuiescence(words.stop, cpu);
    yield* touch(cpu, false);
    yield* stop.comeOutside(words.stop, cpu, 'lock');
  }
  if (habit === 'decodes') {
    yield* adorned(parts.decode(words.stop, cpu), ({ at }) => (at === 'own' ? { holds: mayExecute(cpu) } : undefined));
    yield* touch(cpu, false);
    yield* stop.releaseExclusivity(words.stop, cpu);
  }
  if (habit !== 'halts') return;
  yield* adorned(stop.enterQuiescence(words.stop, cpu), ({ at }) => (at === 'enter' ? { holds: mayExecute(cpu) } : undefined));
  const seen = yield { at: 'halt', op: 'load', word: words.stop.attention(cpu) };
  if (seen === 0) yield { at: 'halted', op: 'wait', word: words.stop.attention(cpu), expected: 0 };
  yield* parts.stand(words, cpu, hooks);
}

function* enter(words: SmmWords, cpu: number): Steps {
  yield { at: 'save', op: 'store', word: at('inSmm', cpu), value: 1 };
  yield {
    at: 'accept',
    op: 'and',
    word: words.stop.attention(cpu),
    value: ~Attention.smi,
    also: (values) => {
      if (values[at('owed', cpu)] === 0) return `an SMI of vCPU ${cpu} is delivered twice`;
      values[at('owed', cpu)] = 0;
      return undefined;
    },
  };
}

/** One instruction of the handler, then RSM. Whether an SMI is latched is known to this thread only. */
function* inHandler(words: SmmWords, cpu: number, attention: number, habit: Habit): Steps {
  const holds = mayExecute(cpu);
  const latch = (value: number) => (values: number[]) => void (values[at('latched', cpu)] = value);
  if ((attention & Attention.smi) !== 0)
    yield { at: 'latch', op: 'and', word: words.stop.attention(cpu), value: ~Attention.smi, also: latch(1) };
  yield* touch(cpu, true);
  for (let left = habit === 'gathers' ? 2 ** words.stop.cpus - 1 : 0; left !== 0;) {
    const other = words.stop.anyOrder === true ? yield { at: 'gather.next', op: 'any', of: left, holds } : lowest(left);
    left &= ~(1 << other);
    if (other === cpu) continue;
    const owed = yield { at: `gather ${other}`, op: 'load', word: at('owed', other), holds };
    if (owed !== 0) return;
  }
  const latched = yield { at: 'latched?', op: 'load', word: at('latched', cpu) };
  if (latched !== 0)
    yield { at: 'again', op: 'or', word: words.stop.attention(cpu), value: Attention.smi, also: latch(0), holds };
  yield { at: 'rsm', op: 'store', word: at('inSmm', cpu), value: 0 };
}

/** Whom something is sent to; undefined: to anybody. */
type Target = number | undefined;

function* targetOf(words: SmmWords, target: Target): Steps<number> {
  return target ?? (yield { at: 'target', op: 'any', of: 2 ** words.stop.cpus - 1 });
}

/** Sends an SMI. */
function sender(parts: Parts, words: SmmWords, target: Target): Thread {
  return function* () {
    const cpu = yield* targetOf(words, target);
    const owe = (values: number[]) => void (values[at('owed', cpu)] = 1);
    yield* adorned(parts.sendSmi(words.stop, cpu), ({ at }) => (at === 'smi' ? { also: owe } : undefined));
  };
}

/** Sends an INIT or an NMI, which has to wait until the vCPU is out of SMM. */
function eventSender(words: SmmWords, target: Target, bit: Attention.init | Attention.nmi): Thread {
  return function* () {
    const cpu = yield* targetOf(words, target);
    yield { at: 'event', op: 'or', word: words.stop.attention(cpu), value: bit };
    yield { at: 'event.notify', op: 'notify', word: words.stop.attention(cpu) };
  };
}

/** What a state says that is saved while everybody stands still. */
function saved(values: readonly number[], cpus: number): string | undefined {
  if ((values[word.view] !== 0) !== (values[word.members] !== 0)) return 'a state is saved in the middle of a rendezvous';
  for (let cpu = 0; cpu < cpus; cpu++) {
    if (values[at('inSmm', cpu)] !== 0 && (values[word.members]! & (1 << cpu)) === 0) return 'a vCPU is in SMM and no member';
  }
  return undefined;
}

/** What Service does to the words (Service.#resetAll, SystemManagement.rederive) but for letting go who was stopped for SMM. */
function reset(values: number[], cpus: number): void {
  values[word.turn] = values[word.members] = values[word.view] = 0;
  for (let cpu = 0; cpu < cpus; cpu++) {
    values[at('inSmm', cpu)] = values[at('latched', cpu)] = 0;
    values[at('cached', cpu)] = Cached.outside;
    // What was asked of the processor before is void.
    values[at('attention', cpu)] = Attention.stop;
    values[at('owed', cpu)] = 0;
  }
}

/** The service worker: stops the machine between instructions, relies on it, and lets it go; resets it meanwhile if `resets`. */
function service(words: SmmWords, resets = false): Thread {
  const reason = resets ? StopReason.service : StopReason.pause;
  const { cpus } = words.stop;
  const rely = (values: number[], value: number) => {
    for (let cpu = 0; cpu < cpus; cpu++) values[at('relied', cpu)] = value;
  };
  return function* () {
    yield { at: 'pause', op: 'checkpoint' };
    yield* stop.stopBetweenInstructions(words.stop, reason);
    yield {
      at: 'rely',
      op: 'act',
      act: (values) => {
        rely(values, 1);
        const wrong = saved(values, cpus);
        if (resets) reset(values, cpus);
        return wrong;
      },
    };
    if (resets) yield* stop.releaseAll(words.stop, StopReason.smm);
    yield { at: 'rely no more', op: 'act', act: (values) => void rely(values, 0) };
    yield* stop.releaseAll(words.stop, reason);
  };
}

/** SMRAM in the view: everybody is in SMM (a member), or stopped for it, or about to enter or leave in its turn. No SMI is lost. */
const invariant =
  (cpus: number): Check =>
  (values) => {
    const view = values[word.view] !== 0;
    const members = values[word.members]!;
    if (values[at('relied', 0)] !== 0 && values[word.turn] !== 0)
      return 'somebody changes who is in SMM while all are relied upon to stand still';
    for (let cpu = 0; cpu < cpus; cpu++) {
      const isMember = (members & (1 << cpu)) !== 0;
      if (
        view &&
        !isMember &&
        rendezvous.holderOfTurn(values[word.turn]!) !== cpu &&
        (values[at('stop', cpu)]! & (running | StopReason.smm)) !== StopReason.smm
      )
        return `vCPU ${cpu} is neither in SMM nor stopped for it while SMRAM is in the view`;
      if (values[at('inSmm', cpu)] !== 0 && !(view && isMember)) return `vCPU ${cpu} is in SMM without SMRAM`;
      if (
        values[at('owed', cpu)] !== 0 &&
        values[at('latched', cpu)] === 0 &&
        (values[at('attention', cpu)]! & Attention.smi) === 0
      )
        return `an SMI of vCPU ${cpu} is lost`;
    }
    return undefined;
  };

/** Every SMI that was sent finds a handler that begins behind it, alone or together with others. */
const noneOwed = (cpus: number) => (values: readonly number[]) => {
  for (let cpu = 0; cpu < cpus; cpu++) if (values[at('owed', cpu)] !== 0) return false;
  return true;
};

const nothingPending = (cpus: number) => (values: readonly number[]) => {
  for (let cpu = 0; cpu < cpus; cpu++) if ((values[at('attention', cpu)]! & (Attention.init | Attention.nmi)) !== 0) return false;
  return true;
};

/** What goes on beside the vCPUs: each is a thread of its own. `look`: somebody sees whether a grace period is over for the vCPU. */
export type Other = `${'SMI' | 'INIT' | 'NMI'} ${number | 'any'}` | `look ${number}` | 'pause' | 'reset';

const isHabit = (name: string): name is Habit => habits.some((habit) => habit === name);
const isOther = (name: string): name is Other => /^((SMI|INIT|NMI) ([0-3]|any)|look [0-3]|pause|reset)$/.test(name);

export interface Scene {
  /** By vCPU. */
  readonly vcpus: readonly Habit[];
  /** Sets of vCPUs that are exchanged for each other; then whoever asks several asks them in any order. */
  readonly groups?: readonly (readonly number[])[];
  readonly others: readonly (Other | Thread)[];
  /** Replaced by negative controls. */
  readonly parts?: Parts;
}

/** From 'VCPU VCPU… | OTHER, OTHER…', where VCPU is a HABIT, or COUNT*HABIT for several that are exchanged for each other. */
export function sceneOf(text: string): Scene {
  const [left = '', right = ''] = text.split(' | ');
  const others = right.split(', ');
  const vcpus: Habit[] = [];
  const groups: number[][] = [];
  for (const each of left.split(' ')) {
    const [, count, habit = ''] = /^(?:(\d)\*)?(\w+)$/.exec(each) ?? [];
    if (!isHabit(habit)) throw new Error(`there is no scene '${text}'`);
    const group = Array.from({ length: Number(count ?? 1) }, (_, index) => vcpus.length + index);
    if (count !== undefined) groups.push(group);
    vcpus.push(...group.map(() => habit));
  }
  if (!others.every(isOther)) throw new Error(`there is no scene '${text}'`);
  return { vcpus, others, groups };
}

function otherThread(other: Other | Thread, parts: Parts, words: SmmWords): Thread {
  if (typeof other === 'function') return other;
  if (other === 'pause' || other === 'reset') return service(words, other === 'reset');
  const [kind, to] = other.split(' ');
  const cpu = to === 'any' ? undefined : Number(to);
  switch (kind) {
    case 'SMI':
      return sender(parts, words, cpu);
    case 'look':
      return () => adorned(hasPassed(graceWords(words), Number(to), 1), () => undefined);
    case 'INIT':
      return eventSender(words, cpu, Attention.init);
    default:
      return eventSender(words, cpu, Attention.nmi);
  }
}

export interface CheckOptions extends Options {
  /** False: only what guests and the service worker see is looked at, so that a negative control shows the leak itself. */
  readonly checksInvariant?: boolean;
}

/** Every vCPU that does not halt must be able to come to run again, and every other thread to its end, whatever happens. */
export function check(scene: Scene, options: CheckOptions = {}): Outcome {
  return explore(modelOf(scene, options), options);
}

/**
 * Each vCPU has a translation of the region to begin with, and behind a reset. One that has none yet does nothing that is worse: it gets the same at its
 * first access outside of SMM, or fails there all the same; and in SMM it would get what is right, although nobody has dropped the old one.
 */
const initialWords = Array.from({ length: wordCount }, (_, index) =>
  Math.floor(index / maximum) === perVcpu.indexOf('cached') ? Cached.outside : 0,
);

export function modelOf(
  { vcpus, groups = [], others, parts = sound }: Scene,
  { checksInvariant = true }: CheckOptions = {},
): Model {
  const cpus = vcpus.length;
  const words = wordsOf(cpus, groups.length > 0);
  return {
    threads: [
      ...vcpus.map((habit, cpu) => vcpu(parts, words, cpu, habit)),
      ...others.map((other) => otherThread(other, parts, words)),
    ],
    words: initialWords,
    own: isOwn,
    holds: checksInvariant ? invariant(cpus) : undefined,
    goals: [
      ...vcpus.flatMap((habit, cpu) => (habit === 'halts' ? [] : [`instruction ${cpu}`])),
      ...others.map((_, index) => `done ${cpus + index}`),
      noneOwed(cpus),
      nothingPending(cpus),
    ],
    ...(groups.length > 0 && { symmetry: { groups, wordsOf: wordsOfVcpu, numbers: [word.turn, word.owner], sets: [word.members] } }),
  };
}
