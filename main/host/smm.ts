import type { Machine } from '../../engine/machine/machine.ts';
import type { SmmMessage } from '../contract/smm.ts';

type Followed = Pick<Machine, 'smm' | 'smmEvents'>;

/** How often a reader hears what has happened, in milliseconds: figures on a screen change no faster. */
const INTERVAL = 250;

/** The most events that one message carries; older ones of the same interval are counted only. */
const MOST_EVENTS = 1500;

/**
 * Follows System Management Mode of whatever machine `present` gives, which changes with each start. Ends when it is gone, `signal` is aborted or
 * the caller stops iterating.
 */
export async function* watchSmm(present: () => Followed | undefined | 'gone', signal?: AbortSignal, interval = INTERVAL): AsyncGenerator<SmmMessage, void, void> {
  let followed: Followed | undefined;
  let next = 0;
  let toldOff = false;
  while (signal?.aborted !== true) {
    const machine = present();
    if (machine === 'gone') return;
    if (machine !== followed) {
      followed = machine;
      next = 0;
    }
    const message = machine === undefined ? undefined : await look(machine, next);
    if (message !== undefined) {
      next = message.next;
      toldOff = false;
      yield message.message;
    } else if (!toldOff) {
      // Off, or it ended between two looks.
      toldOff = true;
      yield { kind: 'off' };
    }
    await pause(interval, signal);
  }
}

async function look(machine: Followed, since: number): Promise<{ message: SmmMessage; next: number } | undefined> {
  try {
    const [state, { events, lost, next }] = await Promise.all([machine.smm(), machine.smmEvents(since)]);
    const kept = events.slice(-MOST_EVENTS);
    return { message: { kind: 'now', state, events: kept, skipped: lost + events.length - kept.length }, next };
  } catch {
    // A machine that has just been disposed of answers nothing any more; its state's event says why.
    return undefined;
  }
}

function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal?.addEventListener('abort', done, { once: true });
  });
}
