/**
 * One side of a pair: a machine in a process of its own, the protocol's state machine, and its links to the gateway and to the other side.
 * docs/decisions/0021.
 */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { epochLength, type EpochDecision, type EpochState } from '../../../engine/machine/epochs.ts';
import type { Machine, MachineConfiguration, MachineInput } from '../../../engine/machine/machine.ts';
import { type Checkpoint, type FromGateway, type SideAction, type SideName, type SideNote } from '../../../engine/tolerance/messages.ts';
import { askPair } from '../../../engine/tolerance/questions.ts';
import { Side, startingSide } from '../../../engine/tolerance/side.ts';
import type { Lease } from '../../../engine/tolerance/lease.ts';
import { Capture } from './capture.ts';
import type { PairDescription, PairFolder } from './folder.ts';
import { HOST_FILES } from '../library.ts';
import { EpochInput } from './epoch-input.ts';
import { InputQueue } from './input-queue.ts';
import { resyncEntry, type JournalEntry, type JournalKind } from './journal.ts';
import { LagMeter } from './lag.ts';
import type { Link } from './link.ts';
import { pairChannels, type FailPoint, type Fault, type Resync, type SideQuestion, type SideStatus, type ToPeerProcess } from './protocol.ts';
import { beatInterval, SideLinks } from './side-links.ts';
import { StormWatch } from './storm.ts';

const lookInterval = 20;
/** Milliseconds between two checkpoints while nothing is compared, and after which comparing is tried again. */
const periodicInterval = 200;
const periodicTrial = 30_000;
/** Milliseconds in which divergence is counted for a storm. */
const stormWindow = 10_000;
/** Milliseconds for which another process is waited for at the start. */
const patience = 30_000;
const keptEvents = 200;
/** Under the virtual clock whole states are compared every so many epochs, with --verify. */
const wholeEvery = 64;
/** Milliseconds for which a lease that is given up is waited for. */
const endPatience = 500;

/** What a checkpoint carries for the runtime. */
interface State {
  readonly transfer: Uint8Array;
  readonly inputs: readonly MachineInput[];
  /** Under the virtual clock. */
  readonly epochs: EpochState<MachineInput> | undefined;
}

export class SideProcess {
  readonly #side: Side;
  readonly #lease: Lease;
  readonly #inputs: InputQueue;
  /** Under the virtual clock, instead. */
  readonly #epochs: EpochInput | undefined;
  /** The last epoch of the last checkpoint; where the secondary strayed from the primary since. */
  #checkpointEpoch = 0;
  #strayed: number | undefined;
  readonly #storm: StormWatch;
  readonly #events: { at: number; text: string }[] = [];
  readonly #resyncs: Resync[] = [];
  readonly #lag = new LagMeter();
  #leaseAt: number | undefined;
  /** Since when the lease cannot be proved. */
  #unproven: number | undefined;
  /** Primary: since when nothing can leave, for want of the gateway or of a proof. */
  #muteSince: number | undefined;
  /** What the other was told of `#canServe`, and what it says of itself. */
  #told: boolean | undefined;
  #peerCanServe = false;
  readonly #links: SideLinks;
  #stateBytes = 0;
  #resyncCount = 0;
  #gateway: Link | undefined;
  #peer: Link | undefined;
  #captures = 0;
  /** Under way. */
  #capture: Capture | undefined;
  #taking: Promise<void> = Promise.resolve();
  #waitingSince: { key: string; at: number } | undefined;
  #periodicSince = 0;
  #resyncBegan = 0;
  #reason = 'Starts.';
  #flipsOutput = false;
  #failAt: Extract<Fault, { kind: 'fail-at' }> | undefined;
  /** Primary: the secondary has had a state since it joined. */
  #isProtected = false;
  #commits: Promise<void> = Promise.resolve();
  /** By channel: what the machine has said in this turn of the event loop. */
  readonly #unsaid = new Map<string, Uint8Array[]>();
  #saying: NodeJS.Immediate | undefined;

