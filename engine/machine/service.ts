/**
 * The service worker's side of one machine: its state (off, running, paused, crashed), the calls of the main thread, what chips post,
 * timers of the wall clock, and output on its way to the host. One thread; every method runs to its end before the next message.
 */
import { Attention, vcpuState } from '../isa/state.ts';
import { boot } from '../firmware/plan.ts';
import { declareRequestBlocks } from '../peek/request-block.ts';
import { alertStream } from '../guard/alert.ts';
import { decodeAlerts } from '../guard/decode.ts';
import { GuardService } from '../guard/guard-service.ts';
import { run, type Protocol, perform } from './atomic-step.ts';
import type { ChipRequest } from './bus.ts';
import { MachineBootContext } from './boot.ts';
import { writeCore } from './core/write-core.ts';
import { CpuState } from '../cpu/registers.ts';
import { constructChips, type MachineChips } from './chips.ts';
import { MachineClock, virtualStartTime } from './clock.ts';
import { flushAll, MachineControl } from './control.ts';
import { MachineDebugger, snapshot } from './debug/machine-debugger.ts';
import { DeviceLock } from './device-lock.ts';
import { EpochGate } from './epoch-gate.ts';
import { DiskService, type OpenImage } from './disk-service.ts';
import { digestParts } from './digest.ts';
import { openDriveImage } from './drive-image.ts';
import { placeDrives } from './drives.ts';
import { GracePeriods } from './grace-period.ts';
import { mostOutputs, type DisplayDeviceState, type DisplayProperties } from './display-face.ts';
import type { GuardRequest, GuardState } from './guard-types.ts';
import { MachineBus } from './machine-bus.ts';
import {
  MachineError,
  type MachineConfiguration,
  type MachineEvent,
  type MachineInput,
  type MachineState,
  type MachineStatistics,
  type SavedState,
  type WrittenCore,
} from './machine.ts';
import type { MachineMemory } from './memory.ts';
import type { FromVcpu } from './protocol.ts';
import { checkState } from './restore.ts';
import { runTarget } from './run-target.ts';
import type { Following, SavedHeader } from './saved-state.ts';
import { releaseAll, releaseStop, requestStop, running, stopBetweenInstructions, StopReason } from './stop.ts';
import { readStatistics } from './statistics.ts';
import { VcpuUsage } from './usage.ts';
import { saveMachine } from './suspend.ts';
import { SystemManagement } from '../smm/system-management.ts';
import type { SmmMachine } from '../smm/inspection.ts';
import type { SmmBreak } from './smm-face.ts';

/** A vCPU that does not stand still after this many milliseconds never will. */
const longestStop = 20_000;
/** Output that the main thread has not taken yet is limited to this; then the rings fill and the guest waits. */
const unreadLimit = 1 << 20;
/** How often the size of the screen is looked at, in milliseconds. */
const screenInterval = 100;
/** Milliseconds after which timers are looked at again in any case. */
const longestTimeout = 1000;
/** Bytes of input that may wait for the guest, and how often they are offered again, in milliseconds. */
const longestInput = 1 << 20;
const feedInterval = 10;
/** How often it is looked whether the guest has drawn, in milliseconds, while somebody waits for that. */
const frameInterval = 2;
/** Milliseconds for which alerts of the guard are gathered on their way to the host. */
const alertInterval = 2;

/** Milliseconds between two events about a suspend's progress. */
const progressInterval = 100;

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

interface Waiting {
  resolve(): void;
  reject(error: MachineError): void;
}

export class MachineService {
  readonly memory: MachineMemory;
  readonly control: MachineControl;
  readonly grace: GracePeriods;
  readonly clock: MachineClock;
  readonly bus: MachineBus;
  readonly chips: MachineChips;
  readonly disks: DiskService;
  readonly debug: MachineDebugger;
  readonly smm: SystemManagement;
  readonly #guard: GuardService;
  /** Of a side of a pair under the virtual clock. */
  readonly epochs: EpochGate | undefined;
  state: MachineState = 'off';
  /** Told of every event, with the state that holds then. */
  onEvent: (event: MachineEvent) => void = () => {};

  readonly #configuration: MachineConfiguration;
  readonly #target;
  readonly #usage;
  #used = false;
  #unread = 0;
  #timer: NodeJS.Timeout | undefined;
  #screenTimer: NodeJS.Timeout | undefined;
  #screen = '';
  #screenChanges = -1;
  #outputs = '';
  #runUntil: Waiting | undefined;
  /** A state is being written or read: nothing else may happen to the machine. */
  #busy: 'suspended' | 'resumed' | 'copied' | 'synchronized' | undefined;
  /** Why it is in its state. */
  #reason = '';
  /** While somebody copies the machine: whether it ran before, and why. */
  #held: { wasRunning: boolean; reason: string } | undefined;
  /** The machine ran when the transfer of its state began. */
  #ranBeforeTransfer = false;
  #cancelled = false;
  #carryingOut = false;
  #poweringOff: Promise<void> | undefined;
  /** Host milliseconds that the machine has run, up to the last time it stood still; and since when it runs. */
  #ranFor = 0;
  /** What the next resume says. */
  #resumeReason = 'Resumed.';
  #ranSince: number | undefined;
  /** Input that the chips had no room for. */
  #scancodes: number[] = [];
  #serialInput: number[] = [];
  #feedTimer: NodeJS.Timeout | undefined;
  #alertTimer: NodeJS.Timeout | undefined;

