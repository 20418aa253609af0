/**
 * What the worker of one vCPU does all day: stand still while it is told to, run a slice of instructions, run due timers,
 * sleep in HLT. It never sees its event loop; it is told things through the shared memory and tells the service worker by messages.
 */
import { FlushScope, type Platform } from '../cpu/platform.ts';
import { RunEnd } from '../cpu/vcpu.ts';
import { Attention, vcpuState, type VcpuState } from '../isa/state.ts';
import { run } from './atomic-step.ts';
import type { ChipRequest } from './bus.ts';
import type { MachineClock } from './clock.ts';
import type { MachineControl } from './control.ts';
import type { LateDisk } from './disks.ts';
import type { MachineBus } from './machine-bus.ts';
import type { MachineMemory } from './memory.ts';
import type { FromVcpu } from './protocol.ts';
import { runTarget } from './run-target.ts';
import { acquireExclusivity, enterQuiescence, leaveQuiescence, obeyStop, releaseExclusivity, requestStop, StopReason } from './stop.ts';

/** What executes instructions: processor.ts; unit tests have a smaller one. */
export interface Processor {
  /** Executes exactly `maximum` instructions, or fewer when something comes up that RunEnd names. */
  run(maximum: number): RunEnd;
  /** Instructions retired since power-on, exact also in the middle of an instruction that accesses a chip. */
  retired(): number;
  /** The vCPU block was written by somebody else: derive everything from it anew. */
  synchronise(): void;
  /** True when an interrupt that is pending now would end HLT. */
  interruptible(): boolean;
}

/** The interpreter has to come back now and then, or V8 never replaces it by its optimized version. */
const slice = 1_000_000;
/** Milliseconds after which a sleeper looks again, whatever happened to who should have woken it. */
const longestSleep = 1000;

export interface VcpuParts {
  readonly cpu: number;
  readonly memory: MachineMemory;
  readonly control: MachineControl;
  readonly clock: MachineClock;
  readonly bus: MachineBus;
  interruptPending(): boolean;
  acknowledgeInterrupt(): number;
  send(message: FromVcpu): void;
}

/** The machine as engine/cpu sees it, on the thread of one vCPU. */
export function platformOf(parts: VcpuParts): Platform {
  const { cpu, memory, control, clock, bus } = parts;
  const width = (size: number): 1 | 2 | 4 => (size === 1 ? 1 : size === 2 ? 2 : 4);
  const beginExclusive = () => {
    if (control.cpus > 1) run(control.words, acquireExclusivity(control.stopWords, cpu));
  };
  const endExclusive = () => {
    if (control.cpus > 1) run(control.words, releaseExclusivity(control.stopWords, cpu));
  };
  return {
    memory: memory.memory,
    pageRead: memory.pageRead,
    pageWrite: memory.pageWrite,
    pageFlags: memory.pageFlags,
    pageEpoch: memory.pageEpoch,
    currentEpoch: () => control.currentEpoch(),
    mmioRead: (address, size) => bus.mmioRead(address, width(size)),
    mmioWrite: (address, size, value) => bus.mmioWrite(address, width(size), value),
    portRead: (port, size) => bus.portRead(port, width(size)),
    portWrite: (port, size, value) => {
      bus.portWrite(port, width(size), value);
      // The thread waits for room behind this instruction, see VcpuThread.turn.
      if (bus.congested() !== undefined) control.attend(cpu, Attention.timer);
    },
    interruptPending: () => parts.interruptPending(),
    acknowledgeInterrupt: () => bus.lock.with(() => (parts.interruptPending() ? parts.acknowledgeInterrupt() : -1)),
    now: () => clock.now(),
    timestamp: () => clock.timestamp(),
    // The writer has dropped its own records; the others drop theirs before their next block.
    codeWritten: () => {
      if (control.cpus > 1) control.requestFlush(FlushScope.code, cpu);
    },
    codeMarked: () => {
      if (control.cpus > 1) control.requestFlush(FlushScope.writes, cpu);
    },
    flushScope: () => control.takeFlushScope(cpu),
    tripleFault: (chain) => {
      run(control.words, requestStop(control.stopWords, cpu, StopReason.request));
      parts.send({ kind: 'tripleFault', cpu, chain: chain.map((entry) => ({ ...entry })) });
    },
    exclusive: (body) => {
      beginExclusive();
      try {
        body();
      } finally {
        endExclusive();
      }
    },
    beginExclusive,
    endExclusive,
  };
}

/** BusHooks.onRequest on a vCPU's thread: the vCPU stands still at its next block until the service worker has acted. */
export function postRequest(parts: Pick<VcpuParts, 'cpu' | 'control' | 'send'>, request: ChipRequest): void {
  run(parts.control.words, requestStop(parts.control.stopWords, parts.cpu, StopReason.request));
  parts.send({ kind: 'request', cpu: parts.cpu, request });
}

export class VcpuThread {
  readonly #parts: VcpuParts;
  readonly #processor: Processor;
  readonly #state: VcpuState;
  readonly #attention: number;
  readonly #target;
  #generation = -1;

  constructor(parts: VcpuParts, processor: Processor) {
    this.#parts = parts;
    this.#processor = processor;
    this.#state = parts.memory.block(vcpuState, String(parts.cpu));
    this.#attention = parts.control.attentionWord(parts.cpu);
    this.#target = runTarget(parts.memory);
    parts.clock.instructions = () => processor.retired();
  }

