/**
 * Who is in System Management Mode: the rendezvous that puts SMRAM into the one view of memory while, and only while, every vCPU is
 * in SMM or stopped (docs/decisions/0009). A client of the stop protocol, and like it a text over AtomicStep that test/model/smm.spec.ts explores.
 *
 * A vCPU in the rendezvous is QUIESCENT, so that others can stop it and rely on it; StopWords.inside tells who wants to save or replace the
 * machine's state that it is not done. Changes are made in turns. Outside of a turn SMRAM is in the view exactly while `members` is not 0.
 *
 * Attention.smi of a vCPU outside of SMM stays set until it has entered; so a member that is not in SMM has either that bit, and is
 * about to enter, or has just resumed and is about to leave.
 */
import { Attention } from '../isa/state.ts';
import type { Protocol } from '../machine/atomic-step.ts';
import {
  comeOutside,
  Inside,
  leaveQuiescence,
  releaseAll,
  running,
  StopReason,
  stopUnless,
  type StopWords,
} from '../machine/stop.ts';

/** Indices of the rendezvous' words. */
export interface SmmWords {
  readonly stop: StopWords;
  /** 0, or the number plus one of the vCPU whose turn it is; with turnAwaited when others sleep until it ends. */
  readonly turn: number;
  /** One bit for each vCPU in SMM. */
  readonly members: number;
  /** Not 0 while SMRAM is in the view of memory. */
  readonly view: number;
}

/** What else happens at each stage, on the vCPU's own thread. */
export interface SmmHooks {
  /** The vCPU forgets what it translated: the view changes under it. */
  dropTranslations(cpu: number): Protocol;
  /** All others stand still between two instructions; since `stopping` was called. */
  stopping(cpu: number): void;
  stopped(cpu: number): void;
  mapped(cpu: number): void;
  joined(cpu: number, first: boolean): void;
  unmapped(cpu: number): void;
  /** The vCPU stands still until nobody is in SMM, or until it has an SMI. */
  held(cpu: number): void;
}

/** Reasons against joining those who are in SMM. */
const othersReasons = ~(running | StopReason.smm | StopReason.knock);

const turnAwaited = 1 << 8;

/** The vCPU that has the turn by a value of its word, or -1. */
export function holderOfTurn(turn: number): number {
  return (turn & ~turnAwaited) - 1;
}

/** Where in the protocol a turn is: what the model check tells places apart by. */
type Where = 'enter' | 'leave' | 'stand';

/** False: the vCPU is stopped for one of the reasons `unless`, and nothing has changed. */
function* takeTurn(words: SmmWords, cpu: number, where: Where, unless = 0): Protocol<boolean> {
  yield { at: `${where}.inside`, op: 'store', word: words.stop.inside(cpu), value: Inside.rendezvous };
  const word = words.stop.stop(cpu);
  const before = yield { at: `${where}.quiesce`, op: 'and', word, value: ~running };
  if ((before & unless) !== 0) {
    yield* comeOutside(words.stop, cpu, `${where}.not`);
    return false;
  }
  if (before !== running) yield { at: `${where}.quiesce.notify`, op: 'notify', word };
  for (;;) {
    const holder = yield { at: `${where}.turn`, op: 'compareExchange', word: words.turn, expected: 0, value: cpu + 1 };
    if (holder === 0) return true;
    const awaited = holder | turnAwaited;
    const found = yield { at: `${where}.turn.awaited`, op: 'compareExchange', word: words.turn, expected: holder, value: awaited };
    if (found === holder || found === awaited) yield { at: `${where}.turn.wait`, op: 'wait', word: words.turn, expected: awaited };
  }
}

function* endTurn(words: SmmWords, where: Where): Protocol {
  const before = yield { at: `${where}.end`, op: 'exchange', word: words.turn, value: 0 };
  if ((before & turnAwaited) !== 0) yield { at: `${where}.end.notify`, op: 'notify', word: words.turn };
}

function* join(words: SmmWords, cpu: number, hooks: SmmHooks, where: Where): Protocol {
  const before = yield { at: `${where}.join`, op: 'or', word: words.members, value: 1 << cpu };
  // Whoever came first has stopped us.
  yield { at: `${where}.free`, op: 'and', word: words.stop.stop(cpu), value: ~StopReason.smm };
  hooks.joined(cpu, before === 0);
}

/**
 * A RUNNING vCPU's own thread, between two instructions, with an SMI to take: when it comes back the vCPU is a member, and RUNNING. It
 * may have stood still meanwhile.
 */
