/**
 * What the threads of a machine send each other. The main thread talks to the service worker only; a vCPU's worker, which never sees its
 * event loop while it runs, has a port to the service worker and is told things through the shared memory.
 */
import type { MessagePort } from 'node:worker_threads';
import type { ChipRequest } from './bus.ts';
import type { ChainedException } from '../cpu/platform.ts';
import type { DebugRequest } from './debug/calls.ts';
import type { FromDebugger } from './debug/shared.ts';
import type { InjectedSmis, SmmBreak, SmmEvents, SmmSaveState, SmmState } from './smm-face.ts';
import type {
  DisplayEndpoint,
  MachineConfiguration,
  MachineError,
  MachineEvent,
  MachineInput,
  MachineState,
  MachineStatistics,
  Picture,
  SavedState,
  WrittenCore,
} from './machine.ts';
import type { DisplayDeviceState, DisplayProperties, RfbAnswer, RfbListening } from './display-face.ts';
import type { GuardRequest, GuardState } from './guard-types.ts';

/** Given to each worker at its start (workerData). */
export interface ServiceStart {
  memory: WebAssembly.Memory;
  configuration: MachineConfiguration;
  /** Ports to the vCPUs' workers, by number. */
  vcpus: MessagePort[];
}

export interface VcpuStart {
  memory: WebAssembly.Memory;
  configuration: MachineConfiguration;
  cpu: number;
  service: MessagePort;
  /** The interpreter, if this process has compiled it before. */
  interpreter: WebAssembly.Module | undefined;
}

/** From a vCPU's worker to the main thread: what it compiled, for the next one. */
export interface Compiled {
  interpreter: WebAssembly.Module;
}

/** Calls of the main thread, with what each takes and gives. */
export interface ServiceCalls {
  start: { argument: { paused: boolean; restore: string | undefined }; result: void };
  suspend: { argument: string; result: SavedState };
  cancelSuspend: { argument: undefined; result: void };
  hold: { argument: undefined; result: void };
  letGo: { argument: undefined; result: void };
  writeCore: { argument: { path: string; cpu: number }; result: WrittenCore };
  cancelCore: { argument: undefined; result: void };
  pause: { argument: string | undefined; result: void };
  resume: { argument: undefined; result: void };
  reset: { argument: undefined; result: void };
  powerOff: { argument: undefined; result: void };
  pressPowerButton: { argument: undefined; result: void };
  input: { argument: MachineInput; result: void };
  screenshot: { argument: number; result: Picture };
  screenText: { argument: undefined; result: string[] | undefined };
  statistics: { argument: undefined; result: MachineStatistics };
  digest: { argument: undefined; result: string };
  runUntil: { argument: number; result: void };
  guard: { argument: GuardRequest; result: GuardState };
  /** The machine is about to be disposed of: images are closed. */
  closeDisks: { argument: undefined; result: void };
  display: { argument: number; result: DisplayEndpoint };
  displayState: { argument: undefined; result: DisplayDeviceState };
  configureDisplay: { argument: { properties: DisplayProperties; session: number }; result: DisplayDeviceState };
  listenRfb: { argument: RfbListening | undefined; result: { address: string; port: number } | undefined };
  answerRfb: { argument: { viewer: number; answer: RfbAnswer }; result: void };
  awaitFrames: { argument: { generation: number; milliseconds: number }; result: boolean };
  ask: { argument: { tool: string; question: unknown }; result: unknown };
  /** See DebugCalls: the result is that of the call in it. */
  debug: { argument: DebugRequest; result: unknown };
  smm: { argument: undefined; result: SmmState };
  smmEvents: { argument: number; result: SmmEvents };
  injectSmi: { argument: { target: number | 'all'; count: number }; result: InjectedSmis };
  breakOnSmm: { argument: SmmBreak; result: void };
  readSmram: { argument: { address: number; length: number }; result: Uint8Array };
  smmSaveState: { argument: number; result: SmmSaveState };
}

export type ServiceCall = keyof ServiceCalls;

/** Bytes of output that the main thread may not have taken yet; with more the rings fill and the guest waits. */
export const unreadLimit = 1 << 20;

export type ToService =
  | { kind: 'call'; id: number; call: ServiceCall; argument: unknown }
  /** The main thread has taken this many bytes of output. Not said of each: a part of `unreadLimit` may be owed. */
  | { kind: 'taken'; bytes: number }
  /** A vCPU's worker has died outside of its own control. */
  | { kind: 'vcpuDied'; cpu: number; reason: string };

export interface TransportedError {
  code: MachineError['code'] | undefined;
  message: string;
  stack: string | undefined;
}

export type FromService =
  /** Chips are constructed and the directory of blocks is sealed: the vCPUs' workers may start. */
  | { kind: 'ready' }
  | { kind: 'result'; id: number; value: unknown }
  | { kind: 'refused'; id: number; error: TransportedError }
  | { kind: 'event'; event: MachineEvent; state: MachineState };

/** From a vCPU's worker to the service worker. */
export type FromVcpu =
  /** The worker is there and stands still. */
  | { kind: 'ready'; cpu: number }
  /** There is output to drain or a deadline to plan for. */
  | { kind: 'wake' }
  /** A chip posted something on this vCPU's thread; the vCPU stands still until it is done (StopReason.request). */
  | { kind: 'request'; cpu: number; request: ChipRequest }
  | { kind: 'tripleFault'; cpu: number; chain: ChainedException[] }
  | { kind: 'debug'; cpu: number; message: FromDebugger }
  /** runUntil has come to its end; the vCPU stands still (StopReason.pause). `missed`: why it never will. */
  | { kind: 'reached'; cpu: number; missed?: string }
  /** The epoch has ended (epochs.ts); the vCPU stands still (StopReason.epoch). */
  | { kind: 'epochEnd'; cpu: number }
  /** The vCPU has entered or left SMM, and stands still (StopReason.pause) since somebody wanted to know. */
  | { kind: 'smmBreak'; cpu: number; at: keyof SmmBreak }
  /** The thread cannot go on; its vCPU is quiescent for good. */
  | { kind: 'crashed'; cpu: number; reason: string };
