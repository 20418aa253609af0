/**
 * The parts of one vCPU that everything in this folder works on, and the few operations all of it needs: raising exceptions
 * and keeping what is derived from the architectural state (code context, TLB half) right.
 *
 * Lives on the vCPU's thread. It holds no guest-visible state: everything here is derived or scratch.
 */
import { Attention, Seg } from '../isa/state.ts';
import { Access } from './access.ts';
import { ApicBase } from './apic/state.ts';
import { CodeContexts } from './code-context.ts';
import { Control0 } from './control-bits.ts';
import type { DebugHooks } from './debug-hooks.ts';
import { DebugRegisters } from './debug-registers.ts';
import { Descriptor } from './descriptors.ts';
import type { Executor } from './executor.ts';
import { guestFault, stepVector, Vector } from './faults.ts';
import { Flag, ioPrivilegeShift, readEflags, writeEflags } from './flags.ts';
import { PageWalk } from './paging.ts';
import { PhysicalMemory } from './physical.ts';
import type { Platform } from './platform.ts';
import { CpuState, rights } from './registers.ts';
import { StackFrame } from './stack-frame.ts';
import { TracedWrites } from './traced-writes.ts';
import { Tlb } from './tlb.ts';

const noPage = -1;

export class Cpu {
  readonly state: CpuState;
  readonly memory: PhysicalMemory;
  readonly debug: DebugRegisters;
  readonly tlb: Tlb;
  readonly access: Access;
  readonly contexts = new CodeContexts();
  readonly stack: StackFrame;
  /** Scratch descriptors of transfers: the gate or target, the code segment, the stack segment. */
  readonly gate = new Descriptor();
  readonly codeSegment = new Descriptor();
  readonly stackSegment = new Descriptor();
  readonly taskSegment = new Descriptor();

  /** Blocks have one instruction: stepping, or the end of a budget. */
  single = false;
  /** The run loop looks at debug events after the next instruction. */
  stepping = false;
  /** 1 while an event that is external to the program is being delivered: the EXT bit of error codes. */
  external = 0;
  /** A task switch has passed its point of no return: what fails now belongs to the new task. */
  committed = false;
  /**
   * `budget` as it is when the instruction that cast the interrupt shadow, or set RF, has retired; as long as it is the same,
   * no instruction has ended since.
   */
  shadowBudget = 0;
  resumeBudget = 0;
  /** 1 while the executor runs: the running instruction is not yet off `budget`. */
  running = 0;
  /** EIP of the instruction that runs by itself, or of the first one of the running slice. */
  firstEip = 0;
  /** No single-step trap is due after this instruction: it delivered an interrupt. */
  trapSuppressed = false;
  /**
   * CR0, CR3, CR4 and EFER when the vCPU entered SMM: behind RSM they tell whether what the program was known to execute still is. Absent: not
   * known.
   */
  pagingAtSmi: readonly [number, number, number, number] | undefined;
  /** Absent while no debugger wants anything of this vCPU. Whoever sets it drops translations and decoded code. */
  hooks: DebugHooks | undefined;

  #executor: Executor | undefined;

  constructor(
    readonly platform: Platform,
    stateBase: number,
    tlbBase: number,
  ) {
    const buffer = platform.memory.buffer;
    if (!(buffer instanceof SharedArrayBuffer)) throw new TypeError('The memory of a machine must be shared.');
    this.state = new CpuState(buffer, stateBase);
    this.memory = new PhysicalMemory(platform, buffer);
    this.debug = new DebugRegisters(this.state);
    const watch = { watchesPage: (linear: number) => this.debug.watchesPage(linear) || this.hooks?.watchesPage(linear) === true };
    this.tlb = new Tlb(buffer, tlbBase, new PageWalk(this.state, this.memory), this.memory, watch);
    this.access = new Access(this);
    this.stack = new StackFrame(this);
    if (platform.guard !== undefined) this.memory.traced = new TracedWrites(this, platform.guard);
  }

