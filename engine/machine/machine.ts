/**
 * The face of a machine towards the host. Everything here is called on the main thread and answers by messages from the
 * machine's service worker: the main thread never takes a machine's lock and never waits for one.
 */

import type { ChainedException } from '../cpu/platform.ts';
import type { EpochDecision } from './epochs.ts';
import type { DebugCall, DebugCalls, DebugEvent } from './debug/calls.ts';
import type { InjectedSmis, SaveStateLayout, SmmBreak, SmmEvents, SmmSaveState, SmmState, SmmStatistics } from './smm-face.ts';
import type { DisplayDeviceState, DisplayProperties, RfbAnswer, RfbListening, RfbViewerEvent } from './display-face.ts';
import type { GuardAction, GuardAlert, GuardRequest, GuardState } from './guard-types.ts';

export type ClockMode = 'wall' | 'virtual';

/** What the machine starts from. Bytes are handed over; the host has read and bounded them. */
export type BootSource =
  /** 512 bytes or more, loaded at 0x7C00 in real mode, DL = `drive`. No firmware behind it. */
  | { kind: 'boot-sector'; image: Uint8Array; drive?: number }
  /** Multiboot ELF, or Linux boot protocol (bzImage): told apart by their magic. */
  | {
      kind: 'kernel';
      image: Uint8Array;
      initrd?: Uint8Array;
      commandLine?: string;
      /** Our own firmware, which starts first and enters the kernel with its tables in place. For the Linux boot protocol only. */
      firmware?: { image: Uint8Array; vgaBios?: Uint8Array };
    }
  /** Firmware at the reset vector, with an optional VGA option ROM at 0xC0000. */
  | { kind: 'bios'; image: Uint8Array; vgaBios?: Uint8Array };

/** An image in a drive. */
export interface DriveConfiguration {
  kind: 'floppy' | 'cdrom' | 'disk';
  /** Absolute path of the image on the host. It is opened at power-on and closed when the machine is off. */
  path: string;
  /** Nothing is ever written to the image. CD-ROMs never write. */
  readOnly?: boolean;
  /** What the image is; without it a disk's format is found by its first bytes, and everything else is raw. */
  format?: 'raw' | 'qcow2';
  /** Folders, beside the image's own, in which files behind a qcow2 image may stand. */
  behind?: readonly string[];
}

export interface MachineConfiguration {
  /** Shown in errors and events. */
  name: string;
  cpus: number;
  /** Guest RAM in bytes; a multiple of 1 MiB, from 1 MiB to 3 GiB. */
  memoryBytes: number;
  clock: ClockMode;
  boot: BootSource;
  /** Images in drives: two floppies, four disks and CD-ROMs together. Their places are those of drives.ts. */
  drives?: DriveConfiguration[];
  /** What firmware tries first to last; without it floppy, CD-ROM, disk, as far as there are any. */
  bootOrder?: DriveConfiguration['kind'][];
  /**
   * Whether the guest's kernel is listened to at VMCALL (docs/formats/hypercalls.md; absent: no), and physical ranges that are protected at each
   * power-on and reset.
   */
  guard?: { hypercalls: boolean; ranges?: readonly { address: number; bytes: number; action: GuardAction }[] };
  /** A side of a pair (engine/tolerance): writes to its disks are kept track of, and a secondary's stay in memory. */
  pair?: 'primary' | 'secondary';
  /** RTC at power-on, seconds since 1970; virtual clocks default to a fixed date, wall clocks to the host's. */
  startTime?: number;
  /** A virtio GPU beside the display device, for guests with a driver for it; its scanouts are the same outputs. */
  virtioGpu?: boolean;
  /** Virtio input devices that come and go with whoever looks (absent: yes). Without them there are the i8042's and the display device's registers. */
  virtioInput?: boolean;
  /** What the processors save on entering SMM; `intel32` without it. */
  saveState?: SaveStateLayout;
  /** Our firmware leaves SMRAM unlocked and SMIs off, for a guest that brings a handler of its own. Other firmware decides by itself. */
  guestSmm?: boolean;
}

export type MachineState = 'off' | 'running' | 'paused' | 'crashed';

