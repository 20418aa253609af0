import { readFile, writeFile } from 'node:fs/promises';
import type { DebugCall, DebugCalls } from '../../../engine/machine/debug/calls.ts';
import { mostOutputs, type DisplayDeviceState, type DisplayProperties, type RfbAnswer, type RfbListening } from '../../../engine/machine/display-face.ts';
import type { GuardRequest, GuardState } from '../../../engine/machine/guard-types.ts';
import type {
  DisplayEndpoint,
  Machine,
  MachineConfiguration,
  MachineEvent,
  MachineInput,
  MachineState,
  MachineStatistics,
  Picture,
  SavedState,
  WrittenCore,
} from '../../../engine/machine/machine.ts';
import { MachineError } from '../../../engine/machine/machine.ts';
import type { InjectedSmis, SmmEvents, SmmSaveState, SmmState, SmmStatistics } from '../../../engine/machine/smm-face.ts';

const nothing = { counts: new Array<number>(32).fill(0), count: 0, total: 0, longest: 0 };
const noSmm: SmmStatistics = {
  smis: 0,
  latched: 0,
  causes: { apm: 0, chipset: 0, ipi: 0, injected: 0 },
  entries: 0,
  rendezvous: 0,
  joins: 0,
  latency: nothing,
  stop: nothing,
  residency: nothing,
  exit: nothing,
  vcpus: [],
};

/** A machine without an engine: it does what it is told, and a test plays its guest. */
export class FakeMachine implements Machine {
  state: MachineState = 'off';
  disposed = false;
  readonly inputs: MachineInput[] = [];
  screen: string[] | undefined = ['ready', ''];
  /** One grey level fills the picture. */
  shade = 10;
  displayUrl = 'ws://127.0.0.1:1/none';
  readonly #listeners = new Set<(event: MachineEvent) => void>();

  constructor(
    readonly configuration: MachineConfiguration,
    /** Called once the machine runs. */
    private readonly guest: (machine: FakeMachine) => void = () => undefined,
  ) {}

