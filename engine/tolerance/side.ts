/**
 * One side of a pair as a pure state machine: events in, actions out. No clock, no socket, no machine: the runtime (main/host/pair) has
 * those, and the model check (test/model/tolerance.spec.ts) has others. docs/decisions/0021 says why it is so.
 */
import type { OutputChannel } from './channel.ts';
import type { Checkpoint, FromGateway, SideAction, SideName, SideNote, ToPeer } from './messages.ts';
import { agreement, append, emptyLog, endOf, lastBefore, slice, trim, type OutputLog } from './output-log.ts';

/** How many bytes around the first different one a divergence shows. */
const shownBytes = 16;

export interface ChannelState {
  /** This side's own output, from what the gateway has confirmed on. */
  log: OutputLog;
  /** Primary: both sides have said the same up to here, or a checkpoint covers it. */
  agreed: number;
  /** Primary: what the secondary said, from `agreed` on. */
  peer: OutputLog;
  /** Given to the gateway (who speaks) or to the primary (the secondary) up to here. */
  sent: number;
}

export type Mode =
  /** A secondary that has no state yet. */
  | 'joining'
  /** One of two. */
  | 'together'
  /** Speaks for itself under a term of its own. */
  | 'alone'
  /** Waits for the lease's answer, and says nothing meanwhile. */
  | 'acquiring'
  /** The other goes on. */
  | 'fenced';

export interface SideState {
  readonly name: SideName;
  role: 'primary' | 'secondary';
  mode: Mode;
  term: number;
  /** Of the last checkpoint: taken (primary) or committed (secondary). */
  generation: number;
  /** Primary: a resync that is under way. */
  sync: { readonly isFull: boolean; taken: Omit<Checkpoint, 'state'> | undefined; checkpoint: Checkpoint | undefined } | undefined;
  /** Secondary: a checkpoint that the runtime is about to put in place. */
  committing: Checkpoint | undefined;
  /** The other side was lost meanwhile. */
  lostWhileCommitting: boolean;
  /** Alone: a secondary waits for its first state. */
  isPeerReady: boolean;
  /** The next input. */
  input: number;
  /** Secondary: the primary has inputs before this one in every state that may still come. */
  safeInput: number;
  channels: Record<string, ChannelState>;
  /** Outputs are committed, not compared. */
  periodic: boolean;
}

function channelAt(offset: number): ChannelState {
  return { log: emptyLog(offset), agreed: offset, peer: emptyLog(offset), sent: offset };
}

/** The side that speaks first (alone, under term 1, which it holds), or one that joins it. */
export function startingSide(name: SideName, role: 'primary' | 'secondary', channels: readonly string[]): SideState {
  return {
    name,
    role,
    mode: role === 'primary' ? 'alone' : 'joining',
    term: role === 'primary' ? 1 : 0,
    generation: 0,
    sync: undefined,
    committing: undefined,
    lostWhileCommitting: false,
    isPeerReady: false,
    input: 0,
    safeInput: 0,
    channels: Object.fromEntries(channels.map((channel) => [channel, channelAt(0)])),
    periodic: false,
  };
}

export class Side {
  #actions: SideAction[] = [];
  /** The last bytes of each channel that no log has any more; for people, and no part of the protocol. */
  readonly #delivered = new Map<string, OutputLog>();

  constructor(
    readonly state: SideState,
    private readonly channels: readonly OutputChannel[],
  ) {}

  // What the runtime tells. Each returns what is to be done.

  /** Once, when the links are there. */
  begin(): SideAction[] {
    if (this.state.mode === 'joining') this.#toPeer({ kind: 'ready' });
    if (this.state.mode === 'alone') this.#sayAlone();
    return this.#taken();
  }

  /** The machine said something. */
  output(channel: string, bytes: Uint8Array): SideAction[] {
    const state = this.#channel(channel);
    state.log = append(state.log, endOf(state.log), bytes) ?? state.log;
    this.#compare();
    this.#speak();
    return this.#taken();
  }

  fromGateway(message: FromGateway): SideAction[] {
    const { state } = this;
    if (state.mode === 'fenced') return [];
    switch (message.kind) {
      case 'shared':
        if (state.mode === 'alone' && state.isPeerReady && state.sync === undefined && message.term === state.term)
          this.#resync({ kind: 'resync', reason: 'join', divergence: undefined }, true);
        break;
      case 'input':
        // A secondary that waits for its first state has nothing to give it to.
        if (state.mode === 'joining' || message.sequence !== state.input) break;
        state.input += 1;
        this.#do({ kind: 'apply', sequence: message.sequence, input: message.input });
        this.#sayApplied();
        this.#sayProgress();
        break;
      case 'delivered': {
        const channel = this.#channel(message.channel);
        // A client that was served under an older term may be ahead of a secondary that still has to commit.
        const offset = Math.min(message.offset, endOf(channel.log));
        if (offset > channel.log.start) this.#delivered.set(message.channel, this.#before(message.channel, offset));
        channel.log = trim(channel.log, offset);
        break;
      }
      case 'outdated':
        if (message.term > state.term) this.#fence();
        break;
    }
    return this.#taken();
  }

