/**
 * The debugger's half on the thread of one vCPU: keeps what has to be watched, is asked by engine/cpu (see DebugHooks), evaluates
 * conditions, counts, and says when the vCPU has to stop. While nothing is set it is not even asked.
 */
import type { Cpu } from '../../cpu/core.ts';
import { Control0 } from '../../cpu/control-bits.ts';
import type { DebugHooks } from '../../cpu/debug-hooks.ts';
import { pagingStateOf } from '../../cpu/inspection.ts';
import { EventKind } from '../../cpu/interrupts.ts';
import { Activity } from '../../cpu/reset.ts';
import { rights } from '../../cpu/registers.ts';
import { decode, Decoded, maximumLength } from '../../isa/decoder.ts';
import { Attention, Seg } from '../../isa/state.ts';
import type { MachineMemory } from '../memory.ts';
import { wants, modePaging, type ArmedBreakpoint, type Hit, type StopCause, type Watched } from './breakpoint.ts';
import { evaluate, ExpressionError, type Expression, type Surroundings } from './expression.ts';
import { InspectedMemory } from './memory.ts';
import { readNamed, segmentNames } from './registers.ts';
import { debugState, traceWords, type DebugOrders, type FromDebugger, type TraceOrders } from './shared.ts';

const pageBytes = 4096;
/** A vCPU that logs more than this many hits waits until they were taken. */
const logsBeforeHold = 256;

/** Something a breakpoint may be about; judged between two instructions. */
interface Note {
  readonly index: number;
  readonly at: number;
  readonly write: boolean | undefined;
  readonly value: bigint | undefined;
  readonly before: bigint | undefined;
  readonly from: number | undefined;
}

interface Armed extends ArmedBreakpoint {
  readonly index: number;
}

type Armeds<Kind extends Watched['kind']> = (Armed & { readonly watched: Extract<Watched, { kind: Kind }> })[];

/** Breakpoints by what is asked for. */
interface Table {
  readonly all: readonly Armed[];
  readonly linear: ReadonlyMap<number, readonly Armed[]>;
  readonly physical: ReadonlyMap<number, readonly Armed[]>;
  readonly data: Armeds<'data'>;
  readonly linearPages: ReadonlySet<number>;
  readonly port: Armeds<'port'>;
  readonly msr: Armeds<'msr'>;
  readonly control: Armeds<'control'>;
  readonly interrupt: Armeds<'interrupt'>;
  readonly exception: Armeds<'exception'>;
  readonly mode: Armeds<'mode'>;
  readonly smm: Armeds<'smm'>;
}

function tabulate(breakpoints: readonly ArmedBreakpoint[], cpu: number): Table {
  const all = breakpoints
    .map((breakpoint, index): Armed => ({ ...breakpoint, index }))
    .filter((each) => each.cpu === undefined || each.cpu === cpu);
  const of = <Kind extends Watched['kind']>(kind: Kind): Armeds<Kind> =>
    all.filter((each): each is Armeds<Kind>[number] => each.watched.kind === kind);
  const by = (space: 'linear' | 'physical'): Map<number, Armed[]> => {
    const map = new Map<number, Armed[]>();
    for (const each of of('execute')) {
      if (each.watched.space !== space) continue;
      const at = map.get(each.watched.address);
      if (at === undefined) map.set(each.watched.address, [each]);
      else at.push(each);
    }
    return map;
  };
  const linearPages = new Set<number>();
  for (const { watched } of of('data')) {
    if (watched.space !== 'linear') continue;
    for (let page = watched.address >>> 12; page * pageBytes < watched.address + watched.length; page++)
      linearPages.add(page & 0xfffff);
  }
  return {
    all,
    linear: by('linear'),
    physical: by('physical'),
    data: of('data'),
    linearPages,
    port: of('port'),
    msr: of('msr'),
    control: of('control'),
    interrupt: of('interrupt'),
    exception: of('exception'),
    mode: of('mode'),
    smm: of('smm'),
  };
}

export interface VcpuDebuggerParts {
  readonly cpu: number;
  readonly memory: MachineMemory;
  readonly vcpu: { readonly cpu: Cpu };
  /** Under the virtual clock no interrupt comes while the machine stands still, and none may be held back. */
  readonly isVirtual: boolean;
  /** The next orders on this vCPU's port. */
  receive(): DebugOrders | undefined;
  send(message: FromDebugger): void;
  /** Makes this vCPU stand still at its next poll until the service worker has seen what was sent. */
  hold(): void;
}

