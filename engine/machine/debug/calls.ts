/** What the host may ask of a machine's debugger, and what it is told. All of it crosses threads, so all of it is plain data. */
import type { InspectedTranslation } from '../../cpu/inspection.ts';
import type { AddressSpace, ArmedBreakpoint, StopCause } from './breakpoint.ts';
import type { RegisterGroup } from './registers.ts';

/** Where memory is read or written: as a vCPU sees it, through page tables that somebody names, or without any. */
export type MemorySpace = { kind: 'linear'; cpu: number; cr3?: number } | { kind: 'physical' };

export interface RegisterValue {
  readonly name: string;
  readonly group: RegisterGroup;
  readonly bits: number;
  readonly value: bigint;
}

/** The registers of one vCPU at one moment. */
export interface VcpuRegisters {
  readonly cpu: number;
  readonly registers: readonly RegisterValue[];
  readonly cpl: number;
  readonly activity: 'running' | 'halted' | 'waiting for SIPI' | 'shut down';
  readonly inSmm: boolean;
  readonly instructions: number;
  /** Linear address of the next instruction, and the width of code there. */
  readonly pc: number;
  readonly codeBits: 16 | 32;
  /** Linear address of the top of the stack, and the width of its pointer. */
  readonly stack: number;
  readonly stackBits: 16 | 32;
  /** See describeMode. */
  readonly mode: number;
  readonly x87: X87Registers;
}

/** The x87 as FSAVE would lay it out. */
export interface X87Registers {
  /** ST(0) to ST(7), ten bytes each. */
  readonly stack: readonly Uint8Array[];
  readonly control: number;
  readonly status: number;
  /** Two bits a physical register. */
  readonly tags: number;
  readonly instructionSelector: number;
  readonly instructionOffset: number;
  readonly dataSelector: number;
  readonly dataOffset: number;
  readonly opcode: number;
}

export interface MemoryRead {
  readonly bytes: Uint8Array;
  /** 1 for each byte that could be read; the others are 0 and mean nothing. */
  readonly readable: Uint8Array;
}

export interface PageAttributes extends InspectedTranslation {
  /** What lies at the physical page; undefined while nothing is mapped. */
  readonly backing: 'ram' | 'rom' | 'device' | 'none' | undefined;
  readonly hasCode: boolean;
  readonly traced: boolean;
  readonly watched: boolean;
  readonly smram: boolean;
}

/** One recorded instruction. */
export interface TraceEntry {
  readonly linear: number;
  readonly eip: number;
  readonly cs: number;
  readonly mode: number;
  /** Low 32 bits of the vCPU's count of instructions before it. */
  readonly instruction: number;
}

/** Calls of the main thread, with what each takes and gives. */
export interface DebugCalls {
  /** Replaces all breakpoints; counts of hits go on for those that were there before. */
  setBreakpoints: { argument: readonly ArmedBreakpoint[]; result: void };
  /** Hits so far, by id. */
  hits: { argument: undefined; result: ReadonlyMap<number, number> };
  registers: { argument: { cpu: number }; result: VcpuRegisters };
  /** Machine paused. Refuses what the processor could not hold. */
  setRegister: { argument: { cpu: number; name: string; value: bigint }; result: void };
  readMemory: { argument: { space: MemorySpace; address: number; length: number }; result: MemoryRead };
  /** RAM only, all or nothing. */
  writeMemory: { argument: { space: MemorySpace; address: number; bytes: Uint8Array }; result: void };
  page: { argument: { space: MemorySpace; address: number }; result: PageAttributes };
  /** Runs `count` instructions of one vCPU; the others stand still or run meanwhile. The end is told by `stopped`. */
  step: { argument: { cpu: number; count: number; others: 'stopped' | 'running' }; result: void };
  /** As resume, for some vCPUs only. The next pause or resume is for all of them again. */
  resumeSome: { argument: { cpus: readonly number[] }; result: void };
  /** Starts or ends recording; `entries` a vCPU. Starting forgets what was recorded. */
  trace: { argument: { what: 'instructions' | 'transfers'; entries: number } | undefined; result: void };
  /** The newest entries of a vCPU, oldest first, and how many were recorded in all. */
  readTrace: {
    argument: { cpu: number; most: number };
    /** `recording`: what is recorded now; undefined after the end of it. */
    result: { entries: readonly TraceEntry[]; recorded: number; recording: 'instructions' | 'transfers' | undefined };
  };
  /** A port as its chip would answer, without side effects; undefined where it cannot be asked. */
  peekPort: { argument: { port: number; width: 1 | 2 | 4 }; result: number | undefined };
  /** Whether a triple fault stops the machine before it resets it. */
  stopAtTripleFault: { argument: boolean; result: void };
}

export type DebugCall = keyof DebugCalls;

/** A call with its argument, as it is posted. */
export type DebugRequest = { [Call in DebugCall]: { call: Call; argument: DebugCalls[Call]['argument'] } }[DebugCall];

/** What a machine tells about debugging. */
export type DebugEvent =
  /** The machine stands still; follows its `state` event. */
  { kind: 'stopped'; cause: StopCause } | { kind: 'logged'; cpu: number; id: number; text: string };

export type { AddressSpace };
