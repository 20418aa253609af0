/**
 * One virtual CPU: the run loop around generated code. It looks at the attention word, delivers interrupts and exceptions,
 * steps through what has to be stepped through, and keeps to its instruction budget exactly.
 *
 * Everything is called on the vCPU's own thread; `synchronise` comes first after anybody else changed the state.
 */
import type { CodeContext, CodeFetch } from '../execute/code-fetch.ts';
import { Attention, Exit, Seg } from '../isa/state.ts';
import type { Services } from '../isa/services.ts';
import { Cpu } from './core.ts';
import { Debug6 } from './debug-registers.ts';
import type { Executor } from './executor.ts';
import { PageFault, stepVector, Vector } from './faults.ts';
import { Flag } from './flags.ts';
import { deliverDebug, deliverEvent, deliverFault, EventKind } from './interrupts.ts';
import { FlushScope, Page, physicalPages, type Platform } from './platform.ts';
import { Activity, initState, latch, resetState, startUp } from './reset.ts';
import { createServices } from './services.ts';
import { enterSystemManagementMode } from './smm/system-management-mode.ts';

/** Why `run` came back. */
export const enum RunEnd {
  /** The instructions asked for were executed. */
  budget,
  /** HLT: call again when there is an interrupt or another attention bit. */
  halted,
  /** Attention.stop was set: look at the stop word. The bit is cleared. */
  stop,
  /** Attention.timer was set: a deadline of the virtual clock is due. The bit is cleared. */
  timer,
  /** Triple fault; the platform knows. */
  shutdown,
  waitForSipi,
  /** The debugger stops the vCPU here: Cpu.hooks knows why. */
  debug,
  /** The thread has to enter SMM, or to end it behind RSM, before the next instruction. */
  systemManagement,
}

export interface VcpuOptions {
  /** Address of the vCPU block (vcpuState) in the machine's memory. */
  state: number;
  /** Address of tlbBytes of cache memory, 64-byte aligned. Its content is lost. */
  tlb: number;
  platform: Platform;
  /** Makes what executes instructions; called once, by the constructor. */
  executor: (parts: { services: Services; fetch: CodeFetch }) => Executor;
}

/** V8 does not swap a running wasm frame for optimized code: generated code comes back this often. */
const sliceInstructions = 1 << 20;
/** No block is longer: what is left of a budget below this may not fit a block. */
const longestBlock = 64;
const movSsShadow = 2;
/** What starts a processor anew. */
const started = Attention.init | Attention.sipi;
/** What has to wait for the end of SMM. */
const untilResume = Attention.smi | started;
const pageBytes = 4096;
const everything = FlushScope.writes | FlushScope.translations | FlushScope.code;

export class Vcpu {
  readonly cpu: Cpu;
  readonly services: Services;
  readonly #executor: Executor;
  /** The next instruction has to be executed by itself. */
  #stepNext = false;
  /** The rest of the budget does not fit the next block. */
  #tail = false;

  /** `budget` at the start of the running slice; `retired` does not count it yet. */
  #sliceBudget = 0;

  constructor(options: VcpuOptions) {
    const cpu = new Cpu(options.platform, options.state, options.tlb);
    this.cpu = cpu;
    this.services = createServices(cpu);
    this.#executor = options.executor({ services: this.services, fetch: this.#fetch() });
    cpu.executor = this.#executor;
    this.synchronise();
  }

  /** Power-on or machine reset of this vCPU. */
  reset(): void {
    resetState(this.cpu.state.buffer, this.cpu.state.base);
    this.synchronise();
  }

  /** Derives everything again after somebody else (loader, restore, debugger) changed the block. Drops all caches. */
  synchronise(): void {
    const { cpu } = this;
    const { state } = cpu;
    for (let seg = Seg.es; seg <= Seg.tr; seg++) {
      state.setSegment(seg, state.selector(seg), state.segmentBase(seg), state.segmentLimit(seg), state.segmentRights(seg));
    }
    cpu.single = cpu.stepping = false;
    cpu.running = 0;
    cpu.committed = false;
    cpu.external = 0;
    cpu.shadowBudget = cpu.resumeBudget = state.budget;
    this.#stepNext = this.#tail = false;
    cpu.debug.update();
    cpu.updateLocalApic();
    cpu.tlb.flushAll();
    cpu.contexts.clear();
    cpu.pagingAtSmi = undefined;
    this.#executor.dropAll();
    this.#executor.flushJumpCache();
    cpu.updateContext();
  }

