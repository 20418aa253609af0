import { basename, extname, join } from 'node:path';
import type { MachineConfiguration } from '../../engine/machine/machine.ts';
import type {
  Creation,
  FileSource,
  ImageReport,
  LibraryEvent,
  MachineDrives,
  MachineFileEntry,
  Sample,
} from '../contract/library.ts';
import type { LibraryEntry, MachineEventMessage, MachineSummary } from '../contract/machine.ts';
import { machineName } from '../contract/machine.ts';
import type { AttachmentEventMessage, DisplayEventMessage, WhenSessionEnds } from '../contract/display.ts';
import type { SmmMessage } from '../contract/smm.ts';
import type { AssembleSource, Disassemble } from './assembler.ts';
import type { BootTools } from './boot.ts';
import { draftMachine, inspectImage } from './creation.ts';
import { Cloning } from './cloning.ts';
import type { Disk } from './disk.ts';
import type { AttachRequest } from './display-sessions.ts';
import { explain, HostError, isSystemError } from './errors.ts';
import { EventChannel } from './event-channel.ts';
import { GuestLabels } from './guest-labels.ts';
import { readImage } from './image.ts';
import { writeAtomically } from './atomic-file.ts';
import { HOST_FILES, Library, type StoredMachine, type StoredProblem } from './library.ts';
import { DriveEditing, listDrives, type DriveChange } from './drive-editing.ts';
import { changed, needsOff, type MachineChange } from './machine-change.ts';
import { bootFiles, configureMachine } from './machine-configuration.ts';
import type { MachineFile } from './machine-file.ts';
import { noteStart, runState, startsFrom, summarize } from './machine-summary.ts';
import type { Launch } from './pair/pairs.ts';
import { Pairs } from './pair/service.ts';
import { Peeks, TYPES_LIMIT } from './peeks.ts';
import { ReportJournal } from './report/files.ts';
import { Reports } from './report/reports.ts';
import { installSamples } from './sample-installation.ts';
import { readSamples } from './samples.ts';
import { mainSource, Sources } from './sources.ts';
import { Session, type MachineFactory } from './session.ts';
import { SettingsStore } from './settings.ts';
import { watchSmm } from './smm.ts';
import { Suspending } from './suspending.ts';
import type { GuardRequest } from '../../engine/machine/guard-types.ts';
import type { GuardAlertMessage, GuardStateMessage } from '../contract/guard.ts';
import { guardMessage } from './guard.ts';
import { TaskList } from './tasks.ts';

/** What the engine gives the host; replaced by fakes in tests. */
export interface EngineTools {
  createMachine: MachineFactory;
  assemble: AssembleSource;
  disassemble: Disassemble;
  /** Starts a process of a pair. */
  launch: Launch;
}

export interface HostOptions {
  library: string;
  /** What holds the library, as the second program's refusal calls it: "the Vitrine app". */
  program: string;
  /** Where this host listens for the command line; empty: it does not. */
  control: string;
  engine: EngineTools;
  disk: Disk;
  /** The folder of the shipped guests. */
  guests: string;
  /** Takes what went wrong beside the work asked for; a log. */
  warn: (sentence: string) => void;
}

/** Two other processes have the machine's files. */
function refuseWhilePaired(machine: StoredMachine): void {
  if (Pairs.has(machine))
    throw new HostError('WRONG_STATE', `${machine.file.name} runs as a pair; end the pair first. "vitrine pair status ${machine.id}" shows how it fares.`);
}

/**
 * The service behind every front: the library, and the machines that run. One per process and library; lives on the main
 * thread. Refusals are HostErrors.
 */
