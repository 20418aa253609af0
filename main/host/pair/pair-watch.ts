/** One pair, looked at again and again while somebody wants to know: its state, figures for charts, and what it has lived through. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { MachineSummary, PairStateName } from '../../contract/machine.ts';
import type {
  PairEventMessage,
  PairMemberMessage,
  PairMessage,
  PairSampleMessage,
  PairStatusMessage,
} from '../../contract/pairs.ts';
import { EventChannel } from '../event-channel.ts';
import { isSystemError } from '../errors.ts';
import type { SideName } from '../../../engine/tolerance/messages.ts';
import { PairPictures } from './pair-pictures.ts';
import { AwayJournal } from './away-journal.ts';
import type { JournalPlace } from './journal.ts';
import type { Pair, PairStatus } from './pairs.ts';
import type { SideStatus } from './protocol.ts';

/** What is kept for who comes later: minutes of samples, and the last events; periodic checkpoints come often and say little. */
const keptSamples = 1200;
const keptEvents = 500;
const keptPeriodic = 100;
/** Milliseconds in which a pair that is being made may still have nobody who answers. */
const makingTakes = 60_000;

export class PairWatch {
  readonly messages = new EventChannel<PairMessage>(merge);
  status: PairStatusMessage | undefined;
  #samples: PairSampleMessage[] = [];
  #events: PairEventMessage[] = [];
  #next: JournalPlace | undefined;
  /** Of side b where it is on another host. */
  #away: AwayJournal | undefined;
  /** Which pair the figures are of: a pair that was ended and made anew is another. */
  #pair: string | undefined;
  #link: { pid: number; at: number; bytes: number; states: number } | undefined;
  #cost: NonNullable<SideStatus['cost']> | undefined;
  #pictures = new PairPictures();
  #looking: Promise<void> | undefined;
  #toldNone = false;

  /** `changed`: the library shows something else of it. */
  constructor(
    private readonly pair: () => Pair,
    private readonly changed: () => void,
  ) {}