export function* enterSmm(words: SmmWords, cpu: number, hooks: SmmHooks): Protocol {
  const already = yield { at: 'smm.member', op: 'load', word: words.members };
  if ((already & (1 << cpu)) !== 0) return yield* hooks.dropTranslations(cpu);
  yield* takeTurn(words, cpu, 'enter');
  const members = yield { at: 'smm.members', op: 'load', word: words.members };
  if (members === 0) {
    hooks.stopping(cpu);
    // Nobody may have an address in hand that was translated in the other view.
    yield* stopUnless(words.stop, StopReason.smm, cpu, Inside.rendezvous);
    hooks.stopped(cpu);
    yield { at: 'smm.map', op: 'store', word: words.view, value: 1 };
    hooks.mapped(cpu);
  }
  yield* join(words, cpu, hooks, 'enter');
  yield* hooks.dropTranslations(cpu);
  yield* endTurn(words, 'enter');
  yield* leaveQuiescence(words.stop, cpu);
  // Not before: who saves the state finds us in SMM, or still without it.
  yield* comeOutside(words.stop, cpu, 'smm');
}

/**
 * A RUNNING vCPU's own thread, behind RSM and without an SMI to take: when it comes back nobody is in SMM any more, or the vCPU has
 * become a member again because of an SMI that came meanwhile. It executes nothing before. `mayJoin`: see stand.
 */
export function* leaveSmm(words: SmmWords, cpu: number, hooks: SmmHooks, mayJoin: () => boolean = () => true): Protocol {
  yield* takeTurn(words, cpu, 'leave');
  yield* hooks.dropTranslations(cpu);
  const before = yield { at: 'smm.leave', op: 'and', word: words.members, value: ~(1 << cpu) };
  if ((before & ~(1 << cpu)) === 0) {
    yield { at: 'smm.unmap', op: 'store', word: words.view, value: 0 };
    hooks.unmapped(cpu);
    yield* releaseAll(words.stop, StopReason.smm, cpu);
  } else {
    yield { at: 'smm.hold', op: 'or', word: words.stop.stop(cpu), value: StopReason.smm };
    hooks.held(cpu);
  }
  yield* endTurn(words, 'leave');
  yield* comeOutside(words.stop, cpu, 'smm.left');
  yield* stand(words, cpu, hooks, mayJoin);
}

/**
 * As leaveQuiescence, between two instructions: a vCPU that is stopped for SMM, and for nothing else, still accepts SMIs, and becomes a member.
 * `mayJoin` false: it has to wait for its turn under the virtual clock first.
 */
export function* stand(words: SmmWords, cpu: number, hooks: SmmHooks, mayJoin: () => boolean = () => true): Protocol {
  const word = words.stop.stop(cpu);
  for (;;) {
    const seen = yield { at: 'stand', op: 'compareExchange', word, expected: 0, value: running };
    if (seen === 0) return;
    if ((seen & StopReason.knock) !== 0) {
      yield { at: 'stand.knock', op: 'and', word, value: ~StopReason.knock };
      continue;
    }
    const attention = yield { at: 'stand.smi', op: 'load', word: words.stop.attention(cpu), local: seen };
    const mayTry = (seen & StopReason.smm) !== 0 && (seen & othersReasons) === 0 && (attention & Attention.smi) !== 0;
    if (!mayTry || !mayJoin()) {
      yield { at: 'stand.wait', op: 'wait', word, expected: seen };
      continue;
    }
    // Whoever stopped it for another reason may rely on it: on seeing `inside` they wait, on seeing their reason we do.
    if (!(yield* takeTurn(words, cpu, 'stand', othersReasons))) continue;
    const members = yield { at: 'stand.members', op: 'load', word: words.members };
    // Else nobody is in SMM any more, and the reason is gone or going.
    if (members !== 0) yield* join(words, cpu, hooks, 'stand');
    yield* endTurn(words, 'stand');
    yield* comeOutside(words.stop, cpu, 'stand');
  }
}

/** Any thread: a vCPU has an SMI. */
export function* sendSmi(words: StopWords, cpu: number): Protocol<boolean> {
  const before = yield { at: 'smi', op: 'or', word: words.attention(cpu), value: Attention.smi };
  const seen = yield { at: 'smi.look', op: 'load', word: words.stop(cpu), local: before };
  // A RUNNING one sees the bit at its next poll, or in whatever it stands still for before that.
  if ((seen & running) === 0) {
    yield { at: 'smi.notify', op: 'notify', word: words.attention(cpu), local: before };
    yield* knock(words, cpu, before);
  }
  return (before & Attention.smi) !== 0;
}

/** Any thread: a vCPU that stands still looks anew at why. `local`: see requestStop. */
export function* knock(words: StopWords, cpu: number, local = 0): Protocol {
  yield { at: 'smi.knock', op: 'or', word: words.stop(cpu), value: StopReason.knock, local };
  yield { at: 'smi.knock.notify', op: 'notify', word: words.stop(cpu), local };
}