  /** Bytes of a page were changed by DMA on this thread, or another vCPU says so: decoded code of it is stale. */
  invalidateCode(physicalPage: number): void {
    this.#executor.invalidatePage(physicalPage);
  }

  /** Instructions retired so far, exact also while a service or a chip is being called. */
  retired(): number {
    const { cpu } = this;
    return Number(cpu.state.block.retired) + (cpu.running === 0 ? 0 : this.#sliceBudget - cpu.state.budget);
  }

  /** Between two instructions, as a member of the rendezvous. */
  enterSystemManagementMode(): void {
    const { systemManagement } = this.cpu.platform;
    if (systemManagement === undefined) throw new Error('This vCPU has no System Management Mode.');
    enterSystemManagementMode(this.cpu, systemManagement);
    this.#stepNext = false;
  }

  /** True when a maskable interrupt would end HLT now. */
  interruptible(): boolean {
    const { state } = this.cpu;
    return state.activity === Activity.halted && (state.eflags & Flag.interrupt) !== 0;
  }

  /**
   * Executes `maximum` instructions exactly (delivery of interrupts and exceptions counts nothing), or fewer for another reason of
   * RunEnd.
   */
  run(maximum: number): RunEnd {
    let left = maximum;
    for (;;) {
      const end = left > 0 ? this.#boundary() : RunEnd.budget;
      if (end !== undefined) {
        this.#settle();
        return end;
      }
      left -= this.#execute(left);
    }
  }

  /** Between two instructions: what wants attention, in the order of SDM vol. 3, table 6-2. `undefined`: go on executing. */
  #boundary(): RunEnd | undefined {
    const { cpu } = this;
    const { state } = cpu;
    this.#settle();
    if (cpu.hooks?.pending === true && cpu.hooks.decide()) return RunEnd.debug;
    const bits = state.attention;
    if (bits !== 0) {
      if ((bits & Attention.flush) !== 0) this.#flush();
      if ((bits & Attention.peek) !== 0 && state.takeAttention(Attention.peek) !== 0) cpu.platform.servePeeks?.();
      if ((bits & Attention.stop) !== 0 && state.takeAttention(Attention.stop) !== 0) return RunEnd.stop;
      if (state.inSmm === 0 && cpu.platform.systemManagement?.due() === true) return RunEnd.systemManagement;
      if ((bits & started) !== 0 && state.inSmm === 0) this.#restart();
      if ((bits & Attention.timer) !== 0 && state.takeAttention(Attention.timer) !== 0) return RunEnd.timer;
      // These keep until they can be served: NMI until NMIs are open, all others in SMM until RSM.
      if (state.inSmm === 0) state.latched |= state.takeAttention(Attention.nmi);
      else latch(state, state.takeAttention(Attention.nmi | untilResume));
      // The controller and the flags themselves say whether there is something to do.
      state.takeAttention(Attention.interrupt | Attention.step);
    }
    if (state.activity !== Activity.running && !this.#wakes()) return this.#idleEnd();
    this.#deliverPending();
    if (cpu.hooks?.pending === true && cpu.hooks.decide()) return RunEnd.debug;
    return state.activity === Activity.running ? undefined : this.#idleEnd();
  }

  /**
   * INIT, and a start-up IPI behind it or for a vCPU that waits for one; else that counts nothing (SDM vol. 3, 9.4.4). Both are taken in one step: of
   * two that are pending INIT was the first, since whoever sends it takes a start-up IPI back that is still on its way.
   */
  #restart(): void {
    const { state, platform } = this.cpu;
    const { localApic } = platform;
    const taken = state.takeAttention(started);
    const initialises = (taken & Attention.init) !== 0;
    if (initialises) {
      initState(state);
      localApic?.apics.init(localApic.cpu);
    }
    const starts = (taken & Attention.sipi) !== 0 && state.activity === Activity.waitForSipi;
    if (starts) startUp(state, localApic?.apics.startVector(localApic.cpu) ?? 0);
    if (initialises || starts) this.synchronise();
  }