export type MachineEvent =
  | { kind: 'state'; state: MachineState; reason: string }
  /** Bytes the guest wrote to COM1 / port 0xE9. */
  | { kind: 'serial'; bytes: Uint8Array }
  | { kind: 'debugConsole'; bytes: Uint8Array }
  | { kind: 'debugExit'; value: number }
  | { kind: 'reset'; reason: string }
  /** Writes that the guard caught. */
  | { kind: 'guard'; alerts: GuardAlert[] }
  /** The host could not do what a drive asked; the guest was told that its command failed. */
  | { kind: 'diskError'; drive: string; path: string; reason: string }
  /** A state is being written or read; `done` of `total`, in bytes or pieces. */
  | { kind: 'progress'; activity: 'suspend' | 'resume' | 'core'; done: number; total: number }
  | { kind: 'tripleFault'; chain: ChainedException[] }
  | { kind: 'debug'; event: DebugEvent }
  /** A vCPU has entered or left SMM and Machine.breakOnSmm asked for it; the machine is paused right behind this. */
  | { kind: 'smmBreak'; cpu: number; at: keyof SmmBreak }
  /** The size of what the guest shows changed. */
  | { kind: 'display'; width: number; height: number; text: { columns: number; rows: number } | undefined }
  /** What displayState says is different: outputs, what the guest shows on them, or whether it takes positions. */
  | { kind: 'outputs'; generation: number }
  /** A side of a pair under the virtual clock: an epoch has begun. `differs`: its state was another than the leader's there. */
  | { kind: 'epoch'; decision: EpochDecision; differs: boolean }
  /** A VNC viewer has come, asks something, or is gone. */
  | { kind: 'rfb'; event: RfbViewerEvent };

export interface VcpuStatistics {
  instructions: number;
  /** Times the vCPU came back to JavaScript, by reason (names of Exit). */
  exits: Record<string, number>;
  exceptions: Record<string, number>;
  interrupts: number;
  halted: boolean;
  /** Host seconds asleep for want of work (HLT, waiting for SIPI). */
  idleSeconds: number;
}

export interface MachineStatistics {
  seconds: number;
  instructions: number;
  mips: number;
  exits: Record<string, number>;
  vcpus: VcpuStatistics[];
  smm: SmmStatistics;
}

/** A picture of what the guest shows: RGBA, top row first. */
export interface Picture {
  width: number;
  height: number;
  rgba: Uint8Array;
}

/** Input as it goes to the chips. Scancodes are set 1 with 0xE0 prefixes, as the i8042 delivers them after translation. */
export type MachineInput =
  | { kind: 'scancodes'; bytes: number[] }
  /** Relative motion in counts, y up as PS/2 has it; buttons bit 0 left, 1 right, 2 middle; wheel steps, positive towards the user. */
  | { kind: 'mouse'; dx: number; dy: number; wheel: number; buttons: number }
  | { kind: 'serial'; bytes: Uint8Array }
  /** Absolute position on an output, 0 to 65,535 from its left and upper edge; buttons and wheel as of the mouse, but steps away from the user are positive. */
  | { kind: 'pointer'; output: number; x: number; y: number; buttons: number; wheel: number }
  /** A finger; contacts are numbered from 0. */
  | { kind: 'touch'; output: number; contact: number; phase: 'down' | 'move' | 'up' | 'cancel'; x: number; y: number }
  /** A pen: near or away; pressure 0 (it hovers) to 65,535; the button on its side; turned round, as an eraser. */
  | { kind: 'pen'; output: number; x: number; y: number; near: boolean; pressure: number; button: boolean; eraser: boolean };

/** Where display viewers connect: a loopback WebSocket that speaks RFB, one per scanout. */
export interface DisplayEndpoint {
  /** Path and token included: ws://127.0.0.1:PORT/TOKEN. Not to be logged. */
  url: string;
}

/** What suspend has written. */
export interface SavedState {
  /** Size of the file. */
  bytes: number;
}

/** What writeCore has written. */
export interface WrittenCore {
  /** Size of the file, holes included. */
  readonly bytes: number;
  /** False: the vCPU's paging has too many runs for program headers, and only the physical window is there. */
  readonly hasLinear: boolean;
}

