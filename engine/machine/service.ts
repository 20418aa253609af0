/**
 * The service worker's side of one machine: its state (off, running, paused, crashed), the calls of the main thread, what chips post,
 * timers of the wall clock, and output on its way to the host. One thread; every method runs to its end before the next message.
 */
import { Attention, vcpuState } from '../isa/state.ts';
import { boot } from '../firmware/plan.ts';
import { run, type Protocol, perform } from './atomic-step.ts';
import type { ChipRequest } from './bus.ts';
import { MachineBootContext } from './boot.ts';
import { constructChips, type MachineChips } from './chips.ts';
import { MachineClock, virtualStartTime } from './clock.ts';
import { flushAll, MachineControl } from './control.ts';
import { DeviceLock } from './device-lock.ts';
import { digestParts } from './digest.ts';
import { MachineBus } from './machine-bus.ts';
import { MachineError, type MachineConfiguration, type MachineEvent, type MachineInput, type MachineState, type MachineStatistics } from './machine.ts';
import type { MachineMemory } from './memory.ts';
import type { FromVcpu } from './protocol.ts';
import { runTarget } from './run-target.ts';
import { releaseAll, releaseStop, requestStop, running, stopAll, StopReason } from './stop.ts';
import { readStatistics } from './statistics.ts';

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

interface Waiting {
  resolve(): void;
  reject(error: MachineError): void;
}

export class MachineService {
  readonly memory: MachineMemory;
  readonly control: MachineControl;
  readonly clock: MachineClock;
  readonly bus: MachineBus;
  readonly chips: MachineChips;
  state: MachineState = 'off';
  /** Told of every event, with the state that holds then. */
  onEvent: (event: MachineEvent) => void = () => {};

  readonly #configuration: MachineConfiguration;
  readonly #target;
  #used = false;
  #unread = 0;
  #timer: NodeJS.Timeout | undefined;
  #screenTimer: NodeJS.Timeout | undefined;
  #screen = '';
  #screenChanges = -1;
  #runUntil: Waiting | undefined;
  /** Host milliseconds that the machine has run, up to the last time it stood still; and since when it runs. */
  #ranFor = 0;
  #ranSince: number | undefined;
  /** Input that the chips had no room for. */
  #scancodes: number[] = [];
  #serialInput: number[] = [];
  #feedTimer: NodeJS.Timeout | undefined;

  /** Constructs the chips, which declares their blocks, and seals the directory. The vCPUs' threads may start afterwards. */
  constructor(memory: MachineMemory, configuration: MachineConfiguration) {
    this.memory = memory;
    this.#configuration = configuration;
    this.control = new MachineControl(memory);
    this.clock = new MachineClock(memory);
    this.#target = runTarget(memory);
    for (let cpu = 0; cpu < this.control.cpus; cpu++) run(memory.words, requestStop(this.control.stopWords, cpu, StopReason.power));
    this.control.block.plan = Infinity;
    const lock = new DeviceLock(memory.words, this.control.stopWords, this.control.lockWord, -1);
    this.bus = new MachineBus(memory, this.control, this.clock, lock, {
      // On this thread chips are called in the middle of other work.
      onRequest: (request) => queueMicrotask(() => this.carryOut(-1, request)),
      onOutput: () => queueMicrotask(() => this.drain()),
      onArmed: () => this.#planLater(),
    });
    this.clock.initialise(configuration.clock, this.#startTime());
    this.bus.memory.initialise();
    this.chips = constructChips(this.bus, this.control, configuration);
    memory.directory.seal();
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
    this.#drive(stopAll(this.control.stopWords, reason));
  }

  #release(reason: StopReason): void {
    run(this.memory.words, releaseAll(this.control.stopWords, reason));
  }

