/**
 * What a vCPU needs from the machine it sits in. machine/ implements it; cpu/ knows nothing else of machine/.
 * All members are called on the vCPU's own thread (or on the service worker's while the machine is stopped).
 */

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
  smram = 1 << 6,
  /** Writes are logged by epoch: the first write in an epoch takes the slow path. */
  logged = 1 << 7,
}

/** Flags that keep a page out of the TLB's fast write path. */
export const slowWrite = Page.code | Page.traced | Page.watched | Page.logged;
/** Flags that keep a page out of the TLB's fast read path. */
export const slowRead = Page.watched;

/** Guest-physical address space in pages of 4 KiB; what lies above is a hole (reads as ones). */
export const physicalPages = 1 << 20;

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

  /** Access to a page without backing. `size` 1, 2 or 4, within one page. Holes read as ones and swallow writes. */
  mmioRead(address: number, size: number): number;
  mmioWrite(address: number, size: number, value: number): void;
  /** Port I/O; `size` 1, 2 or 4. Ports nobody owns read as ones. */
  portRead(port: number, size: number): number;
  portWrite(port: number, size: number, value: number): void;

  /** True while the interrupt controller has a vector to offer to this vCPU. Cheap; no lock. */
  interruptPending(): boolean;
  /** INTA cycle: the vector (0-255), or -1 when the request is gone. */
  acknowledgeInterrupt(): number;

  /** Guest time in nanoseconds since power-on, and the time-stamp counter. */
  now(): number;
  timestamp(): bigint;

  /** Another party has to act on this page's cached code on every vCPU (the writer has dropped its own). */
  codeWritten(physicalPage: number): void;
  /** Triple fault: posts the reset and records the chain of exceptions (vectors, oldest first). */
  tripleFault(chain: readonly { vector: number; code: number; eip: number; address: number }[]): void;
  /** Runs `body` while every other vCPU is quiescent (misaligned LOCK). */
  exclusive(body: () => void): void;
  /**
   * The same as a pair, for an instruction that generated code finishes in between: every other vCPU is quiescent from the one call
   * to the other. Absent: there is no other vCPU.
   */
  beginExclusive?(): void;
  endExclusive?(): void;

  /**
   * This vCPU set Page.code on a page: every other vCPU has to make its write entries slow (Attention.flush). Absent: there is
   * no other vCPU.
   */
  codeMarked?(physicalPage: number): void;
  /** What Attention.flush is about: a set of FlushScope, read and cleared. Absent: everything. */
  flushScope?(): number;
}

/** What has to be forgotten at Attention.flush. */
export const enum FlushScope {
  /** A new epoch began, or an attribute that concerns writes was set. */
  writes = 1 << 0,
  /** Backing or attributes of pages changed. */
  translations = 1 << 1,
  /** Somebody else wrote code. */
  code = 1 << 2,
}