  /** Constructs the chips, which declares their blocks, and seals the directory. The vCPUs' threads may start afterwards. */
  constructor(
    memory: MachineMemory,
    configuration: MachineConfiguration,
    openImage: OpenImage = (drive) => openDriveImage(drive, `machine ${configuration.name}`),
  ) {
    this.memory = memory;
    this.#configuration = configuration;
    this.control = new MachineControl(memory);
    this.grace = new GracePeriods((generation) => this.control.flushPassed(generation));
    this.clock = new MachineClock(memory);
    this.#target = runTarget(memory);
    this.#usage = Array.from({ length: memory.shape.cpus }, (_, cpu) => new VcpuUsage(memory, cpu));
    for (let cpu = 0; cpu < this.control.cpus; cpu++)
      run(memory.words, requestStop(this.control.stopWords, cpu, StopReason.power));
    this.control.block.plan = Infinity;
    const lock = new DeviceLock(memory.words, this.control.stopWords, this.control.lockWord, -1);
    this.bus = new MachineBus(memory, this.control, this.clock, lock, {
      // On this thread chips are called in the middle of other work.
      onRequest: (request) => queueMicrotask(() => this.carryOut(-1, request)),
      onOutput: () => queueMicrotask(() => this.drain(false)),
      onDisk: () => queueMicrotask(() => this.disks.look()),
      onArmed: () => this.#planLater(),
    });
    this.clock.initialise(configuration.clock, this.#startTime());
    this.control.takingTurns = this.control.cpus > 1 && configuration.clock === 'virtual';
    this.bus.memory.initialise();
    this.smm = new SystemManagement(memory, this.control);
    this.chips = constructChips(this.bus, this.control, configuration, (cpu, cause) => void this.smm.send(cpu, cause));
    this.debug = new MachineDebugger({
      name: configuration.name,
      memory,
      control: this.control,
      bus: this.bus,
      state: () => this.state,
      whileStopped: (body) => this.#whileStopped(body),
      pause: (reason) => this.#pauseNow(reason),
      go: (reason, options) => this.#go(reason, options),
      tripleFaultReset: (cpu) => this.carryOut(cpu, { kind: 'reset', reason: 'Triple fault.' }),
      onEvent: (event) => this.onEvent({ kind: 'debug', event }),
    });
    declareRequestBlocks(memory);
    this.#guard = new GuardService(memory, this.control, this.bus, (body) => this.#whileStopped(body));
    memory.directory.seal();
    this.disks = new DiskService(configuration.drives ?? [], this.bus.disks, lock, openImage, {
      isRunning: () => this.state === 'running',
      isVirtual: () => this.clock.mode === 'virtual',
      onEvent: (event) => this.onEvent(event),
    });
    if (configuration.pair !== undefined && configuration.clock === 'virtual') {
      this.epochs = new EpochGate(
        {
          memory,
          control: this.control,
          isRunning: () => this.state === 'running' && this.#busy === undefined,
          isQuiet: () => this.bus.timers.next() === Infinity,
          interruptPending: (cpu) => this.chips.interruptPending(cpu),
          apply: (inputs) => {
            for (const input of inputs) this.#give(input);
            this.#offer();
          },
          began: (decision, differs) => {
            this.drain();
            this.onEvent({ kind: 'epoch', decision, differs });
          },
        },
        configuration.pair === 'primary',
      );
    }
  }

  #startTime(): number {
    const { startTime, clock } = this.#configuration;
    return startTime ?? (clock === 'virtual' ? virtualStartTime : Math.floor(Date.now() / 1000));
  }

  // Stopping

