/**
 * The debugger's half on the service worker: hands breakpoints to the vCPUs, stops the machine when one hits, steps, and reads and changes
 * the state of a machine that stands still. Whatever is asked of a machine that runs is answered within a short stop, between
 * instructions, which a guest under the virtual clock cannot notice.
 */
import { pagingStateOf, translateForInspection, withRoot, type PagingState } from '../../cpu/inspection.ts';
import { FlushScope, Page, physicalPages } from '../../cpu/platform.ts';
import { Activity } from '../../cpu/reset.ts';
import { CpuState, rights } from '../../cpu/registers.ts';
import { Control0 } from '../../cpu/control-bits.ts';
import { Flag } from '../../cpu/flags.ts';
import { Reg, Seg, vcpuState } from '../../isa/state.ts';
import { run } from '../atomic-step.ts';
import type { MachineControl } from '../control.ts';
import type { MachineBus } from '../machine-bus.ts';
import { MachineError, type MachineState } from '../machine.ts';
import type { MachineMemory } from '../memory.ts';
import { releaseStop, StopReason } from '../stop.ts';
import { modePaging, type ArmedBreakpoint, type Hit, type StopCause } from './breakpoint.ts';
import type { DebugCall, DebugCalls, DebugEvent, DebugRequest, MemorySpace, PageAttributes, VcpuRegisters, X87Registers } from './calls.ts';
import { setRegister } from './edit.ts';
import { InspectedMemory } from './memory.ts';
import { registers } from './registers.ts';
import { debugState, traceWords, type DebugOrders, type FromDebugger, type TraceOrders } from './shared.ts';

const pageBytes = 4096;
/** What one read or write may be about. */
const longestAccess = 16 << 20;
const mostBreakpoints = 100_000;
const mostTraceEntries = 1 << 20;

/** What the debugger needs of the service around it. */
export interface DebuggedMachine {
  readonly name: string;
  readonly memory: MachineMemory;
  readonly control: MachineControl;
  readonly bus: MachineBus;
  state(): MachineState;
  whileStopped<Result>(body: () => Result): Result;
  /** Pauses the machine, which runs; the `stopped` event follows by `paused`. */
  pause(reason: string): void;
  /** Lets it go on, paused as it is: all vCPUs, or only those. `inTime` false: a wall clock stands still meanwhile. */
  go(reason: string, options?: { cpus?: readonly number[]; inTime?: boolean }): void;
  /** Carries out the reset that a triple fault asks for. */
  tripleFaultReset(cpu: number): void;
  onEvent(event: DebugEvent): void;
}

const activities = ['running', 'halted', 'waiting for SIPI', 'shut down'] as const satisfies Record<
  Activity,
  VcpuRegisters['activity']
>;

type Handlers = { [Call in DebugCall]: (argument: DebugCalls[Call]['argument']) => DebugCalls[Call]['result'] };

export class MachineDebugger {
  /** Sends orders to a vCPU's port; set by whoever has the ports. */
  post: (cpu: number, orders: DebugOrders) => void = () => {};
  readonly #machine: DebuggedMachine;
  readonly #shared;
  readonly #memory: InspectedMemory;
  readonly #states: readonly CpuState[];
  #breakpoints: readonly ArmedBreakpoint[] = [];
  #counts = new Int32Array(new SharedArrayBuffer(4));
  #trace: TraceOrders | undefined;
  #watchedPages: readonly number[] = [];
  #cause: StopCause = { kind: 'pause' };
  /** Stops of vCPUs that came while the machine stood still already: told one by one when it is to go on. */
  #waiting: StopCause[] = [];
  #stopAtTripleFault = false;
  #heldTripleFault: number | undefined;
  /** Only some vCPUs run. */
  #someRun = false;
  /** Whose turn it was before a step of another vCPU. */
  #turn: { holder: number; left: number } | undefined;

