/** The host's part of pairs: what fronts ask of them. A pair has processes of its own and goes on without a host; a host that comes finds it. */
import { existsSync } from 'node:fs';
import type { MachineInput } from '../../../engine/machine/machine.ts';
import type { MachineSummary, RunStateName } from '../../contract/machine.ts';
import type {
  PairFaultMessage,
  PairMessage,
  PairOutsideMessage,
  PairRole,
  PairSettings,
  PairSideName,
  PairStatusMessage,
  PreflightPoint,
} from '../../contract/pairs.ts';
import { explain, HostError } from '../errors.ts';
import type { StoredMachine, StoredProblem } from '../library.ts';
import { serveAwayScreen, type AwayScreen } from '../peer/away-screen.ts';
import { KnownPeers, type KnownPeer } from '../peer/known-peers.ts';
import type { PairEvidence } from '../report/reports.ts';
import { readEtcdCredentials } from './etcd-credentials.ts';
import { PairFolder } from './folder.ts';
import { preflight, thisComputer, type PreflightSurroundings } from './preflight.ts';
import { Pair, type Launch } from './pairs.ts';
import { PairWatch } from './pair-watch.ts';

export interface PairsOptions {
  readonly library: string;
  readonly launch: Launch;
  machine(id: string): Promise<StoredMachine>;
  machines(): Promise<(StoredMachine | StoredProblem)[]>;
  /** Of the machine as this host runs it itself. */
  state(machine: StoredMachine): Promise<RunStateName>;
  /** Throws where the machine is on or somebody is at its files: the last look, at once before they are a pair's. */
  refuseUnlessFree(machine: StoredMachine): void;
  /** The library shows something else of this machine. */
  changed(id: string): void;
  /** What its primary shows is kept as the picture of this machine. */
  keepPicture(machine: StoredMachine, png: Uint8Array): Promise<void>;
  warn(sentence: string): void;
  readonly surroundings?: PreflightSurroundings;
}

/** Milliseconds between two looks while somebody watches this pair, and while somebody watches the library. */
const lookInterval = 500;
const libraryInterval = 2000;
/** Milliseconds between two looks at what the sides show. */
const screensInterval = 6000;

export class Pairs {
  readonly #watches = new Map<string, PairWatch>();
  /** Machines with which something is being done, and what that is. */
  readonly #busy = new Map<string, string>();
  /** Of sides on other hosts, by machine. */
  readonly #screens = new Map<string, Promise<AwayScreen>>();
  readonly #warned = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #round = 0;
  #looking = false;

  constructor(private readonly options: PairsOptions) {}

  /** Whether two other processes have the machine's files. */
  static has({ folder }: StoredMachine): boolean {
    return PairFolder.of(folder).exists;
  }

  /** What the library says of a machine; undefined when it is in no pair. */
  async summary(machine: StoredMachine): Promise<Pick<MachineSummary, 'state' | 'reason' | 'since' | 'pair'> | undefined> {
    if (!Pairs.has(machine)) return undefined;
    const watch = this.#watchOf(machine);
    try {
      if (watch.status === undefined) await watch.look();
    } catch (error) {
      // A description that cannot be read: its machine is shown, and nobody else's is hidden.
      const { message } = explain(error, machine.folder);
      return { state: 'paired', reason: message, since: null, pair: { state: 'lost', port: null, screens: [] } };
    }
    const { status } = watch;
    if (status === undefined) return undefined;
    return { state: 'paired', reason: status.reason, since: watch.since, pair: { state: status.state, port: status.gateway?.port ?? null, screens: watch.screens } };
  }

  /** Somebody follows the library: pairs that come, change and go are told as changes of their machines. */
  follow(): void {
    this.#timer ??= setInterval(() => void this.#lookAround(), lookInterval).unref();
  }

