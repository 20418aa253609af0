/**
 * The host's handle of a machine: makes the memory and the workers, and turns calls into messages to the service worker. Main
 * thread. It never waits for the machine and never takes its lock, so whatever a guest does, the host goes on.
 */
import { MessageChannel, Worker } from 'node:worker_threads';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { checkBootSource } from '../firmware/plan.ts';
import {
  MachineError,
  type BootSource,
  type DisplayEndpoint,
  type Machine,
  type MachineConfiguration,
  type MachineEvent,
  type MachineInput,
  type MachineState,
  type MachineStatistics,
  type Picture,
  type SavedState,
  type WrittenCore,
} from './machine.ts';
import type { DebugCall, DebugCalls, DebugRequest } from './debug/calls.ts';
import type { InjectedSmis, SmmBreak, SmmEvents, SmmSaveState, SmmState } from './smm-face.ts';
import { placeDrives } from './drives.ts';
import { MachineMemory, mebibyte, pageSize } from './memory.ts';
import { alertBytes } from '../guard/alert.ts';
import type { DisplayDeviceState, DisplayProperties, RfbAnswer, RfbListening } from './display-face.ts';
import type { GuardRequest, GuardState } from './guard-types.ts';
import { unreadLimit, type Compiled, type FromService, type ServiceCall, type ServiceCalls, type ServiceStart, type ToService, type VcpuStart } from './protocol.ts';

/** How long a machine that is disposed of may take to bring its images to the medium, in milliseconds. */
const longestClose = 10_000;

export interface MachineOptions {
  /** Folder with the built vcpu-worker.js and service-worker.js, as a path or a file: URL. */
  workerDirectory: URL | string;
}

/** Room for ROM images: two copies of the system ROM and the video ROM, and as much for option ROMs. */
function romBytesOf(boot: BootSource): number {
  if (boot.kind !== 'bios') return mebibyte;
  const pages = (bytes: number) => Math.ceil(bytes / pageSize) * pageSize;
  return mebibyte + 2 * pages(boot.image.length) + 2 * pages(boot.vgaBios?.length ?? 0);
}

function check(configuration: MachineConfiguration): void {
  if (configuration.startTime !== undefined && !Number.isFinite(configuration.startTime)) {
    throw new MachineError('bad-configuration', 'The start time is not a number of seconds.');
  }
  placeDrives(configuration.drives);
  checkBootSource(configuration.boot, configuration.memoryBytes);
}

/**
 * Makes a machine that is off. Throws MachineError: a configuration that cannot be, an image that cannot be started, no room
 * in the host. Call dispose when done: the memory is only given back then.
 */
export async function createMachine(configuration: MachineConfiguration, options: MachineOptions): Promise<Machine> {
  const { memoryBytes, cpus, boot } = configuration;
  // The shape is checked first: loaders rely on it.
  const memory = MachineMemory.create({ ramBytes: memoryBytes, cpus, romBytes: romBytesOf(boot) });
  check(configuration);
  const machine = new VirtualMachine(configuration, memory, options);
  await machine.ready;
  return machine;
}

/** The interpreter as the first vCPU of this process compiled it; V8 keeps what it has optimized with it. */
let interpreter: WebAssembly.Module | undefined;

interface Pending {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

class VirtualMachine implements Machine {
  state: MachineState = 'off';
  readonly ready: Promise<void>;
  readonly #listeners = new Set<(event: MachineEvent) => void>();
  readonly #pending = new Map<number, Pending>();
  #nextCall = 1;
  /** Bytes of output that were taken, and the service worker was not told of. */
  #taken = 0;
  #service: Worker | undefined;
  readonly #vcpus: Worker[] = [];
  #disposed: Promise<void> | undefined;
  #memory: MachineMemory | undefined;