  fromPeer(message: ToPeer): SideAction[] {
    const { state } = this;
    if (state.mode === 'fenced') return [];
    switch (message.kind) {
      case 'ready':
        if (state.mode !== 'alone' || state.sync !== undefined) break;
        state.isPeerReady = true;
        this.#share();
        break;
      case 'checkpoint':
        this.#receive(message.checkpoint);
        break;
      case 'committed':
        this.#committedByPeer(message.generation);
        break;
      case 'refused':
        if (state.role !== 'primary' || state.mode !== 'together' || state.sync?.checkpoint?.generation !== message.generation) break;
        this.#resync({ kind: 'resync', reason: 'refused', divergence: undefined }, true);
        break;
      case 'produced': {
        if (state.role !== 'primary' || state.mode !== 'together' || state.sync !== undefined) break;
        if (message.generation !== state.generation || state.periodic) break;
        const channel = this.#channel(message.channel);
        channel.peer = append(channel.peer, message.offset, message.bytes) ?? channel.peer;
        this.#compare();
        this.#speak();
        break;
      }
      case 'progress':
        if (state.role !== 'secondary' || state.mode !== 'together' || message.generation !== state.generation) break;
        if (message.input <= state.safeInput) break;
        state.safeInput = message.input;
        this.#sayApplied();
        break;
    }
    return this.#taken();
  }

  /** Some output has been waiting for its equal for longer than the limit. Nothing happens where there is none. */
  late(): SideAction[] {
    if (this.waits) this.#resync({ kind: 'resync', reason: 'late', divergence: undefined }, false);
    return this.#taken();
  }

  /**
   * A person, or the runtime's own reason, wants a resync now. With `periodic` this and those to come are no longer preceded by a comparison; with `isFull`
   * all of the state travels, not what was changed.
   */
  resync(reason: 'asked' | 'periodic', periodic = this.state.periodic, isFull = false): SideAction[] {
    const { state } = this;
    if (state.role === 'primary' && state.mode === 'together' && state.sync === undefined) {
      state.periodic = periodic;
      this.#resync({ kind: 'resync', reason, divergence: undefined }, isFull);
    }
    return this.#taken();
  }

  /**
   * The machine stands still, and its state has been copied as `capture` asked for. It has said nothing that was not told before, and runs on only
   * after this; what it says then is held.
   */
  snapped(): SideAction[] {
    const { state } = this;
    const { sync } = state;
    if (sync === undefined || sync.taken !== undefined) return [];
    state.generation += 1;
    if (state.mode === 'alone') {
      // What is there was said alone. From here on the other may take over from this state.
      for (const channel of Object.values(state.channels)) channel.agreed = endOf(channel.log);
      this.#speak();
      state.mode = 'together';
    }
    sync.taken = {
      generation: state.generation,
      term: state.term,
      input: state.input,
      channels: Object.fromEntries(Object.entries(state.channels).map(([name, { log }]) => [name, log])),
      periodic: state.periodic,
    };
    return this.#taken();
  }

  /** What was copied then, ready to be sent. */
  captured(captured: unknown): SideAction[] {
    const { sync } = this.state;
    if (sync?.taken === undefined || sync.checkpoint !== undefined) return [];
    sync.checkpoint = { ...sync.taken, state: captured };
    this.#toPeer({ kind: 'checkpoint', checkpoint: sync.checkpoint });
    return this.#taken();
  }

  /** The secondary's runtime has put the checkpoint in place. */
  committed(): SideAction[] {
    const { state } = this;
    const checkpoint = state.committing;
    if (checkpoint === undefined || state.mode === 'fenced') return [];
    state.committing = undefined;
    state.generation = checkpoint.generation;
    state.term = checkpoint.term;
    state.periodic = checkpoint.periodic;
    state.input = state.safeInput = checkpoint.input;
    for (const [name, log] of Object.entries(checkpoint.channels)) {
      const channel = this.#channel(name);
      channel.log = log;
      channel.sent = channel.agreed = endOf(log);
      channel.peer = emptyLog(channel.agreed);
    }
    if (state.mode === 'joining') state.mode = 'together';
    this.#do({ kind: 'toGateway', message: { kind: 'rewound', next: state.input } });
    // What the state has in it is asked for no more.
    this.#sayApplied();
    this.#toPeer({ kind: 'committed', generation: state.generation });
    this.#lostNow();
    return this.#taken();
  }

