/**
 * The stop protocol: how vCPUs are made to stand still, and how they stand still by themselves.
 *
 * Each vCPU has one word: bit 0 is RUNNING (clear: QUIESCENT), the other bits are the set of reasons for which it is stopped.
 * A vCPU becomes RUNNING only by a compare-exchange that finds the whole word 0, so the stop reasons are looked at in the very step in
 * which quiescence is left. HLT, waiting for SIPI, for the device lock, for room in a ring, for exclusivity: all of them are
 * QUIESCENT, and a requester counts such a vCPU as stopped without waking it.
 *
 * A requester sets its reason by an atomic OR; the old value tells whether the vCPU was RUNNING. If so its `attention` word gets the
 * stop bit, which generated code polls, and the requester waits until RUNNING is clear. A reason has one holder at a time.
 *
 * Exclusivity (one vCPU runs, the others stand still) has one owner at a time. Who waits to be the owner is QUIESCENT, so it
 * can be stopped itself. The owner's `exclusive` bits are withdrawn before the ownership is: the next owner would lose its own otherwise.
 *
 * Who finds that a vCPU has to be let go, because it stands in the middle of an instruction, waits until it has come out of there, and has withdrawn
 * all its own stops before: it is QUIESCENT itself, if it is a vCPU, and there is no circle of those who wait for each other.
 *
 * All of it is a text over AtomicStep (see there); test/model/stop.spec.ts explores every interleaving.
 */
import { Attention } from '../isa/state.ts';
import { lowest, type Protocol } from './atomic-step.ts';

/** Bit 0 of a vCPU's stop word. */
export const running = 1;

/** Why a vCPU is stopped: bits of its stop word. Each bit has one holder at a time. */
export const enum StopReason {
  /** The user paused the machine, or it has not been started yet. */
  pause = 1 << 1,
  /** The service worker acts on the machine: input under the virtual clock, reset, digest, screenshot of a consistent state. */
  service = 1 << 2,
  /** Another vCPU has exclusivity. */
  exclusive = 1 << 3,
  /** A breakpoint or the debugger. */
  debug = 1 << 4,
  /** The system-management rendezvous. */
  smm = 1 << 5,
  /** The machine is off. */
  power = 1 << 6,
  /** A chip on this vCPU's thread posted something that the service worker has yet to carry out. */
  request = 1 << 7,
  /** No reason: somebody knocks, so that a vCPU which stands still looks at its attention word. It takes the bit back itself. */
  knock = 1 << 8,
  /** The service worker reads memory in this vCPU's stead while it stands still by itself (engine/peek). */
  peek = 1 << 9,
  /** Somebody looks, for a moment, where the vCPU stands; see grace-period.ts. */
  grace = 1 << 10,
  /** Virtual clock of a pair: the vCPU has come to the end of an epoch, and the next has not begun (epochs.ts). */
  epoch = 1 << 11,
}

/** Indices of the protocol's words. */
export interface StopWords {
  readonly cpus: number;
  /** The stop word of each vCPU. */
  stop(cpu: number): number;
  /** The attention word of each vCPU. */
  attention(cpu: number): number;
  /** 0, or the number of the vCPU that has exclusivity plus one. */
  readonly owner: number;
  /** Index of a word that is not 0 while the vCPU is QUIESCENT in the middle of an instruction: an Inside. Its end is notified. */
  inside(cpu: number): number;
  /** Whoever asks several vCPUs asks the lowest first. It makes no difference: true in the model check, where every order is taken. */
  readonly anyOrder?: boolean;
}

/** The set of all vCPUs but `except`. */
const everyone = ({ cpus }: StopWords, except = -1): number => ((1 << cpus) - 1) & ~(except < 0 ? 0 : 1 << except);

/** What a vCPU waits for in the middle of an instruction; `awaited` beside it: somebody sleeps until it has come out. */
export const enum Inside {
  /** The device lock. What the instruction stores afterwards it may have translated before. */
  lock = 1,
  /** Exclusivity. It stores nothing afterwards that it does not look at again. */
  exclusivity = 2,
  /** Between two instructions, but in the middle of changing who is in SMM (engine/smm/rendezvous.ts). */
  rendezvous = 3,
  awaited = 4,
}

/** Whether a value of an inside word says that the vCPU waits for the device lock. */
export const isInLock = (inside: number): boolean => (inside & ~Inside.awaited) === Inside.lock;