  /** A reader's first message, then those that come. */
  subscribe(signal?: AbortSignal): AsyncGenerator<PairMessage, void, void> {
    return this.messages.subscribe([this.#present()], signal);
  }

  #present(): PairMessage {
    const { status } = this;
    return status === undefined ? { kind: 'none' } : { kind: 'now', status, samples: this.#samples, events: this.#events };
  }

  /** When the state began, as far as its journal tells. */
  get since(): number | null {
    return this.#events.findLast(({ kind }) => kind === 'protected' || kind === 'degraded' || kind === 'unprotected')?.at ?? null;
  }

  /** Looks once; who asks meanwhile waits for the same look. */
  look(): Promise<void> {
    return (this.#looking ??= this.#look().finally(() => (this.#looking = undefined)));
  }

  /** Looks at what is there from this call on. */
  async lookAnew(): Promise<void> {
    await this.#looking;
    await this.look();
  }

  /** As lookAnew, with what another host has to tell by now; where it does not, the answer is why. */
  async lookThoroughly(): Promise<string | undefined> {
    await this.lookAnew();
    const problem = await this.#away?.ask();
    await this.lookAnew();
    return problem;
  }

  get sample(): PairSampleMessage | undefined {
    return this.#samples.at(-1);
  }

  /** What it has lived through, as far as it is kept here. */
  get events(): readonly PairEventMessage[] {
    return this.#events;
  }

  async #look(): Promise<void> {
    const pair = this.pair();
    const made = madeAt(pair);
    if (made === undefined) return this.#none();
    if (made.key !== this.#pair) this.#forget(made.key);
    let seen: PairStatus;
    try {
      seen = await pair.status();
    } catch (error) {
      // Ended between the two looks; anything else is the caller's.
      if (madeAt(pair) === undefined) return this.#none();
      throw error;
    }
    const { away } = pair.folder.read();
    if (away !== null) this.#away ??= new AwayJournal((from) => this.pair().awayJournal(from));
    this.#away?.look();
    const journal = await pair.folder.journal.read(this.#next);
    // It was ended, and perhaps made anew, while it was looked at: this look is of neither.
    if (madeAt(pair)?.key !== this.#pair) return;
    this.#next = journal.next;
    const events = inTime([...journal.entries, ...(this.#away?.take() ?? [])].map((entry) => ({ ...entry, text: withoutState(entry.text) })));
    this.#keepEvents(events);
    const before = this.status;
    const isNew =
      !this.#events.some(({ kind }) => kind === 'protected' || kind === 'degraded') && Date.now() - made.at < makingTakes;
    const status = statusOf(seen, pair, isNew);
    const sample = this.#sample(seen, status.state);
    this.#samples = [...this.#samples, sample].slice(-keptSamples);
    this.status = status;
    this.#toldNone = false;
    this.messages.publish({ kind: 'now', status, samples: [sample], events });
    if (before?.state !== status.state || before.reason !== status.reason || before.gateway?.port !== status.gateway?.port)
      this.changed();
  }

  #none(): void {
    const had = this.status !== undefined;
    this.#forget(undefined);
    if (!this.#toldNone) this.messages.publish({ kind: 'none' });
    this.#toldNone = true;
    if (had) this.changed();
  }

  #forget(key: string | undefined): void {
    this.#pair = key;
    this.status = undefined;
    this.#samples = [];
    this.#events = [];
    this.#next = undefined;
    this.#away = undefined;
    this.#link = undefined;
    this.#cost = undefined;
    this.#pictures = new PairPictures();
  }

  /** What the sides show, the primary first. */
  get screens(): NonNullable<MachineSummary['pair']>['screens'] {
    const { status } = this;
    const order = status?.primary === 'b' ? (['b', 'a'] as const) : (['a', 'b'] as const);
    return order.map((side) => ({ side, role: (status?.sides[side] ?? null) === null ? 'gone' : side === status?.primary ? 'primary' : 'secondary', picture: this.#pictures.stamp(side) }));
  }

  /** A PNG; undefined where the side was not seen. */
  picture(side: SideName): Uint8Array | undefined {
    return this.#pictures.png(side);
  }

  /** Looks what the sides show. `keep` gets the primary's picture when it is another. */
  async lookAtScreens(keep: (png: Uint8Array) => Promise<void>): Promise<void> {
    const { status } = this;
    if (status === undefined) return;
    const pair = this.pair();
    const pictures = this.#pictures;
    const changed = await Promise.all(
      (['a', 'b'] as const).filter((side) => status.sides[side] !== null).map(async (side) => {
        const isNew = await pictures.look(side, pair);
        const png = pictures.png(side);
        if (isNew && side === status.primary && png !== undefined) await keep(png);
        return isNew;
      }),
    );
    if (changed.includes(true) && pictures === this.#pictures) this.changed();
  }

  #keepEvents(entries: readonly PairEventMessage[]): void {
    const all = inTime([...this.#events, ...entries]);
    const isPeriodic = ({ resync }: PairEventMessage): boolean => resync?.reason === 'periodic';
    const periodic = new Set(all.filter(isPeriodic).slice(-keptPeriodic));
    const others = new Set(all.filter((event) => !isPeriodic(event)).slice(-keptEvents));
    this.#events = all.filter((event) => periodic.has(event) || others.has(event));
  }

  #sample(seen: PairStatus, state: PairStateName): PairSampleMessage {
    const at = Date.now();
    const primary = seen.primary === null ? null : seen.sides[seen.primary];
    const link = primary?.link ?? null;
    const last = this.#link;
    this.#link =
      primary === null || link === null
        ? undefined
        : { pid: primary.pid, at, bytes: link.sent + link.received, states: link.states };
    const seconds = last === undefined ? 0 : (at - last.at) / 1000;
    const rate = (now: number | undefined, then: number | undefined): number | null =>
      now === undefined || then === undefined || now < then || seconds <= 0 || last?.pid !== primary?.pid
        ? null
        : (now - then) / seconds;
    const cost = primary?.cost ?? undefined;
    const before = this.#cost;
    this.#cost = cost;
    const share = (of: 'waited' | 'stood'): number | null =>
      cost === undefined || before === undefined || cost.together <= before.together ? null : Math.min(1, Math.max(0, (cost[of] - before[of]) / (cost.together - before.together)));
    return {
      at,
      state,
      lag: primary?.lag ?? null,
      held: primary?.heldBytes ?? null,
      heartbeat: primary?.heartbeatAge ?? null,
      link: rate(this.#link?.bytes, last?.bytes),
      states: rate(this.#link?.states, last?.states),
      roundTrip: primary?.roundTrip ?? null,
      waited: share('waited'),
      stood: share('stood'),
    };
  }
}

/** Those of another host may come late. */
function inTime(events: readonly PairEventMessage[]): PairEventMessage[] {
  return [...events].sort((one, two) => one.at - two.at);
}

/** What waits for a slow reader becomes one message. */
function merge(last: PairMessage, next: PairMessage): PairMessage | undefined {
  if (last.kind !== 'now' || next.kind !== 'now') return undefined;
  const samples = [...last.samples, ...next.samples].slice(-keptSamples);
  return { ...next, samples, events: [...last.events, ...next.events].slice(-2 * keptEvents) };
}

/** When the description was written last, and what tells this pair from one that was there before. */
function madeAt(pair: Pair): { key: string; at: number } | undefined {
  try {
    const { ino, birthtimeMs } = statSync(pair.folder.path);
    const { mtimeMs } = statSync(join(pair.folder.path, 'pair.json'));
    return { key: `${ino} ${birthtimeMs}`, at: mtimeMs };
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** Sides say their state before its reason; people see it in a badge. */
function withoutState(reason: string): string {
  return reason.replace(/^(?:Protected|Unprotected): (.)/u, (_all, first: string) => first.toUpperCase());
}

const member = (side: SideStatus | null): PairMemberMessage | null =>
  side === null
    ? null
    : { pid: side.pid, role: side.role, mode: side.mode, term: side.term, generation: side.generation, leaseAge: side.leaseAge };

/** As the contract has it. `isNew`: it has never been protected, and was made a moment ago. */
export function statusOf(seen: PairStatus, pair: Pick<Pair, 'folder'>, isNew: boolean): PairStatusMessage {
  const { gateway, sides, primary, isProtected } = seen;
  const { deadAfter, lateAfter, stormAfter, verify, lease, away } = pair.folder.read();
  const speaker = primary === null ? null : sides[primary];
  const state = isProtected
    ? speaker?.periodic === true
      ? 'degraded'
      : 'protected'
    : isNew
      ? 'preparing'
      : gateway === null || speaker === null
        ? 'lost'
        : 'unprotected';
  return {
    state,
    reason: state === 'preparing' ? 'The second machine is being made equal to the first.' : withoutState(seen.reason),
    primary,
    sides: { a: member(sides.a), b: member(sides.b) },
    gateway:
      gateway === null
        ? null
        : {
            pid: gateway.pid,
            port: gateway.port,
            clients: gateway.clients,
            bytesIn: gateway.bytesIn,
            bytesOut: gateway.bytesOut,
            waitingInputs: gateway.waitingInputs,
            lost: gateway.lost,
          },
    lease: lease.kind,
    away: away?.host ?? null,
    settings: { deadAfter, lateAfter, stormAfter, verify },
    resyncs: speaker?.resyncs ?? 0,
  };
}