  on(listener: (event: MachineEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  emit(event: MachineEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  become(state: MachineState, reason: string): void {
    this.state = state;
    this.emit({ kind: 'state', state, reason });
  }

  /** The guest writes to COM1. */
  say(text: string): void {
    this.emit({ kind: 'serial', bytes: new TextEncoder().encode(text) });
  }

  guarded: GuardState = {
    ranges: [],
    nodes: [],
    treeAction: 'deny',
    agent: undefined,
    sealed: false,
    alerts: 0,
    treeAlerts: 0,
    damaged: 0,
  };
  readonly guardRequests: GuardRequest[] = [];

  guard(request: GuardRequest): Promise<GuardState> {
    if (request.kind !== 'look') this.need('running', 'paused');
    this.guardRequests.push(request);
    if (request.kind === 'add' && request.range.kind === 'physical') {
      const { address, bytes } = request.range;
      this.guarded.ranges.push({ address, bytes, action: request.action, byHost: true });
    }
    return Promise.resolve(structuredClone(this.guarded));
  }

  private need(...states: MachineState[]): void {
    if (!states.includes(this.state)) throw new MachineError('wrong-state', `The machine is ${this.state}.`);
  }

  /** What a suspend waits for, and what it fails with. */
  suspending: Promise<void> = Promise.resolve();
  suspendFailure: Error | undefined;
  /** The state that it was started from. */
  restored: string | undefined;

  async start(options?: { paused?: boolean; restore?: string }): Promise<void> {
    this.need('off');
    if (options?.restore !== undefined) {
      this.restored = await readFile(options.restore, 'utf8');
      if (this.restored.startsWith('bad')) throw new MachineError('bad-state', 'The saved state is damaged.');
    }
    this.become(options?.paused ? 'paused' : 'running', options?.restore === undefined ? 'Started.' : 'Resumed.');
    this.emit({ kind: 'display', width: 720, height: 400, text: { columns: 80, rows: 25 } });
    this.guest(this);
  }

  /** What its tools answer. */
  answerTool: (tool: string, question: unknown) => unknown = (tool) => {
    throw new MachineError('not-supported', `This machine has no tool named ${tool}.`);
  };

  async ask(tool: string, question: unknown): Promise<unknown> {
    return this.answerTool(tool, question);
  }

  async pause(reason = 'Paused by you.'): Promise<void> {
    this.need('running');
    this.become('paused', reason);
  }

  async resume(): Promise<void> {
    this.need('paused');
    this.become('running', 'Resumed.');
  }

  /** The "state" is the text "state of NAME". */
  async suspend(path: string): Promise<SavedState> {
    this.need('running', 'paused');
    await this.suspending;
    if (this.suspendFailure) throw this.suspendFailure;
    const text = `state of ${this.configuration.name}`;
    await writeFile(path, text, { flag: 'wx' });
    if (this.state !== 'paused') this.become('paused', 'Being suspended.');
    return { bytes: text.length };
  }

  async cancelSuspend(): Promise<void> {
    this.suspendFailure = new MachineError('cancelled', 'The suspend was cancelled.');
  }

  /** Whether somebody copies it, and how often that was. */
  held = false;
  holds = 0;
  /** What a core waits for, and what it fails with. */
  coring: Promise<void> = Promise.resolve();
  coreFailure: Error | undefined;

  async hold(): Promise<void> {
    this.need('running', 'paused', 'crashed');
    this.held = true;
    this.holds++;
  }

  async letGo(): Promise<void> {
    this.held = false;
  }

  /** The "core" is the text "core of NAME". */
  async writeCore(path: string): Promise<WrittenCore> {
    if (!this.held) throw new MachineError('wrong-state', 'It is not held.');
    await this.coring;
    if (this.coreFailure) throw this.coreFailure;
    const text = `core of ${this.configuration.name}`;
    await writeFile(path, text, { flag: 'wx' });
    this.emit({ kind: 'progress', activity: 'core', done: 100, total: 100 });
    return { bytes: text.length, hasLinear: true };
  }

  async cancelCore(): Promise<void> {
    this.coreFailure = new MachineError('cancelled', 'The core was cancelled.');
  }

  async reset(): Promise<void> {
    this.emit({ kind: 'reset', reason: 'Reset by you.' });
  }

  async powerOff(): Promise<void> {
    if (this.state !== 'off') this.become('off', 'Powered off by you.');
  }

  async pressPowerButton(): Promise<void> {
    this.need('running');
  }

  async input(input: MachineInput): Promise<void> {
    this.inputs.push(input);
  }

  async screenshot(): Promise<Picture> {
    return { width: 8, height: 4, rgba: new Uint8Array(8 * 4 * 4).fill(this.shade) };
  }

  async screenText(): Promise<string[] | undefined> {
    return this.screen;
  }

  async statistics(): Promise<MachineStatistics> {
    return { seconds: 1, instructions: 1000, mips: 0.001, exits: {}, vcpus: [], smm: noSmm };
  }

  async digest(): Promise<string> {
    return '00';
  }

  async runUntil(): Promise<void> {
    return undefined;
  }

  async display(): Promise<DisplayEndpoint> {
    return { url: this.displayUrl };
  }

  /** What its display is; each change is kept. */
  readonly configured: { properties: DisplayProperties; session: number; state: MachineState }[] = [];
  /** Whether its guest draws at its new size at once. */
  draws = true;

  async displayState(): Promise<DisplayDeviceState> {
    const last = this.configured.at(-1);
    return {
      generation: this.configured.length,
      session: last?.session ?? 0,
      outputs: Array.from({ length: mostOutputs }, (_, output) => {
        const properties = last?.properties.outputs[output];
        const { width = 0, height = 0 } = properties ?? {};
        return { properties, edid: new Uint8Array(0), edidRead: undefined, use: 'dark', shown: { width, height }, frames: 0, right: this.draws, refusal: '' };
      }),
      input: last?.properties.input ?? { keyboard: true, mouse: true, pointer: false, touchPoints: 0, pen: false },
      takesPositions: false,
      devices: [],
      memoryBytes: 32 << 20,
    };
  }

  async configureDisplay(properties: DisplayProperties, session: number): Promise<DisplayDeviceState> {
    this.need('running', 'paused');
    this.configured.push({ properties, session, state: this.state });
    return this.displayState();
  }

  readonly rfbAnswers: { viewer: number; answer: RfbAnswer }[] = [];

  async listenRfb(listening: RfbListening | undefined): Promise<{ address: string; port: number } | undefined> {
    return listening && { address: listening.address, port: listening.port || 5900 };
  }

  async answerRfb(viewer: number, answer: RfbAnswer): Promise<void> {
    this.rfbAnswers.push({ viewer, answer });
  }

  async awaitFrames(): Promise<boolean> {
    return this.draws;
  }

  /** What its debugger answers; a call that is missing fails the test. */
  debugAnswers: { [Call in DebugCall]?: (argument: DebugCalls[Call]['argument']) => DebugCalls[Call]['result'] } = {
    setBreakpoints: () => undefined,
    hits: () => new Map(),
  };

  async debug<Call extends DebugCall>(call: Call, argument: DebugCalls[Call]['argument']): Promise<DebugCalls[Call]['result']> {
    const answer = this.debugAnswers[call];
    if (answer === undefined) throw new Error(`The test gives no answer to ${call}.`);
    return answer(argument);
  }

  async smm(): Promise<SmmState> {
    return {
      layout: 'intel32',
      mapped: false,
      open: false,
      closed: false,
      locked: false,
      ranges: [],
      breakOn: { entry: false, exit: false },
      statistics: noSmm,
      now: 0,
    };
  }

  async smmEvents(since: number): Promise<SmmEvents> {
    return { events: [], next: since, lost: 0, now: 0 };
  }

  async injectSmi(target: number | 'all', count = 1): Promise<InjectedSmis> {
    return { sent: target === 'all' ? count * this.configuration.cpus : count, latched: 0 };
  }

  async breakOnSmm(): Promise<void> {
    return undefined;
  }

  async readSmram(address: number, length: number): Promise<Uint8Array> {
    throw new MachineError(
      'bad-configuration',
      `${length} bytes at 0x${address.toString(16)} are not SMRAM: the chipset has none enabled.`,
    );
  }

  async smmSaveState(cpu: number): Promise<SmmSaveState> {
    return { cpu, layout: 'intel32', smbase: 0x30000, inSmm: false, fields: [] };
  }

  async dispose(): Promise<void> {
    this.disposed = true;
  }
}
