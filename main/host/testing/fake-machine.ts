import { readFile, writeFile } from 'node:fs/promises';
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
} from '../../../engine/machine/machine.ts';
import { MachineError } from '../../../engine/machine/machine.ts';

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

  async pause(): Promise<void> {
    this.need('running');
    this.become('paused', 'Paused by you.');
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
    return { seconds: 1, instructions: 1000, mips: 0.001, exits: {}, vcpus: [] };
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

  async dispose(): Promise<void> {
    this.disposed = true;
  }
}
