/**
 * The gate in front of every write of one vCPU to a page with Page.traced (docs/decisions/0019). A guard judges each page that an instruction, or the
 * delivery of an event, is about to write; the gate drops or refuses what it says, and reports once for each page behind the instruction.
 *
 * The first such write of an instruction makes it start again by itself (stepVector), so that eip and everything else is exact, and so that
 * what it writes is known to belong to it. Nothing has happened by then: it is where the write could have raised a page fault.
 */
import { Seg } from '../isa/state.ts';
import type { Cpu } from './core.ts';
import { stepVector, Vector } from './faults.ts';
import { Page, physicalPages } from './platform.ts';

const pageBytes = 4096;
/** Pages that an instruction may write before the first of them are reported: a repeated string goes on and on. */
const maximumOpen = 16;

/** What is to become of a write. */
export const enum Verdict {
  /** It is made. */
  allow,
  /** It is not made, and execution goes on as if it had been. */
  drop,
  /** Nothing of the instruction happens: #GP(0), where a page fault of the same write would be raised. */
  refuse,
}

export interface Judgement {
  readonly verdict: Verdict;
}

export const enum WriteCause {
  /** An operand, a push, a frame, a task state: whatever an instruction stores. */
  instruction,
  /** The frame of an interrupt or exception. */
  delivery,
  /** Accessed and dirty bits. */
  walk,
  /** A device; there is no vCPU. */
  dma,
}

export const enum Outcome {
  made = 1,
  /** All of it, or parts. */
  dropped,
  refused,
}

/** What one instruction or delivery wrote to one page. Valid during the call that gives it. */
export interface TracedWrite<J extends Judgement = Judgement> {
  readonly judgement: J;
  readonly page: number;
  /** From the first byte to the last; size 0 of a write that was refused before it was known. */
  readonly offset: number;
  readonly size: number;
  /** Linear address of the page. While `cause` is walk: of what was translated. */
  readonly linearPage: number;
  readonly cause: WriteCause;
  readonly outcome: Outcome;
  /** The page as it was, and as it would be with all of the writes; a refused write has made no bytes. */
  readonly before: Uint8Array;
  readonly after: Uint8Array;
  readonly eip: number;
  readonly codeSelector: number;
  readonly codeBase: number;
  readonly cpl: number;
  readonly cr3: number;
}

/** What judges and is told of writes; engine/guard. On the vCPU's own thread. */
export interface WriteGuard<J extends Judgement = Judgement> {
  /** undefined: nobody wants to know of this page. The object is not changed before the report. */
  judge(page: number): J | undefined;
  /** In the order in which the pages were judged. */
  report(writes: readonly TracedWrite<J>[]): void;
}

interface Open {
  judgement: Judgement;
  page: number;
  offset: number;
  size: number;
  linearPage: number;
  cause: WriteCause;
  outcome: Outcome;
  readonly before: Uint8Array;
  readonly after: Uint8Array;
  eip: number;
  codeSelector: number;
  codeBase: number;
  cpl: number;
  cr3: number;
  /** Something was written or refused: there is something to report. */
  used: boolean;
}

const unlisted: Judgement = { verdict: Verdict.allow };

export class TracedWrites {
  readonly #cpu: Cpu;
  readonly #guard: WriteGuard;
  readonly #open: Open[] = [];
  #count = 0;

  constructor(cpu: Cpu, guard: WriteGuard) {
    this.#cpu = cpu;
    this.#guard = guard;
  }

  isTraced(page: number): boolean {
    return page < physicalPages && (this.#cpu.platform.pageFlags[page]! & Page.traced) !== 0;
  }

  /** Before anything of a write to a traced page has happened. False after noting a fault. `size` 0: not known yet. */
  mayWrite(page: number, linear: number, size = 0): boolean {
    return this.#mayStart(page, linear, size, this.#cpu.running === 0 ? WriteCause.delivery : WriteCause.instruction);
  }

  /** The same for accessed and dirty bits; `linear` is what is being translated. */
  mayWalk(page: number, linear: number): boolean {
    return this.#mayStart(page, linear, 0, WriteCause.walk);
  }

  #mayStart(page: number, linear: number, size: number, cause: WriteCause): boolean {
    const { state, running, stepping, committed } = this.#cpu;
    // Behind a task switch's point of no return nothing can start again.
    if (running === 1 && !stepping && !committed) {
      state.fault(stepVector, 0);
      return false;
    }
    const open = this.#at(page, cause);
    open.linearPage = (linear & ~0xfff) >>> 0;
    if (open.judgement.verdict !== Verdict.refuse) return true;
    open.outcome = Outcome.refused;
    open.offset = linear & 0xfff;
    open.size = Math.min(size, pageBytes - open.offset);
    open.used = true;
    state.fault(Vector.generalProtection, 0);
    return false;
  }