  close(): void {
    clearInterval(this.#timer);
    for (const { messages } of this.#watches.values()) messages.close();
    for (const id of this.#screens.keys()) this.#closeScreen(id);
  }

  /** The machine has left the library. */
  removed(id: string): void {
    this.#watches.get(id)?.messages.close();
    this.#watches.delete(id);
    this.#closeScreen(id);
  }

  #closeScreen(id: string): void {
    void this.#screens.get(id)?.then((screen) => screen.close());
    this.#screens.delete(id);
  }

  async #lookAround(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      const isLibrarysTurn = this.#round % (libraryInterval / lookInterval) === 0;
      const isScreensTurn = this.#round % (screensInterval / lookInterval) === 1;
      this.#round++;
      if (isLibrarysTurn)
        for (const machine of await this.options.machines()) {
          if ('file' in machine && Pairs.has(machine)) this.#watchOf(machine);
        }
      const due = [...this.#watches.values()].filter(({ messages }) => isLibrarysTurn || messages.readers > 0);
      for (const outcome of await Promise.allSettled(due.map((watch) => watch.look()))) {
        if (outcome.status === 'rejected') this.#warn(outcome.reason);
      }
      if (isScreensTurn) await this.#lookAtScreens();
    } catch (error) {
      this.#warn(error);
    } finally {
      this.#looking = false;
    }
  }

  async #lookAtScreens(): Promise<void> {
    for (const [id, watch] of this.#watches) {
      if (watch.status !== undefined) await watch.lookAtScreens(async (png) => this.options.keepPicture(await this.options.machine(id), png));
    }
  }

  /** Once for each sentence: the next look comes soon. */
  #warn(error: unknown): void {
    const { message } = explain(error, this.options.library);
    if (this.#warned.has(message)) return;
    this.#warned.add(message);
    this.options.warn(`A pair could not be looked at. ${message}`);
  }