export class VcpuDebugger implements DebugHooks {
  pending = false;
  readonly #parts: VcpuDebuggerParts;
  readonly #cpu: Cpu;
  readonly #shared;
  readonly #memory: InspectedMemory;
  readonly #decoded = new Decoded();
  #orders = 0;
  #resumed = 0;
  #table = tabulate([], 0);
  #counts: Int32Array<SharedArrayBuffer> | undefined;
  #trace: TraceOrders | undefined;
  #previousEnd = -1;
  #recordedAfter = -1n;
  /** Page offsets at which blocks are split. They stay when a breakpoint goes and others remain: decoding anew costs more. */
  readonly #splits = new Uint8Array(pageBytes);
  #hasSplits = false;
  /** Where the vCPU has been looked at last, and after how many instructions: it does not stop there twice. */
  #seenAt = -1;
  #seenAfter = -1n;
  #goesOn = false;
  #notes: Note[] = [];
  #mode = -1;
  #cause: StopCause | undefined;
  #logs = 0;

  constructor(parts: VcpuDebuggerParts) {
    this.#parts = parts;
    this.#cpu = parts.vcpu.cpu;
    this.#shared = debugState(parts.memory);
    this.#memory = new InspectedMemory(parts.memory);
  }

  // The thread's side

  /** Between two runs: takes new orders. Cheap while there are none. */
  follow(): void {
    if (this.#shared.orders !== this.#orders) this.#takeOrders();
    if (this.#shared.resumed !== this.#resumed) {
      this.#resumed = this.#shared.resumed;
      this.#seenAt = this.#linearEip();
      this.#seenAfter = this.#cpu.state.block.retired;
      this.#goesOn = !this.#parts.isVirtual && this.#cpu.state.activity === Activity.running;
    }
    const wanted = this.#table.all.length > 0 || this.#trace !== undefined || this.steps > 0;
    if (wanted === (this.#cpu.hooks !== undefined)) return;
    this.#cpu.hooks = wanted ? this : undefined;
    // Blocks are decoded whole from here on, so each split is new again when it is wanted next.
    if (!wanted) this.#splits.fill(0);
    if (!wanted) this.#hasSplits = false;
  }

  /** Instructions until the vCPU stops because it steps; 0: it does not. */
  get steps(): number {
    return this.#shared.steps[this.#parts.cpu] ?? 0;
  }

  /** So many were retired of `steps`. True: they are done. */
  stepped(retired: number): boolean {
    const left = Math.max(0, this.steps - retired);
    this.#shared.steps[this.#parts.cpu] = left;
    return left === 0;
  }

  /** Why the run ended with RunEnd.debug, or with the last step. The next run goes on from here. */
  stop(): void {
    const cause = this.#cause ?? { kind: 'step', cpu: this.#parts.cpu };
    this.#cause = undefined;
    this.pending = this.#notes.length > 0;
    this.#shared.steps[this.#parts.cpu] = 0;
    this.#parts.send({ kind: 'stopped', cause });
  }

  #takeOrders(): void {
    this.#orders = this.#shared.orders;
    let orders: DebugOrders | undefined;
    for (let next = this.#parts.receive(); next !== undefined; next = this.#parts.receive()) orders = next;
    if (orders === undefined) return;
    this.#table = tabulate(orders.breakpoints, this.#parts.cpu);
    this.#counts = orders.counts;
    this.#trace = orders.trace;
    this.#previousEnd = -1;
    this.#recordedAfter = -1n;
    this.#notes = [];
    this.pending = false;
    this.#mode = this.#currentMode();
    this.#cpu.flushTranslations();
    if (this.#updateSplits()) this.#cpu.executor.dropAll();
  }

  /** True if decoded blocks may pass over a new breakpoint, or are split for none. */
  #updateSplits(): boolean {
    const wanted = [...this.#table.linear.keys(), ...this.#table.physical.keys()].map((address) => address & (pageBytes - 1));
    if (wanted.length === 0) {
      if (!this.#hasSplits || this.steps > 0) return false;
      this.#splits.fill(0);
      this.#hasSplits = false;
      return true;
    }
    const isNew = wanted.some((offset) => this.#splits[offset] === 0);
    for (const offset of wanted) this.#splits[offset] = 1;
    this.#hasSplits = true;
    return isNew;
  }

  // What engine/cpu asks

  get everyInstruction(): boolean {
    return this.#trace !== undefined;
  }

  get watchesData(): boolean {
    return this.#table.data.length > 0;
  }

  get holdsInterrupts(): boolean {
    if (!this.#goesOn) return false;
    this.#goesOn = this.#cpu.state.block.retired === this.#seenAfter;
    return this.#goesOn;
  }

  splits(pageOffset: number): boolean {
    return this.#splits[pageOffset] === 1;
  }

  watchesInstruction(linear: number, physical: number): boolean {
    return this.#table.linear.has(linear) || this.#table.physical.has(physical);
  }

  watchesPage(linear: number): boolean {
    return this.#table.linearPages.has(linear >>> 12);
  }

  stopsAt(linear: number): boolean {
    const { state } = this.#cpu;
    const after = state.block.retired;
    if (this.#trace !== undefined && after !== this.#recordedAfter) {
      this.#recordedAfter = after;
      this.#record(this.#trace, linear);
    }
    if (linear === this.#seenAt && after === this.#seenAfter) return false;
    this.#seenAt = linear;
    this.#seenAfter = after;
    let found = this.#table.linear.get(linear);
    if (this.#table.physical.size > 0) {
      const physical = this.#memory.translate(this.#paging(), linear);
      const more = physical === undefined ? undefined : this.#table.physical.get(physical);
      if (more !== undefined) found = [...(found ?? []), ...more];
    }
    if (found === undefined) return false;
    for (const { index } of found) this.#note(index, { at: linear });
    return this.decide();
  }

  #paging() {
    return pagingStateOf(this.#cpu.state);
  }

  data(linear: number, physical: number, size: number, write: boolean): void {
    for (const { index, watched } of this.#table.data) {
      if (!wants(watched.access, write)) continue;
      const first = watched.space === 'linear' ? linear : physical;
      if (first > watched.address + watched.length - 1 || first + size - 1 < watched.address) continue;
      this.#note(index, { at: first, write, before: this.#watchedValue(watched) });
    }
  }

  port(port: number, size: number, write: boolean, value: number): void {
    for (const { index, watched } of this.#table.port) {
      if (wants(watched.access, write) && port <= watched.last && port + size - 1 >= watched.first)
        this.#note(index, { at: port, write, value: BigInt(value >>> 0) });
    }
  }

  msr(number: number, write: boolean, low: number, high: number): void {
    for (const { index, watched } of this.#table.msr) {
      if (wants(watched.access, write) && (watched.msr === undefined || watched.msr === number))
        this.#note(index, { at: number, write, value: (BigInt(high) << 32n) | BigInt(low) });
    }
  }

  control(register: number, write: boolean, value: number): void {
    for (const { index, watched } of this.#table.control) {
      if (wants(watched.access, write) && watched.register === register)
        this.#note(index, { at: register, write, value: BigInt(value >>> 0) });
    }
  }

  delivered(vector: number, kind: EventKind, code: number, eip: number): void {
    if (this.steps > 0 && kind !== EventKind.software) {
      this.#cause ??= { kind: 'step', cpu: this.#parts.cpu };
      this.pending = true;
    }
    const isException = kind === EventKind.fault || kind === EventKind.trap;
    const value = code < 0 ? undefined : BigInt(code);
    for (const { index, watched } of isException ? this.#table.exception : this.#table.interrupt) {
      if (watched.vector === undefined || watched.vector === vector) this.#note(index, { at: vector, value, from: eip });
    }
  }

  modeMayHaveChanged(): void {
    const mode = this.#currentMode();
    if (mode === this.#mode) return;
    this.#mode = mode;
    for (const { index } of this.#table.mode) this.#note(index, { at: mode, value: BigInt(mode) });
  }

  systemManagement(entered: boolean): void {
    for (const { index, watched } of this.#table.smm) {
      if (watched.edge === 'both' || (watched.edge === 'enter') === entered) this.#note(index, { at: entered ? 1 : 0 });
    }
  }

  decide(): boolean {
    if (this.#cause !== undefined) return true;
    const notes = this.#notes;
    this.#notes = [];
    this.pending = false;
    const hits: Hit[] = [];
    for (const note of notes) {
      const hit = this.#judge(note);
      if (hit !== undefined) hits.push(hit);
    }
    if (hits.length === 0) return false;
    this.#cause = { kind: 'breakpoint', cpu: this.#parts.cpu, hits };
    this.pending = true;
    return true;
  }

  // Judging

  #note(
    index: number,
    what: { at: number; write?: boolean; value?: bigint | undefined; before?: bigint | undefined; from?: number },
  ): void {
    // One instruction may access the same bytes more than once.
    if (this.#notes.some((note) => note.index === index && note.write === what.write)) return;
    this.#notes.push({ index, at: what.at, write: what.write, value: what.value, before: what.before, from: what.from });
    this.pending = true;
    // Inside an instruction: the run loop comes by right behind it.
    if (this.#cpu.running !== 0) this.#cpu.state.requestAttention(Attention.step);
  }

  /** The hit that stops the vCPU, or undefined if the condition is not met, more hits are to pass, or it is only logged. */
  #judge(note: Note): Hit | undefined {
    const breakpoint = this.#table.all.find(({ index }) => index === note.index);
    if (breakpoint === undefined || this.#counts === undefined) return undefined;
    const { watched, id } = breakpoint;
    const value = note.value ?? (watched.kind === 'data' ? this.#watchedValue(watched) : undefined);
    const around = this.#surroundings(note, value, Atomics.load(this.#counts, note.index) + 1);
    let problem: string | undefined;
    try {
      if (breakpoint.condition !== undefined && evaluate(breakpoint.condition, around) === 0) return undefined;
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      problem = error.message;
    }
    const count = Atomics.add(this.#counts, note.index, 1) + 1;
    if (count <= breakpoint.ignore) return undefined;
    if (breakpoint.log !== undefined && problem === undefined) {
      this.#log(id, breakpoint.log, around);
      return undefined;
    }
    return { id, watched, at: note.at, write: note.write, value, before: note.before, from: note.from, problem };
  }

  #surroundings(note: Note, value: bigint | undefined, hits: number): Surroundings {
    const { state } = this.#cpu;
    return {
      name: (name) => {
        if (name === 'value') return value === undefined ? undefined : Number(value & 0xffffffffn);
        if (name === 'before') return note.before === undefined ? undefined : Number(note.before & 0xffffffffn);
        if (name === 'address') return note.at;
        if (name === 'hits') return hits;
        return name === 'cpu' ? this.#parts.cpu : readNamed(state, name);
      },
      segmentBase: (segment) => state.segmentBase(segmentNames.findIndex((name) => name === segment)),
      memory: (address, size, physical) =>
        physical ? this.#memory.physical(address, size) : this.#memory.linear(state, address, size),
    };
  }

  #log(id: number, parts: readonly (string | Expression)[], around: Surroundings): void {
    const text = parts.map((part) => (typeof part === 'string' ? part : valueText(part, around))).join('');
    this.#logs++;
    const held = this.#logs % logsBeforeHold === 0;
    // What is not taken yet must not grow without end.
    if (held) this.#parts.hold();
    this.#parts.send({ kind: 'logged', id, text, held });
  }

  /** What stands in the watched bytes, the first eight of them. */
  #watchedValue(watched: Extract<Watched, { kind: 'data' }>): bigint | undefined {
    let value = 0n;
    for (let index = Math.min(watched.length, 8) - 1; index >= 0; index--) {
      const at = watched.address + index;
      const byte =
        watched.space === 'physical' ? this.#memory.physicalByte(at) : this.#memory.linear(this.#cpu.state, at >>> 0, 1);
      if (byte === undefined) return undefined;
      value = (value << 8n) | BigInt(byte);
    }
    return value;
  }

  #linearEip(): number {
    const { state } = this.#cpu;
    return (state.segmentBase(Seg.cs) + state.eip) >>> 0;
  }

  /** See modeNames. */
  #currentMode(): number {
    const { state } = this.#cpu;
    if ((state.cr0 & Control0.protectionEnable) === 0) return 0;
    const paging = (state.cr0 & Control0.paging) !== 0 ? modePaging : 0;
    if (this.#cpu.virtual8086) return paging + 1;
    return paging + ((state.segmentRights(Seg.cs) & rights.big) !== 0 ? 3 : 2);
  }

  // The trace

  #lengthAt(linear: number): number {
    const { state } = this.#cpu;
    const { bytes, readable } = this.#memory.read(this.#paging(), linear, maximumLength);
    const end = readable.indexOf(0);
    const big = (state.segmentRights(Seg.cs) & rights.big) !== 0;
    decode(bytes, 0, end < 0 ? maximumLength : end, big ? 4 : 2, this.#decoded);
    return this.#decoded.length;
  }

  #record(trace: TraceOrders, linear: number): void {
    const ring = trace.rings[this.#parts.cpu];
    if (ring === undefined) return;
    const { state } = this.#cpu;
    if (trace.what === 'transfers') {
      const isStraight = linear === this.#previousEnd;
      this.#previousEnd = (linear + this.#lengthAt(linear)) >>> 0;
      if (isStraight) return;
    }
    const entries = Math.floor((ring.length - 1) / traceWords);
    const written = Atomics.load(ring, 0) >>> 0;
    const at = 1 + (written % entries) * traceWords;
    ring[at] = linear | 0;
    ring[at + 1] = state.eip | 0;
    ring[at + 2] = state.selector(Seg.cs) | (this.#currentMode() << 16);
    ring[at + 3] = Number(state.block.retired & 0xffffffffn) | 0;
    Atomics.store(ring, 0, (written + 1) | 0);
  }
}

function valueText(expression: Expression, around: Surroundings): string {
  try {
    return `0x${evaluate(expression, around).toString(16)}`;
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    return `(${error.message})`;
  }
}