  /** The checkpoint is not what was sent; the machine's state is what it was. */
  refused(): SideAction[] {
    const { state } = this;
    if (state.committing === undefined) return [];
    this.#toPeer({ kind: 'refused', generation: state.committing.generation });
    state.committing = undefined;
    this.#lostNow();
    return this.#taken();
  }

  /** The other side is gone, or seems to be. */
  peerLost(): SideAction[] {
    const { state } = this;
    // A state is being put in place, and it is not known yet which one is to go on.
    if (state.committing !== undefined && state.mode !== 'fenced') state.lostWhileCommitting = true;
    else this.#peerLost();
    return this.#taken();
  }

  #lostNow(): void {
    if (!this.state.lostWhileCommitting) return;
    this.state.lostWhileCommitting = false;
    this.#peerLost();
  }

  #peerLost(): void {
    const { state } = this;
    switch (state.mode) {
      case 'joining':
        // Nothing to go on with.
        this.#fence();
        break;
      case 'together':
        state.mode = 'acquiring';
        this.#do({ kind: 'acquire', term: state.term + 1 });
        break;
      case 'alone':
        // It was about to join.
        state.isPeerReady = false;
        this.#abandon();
        this.#sayAlone();
        break;
      case 'acquiring':
      case 'fenced':
        break;
    }
  }

  /** What the lease said to `acquire`. */
  leased(isGranted: boolean): SideAction[] {
    const { state } = this;
    if (state.mode !== 'acquiring') return [];
    if (!isGranted) {
      this.#fence();
      return this.#taken();
    }
    const tookOver = state.role === 'secondary';
    this.#abandon();
    state.term += 1;
    state.role = 'primary';
    state.mode = 'alone';
    state.isPeerReady = false;
    state.periodic = false;
    for (const channel of Object.values(state.channels)) channel.sent = channel.log.start;
    this.#do({ kind: 'alone', tookOver });
    this.#sayAlone();
    this.#sayApplied();
    this.#speak();
    return this.#taken();
  }

  /** The lease has a newer term than this side's. */
  fenced(): SideAction[] {
    this.#fence();
    return this.#taken();
  }

  /** What was said to the gateway may have been lost, as when their link was: it is said again. */
  repeat(): SideAction[] {
    this.#repeat();
    return this.#taken();
  }

  #repeat(): void {
    const { state } = this;
    if (state.mode !== 'together' && state.mode !== 'alone') return;
    // One that joins is not told away.
    if (state.mode === 'alone' && state.isPeerReady) this.#share();
    else if (state.mode === 'alone') this.#sayAlone();
    this.#sayApplied();
    if (state.role === 'secondary') return;
    for (const channel of Object.values(state.channels)) channel.sent = channel.log.start;
    this.#speak();
  }

  /** Says everything again that may have been lost. */
  retry(): SideAction[] {
    const { state } = this;
    this.#repeat();
    switch (state.mode) {
      case 'joining':
        this.#toPeer({ kind: 'ready' });
        break;
      case 'together':
      case 'alone':
        if (state.role === 'primary') {
          if (state.sync?.checkpoint !== undefined) this.#toPeer({ kind: 'checkpoint', checkpoint: state.sync.checkpoint });
          this.#sayProgress();
        } else {
          this.#toPeer({ kind: 'committed', generation: state.generation });
          for (const channel of Object.values(state.channels)) channel.sent = channel.log.start;
          this.#speak();
        }
        break;
      case 'acquiring':
      case 'fenced':
        break;
    }
    return this.#taken();
  }

  // What people and the runtime's timers look at

  /** Primary: bytes wait for their equal, on either side. */
  get waits(): boolean {
    const { state } = this;
    if (state.role !== 'primary' || state.mode !== 'together' || state.sync !== undefined) return false;
    return Object.values(state.channels).some(({ log, agreed, peer }) => endOf(log) !== agreed || endOf(peer) !== agreed);
  }

  /** Bytes of this side that have not been given to the gateway. */
  get heldBytes(): number {
    const { state } = this;
    if (state.role !== 'primary') return 0;
    return Object.values(state.channels).reduce((sum, { log, sent }) => sum + Math.max(0, endOf(log) - sent), 0);
  }

  // Inside

  #channel(name: string): ChannelState {
    const channel = this.state.channels[name];
    if (channel === undefined) throw new RangeError(`A pair has no channel ${name}.`);
    return channel;
  }

  #do(action: SideAction): void {
    this.#actions.push(action);
  }

  #toPeer(message: ToPeer): void {
    this.#do({ kind: 'toPeer', message });
  }

  #taken(): SideAction[] {
    const actions = this.#actions;
    this.#actions = [];
    return actions;
  }

  #sayAlone(): void {
    this.#do({ kind: 'toGateway', message: { kind: 'alone', term: this.state.term } });
  }

  #share(): void {
    this.#do({ kind: 'toGateway', message: { kind: 'share', term: this.state.term } });
  }

  #sayApplied(): void {
    const { state } = this;
    const kept = state.role === 'primary' ? state.input : Math.min(state.input, state.safeInput);
    this.#do({ kind: 'toGateway', message: { kind: 'applied', kept, next: state.input } });
  }

  /** What a secondary may forget. Not while a checkpoint is on its way: its inputs are older. */
  #sayProgress(): void {
    const { state } = this;
    if (state.role !== 'primary' || state.mode !== 'together' || state.sync !== undefined) return;
    this.#toPeer({ kind: 'progress', generation: state.generation, input: state.input });
  }

  /** Gives on what may leave. */
  #speak(): void {
    const { state } = this;
    const speaks = state.role === 'primary' && (state.mode === 'alone' || state.mode === 'together');
    const tells = state.role === 'secondary' && state.mode === 'together' && state.committing === undefined && !state.periodic;
    for (const { name, whole } of this.channels) {
      const channel = this.#channel(name);
      const limit = state.mode === 'alone' || tells ? endOf(channel.log) : channel.agreed;
      const from = Math.max(channel.sent, channel.log.start);
      let bytes = slice(channel.log, from, limit);
      if (speaks) bytes = bytes.slice(0, whole(bytes, 0));
      if (bytes.length === 0 || !(speaks || tells)) continue;
      channel.sent = from + bytes.length;
      if (speaks) this.#do({ kind: 'release', message: { kind: 'output', term: state.term, channel: name, offset: from, bytes } });
      else this.#toPeer({ kind: 'produced', generation: state.generation, channel: name, offset: from, bytes });
    }
  }

  /** Primary: moves `agreed` on, and asks for a resync at the first byte that differs. */
  #compare(): void {
    const { state } = this;
    if (state.role !== 'primary' || state.mode !== 'together' || state.sync !== undefined || state.periodic) return;
    for (const [name, channel] of Object.entries(state.channels)) {
      const { log, peer } = channel;
      const { until, differs } = agreement(log, peer, channel.agreed);
      channel.agreed = until;
      channel.peer = trim(peer, until);
      if (!differs) continue;
      const divergence = {
        channel: name,
        offset: until,
        before: this.#before(name, until).bytes,
        primary: slice(log, until, until + shownBytes),
        secondary: slice(peer, until, until + shownBytes),
      };
      this.#resync({ kind: 'resync', reason: 'differs', divergence }, false);
      return;
    }
  }

  /** The last bytes of a channel before `offset`. */
  #before(name: string, offset: number): OutputLog {
    const { log } = this.#channel(name);
    return lastBefore(this.#delivered.get(name) ?? emptyLog(log.start), log, offset, shownBytes);
  }

  #resync(note: SideNote, isFull: boolean): void {
    const { state } = this;
    // What agreed so far may leave.
    this.#speak();
    state.sync = { isFull, taken: undefined, checkpoint: undefined };
    this.#do({ kind: 'note', note });
    this.#do({ kind: 'capture', generation: state.generation + 1, full: isFull });
  }

  /** Secondary: a checkpoint has come. */
  #receive(checkpoint: Checkpoint): void {
    const { state } = this;
    if (state.role !== 'secondary' || (state.mode !== 'together' && state.mode !== 'joining')) return;
    if (checkpoint.generation === state.generation) {
      this.#toPeer({ kind: 'committed', generation: state.generation });
      return;
    }
    if (checkpoint.generation < state.generation || state.committing !== undefined) return;
    state.committing = checkpoint;
    this.#do({ kind: 'commit', checkpoint });
  }

  /** Primary: the secondary has the state, so what was held for it may leave. */
  #committedByPeer(generation: number): void {
    const { state } = this;
    const checkpoint = state.sync?.checkpoint;
    if (state.role !== 'primary' || state.mode !== 'together' || checkpoint?.generation !== generation) return;
    state.sync = undefined;
    for (const [name, log] of Object.entries(checkpoint.channels)) {
      const channel = this.#channel(name);
      channel.agreed = Math.max(channel.agreed, endOf(log));
      channel.peer = emptyLog(channel.agreed);
    }
    this.#speak();
    this.#do({ kind: 'note', note: { kind: 'protected', generation } });
    this.#sayProgress();
  }

  #abandon(): void {
    const { state } = this;
    if (state.sync === undefined) return;
    const isTaking = state.sync.checkpoint === undefined;
    state.sync = undefined;
    if (isTaking) this.#do({ kind: 'abandon' });
  }

  #fence(): void {
    const { state } = this;
    if (state.mode === 'fenced') return;
    this.#abandon();
    state.mode = 'fenced';
    this.#do({ kind: 'fence' });
  }
}
