/**
 * One side of a pair: a machine in a process of its own, the protocol's state machine, and its links to the gateway and to the other side.
 * docs/decisions/0021.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { epochLength, type EpochDecision } from '../../../engine/machine/epochs.ts';
import type { Machine, MachineConfiguration, MachineInput } from '../../../engine/machine/machine.ts';
import { type Checkpoint, type FromGateway, type SideAction, type SideName, type SideNote } from '../../../engine/tolerance/messages.ts';
import { imageBlockBytes } from '../../../engine/tolerance/tracked-image.ts';
import { askPair } from '../../../engine/tolerance/questions.ts';
import { Side, startingSide } from '../../../engine/tolerance/side.ts';
import type { Lease } from '../../../engine/tolerance/lease.ts';
import { copyFile, type PairDescription, type PairFolder } from './folder.ts';
import { HOST_FILES } from '../library.ts';
import { EpochInput } from './epoch-input.ts';
import { InputQueue } from './input-queue.ts';
import { LagMeter } from './lag.ts';
import type { Link } from './link.ts';
import { packPicture } from './packed-picture.ts';
import { pairChannels, type SideQuestion, type SideStatus, type ToPeerProcess } from './protocol.ts';
import { RoundTrip } from './round-trip.ts';
import { SideFaults } from './side-faults.ts';
import { beatInterval, SideLinks } from './side-links.ts';
import { SideRecord } from './side-record.ts';
import { StateExchange } from './state-exchange.ts';
import { StormWatch } from './storm.ts';
import { Voice } from './voice.ts';

/** Milliseconds between two looks at what time brings, unless output counts as late sooner. Each wakes the process; every second one says that it is there. */
const lookInterval = beatInterval / 2;
/** Milliseconds between two checkpoints while nothing is compared, and after which comparing is tried again. */
const periodicInterval = 200;
const periodicTrial = 30_000;
/** Milliseconds in which divergence is counted for a storm. */
const stormWindow = 10_000;
/** Milliseconds for which another process is waited for at the start. */
const patience = 30_000;
/** Under the virtual clock whole states are compared every so many epochs, with --verify. */
const wholeEvery = 64;
/** Milliseconds for which a lease that is given up is waited for. */
const endPatience = 500;
/** Blocks of disks that a secondary may keep in memory, 64 MiB, and how often that is looked at. */
const mostHeldBlocks = 16_384;
const heldLookInterval = 1000;