/**
 * The vCPU's own thread: becomes QUIESCENT. From here on others may act on the machine as if this vCPU did not exist.
 */
export function* enterQuiescence(words: StopWords, cpu: number): Protocol {
  const word = words.stop(cpu);
  const before = yield { at: 'enter', op: 'and', word, value: ~running };
  // Any reason may have somebody who waits for this.
  if (before !== running) yield { at: 'enter.notify', op: 'notify', word };
}

/** The vCPU's own thread: becomes RUNNING as soon as no reason is against it. */
export function* leaveQuiescence(words: StopWords, cpu: number): Protocol {
  const word = words.stop(cpu);
  for (;;) {
    const seen = yield { at: 'leave', op: 'compareExchange', word, expected: 0, value: running };
    if (seen === 0) return;
    if ((seen & StopReason.knock) !== 0) yield { at: 'leave.knock', op: 'and', word, value: ~StopReason.knock };
    else yield { at: 'leave.wait', op: 'wait', word, expected: seen };
  }
}

/** The vCPU's own thread, at a poll that found `Attention.stop`: stands still until it may go on. */
export function* obeyStop(words: StopWords, cpu: number): Protocol {
  // The bit goes first: a request that comes later sets it again.
  yield { at: 'obey', op: 'and', word: words.attention(cpu), value: ~Attention.stop };
  yield* enterQuiescence(words, cpu);
  yield* leaveQuiescence(words, cpu);
}

/** The vCPU's own thread: it is no longer in the middle of anything. */
export function* comeOutside(words: StopWords, cpu: number, where: string): Protocol {
  const word = words.inside(cpu);
  const before = yield { at: `${where}.outside`, op: 'exchange', word, value: 0 };
  if ((before & Inside.awaited) !== 0) yield { at: `${where}.outside.notify`, op: 'notify', word };
}

/** A thread that is RUNNING nowhere: sleeps while the vCPU is in the middle of what `matters`. May come back earlier. */
function* awaitOutside(words: StopWords, cpu: number, matters: (inside: number) => boolean, where: string): Protocol {
  const word = words.inside(cpu);
  const seen = yield { at: `${where}.again`, op: 'load', word };
  if (!matters(seen)) return;
  const awaited = seen | Inside.awaited;
  const found = yield { at: `${where}.awaited`, op: 'compareExchange', word, expected: seen, value: awaited };
  if (found === seen) yield { at: `${where}.wait`, op: 'wait', word, expected: awaited };
}

/**
 * Any thread: asks one vCPU to stop for `reason`. True: it was RUNNING, follow with awaitQuiescence before relying on it. `local` is what
 * the caller has to remember meanwhile.
 */
export function* requestStop(words: StopWords, cpu: number, reason: number, local = 0): Protocol<boolean> {
  const before = yield { at: 'request', op: 'or', word: words.stop(cpu), value: reason, local };
  if ((before & running) === 0) return false;
  yield { at: 'request.attention', op: 'or', word: words.attention(cpu), value: Attention.stop, local };
  return true;
}

/** Any thread that may block: returns when the vCPU is QUIESCENT; it stays so as long as the caller's reason is set. */
export function* awaitQuiescence(words: StopWords, cpu: number, local = 0): Protocol {
  const word = words.stop(cpu);
  for (;;) {
    const seen = yield { at: 'await', op: 'load', word, local };
    if ((seen & running) === 0) return;
    yield { at: 'await.wait', op: 'wait', word, expected: seen, local };
  }
}

/** Withdraws `reason`; the vCPU goes on when no other is left, and when it is smm has to see whether it may join (engine/smm/rendezvous.ts). */
export function* releaseStop(words: StopWords, cpu: number, reason: number): Protocol {
  const word = words.stop(cpu);
  const before = yield { at: 'release', op: 'and', word, value: ~reason };
  if ((before & ~reason & ~StopReason.smm) === 0) yield { at: 'release.notify', op: 'notify', word };
}

/** Stops all vCPUs but `except` and waits until they stand still. */
export function* stopAll(words: StopWords, reason: number, except = -1): Protocol {
  let awaited = 0;
  for (let left = everyone(words, except); ;) {
    const cpu = words.anyOrder === true ? yield { at: 'request.next', op: 'any', of: left, local: awaited } : lowest(left);
    if (cpu < 0) break;
    if (yield* requestStop(words, cpu, reason, awaited)) awaited |= 1 << cpu;
    left &= ~(1 << cpu);
  }
  for (;;) {
    const cpu = words.anyOrder === true ? yield { at: 'await.next', op: 'any', of: awaited } : lowest(awaited);
    if (cpu < 0) return;
    yield* awaitQuiescence(words, cpu, awaited);
    awaited &= ~(1 << cpu);
  }
}

