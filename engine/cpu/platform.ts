/**
 * What a vCPU needs from the machine it sits in. machine/ implements it; cpu/ knows nothing else of machine/.
 * All members are called on the vCPU's own thread (or on the service worker's while the machine is stopped).
 */

import type { LocalApics } from './apic/local-apic.ts';
import type { SaveStateMap } from './smm/save-state.ts';
import type { SmiIo } from './smm/smi-io.ts';
import type { WriteGuard } from './traced-writes.ts';

/** Bits of `pageFlags`, one word per 4 KiB guest-physical page. Changed only by Atomics.or / Atomics.and. */
export const enum Page {
  /** Backed by guest RAM (pageRead and pageWrite are set). */
  ram = 1 << 0,
  /** Backed, reads only; writes are dropped by the bus. */
  rom = 1 << 1,
  /** Reads and writes go to a chip. */
  mmio = 1 << 2,
  /** A vCPU holds decoded records of it: writes take the slow path and drop them. */
  code = 1 << 3,
  /** The guard traces writes. */
  traced = 1 << 4,
  /** The debugger watches accesses. */
  watched = 1 << 5,
  /** In SMM the RAM at this place is seen (SmramView), whatever the arrays show. */
  smram = 1 << 6,
  /** Pictures lie here. Its writes are logged by epoch as those of all pages are; FlushScope.loggedWrites makes its next one slow, and no other page's. */
  logged = 1 << 7,
  /** A node of the guard's tree, or a page kept for one; always traced as well. */
  guardNode = 1 << 8,
  /** Of such a page: 0 spare, else the node's level plus one. */
  guardLevel = 3 << 9,
}

/** Flags that keep a page out of the TLB's fast write path. */
export const slowWrite = Page.code | Page.traced | Page.watched | Page.logged;
/** Flags that keep a page out of the TLB's fast read path. */
export const slowRead = Page.watched;

/** Guest-physical address space in pages of 4 KiB; what lies above is a hole (reads as ones). */
export const physicalPages = 1 << 20;

/** One exception on the way to a triple fault. */
export interface ChainedException {
  vector: number;
  code: number;
  eip: number;
  /** Linear address of a page fault. */
  address: number;
  /** The vCPU when the exception was raised. */
  state?: ExceptionState;
}

export interface ExceptionState {
  /** EAX to EDI. */
  registers: number[];
  cs: number;
  ss: number;
  eflags: number;
  cr0: number;
  cr3: number;
  cpl: number;
}

export interface Platform {
  readonly memory: WebAssembly.Memory;
  /** Address in `memory` of the bytes of each guest-physical page for reads; 0: none (MMIO or hole). */
  readonly pageRead: Uint32Array<SharedArrayBuffer>;
  /** The same for writes; 0: none (ROM, MMIO or hole). */
  readonly pageWrite: Uint32Array<SharedArrayBuffer>;
  readonly pageFlags: Int32Array<SharedArrayBuffer>;
  /** Epoch of the last write of each page; the slow write path and DMA store `currentEpoch()` here. */
  readonly pageEpoch: Uint32Array<SharedArrayBuffer>;
  currentEpoch(): number;
  /** False while bit 20 of this vCPU's physical addresses is taken for 0; a change comes with a flush of translations. Absent: never. */
  a20?(): boolean;

  /** Access to a page without backing. `size` 1, 2 or 4, within one page. Holes read as ones and swallow writes. */
  mmioRead(address: number, size: number): number;
  mmioWrite(address: number, size: number, value: number): void;
  /** Port I/O; `size` 1, 2 or 4. Ports nobody owns read as ones. */
  portRead(port: number, size: number): number;
  portWrite(port: number, size: number, value: number): void;

  /** This vCPU's local APIC, which is one of the machine's. Absent: there is none. */
  readonly localApic?: { readonly apics: LocalApics; readonly cpu: number } | undefined;

  /** True while the interrupt controller has a vector to offer to this vCPU. Cheap; no lock. */
  interruptPending(): boolean;
  /** INTA cycle: the vector (0-255), or -1 when the request is gone. */
  acknowledgeInterrupt(): number;