  #idleEnd(): RunEnd {
    const { activity } = this.cpu.state;
    return activity === Activity.halted ? RunEnd.halted : activity === Activity.shutdown ? RunEnd.shutdown : RunEnd.waitForSipi;
  }

  get #nmiDue(): boolean {
    const { state } = this.cpu;
    return (state.latched & Attention.nmi) !== 0 && state.nmiBlocked === 0;
  }

  get #interruptDue(): boolean {
    const { cpu } = this;
    return (cpu.state.eflags & Flag.interrupt) !== 0 && cpu.platform.interruptPending();
  }

  /** HLT ends with an interrupt, an NMI or a debug exception. */
  #wakes(): boolean {
    const { state } = this.cpu;
    if (state.activity !== Activity.halted) return false;
    if (state.debugPending === 0 && !this.#nmiDue && !this.#interruptDue) return false;
    state.activity = Activity.running;
    return true;
  }

  #deliverPending(): void {
    const { cpu } = this;
    const { state, platform } = cpu;
    const shadow = cpu.shadowHolds() ? state.interruptShadow : 0;
    if (state.debugPending !== 0 && shadow !== movSsShadow) {
      const causes = state.debugPending;
      state.debugPending = 0;
      deliverDebug(cpu, causes, EventKind.trap);
    }
    while (state.activity === Activity.running && (this.#nmiDue || this.#interruptDue)) {
      if (cpu.shadowHolds() || cpu.hooks?.holdsInterrupts === true) {
        this.#stepNext = true;
        return;
      }
      if (this.#nmiDue) {
        state.latched &= ~Attention.nmi;
        state.nmiBlocked = 1;
        deliverEvent(cpu, Vector.nmi, EventKind.external);
      } else {
        const vector = platform.acknowledgeInterrupt();
        if (vector >= 0) deliverEvent(cpu, vector, EventKind.external);
      }
      cpu.memory.traced?.settle();
    }
  }

  /** Executes up to `left` instructions and deals with what ended that. Returns how many were retired. */
  #execute(left: number): number {
    const { cpu } = this;
    const { state } = cpu;
    const { hooks } = cpu;
    const steps =
      this.#stepNext ||
      (state.eflags & Flag.trap) !== 0 ||
      state.debugPending !== 0 ||
      this.#breakpointNear() ||
      hooks?.everyInstruction === true;
    if (steps && hooks?.stopsAt(this.#linearEip()) === true) return 0;
    if (steps && this.#codeBreakpoint()) return 0;
    const single = steps || this.#tail;
    const budget = steps ? 1 : Math.min(left, single ? longestBlock : sliceInstructions);
    const traps = (state.eflags & Flag.trap) !== 0;
    const pendingBefore = state.debugPending;
    if (single) this.#setSingle(true);
    cpu.stepping = steps;
    cpu.trapSuppressed = false;
    this.#setBudget(budget);
    this.#sliceBudget = budget;
    cpu.firstEip = state.eip;
    cpu.running = 1;
    let exit: Exit;
    try {
      exit = this.#executor.run();
    } finally {
      cpu.running = 0;
      cpu.stepping = false;
    }
    state.countExit(exit);
    const used = budget - state.budget;
    if (single) this.#setSingle(false);
    if (exit === Exit.fault) {
      state.debugPending = pendingBefore;
      this.#fault();
      return used;
    }
    if (exit === Exit.halt && state.activity === Activity.running) state.activity = Activity.halted;
    if (used > 0) this.#stepNext = this.#tail = false;
    if (steps && used > 0 && traps && !cpu.trapSuppressed) state.debugPending |= Debug6.singleStep;
    if (exit === Exit.budget && state.budget > 0) this.#tail = left - used < longestBlock;
    return used;
  }

  #fault(): void {
    const { state } = this.cpu;
    // What the instruction wrote is no part of what its exception's delivery writes.
    this.cpu.memory.traced?.settle();
    if (state.faultVector === stepVector) {
      state.faultVector = -1;
      this.#stepNext = true;
      return;
    }
    this.#stepNext = false;
    deliverFault(this.cpu);
  }

  #linearEip(): number {
    const { state } = this.cpu;
    return (state.segmentBase(Seg.cs) + state.eip) >>> 0;
  }

  /** True while an instruction breakpoint is on the page of eip: each instruction has to be looked at. */
  #breakpointNear(): boolean {
    const { debug } = this.cpu;
    return debug.watchesCode && debug.watchesCodePage(this.#linearEip());
  }

  /** Delivers an instruction breakpoint at eip (SDM vol. 3, 18.3.1.1). RF and a MOV SS shadow hold it back. */
  #codeBreakpoint(): boolean {
    const { cpu } = this;
    const { state } = cpu;
    if (!cpu.debug.watchesCode || (state.eflags & Flag.resume) !== 0) return false;
    if (state.interruptShadow === movSsShadow && cpu.shadowHolds()) return false;
    const hits = cpu.debug.code(this.#linearEip());
    if (hits === 0) return false;
    deliverDebug(cpu, hits, EventKind.fault);
    return true;
  }

  #setSingle(single: boolean): void {
    this.cpu.single = single;
    this.cpu.updateContext();
  }

  /** RF and the interrupt shadow last for one instruction; `budget` tells whether it has gone by. */
  #settle(): void {
    const { cpu } = this;
    const { state } = cpu;
    cpu.memory.traced?.settle();
    cpu.shadowHolds();
    if ((state.eflags & Flag.resume) !== 0 && state.budget !== cpu.resumeBudget) state.eflags &= ~Flag.resume;
  }

  #setBudget(budget: number): void {
    const { cpu } = this;
    this.#settle();
    cpu.state.budget = budget;
    cpu.shadowBudget = cpu.resumeBudget = budget;
  }

  #flush(): void {
    const { cpu } = this;
    if (cpu.state.takeAttention(Attention.flush) === 0) return;
    const scope = cpu.platform.flushScope?.() ?? everything;
    if ((scope & FlushScope.translations) !== 0) cpu.flushTranslations();
    else if ((scope & FlushScope.writes) !== 0) cpu.tlb.dropWrites();
    else if ((scope & FlushScope.loggedWrites) !== 0) cpu.tlb.dropLoggedWrites();
    if ((scope & FlushScope.code) !== 0) {
      this.#executor.dropAll();
      this.#executor.flushJumpCache();
    } else if ((scope & FlushScope.changedCode) !== 0) {
      const { coherence } = cpu.platform;
      if (coherence !== undefined) this.#executor.dropChanged((page) => coherence.generation(page));
    }
  }

  #fetch(): CodeFetch {
    const { cpu } = this;
    return {
      translate(linear: number): number {
        linear >>>= 0;
        if (!cpu.stepping && cpu.debug.watchesCode && cpu.debug.watchesCodePage(linear)) {
          cpu.state.fault(stepVector, 0);
          return -1;
        }
        const access = cpu.state.cpl === 3 ? PageFault.user | PageFault.fetch : PageFault.fetch;
        const page = cpu.tlb.translate(linear, access);
        if (page < physicalPages) {
          if (page < 0) return -1;
          const physical = page * pageBytes + (linear & 0xfff);
          if (cpu.stepping || cpu.hooks?.watchesInstruction(linear, physical) !== true) return physical;
          cpu.state.fault(stepVector, 0);
          return -1;
        }
        // Nothing answers above 4 GiB: the bytes are ones, and FF FF is no instruction.
        cpu.state.fault(Vector.invalidOpcode, 0);
        return -1;
      },
      markCode(physicalPage: number): void {
        if (physicalPage >= physicalPages) return;
        const { coherence } = cpu.platform;
        if (coherence !== undefined) {
          if ((cpu.platform.pageFlags[physicalPage]! & Page.code) !== 0) return;
          coherence.markPage(physicalPage);
        } else if ((Atomics.or(cpu.platform.pageFlags, physicalPage, Page.code) & Page.code) !== 0) return;
        cpu.tlb.dropWritesTo(physicalPage);
      },
      markLines: (page, first, size) => page < physicalPages && cpu.platform.coherence?.markLines(page, first, size) === true,
      generation: (page) => (page < physicalPages ? (cpu.platform.coherence?.generation(page) ?? 0) : 0),
      splits: (pageOffset: number): boolean => cpu.hooks?.splits(pageOffset) === true,
      context: (id: number): CodeContext => cpu.contexts.context(id),
      page: (physicalPage: number): number => cpu.memory.fetchable(physicalPage),
      readByte: (physical: number): number => cpu.memory.read(Math.floor(physical / pageBytes), physical & 0xfff, 1),
    };
  }
}
