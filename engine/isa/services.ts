/**
 * What generated code calls when an instruction needs more than registers, flags and translated memory. cpu/ implements
 * this interface over the vCPU block; execute/ imports each member into the generated module under its own name.
 *
 * Conventions
 * - All arguments and results are 32-bit integers (results may be signed or unsigned); `segment` is a Seg times
 *   segmentBytes, `size` is bytes, `operandSize` is 2 or 4.
 * - A service signals an exception by setting faultVector (and faultCode, faultAddress) and returning 0. Generated code
 *   tests faultVector after each call, and leaves with Exit.fault and eip = the start of the instruction. Nothing
 *   architectural may have changed by then.
 * - Control services (marked C) find eip = the *next* instruction, may change it, and are always followed by a fresh block
 *   look-up at eip. If a fault arises after their point of no return (task switch), they deliver it themselves.
 * - Whoever changes what cached translations or decoded code depend on (CR0, CR3, CR4, EFER, CPL, CS, SS) keeps `tlb`,
 *   `codeContext`, `stackMask` and the jump cache right before returning.
 */
export interface Services {
  /**
   * Slow path of a read: limit check, alignment check, translation (fills the TLB), MMIO, page crossing, watchpoints.
   * Returns the address in memory where the `size` (1, 2, 4, 8) bytes can be loaded: the guest page, or the bounce buffer.
   */
  readSlow(segment: number, offset: number, size: number): number;
  /**
   * Slow path of a write. Returns where the bytes are to be stored: the guest page, or the bounce buffer; after storing to
   * the bounce buffer generated code calls commitWrite. All checks are made here, before anything is stored.
   */
  writeSlow(segment: number, offset: number, size: number): number;
  /** As writeSlow for read-modify-write: the bounce buffer already holds the old value. */
  updateSlow(segment: number, offset: number, size: number): number;
  /** As updateSlow under LOCK; a page-crossing or misaligned operand takes exclusivity until commitWrite. */
  lockedSlow(segment: number, offset: number, size: number): number;
  /** Carries the bounce buffer out to where the last slow call said it belongs. Never faults. */
  commitWrite(): void;
  /** Checks that `size` bytes could be written (translation filled, nothing stored): ENTER, CALL, string groups. */
  probeWrite(segment: number, offset: number, size: number): void;

  /** Loads a data or stack segment register (MOV, POP, LDS ...) with all checks. Sets the MOV SS shadow for SS. */
  loadSegment(seg: number, selector: number): void;

  /** C */ farJump(selector: number, offset: number, operandSize: number): void;
  /** C */ farCall(selector: number, offset: number, operandSize: number): void;
  /** C */ farReturn(operandSize: number, popBytes: number): void;
  /** C */ interruptReturn(operandSize: number): void;
  /** C. INT n, INT3 (vector 3), INTO (4), INT1 (1): `kind` 0 INT n, 1 INT3 / INTO, 2 INT1. */
  softwareInterrupt(vector: number, kind: number): void;
  /** C */ sysenter(): void;
  /** C */ sysexit(): void;
  /** C. #UD outside SMM. */
  rsm(): void;
  /** C. A program spins. */
  pause(): void;
  /** C. Checks CPL; the run loop stops at Exit.halt. */
  halt(): void;
  /** C. Checks IOPL, PVI and VME; sets the STI shadow when IF went from 0 to 1. */
  sti(): void;
  cli(): void;
  /** The image PUSHF stores (VM and RF clear); checks IOPL in virtual-8086 mode. */
  pushFlags(operandSize: number): number;
  /** C */ popFlags(value: number, operandSize: number): void;

  /** C */ moveToControl(register: number, value: number): void;
  moveFromControl(register: number): number;
  /** C */ moveToDebug(register: number, value: number): void;
  moveFromDebug(register: number): number;
  /** C */ loadMachineStatusWord(value: number): void;
  /** C */ clearTaskSwitched(): void;
  loadGlobalTable(segment: number, offset: number, operandSize: number): void;
  loadInterruptTable(segment: number, offset: number, operandSize: number): void;
  storeGlobalTable(segment: number, offset: number, operandSize: number): void;
  storeInterruptTable(segment: number, offset: number, operandSize: number): void;
  loadLocalTable(selector: number): void;
  loadTaskRegister(selector: number): void;
  /** Selector of LDTR / TR for SLDT / STR; #UD in real and virtual-8086 mode. */
  storeLocalTable(): number;
  storeTaskRegister(): number;
  /** LAR, LSL: sets ZF (flagZero) and returns the rights / limit; ZF clear leaves `old` as the result. */
  loadAccessRights(selector: number, old: number, operandSize: number): number;
  loadSegmentLimit(selector: number, old: number, operandSize: number): number;
  /** VERR, VERW: set ZF. */
  verifyRead(selector: number): void;
  verifyWrite(selector: number): void;
  /** #UD unless protected mode and not virtual-8086 (ARPL). */
  requireProtected(): void;
  /** #GP(0) unless CPL is 0; before a privileged instruction reads memory. */
  requirePrivilege(): void;

  cpuid(): void;
  /** EDX:EAX from ECX. */
  readMsr(): void;
  /** C */ writeMsr(): void;
  /** EDX:EAX; checks CR4.TSD. */
  readTimestamp(): void;
  readPerformanceCounter(): void;
  /** C */ invalidatePage(segment: number, offset: number): void;
  /** WBINVD, INVD: checks CPL. */
  writeBackCaches(): void;

  /** IN, INS, OUT, OUTS: checks IOPL and the I/O bitmap, then carries out the access. */
  portRead(port: number, size: number): number;
  portWrite(port: number, size: number, value: number): void;
  /** Only the check; before INS translates its destination. */
  checkPort(port: number, size: number): void;

  /** C. VMCALL / VMMCALL. */
  hypercall(): void;
  /**
   * An x87 instruction without memory operand: X87 with pops (popShift), numbers of destination and source register. These three
   * raise #NM and #MF. `instructionPointer` is the instruction's offset in CS.
   */
  x87Stack(operation: number, destination: number, source: number, instructionPointer: number): void;
  /** An x87 instruction with a memory operand of `format` (X87Format). */
  x87Memory(operation: number, format: number, segment: number, offset: number, instructionPointer: number): void;
  /** WAIT. */
  x87Wait(): void;
}

export type ServiceName = keyof Services;