  get executor(): Executor {
    if (this.#executor === undefined) throw new Error('This vCPU has no executor yet.');
    return this.#executor;
  }
  set executor(executor: Executor) {
    this.#executor = executor;
    this.memory.executor = executor;
  }

  get protectedMode(): boolean {
    return (this.state.cr0 & Control0.protectionEnable) !== 0;
  }
  get virtual8086(): boolean {
    return (this.state.eflags & Flag.virtual8086) !== 0;
  }
  /** Segments are loaded by shifting: real mode or virtual-8086 mode. */
  get realSegments(): boolean {
    return !this.protectedMode || this.virtual8086;
  }
  get ioPrivilege(): number {
    return (this.state.eflags >>> ioPrivilegeShift) & 3;
  }

  /** Leaves the running service or delivery with an exception. */
  raise(vector: number, code = 0): never {
    this.state.fault(vector, code);
    throw guestFault;
  }

  /** As `raise`, with a selector as the error code. EXT is added while an external event is being delivered. */
  fail(vector: number, selector: number): never {
    return this.raise(vector, (selector & 0xfffc) | this.external);
  }

  /** #GP(0) unless CPL is 0. Real mode is always privileged. */
  requirePrivilege(): void {
    if (this.state.cpl !== 0) this.raise(Vector.generalProtection);
  }

  /** #UD in real and virtual-8086 mode. */
  requireProtected(): void {
    if (this.realSegments) this.raise(Vector.invalidOpcode);
  }

  /** An exception of the guest raised by our own code is pending now; anything else thrown is a defect and goes on. */
  caught(error: unknown): void {
    if (error !== guestFault) throw error;
  }

  /** Debug registers that `hits` name (B0-B3) saw an access. False: the instruction has to be repeated as a single step. */
  watchHit(hits: number): boolean {
    if (!this.stepping) {
      this.state.fault(stepVector, 0);
      return false;
    }
    this.state.debugPending |= hits;
    // A repeated string traps behind the element, not behind its last one.
    this.state.requestAttention(Attention.step);
    return true;
  }

  get flags(): number {
    return readEflags(this.state);
  }

  /** Stores EFLAGS and draws the consequences of IF, TF, RF, AC and VM. */
  setFlags(value: number): void {
    const { state } = this;
    const old = state.eflags;
    writeEflags(state, value);
    const now = state.eflags;
    const changed = old ^ now;
    if ((changed & now & Flag.interrupt) !== 0) this.interruptsEnabled();
    if ((now & Flag.trap) !== 0) state.requestAttention(Attention.step);
    if ((now & Flag.resume) !== 0) this.resumeBudget = state.budget - this.running;
    if ((changed & Flag.alignmentCheck) !== 0) this.updateContext();
  }

  /** IF has become 1: an interrupt may have been waiting for it. */
  interruptsEnabled(): void {
    if (this.platform.interruptPending()) this.state.requestAttention(Attention.interrupt);
  }

  /** Brings codeContext and tlb up to date after CS, CPL, AM, AC or `single` changed. */
  updateContext(): void {
    const { state } = this;
    const user = state.cpl === 3;
    const checked = user && (state.eflags & Flag.alignmentCheck) !== 0 && (state.cr0 & Control0.alignmentMask) !== 0;
    this.access.alignmentChecked = checked;
    state.tlb = this.tlb.half(user, checked);
    if (this.contexts.full) {
      this.contexts.clear();
      this.executor.dropAll();
      this.executor.flushJumpCache();
    }
    state.codeContext = this.contexts.identify(
      state.segmentBase(Seg.cs),
      state.segmentLimit(Seg.cs),
      (state.segmentRights(Seg.cs) & rights.big) !== 0,
      this.single,
      user,
      state.inSmm !== 0,
    );
    this.hooks?.modeMayHaveChanged();
  }

  /** Finds the page of the local APIC's registers again, after IA32_APIC_BASE changed. The caller drops translations. */
  updateLocalApic(): void {
    const base = Number(this.state.block.apicBase);
    const isMapped = (base & (ApicBase.enable | ApicBase.x2apic)) === ApicBase.enable;
    this.memory.apicPage = isMapped && this.platform.localApic !== undefined ? Math.floor(base / 4096) : noPage;
  }

  /** Translations may have changed for every address, global pages included. */
  flushTranslations(): void {
    this.tlb.flushAll();
    this.executor.flushJumpCache();
  }

  /** True if the last STI or MOV SS is the last instruction that was executed. Clears a shadow that is over. */
  shadowHolds(): boolean {
    const { state } = this;
    if (state.interruptShadow === 0) return false;
    if (state.budget === this.shadowBudget) return true;
    state.interruptShadow = 0;
    return false;
  }

  /** Puts the interrupt shadow in force behind the running instruction. */
  castShadow(kind: 1 | 2): void {
    this.state.interruptShadow = kind;
    this.shadowBudget = this.state.budget - this.running;
  }
}