  private constructor(
    private readonly folder: PairFolder,
    private readonly pair: PairDescription,
    private readonly name: SideName,
    role: 'primary' | 'secondary',
    private readonly configuration: MachineConfiguration,
    private readonly machine: Machine,
  ) {
    this.#side = new Side(startingSide(name, role, pairChannels.map((channel) => channel.name)), pairChannels);
    this.#lease = folder.lease(name, (sentence) => this.#note(sentence));
    this.#storm = new StormWatch(pair.stormAfter, stormWindow);
    this.#inputs = new InputQueue(machine);
    if (machine.configuration.clock === 'virtual') this.#epochs = new EpochInput(machine, (error) => this.#fail(error));
    this.#links = new SideLinks(folder, pair, name, {
      control: (link, question) => void this.#control(link, question),
      peer: (link) => this.#meet(link),
      gateway: (link) => this.#serveGateway(link),
    });
  }

  /** Runs until the pair ends, or this side does. `restore`: a saved state to go on from. */
  static async run(
    folder: PairFolder,
    name: SideName,
    role: 'primary' | 'secondary',
    configuration: MachineConfiguration,
    createMachine: (configuration: MachineConfiguration) => Promise<Machine>,
  ): Promise<void> {
    const pair = folder.read();
    const side = new SideProcess(folder, pair, name, role, configuration, await createMachine({ ...configuration, pair: role }));
    await side.#begin();
  }

  get #isPrimary(): boolean {
    return this.#side.state.role === 'primary';
  }

  async #begin(): Promise<void> {
    const { machine } = this;
    machine.on((event) => {
      if (event.kind === 'serial') this.#said('com1', event.bytes);
      else if (event.kind === 'debugConsole') this.#said('debug', event.bytes);
      else if (event.kind === 'epoch') this.#began(event.decision, event.differs);
      else if (event.kind === 'state' && (event.state === 'off' || event.state === 'crashed')) this.#end(`The machine is ${event.state}. ${event.reason}`);
    });
    if (!this.#isPrimary) {
      await machine.start({ paused: true });
      await askPair(machine, 'hold', { tell: false });
      await this.#compareStates();
    } else if (!(await this.#acquire(1))) return this.#end('Somebody else has the lease of this pair.');
    await this.#links.listen();
    await this.#links.connectGateway(patience);
    if (this.#isPrimary) {
      this.#reason = 'Unprotected: no secondary has joined yet.';
      this.#note(this.#reason, 'unprotected');
      this.#perform(this.#side.begin());
      await machine.start();
      await this.#compareStates();
    } else {
      this.#reason = 'Waits for its first state.';
      await this.#links.joinPeer(patience);
      setTimeout(() => {
        if (this.#side.state.mode === 'joining' && this.#peer === undefined) this.#end('The other side did not come.');
      }, patience);
    }
    setInterval(() => this.#look(), lookInterval);
    setInterval(() => this.#peer?.send({ kind: 'beat' }), beatInterval);
  }

  /** The other side has come, or this one to it. One at a time, and only where one of them can give the other its state. */
  #meet(link: Link): boolean {
    const { mode } = this.#side.state;
    if (this.#peer !== undefined || (mode !== 'alone' && mode !== 'joining')) return false;
    this.#join(link);
    if (mode === 'joining') this.#perform(this.#side.begin());
    return true;
  }

  #serveGateway(link: Link): void {
    this.#gateway?.close();
    this.#gateway = link;
    link.onMessage = (message) => this.#perform(this.#side.fromGateway(message as FromGateway));
    link.onClose = () => {
      if (this.#gateway !== link) return;
      this.#gateway = undefined;
      this.#note('The gateway cannot be reached.');
      this.#tellReach();
    };
    // What an earlier link lost.
    this.#perform(this.#side.repeat());
    this.#tellReach();
  }

  /** A gateway on another host says all the time that it is there. */
  get #hasGateway(): boolean {
    return this.#gateway !== undefined && (this.pair.home === null || performance.now() - this.#gateway.heardAt < this.pair.deadAfter / 2);
  }

  get #canServe(): boolean {
    return this.#hasGateway && this.#lease.isReachable;
  }

  #tellReach(): void {
    const canServe = this.#canServe;
    if (canServe === this.#told) return;
    this.#told = canServe;
    this.#peer?.send({ kind: 'reach', canServe });
  }

  async #compareStates(): Promise<void> {
    if (this.#epochs !== undefined && this.pair.verify) await askPair(this.machine, 'compareEvery', { epochs: wholeEvery });
  }

  /** Virtual clock: the machine has begun an epoch. */
  #began(decision: EpochDecision, differs: boolean): void {
    this.#epochs?.began(decision);
    if (this.#isPrimary) {
      this.#peer?.send({ kind: 'epoch', decision });
      return;
    }
    const { epoch } = decision;
    this.#peer?.send({ kind: 'followed', epoch });
    if (!differs || this.#strayed !== undefined) return;
    this.#stray(epoch);
    this.#peer?.send({ kind: 'strayed', epoch });
  }

  #stray(epoch: number): void {
    this.#strayed = epoch;
    this.#note(`The sides are not the same inside since epoch ${epoch}, ${epoch * epochLength} ns after power-on. That costs nothing until something else leaves.`);
  }

  async #acquire(term: number): Promise<boolean> {
    // Who reaches no client leaves the term to who may: the other, if it is there.
    const after = term > 1 && !this.#hasGateway ? 2 * this.pair.deadAfter + (this.pair.lease.kind === 'etcd' ? this.pair.lease.ttl * 1000 : 0) : 0;
    const has = await this.#lease.acquire(term, after);
    if (has) this.#leaseAt = performance.now();
    return has;
  }

  #join(link: Link): void {
    this.#peer = link;
    this.#stateBytes = 0;
    this.#told = undefined;
    this.#peerCanServe = false;
    link.heardAt = performance.now();
    link.onMessage = (message) => this.#fromPeer(message as ToPeerProcess);
    link.onClose = () => this.#lost(link, 'its link is closed');
  }

  #lost(link: Link, why: string): void {
    if (this.#peer !== link) return;
    this.#peer = undefined;
    link.close();
    this.#note(`The ${this.#isPrimary ? 'secondary' : 'primary'} is gone: ${why}.`);
    this.#perform(this.#side.peerLost());
  }

  #fromPeer(message: ToPeerProcess): void {
    switch (message.kind) {
      case 'protocol':
        if (message.message.kind === 'committed') this.#point('acknowledged');
        return this.#perform(this.#side.fromPeer(message.message));
      case 'hold':
        // Behind a commit that is under way, as it came.
        this.#commits = this.#commits.then(async () => {
          const epoch = message.epoch === undefined ? undefined : { at: message.epoch, within: this.pair.lateAfter };
          const changed = await askPair(this.machine, 'hold', { tell: message.tell, epoch });
          this.#peer?.send({ kind: 'held', capture: message.capture, changed });
        });
        return;
      case 'epoch':
        // Behind the state that it follows on.
        this.#commits = this.#commits.then(() => this.#epochs?.decided(message.decision));
        return;
      case 'followed':
        if (this.#side.state.mode === 'together' && this.#side.state.sync === undefined) this.#epochs?.followedTo(message.epoch);
        return;
      case 'strayed':
        return this.#stray(message.epoch);
      case 'held':
        if (this.#capture?.number === message.capture) this.#capture.held(message.changed);
        return;
      case 'ahead':
        this.#commits = this.#commits.then(async () => {
          await askPair(this.machine, 'stage', { bytes: message.bytes });
          this.#point('staged');
          this.#peer?.send({ kind: 'staged', capture: message.capture });
        });
        return;
      case 'staged':
        if (this.#capture?.number === message.capture) this.#capture.staged();
        return;
      case 'difference': {
        const last = this.#resyncs.at(-1);
        const { sync, generation } = this.#side.state;
        // Of the resync that is under way.
        if (last !== undefined && sync !== undefined && message.generation === generation) last.difference = message.difference;
        return;
      }
      case 'reach':
        this.#peerCanServe = message.canServe;
        return;
      case 'beat':
      case 'peer':
      case 'gateway':
      case 'control':
        return;
    }
  }

  /** A fault that was asked for. What was sent before is on its way: signals wait for no socket. */
  #point(point: FailPoint): void {
    if (this.#failAt?.point !== point) return;
    const { signal } = this.#failAt;
    this.#failAt = undefined;
    this.#gateway?.flush();
    this.#peer?.flush();
    process.kill(process.pid, signal);
    // A stop comes before the next step, whatever the scheduler does.
    if (signal === 'SIGSTOP') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
  }

  #said(channel: string, bytes: Uint8Array): void {
    const out = Uint8Array.from(bytes);
    if (this.#flipsOutput && out.length > 0) {
      this.#flipsOutput = false;
      out[0] = (out[0] ?? 0) ^ 1;
    }
    const waiting = this.#unsaid.get(channel);
    if (waiting === undefined) this.#unsaid.set(channel, [out]);
    else waiting.push(out);
    this.#saying ??= setImmediate(() => this.#sayAll());
  }

  /** Guests write byte by byte; what came together is compared and sent together. */
  #sayAll(): void {
    clearImmediate(this.#saying);
    this.#saying = undefined;
    const said = [...this.#unsaid];
    this.#unsaid.clear();
    for (const [channel, pieces] of said) this.#perform(this.#side.output(channel, new Uint8Array(Buffer.concat(pieces))));
  }

  #perform(actions: readonly SideAction[]): void {
    for (const action of actions) {
      switch (action.kind) {
        case 'toPeer':
          if (action.message.kind === 'produced') this.#point('produce');
          if (action.message.kind === 'progress') this.#peer?.sendLazily('progress', { kind: 'protocol', message: action.message });
          else this.#peer?.send({ kind: 'protocol', message: action.message });
          if (action.message.kind === 'checkpoint') this.#point('sent');
          if (action.message.kind === 'committed') this.#point('confirmed');
          break;
        case 'toGateway':
          if (action.message.kind === 'applied') this.#gateway?.sendLazily('applied', action.message);
          else this.#gateway?.send(action.message);
          break;
        case 'release':
          this.#point('release');
          this.#release(action.message);
          this.#point('released');
          break;
        case 'apply':
          this.#point('input');
          // Made by the gateway.
          if (this.#epochs === undefined) this.#inputs.push(action.input as MachineInput);
          else this.#epochs.push(action.sequence, action.input as MachineInput);
          break;
        case 'capture':
          // One at a time: an earlier one that was given up lets go of the machine first.
          this.#taking = this.#taking.then(() => this.#takeState(action.full)).catch((error: unknown) => this.#fail(error));
          break;
        case 'abandon':
          this.#capture?.abandon();
          break;
        case 'commit':
          this.#commits = this.#commits.then(() => this.#commit(action.checkpoint)).catch((error: unknown) => this.#fail(error));
          break;
        case 'acquire':
          void this.#acquire(action.term).then(
            (isGranted) => this.#perform(this.#side.leased(isGranted)),
            (error: unknown) => this.#fail(error),
          );
          break;
        case 'alone':
          void this.#goAlone(action.tookOver).catch((error: unknown) => this.#fail(error));
          break;
        case 'fence':
          this.#end('Fenced: the other side goes on alone.');
          break;
        case 'note':
          this.#tell(action.note);
          break;
      }
    }
    const { state } = this.#side;
    if (state.role === 'primary' && state.mode === 'together') this.#lag.look(state.channels, performance.now());
  }

  /** Output leaves only under a lease that is certain at this moment. */
  #release(message: Extract<SideAction, { kind: 'release' }>['message']): void {
    switch (this.#lease.standing(message.term)) {
      case 'held':
        this.#leaseAt = performance.now();
        this.#gateway?.send(message);
        return;
      case 'unproven':
        this.#unproven ??= performance.now();
        return;
      case 'lost':
        this.#perform(this.#side.fenced());
    }
  }

  /** Looks whether the lease has come back, or is gone, since something was held for it. */
  #lookAtLease(): void {
    const { mode, term } = this.#side.state;
    if (!this.#isPrimary || (mode !== 'alone' && mode !== 'together')) return;
    const standing = this.#lease.standing(term);
    if (standing === 'lost') this.#perform(this.#side.fenced());
    else if (standing === 'unproven') this.#unproven ??= performance.now();
    else if (this.#unproven !== undefined) {
      this.#note(`The lease was not certain for ${Math.round(performance.now() - this.#unproven)} ms; what was held leaves now.`);
      this.#unproven = undefined;
      this.#perform(this.#side.repeat());
    }
  }

  /** A primary that can say nothing for as long as a silent one is borne leaves the field to a secondary that could. It says nothing from then on. */
  #standDown(): void {
    const { mode, term, sync } = this.#side.state;
    const isMute = this.#isPrimary && mode === 'together' && (!this.#hasGateway || this.#lease.standing(term) === 'unproven');
    if (!isMute) {
      this.#muteSince = undefined;
      return;
    }
    const now = performance.now();
    this.#muteSince ??= now;
    if (!this.#isProtected || sync !== undefined || !this.#peerCanServe || now - this.#muteSince < this.pair.deadAfter) return;
    this.#note('It cannot reach clients, or prove its lease, and the other side can: it leaves the field.');
    this.#perform(this.#side.fenced());
  }

  /** Takes this machine's state for the other side. */
  async #takeState(isFull: boolean): Promise<void> {
    const capture = new Capture(++this.#captures, isFull, this.machine, (message) => this.#peer?.send(message));
    this.#capture = capture;
    this.#point('resync');
    let inputs: readonly MachineInput[] = [];
    let epochs: EpochState<MachineInput> | undefined;
    let strayed: number | undefined;
    // Until the other has this state nobody follows, and this side waits for nobody.
    this.#epochs?.followedTo(undefined);
    const since = await this.#standForComparison();
    try {
      await capture.prepare(() => this.#point('ahead'), since?.epoch);
      const result = await capture.take({
        withDigest: this.pair.verify,
        onHeld: () => this.#point('held'),
        onCopied: () => {
          this.#sayAll();
          inputs = [...this.#inputs.left];
          epochs = this.#epochs?.state;
          this.#checkpointEpoch = (epochs?.next ?? 1) - 1;
          strayed = this.#strayed;
          this.#strayed = undefined;
          this.#perform(this.#side.snapped());
          this.#point('taken');
        },
      });
      if (result === undefined) return;
      const { taken } = result;
      const pause = since === undefined ? result.pause : performance.now() - since.at;
      const state: State = { transfer: taken.bytes, inputs, epochs };
      this.#stateBytes += taken.sentBytes;
      const last = this.#resyncs.at(-1);
      if (last !== undefined) {
        const { pages, sentBytes: bytes, rounds, digest, differing } = taken;
        Object.assign(last, { pages, bytes, rounds, pause, digest, differing, ...(epochs === undefined ? {} : { strayed: strayed ?? null }) });
      }
      this.#perform(this.#side.captured(state));
    } finally {
      // One that follows on this lets it go itself.
      if (since !== undefined && (this.#capture === capture || this.#capture === undefined)) await askPair(this.machine, 'go', {});
      if (this.#capture === capture) this.#capture = undefined;
      this.#inputs.offer();
    }
  }

  /**
   * Virtual clock: where nothing may differ both are looked at in the same moment of the guest's time. This side stands at the end of its epoch, and the
   * other is to come there.
   */
  async #standForComparison(): Promise<{ epoch: number; at: number } | undefined> {
    const reason = this.#resyncs.at(-1)?.reason;
    if (this.#epochs === undefined || (reason !== 'asked' && reason !== 'differs')) return undefined;
    await askPair(this.machine, 'hold', { tell: false, epoch: { at: undefined, within: this.pair.lateAfter } });
    return { epoch: this.#epochs.state.next, at: performance.now() };
  }

  /** Puts the primary's state in place. Nothing of this machine was changed when it is refused. */
  async #commit(checkpoint: Checkpoint): Promise<void> {
    this.#point('received');
    await askPair(this.machine, 'hold', { tell: false });
    // Made by the other side's `#takeState`.
    const state = checkpoint.state as State;
    // What was said before is of the state that goes.
    this.#sayAll();
    const put = await askPair(this.machine, 'put', { bytes: state.transfer, compare: !checkpoint.periodic, epochs: state.epochs });
    if ('refused' in put) {
      this.#note(`A state was refused. ${put.refused}`);
      this.#perform(this.#side.refused());
      return;
    }
    if (put.difference !== undefined) this.#peer?.send({ kind: 'difference', generation: checkpoint.generation, difference: put.difference });
    this.#inputs.replace(state.inputs);
    if (state.epochs !== undefined) this.#epochs?.replace(state.epochs);
    this.#strayed = undefined;
    this.#point('committed');
    this.#reason = checkpoint.periodic ? 'Protected by periodic checkpoints.' : 'Protected: outputs are compared.';
    this.#perform(this.#side.committed());
    if (!checkpoint.periodic && this.#side.state.mode === 'together') await this.#run();
  }

  async #goAlone(tookOver: boolean): Promise<void> {
    this.#reason = tookOver ? 'Unprotected: it took over, since the primary is gone.' : 'Unprotected: the secondary is gone.';
    this.#note(this.#reason, 'unprotected');
    this.#lag.clear();
    this.#storm.clear();
    this.#isProtected = false;
    this.#epochs?.lead();
    if (!tookOver) return;
    await askPair(this.machine, 'takeOver', {});
    await this.#run();
  }

  async #run(): Promise<void> {
    await askPair(this.machine, 'go', { run: true });
    this.#inputs.offer();
  }

  #tell(note: SideNote): void {
    if (note.kind === 'protected') {
      const last = this.#resyncs.at(-1);
      if (last !== undefined) {
        last.took = performance.now() - this.#resyncBegan;
        this.#journal(resyncEntry(this.name, last));
      }
      if (!this.#isProtected) this.#note('Protected: outputs agree.', 'protected');
      this.#isProtected = true;
      this.#epochs?.followedTo(this.#side.state.periodic ? undefined : this.#checkpointEpoch);
      this.#reason = this.#side.state.periodic ? 'Protected by periodic checkpoints: outputs differ too often to be compared.' : 'Protected: outputs agree.';
      return;
    }
    this.#resyncCount += 1;
    this.#resyncBegan = performance.now();
    this.#resyncs.push({ at: Date.now(), reason: note.reason, divergence: note.divergence });
    if (this.#resyncs.length > keptEvents) this.#resyncs.shift();
    if ((note.reason === 'differs' || note.reason === 'late') && this.#storm.note(performance.now())) {
      this.#storm.clear();
      this.#side.state.periodic = true;
      this.#periodicSince = performance.now();
      this.#note('Outputs differ too often: from now on they are not compared but committed by periodic checkpoints.', 'degraded');
    }
  }

  /** What time brings. */
  #look(): void {
    const now = performance.now();
    const peer = this.#peer;
    if (peer !== undefined && now - peer.heardAt > this.pair.deadAfter) this.#lost(peer, `silent for ${Math.round(now - peer.heardAt)} ms`);
    this.#lookAtLease();
    this.#standDown();
    this.#tellReach();
    const { state } = this.#side;
    if (state.mode === 'alone' && this.#peer === undefined) this.#links.lookForPeer();
    if (!this.#isPrimary || state.mode !== 'together' || this.#capture !== undefined) {
      this.#waitingSince = undefined;
      return;
    }
    if (state.periodic) {
      if (state.sync !== undefined) return;
      if (now - this.#periodicSince > periodicTrial) {
        this.#note('Outputs are compared again.', 'protected');
        this.#perform(this.#side.resync('asked', false));
      } else if (this.#side.heldBytes > 0 && now - this.#resyncBegan > periodicInterval) this.#perform(this.#side.resync('periodic'));
      return;
    }
    if (!this.#side.waits) {
      this.#waitingSince = undefined;
      return;
    }
    const key = Object.values(state.channels).map(({ agreed }) => agreed).join();
    if (this.#waitingSince?.key !== key) this.#waitingSince = { key, at: now };
    else if (now - this.#waitingSince.at > this.pair.lateAfter) {
      this.#waitingSince = undefined;
      this.#perform(this.#side.late());
    }
  }

  // People

  async #control(link: Link, question: SideQuestion): Promise<void> {
    try {
      switch (question.kind) {
        case 'status':
          link.send(this.#status());
          return;
        case 'resync':
          this.#perform(this.#side.resync('asked', this.#side.state.periodic, question.isFull));
          link.send({ done: true });
          return;
        case 'configuration': {
          const { drives: _drives, pair: _pair, ...rest } = this.configuration;
          link.send(rest);
          return;
        }
        case 'display':
          link.send(await this.machine.display());
          return;
        case 'inject':
          await this.#inject(question.fault);
          link.send({ done: true });
          return;
        case 'suspend':
          if (this.#side.state.mode !== 'alone' || this.#capture !== undefined) {
            link.send({ refused: 'Only a side that goes on alone can keep its state.' });
            return;
          }
          link.send({ done: true, ...(await this.machine.suspend(this.pair.home === null ? question.path : join(this.folder.path, HOST_FILES.suspended))) });
          return;
        case 'end':
          // Its images are given back before anybody hears of it.
          await this.machine.dispose();
          link.send({ done: true });
          this.#end('The pair was ended.');
          return;
      }
    } catch (error) {
      link.send({ refused: error instanceof Error ? error.message : String(error) });
    }
  }

  async #inject(fault: Fault): Promise<void> {
    switch (fault.kind) {
      case 'cut':
        this.#peer?.close();
        return;
      case 'delay':
        this.#delay(fault.milliseconds, fault.seconds);
        return;
      case 'flip-memory':
        return askPair(this.machine, 'flip', { address: fault.address });
      case 'flip-register':
        return askPair(this.machine, 'flipRegister', { cpu: fault.cpu, register: fault.register });
      case 'flip-output':
        this.#flipsOutput = true;
        return;
      case 'fail-at':
        this.#failAt = fault;
        return;
    }
  }

  #delay(milliseconds: number, seconds: number | undefined): void {
    const peer = this.#peer;
    if (peer === undefined) return;
    peer.delay = milliseconds;
    if (seconds !== undefined) setTimeout(() => (peer.delay = 0), seconds * 1000);
  }

  #status(): SideStatus {
    const { state } = this.#side;
    const now = performance.now();
    return {
      pid: process.pid,
      side: this.name,
      role: state.role,
      mode: state.mode,
      term: state.term,
      generation: state.generation,
      periodic: state.periodic,
      isProtected: state.mode === 'together' && (state.role === 'secondary' || this.#isProtected),
      reason: this.#reason,
      heldBytes: this.#side.heldBytes,
      heartbeatAge: this.#peer === undefined ? null : Math.round(now - this.#peer.heardAt),
      lag: state.role === 'primary' && state.mode === 'together' ? this.#lag.milliseconds(now) : null,
      leaseAge: state.role === 'primary' && this.#leaseAt !== undefined ? Math.round(now - this.#leaseAt) : null,
      link: this.#peer === undefined ? null : { sent: this.#peer.sent, received: this.#peer.received, states: this.#stateBytes },
      resyncs: this.#resyncCount,
      recent: this.#resyncs.slice(-20),
      events: this.#events.slice(-50),
    };
  }

  #note(text: string, kind: JournalKind = 'note'): void {
    this.#journal({ at: Date.now(), by: this.name, kind, text });
    this.#events.push({ at: Date.now(), text });
    if (this.#events.length > keptEvents) this.#events.shift();
    process.stderr.write(`${new Date().toISOString()} ${this.name}: ${text}\n`);
  }

  #journal(entry: JournalEntry): void {
    try {
      this.folder.journal.append(entry);
    } catch (error) {
      // A full disk is no reason to stop.
      process.stderr.write(`The journal was not written: ${String(error)}\n`);
    }
  }

  /** What must not be: the other side goes on. */
  #fail(error: unknown): void {
    this.#end(`Failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  }

  #end(why: string): void {
    this.#note(why);
    // The lease is given up first, so that the other side need not wait until it is over. An answer that is on its way gets a moment.
    void Promise.race([this.#lease.end(), delay(endPatience)]).finally(() => setTimeout(() => process.exit(0), 50));
  }
}
