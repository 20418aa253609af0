/**
 * What the worker of one vCPU does all day: stand still while it is told to, run a slice of instructions, run due timers,
 * sleep in HLT. It never sees its event loop; it is told things through the shared memory and tells the service worker by messages.
 */
import type { Platform } from '../cpu/platform.ts';
import type { LocalApics } from '../cpu/apic/local-apic.ts';
import { Flag } from '../cpu/flags.ts';
import { Activity } from '../cpu/reset.ts';
import { RunEnd } from '../cpu/vcpu.ts';
import { Attention, vcpuState, type VcpuState } from '../isa/state.ts';
import { run } from './atomic-step.ts';
import type { ChipRequest } from './bus.ts';
import { codeCoherence } from './code-coherence.ts';
import type { MachineClock } from './clock.ts';
import type { MachineControl } from './control.ts';
import type { VcpuDebugger } from './debug/vcpu-debugger.ts';
import { saveStateMaps } from '../cpu/smm/save-state.ts';
import type { SystemManagement } from '../smm/system-management.ts';
import type { SaveStateLayout, SmmBreak } from './smm-face.ts';
import type { LateDisk } from './disks.ts';
import type { MachineBus } from './machine-bus.ts';
import type { MachineMemory } from './memory.ts';
import type { OutputNotice } from './output-notice.ts';
import type { FromVcpu } from './protocol.ts';
import { pauseSleep, type PauseLoop } from './pause-loop.ts';
import { VcpuUsage } from './usage.ts';
import { runTarget } from './run-target.ts';
import {
  acquireExclusivity,
  enterQuiescence,
  leaveQuiescence,
  releaseExclusivity,
  requestStop,
  StopReason,
} from './stop.ts';
import { nextTurn, turnInstructions } from './turns.ts';

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
  /** Saves the state and goes on in SMM; the vCPU is a member of the rendezvous. */
  enterSystemManagementMode(): void;
}

/** The interpreter has to come back now and then, or V8 never replaces it by its optimized version. */
const slice = 1_000_000;
/** Under the wall clock a slice ends near the next deadline, but is never shorter: some 30 microseconds. */
const shortestSlice = 10_000;
/** In which output is gathered before anybody hears of it. */
const gatheringSlice = 4000;
/** Instructions in a nanosecond, rather too few: what is left up to a deadline is cut once more. */
const instructionsPerNanosecond = 0.25;
/** What wakes a vCPU whatever it does, or at least has to be looked at. */
const asynchronous = Attention.nmi | Attention.smi | Attention.init | Attention.sipi;
/** Guest nanoseconds that a spin takes when vCPUs take turns. */
const pauseTime = 1000;
/** Milliseconds after which a sleeper looks again, whatever happened to who should have woken it. */
const longestSleep = 1000;

export interface VcpuParts {
  readonly cpu: number;
  readonly memory: MachineMemory;
  readonly control: MachineControl;
  readonly clock: MachineClock;
  readonly bus: MachineBus;
  /** Whether `cpu` (absent: this vCPU) has an interrupt to take. No lock. */
  interruptPending(cpu?: number): boolean;
  acknowledgeInterrupt(): number;
  /** Absent with one vCPU: nobody to give way to. */
  readonly pauses?: PauseLoop;
  /** Absent only in unit tests. */
  readonly output?: OutputNotice;
  /** Absent only in unit tests. */
  readonly apics?: LocalApics;
  /** Absent only in unit tests. */
  readonly smm?: SystemManagement;
  readonly saveState?: SaveStateLayout | undefined;
  /** Absent only in unit tests. */
  readonly debug?: VcpuDebugger;
  send(message: FromVcpu): void;
}