export class SideProcess {
  readonly #side: Side;
  readonly #lease: Lease;
  readonly #voice: Voice;
  readonly #inputs: InputQueue;
  /** Under the virtual clock, instead. */
  readonly #epochs: EpochInput | undefined;
  readonly #storm: StormWatch;
  readonly #record: SideRecord;
  readonly #faults: SideFaults;
  readonly #states: StateExchange;
  readonly #lag = new LagMeter();
  readonly #roundTrip = new RoundTrip();
  /** When anything came from the other side last, by performance.now(). */
  #peerHeardAt = 0;
  readonly #links: SideLinks;
  #gateway: Link | undefined;
  #peer: Link | undefined;
  #waitingSince: { key: string; at: number } | undefined;
  #periodicSince = 0;
  /** Primary: the secondary has had a state since it joined. */
  #isProtected = false;
  /** By channel: what the machine has said in this turn of the event loop. */
  readonly #unsaid = new Map<string, Uint8Array[]>();
  #heldLookedAt = 0;
  /** It takes over nothing any more: its images are closed, or will be. */
  #isEnding = false;
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
    this.#record = new SideRecord(folder, name);
    this.#faults = new SideFaults(machine, () => ({ peer: this.#peer, gateway: this.#gateway }));
    this.#lease = folder.lease(name, (sentence) => this.#record.note(sentence));
    this.#voice = new Voice({
      pair,
      side: this.#side,
      lease: this.#lease,
      record: this.#record,
      gateway: () => this.#gateway,
      peer: () => this.#peer,
      perform: (actions) => this.#perform(actions),
    });
    this.#storm = new StormWatch(pair.stormAfter, stormWindow);
    this.#inputs = new InputQueue(machine);
    if (machine.configuration.clock === 'virtual') this.#epochs = new EpochInput(machine, (error) => this.#fail(error));
    this.#states = new StateExchange(
      {
        machine,
        pair,
        inputs: this.#inputs,
        epochs: this.#epochs,
        record: this.#record,
        send: (message) => this.#peer?.send(message),
        sayAll: () => this.#sayAll(),
        snapped: () => this.#perform(this.#side.snapped()),
        captured: (state) => this.#perform(this.#side.captured(state)),
        point: (point) => this.#faults.point(point),
      },
      (error) => this.#fail(error),
    );
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

  /** Milliseconds between two looks. */
  get #interval(): number {
    return Math.min(lookInterval, this.pair.lateAfter / 4);
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
      else if (event.kind === 'state' && event.state === 'off') void this.#endWithMachine(`The machine is off. ${event.reason}`);
      else if (event.kind === 'state' && event.state === 'crashed') {
        this.#sayAll();
        this.#end(`The machine is crashed. ${event.reason}`);
      }
    });
    if (!this.#isPrimary) {
      await machine.start({ paused: true });
      await askPair(machine, 'hold', { tell: false });
      await this.#compareStates();
    } else if (!(await this.#voice.acquire(1))) return this.#end('Somebody else has the lease of this pair.');
    await this.#links.listen();
    await this.#links.connectGateway(patience);
    if (this.#isPrimary) {
      this.#record.reason = 'Unprotected: no secondary has joined yet.';
      this.#record.note(this.#record.reason, 'unprotected');
      this.#perform(this.#side.begin());
      await machine.start();
      await this.#compareStates();
    } else {
      // Somebody else may have started another one meanwhile, whose images those in the description are.
      if (this.folder.read().disks[this.name].join() !== this.pair.disks[this.name].join()) return this.#end('Another secondary was started in its place.');
      this.#record.reason = 'Waits for its first state.';
      await this.#links.joinPeer(patience);
      setTimeout(() => {
        if (this.#side.state.mode === 'joining' && this.#peer === undefined) this.#end('The other side did not come.');
      }, patience);
    }
    const interval = this.#interval;
    let beaten = 0;
    setInterval(() => {
      const now = performance.now();
      this.#look(now);
      // What was looked at may have left something to be said, which goes along.
      if (now - beaten < beatInterval - interval / 2) return;
      beaten = now;
      this.#peer?.send(this.#roundTrip.beat(now));
    }, interval);
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
      this.#record.note('The gateway cannot be reached.');
      this.#voice.tellReach();
    };
    // What an earlier link lost.
    this.#perform(this.#side.repeat());
    this.#voice.tellReach();
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
    if (!differs || this.#states.strayed !== undefined) return;
    this.#stray(epoch);
    this.#peer?.send({ kind: 'strayed', epoch });
  }

  #stray(epoch: number): void {
    this.#states.strayed = epoch;
    this.#record.note(`The sides are not the same inside since epoch ${epoch}, ${epoch * epochLength} ns after power-on. That costs nothing until something else leaves.`);
  }

  #join(link: Link): void {
    this.#peer = link;
    this.#record.stateBytes = 0;
    this.#roundTrip.clear();
    this.#voice.metPeer();
    link.listen(this.#interval);
    link.onMessage = (message) => this.#fromPeer(message as ToPeerProcess);
    link.onClose = () => this.#lost(link, 'its link is closed');
  }

  #lost(link: Link, why: string): void {
    if (this.#peer !== link) return;
    this.#peer = undefined;
    // Nothing is left to go on with, but what a primary has yet to say.
    if (this.#isEnding && this.#side.heldBytes === 0) return;
    this.#peerHeardAt = performance.now() - link.silence;
    link.close();
    this.#record.note(`The ${this.#isPrimary ? 'secondary' : 'primary'} is gone: ${why}.`);
    this.#perform(this.#side.peerLost());
  }

  #fromPeer(message: ToPeerProcess): void {
    switch (message.kind) {
      case 'protocol':
        if (message.message.kind === 'committed') this.#faults.point('acknowledged');
        return this.#perform(this.#side.fromPeer(message.message));
      case 'hold':
        this.#states.behind(async () => {
          const epoch = message.epoch === undefined ? undefined : { at: message.epoch, within: this.pair.lateAfter };
          const changed = await askPair(this.machine, 'hold', { tell: message.tell, epoch });
          this.#peer?.send({ kind: 'held', capture: message.capture, changed });
        });
        return;
      case 'epoch':
        // Behind the state that it follows on.
        this.#states.behind(() => this.#epochs?.decided(message.decision));
        return;
      case 'followed':
        if (this.#side.state.mode === 'together' && this.#side.state.sync === undefined) this.#epochs?.followedTo(message.epoch);
        return;
      case 'strayed':
        return this.#stray(message.epoch);
      case 'held':
        this.#states.answered(message.capture, (capture) => capture.held(message.changed));
        return;
      case 'ahead':
        this.#states.behind(async () => {
          await askPair(this.machine, 'stage', { bytes: message.bytes });
          this.#faults.point('staged');
          this.#peer?.send({ kind: 'staged', capture: message.capture });
        });
        return;
      case 'staged':
        this.#states.answered(message.capture, (capture) => capture.staged());
        return;
      case 'laden':
        return this.#unload(message.blocks);
      case 'difference': {
        const { last } = this.#record;
        const { sync, generation } = this.#side.state;
        // Of the resync that is under way.
        if (last !== undefined && sync !== undefined && message.generation === generation) last.difference = message.difference;
        return;
      }
      case 'reach':
        this.#voice.peerCanServe = message.canServe;
        return;
      case 'beat':
        return this.#roundTrip.take(message, performance.now());
      case 'peer':
      case 'gateway':
      case 'control':
        return;
    }
  }

  #said(channel: string, bytes: Uint8Array): void {
    const out = Uint8Array.from(bytes);
    this.#faults.spoil(out);
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
          if (action.message.kind === 'produced') this.#faults.point('produce');
          if (action.message.kind === 'progress') this.#peer?.sendLazily('progress', { kind: 'protocol', message: action.message });
          else this.#peer?.send({ kind: 'protocol', message: action.message });
          if (action.message.kind === 'checkpoint') this.#faults.point('sent');
          if (action.message.kind === 'committed') this.#faults.point('confirmed');
          break;
        case 'toGateway':
          if (action.message.kind === 'applied') this.#gateway?.sendLazily('applied', action.message);
          else this.#gateway?.send(action.message);
          break;
        case 'release':
          this.#faults.point('release');
          this.#voice.release(action.message);
          this.#faults.point('released');
          break;
        case 'apply':
          this.#faults.point('input');
          // Made by the gateway.
          if (this.#epochs === undefined) this.#inputs.push(action.input as MachineInput);
          else this.#epochs.push(action.sequence, action.input as MachineInput);
          break;
        case 'capture':
          this.#states.take(action.full);
          break;
        case 'abandon':
          this.#states.abandon();
          break;
        case 'commit':
          this.#states.behind(() => this.#commit(action.checkpoint));
          break;
        case 'acquire':
          void this.#voice.acquire(action.term).then(
            (isGranted) => this.#perform(this.#side.leased(isGranted)),
            (error: unknown) => this.#fail(error),
          );
          break;
        case 'alone':
          this.#goAlone(action.tookOver);
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

  async #commit(checkpoint: Checkpoint): Promise<void> {
    if (!(await this.#states.put(checkpoint))) {
      this.#perform(this.#side.refused());
      return;
    }
    this.#record.reason = checkpoint.periodic ? 'Protected by periodic checkpoints.' : 'Protected: outputs are compared.';
    this.#perform(this.#side.committed());
    if (!checkpoint.periodic && this.#side.state.mode === 'together') await this.#run();
  }

  #goAlone(tookOver: boolean): void {
    this.#record.reason = tookOver ? 'Unprotected: it took over, since the primary is gone.' : 'Unprotected: the secondary is gone.';
    this.#record.note(this.#record.reason, 'unprotected', tookOver ? Math.round(performance.now() - this.#peerHeardAt) : undefined);
    this.#lag.clear();
    this.#storm.clear();
    this.#isProtected = false;
    this.#epochs?.lead();
    if (!tookOver) return;
    // Behind what the primary had asked for: a machine that came to be held for it afterwards would never be let go.
    this.#states.behind(async () => {
      await askPair(this.machine, 'takeOver', {});
      await this.#run();
    });
  }

  async #run(): Promise<void> {
    await askPair(this.machine, 'go', { run: true });
    this.#inputs.offer();
  }

  /** Secondary: what its guest writes stays in memory until a state comes, and where outputs agree none does. */
  async #tellHeld(): Promise<void> {
    const blocks = await askPair(this.machine, 'heldBlocks', {});
    if (blocks > mostHeldBlocks) this.#peer?.send({ kind: 'laden', blocks });
  }

  #unload(blocks: number): void {
    const { mode, sync, periodic } = this.#side.state;
    if (!this.#isPrimary || mode !== 'together' || sync !== undefined || periodic || this.#states.isTaking) return;
    this.#record.note(`The secondary keeps ${Math.round((blocks * imageBlockBytes) / (1 << 20))} MiB of its disks in memory; a state brings them to its images.`);
    this.#perform(this.#side.resync('asked', false));
  }

  #tell(note: SideNote): void {
    if (note.kind === 'protected') {
      this.#record.ended();
      this.#lag.stood(this.#record.last?.pause ?? 0);
      if (!this.#isProtected) this.#record.note('Protected: outputs agree.', 'protected');
      this.#isProtected = true;
      this.#epochs?.followedTo(this.#side.state.periodic ? undefined : this.#states.checkpointEpoch);
      this.#record.reason = this.#side.state.periodic ? 'Protected by periodic checkpoints: outputs differ too often to be compared.' : 'Protected: outputs agree.';
      return;
    }
    this.#record.began(note);
    if ((note.reason === 'differs' || note.reason === 'late') && this.#storm.note(performance.now())) {
      this.#storm.clear();
      this.#side.state.periodic = true;
      this.#periodicSince = performance.now();
      this.#record.note('Outputs differ too often: from now on they are not compared but committed by periodic checkpoints.', 'degraded');
    }
  }

  /** What time brings, at `now`. */
  #look(now: number): void {
    const peer = this.#peer;
    const silence = peer?.look() ?? 0;
    if (peer !== undefined && silence > this.pair.deadAfter) this.#lost(peer, `silent for ${Math.round(silence)} ms`);
    this.#voice.look(now, this.#isProtected);
    const { state } = this.#side;
    if (state.mode === 'alone' && this.#peer === undefined) this.#links.lookForPeer();
    if (!this.#isPrimary && state.mode === 'together' && !this.#isEnding && now - this.#heldLookedAt > heldLookInterval) {
      this.#heldLookedAt = now;
      void this.#tellHeld().catch((error: unknown) => {
        // Its machine may have been given back meanwhile.
        if (!this.#isEnding) this.#fail(error);
      });
    }
    if (!this.#isPrimary || state.mode !== 'together' || this.#states.isTaking) {
      this.#waitingSince = undefined;
      return;
    }
    if (state.periodic) {
      if (state.sync !== undefined) return;
      if (now - this.#periodicSince > periodicTrial) {
        this.#record.note('Outputs are compared again.', 'protected');
        this.#perform(this.#side.resync('asked', false));
      } else if (this.#side.heldBytes > 0 && this.#record.sinceResync > periodicInterval) this.#perform(this.#side.resync('periodic'));
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
        case 'picture':
          link.send(await packPicture(await this.machine.screenshot()));
          return;
        case 'display':
          link.send(await this.machine.display());
          return;
        case 'inject':
          await this.#faults.inject(question.fault);
          link.send({ done: true });
          return;
        case 'copy': {
          if (!this.#isPrimary) {
            link.send({ refused: 'Only the primary’s state is copied.' });
            return;
          }
          const path = this.pair.home === null ? question.path : join(this.folder.path, copyFile);
          if (this.pair.home !== null) rmSync(path, { force: true });
          const stood = Math.round(await this.#states.copy(path));
          this.#record.note(`Its state was copied for a report; it stood still for ${stood} ms.`);
          link.send({ done: true });
          return;
        }
        case 'suspend':
          if (this.#side.state.mode !== 'alone' || this.#states.isTaking) {
            link.send({ refused: 'Only a side that goes on alone can keep its state.' });
            return;
          }
          link.send({ done: true, ...(await this.machine.suspend(this.pair.home === null ? question.path : join(this.folder.path, HOST_FILES.suspended))) });
          return;
        case 'end':
          this.#isEnding = true;
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
      heldBytes: this.#side.heldBytes,
      heartbeatAge: this.#peer === undefined ? null : Math.round(now - this.#peer.heardAt),
      lag: state.role === 'primary' && state.mode === 'together' ? this.#lag.milliseconds(now) : null,
      leaseAge: state.role === 'primary' ? this.#voice.leaseAge(now) : null,
      link: this.#peer === undefined ? null : { sent: this.#peer.sent, received: this.#peer.received, states: this.#record.stateBytes + this.#states.aheadBytes },
      roundTrip: this.#peer === undefined ? null : this.#roundTrip.milliseconds,
      cost: state.role === 'primary' && state.mode === 'together' ? (this.#lag.cost(now) ?? null) : null,
      ...this.#record.status,
    };
  }

  /** What must not be: the other side goes on. */
  #fail(error: unknown): void {
    this.#end(`Failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  }

  /** The machine does nothing any more. What it said last still has to agree, and leaves under the lease. */
  async #endWithMachine(why: string): Promise<void> {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#sayAll();
    for (const until = performance.now() + endPatience; this.#side.heldBytes > 0 && performance.now() < until; ) await delay(10);
    this.#end(why);
  }

  #end(why: string): void {
    this.#isEnding = true;
    this.#record.note(why);
    // The lease is given up first, so that the other side need not wait until it is over. An answer that is on its way gets a moment.
    void Promise.race([this.#lease.end(), delay(endPatience)]).finally(() => setTimeout(() => process.exit(0), 50));
  }
}