  constructor(
    readonly configuration: MachineConfiguration,
    memory: MachineMemory,
    options: MachineOptions,
  ) {
    this.#memory = memory;
    const directory =
      options.workerDirectory instanceof URL ? options.workerDirectory : pathToFileURL(`${options.workerDirectory}/`);
    const entry = (name: string) => fileURLToPath(new URL(name, directory.href.endsWith('/') ? directory : `${directory.href}/`));
    const channels = Array.from({ length: configuration.cpus }, () => new MessageChannel());
    const data: ServiceStart = { memory: memory.memory, configuration, vcpus: channels.map(({ port1 }) => port1) };
    const service = new Worker(entry('service-worker.js'), {
      name: `${configuration.name}: service`,
      workerData: data,
      transferList: data.vcpus,
    });
    this.#service = service;
    this.ready = new Promise((resolve, reject) => {
      service.on('message', (message: FromService) => {
        if (message.kind === 'ready') {
          channels.forEach(({ port2 }, cpu) =>
            this.#startVcpu(entry('vcpu-worker.js'), { memory: memory.memory, configuration, cpu, service: port2, interpreter }),
          );
          resolve();
        } else this.#receive(message);
      });
      service.on('error', (error) => {
        const reason = `Its service worker failed: ${error.message}`;
        this.#fail(reason);
        reject(new MachineError('crashed', `The machine ${configuration.name} could not be made. ${reason}`, { cause: error }));
      });
      service.on('exit', () => this.#fail('Its service worker ended.'));
    });
  }

  #startVcpu(file: string, data: VcpuStart): void {
    const worker = new Worker(file, {
      name: `${this.configuration.name}: vCPU ${data.cpu}`,
      workerData: data,
      transferList: [data.service],
    });
    worker.on('error', (error) =>
      this.#post({ kind: 'vcpuDied', cpu: data.cpu, reason: `The worker of vCPU ${data.cpu} failed: ${error.message}` }),
    );
    worker.on('message', (message: Compiled) => {
      interpreter ??= message.interpreter;
    });
    this.#vcpus.push(worker);
  }

  #post(message: ToService): void {
    this.#service?.postMessage(message);
  }

  /** A message for each piece would cost more than the piece. */
  #took(bytes: number): void {
    this.#taken += bytes;
    if (this.#taken < unreadLimit / 4) return;
    this.#post({ kind: 'taken', bytes: this.#taken });
    this.#taken = 0;
  }