/**
 * As stopAll, for who reads or replaces the state of vCPUs: none of them is in the middle of an instruction then. One that waits
 * for the device lock counts as stopped, but its block is not up to date; it is let go and stopped again. Not under the lock.
 */
export function* stopBetweenInstructions(words: StopWords, reason: number): Protocol {
  yield* stopUnless(words, reason, -1, 0);
}

/** As stopBetweenInstructions, for all but `except`; `allowed` (an Inside) does not matter to the caller. */
export function* stopUnless(words: StopWords, reason: number, except: number, allowed: number): Protocol {
  const matters = (inside: number) => inside !== 0 && (inside & ~Inside.awaited) !== allowed;
  attempt: for (;;) {
    yield* stopAll(words, reason, except);
    for (let left = everyone(words, except); ;) {
      const cpu = words.anyOrder === true ? yield { at: 'inside.next', op: 'any', of: left } : lowest(left);
      if (cpu < 0) return;
      left &= ~(1 << cpu);
      const inside = yield { at: 'inside', op: 'load', word: words.inside(cpu) };
      if (!matters(inside)) continue;
      yield* releaseAll(words, reason, except);
      yield* awaitOutside(words, cpu, matters, 'inside');
      continue attempt;
    }
  }
}

export function* releaseAll(words: StopWords, reason: number, except = -1): Protocol {
  for (let left = everyone(words, except); ;) {
    const cpu = words.anyOrder === true ? yield { at: 'release.next', op: 'any', of: left, local: reason } : lowest(left);
    if (cpu < 0) return;
    yield* releaseStop(words, cpu, reason);
    left &= ~(1 << cpu);
  }
}

/**
 * A RUNNING vCPU's own thread, without the device lock: returns when every other vCPU is QUIESCENT and stays so until
 * releaseExclusivity. May stand still itself meanwhile, so what it read before may have changed.
 */
export function* acquireExclusivity(words: StopWords, cpu: number): Protocol {
  for (;;) {
    const owner = yield { at: 'own', op: 'compareExchange', word: words.owner, expected: 0, value: cpu + 1 };
    if (owner === 0) break;
    yield { at: 'own.inside', op: 'store', word: words.inside(cpu), value: Inside.exclusivity };
    yield* enterQuiescence(words, cpu);
    yield { at: 'own.wait', op: 'wait', word: words.owner, expected: owner };
    yield* leaveQuiescence(words, cpu);
    yield* comeOutside(words, cpu, 'own');
  }
  yield* stopAll(words, StopReason.exclusive, cpu);
}

/**
 * As acquireExclusivity, and nobody waits for the device lock in the middle of an instruction: what others store after releaseExclusivity
 * they translate after it.
 */
export function* acquireExclusivityBetweenInstructions(words: StopWords, cpu: number): Protocol {
  yield* acquireExclusivity(words, cpu);
  attempt: for (;;) {
    for (let left = everyone(words, cpu); ;) {
      const other = words.anyOrder === true ? yield { at: 'between.next', op: 'any', of: left } : lowest(left);
      if (other < 0) return;
      left &= ~(1 << other);
      const inside = yield { at: 'between', op: 'load', word: words.inside(other) };
      if (!isInLock(inside)) continue;
      yield* releaseAll(words, StopReason.exclusive, cpu);
      // Somebody may have stopped it who waits for us to stand still as well.
      yield { at: 'between.inside', op: 'store', word: words.inside(cpu), value: Inside.exclusivity };
      yield* enterQuiescence(words, cpu);
      yield* awaitOutside(words, other, isInLock, 'between');
      yield* leaveQuiescence(words, cpu);
      yield* comeOutside(words, cpu, 'between');
      yield* stopAll(words, StopReason.exclusive, cpu);
      continue attempt;
    }
  }
}

export function* releaseExclusivity(words: StopWords, cpu: number): Protocol {
  yield* releaseAll(words, StopReason.exclusive, cpu);
  yield { at: 'disown', op: 'store', word: words.owner, value: 0 };
  yield { at: 'disown.notify', op: 'notify', word: words.owner };
}
