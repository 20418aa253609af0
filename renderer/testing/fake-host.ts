import { createRouterClient, implement } from '@orpc/server';
import { contract, type HostClient } from '../../main/contract/contract.ts';
import type { Opened } from '../../main/contract/application.ts';
import type { Creation, LibraryEvent, MachineDrives } from '../../main/contract/library.ts';
import type { LibraryEntry, MachineEventMessage, MachineStatisticsMessage, MachineSummary } from '../../main/contract/machine.ts';
import type { SmmMessage } from '../../main/contract/smm.ts';
import { FakeDebug } from './fake-debug.ts';
import { FakeDisplay } from './fake-display.ts';
import { FakeGuard } from './fake-guard.ts';
import { FakeTerminals } from './fake-terminals.ts';
import { FakePairs } from './fake-pairs.ts';
import { FakePeek } from './fake-peek.ts';
import { FakeReports } from './fake-reports.ts';

const MEBIBYTE = 1024 * 1024;

/** A machine as the host tells it, with what a test wants different. */
export function machine(part: Partial<MachineSummary> = {}): MachineSummary {
  return {
    kind: 'machine',
    id: 'hello',
    name: 'Hello',
    state: 'off',
    reason: 'Has never been started.',
    since: null,
    memoryBytes: 16 * MEBIBYTE,
    cpus: 1,
    clock: 'wall',
    boot: { kind: 'assembly', file: 'hello.asm' },
    sample: 'hello',
    note: '',
    group: null,
    tags: [],
    disks: 0,
    linkedTo: [],
    folder: '/library/hello',
    thumbnail: null,
    created: 0,
    lastStarted: null,
    display: null,
    suspended: null,
    pair: null,
    ...part,
  };
}

/** A host that lives in memory and checks payloads by the real contract. For tests only; never shipped. */
export class FakeHost {
  readonly calls: string[] = [];
  readonly created: Creation[] = [];
  /** What a reader of System Management Mode hears, then nothing more. */
  readonly smm: SmmMessage[] = [];
  /** What a reader of the machine's events hears, then nothing more. */
  readonly machineEvents: MachineEventMessage[] = [];
  readonly debug = new FakeDebug(this.calls);
  readonly guard = new FakeGuard();
  readonly display = new FakeDisplay(this.calls);
  readonly terminals = new FakeTerminals(this.calls);
  readonly pairs = new FakePairs(this.calls);
  readonly peek = new FakePeek(this.calls);
  readonly reports = new FakeReports(this.calls);
  /** What the machine's counters say, one after the other; the last one again and again. */
  statistics: MachineStatisticsMessage[] = [
    {
      seconds: 1,
      instructions: 1000,
      mips: 1,
      exits: {},
      vcpus: [{ instructions: 1000, exits: {}, exceptions: {}, interrupts: 0, halted: true, idleSeconds: 0 }],
    },
  ];
  /** Of every machine. */
  drives: MachineDrives = { drives: [], bootOrder: null };
  /** What the next control request is refused with. */
  refusal: string | undefined;
  readonly #wake: (() => void)[] = [];
  readonly #events: LibraryEvent[] = [];
  readonly client: HostClient;