  /** Runs `body` while every vCPU stands still, whatever state the machine is in. */
  #whileStopped<Result>(body: () => Result): Result {
    this.#stop(StopReason.service);
    try {
      return body();
    } finally {
      this.#release(StopReason.service);
    }
  }

  #setState(state: MachineState, reason: string): void {
    const wasRunning = this.state === 'running';
    this.state = state;
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
  }

  #require(states: readonly MachineState[], action: string): void {
    if (states.includes(this.state)) return;
    throw new MachineError('wrong-state', `The machine ${this.#configuration.name} is ${this.state}, so it cannot be ${action}.`);
  }

  // Life cycle

  start(options: { paused: boolean }): void {
    this.#require(['off'], 'started');
    if (this.#used) {
      this.memory.ram.fill(0);
      this.memory.vram.fill(0);
      this.memory.pageEpoch.fill(0);
    }
    this.#used = true;
    this.#ranFor = 0;
    this.clock.initialise(this.#configuration.clock, this.#startTime());
    this.#prepare(true);
    if (options.paused) {
      this.#stop(StopReason.pause);
      this.#release(StopReason.power);
      this.#setState('paused', 'Started paused.');
    } else {
      this.clock.resume();
      this.#release(StopReason.power);
      this.#setState('running', 'Started.');
    }
  }

  /** Brings everything to its reset state and loads what the machine starts from. Every vCPU stands still. */
  #prepare(powerOn: boolean): void {
    const { control, bus } = this;
    this.#target.count = 0;
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
    control.requestFlush(flushAll);
    boot(this.#configuration.boot, context);
    control.noteStateReplaced();
    if (this.chips.interruptPending()) control.attend(0, Attention.interrupt);
  }

  pause(): void {
    this.#require(['running', 'paused'], 'paused');
    if (this.state === 'paused') return;
    this.#pauseNow('Paused.');
  }

  #pauseNow(reason: string): void {
    this.#stop(StopReason.pause);
    this.clock.pause();
    this.#giveUpTarget('The machine was paused before it got there.');
    this.#setState('paused', reason);
  }

  resume(): void {
    this.#require(['running', 'paused'], 'resumed');
    if (this.state === 'running') return;
    this.#go('Resumed.');
  }

  #go(reason: string): void {
    this.clock.resume();
    this.#release(StopReason.pause);
    this.#setState('running', reason);
  }

  reset(reason = 'Reset by the user.'): void {
    this.#require(['running', 'paused'], 'reset');
    this.#whileStopped(() => {
      this.#prepare(false);
      for (let cpu = 0; cpu < this.control.cpus; cpu++) run(this.memory.words, releaseStop(this.control.stopWords, cpu, StopReason.request));
    });
    this.#giveUpTarget('The machine was reset before it got there.');
    this.onEvent({ kind: 'reset', reason });
    this.#plan();
  }

  powerOff(reason = 'Switched off by the user.'): void {
    if (this.state === 'off') return;
    this.#require(['running', 'paused'], 'switched off');
    this.#stop(StopReason.power);
    this.clock.pause();
    for (const bit of [StopReason.pause, StopReason.request]) this.#release(bit);
    this.#giveUpTarget('The machine was switched off before it got there.');
    this.#setState('off', reason);
  }

  pressPowerButton(): void {
    this.#require(['running'], 'asked to switch off');
    this.#deviceWork(() => this.chips.pressPowerButton());
  }

  /** The machine cannot go on. Its memory stays for whoever wants to look. */
  crash(reason: string): void {
    if (this.state === 'crashed') return;
    for (let cpu = 0; cpu < this.control.cpus; cpu++) run(this.memory.words, requestStop(this.control.stopWords, cpu, StopReason.power));
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
    if (this.clock.mode !== 'virtual') throw new MachineError('not-supported', 'Only a machine with a virtual clock can run until an exact instruction.');
    this.#require(['running', 'paused'], 'run until an instruction');
    if (this.#runUntil !== undefined) throw new MachineError('wrong-state', 'The machine is on its way to another instruction already.');
    if (!Number.isSafeInteger(count) || count < 1) throw new MachineError('bad-configuration', `${count} is not a count of instructions.`);
    if (this.state === 'running') this.#pauseNow('Paused.');
    const retired = this.clock.instructions();
    if (count < retired) throw new MachineError('wrong-state', `The machine has executed ${retired} instructions already; it cannot go back to ${count}.`);
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
        this.drain();
        this.#runTimers();
        return;
      case 'request':
        return this.carryOut(message.cpu, message.request);
      case 'tripleFault':
        this.onEvent({ kind: 'tripleFault', chain: message.chain });
        return this.carryOut(message.cpu, { kind: 'reset', reason: 'Triple fault.' });
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
      case 'crashed':
        return this.crash(message.reason);
    }
  }

  /** Carries out what a chip posted on vCPU `cpu`'s thread (-1: on this one). */
  carryOut(cpu: number, request: ChipRequest): void {
    if (this.state === 'running' || this.state === 'paused') {
      this.drain();
      switch (request.kind) {
        case 'reset':
          return this.reset(request.reason);
        case 'powerOff':
          return this.powerOff(request.reason);
        case 'debugExit':
          this.onEvent({ kind: 'debugExit', value: request.value });
          return this.powerOff('The guest ended the run through its debug port.');
        case 'smi':
          this.control.attend(request.cpu, Attention.smi);
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
      if (this.state === 'running') this.control.attend(0, Attention.timer);
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
  drain(): void {
    for (const [name, ring] of this.bus.outputs) {
      const kind = this.chips.outputs[name];
      for (;;) {
        if (this.#unread >= unreadLimit) return;
        const bytes = ring.take();
        if (bytes.length === 0) break;
        this.#unread += bytes.length;
        if (kind !== undefined) this.onEvent({ kind, bytes });
      }
    }
  }

  /** The main thread has taken `bytes` of output. */
  taken(bytes: number): void {
    this.#unread -= bytes;
    this.drain();
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
    if (input.kind === 'mouse') {
      // Motion that the mouse does not take is lost, as on the wire.
      this.#deviceWork(() => this.chips.moveMouse(input));
      return;
    }
    const queue = input.kind === 'serial' ? this.#serialInput : this.#scancodes;
    if (queue.length + input.bytes.length > longestInput) {
      throw new MachineError('wrong-state', `The guest does not read its ${input.kind === 'serial' ? 'serial port' : 'keyboard'}; no more input is taken.`);
    }
    for (const byte of input.bytes) queue.push(byte);
    this.#feed();
  }

  #feed(): void {
    clearTimeout(this.#feedTimer);
    this.#feedTimer = undefined;
    if (this.state !== 'running' && this.state !== 'paused') {
      this.#scancodes = [];
      this.#serialInput = [];
    }
    if (this.#scancodes.length === 0 && this.#serialInput.length === 0) return;
    this.#deviceWork(() => {
      if (this.#scancodes.length > 0) this.#scancodes = this.#scancodes.slice(this.chips.typeScancodes(this.#scancodes));
      if (this.#serialInput.length > 0) {
        this.#serialInput = this.#serialInput.slice(this.chips.receiveSerial(Uint8Array.from(this.#serialInput)));
      }
    });
    if (this.#scancodes.length > 0 || this.#serialInput.length > 0) this.#feedTimer = setTimeout(() => this.#feed(), feedInterval);
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
    const shape = this.chips.screenShape();
    const text = JSON.stringify(shape);
    if (text === this.#screen) return;
    this.#screen = text;
    this.onEvent({ kind: 'display', ...shape });
  }

  screenshot(): { width: number; height: number; rgba: Uint8Array } {
    return this.bus.lock.with(() => this.chips.screenshot());
  }

  screenText(): string[] | undefined {
    return this.bus.lock.with(() => this.chips.screenText());
  }

  statistics(): MachineStatistics {
    const since = this.#ranSince === undefined ? 0 : performance.now() - this.#ranSince;
    const views = Array.from({ length: this.control.cpus }, (_, cpu) => this.memory.block(vcpuState, String(cpu)));
    return readStatistics(views, (this.#ranFor + since) / 1000);
  }

  digest(): string {
    this.#require(['paused', 'off', 'crashed'], 'hashed while it changes');
    this.drain();
    return digestParts(this.memory).whole;
  }

  /** Ends all timers of this thread. */
  dispose(): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#feedTimer);
    clearInterval(this.#screenTimer);
    this.#giveUpTarget('The machine was disposed of before it got there.');
  }
}