  #receive(message: Exclude<FromService, { kind: 'ready' }>): void {
    switch (message.kind) {
      case 'event': {
        const { event, state } = message;
        this.state = state;
        if (event.kind === 'serial' || event.kind === 'debugConsole') this.#took(event.bytes.length);
        else if (event.kind === 'guard') this.#took(event.alerts.length * alertBytes);
        this.#emit(event);
        return;
      }
      case 'result':
        this.#settle(message.id)?.resolve(message.value);
        return;
      case 'refused': {
        const { code, message: text, stack } = message.error;
        const error = code === undefined ? new Error(text) : new MachineError(code, text);
        if (stack !== undefined && code === undefined) error.stack = stack;
        this.#settle(message.id)?.reject(error);
        return;
      }
    }
  }

  #settle(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    return pending;
  }

  #emit(event: MachineEvent): void {
    for (const listener of [...this.#listeners]) listener(event);
  }

  /** The service worker is gone. */
  #fail(reason: string): void {
    this.#service = undefined;
    for (const { reject } of this.#pending.values())
      reject(new MachineError('crashed', `The machine ${this.configuration.name} is gone. ${reason}`));
    this.#pending.clear();
    if (this.#disposed !== undefined || this.state === 'crashed') return;
    this.state = 'crashed';
    for (const worker of this.#vcpus) void worker.terminate();
    this.#emit({ kind: 'state', state: 'crashed', reason });
  }

  #call<Call extends ServiceCall>(call: Call, argument: ServiceCalls[Call]['argument']): Promise<ServiceCalls[Call]['result']> {
    if (this.#service === undefined || this.#disposed !== undefined) {
      return Promise.reject(new MachineError('wrong-state', `The machine ${this.configuration.name} is gone.`));
    }
    const id = this.#nextCall++;
    return new Promise((resolve, reject) => {
      // The service worker answers a call with that call's result.
      this.#pending.set(id, { resolve: (value) => resolve(value as ServiceCalls[Call]['result']), reject });
      this.#post({ kind: 'call', id, call, argument });
    });
  }

  on(listener: (event: MachineEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  start(options: { paused?: boolean; restore?: string } = {}): Promise<void> {
    return this.#call('start', { paused: options.paused ?? false, restore: options.restore });
  }

  suspend(path: string): Promise<SavedState> {
    return this.#call('suspend', path);
  }

  cancelSuspend(): Promise<void> {
    return this.#call('cancelSuspend', undefined);
  }

  hold(): Promise<void> {
    return this.#call('hold', undefined);
  }

  letGo(): Promise<void> {
    return this.#call('letGo', undefined);
  }

  writeCore(path: string, cpu: number): Promise<WrittenCore> {
    return this.#call('writeCore', { path, cpu });
  }

  cancelCore(): Promise<void> {
    return this.#call('cancelCore', undefined);
  }

  pause(reason?: string): Promise<void> {
    return this.#call('pause', reason);
  }

  resume(): Promise<void> {
    return this.#call('resume', undefined);
  }

  reset(): Promise<void> {
    return this.#call('reset', undefined);
  }

  powerOff(): Promise<void> {
    return this.#call('powerOff', undefined);
  }

  pressPowerButton(): Promise<void> {
    return this.#call('pressPowerButton', undefined);
  }

  input(input: MachineInput): Promise<void> {
    return this.#call('input', input);
  }

  screenshot(output = 0): Promise<Picture> {
    return this.#call('screenshot', output);
  }

  screenText(): Promise<string[] | undefined> {
    return this.#call('screenText', undefined);
  }

  statistics(): Promise<MachineStatistics> {
    return this.#call('statistics', undefined);
  }

  digest(): Promise<string> {
    return this.#call('digest', undefined);
  }

  runUntil(count: number): Promise<void> {
    return this.#call('runUntil', count);
  }

  guard(request: GuardRequest): Promise<GuardState> {
    return this.#call('guard', request);
  }

  display(output = 0): Promise<DisplayEndpoint> {
    return this.#call('display', output);
  }

  displayState(): Promise<DisplayDeviceState> {
    return this.#call('displayState', undefined);
  }

  configureDisplay(properties: DisplayProperties, session: number): Promise<DisplayDeviceState> {
    return this.#call('configureDisplay', { properties, session });
  }

  listenRfb(listening: RfbListening | undefined): Promise<{ address: string; port: number } | undefined> {
    return this.#call('listenRfb', listening);
  }

  answerRfb(viewer: number, answer: RfbAnswer): Promise<void> {
    return this.#call('answerRfb', { viewer, answer });
  }

  awaitFrames(generation: number, milliseconds: number): Promise<boolean> {
    return this.#call('awaitFrames', { generation, milliseconds });
  }

  async debug<Call extends DebugCall>(call: Call, argument: DebugCalls[Call]['argument']): Promise<DebugCalls[Call]['result']> {
    // A call and its own argument: the pair is one of DebugRequest, and what comes back is its result.
    const request = { call, argument } as DebugRequest;
    return (await this.#call('debug', request)) as DebugCalls[Call]['result'];
  }

  smm(): Promise<SmmState> {
    return this.#call('smm', undefined);
  }

  smmEvents(since: number): Promise<SmmEvents> {
    return this.#call('smmEvents', since);
  }

  injectSmi(target: number | 'all', count = 1): Promise<InjectedSmis> {
    return this.#call('injectSmi', { target, count });
  }

  breakOnSmm(when: SmmBreak): Promise<void> {
    return this.#call('breakOnSmm', when);
  }

  readSmram(address: number, length: number): Promise<Uint8Array> {
    return this.#call('readSmram', { address, length });
  }

  smmSaveState(cpu: number): Promise<SmmSaveState> {
    return this.#call('smmSaveState', cpu);
  }

  ask(tool: string, question: unknown): Promise<unknown> {
    return this.#call('ask', { tool, question });
  }

  /**
   * The shared memory, for tools of the same process that look at a machine (its bytes change while it runs). Undefined
   * after dispose.
   */
  get memory(): MachineMemory | undefined {
    return this.#memory;
  }

  dispose(): Promise<void> {
    this.#disposed ??= this.#end();
    return this.#disposed;
  }

  /** Images are closed before the workers go; a service worker that does not answer is not waited for. */
  async #closeDisks(): Promise<void> {
    if (this.#service === undefined || this.configuration.drives === undefined) return;
    const id = this.#nextCall++;
    const closed = new Promise<void>((resolve) => this.#pending.set(id, { resolve: () => resolve(), reject: () => resolve() }));
    this.#post({ kind: 'call', id, call: 'closeDisks', argument: undefined });
    await Promise.race([closed, delay(longestClose, undefined, { ref: false })]);
  }

  async #end(): Promise<void> {
    await this.#closeDisks();
    const workers = [...this.#vcpus, ...(this.#service === undefined ? [] : [this.#service])];
    await Promise.all(workers.map((worker) => worker.terminate()));
    this.#fail('It was disposed of.');
    this.#vcpus.length = 0;
    this.#listeners.clear();
    this.#memory = undefined;
    this.state = 'off';
  }
}