  /** Runs until the thread is ended from outside. The vCPU is QUIESCENT when called, and again if an exception leaves this. */
  loop(): never {
    const { control, cpu } = this.#parts;
    run(control.words, leaveQuiescence(control.stopWords, cpu));
    try {
      for (;;) this.turn();
    } finally {
      run(control.words, enterQuiescence(control.stopWords, cpu));
    }
  }

  /** One turn of the loop: RUNNING before and after, unless an exception leaves it. */
  turn(): void {
    const { control, cpu, bus, clock } = this.#parts;
    const attention = Atomics.load(control.words, this.#attention);
    if ((attention & Attention.stop) !== 0) {
      run(control.words, obeyStop(control.stopWords, cpu));
      return;
    }
    const generation = control.stateGeneration();
    if (generation !== this.#generation) {
      this.#generation = generation;
      this.#processor.synchronise();
    }
    if (this.#awaitRoom()) return;
    if ((attention & Attention.timer) !== 0) Atomics.and(control.words, this.#attention, ~Attention.timer);
    const flush = control.flushTarget();
    let budget = slice;
    const deadline = bus.timers.next();
    if (deadline !== Infinity && deadline <= clock.now()) {
      const late = bus.disks.late();
      if (late === undefined) bus.runDueTimers();
      else this.#awaitDisk(late);
      return;
    }
    if (clock.mode === 'virtual') {
      if (deadline !== Infinity) budget = Math.min(budget, Math.ceil(deadline - clock.now()));
      const target = this.#target.count;
      if (target !== 0) {
        const left = target - this.#processor.retired();
        if (left <= 0) return this.#arrive();
        budget = Math.min(budget, left);
      }
    }
    const end = this.#processor.run(budget);
    // A run handles the flush that was asked for before it, whatever ended it.
    control.acknowledgeFlush(cpu, flush);
    switch (end) {
      case RunEnd.budget:
      case RunEnd.timer:
        return;
      case RunEnd.stop:
        return run(control.words, obeyStop(control.stopWords, cpu));
      case RunEnd.halted:
      case RunEnd.waitForSipi:
      case RunEnd.shutdown:
        return this.#halt();
    }
  }

  /** Virtual clock: the moment at which a request is to be done has come, and the host is not done with it. Time stands still. */
  #awaitDisk(late: LateDisk): void {
    const { control, cpu } = this.#parts;
    run(control.words, enterQuiescence(control.stopWords, cpu));
    Atomics.wait(control.words, late.word, late.value, longestSleep);
    run(control.words, leaveQuiescence(control.stopWords, cpu));
  }

  /**
   * A full ring makes the vCPU wait until the consumer has taken something: nothing is dropped, and no chip has to wait. It waits between two
   * instructions, since whoever stops it meanwhile wants to see a state that can be saved or replaced. True: it waited, look at everything anew.
   */
  #awaitRoom(): boolean {
    const { bus, control, cpu } = this.#parts;
    const ring = bus.congested();
    if (ring === undefined) return false;
    const taken = Atomics.load(control.words, ring.takenWord);
    run(control.words, enterQuiescence(control.stopWords, cpu));
    if (ring.congested) Atomics.wait(control.words, ring.takenWord, taken, longestSleep);
    run(control.words, leaveQuiescence(control.stopWords, cpu));
    return true;
  }

  /** runUntil has come to its end. */
  #arrive(missed?: string): void {
    const { control, cpu, send } = this.#parts;
    this.#target.count = 0;
    run(control.words, requestStop(control.stopWords, cpu, StopReason.pause));
    send({ kind: 'reached', cpu, missed });
  }

  /** HLT, waiting for SIPI, shutdown: asleep until there is something to do. */
  #halt(): void {
    const { bus, clock, control, cpu } = this.#parts;
    const { words, stopWords } = control;
    if (this.#wakes()) return;
    const deadline = bus.timers.next();
    if (clock.mode === 'virtual') {
      if (deadline !== Infinity) return clock.skipTo(deadline);
      if (this.#target.count !== 0) return this.#arrive(`The guest halted for good after ${this.#processor.retired()} instructions.`);
    }
    run(words, enterQuiescence(stopWords, cpu));
    // The bit is taken back before the request is looked at, so that a request that comes later changes the word.
    Atomics.and(words, this.#attention, ~Attention.interrupt);
    const seen = Atomics.load(words, this.#attention);
    if (!this.#wakes()) {
      const nanoseconds = deadline === Infinity ? Infinity : deadline - clock.now();
      if (nanoseconds > 0) Atomics.wait(words, this.#attention, seen, Math.min(longestSleep, nanoseconds / 1e6));
    }
    if (this.#parts.interruptPending()) Atomics.or(words, this.#attention, Attention.interrupt);
    run(words, leaveQuiescence(stopWords, cpu));
  }

  /** True when the processor has to look at something before it may sleep. */
  #wakes(): boolean {
    const { control } = this.#parts;
    const attention = Atomics.load(control.words, this.#attention);
    if ((attention & ~(Attention.interrupt | Attention.flush | Attention.step)) !== 0) return true;
    return this.#parts.interruptPending() && this.#processor.interruptible();
  }

  /** For unit tests and statistics. */
  get state(): VcpuState {
    return this.#state;
  }
}