  constructor(machine: DebuggedMachine) {
    this.#machine = machine;
    const { memory, bus, control } = machine;
    this.#shared = debugState(memory);
    this.#memory = new InspectedMemory(memory, (address) => bus.lock.with(() => bus.memory.peekDevice(address)));
    this.#states = Array.from(
      { length: control.cpus },
      (_, cpu) => new CpuState(memory.buffer, memory.directory.open(vcpuState, String(cpu))),
    );
  }

  /** What the host asks. Throws MachineError. */
  answer(request: DebugRequest): unknown {
    // The argument belongs to the call: DebugRequest pairs them.
    const handler = this.#handlers[request.call] as (argument: DebugRequest['argument']) => unknown;
    return handler(request.argument);
  }

  // What the service says

  /** The machine stands still now, by its state `paused`. */
  paused(): void {
    const cause = this.#cause;
    this.#cause = { kind: 'pause' };
    this.#someRun = false;
    if (this.#turn !== undefined) this.#machine.control.passTurn(this.#turn.holder, this.#turn.left);
    this.#turn = undefined;
    this.#shared.steps.fill(0);
    this.#machine.onEvent({ kind: 'stopped', cause });
  }

  /** A person wants the machine to go on. True: it does not, since a breakpoint that was hit meanwhile is told first. */
  holdsBack(): boolean {
    const waiting = this.#nextWaiting();
    if (waiting !== undefined) {
      this.#machine.onEvent({ kind: 'stopped', cause: waiting });
      return true;
    }
    if (this.#heldTripleFault !== undefined) {
      const cpu = this.#heldTripleFault;
      this.#heldTripleFault = undefined;
      this.#machine.tripleFaultReset(cpu);
    }
    this.#shared.resumed += 1;
    return false;
  }

  /**
   * The machine stood still for somebody who only copied it, and is to go on. A sentence: something was hit at that very time, and the pause that
   * follows is for it. What vCPUs stand at is as new as before.
   */
  stopsFor(): string | undefined {
    const cause = this.#nextWaiting();
    if (cause === undefined) return undefined;
    this.#cause = cause;
    return describe(cause);
  }

  #nextWaiting(): StopCause | undefined {
    for (let cause = this.#waiting.shift(); cause !== undefined; cause = this.#waiting.shift()) {
      const still = this.#stillValid(cause);
      if (still !== undefined) return still;
    }
    return undefined;
  }

  /** The vCPU that stands at its triple fault, which is carried out when it is let go. */
  get heldTripleFault(): number | undefined {
    return this.#heldTripleFault;
  }

  /** Some vCPUs are held although the machine runs. */
  get someRun(): boolean {
    return this.#someRun;
  }

  allRun(): void {
    this.#someRun = false;
  }

  /** True: the machine stops before the triple fault of this vCPU resets it. */
  tripleFault(cpu: number): boolean {
    const state = this.#machine.state();
    if (!this.#stopAtTripleFault || (state !== 'running' && state !== 'paused')) return false;
    this.#heldTripleFault = cpu;
    if (state === 'paused') {
      // It stands still for something else: this is told when it is to go on.
      this.#waiting.push({ kind: 'tripleFault', cpu });
      return true;
    }
    this.#cause = { kind: 'tripleFault', cpu };
    this.#machine.pause(`Triple fault of vCPU ${cpu}.`);
    return true;
  }

  /** Power-on, reset, or a state that was restored: what vCPUs were about is void. */
  stateReplaced(): void {
    this.#waiting = [];
    this.#heldTripleFault = undefined;
    this.#turn = undefined;
    this.#shared.steps.fill(0);
  }

  fromVcpu(cpu: number, message: FromDebugger): void {
    const { control, memory } = this.#machine;
    if (message.kind === 'logged') {
      this.#machine.onEvent({ kind: 'logged', cpu, id: message.id, text: message.text });
      if (message.held) run(memory.words, releaseStop(control.stopWords, cpu, StopReason.request));
      return;
    }
    if (this.#machine.state() === 'running') {
      this.#cause = message.cause;
      this.#machine.pause(describe(message.cause));
    } else if (message.cause.kind === 'breakpoint') this.#waiting.push(message.cause);
    run(memory.words, releaseStop(control.stopWords, cpu, StopReason.debug));
  }

  /** The hits of breakpoints that are still there, at places where the vCPU still is. */
  #stillValid(cause: StopCause): StopCause | undefined {
    if (cause.kind === 'tripleFault') return this.#heldTripleFault === cause.cpu ? cause : undefined;
    if (cause.kind !== 'breakpoint') return undefined;
    const hits: Hit[] = [];
    for (const hit of cause.hits) {
      const { watched } = hit;
      const same =
        this.#breakpoints.find(({ id }) => id === hit.id) ??
        this.#breakpoints.find((each) => JSON.stringify(each.watched) === JSON.stringify(watched));
      if (same === undefined) continue;
      const state = this.#state(cause.cpu);
      if (watched.kind === 'execute' && hit.at !== linearEip(state)) continue;
      hits.push({ ...hit, id: same.id });
    }
    return hits.length === 0 ? undefined : { ...cause, hits };
  }

  // Calls

  readonly #handlers: Handlers = {
    setBreakpoints: (breakpoints) => this.#setBreakpoints(breakpoints),
    hits: () => this.#hits(),
    registers: ({ cpu }) => this.#look(() => snapshot(cpu, this.#state(cpu))),
    setRegister: ({ cpu, name, value }) => {
      this.#requirePaused('have a register changed');
      setRegister(this.#state(cpu), this.#memory, name, value);
      this.#machine.control.noteStateReplaced();
    },
    readMemory: ({ space, address, length }) => {
      this.#checkRange(address, length);
      return this.#look(() => this.#memory.read(this.#paging(space), address, length));
    },
    writeMemory: ({ space, address, bytes }) => {
      this.#checkRange(address, bytes.length);
      return this.#look(() => this.#writeMemory(space, address, bytes));
    },
    page: ({ space, address }) => {
      this.#checkRange(address, 1);
      return this.#look(() => this.#page(this.#paging(space), address));
    },
    step: ({ cpu, count, others }) => this.#step(cpu, count, others),
    resumeSome: ({ cpus }) => {
      this.#requirePaused('resumed');
      for (const cpu of cpus) this.#state(cpu);
      if (!this.holdsBack()) this.#goSome(cpus);
    },
    trace: (wanted) => this.#setTrace(wanted),
    readTrace: ({ cpu, most }) => this.#readTrace(cpu, most),
    peekPort: ({ port, width }) => {
      if (!Number.isInteger(port) || port < 0 || port > 0xffff)
        throw new MachineError('bad-configuration', `There is no port ${port}.`);
      return this.#look(() => this.#machine.bus.portPeek(port, width));
    },
    stopAtTripleFault: (stop) => {
      this.#stopAtTripleFault = stop;
    },
  };

  #requirePaused(action: string): void {
    const state = this.#machine.state();
    if (state !== 'paused')
      throw new MachineError(
        'wrong-state',
        `The machine ${this.#machine.name} is ${state}, so it cannot ${action}; pause it first.`,
      );
  }

  #look<Result>(body: () => Result): Result {
    if (this.#machine.state() === 'off')
      throw new MachineError('wrong-state', `The machine ${this.#machine.name} is off; there is nothing to look at.`);
    return this.#machine.whileStopped(body);
  }

  #state(cpu: number): CpuState {
    const state = this.#states[cpu];
    if (state === undefined) throw new MachineError('bad-configuration', `There is no virtual CPU ${cpu}.`);
    return state;
  }

  #checkRange(address: number, length: number): void {
    if (!Number.isInteger(address) || address < 0 || address > 0xffffffff)
      throw new MachineError('bad-configuration', `${address} is no address of 32 bits.`);
    if (!Number.isInteger(length) || length < 0 || length > longestAccess)
      throw new MachineError('too-large', `${length} bytes are too many for one access.`);
  }

  #paging(space: MemorySpace): PagingState | undefined {
    if (space.kind === 'physical') return undefined;
    const paging = pagingStateOf(this.#state(space.cpu));
    if (space.cr3 === undefined) return paging;
    return withRoot(paging, space.cr3, (at) => this.#memory.physical(at, 4));
  }

  // Breakpoints

  #setBreakpoints(breakpoints: readonly ArmedBreakpoint[]): void {
    if (breakpoints.length > mostBreakpoints)
      throw new MachineError('too-large', `${breakpoints.length} breakpoints are too many; ${mostBreakpoints} fit.`);
    this.#machine.whileStopped(() => {
      const before = this.#hits();
      this.#breakpoints = breakpoints;
      this.#counts = new Int32Array(new SharedArrayBuffer(4 * Math.max(1, breakpoints.length)));
      for (const [index, { id }] of breakpoints.entries()) this.#counts[index] = before.get(id) ?? 0;
      this.#watchPages();
      this.#order();
    });
  }

  #hits(): Map<number, number> {
    return new Map(this.#breakpoints.map(({ id }, index) => [id, Atomics.load(this.#counts, index)]));
  }

  /** Pages with watched physical bytes get no fast entries of any TLB; linear ones are looked up by each vCPU. */
  #watchPages(): void {
    const { bus, control } = this.#machine;
    const pages = new Set<number>();
    for (const { watched } of this.#breakpoints) {
      if (watched.kind !== 'data' || watched.space !== 'physical') continue;
      for (let page = Math.floor(watched.address / pageBytes); page * pageBytes < watched.address + watched.length; page++)
        pages.add(page);
    }
    for (const page of this.#watchedPages) if (!pages.has(page)) bus.memory.removeAttributes(page, Page.watched);
    for (const page of pages) if (page < physicalPages) Atomics.or(this.#machine.memory.pageFlags, page, Page.watched);
    this.#watchedPages = [...pages];
    if (pages.size > 0) control.requestFlush(FlushScope.translations);
  }

  #order(): void {
    const orders: DebugOrders = { breakpoints: this.#breakpoints, counts: this.#counts, trace: this.#trace };
    for (let cpu = 0; cpu < this.#states.length; cpu++) this.post(cpu, orders);
    this.#shared.orders += 1;
  }

  // Running

  #step(cpu: number, count: number, others: 'stopped' | 'running'): void {
    this.#requirePaused('step');
    this.#state(cpu);
    if (!Number.isInteger(count) || count < 1 || count > 0x7fffffff)
      throw new MachineError('bad-configuration', `${count} is not a count of instructions.`);
    this.#shared.resumed += 1;
    this.#shared.steps[cpu] = count;
    const reason = count === 1 ? 'Steps.' : `Steps ${count} instructions.`;
    // Time that passes while threads wake up is none of the guest's, or each step would end in the handler of a timer.
    const inTime = this.#state(cpu).activity !== Activity.running;
    if (this.#states.length === 1) this.#machine.go(reason, { inTime });
    else if (others === 'running') this.#machine.go(reason);
    else this.#goSome([cpu], reason, inTime);
  }

  #goSome(cpus: readonly number[], reason = 'Some of its processors go on.', inTime = true): void {
    const { control } = this.#machine;
    const [first] = cpus;
    if (first === undefined) throw new MachineError('bad-configuration', 'No virtual CPU was named.');
    if (control.takingTurns && !cpus.includes(control.turn.holder)) {
      this.#turn = { holder: control.turn.holder, left: control.turn.left };
      control.passTurn(first, 0);
    }
    this.#someRun = cpus.length < this.#states.length;
    this.#machine.go(reason, { cpus, inTime });
  }

  // Memory

  #writeMemory(space: MemorySpace, address: number, bytes: Uint8Array): void {
    const { bus, memory } = this.#machine;
    const paging = this.#paging(space);
    const pieces: { physical: number; start: number; length: number }[] = [];
    for (let start = 0; start < bytes.length;) {
      const at = (address + start) % 2 ** 32;
      const length = Math.min(pageBytes - (at % pageBytes), bytes.length - start);
      const physical = paging === undefined ? at : this.#memory.translate(paging, at);
      const page = physical === undefined ? undefined : Math.floor(physical / pageBytes);
      if (physical === undefined || page === undefined || page >= physicalPages || memory.pageWrite[page] === 0) {
        throw new MachineError('bad-configuration', `There is no RAM at 0x${at.toString(16)}, so nothing was written.`);
      }
      pieces.push({ physical, start, length });
      start += length;
    }
    bus.lock.with(() => {
      for (const { physical, start, length } of pieces) bus.memory.writeBacked(physical, bytes.subarray(start, start + length));
    });
    bus.displayChanged();
  }

  #page(paging: PagingState | undefined, address: number): PageAttributes {
    const off: PagingState = { cr0: 0, cr3: 0, cr4: 0, efer: 0, pdptes: [] };
    const walked = translateForInspection(paging ?? off, (at) => this.#memory.physical(at, 4), address);
    const page = walked.physical === undefined ? undefined : Math.floor(walked.physical / pageBytes);
    const flags = page === undefined || page >= physicalPages ? 0 : Atomics.load(this.#machine.memory.pageFlags, page);
    const has = (bit: Page): boolean => (flags & bit) !== 0;
    const backing = has(Page.ram) ? 'ram' : has(Page.rom) ? 'rom' : has(Page.mmio) ? 'device' : 'none';
    return {
      ...walked,
      backing: page === undefined ? undefined : backing,
      hasCode: has(Page.code),
      traced: has(Page.traced),
      watched: has(Page.watched),
      smram: has(Page.smram),
    };
  }

  // The trace

  #setTrace(wanted: DebugCalls['trace']['argument']): void {
    if (wanted !== undefined && (!Number.isInteger(wanted.entries) || wanted.entries < 16 || wanted.entries > mostTraceEntries)) {
      throw new MachineError('bad-configuration', `A trace has 16 to ${mostTraceEntries} entries, not ${wanted.entries}.`);
    }
    this.#machine.whileStopped(() => {
      if (wanted === undefined) {
        // What was recorded stays readable.
        this.#recorded = this.#trace ?? this.#recorded;
        this.#trace = undefined;
      } else {
        const ring = (): Int32Array<SharedArrayBuffer> =>
          new Int32Array(new SharedArrayBuffer(4 * (1 + wanted.entries * traceWords)));
        this.#trace = { what: wanted.what, rings: this.#states.map(ring) };
        this.#recorded = this.#trace;
      }
      this.#order();
    });
  }

  #recorded: TraceOrders | undefined;

  #readTrace(cpu: number, most: number): DebugCalls['readTrace']['result'] {
    this.#state(cpu);
    const ring = this.#recorded?.rings[cpu];
    const recording = this.#trace?.what;
    if (ring === undefined) return { entries: [], recorded: 0, recording };
    return this.#machine.whileStopped(() => {
      const size = Math.floor((ring.length - 1) / traceWords);
      const recorded = Atomics.load(ring, 0) >>> 0;
      const count = Math.min(size, recorded, most);
      const entries = Array.from({ length: count }, (_, index) => {
        const at = 1 + ((recorded - count + index) % size) * traceWords;
        const word = (offset: number): number => (ring[at + offset] ?? 0) >>> 0;
        return { linear: word(0), eip: word(1), cs: word(2) & 0xffff, mode: word(2) >>> 16, instruction: word(3) };
      });
      return { entries, recorded, recording };
    });
  }
}

