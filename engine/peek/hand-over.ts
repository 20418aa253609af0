/**
 * Who carries out a read for a vCPU, and when. Its own thread does, at its next poll, if it runs; the service worker does in its stead
 * while it is QUIESCENT (HLT, paused, waiting for its turn), which it keeps so meanwhile by a stop reason of its own. So translations of a
 * vCPU are never looked at by anybody while it runs, and a vCPU that sleeps is not woken.
 *
 * One word per vCPU says what has become of a request. The service worker posts it; the vCPU takes it by a compare-exchange, and so does the service worker
 * when it takes it back, so exactly one of them carries it out. A vCPU that is QUIESCENT in the middle of an instruction (it waits for the device
 * lock) is left alone: its block is not up to date, and it goes on soon.
 *
 * A text over AtomicStep; test/model/peek.spec.ts explores every interleaving.
 */
import { Attention } from '../isa/state.ts';
import type { Protocol } from '../machine/atomic-step.ts';
import { releaseStop, running, StopReason, type StopWords } from '../machine/stop.ts';

export const enum Request {
  none,
  posted,
  /** The vCPU's thread has taken it. */
  taken,
  /** It has been carried out by the vCPU's thread. */
  done,
}

export interface HandOverWords extends StopWords {
  /** The request word of each vCPU. */
  request(cpu: number): number;
}

/** How long a request waits for the vCPU's next poll before it is looked at whether the vCPU stands still by now, in milliseconds. */
const pollTime = 1;

/**
 * The service worker: true when the vCPU stands still between two instructions and will until releaseHold. False: it runs, or will soon.
 */
export function* holdQuiescent(words: StopWords, cpu: number): Protocol<boolean> {
  const before = yield { at: 'hold', op: 'or', word: words.stop(cpu), value: StopReason.peek };
  if ((before & running) === 0) {
    const inside = yield { at: 'hold.inside', op: 'load', word: words.inside(cpu) };
    if (inside === 0) return true;
  }
  yield* releaseHold(words, cpu);
  return false;
}

export function* releaseHold(words: StopWords, cpu: number): Protocol {
  yield* releaseStop(words, cpu, StopReason.peek);
}

/** The service worker: asks the vCPU's thread, and waits a moment. */
export function* postRequest(words: HandOverWords, cpu: number): Protocol {
  const attention = words.attention(cpu);
  yield { at: 'post', op: 'store', word: words.request(cpu), value: Request.posted };
  yield { at: 'post.attention', op: 'or', word: attention, value: Attention.peek };
  yield { at: 'post.notify', op: 'notify', word: attention };
  yield { at: 'post.wait', op: 'wait', word: words.request(cpu), expected: Request.posted, milliseconds: pollTime };
}

/** The service worker, after postRequest: true when the vCPU has carried it out; false: it was taken back. */
export function* collectRequest(words: HandOverWords, cpu: number): Protocol<boolean> {
  const word = words.request(cpu);
  const seen = yield { at: 'collect', op: 'compareExchange', word, expected: Request.posted, value: Request.none };
  if (seen === Request.posted) return false;
  for (;;) {
    const now = yield { at: 'collect.look', op: 'load', word };
    if (now === Request.done) break;
    yield { at: 'collect.wait', op: 'wait', word, expected: now };
  }
  yield { at: 'collect.end', op: 'store', word, value: Request.none };
  return true;
}

/** The vCPU's thread, at a poll that found Attention.peek and cleared it: true if there is something to do. */
export function* takeRequest(words: HandOverWords, cpu: number): Protocol<boolean> {
  const seen = yield {
    at: 'take',
    op: 'compareExchange',
    word: words.request(cpu),
    expected: Request.posted,
    value: Request.taken,
  };
  return seen === Request.posted;
}

/** The vCPU's thread, after takeRequest said true. */
export function* finishRequest(words: HandOverWords, cpu: number): Protocol {
  yield { at: 'finish', op: 'store', word: words.request(cpu), value: Request.done };
  yield { at: 'finish.notify', op: 'notify', word: words.request(cpu) };
}