  /** Runs a protocol that waits for vCPUs; gives up on one that is gone. */
  #drive(protocol: Protocol): void {
    const end = performance.now() + longestStop;
    let next = protocol.next(0);
    while (next.done !== true) {
      if (next.value.op === 'wait' && performance.now() > end) {
        throw new MachineError('crashed', 'A virtual CPU does not stand still any more.');
      }
      next = protocol.next(perform(this.memory.words, next.value));
    }
  }

  #stop(reason: StopReason): void {
    this.#drive(stopBetweenInstructions(this.control.stopWords, reason));
  }

  #release(reason: StopReason): void {
    run(this.memory.words, releaseAll(this.control.stopWords, reason));
  }

  /** Runs `body` while every vCPU stands still between two instructions, whatever state the machine is in. */
  whileStopped<Result>(body: () => Result): Result {
    return this.#whileStopped(body);
  }

  #whileStopped<Result>(body: () => Result): Result {
    this.#stop(StopReason.service);
    try {
      return body();
    } finally {
      this.#release(StopReason.service);
    }
  }

  /** `isTold`: whoever debugs it hears that it stands still. */
  #setState(state: MachineState, reason: string, isTold = true): void {
    const wasRunning = this.state === 'running';
    this.state = state;
    this.#reason = reason;
    const now = performance.now();
    if (wasRunning && this.#ranSince !== undefined) {
      this.#ranFor += now - this.#ranSince;
      this.#ranSince = undefined;
    }
    if (state === 'running') this.#ranSince = now;
    this.drain();
    this.#watchScreen();
    this.#plan();
    this.onEvent({ kind: 'state', state, reason });
    if (state === 'paused' && isTold) this.debug.paused();
  }

  #require(states: readonly MachineState[], action: string): void {
    if (this.#busy !== undefined && !this.#carryingOut) {
      throw new MachineError(
        'wrong-state',
        `The machine ${this.#configuration.name} is being ${this.#busy}, so it cannot be ${action} now.`,
      );
    }
    if (states.includes(this.state)) return;
    throw new MachineError('wrong-state', `The machine ${this.#configuration.name} is ${this.state}, so it cannot be ${action}.`);
  }

  // Life cycle

  /** Images, if the machine has any, were opened before (`disks.open`). */
  start(options: { paused: boolean }): void {
    this.#require(['off'], 'started');
    this.#clear();
    this.#prepare(true);
    this.#comeUp(options.paused, options.paused ? 'Started paused.' : 'Started.');
  }

  /** Memory and clock of power-on. */
  #clear(): void {
    if (this.#used) {
      this.memory.ram.fill(0);
      this.memory.vram.fill(0);
      this.memory.scanoutMemory.fill(0);
      this.memory.guardPages.fill(0);
      this.memory.pageEpoch.fill(0);
    }
    this.#used = true;
    this.#ranFor = 0;
    this.smm.clear();
    this.clock.initialise(this.#configuration.clock, this.#startTime());
  }

  #comeUp(paused: boolean, reason: string): void {
    if (paused) {
      this.#stop(StopReason.pause);
      this.#release(StopReason.power);
      this.#setState('paused', reason);
    } else {
      this.clock.resume();
      this.#release(StopReason.power);
      this.#setState('running', reason);
      this.disks.deliver();
    }
  }

  /** Brings everything to its reset state and loads what the machine starts from. Every vCPU stands still. */
  #prepare(powerOn: boolean): void {
    this.#guard.reset(powerOn);
    const context = this.#resetAll(powerOn);
    this.epochs?.arm();
    boot(this.#configuration.boot, context);
    // What the loader wrote is what is protected.
    for (const range of this.#configuration.guard?.ranges ?? []) this.#guard.protectAtReset(range);
    this.control.noteStateReplaced();
    this.#offerInterrupts();
  }

  #offerInterrupts(): void {
    for (let cpu = 0; cpu < this.control.cpus; cpu++) {
      if (this.chips.interruptPending(cpu)) this.control.attend(cpu, Attention.interrupt);
    }
  }

  #resetAll(powerOn: boolean): MachineBootContext {
    const { control, bus } = this;
    this.#target.count = 0;
    this.debug.stateReplaced();
    const context = new MachineBootContext(this.memory, bus, this.chips);
    for (let cpu = 0; cpu < control.cpus; cpu++) {
      context.resetProcessor(cpu, powerOn);
      // What was asked of the processor before is void; its caches are stale, and a stop may be on its way.
      Atomics.store(this.memory.words, control.attentionWord(cpu), Attention.flush | Attention.stop);
    }
    // After the processors: under the virtual clock their counters are the time.
    bus.lock.with(() => {
      bus.timers.clear();
      bus.memory.reset();
      this.chips.reset();
    });
    this.smm.rederive();
    control.turn.holder = 0;
    control.turn.left = 0;
    Atomics.store(this.memory.words, control.word('timekeeper'), 0);
    control.block.timekeeperDeadline = Infinity;
    control.requestFlush(flushAll);
    return context;
  }

  // Suspend and resume

  /** See Machine.suspend. */
  async suspend(path: string): Promise<SavedState> {
    this.#require(['running', 'paused'], 'suspended');
    const faulted = this.debug.heldTripleFault;
    if (faulted !== undefined) {
      throw new MachineError(
        'wrong-state',
        `vCPU ${faulted} of the machine ${this.#configuration.name} stands at a triple fault, which a kept state could not hold; let it go on or switch it off first.`,
      );
    }
    const wasRunning = this.state === 'running';
    if (wasRunning) this.#pauseNow('Being suspended.');
    this.#busy = 'suspended';
    this.#cancelled = false;
    clearTimeout(this.#feedTimer);
    try {
      await this.#settle();
      const { memory, bus } = this;
      this.smm.keepPending();
      let bytes: number;
      try {
        bytes = await saveMachine(
          {
            memory,
            configuration: this.#configuration,
            romUsed: bus.memory.romUsed,
            scancodes: this.#scancodes,
            serialInput: this.#serialInput,
            ranFor: this.#ranFor,
            drives: this.#drives(),
          },
          path,
          this.#follow('suspend'),
        );
      } finally {
        this.smm.restorePending();
      }
      this.#busy = undefined;
      this.#feed();
      return { bytes };
    } catch (error) {
      this.#busy = undefined;
      this.#feed();
      // Nothing of it changed the machine. If it is off or crashed by now, that was its own doing.
      if (wasRunning && this.state === 'paused') this.#go('Goes on: it was not suspended.');
      throw error;
    }
  }

  cancelSuspend(): void {
    if (this.#busy === 'suspended') this.#cancelled = true;
  }

  /** Until nothing of the machine is under way outside of its memory: what chips asked for, output, requests of drives. */
  async #settle(flush = true): Promise<void> {
    const end = performance.now() + longestStop;
    for (;;) {
      this.drain();
      const asked = this.#isAsked();
      const full = this.bus.outputs.some((ring) => !ring.empty);
      if (!asked && !full) break;
      if (performance.now() > end)
        throw new MachineError('crashed', 'The machine does not come to rest, so it cannot be suspended.');
      await nextTurn();
    }
    // Switching off with images to be closed takes its time.
    await this.#poweringOff;
    // A state that is durable must not be ahead of its disks.
    if (flush) await this.disks.flush();
    else await this.disks.settle();
    this.#check();
  }

  /** Ends a suspend or resume that was cancelled, or whose machine changed its state by itself. */
  #check(): void {
    if (this.#cancelled) throw new MachineError('cancelled', 'The suspend was cancelled; the machine is as it was.');
    const expected = this.#busy === 'resumed' ? 'off' : 'paused';
    if (this.state !== expected)
      throw new MachineError(
        'wrong-state',
        `The machine ${this.#configuration.name} is ${this.state} by now, so it was not ${this.#busy ?? 'suspended'}.`,
      );
  }

  #follow(activity: 'suspend' | 'resume' | 'core'): Following {
    let told = 0;
    return {
      check: () => this.#check(),
      progress: (done, total) => {
        const now = performance.now();
        if (now - told < progressInterval && done !== total) return;
        told = now;
        this.onEvent({ kind: 'progress', activity, done, total });
      },
    };
  }

  /** The images in drives, as a saved state names them. */
  #drives(): SavedHeader['drives'] {
    return [...placeDrives(this.#configuration.drives)].map(([position, { kind }]) => ({
      position,
      kind,
      bytes: this.bus.disks.entries.get(position)?.bytes ?? 0,
    }));
  }

  /** Goes on where a saved state was left. The machine stays off, and can be started, when this throws. */
  async restore(path: string, options: { paused: boolean }): Promise<void> {
    this.#require(['off'], 'resumed');
    this.#busy = 'resumed';
    this.#cancelled = false;
    try {
      const following = this.#follow('resume');
      const state = await checkState(path, this.memory, this.#configuration, this.#drives(), following);
      try {
        this.#clear();
        this.#guard.reset(true);
        this.#resetAll(true);
        await state.apply(following);
        this.#guard.stateReplaced();
      } finally {
        await state.close();
      }
      const { header } = state;
      this.bus.lock.with(() => {
        this.bus.stateReplaced();
        // A wall clock's guest finds the calendar right; all other time goes on where it stopped.
        if (this.clock.mode === 'wall') this.chips.passTime(Math.max(0, Math.floor((Date.now() - header.savedAt) / 1000)));
      });
      // Nobody can tell any more which pages were written since which epoch: all of them were.
      this.memory.pageEpoch.fill(this.control.currentEpoch());
      this.control.noteStateReplaced();
      this.smm.restorePending();
      this.smm.rederive();
      this.#offerInterrupts();
      this.#ranFor = header.ranFor;
      this.#scancodes = state.scancodes;
      this.#serialInput = state.serialInput;
      this.#busy = undefined;
      this.#resumeReason = state.bootChanged ? 'Resumed. What it starts from has changed; that counts from the next reset on.' : 'Resumed.';
      this.#comeUp(options.paused, this.#resumeReason);
      if (!options.paused) this.#resumeReason = 'Resumed.';
      this.#feed();
    } finally {
      this.#busy = undefined;
    }
  }

  // Copying

  /** See Machine.hold. */
  async hold(): Promise<void> {
    this.#require(['running', 'paused', 'crashed'], 'copied');
    if (this.debug.someRun || this.#runUntil !== undefined) {
      const why = this.debug.someRun ? 'only some of its processors run' : 'it runs to an exact instruction';
      throw new MachineError(
        'wrong-state',
        `The machine ${this.#configuration.name} cannot be copied now, because ${why}; pause it first.`,
      );
    }
    const wasRunning = this.state === 'running';
    const reason = this.#reason;
    // Nobody who debugs it hears of this stop: it is not theirs, and over before they could look.
    if (wasRunning) this.#pauseNow('Stands still while it is copied.', false);
    this.#busy = 'copied';
    this.#cancelled = false;
    this.#held = { wasRunning, reason };
    clearTimeout(this.#feedTimer);
    try {
      // What chips asked for is carried out before anybody looks.
      while (this.state !== 'crashed' && this.#isAsked(this.debug.heldTripleFault)) await nextTurn();
      if (this.state === 'off')
        throw new MachineError('wrong-state', `The machine ${this.#configuration.name} is off by now, so it was not copied.`);
    } catch (error) {
      this.letGo();
      throw error;
    }
  }

  /** Whether a chip waits for what it has asked for. `except`: a vCPU whose reset is put off until a person lets it go. */
  #isAsked(except?: number): boolean {
    const { cpus, stopWords } = this.control;
    return Array.from({ length: cpus }, (_, cpu) => Atomics.load(this.memory.words, stopWords.stop(cpu))).some(
      (word, cpu) => cpu !== except && (word & StopReason.request) !== 0,
    );
  }

  letGo(): void {
    const held = this.#held;
    if (held === undefined) return;
    this.#held = undefined;
    this.#busy = undefined;
    this.#feed();
    if (!held.wasRunning || this.state !== 'paused') return;
    const stop = this.debug.stopsFor();
    if (stop === undefined) this.#go(held.reason);
    else this.#setState('paused', stop);
  }

  /** See Machine.writeCore. */
  async writeCore(path: string, cpu: number): Promise<WrittenCore> {
    if (this.#held === undefined) throw new MachineError('wrong-state', 'A core is written of a machine that is held.');
    const states = Array.from(
      { length: this.control.cpus },
      (_, number) => new CpuState(this.memory.buffer, this.memory.directory.open(vcpuState, String(number))),
    );
    const state = states[cpu];
    if (state === undefined) throw new MachineError('bad-configuration', `There is no virtual CPU ${cpu}.`);
    const { state: before } = this;
    const vcpus = states.map((each, number) => snapshot(number, each));
    const { progress } = this.#follow('core');
    const check = (): void => {
      if (this.#cancelled) throw new MachineError('cancelled', 'The core was cancelled; nothing of it is left.');
      if (this.#held === undefined || this.state !== before)
        throw new MachineError('wrong-state', `The machine ${this.#configuration.name} changed while it was copied.`);
    };
    this.#cancelled = false;
    return writeCore({ memory: this.memory, vcpus, state, cpu }, path, { progress, check });
  }

  cancelCore(): void {
    if (this.#busy === 'copied') this.#cancelled = true;
  }

  // Transfer of the state to and from the other side of a pair (engine/tolerance)

  /**
   * Stands still, with nothing under way and no output untold, until `endTransfer`. A second call changes nothing. `epoch`: where, see EpochGate.standAt.
   */
  async beginTransfer(epoch?: { at: number | undefined; within: number }): Promise<void> {
    const isHeld = () => this.#busy === 'synchronized';
    if (isHeld()) return;
    this.#require(['running', 'paused'], 'held');
    if (epoch !== undefined && this.state === 'running') {
      await this.epochs?.standAt(epoch.at, epoch.within);
      this.epochs?.letGo();
      if (isHeld()) return;
    }
    this.#ranBeforeTransfer = this.state === 'running';
    if (this.#ranBeforeTransfer) this.#pauseNow('Held for a resync.');
    this.#busy = 'synchronized';
    this.#cancelled = false;
    clearTimeout(this.#feedTimer);
    try {
      await this.#settle(false);
      this.smm.keepPending();
    } catch (error) {
      this.endTransfer();
      throw error;
    }
  }

  /** Ends `beginTransfer`. Runs on if it ran before, or as `run` says. */
  endTransfer(run = this.#ranBeforeTransfer): void {
    if (this.#busy !== 'synchronized') return;
    this.smm.restorePending();
    this.#busy = undefined;
    this.#feed();
    if (run && this.state === 'paused') this.#go('Resynchronized.');
    this.epochs?.look();
  }

  /** What of a held machine's state is neither block nor area: copies, since it is written down when the machine runs again and takes input. */
  get heldInput(): { scancodes: readonly number[]; serialInput: readonly number[]; ranFor: number } {
    return { scancodes: [...this.#scancodes], serialInput: [...this.#serialInput], ranFor: Math.round(this.#ranFor) };
  }

  /** Replaces the state of a held machine; `body` writes blocks and areas. */
  replaceState(body: () => void, input: { scancodes: readonly number[]; serialInput: readonly number[]; ranFor: number }): void {
    if (this.#busy !== 'synchronized') throw new MachineError('wrong-state', 'Only the state of a machine that is held can be replaced.');
    this.debug.stateReplaced();
    body();
    this.#guard.stateReplaced();
    this.bus.lock.with(() => this.bus.stateReplaced());
    this.control.noteStateReplaced();
    this.smm.rederive();
    this.#offerInterrupts();
    this.#ranFor = input.ranFor;
    this.#scancodes = [...input.scancodes];
    this.#serialInput = [...input.serialInput];
  }

  pause(reason = 'Paused.'): void {
    this.#require(['running', 'paused'], 'paused');
    if (this.state === 'paused') return;
    this.#pauseNow(reason);
  }

  #pauseNow(reason: string, isTold = true): void {
    this.#stop(StopReason.pause);
    this.clock.pause();
    this.#giveUpTarget('The machine was paused before it got there.');
    this.#setState('paused', reason, isTold);
  }

  resume(): void {
    this.#require(['running', 'paused'], 'resumed');
    if (this.state === 'running' && !this.debug.someRun) return;
    if (this.state === 'paused' && this.debug.holdsBack()) return;
    this.debug.allRun();
    this.#go(this.#resumeReason);
    this.#resumeReason = 'Resumed.';
  }

  #go(reason: string, { cpus, inTime = true }: { cpus?: readonly number[]; inTime?: boolean } = {}): void {
    if (inTime) this.clock.resume();
    if (cpus === undefined) this.#release(StopReason.pause);
    else for (const cpu of cpus) run(this.memory.words, releaseStop(this.control.stopWords, cpu, StopReason.pause));
    this.#setState('running', reason);
    this.disks.deliver();
  }

  reset(reason = 'Reset by the user.'): void {
    this.#require(['running', 'paused'], 'reset');
    this.#whileStopped(() => {
      this.#prepare(false);
      for (let cpu = 0; cpu < this.control.cpus; cpu++)
        run(this.memory.words, releaseStop(this.control.stopWords, cpu, StopReason.request));
    });
    this.#giveUpTarget('The machine was reset before it got there.');
    this.onEvent({ kind: 'reset', reason });
    this.#plan();
  }

  /** Done when the machine is off, which it is when its images are closed. */
  powerOff(reason = 'Switched off by the user.'): Promise<void> {
    if (this.state === 'off') return Promise.resolve();
    if (this.#poweringOff !== undefined) return this.#poweringOff;
    this.#require(['running', 'paused'], 'switched off');
    this.#stop(StopReason.power);
    this.clock.pause();
    for (const bit of [StopReason.pause, StopReason.request]) this.#release(bit);
    this.#giveUpTarget('The machine was switched off before it got there.');
    if (!this.disks.any) {
      this.#setState('off', reason);
      return Promise.resolve();
    }
    this.#poweringOff = this.disks.close().then(() => {
      this.#poweringOff = undefined;
      this.#setState('off', reason);
    });
    return this.#poweringOff;
  }

  pressPowerButton(): void {
    this.#require(['running'], 'asked to switch off');
    this.#deviceWork(() => this.chips.pressPowerButton());
  }

  /** The machine cannot go on. Its memory stays for whoever wants to look. */
  crash(reason: string): void {
    if (this.state === 'crashed') return;
    for (let cpu = 0; cpu < this.control.cpus; cpu++)
      run(this.memory.words, requestStop(this.control.stopWords, cpu, StopReason.power));
    this.clock.pause();
    this.#giveUpTarget(`The machine crashed: ${reason}`);
    this.#setState('crashed', reason);
  }

  /** A vCPU's thread ended without a word: it counts as quiescent, and the lock it may have held is free again. */
  vcpuDied(cpu: number, reason: string): void {
    const { words } = this.memory;
    Atomics.and(words, this.control.stopWords.stop(cpu), ~running);
    Atomics.notify(words, this.control.stopWords.stop(cpu));
    Atomics.store(words, this.control.lockWord, 0);
    Atomics.notify(words, this.control.lockWord);
    this.crash(reason);
  }

  runUntil(count: number): Promise<void> {
    if (this.clock.mode !== 'virtual')
      throw new MachineError('not-supported', 'Only a machine with a virtual clock can run until an exact instruction.');
    this.#require(['running', 'paused'], 'run until an instruction');
    if (this.#runUntil !== undefined)
      throw new MachineError('wrong-state', 'The machine is on its way to another instruction already.');
    if (!Number.isSafeInteger(count) || count < 1)
      throw new MachineError('bad-configuration', `${count} is not a count of instructions.`);
    if (this.state === 'running') this.#pauseNow('Paused.');
    const retired = this.clock.instructions();
    if (count < retired)
      throw new MachineError(
        'wrong-state',
        `The machine has executed ${retired} instructions already; it cannot go back to ${count}.`,
      );
    if (count === retired) return Promise.resolve();
    this.#target.count = count;
    const done = new Promise<void>((resolve, reject) => {
      this.#runUntil = { resolve, reject };
    });
    this.#go(`Running until instruction ${count}.`);
    return done;
  }

  #giveUpTarget(why: string): void {
    this.#target.count = 0;
    const waiting = this.#runUntil;
    this.#runUntil = undefined;
    waiting?.reject(new MachineError('wrong-state', why));
  }

  // What vCPUs and chips say

  fromVcpu(message: FromVcpu): void {
    switch (message.kind) {
      case 'ready':
        return;
      case 'wake':
        this.control.answerDoorbell();
        this.drain(false);
        this.disks.look();
        this.#runTimers();
        return;
      case 'request':
        return this.carryOut(message.cpu, message.request);
      case 'tripleFault':
        this.onEvent({ kind: 'tripleFault', chain: message.chain });
        if (this.debug.tripleFault(message.cpu)) return;
        return this.carryOut(message.cpu, { kind: 'reset', reason: 'Triple fault.' });
      case 'debug':
        return this.debug.fromVcpu(message.cpu, message.message);
      case 'reached': {
        const waiting = this.#runUntil;
        this.#runUntil = undefined;
        if (this.state !== 'running') return;
        this.#stop(StopReason.pause);
        this.clock.pause();
        this.#setState('paused', message.missed ?? 'Reached the instruction.');
        if (message.missed === undefined) waiting?.resolve();
        else waiting?.reject(new MachineError('wrong-state', message.missed));
        return;
      }
      case 'epochEnd':
        this.epochs?.look();
        return;
      case 'smmBreak':
        if (this.state === 'running') {
          this.onEvent({ kind: 'smmBreak', cpu: message.cpu, at: message.at });
          this.#pauseNow(`vCPU ${message.cpu} has ${message.at === 'entry' ? 'entered' : 'left'} System Management Mode.`);
        }
        // Paused by now, by this or by somebody else: that holds it.
        run(this.memory.words, releaseStop(this.control.stopWords, message.cpu, StopReason.debug));
        return;
      case 'crashed':
        return this.crash(message.reason);
    }
  }

  /** Carries out what a chip posted on vCPU `cpu`'s thread (-1: on this one). */
  carryOut(cpu: number, request: ChipRequest): void {
    // What the machine itself asks for is part of its state, so it comes before a suspend.
    this.#carryingOut = true;
    try {
      this.#carryOut(cpu, request);
    } finally {
      this.#carryingOut = false;
    }
  }

  #carryOut(cpu: number, request: ChipRequest): void {
    if (this.state === 'running' || this.state === 'paused') {
      this.drain();
      switch (request.kind) {
        case 'reset':
          return this.reset(request.reason);
        case 'powerOff':
          void this.powerOff(request.reason);
          return;
        case 'pause':
          if (this.state === 'running') this.#pauseNow(request.reason);
          break;
        case 'debugExit':
          this.onEvent({ kind: 'debugExit', value: request.value });
          void this.powerOff('The guest ended the run through its debug port.');
          return;
        case 'smi':
          this.smm.send(cpu >= 0 ? cpu : 0, request.cause);
          break;
      }
    }
    if (cpu >= 0) run(this.memory.words, releaseStop(this.control.stopWords, cpu, StopReason.request));
  }

  // Time

  #planning = false;

  /** Many timers may be armed in a row. */
  #planLater(): void {
    if (this.#planning) return;
    this.#planning = true;
    queueMicrotask(() => {
      this.#planning = false;
      this.#plan();
    });
  }

  #plan(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.clock.mode === 'virtual') {
      // The vCPU runs the timers itself, at exact instructions; it has to hear of what was armed here.
      if (this.state === 'running') this.control.attend(this.control.turn.holder, Attention.timer);
      return;
    }
    const deadline = this.state === 'running' ? this.bus.timers.next() : Infinity;
    this.control.block.plan = deadline;
    if (deadline === Infinity) return;
    this.#timer = setTimeout(() => this.#runTimers(), Math.min(longestTimeout, Math.max(0, (deadline - this.clock.now()) / 1e6)));
  }

  #runTimers(): void {
    if (this.state !== 'running' || this.clock.mode === 'virtual') return;
    this.bus.runDueTimers();
    this.#plan();
  }

  // Output and input

  /** Hands the output of chips to the main thread, as far as it keeps up. */
  drain(alertsNow = true): void {
    for (const ring of this.bus.outputs) {
      const { name } = ring;
      if (name === alertStream && !alertsNow && !ring.congested) {
        // Many come together; the vCPU says so of the first only, so what waits costs it nothing.
        if (!ring.empty) this.#alertTimer ??= setTimeout(() => this.drain(), alertInterval);
        continue;
      }
      const kind = this.chips.outputs[name];
      for (;;) {
        if (this.#unread >= unreadLimit) return;
        if (name === alertStream) {
          clearTimeout(this.#alertTimer);
          this.#alertTimer = undefined;
        }
        const bytes = ring.take();
        if (bytes.length === 0) break;
        this.#unread += bytes.length;
        if (kind !== undefined) this.onEvent({ kind, bytes });
        else if (name === alertStream) this.onEvent({ kind: 'guard', alerts: decodeAlerts(bytes) });
      }
    }
  }

  /** The main thread has taken `bytes` of output. */
  taken(bytes: number): void {
    this.#unread -= bytes;
    this.drain(false);
  }

  /** Work on chips from here: under the lock, and under the virtual clock while no vCPU runs, so that time is exact. */
  #deviceWork(body: () => void): void {
    if (this.clock.mode === 'virtual') this.#whileStopped(() => this.bus.lock.with(body));
    else this.bus.lock.with(body);
    this.#plan();
  }

  /** Input that a chip has no room for waits here; more than a person could mean is refused. */
  input(input: MachineInput): void {
    this.#require(['running', 'paused'], 'given input');
    if (this.epochs !== undefined)
      throw new MachineError('wrong-state', `The machine ${this.#configuration.name} is a side of a pair, and takes input between two epochs only.`);
    if ('bytes' in input && this.#queueOf(input).length + input.bytes.length > longestInput) {
      throw new MachineError(
        'wrong-state',
        `The guest does not read its ${input.kind === 'serial' ? 'serial port' : 'keyboard'}; no more input is taken.`,
      );
    }
    this.#give(input);
    this.#feed();
  }

  #queueOf({ kind }: MachineInput): number[] {
    return kind === 'serial' ? this.#serialInput : this.#scancodes;
  }

  #give(input: MachineInput): void {
    if (input.kind === 'mouse') {
      // Motion that the mouse does not take is lost, as on the wire.
      this.#deviceWork(() => this.chips.moveMouse(input));
      return;
    }
    if (input.kind === 'pointer' || input.kind === 'touch' || input.kind === 'pen') {
      this.requireOutput(input.output);
      this.#deviceWork(() => {
        if (input.kind === 'pointer') this.chips.point(input);
        else if (input.kind === 'touch') this.chips.touch(input);
        else this.chips.pen(input);
      });
      return;
    }
    const queue = this.#queueOf(input);
    for (const byte of input.bytes) queue.push(byte);
  }

  #feed(): void {
    clearTimeout(this.#feedTimer);
    this.#feedTimer = undefined;
    // Between two epochs, see above.
    if (this.#busy !== undefined || this.epochs !== undefined) return;
    if (this.state !== 'running' && this.state !== 'paused') {
      this.#scancodes = [];
      this.#serialInput = [];
    }
    this.#offer();
    if (this.#scancodes.length > 0 || this.#serialInput.length > 0)
      this.#feedTimer = setTimeout(() => this.#feed(), feedInterval);
  }

  /** What waits is offered to the chips. */
  #offer(): void {
    if (this.#scancodes.length === 0 && this.#serialInput.length === 0) return;
    this.#deviceWork(() => {
      if (this.#scancodes.length > 0) this.#scancodes = this.#scancodes.slice(this.chips.typeScancodes(this.#scancodes));
      if (this.#serialInput.length > 0) {
        this.#serialInput = this.#serialInput.slice(this.chips.receiveSerial(Uint8Array.from(this.#serialInput)));
      }
    });
  }

  /** See Machine.guard. */
  changeGuard(request: GuardRequest): Promise<GuardState> {
    // A look is as good in every state, and while somebody copies the machine.
    if (request.kind !== 'look') this.#require(['running', 'paused'], 'guarded');
    return this.#guard.perform(request);
  }

  // Looking

  #watchScreen(): void {
    clearInterval(this.#screenTimer);
    this.#screenTimer = undefined;
    if (this.state !== 'running' && this.state !== 'paused') return;
    this.#lookAtScreen();
    this.#screenTimer = setInterval(() => this.#lookAtScreen(), screenInterval);
  }

  /** Says so when the size of what the guest shows has changed. */
  #lookAtScreen(): void {
    const changes = this.control.displayChanges();
    if (changes === this.#screenChanges) return;
    this.#screenChanges = changes;
    const { generation, takesPositions, devices, outputs } = this.displayState();
    const uses = JSON.stringify([generation, takesPositions, devices, outputs.map(({ use, shown, right, refusal }) => [use, shown, right, refusal])]);
    if (uses !== this.#outputs) {
      this.#outputs = uses;
      this.onEvent({ kind: 'outputs', generation });
    }
    const shape = this.chips.screenShape();
    const text = JSON.stringify(shape);
    if (text === this.#screen) return;
    this.#screen = text;
    this.onEvent({ kind: 'display', ...shape });
  }

  requireOutput(output: number): void {
    if (Number.isInteger(output) && output >= 0 && output < mostOutputs) return;
    throw new MachineError('bad-configuration', `There is no output ${output}: they are numbered from 0 to ${mostOutputs - 1}.`);
  }

  displayState(): DisplayDeviceState {
    return this.bus.lock.with(() => this.chips.displayState());
  }

  /** See Machine.configureDisplay. */
  configureDisplay(properties: DisplayProperties, session: number): DisplayDeviceState {
    this.#require(['running', 'paused'], 'given another display');
    this.#deviceWork(() => this.chips.configureDisplay(properties, session));
    this.#lookAtScreen();
    return this.displayState();
  }

  /** See Machine.awaitFrames. */
  async awaitFrames(generation: number, milliseconds: number): Promise<boolean> {
    const end = performance.now() + milliseconds;
    for (;;) {
      const { generation: now, outputs } = this.displayState();
      if (now !== generation) return false;
      if (outputs.every(({ properties, right }) => properties === undefined || right)) return true;
      if (performance.now() >= end || (this.state !== 'running' && this.state !== 'paused')) return false;
      await new Promise((resolve) => setTimeout(resolve, frameInterval));
    }
  }

  screenshot(output = 0): { width: number; height: number; rgba: Uint8Array } {
    this.requireOutput(output);
    return this.bus.lock.with(() => this.chips.screenshot(output));
  }

  screenText(): string[] | undefined {
    return this.bus.lock.with(() => this.chips.screenText());
  }

  statistics(): MachineStatistics {
    const since = this.#ranSince === undefined ? 0 : performance.now() - this.#ranSince;
    const views = Array.from({ length: this.control.cpus }, (_, cpu) => this.memory.block(vcpuState, String(cpu)));
    const idle = this.#usage.map(({ idleSeconds }) => idleSeconds);
    return readStatistics(views, idle, (this.#ranFor + since) / 1000, this.smm.statistics());
  }

  /** What the host's calls about SMM work on. */
  get smmMachine(): SmmMachine {
    const { memory, smm } = this;
    return {
      name: this.#configuration.name,
      memory,
      map: this.bus.memory,
      smm,
      layout: this.#configuration.saveState ?? 'intel32',
      smramControl: () => this.bus.lock.with(() => this.chips.smramControl()),
      state: () => this.state,
      send: (cpu) => {
        this.#require(['running', 'paused'], 'sent an SMI');
        const send = () => smm.send(cpu, 'injected');
        return this.clock.mode === 'virtual' ? this.#whileStopped(send) : send();
      },
    };
  }

  breakOnSmm(when: SmmBreak): void {
    this.smm.breakOn = when;
  }

  digest(): string {
    this.#require(['paused', 'off', 'crashed'], 'hashed while it changes');
    this.drain();
    return digestParts(this.memory).whole;
  }

  /** Ends all timers of this thread. */
  dispose(): void {
    this.grace.dispose();
    clearTimeout(this.#timer);
    clearTimeout(this.#feedTimer);
    clearTimeout(this.#alertTimer);
    clearInterval(this.#screenTimer);
    this.#giveUpTarget('The machine was disposed of before it got there.');
  }
}