function linearEip(state: CpuState): number {
  return (state.segmentBase(Seg.cs) + state.eip) >>> 0;
}

/** The registers of a vCPU that stands still. */
export function snapshot(cpu: number, state: CpuState): VcpuRegisters {
  const isBig = (segment: Seg): boolean => (state.segmentRights(segment) & rights.big) !== 0;
  const isProtected = (state.cr0 & Control0.protectionEnable) !== 0;
  const is8086 = (state.eflags & Flag.virtual8086) !== 0;
  const paging = (state.cr0 & Control0.paging) !== 0 ? modePaging : 0;
  return {
    cpu,
    registers: registers.map(({ name, group, bits, read }) => ({ name, group, bits, value: BigInt(read(state)) })),
    cpl: state.cpl,
    activity: activities[state.activity] ?? 'running',
    inSmm: state.block.inSmm !== 0,
    instructions: Number(state.block.retired),
    pc: linearEip(state),
    codeBits: isBig(Seg.cs) ? 32 : 16,
    stack: (state.segmentBase(Seg.ss) + (state.register(Reg.esp) & state.stackMask)) >>> 0,
    stackBits: isBig(Seg.ss) ? 32 : 16,
    mode: !isProtected ? 0 : paging + (is8086 ? 1 : isBig(Seg.cs) ? 3 : 2),
    x87: snapshotX87(state),
  };
}

