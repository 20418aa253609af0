/**
 * What a debugger is told by one vCPU, on the vCPU's own thread. `Cpu.hooks` is undefined while nothing is set, and everything that asks
 * lies on slow paths: generated code knows nothing of it.
 *
 * Execute breakpoints work through the block cache. An instruction with a breakpoint starts a block of its own, which is neither linked nor
 * known to the jump cache, so that each arrival comes to CodeFetch.translate; that hands it to the run loop as a single step, and the run loop
 * asks `stopsAt`. All other instructions of the page run at full speed.
 */
import type { EventKind } from './interrupts.ts';

export interface DebugHooks {
  /** Every instruction is run by itself: the trace records. */
  readonly everyInstruction: boolean;
  /** Something was noted: the run loop asks `decide` between two instructions. */
  readonly pending: boolean;
  /** Whether what was noted stops the vCPU here. Clears `pending` if not. */
  decide(): boolean;

  /** The vCPU goes on from where a person stopped it: its next instruction comes before any interrupt, as RF has it for breakpoints. */
  readonly holdsInterrupts: boolean;

  /** Some instruction at this offset of a page has to start a block. */
  splits(pageOffset: number): boolean;
  /** Whether an instruction there may have to be stopped at. */
  watchesInstruction(linear: number, physical: number): boolean;
  /** Right before an instruction that runs by itself. True: it is not to run now, and `pending` is set. */
  stopsAt(linear: number): boolean;

  /** Data on this linear page is watched: it gets no fast entries of the TLB. */
  watchesPage(linear: number): boolean;
  /** `data` wants to hear of accesses on slow paths. */
  readonly watchesData: boolean;
  /** An access that is about to be made; `physical` is where its first byte lies. */
  data(linear: number, physical: number, size: number, write: boolean): void;

  /** These happened in the running instruction. `value` is what was read or is written. */
  port(port: number, size: number, write: boolean, value: number): void;
  msr(number: number, write: boolean, low: number, high: number): void;
  control(register: number, write: boolean, value: number): void;
  /** The handler of an interrupt or exception was entered; `eip` is where it came from, `code` -1 without an error code. */
  delivered(vector: number, kind: EventKind, code: number, eip: number): void;
  /** CS, CPL, CR0 or EFLAGS.VM may have changed. */
  modeMayHaveChanged(): void;
  /** The vCPU has entered (or left) system-management mode. */
  systemManagement(entered: boolean): void;
}
