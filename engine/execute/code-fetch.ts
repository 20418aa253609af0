/** What the block cache needs of cpu/ to fetch code. */

/** What code context numbers (vcpuState.codeContext) stand for. */
export interface CodeContext {
  /** CS base and limit (unsigned 32 bits). */
  readonly base: number;
  readonly limit: number;
  /** CS.D: 32-bit code. */
  readonly big: boolean;
  /** One instruction per block, never cached: single-stepping, shadows, the end of a budget. */
  readonly single: boolean;
}

export interface CodeFetch {
  context(id: number): CodeContext;
  /**
   * Guest-physical address of a linear address for instruction fetch at the current privilege (sets the A bit, checks NX),
   * or -1 with faultVector, faultCode and faultAddress set.
   */
  translate(linear: number): number;
  /** True: an instruction at this offset of a page starts a block and is not linked, since the debugger may stop there. */
  splits?(pageOffset: number): boolean;
  /** Address in memory of the bytes of a guest-physical page, or 0 if it has none (MMIO, hole). */
  page(physicalPage: number): number;
  /** One byte of a page without backing. */
  readByte(physical: number): number;
  /** Called before a page's bytes are decoded: from now on writes to it must drop its records. */
  markCode(physicalPage: number): void;
  /**
   * Called after bytes of a page with backing were decoded. True: nobody had decoded these lines before and somebody might have been writing
   * them, so they have to be decoded again.
   */
  markLines(physicalPage: number, first: number, size: number): boolean;
  /** Moves when decoded bytes of the page were written by others; see dropChanged. */
  generation(physicalPage: number): number;
}