const tag = { valid: 0, zero: 1, special: 2, empty: 3 } as const;
const largestExponent = 0x7fff;

function snapshotX87(state: CpuState): X87Registers {
  const { block } = state;
  const top = (block.fpuStatus >>> 11) & 7;
  const mantissa = (number: number): bigint => block.fpuRegisters[2 * number] ?? 0n;
  const signExponent = (number: number): number => Number((block.fpuRegisters[2 * number + 1] ?? 0n) & 0xffffn);
  const tagOf = (number: number): number => {
    if ((block.fpuTags & (1 << number)) === 0) return tag.empty;
    const exponent = signExponent(number) & largestExponent;
    if (exponent === 0 && mantissa(number) === 0n) return tag.zero;
    return exponent === 0 || exponent === largestExponent || mantissa(number) >> 63n === 0n ? tag.special : tag.valid;
  };
  return {
    stack: Array.from({ length: 8 }, (_, index) => {
      const number = (top + index) & 7;
      const bytes = new Uint8Array(10);
      const view = new DataView(bytes.buffer);
      view.setBigUint64(0, mantissa(number), true);
      view.setUint16(8, signExponent(number), true);
      return bytes;
    }),
    control: block.fpuControl,
    status: block.fpuStatus,
    tags: Array.from({ length: 8 }, (_, number) => tagOf(number) << (2 * number)).reduce((sum, bits) => sum | bits, 0),
    instructionSelector: block.fpuInstructionSelector,
    instructionOffset: Number(block.fpuInstructionOffset & 0xffffffffn),
    dataSelector: block.fpuDataSelector,
    dataOffset: Number(block.fpuDataOffset & 0xffffffffn),
    opcode: block.fpuOpcode,
  };
}

/** A sentence for the machine's state. */
function describe(cause: StopCause): string {
  switch (cause.kind) {
    case 'breakpoint':
      return `Stopped by ${cause.hits.length === 1 ? 'breakpoint' : 'breakpoints'} ${cause.hits.map(({ id }) => id).join(', ')} on vCPU ${cause.cpu}.`;
    case 'step':
      return `vCPU ${cause.cpu} has stepped.`;
    case 'pause':
      return 'Paused.';
    case 'tripleFault':
      return `Triple fault of vCPU ${cause.cpu}.`;
  }
}
