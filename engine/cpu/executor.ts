/** What the vCPU needs of whatever executes instructions. execute/'s Interpreter is one; unit tests have a smaller one. */
import type { Exit } from '../isa/state.ts';

export interface Executor {
  /**
   * Runs from eip until an exit. Counts `budget` down and brings `retired` up to date; on Exit.fault eip is the start of the
   * instruction, otherwise the next one.
   */
  run(): Exit;
  /**
   * Bytes of a physical page are about to change (`first`, `size`: which ones; absent: any of them): records made of them must
   * be decoded again. A result of true says that no record of the page is left, so that its Page.code flag may go.
   */
  invalidatePage(physicalPage: number, first?: number, size?: number): boolean | void;
  /** Drops the records of pages whose generation is not the one they were decoded from. */
  dropChanged(generation: (page: number) => number): void;
  /** Offset in CS of the instruction that calls a service just now. Absent: not known. */
  instructionPointer?(): number;
  /** Drops all records. */
  dropAll(): void;
  /** Forgets which records belong to which linear address. */
  flushJumpCache(): void;
}