  constructor(readonly entries: LibraryEntry[]) {
    const heard = this.smm;
    const told = this.machineEvents;
    const os = implement(contract).$context<Record<never, never>>();
    const control = (verb: string, state: MachineSummary['state']) => (id: string) => {
      this.calls.push(`${verb} ${id}`);
      if (this.refusal !== undefined) throw new Error(this.refusal);
      return this.change(id, { state, since: 0 });
    };
    const verbs = {
      start: control('start', 'running'),
      pause: control('pause', 'paused'),
      resume: control('resume', 'running'),
      powerOff: control('powerOff', 'off'),
    };
    const router = {
      library: {
        watch: os.library.watch.handler(() => this.watch()),
        samples: os.library.samples.handler(() => [
          { id: 'hello', name: 'Hello', summary: 'Echoes keys.', memoryBytes: 16 * MEBIBYTE, cpus: 1 },
        ]),
        create: os.library.create.handler(({ input }) => {
          this.created.push(input);
          const made = machine({ id: 'made', name: input.name ?? 'Made' });
          this.entries.push(made);
          return made;
        }),
        clone: os.library.clone.handler(({ input }) => {
          this.calls.push(`clone ${input.id}${input.kind === 'linked' ? ' linked' : ''}`);
          const made = machine({ id: `${input.id}-copy`, name: 'Copy' });
          this.entries.push(made);
          this.publish({ kind: 'changed', entry: made });
          return made;
        }),
        rename: os.library.rename.handler(({ input }) => {
          this.calls.push(`rename ${input.id} ${input.name}`);
          return this.change(input.id, { name: input.name });
        }),
        configure: os.library.configure.handler(({ input: { id, commandLine: _line, ...change } }) => {
          this.calls.push(`configure ${id} ${Object.keys(change).sort().join(' ')}`);
          return this.change(id, Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined)));
        }),
        drives: os.library.drives.handler(() => this.drives),
        configureDrives: os.library.configureDrives.handler(({ input }) => {
          this.calls.push(`configureDrives ${JSON.stringify(input)}`);
          return this.drives;
        }),
        inspectDrive: os.library.inspectDrive.handler(({ input }) => {
          if (input.file.kind === 'path') throw new Error(`The ${input.kind} image ${input.file.path} does not exist.`);
          return { bytes: input.file.bytes.length, format: 'raw' as const, converted: false };
        }),
        listFiles: os.library.listFiles.handler(() => [
          { name: 'machine.json', size: 300, part: 'machine' as const },
          { name: 'hello.asm', size: 13_000, part: 'disk' as const },
        ]),
        delete: os.library.delete.handler(({ input }) => {
          this.calls.push(`delete ${input.id} ${input.what}`);
          this.publish({ kind: 'removed', id: input.id });
          return { removed: [], kept: [], folder: '' };
        }),
        inspectImage: os.library.inspectImage.handler(({ input }) => ({
          name: 'text.txt',
          size: input.file.kind === 'bytes' ? input.file.bytes.length : 0,
          as: null,
          drive: null,
          description: 'This is a text, which no machine starts from.',
          memoryMinimum: MEBIBYTE,
          memoryProposed: MEBIBYTE,
          imports: null,
        })),
      },
      machines: {
        typeText: os.machines.typeText.handler(({ input }) => {
          this.calls.push(`type ${input.id} ${input.text}`);
          return { typed: input.text.length };
        }),
        start: os.machines.start.handler(({ input }) => verbs.start(input.id)),
        pause: os.machines.pause.handler(({ input }) => verbs.pause(input.id)),
        resume: os.machines.resume.handler(({ input }) => verbs.resume(input.id)),
        powerOff: os.machines.powerOff.handler(({ input }) => verbs.powerOff(input.id)),
        events: os.machines.events.handler(async function* () {
          yield* told;
          await new Promise<void>(() => undefined);
        }),
        statistics: os.machines.statistics.handler(() => {
          const [next, ...rest] = this.statistics;
          if (next === undefined) throw new Error('There are no statistics.');
          if (rest.length > 0) this.statistics = rest;
          return next;
        }),
      },
      application: {
        about: os.application.about.handler(() => ({
          name: 'Vitrine' as const,
          version: '0',
          front: 'app' as const,
          library: '/library',
          versions: {},
          platform: 'test',
          hostProcessors: 2,
          desktop: true,
        })),
        settings: {
          get: os.application.settings.get.handler(() => ({
            theme: 'light' as const,
            releaseKey: 'ControlRight',
            scaling: 'pixel-exact' as const,
            passThrough: [],
            combinations: [],
          })),
          watch: os.application.settings.watch.handler(async function* () {
            // Nothing changes it.
          }),
          set: os.application.settings.set.handler(({ input }) => {
            this.calls.push(`theme ${input.theme}`);
            return {
              theme: input.theme ?? 'light',
              releaseKey: 'ControlRight',
              scaling: 'pixel-exact' as const,
              passThrough: [],
              combinations: [],
            };
          }),
        },
      },
      smm: {
        watch: os.smm.watch.handler(async function* () {
          yield* heard;
          await new Promise<void>(() => undefined);
        }),
        inject: os.smm.inject.handler(({ input }) => {
          this.calls.push(`smi ${input.target} ${input.count}`);
          return { sent: 1, latched: 0 };
        }),
        breakOn: os.smm.breakOn.handler(({ input }) => {
          this.calls.push(`break ${input.entry} ${input.exit}`);
        }),
        read: os.smm.read.handler(({ input }) => ({ bytes: new TextEncoder().encode('SMRAM bytes.'.padEnd(input.length, ' ')) })),
        saveState: os.smm.saveState.handler(({ input }) => ({
          cpu: input.cpu,
          layout: 'intel32' as const,
          smbase: 0xa0000,
          inSmm: true,
          fields: [
            { name: 'eflags', offset: 0xfff4, bytes: 4, value: '00000242', hidden: false },
            { name: 'hidden', offset: 0xfe00, bytes: 4, value: '00000000', hidden: true },
          ],
        })),
      },
      debug: {
        ...this.debug.router(),
        gdb: this.terminals.server(),
        tripleFault: os.debug.tripleFault.handler(() => []),
      },
      guard: this.guard.router(),
      peek: {
        ...this.peek.router(),
        read: os.peek.read.handler(({ input: { operation } }) => {
          if (operation.kind !== 'read') throw new Error('Only plain reads are faked.');
          this.calls.push(`peek ${operation.address.toString(16)}`);
          const bytes = this.debug.memory.slice(operation.address, operation.address + operation.length);
          const complete = bytes.length === operation.length;
          return { bytes, pointers: [], complete, fault: null, problem: complete ? null : 'not present' };
        }),
      },
      display: this.display.router(),
      pairs: this.pairs.router(),
      reports: this.reports.router(),
      tasks: {
        watch: os.tasks.watch.handler(async function* () {
          yield [];
        }),
      },
      desktop: {
        openConsole: os.desktop.openConsole.handler(({ input }) => {
          this.calls.push(`console ${input.id}`);
        }),
        chooseFile: os.desktop.chooseFile.handler(() => ({ path: '/chosen/file' })),
        chooseFolder: os.desktop.chooseFolder.handler(() => ({ path: '/chosen' })),
        openings: os.desktop.openings.handler(() => this.openings()),
        terminals: this.terminals.router(),
      },
    };
    // A test that reaches for a procedure that is not here fails with NOT_FOUND.
    this.client = createRouterClient(router) as unknown as HostClient;
  }

  change(id: string, part: Partial<MachineSummary>): MachineSummary {
    const at = this.entries.findIndex((entry) => entry.id === id);
    const old = this.entries[at];
    if (old?.kind !== 'machine') throw new Error(`No machine ${id}`);
    const entry = { ...old, ...part };
    this.entries[at] = entry;
    this.publish({ kind: 'changed', entry });
    return entry;
  }

  publish(event: LibraryEvent): void {
    this.#events.push(event);
    for (const wake of this.#wake.splice(0)) wake();
  }

  /** What the app was asked to open before the page came. */
  readonly toOpen: Opened[] = [];

  private async *openings(): AsyncGenerator<Opened, void, void> {
    yield* this.toOpen.splice(0);
  }

  private async *watch(): AsyncGenerator<LibraryEvent, void, void> {
    yield { kind: 'all', entries: [...this.entries] };
    for (let at = 0; ;) {
      const event = this.#events[at];
      if (event === undefined) await new Promise<void>((resolve) => this.#wake.push(resolve));
      else {
        at++;
        yield event;
      }
    }
  }
}