/** The machine as engine/cpu sees it, on the thread of one vCPU. */
export function platformOf(parts: VcpuParts): Platform {
  const { cpu, memory, control, clock, bus, pauses, smm } = parts;
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
    a20: () => bus.memory.a20,
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
    acknowledgeInterrupt: () => (parts.interruptPending() ? parts.acknowledgeInterrupt() : -1),
    localApic: parts.apics === undefined ? undefined : { apics: parts.apics, cpu },
    now: () => clock.now(),
    timestamp: () => clock.timestamp(),
    systemManagement:
      smm === undefined
        ? undefined
        : {
            cpu,
            map: saveStateMaps[parts.saveState ?? 'intel32'],
            io: smm.io,
            due: () => smm.due(cpu),
            shutdown: (reason) => postRequest(parts, { kind: 'reset', reason }),
          },
    smram: smm === undefined ? undefined : bus.memory.smramView(smm.words.view),
    coherence: codeCoherence(memory, control, cpu),
    pause:
      pauses === undefined
        ? undefined
        : () => {
            if (pauses.spin(clock.retired[cpu]?.() ?? 0, control.takingTurns)) control.attend(cpu, Attention.timer);
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
  readonly #states: VcpuState[];
  readonly #attention: number;
  readonly #target;
  readonly #usage;
  /** Under the virtual clock: whether this vCPU may become a member of those in SMM. */
  readonly #hasTurn: (() => boolean) | undefined;
  #generation = -1;

  constructor(parts: VcpuParts, processor: Processor) {
    this.#parts = parts;
    this.#processor = processor;
    this.#states = Array.from({ length: parts.control.cpus }, (_, cpu) => parts.memory.block(vcpuState, String(cpu)));
    this.#attention = parts.control.attentionWord(parts.cpu);
    this.#target = runTarget(parts.memory);
    this.#usage = new VcpuUsage(parts.memory, parts.cpu);
    parts.clock.retired[parts.cpu] = () => processor.retired();
    const { smm, control, cpu } = parts;
    this.#hasTurn = control.takingTurns ? () => control.turn.holder === cpu : undefined;
    // Under the virtual clock a vCPU that stands still for others gives its turn away.
    if (smm !== undefined && control.takingTurns) smm.onHeld = () => void this.#passTurn();
  }

  /** Runs until the thread is ended from outside. The vCPU is QUIESCENT when called, and again if an exception leaves this. */
  loop(): never {
    this.#stand();
    try {
      for (;;) this.turn();
    } finally {
      this.#quiesce();
    }
  }

  /** Stands still, and owes nobody a word meanwhile. */
  #quiesce(): void {
    const { control, cpu, output } = this.#parts;
    output?.tell();
    run(control.words, enterQuiescence(control.stopWords, cpu));
  }

  /** As leaveQuiescence, between two instructions: a vCPU that is stopped because others are in SMM still accepts SMIs. */
  #stand(): void {
    const { control, cpu, smm } = this.#parts;
    if (smm === undefined) run(control.words, leaveQuiescence(control.stopWords, cpu));
    else smm.stand(cpu, this.#hasTurn);
  }

  /** At a poll that found Attention.stop. */
  #obeyStop(): void {
    const { control } = this.#parts;
    // The bit goes first: a request that comes later sets it again.
    Atomics.and(control.words, this.#attention, ~Attention.stop);
    this.#quiesce();
    this.#stand();
  }

  /** The vCPU has an SMI to take, or has executed RSM. */
  #systemManagement(smm: SystemManagement): void {
    const { cpu, output } = this.#parts;
    // Others may be waited for.
    output?.tell();
    if (smm.endsVisit(cpu) && smm.resumed(cpu)) return this.#pauseForSmm('exit');
    if (smm.enters(cpu)) {
      smm.enter(cpu);
      this.#processor.enterSystemManagementMode();
      if (smm.entered(cpu)) this.#pauseForSmm('entry');
    } else smm.leave(cpu, this.#hasTurn);
  }

  /**
   * Somebody wants to know: the vCPU stands still before its next instruction, and the service worker pauses the machine. The reason is
   * not that of the pause, which is taken back and set again while others have to come out of an instruction.
   */
  #pauseForSmm(at: keyof SmmBreak): void {
    const { control, cpu, send } = this.#parts;
    run(control.words, requestStop(control.stopWords, cpu, StopReason.debug));
    send({ kind: 'smmBreak', cpu, at });
  }

  /** One turn of the loop: RUNNING before and after, unless an exception leaves it. */
  turn(): void {
    const { control, cpu, bus, clock } = this.#parts;
    const attention = Atomics.load(control.words, this.#attention);
    if ((attention & Attention.stop) !== 0) {
      return this.#obeyStop();
    }
    if (control.takingTurns && control.turn.holder !== cpu) return this.#awaitTurn();
    const generation = control.stateGeneration();
    if (generation !== this.#generation) {
      this.#generation = generation;
      this.#processor.synchronise();
    }
    const { smm } = this.#parts;
    if (smm?.due(cpu) === true) return this.#systemManagement(smm);
    if (this.#awaitRoom()) return;
    // What was changed while it stood still is looked at anew.
    if (this.#parts.pauses?.due === true && !control.takingTurns) return this.#giveWay();
    const { debug } = this.#parts;
    debug?.follow();
    if ((attention & Attention.timer) !== 0) Atomics.and(control.words, this.#attention, ~Attention.timer);
    let budget = slice;
    let deadline = bus.timers.next();
    if (deadline !== Infinity && deadline <= clock.now()) {
      const late = bus.disks.late();
      if (late !== undefined) return this.#awaitDisk(late);
      bus.runDueTimers();
      if (clock.mode === 'virtual') return;
      deadline = bus.timers.next();
    }
    if (clock.mode === 'wall' && deadline !== Infinity) {
      // The guest gets on whatever the deadline: a period may be shorter than serving it takes.
      budget = Math.min(slice, Math.max(shortestSlice, Math.ceil((deadline - clock.now()) * instructionsPerNanosecond)));
    }
    if (clock.mode === 'virtual') {
      if (deadline !== Infinity) budget = Math.min(budget, Math.ceil(deadline - clock.now()));
      const target = this.#target.count;
      if (target !== 0) {
        const left = target - clock.instructions();
        if (left <= 0) return this.#arrive();
        budget = Math.min(budget, left);
      }
      const { time } = this.#target;
      if (time !== 0) {
        const left = time - clock.now();
        if (left <= 0) return this.#endEpoch();
        budget = Math.min(budget, left);
      }
    }
    if (this.#parts.output?.gathers() === true) budget = Math.min(budget, gatheringSlice);
    const steps = debug?.steps ?? 0;
    if (steps > 0) budget = Math.min(budget, steps);
    const before = steps > 0 ? this.#processor.retired() : 0;
    const end = control.takingTurns ? this.#runTurn(budget) : this.#processor.run(budget);
    this.#parts.output?.ran();
    if (debug !== undefined && (end === RunEnd.debug || (steps > 0 && debug.stepped(this.#processor.retired() - before))))
      this.#stopForDebugger(debug);
    switch (end) {
      case RunEnd.budget:
      case RunEnd.timer:
      case RunEnd.debug:
        return;
      case RunEnd.systemManagement:
        // A debugger's stop comes first.
        if (smm !== undefined && (Atomics.load(control.words, this.#attention) & Attention.stop) === 0) this.#systemManagement(smm);
        return;
      case RunEnd.stop:
        return this.#obeyStop();
      case RunEnd.halted:
      case RunEnd.waitForSipi:
      case RunEnd.shutdown:
        return this.#halt();
    }
  }

  /** Executes what is left of this vCPU's turn, at most `budget` instructions, and passes it on when it is over. */
  #runTurn(budget: number): RunEnd {
    const { bus, clock, control } = this.#parts;
    const { turn } = control;
    if (turn.left === 0) turn.left = turnInstructions;
    const before = this.#processor.retired();
    const end = this.#processor.run(Math.min(budget, turn.left));
    turn.left -= this.#processor.retired() - before;
    // The last instruction may have been HLT: then the vCPU idles first, and gives its turn away there.
    const { pauses } = this.#parts;
    const givesWay = pauses?.due === true;
    if (givesWay) {
      pauses.giveWay();
      // Else a wait of a millisecond would be some hundred thousand turns.
      clock.skipTo(Math.min(clock.now() + pauseTime, bus.timers.next(), this.#target.time || Infinity));
    }
    // A stop that comes at that very instruction changes nothing about whose turn is next.
    if ((turn.left === 0 && end === RunEnd.budget) || (givesWay && (end === RunEnd.timer || end === RunEnd.stop))) this.#passTurn();
    return end;
  }

  /** True if anybody has work: the turn is with the next of them now. */
  #passTurn(): boolean {
    const { control, cpu } = this.#parts;
    let next = nextTurn(control.cpus, cpu, (other) => this.#hasWork(other));
    // Who is in SMM idles on behalf of those who stand still for it.
    if (next === undefined && this.#parts.smm?.holds(cpu) === true) next = nextTurn(control.cpus, cpu, (other) => this.#parts.smm?.isMember(other) === true);
    if (next === undefined) return false;
    control.passTurn(next, turnInstructions);
    // One that is stopped for those in SMM sleeps elsewhere, until it may join them.
    if (next !== cpu && this.#parts.smm?.holds(next) === true) this.#parts.smm.knock(next);
    return true;
  }

  /** Whether a vCPU, which stands still, would do anything if it had the turn. */
  #hasWork(cpu: number): boolean {
    const { control } = this.#parts;
    const state = this.#states[cpu];
    if (state === undefined) return false;
    if (this.#parts.smm?.holds(cpu) === true) return this.#parts.smm.enters(cpu);
    if ((Atomics.load(control.words, control.attentionWord(cpu)) & asynchronous) !== 0) return true;
    if (state.activity === Activity.running) return true;
    if (state.activity !== Activity.halted) return false;
    if (state.debugPending !== 0 || ((state.latched & Attention.nmi) !== 0 && state.nmiBlocked === 0)) return true;
    return (state.eflags & Flag.interrupt) !== 0 && this.#parts.interruptPending(cpu);
  }

  /** A program has spun for a while: whoever it waits for may need this core. */
  #giveWay(): void {
    const { control, pauses } = this.#parts;
    pauses?.giveWay();
    this.#quiesce();
    const seen = Atomics.load(control.words, this.#attention);
    if ((seen & ~Attention.timer) === 0) Atomics.wait(control.words, this.#attention, seen, pauseSleep);
    this.#stand();
  }

  /** Another vCPU has the turn. */
  #awaitTurn(): void {
    const { control, cpu } = this.#parts;
    this.#quiesce();
    const holder = Atomics.load(control.words, control.turnWord);
    if (holder !== cpu) Atomics.wait(control.words, control.turnWord, holder, longestSleep);
    this.#stand();
  }

  /** Virtual clock: the moment at which a request is to be done has come, and the host is not done with it. Time stands still. */
  #awaitDisk(late: LateDisk): void {
    const { control } = this.#parts;
    this.#quiesce();
    Atomics.wait(control.words, late.word, late.value, longestSleep);
    this.#stand();
  }

  /**
   * A full ring makes the vCPU wait until the consumer has taken something: nothing is dropped, and no chip has to wait. It waits between two
   * instructions, since whoever stops it meanwhile wants to see a state that can be saved or replaced. True: it waited, look at everything anew.
   */
  #awaitRoom(): boolean {
    const { bus, control } = this.#parts;
    const ring = bus.congested();
    if (ring === undefined) return false;
    const taken = Atomics.load(control.words, ring.takenWord);
    this.#quiesce();
    if (ring.congested) Atomics.wait(control.words, ring.takenWord, taken, longestSleep);
    this.#stand();
    return true;
  }

  /** The vCPU stands still from its next poll on, and the service worker stops the others. */
  #stopForDebugger(debug: VcpuDebugger): void {
    const { control, cpu } = this.#parts;
    run(control.words, requestStop(control.stopWords, cpu, StopReason.debug));
    debug.stop();
  }

  /** runUntil has come to its end. */
  #arrive(missed?: string): void {
    const { control, cpu, send } = this.#parts;
    this.#target.count = 0;
    run(control.words, requestStop(control.stopWords, cpu, StopReason.pause));
    send({ kind: 'reached', cpu, missed });
  }

  /** A side of a pair has come to where inputs are applied. */
  #endEpoch(): void {
    const { control, cpu, send } = this.#parts;
    run(control.words, requestStop(control.stopWords, cpu, StopReason.epoch));
    send({ kind: 'epochEnd', cpu });
  }

  /** HLT, waiting for SIPI, shutdown: asleep until there is something to do. */
  #halt(): void {
    const { bus, clock, control } = this.#parts;
    const { words } = control;
    if (this.#wakes()) return;
    if (control.takingTurns && this.#passTurn()) return;
    const deadline = bus.timers.next();
    if (clock.mode === 'virtual') {
      const until = Math.min(deadline, this.#target.time || Infinity);
      if (until !== Infinity) return clock.skipTo(until);
      if (this.#target.count !== 0) return this.#arrive(`The guest halted for good after ${clock.instructions()} instructions.`);
    }
    this.#quiesce();
    // The bit is taken back before the request is looked at, in the step that reads the word: every request that comes later changes it.
    const seen = Atomics.and(words, this.#attention, ~Attention.interrupt) & ~Attention.interrupt;
    if (!this.#wakes()) this.#sleep(seen, deadline);
    if (this.#parts.interruptPending()) Atomics.or(words, this.#attention, Attention.interrupt);
    this.#stand();
  }

  /** Sleeps until the attention word is no longer `seen` or the deadline has come. One vCPU watches for deadlines; the others are woken. */
  #sleep(seen: number, deadline: number): void {
    const { bus, clock, control, cpu } = this.#parts;
    const { words, block } = control;
    const word = control.word('timekeeper');
    const watches = control.cpus === 1 || Atomics.compareExchange(words, word, 0, cpu + 1) === 0;
    let until = deadline;
    // Who armed a timer meanwhile told whoever watched then. And whoever watches now may not know of ours.
    if (watches && control.cpus > 1) block.timekeeperDeadline = until = bus.timers.next();
    else if (!watches && deadline >= block.timekeeperDeadline) until = Infinity;
    const nanoseconds = until === Infinity ? Infinity : until - clock.now();
    if (nanoseconds > 0)
      this.#usage.asleep(() => Atomics.wait(words, this.#attention, seen, Math.min(longestSleep, nanoseconds / 1e6)));
    if (!watches || control.cpus === 1) return;
    block.timekeeperDeadline = Infinity;
    Atomics.store(words, word, 0);
  }

  /** True when the processor has to look at something before it may sleep. */
  #wakes(): boolean {
    const { control } = this.#parts;
    const attention = Atomics.load(control.words, this.#attention);
    if ((attention & ~(Attention.interrupt | Attention.flush | Attention.step)) !== 0) return true;
    return this.#parts.interruptPending() && this.#processor.interruptible();
  }
}
