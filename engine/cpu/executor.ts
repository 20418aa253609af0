/** What the vCPU needs of whatever executes instructions (engine/execute), and what that needs of it besides Services. */
import type { Exit } from '../isa/state.ts';

export interface Executor {
  /**
   * Runs from eip until an exit. Counts `budget` down and brings `retired` up to date; on Exit.fault eip is the start of the
   * instruction, otherwise the next one.
   */
  run(): Exit;
  /**
   * Bytes of a physical page are about to change (`first`, `size`: which ones; absent: any of them): records of it must be decoded again.
   * A result of true says that no record of the page is left, so that its Page.code flag may go.
   */
  invalidatePage(physicalPage: number, first?: number, size?: number): boolean | void;
  /** Drops all records. */
  dropAll(): void;
  /** Forgets which records belong to which linear address. */
  flushJumpCache(): void;
}

/** How the executor fetches instructions. */
export interface CodeFetch {
  /**
   * The physical address behind a linear address for an instruction fetch at the current privilege level. Sets accessed bits and
   * checks NX. On a fault it sets faultVector, faultCode and faultAddress and returns -1. May be above 2^32 (holes).
   */
  translate(linear: number): number;
  /** The executor holds records of this page from now on: sets Page.code and makes this vCPU's write entries for it slow. */
  markCode(physicalPage: number): void;
  /** What a value of `codeContext` stands for. */
  context(id: number): CodeContext;
}

/** What decoded code depends on besides its bytes. */
export interface CodeContext {
  readonly id: number;
  /** Base and limit of CS. */
  readonly base: number;
  readonly limit: number;
  /** CS.D: operands and addresses are 32 bits wide by default. */
  readonly big: boolean;
  /** Blocks have one instruction. */
  readonly single: boolean;
  /** CPL is 3; keeps what the supervisor may fetch apart from what the user may. */
  readonly user: boolean;
}