  /** True if stores to the page are dropped. */
  drops(page: number): boolean {
    return this.isTraced(page) && this.#at(page, WriteCause.instruction).judgement.verdict !== Verdict.allow;
  }

  /** A store of 1, 2 or 4 bytes to a traced page. False: it is not to be made. */
  store(page: number, offset: number, size: number, value: number): boolean {
    const drops = this.#at(page, WriteCause.instruction).judgement.verdict !== Verdict.allow;
    this.noteValue(page, offset, size, value, drops);
    return !drops;
  }

  /** Notes a store that is made next, or is `dropped`. Pages that nobody wants to know of are passed over. */
  noteValue(page: number, offset: number, size: number, value: number, dropped: boolean): void {
    const open = this.#noted(page, offset, size, dropped);
    if (open === undefined) return;
    for (let index = 0; index < size; index++) open.after[offset + index] = value >>> (8 * index);
  }

  /** The same with the bytes at `from` in the machine's memory. */
  noteBytes(page: number, offset: number, size: number, from: number, dropped: boolean): void {
    const open = this.#noted(page, offset, size, dropped);
    open?.after.set(this.#cpu.memory.bytes.subarray(from, from + size), offset);
  }

  #noted(page: number, offset: number, size: number, dropped: boolean): Open | undefined {
    if (!this.isTraced(page)) return undefined;
    const open = this.#at(page, WriteCause.instruction);
    if (open.judgement === unlisted) return undefined;
    if (dropped) open.outcome = Outcome.dropped;
    const end = open.used ? Math.max(open.offset + open.size, offset + size) : offset + size;
    open.offset = open.used ? Math.min(open.offset, offset) : offset;
    open.size = end - open.offset;
    open.used = true;
    return open;
  }

  /** Reports what was written since the last time. Between two instructions, and before an exception of this one is delivered. */
  settle(): void {
    const count = this.#count;
    if (count === 0) return;
    this.#count = 0;
    const used = this.#open.slice(0, count).filter((open) => open.used);
    if (used.length > 0) this.#guard.report(used);
  }

  #at(page: number, cause: WriteCause): Open {
    for (let index = 0; index < this.#count; index++) {
      const open = this.#open[index]!;
      if (open.page === page) return open;
    }
    if (this.#count === maximumOpen) this.settle();
    const { state, running, stepping, firstEip, memory } = this.#cpu;
    const open = (this.#open[this.#count] ??= makeOpen());
    this.#count += 1;
    open.page = page;
    open.judgement = this.#guard.judge(page) ?? unlisted;
    open.offset = open.size = 0;
    open.linearPage = 0;
    open.cause = cause;
    open.outcome = Outcome.made;
    open.used = false;
    open.eip = running === 1 && stepping ? firstEip : state.eip;
    open.codeSelector = state.selector(Seg.cs);
    open.codeBase = state.segmentBase(Seg.cs);
    open.cpl = state.cpl;
    open.cr3 = state.cr3;
    if (open.judgement === unlisted) return open;
    const from = memory.writable(page) || memory.readable(page);
    if (from === 0) open.before.fill(0xff);
    else open.before.set(memory.bytes.subarray(from, from + pageBytes));
    open.after.set(open.before);
    return open;
  }
}

function makeOpen(): Open {
  return {
    judgement: unlisted,
    page: -1,
    offset: 0,
    size: 0,
    linearPage: 0,
    cause: WriteCause.instruction,
    outcome: Outcome.made,
    before: new Uint8Array(pageBytes),
    after: new Uint8Array(pageBytes),
    eip: 0,
    codeSelector: 0,
    codeBase: 0,
    cpl: 0,
    cr3: 0,
    used: false,
  };
}
