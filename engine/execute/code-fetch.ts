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
  /** Address in memory of the bytes of a guest-physical page, or 0 if it has none (MMIO, hole). */
  page(physicalPage: number): number;
  /** One byte of a page without backing. */
  readByte(physical: number): number;
  /** Called before a page's bytes are decoded: from now on writes to it must drop its records. */
  markCode(physicalPage: number): void;
}