export interface Machine {
  readonly configuration: MachineConfiguration;
  readonly state: MachineState;
  on(listener: (event: MachineEvent) => void): () => void;
  /**
   * Powers on. The machine comes up running, or paused at its first instruction. With `restore`, the path of a saved state, it goes on
   * where that was saved; a state that does not fit is refused with 'bad-state' before anything has happened.
   */
  start(options?: { paused?: boolean; restore?: string }): Promise<void>;
  /** `reason` is a sentence for people. */
  pause(reason?: string): Promise<void>;
  resume(): Promise<void>;
  /**
   * Writes the machine's whole state to a file that must not exist yet, durably, and leaves the machine paused: whoever keeps the
   * file disposes of the machine. When it fails or is cancelled there is no file, and the machine goes on as it did before.
   */
  suspend(path: string): Promise<SavedState>;
  /** Ends a suspend that is under way, which is then refused with 'cancelled'. No effect otherwise. */
  cancelSuspend(): Promise<void>;
  /**
   * Has the machine stand still until `letGo`, for somebody who copies it: whatever is asked in between is of one moment, and nothing changes it. A
   * machine that ran is paused meanwhile. Refused while only some of its vCPUs run, or while it runs to an exact instruction.
   */
  hold(): Promise<void>;
  /** Ends `hold`: a machine that ran goes on. No effect without it. */
  letGo(): Promise<void>;
  /**
   * Writes the memory and the registers of a machine that is held as an ELF64 core (docs/formats/report.md), with the virtual addresses of one
   * vCPU. The file must not exist; there is none when it fails or is cancelled.
   */
  writeCore(path: string, cpu: number): Promise<WrittenCore>;
  /** Ends a core that is being written, which is then refused with 'cancelled'. No effect otherwise. */
  cancelCore(): Promise<void>;
  reset(): Promise<void>;
  /** Pulls the plug; the machine is off afterwards. */
  powerOff(): Promise<void>;
  /** ACPI power button. */
  pressPowerButton(): Promise<void>;
  input(input: MachineInput): Promise<void>;
  /** An output (0 without one) as pixels; and the screen as text rows in a text mode (CP437 decoded to Unicode). */
  screenshot(output?: number): Promise<Picture>;
  screenText(): Promise<string[] | undefined>;
  statistics(): Promise<MachineStatistics>;
  /** SHA-256 over every saved block and all of RAM and VRAM; the machine must be paused or off. */
  digest(): Promise<string>;
  /**
   * Looks at or changes what the guard protects. A change is answered when it is in force: from then on no write to a page added is missed.
   */
  guard(request: GuardRequest): Promise<GuardState>;
  /** virtual clock: runs until exactly `count` instructions have been retired since power-on, then pauses. */
  runUntil(count: number): Promise<void>;
  /** Where viewers of an output connect; 0 without one. */
  display(output?: number): Promise<DisplayEndpoint>;
  displayState(): Promise<DisplayDeviceState>;
  /**
   * The display and its input devices become what these properties say, which `checkRequest` has found good. The guest is told by an interrupt. Done
   * when the guest would read them.
   */
  configureDisplay(properties: DisplayProperties, session: number): Promise<DisplayDeviceState>;
  /** Lets VNC viewers in, until it is called again or the machine is disposed of; undefined: no more. What they do comes as events. */
  listenRfb(listening: RfbListening | undefined): Promise<{ address: string; port: number } | undefined>;
  answerRfb(viewer: number, answer: RfbAnswer): Promise<void>;
  /**
   * Waits until every output that is on shows a picture of its own size, made since this generation. False: not within so many
   * milliseconds, or the properties changed meanwhile.
   */
  awaitFrames(generation: number, milliseconds: number): Promise<boolean>;
  /** Breakpoints, steps, registers and memory; see DebugCalls. */
  debug<Call extends DebugCall>(call: Call, argument: DebugCalls[Call]['argument']): Promise<DebugCalls[Call]['result']>;
  /** System Management Mode: how it is set up, who is in it, figures. */
  smm(): Promise<SmmState>;
  /** What happened since event number `since`, as far as the ring still has it. Disturbs nothing. */
  smmEvents(since: number): Promise<SmmEvents>;
  /**
   * Sends an SMI to one vCPU or to all, `count` times, each behind the entry that the one before has caused. A paused machine takes one, when it
   * goes on.
   */
  injectSmi(target: number | 'all', count?: number): Promise<InjectedSmis>;
  breakOnSmm(when: SmmBreak): Promise<void>;
  /** Bytes of SMRAM, which nothing else shows. Refused outside of SmmState.ranges. */
  readSmram(address: number, length: number): Promise<Uint8Array>;
  /** The save state of a vCPU, decoded. */
  smmSaveState(cpu: number): Promise<SmmSaveState>;
  /** Asks a tool that lives on the service worker (engine/peek has a typed client). 'not-supported': there is none of this name. */
  ask(tool: string, question: unknown): Promise<unknown>;
  /** Ends the workers and frees the memory. Idempotent. */
  dispose(): Promise<void>;
}

/** Every refusal of the engine: a code for programs, a sentence for people. */
export class MachineError extends Error {
  constructor(
    readonly code:
      | 'bad-configuration'
      | 'bad-image'
      | 'too-large'
      | 'wrong-state'
      | 'not-supported'
      | 'no-memory'
      /** A saved state that is damaged, or of another machine or version. */
      | 'bad-state'
      /** The host's disk is full. */
      | 'no-space'
      /** The host could not read or write a file. */
      | 'file-failed'
      | 'cancelled'
      | 'crashed',
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'MachineError';
  }
}