  /** Guest time in nanoseconds since power-on, and the time-stamp counter. */
  now(): number;
  timestamp(): bigint;

  /** Triple fault: posts the reset and records the chain of exceptions (vectors, oldest first). */
  tripleFault(chain: readonly ChainedException[]): void;
  /** Runs `body` while every other vCPU is quiescent (misaligned LOCK). */
  exclusive(body: () => void): void;
  /**
   * The same as a pair, for an instruction that generated code finishes in between: every other vCPU is quiescent from the one call
   * to the other. Absent: there is no other vCPU.
   */
  beginExclusive?(): void;
  endExclusive?(): void;

  /** A program spins. It may set Attention.timer, which is looked at right behind the instruction. Absent: there is no other vCPU. */
  pause?(): void;

  /** Absent: there is no System Management Mode; RSM is #UD. */
  readonly systemManagement?: SystemManagementPlatform | undefined;
  /** Absent: there is no SMRAM. */
  readonly smram?: SmramView | undefined;

  /** Absent: there is no other vCPU. */
  readonly coherence?: CodeCoherence | undefined;
  /** Judges writes to pages with Page.traced. Absent: the flag means nothing. */
  readonly guard?: WriteGuard | undefined;
  /** VMCALL and VMMCALL at CPL 0. Absent: nobody listens, and both are #UD as on a processor without VMX. */
  readonly hypercalls?: Hypercalls | undefined;
  /** Attention.peek: serves what tools ask, between two instructions. Absent: nobody asks. */
  servePeeks?(): void;
  /** What Attention.flush is about: a set of FlushScope, read and cleared. Absent: everything. */
  flushScope?(): number;
}

/** General registers of a hypercall, 32 bits unsigned each; the answer is left in them. */
export interface HypercallRegisters {
  eax: number;
  ebx: number;
  ecx: number;
  edx: number;
  esi: number;
  edi: number;
}

/** docs/formats/hypercalls.md; on the vCPU's own thread. */
export interface Hypercalls {
  /** Leaf 0x40000001 of CPUID. */
  readonly version: number;
  readonly features: number;
  call(registers: HypercallRegisters): void;
}

/** What System Management Mode needs of the machine. */
export interface SystemManagementPlatform {
  /** Index in `io`. */
  readonly cpu: number;
  readonly map: SaveStateMap;
  readonly io: SmiIo;
  /** Between two instructions outside of SMM: the thread has to enter SMM, or to end it behind RSM. */
  due(): boolean;
  /** RSM shuts the processor down. */
  shutdown(reason: string): void;
}

/** Pages with Page.smram in the one view of memory: their address in `memory`, or 0 while SMRAM is not in the view. */
export interface SmramView {
  codePage(page: number): number;
  /** Also 0 while data accesses are to pass by SMRAM. */
  dataPage(page: number): number;
}

/** What vCPUs that decode the same memory owe each other; see machine/code-coherence.ts. On the vCPU's own thread. */
export interface CodeCoherence {
  /** Before bytes of a page are decoded: when it comes back Page.code is in force, no vCPU writes the page behind our back. */
  markPage(page: number): void;
  /** After bytes were decoded: true if the lines were not known as code before, then they have to be read again. */
  markLines(page: number, first: number, size: number): boolean;
  /** How often decoded bytes of the page were written; to be asked before they are read. */
  generation(page: number): number;
  /** Before a store to a page with Page.code. True: somebody may have decoded the bytes, `stored` has to follow the store. */
  announceWrite(page: number, first: number, size: number): boolean;
  stored(page: number, first: number, size: number): void;
}

/** What has to be forgotten at Attention.flush. */
export const enum FlushScope {
  /** A new epoch began, or an attribute that concerns writes was set. */
  writes = 1 << 0,
  /** Backing or attributes of pages changed. */
  translations = 1 << 1,
  /** All decoded code: what lies behind physical addresses changed. */
  code = 1 << 2,
  /** Somebody else wrote code: decoded code of pages whose generation has moved. */
  changedCode = 1 << 3,
  /** A new epoch began for pages with Page.logged only. */
  loggedWrites = 1 << 4,
}