  #watchOf({ id, folder, file }: StoredMachine): PairWatch {
    const known = this.#watches.get(id);
    if (known !== undefined) return known;
    const made = new PairWatch(
      () => new Pair({ id, folder, file }, this.options.launch),
      () => this.options.changed(id),
    );
    this.#watches.set(id, made);
    return made;
  }

  /** See contract/pairs.ts. */
  peers(): { name: string; address: string | null }[] {
    return this.#peers().map(({ name, address }) => ({ name, address: address === null ? null : `${address.host}:${address.port}` }));
  }

  #peers(): KnownPeer[] {
    return new KnownPeers(this.options.library).list();
  }

  /** See contract/pairs.ts. */
  async preflight(id: string, { port, peer, etcd, etcdFiles }: Pick<PairSettings, 'port' | 'peer' | 'etcd' | 'etcdFiles'>): Promise<PreflightPoint[]> {
    const machine = await this.options.machine(id);
    if (Pairs.has(machine)) throw new HostError('CONFLICT', `${machine.file.name} is in a pair already.`);
    return preflight({ machine, state: await this.options.state(machine), port, peer, etcd, etcdFiles, peers: this.#peers() }, this.options.surroundings ?? thisComputer);
  }

  async create(id: string, settings: PairSettings): Promise<PairStatusMessage> {
    return this.#do(id, 'being made', async (pair, machine) => {
      const points = await this.preflight(id, settings);
      const blocking = points.find(({ state }) => state === 'blocks');
      if (blocking !== undefined)
        throw new HostError('WRONG_STATE', `${machine.file.name} cannot be protected yet. ${blocking.sentence}`);
      this.options.refuseUnlessFree(machine);
      const { etcd, etcdFiles = {}, leaseValidity: validity, ...others } = settings;
      await pair.create(this.options.library, {
        ...others,
        lease: etcd === undefined ? { kind: 'file' } : { kind: 'etcd', endpoints: etcd, validity, credentials: readEtcdCredentials(etcdFiles, etcd) },
      });
    });
  }

  async status(id: string): Promise<PairStatusMessage> {
    const machine = await this.options.machine(id);
    const watch = this.#watchOf(machine);
    await watch.lookAnew();
    return this.#required(watch, machine);
  }

  /** What a report of the machine takes of its pair; undefined when it is in none. */
  async evidence(machine: StoredMachine): Promise<PairEvidence | undefined> {
    if (!Pairs.has(machine)) return undefined;
    const watch = this.#watchOf(machine);
    const pair = await this.#pair(machine.id);
    return {
      copy: (path) => pair.copy(path),
      look: async () => {
        const problem = await watch.lookThoroughly();
        const problems = problem === undefined ? [] : [`The journal of side b, which runs on another host, could not be read as far as it goes. ${problem}`];
        const outside = await pair.outside(0).catch((error: unknown) => {
          problems.push(`What COM1 said is not included. ${explain(error, machine.folder).message}`);
          return undefined;
        });
        return {
          status: this.#required(watch, machine),
          description: pair.folder.read(),
          events: watch.events,
          sample: watch.sample,
          serial: outside && { text: Buffer.from(outside.bytes).toString('utf8'), lost: outside.offset },
          problems,
        };
      },
    };
  }

  async watch(id: string, signal?: AbortSignal): Promise<AsyncGenerator<PairMessage, void, void>> {
    const watch = this.#watchOf(await this.options.machine(id));
    await watch.look();
    this.follow();
    return watch.subscribe(signal);
  }

  failover(id: string): Promise<PairStatusMessage> {
    return this.#do(id, 'being failed over', (pair) => pair.failover());
  }

  reprotect(id: string): Promise<PairStatusMessage> {
    return this.#do(id, 'being protected', (pair) => pair.reprotect());
  }

  async resync(id: string): Promise<void> {
    await (await this.#pair(id)).resync();
  }

  async inject(id: string, role: PairRole, fault: PairFaultMessage): Promise<void> {
    await (await this.#pair(id)).inject(role, fault);
  }

  async input(id: string, inputs: readonly MachineInput[]): Promise<void> {
    await (await this.#pair(id)).input(inputs);
  }

  async outside(id: string, from: number): Promise<PairOutsideMessage> {
    return (await this.#pair(id)).outside(from);
  }

  async picture(id: string, side: PairSideName): Promise<{ png: Uint8Array } | null> {
    const png = this.#watchOf(await this.options.machine(id)).picture(side);
    return png === undefined ? null : { png };
  }

  async break(id: string): Promise<{ state: 'suspended' | 'off' }> {
    let state: 'suspended' | 'off' = 'off';
    await this.#busyWith(id, 'being ended', async (pair) => {
      state = await pair.break();
      this.#closeScreen(id);
    });
    return { state };
  }

  async display(id: string, side: PairSideName): Promise<{ url: string }> {
    const pair = await this.#pair(id);
    if (!pair.isAway(side)) return pair.display(side);
    const serving = this.#screens.get(id) ?? serveAwayScreen(async (take) => (await this.#pair(id)).view(side, take));
    this.#screens.set(id, serving);
    const { url } = await serving;
    return { url };
  }

  async #pair(id: string): Promise<Pair> {
    const machine = await this.options.machine(id);
    const pair = new Pair(machine, this.options.launch);
    if (!pair.folder.exists) throw new HostError('NOT_FOUND', `${machine.file.name} is in no pair.`);
    return pair;
  }

  #required({ status }: PairWatch, { file }: StoredMachine): PairStatusMessage {
    if (status === undefined) throw new HostError('NOT_FOUND', `${file.name} is in no pair.`);
    return status;
  }

  async #do(
    id: string,
    what: string,
    work: (pair: Pair, machine: StoredMachine) => Promise<unknown>,
  ): Promise<PairStatusMessage> {
    const { watch, machine } = await this.#busyWith(id, what, work);
    return this.#required(watch, machine);
  }

  /** One thing at a time; behind it the library and those who watch know. */
  async #busyWith(
    id: string,
    what: string,
    work: (pair: Pair, machine: StoredMachine) => Promise<unknown>,
  ): Promise<{ watch: PairWatch; machine: StoredMachine }> {
    const machine = await this.options.machine(id);
    const other = this.#busy.get(id);
    if (other !== undefined)
      throw new HostError('WRONG_STATE', `The pair of ${machine.file.name} is ${other}; wait until that is done.`);
    this.#busy.set(id, what);
    const watch = this.#watchOf(machine);
    try {
      await work(new Pair(machine, this.options.launch), machine);
    } catch (error) {
      throw explain(error, machine.folder);
    } finally {
      this.#busy.delete(id);
      // Whatever became of it is told, and the machine may have gone meanwhile.
      if (existsSync(machine.folder)) await watch.lookAnew();
    }
    return { watch, machine };
  }
}