export class Host {
  readonly #sessions = new Map<string, Session>();
  readonly #changes = new EventChannel<LibraryEvent>();
  /** Long work, for all fronts. */
  readonly tasks = new TaskList();
  /** Reads of guest memory that no guest notices. */
  readonly peeks: Peeks;
  /** Evidence that people take home. */
  readonly reports: Reports;
  readonly #labels: GuestLabels;
  /** Assembly in the folders of machines. */
  readonly sources: Sources;
  /** Machines that run in two processes of their own. */
  readonly pairs: Pairs;
  /** Machines that are kept as they are, and come back. */
  readonly suspending: Suspending;
  readonly #cloning: Cloning;
  readonly #drives: DriveEditing;
  /** Changes of the library run one after the other. */
  #queue: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly options: HostOptions,
    private readonly library: Library,
    readonly settings: SettingsStore,
  ) {
    const labels = (this.#labels = new GuestLabels({ disk: options.disk, assemble: options.engine.assemble, guests: options.guests }));
    this.peeks = new Peeks({
      ask: (id, question) => this.ask(id, ({ machine }) => question(machine)),
      labels: async (id) => labels.of(bootFiles(await library.get(id), options.guests)),
      readFile: (path) => readImage(options.disk, path, 'file with types', TYPES_LIMIT),
      symbolAt: (id, address) => this.#sessions.get(id)?.debug.symbolAt(address) ?? null,
    });
    this.suspending = new Suspending({
      disk: options.disk,
      library,
      tasks: this.tasks,
      sessions: this.#sessions,
      session: (machine) => this.session(machine),
      exclusive: (work) => this.exclusive(work),
      announce: (machine) => this.announce(machine),
      control: (id, work) => this.control(id, work),
      powerOn: (machine, restore) => this.powerOn(machine, true, undefined, restore),
      refuseWhileRead: (id) => this.reports.refuseWhileRead(id),
    });
    this.#drives = new DriveEditing({
      disk: options.disk,
      library,
      tasks: this.tasks,
      exclusive: (work) => this.exclusive(work),
      announce: (machine) => this.announce(machine),
      refuseUnlessOff: async (machine) => {
        this.#cloning.refuseWhileCopied(machine.id);
        await this.refuseUnlessOff(machine);
      },
    });
    this.sources = new Sources({
      disk: options.disk,
      assemble: options.engine.assemble,
      guests: options.guests,
      machine: (id) => library.get(id),
      changed: async (id) => this.#sessions.get(id)?.debug.sourceChanged(),
    });
    this.reports = new Reports({
      disk: options.disk,
      disassemble: options.engine.disassemble,
      journal: new ReportJournal(options.disk, library.folder),
      tasks: this.tasks,
      createMachine: (configuration) => options.engine.createMachine(configuration),
      withSession: (id, work) => this.withSession(id, work),
      suspendedState: async ({ folder }) =>
        (await this.suspending.kept(folder)) === undefined ? undefined : join(folder, HOST_FILES.suspended),
      configure: (machine) => configureMachine(this.tools, machine),
      boot: (machine) => this.startsFrom(machine),
      pair: (machine) => this.pairs.evidence(machine),
      ownSymbols: (id) => async () => labels.symbols(bootFiles(await library.get(id), options.guests)),
      warn: options.warn,
    });
    this.pairs = new Pairs({
      library: library.folder,
      launch: (...words) => options.engine.launch(...words),
      machine: (id) => library.get(id),
      machines: () => library.list(),
      state: async ({ id, folder }) => runState(this.#sessions.get(id), (await this.suspending.kept(folder)) !== undefined),
      refuseUnlessFree: ({ id, file }) => {
        this.#cloning.refuseWhileCopied(id);
        this.reports.refuseWhileRead(id);
        if (this.#sessions.get(id)?.on) throw new HostError('WRONG_STATE', `${file.name} is on; power it off first.`);
      },
      changed: (id) => void this.refresh(id),
      keepPicture: async ({ folder }, png) => writeAtomically(options.disk, join(folder, HOST_FILES.thumbnail), png),
      warn: options.warn,
    });
    this.#cloning = new Cloning({
      disk: options.disk,
      library,
      tasks: this.tasks,
      exclusive: (work) => this.exclusive(work),
      announce: (machine) => this.announce(machine),
      isSuspended: async (folder) => (await this.suspending.kept(folder)) !== undefined,
    });
  }

  /** Opens the library (LIBRARY_BUSY if another program has it) and puts the samples in place that it never had. */
  static async open(options: HostOptions): Promise<Host> {
    const library = await Library.open(options.disk, options.library, options.program, options.control);
    try {
      const host = new Host(options, library, await SettingsStore.open(options.disk, options.library, options.warn));
      await new ReportJournal(options.disk, library.folder).clear(options.warn);
      await installSamples(library, host.tools, options.warn);
      return host;
    } catch (error) {
      await library.close();
      throw error;
    }
  }

  /** Powers every machine off and gives the library back. */
  async close(): Promise<void> {
    // What is copied or kept cannot be switched off meanwhile.
    await this.tasks.close();
    await this.reports.settled();
    const failures: unknown[] = [];
    // One that fails keeps no other from its end, nor the library.
    for (const session of this.#sessions.values()) await session.dispose().catch((error: unknown) => failures.push(error));
    this.#sessions.clear();
    this.pairs.close();
    this.#changes.close();
    this.settings.close();
    await this.library.close();
    if (failures.length > 0) throw failures[0];
  }

  get folder(): string {
    return this.library.folder;
  }

  /** What a machine starts from, with the file's path: for reports. */
  startsFrom(machine: StoredMachine): { kind: MachineSummary['boot']['kind']; file: string | null } {
    const { kind } = startsFrom(machine.file);
    return { kind, file: kind === 'drives' ? null : bootFiles(machine, this.options.guests).file };
  }

  get engine(): EngineTools {
    return this.options.engine;
  }

  get tools(): BootTools {
    const { disk, engine, guests } = this.options;
    return { disk, assemble: engine.assemble, guests };
  }

  /** How many machines are on. */
  get running(): number {
    return [...this.#sessions.values()].filter(({ on }) => on).length;
  }

  private exclusive<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#queue.then(work);
    this.#queue = result.catch(() => undefined);
    return result;
  }

  // The library

  async list(): Promise<LibraryEntry[]> {
    return Promise.all((await this.library.list()).map((stored) => this.entry(stored)));
  }

  async get(id: string): Promise<LibraryEntry> {
    const stored = (await this.library.list()).find((one) => one.id === id);
    if (!stored) throw new HostError('NOT_FOUND', `There is no machine named ${id} in ${this.folder}.`);
    return this.entry(stored);
  }

  /** The list, then each change. */
  async watch(signal?: AbortSignal): Promise<AsyncGenerator<LibraryEvent, void, void>> {
    // Subscribed before the list is read: a change in between comes twice rather than never.
    this.pairs.follow();
    const all = this.list();
    const changes = this.#changes.subscribe([], signal);
    try {
      const entries = await all;
      return (async function* () {
        try {
          yield { kind: 'all' as const, entries };
          yield* changes;
        } finally {
          await changes.return();
        }
      })();
    } catch (error) {
      await changes.return();
      throw error;
    }
  }

  async samples(): Promise<Sample[]> {
    const samples = await readSamples(this.options.disk, this.options.guests);
    return samples.map(({ id, name, summary, memoryBytes, cpus }) => ({ id, name, summary, memoryBytes, cpus }));
  }

  inspectImage(file: FileSource): Promise<ImageReport> {
    return inspectImage(this.tools, file);
  }

  async create(request: Creation): Promise<MachineSummary> {
    const { file, files, copiedBytes } = await draftMachine(this.tools, request);
    const inTurn = <Result>(work: () => Promise<Result>): Promise<Result> => this.exclusive(work);
    if (copiedBytes === 0) return inTurn(async () => this.announce(await this.library.create(file, files)));
    return this.tasks.run(
      `Creating ${file.name}`,
      'Cancel removes what has been copied so far; the images are not touched.',
      async (progress) => {
        progress.expect(copiedBytes);
        return this.announce(await this.library.create(file, files, { advance: progress.advance, inTurn }));
      },
      ({ name }) => `${name} is in the library.`,
    );
  }

  rename(id: string, name: string): Promise<MachineSummary> {
    return this.change(id, (file) => ({ ...file, name }));
  }

  /** What takes effect at the next start is changed only while off; what people see, at any time. */
  async configure(id: string, change: MachineChange): Promise<MachineSummary> {
    if (needsOff(change)) await this.refuseUnlessOff(await this.library.get(id));
    return this.change(id, (file) => changed(file, change));
  }

  private async refuseUnlessOff(machine: StoredMachine): Promise<void> {
    const { id, folder } = machine;
    if (this.#sessions.get(id)?.on) throw new HostError('WRONG_STATE', 'This can only be changed while the machine is off.');
    refuseWhilePaired(machine);
    if (await this.suspending.kept(folder)) {
      throw new HostError(
        'WRONG_STATE',
        'The machine is suspended, and its state fits it only as it is. Resume it and power it off, or discard the state.',
      );
    }
  }

  async drives(id: string): Promise<MachineDrives> {
    return listDrives(await this.library.get(id));
  }

  configureDrives(id: string, change: DriveChange): Promise<MachineDrives> {
    return this.#drives.configure(id, change);
  }

  /** See contract/sources.ts. */
  async setMainSource(id: string, path: string): Promise<MachineSummary> {
    await this.sources.read(id, path);
    const summary = await this.change(id, (file) => {
      if (file.boot.kind !== 'assembly')
        throw new HostError(
          'WRONG_STATE',
          `${file.name} starts from ${startsFrom(file).file}, not from assembly. Put the program into a new machine.`,
        );
      return { ...file, boot: { kind: 'assembly', file: path } };
    });
    await this.#sessions.get(id)?.debug.sourceChanged();
    return summary;
  }

  /** See contract/sources.ts. */
  async newMachineOf(id: string, path: string, name?: string): Promise<MachineSummary> {
    const { file } = await this.library.get(id);
    const files = await this.sources.copyOf(id, path);
    const made: MachineFile = {
      format: file.format,
      version: file.version,
      name: name ?? machineName.catch('Assembly').parse(basename(path, extname(path))),
      created: new Date().toISOString(),
      cpus: file.cpus,
      memoryMiB: file.memoryMiB,
      clock: file.clock,
      boot: { kind: 'assembly', file: path },
      ...(mainSource({ id, folder: '', file }) === path && file.guard?.hypercalls ? { guard: { hypercalls: true } } : {}),
    };
    return this.exclusive(async () => this.announce(await this.library.create(made, files)));
  }

  private change(id: string, change: (file: MachineFile) => MachineFile): Promise<MachineSummary> {
    return this.exclusive(async () => this.announce(await this.library.update(id, change)));
  }

  /** A machine of its own. The original must be off, and stays so until the copy is whole. */
  async clone(id: string, name?: string, kind: 'full' | 'linked' = 'full'): Promise<MachineSummary> {
    const original = await this.library.get(id);
    this.#cloning.refuseWhileCopied(id);
    refuseWhilePaired(original);
    if (this.#sessions.get(id)?.on) throw new HostError('WRONG_STATE', 'The machine is on; power it off before cloning it.');
    return this.#cloning.clone(original, name, kind);
  }

  /** Copies a machine's folder from elsewhere into the library; the original is only read. */
  adopt(folder: string): Promise<MachineSummary> {
    return this.#cloning.adopt(folder);
  }

  listFiles(id: string): Promise<MachineFileEntry[]> {
    return this.library.files(id);
  }

  delete(id: string, what: 'machine' | 'machine-and-disks'): Promise<{ removed: string[]; kept: string[]; folder: string }> {
    return this.exclusive(async () => {
      this.#cloning.refuseWhileCopied(id);
      this.reports.refuseWhileRead(id);
      refuseWhilePaired(await this.library.get(id));
      const session = this.#sessions.get(id);
      if (session?.on) throw new HostError('WRONG_STATE', 'The machine is on; power it off before deleting it.');
      if (what === 'machine-and-disks') await this.#cloning.refuseWhileNeeded(id);
      const result = await this.library.delete(id, what);
      await session?.dispose();
      this.#sessions.delete(id);
      this.pairs.removed(id);
      this.#changes.publish({ kind: 'removed', id });
      return result;
    });
  }

  async thumbnail(id: string): Promise<{ png: Uint8Array } | null> {
    const machine = await this.library.get(id);
    const path = join(machine.folder, HOST_FILES.thumbnail);
    try {
      return { png: new Uint8Array(await this.options.disk.readFile(path)) };
    } catch (error) {
      if (isSystemError(error, 'ENOENT')) return null;
      throw explain(error, path);
    }
  }

  // Machines

  /** Powers on. `configure` replaces what the machine's file says, for this run. */
  async start(id: string, paused: boolean, configure?: () => Promise<MachineConfiguration>): Promise<MachineSummary> {
    const machine = await this.library.get(id);
    refuseWhilePaired(machine);
    if (!this.#sessions.get(id)?.on && (await this.suspending.kept(machine.folder))) {
      throw new HostError('WRONG_STATE', `${machine.file.name} is suspended. Resume it, or discard its state first.`);
    }
    return this.powerOn(machine, paused, configure, undefined);
  }

  private async powerOn(
    machine: StoredMachine,
    paused: boolean,
    configure: (() => Promise<MachineConfiguration>) | undefined,
    restore: string | undefined,
  ): Promise<MachineSummary> {
    const { id } = machine;
    this.#cloning.refuseWhileCopied(id);
    this.reports.refuseWhileRead(id);
    const session = this.session(machine);
    // At once before it is on: a pair may have been made since the first look.
    refuseWhilePaired(machine);
    try {
      await session.start(this.engine.createMachine, configure ?? (() => configureMachine(this.tools, machine)), paused, restore);
    } catch (error) {
      throw explain(error, machine.folder);
    }
    try {
      await noteStart(this.options.disk, machine.folder);
    } catch (error) {
      this.options.warn(`When ${id} was started was not recorded. ${explain(error, machine.folder).message}`);
    }
    return this.announce(machine);
  }

  /** Does something with a machine that is on, and says what became of it. */
  async control(id: string, work: (session: Session, machine: StoredMachine) => Promise<void>): Promise<MachineSummary> {
    const machine = await this.library.get(id);
    refuseWhilePaired(machine);
    const session = this.session(machine);
    try {
      await work(session, machine);
    } catch (error) {
      throw explain(error, machine.folder);
    }
    return this.summary(machine);
  }

  /** Gives a machine's session to one who follows it in this process. */
  async withSession<Result>(id: string, work: (session: Session, machine: StoredMachine) => Promise<Result>): Promise<Result> {
    const machine = await this.library.get(id);
    return work(this.session(machine), machine);
  }

  /**
   * Asks something of a machine that is on. A session that is known answers at once, without a look at the disk, so that keys
   * reach it in the order in which they came.
   */
  async ask<Result>(id: string, question: (session: Session) => Promise<Result>): Promise<Result> {
    const known = this.#sessions.get(id);
    let session = known;
    if (!session?.on) {
      const machine = await this.library.get(id);
      refuseWhilePaired(machine);
      session = this.session(machine);
    }
    try {
      return await question(session);
    } catch (error) {
      throw explain(error, session.folder ?? id);
    }
  }

  async events(id: string, history: boolean, signal?: AbortSignal): Promise<AsyncGenerator<MachineEventMessage, void, void>> {
    const session = this.session(await this.library.get(id));
    return session.events.subscribe(session.present(history), signal);
  }

  /** See contract/smm.ts. */
  async watchSmm(id: string, signal?: AbortSignal): Promise<AsyncGenerator<SmmMessage, void, void>> {
    const session = this.session(await this.library.get(id));
    // Deleted: there is nothing to follow any more.
    return watchSmm(() => (this.#sessions.get(id) === session ? session.running : 'gone'), signal);
  }

  /** See contract/guard.ts. The machine's file follows what is in force. */
  async changeGuard(id: string, request: GuardRequest, file?: (file: MachineFile) => MachineFile): Promise<GuardStateMessage> {
    // A file that would be refused is refused before anything is in force.
    if (file !== undefined) file((await this.library.get(id)).file);
    const state = guardMessage(await this.ask(id, ({ machine }) => machine.guard(request)));
    if (file !== undefined) await this.change(id, file);
    return state;
  }

  async watchGuard(id: string, history: boolean, signal?: AbortSignal): Promise<AsyncGenerator<GuardAlertMessage[], void, void>> {
    return this.session(await this.library.get(id)).guard.watch(history, signal);
  }

  /** See contract/display.ts. A suspended machine comes back for its client, unless that wants one that is on, and runs once its displays are that client's. */
  async attachDisplay(id: string, request: AttachRequest, signal?: AbortSignal): Promise<AsyncGenerator<AttachmentEventMessage, void, void>> {
    const machine = await this.library.get(id);
    const session = this.session(machine);
    if (!session.on && request.role !== 'viewer' && request.onlyIfOn !== true && (await this.suspending.kept(machine.folder))) {
      session.displays.checkRequest(request);
      await this.suspending.bringBack(machine);
      session.displays.heldStill();
    }
    return session.displays.attach(request, signal);
  }

  async watchDisplay(id: string, history: boolean, signal?: AbortSignal): Promise<AsyncGenerator<DisplayEventMessage, void, void>> {
    return this.session(await this.library.get(id)).displays.watch(history, signal);
  }

  async setWhenSessionEnds(id: string, whenEnds: WhenSessionEnds): Promise<void> {
    await this.change(id, (file) => ({ ...file, display: { ...file.display, whenSessionEnds: whenEnds } }));
    this.session(await this.library.get(id)).displays.setWhenEnds(whenEnds);
  }

  private session(machine: StoredMachine): Session {
    let session = this.#sessions.get(machine.id);
    if (!session) {
      const changed = (): void => void this.refresh(machine.id);
      const ownSymbols = async () => this.#labels.symbols(bootFiles(await this.library.get(machine.id), this.options.guests));
      session = new Session(machine.folder, this.options.disk, changed, this.options.warn, ownSymbols);
      this.#sessions.set(machine.id, session);
    }
    session.whenSessionEnds = machine.file.display?.whenSessionEnds ?? 'run';
    return session;
  }

  private async refresh(id: string): Promise<void> {
    try {
      this.#changes.publish({ kind: 'changed', entry: await this.get(id) });
    } catch (error) {
      // Deleted meanwhile: that has its own event.
      if (!(error instanceof HostError && error.code === 'NOT_FOUND')) this.options.warn(explain(error, id).message);
    }
  }

  private async announce(machine: StoredMachine): Promise<MachineSummary> {
    const entry = await this.summary(machine);
    this.#changes.publish({ kind: 'changed', entry });
    return entry;
  }

  private entry(stored: StoredMachine | StoredProblem): Promise<LibraryEntry> | LibraryEntry {
    if ('file' in stored) return this.summary(stored);
    return { kind: 'unreadable', id: stored.id, folder: stored.folder, problem: stored.problem.message };
  }

  private async summary(machine: StoredMachine): Promise<MachineSummary> {
    const session = this.#sessions.get(machine.id);
    const suspended = session?.on ? undefined : await this.suspending.kept(machine.folder);
    const summary = await summarize(this.options.disk, machine, session, suspended);
    return { ...summary, ...(await this.pairs.summary(machine)) };
  }
}
