/**
 * The architectural state of one vCPU as the semantics of instructions see it: one block per vCPU in the shared
 * memory (architecture.md, section 2). Interpreter, cpu/, debugger and reports all read these very bytes.
 *
 * Rules
 * - General registers come first, so that a register's byte offset fits a decoded record's u8 (AH is slot 0 + 1).
 * - Slot 16 is always zero: the base or index of an address that has none.
 * - Flags are lazy: OF SF ZF AF PF CF live in flagZero, flagSignParity and flagAux (see flags.ts); all other
 *   bits live in `eflags`, whose six arithmetic bits are meaningless. cpu/ and tools use readEflags/writeEflags.
 */
import { array, defineBlock, scalar } from '../layout/block.ts';

export const enum Reg {
  eax,
  ecx,
  edx,
  ebx,
  esp,
  ebp,
  esi,
  edi,
  /** Reads as zero. */
  zero = 16,
}

/** Order of the segment registers in their encodings (SDM vol. 2, 3.1.1.3), then the system segments. */
export const enum Seg {
  es,
  cs,
  ss,
  ds,
  fs,
  gs,
  ldt,
  tr,
}

/**
 * One segment register's cache, 32 bytes:
 * 0 base u64 · 8 readEnd i64 · 16 writeEnd i64 · 24 limit u32 · 28 attributes u16 · 30 selector u16.
 * readEnd / writeEnd: the highest offset of the last byte that a read / write may touch without the slow path;
 * -1 sends every access to the slow path (expand-down, null, not readable, not writable).
 * attributes: bits 40-47 and 52-55 of the descriptor as bits 0-7 and 12-15 (type, S, DPL, P, AVL, L, D/B, G).
 */
export const segmentBytes = 32;
export const segmentField = { base: 0, readEnd: 8, writeEnd: 16, limit: 24, attributes: 28, selector: 30 } as const;

/** Why the interpreter came back to JavaScript. */
export const enum Exit {
  none,
  /** The instruction budget is used up. */
  budget,
  /** `attention` was not zero at a block entry. */
  attention,
  /** An exception is to be delivered: faultVector, faultCode, faultAddress; eip is the faulting instruction. */
  fault,
  /** HLT was retired; eip is behind it. */
  halt,
  /** A service changed more than the interpreter may go on with (mode, reset, shutdown); eip is valid. */
  service,
}

/** Bits of `attention`: what a vCPU has to look at before its next block. Set by anybody with Atomics.or, cleared by the vCPU. */
export const enum Attention {
  /** The PIC or local APIC has an interrupt to offer. */
  interrupt = 1 << 0,
  nmi = 1 << 1,
  smi = 1 << 2,
  init = 1 << 3,
  sipi = 1 << 4,
  /** The stop word of the machine changed. */
  stop = 1 << 5,
  /** An interrupt shadow, TF or a debug register wants instruction-wise execution. */
  step = 1 << 6,
  /** Cached code or translations must be dropped (another vCPU wrote code, or a page attribute changed). */
  flush = 1 << 7,
  /** A timer deadline of the virtual clock is due. */
  timer = 1 << 8,
  /** A tool asks this vCPU to read memory for it, between two instructions. */
  peek = 1 << 9,
}

export const vcpuState = defineBlock('vcpu', 2, {
  /** General registers, 16 slots of 64 bits, then the zero slot and 7 spare ones. */
  registers: array('u64', 24),
  /** Segment caches in the order of Seg, segmentBytes each. */
  segments: array('u8', 8 * segmentBytes),

  /** ZF is set when this is 0. */
  flagZero: scalar('i32'),
  /** Bit 31 is SF; PF is the parity of the low byte. */
  flagSignParity: scalar('i32'),
  /** Bit 31 is CF, bit 31 ^ bit 30 is OF, bit 3 is AF. */
  flagAux: scalar('i32'),
  /** All flags but the six arithmetic ones; bit 1 set. */
  eflags: scalar('u32'),
  /** Offset of the next instruction in CS; 64 bits wide. Valid whenever the interpreter is not running. */
  eip: scalar('u64'),
  /** 0xffff or 0xffffffff by SS.B. */
  stackMask: scalar('u32'),
  /** Current privilege level 0-3. */
  cpl: scalar('u32'),

  cr0: scalar('u32'),
  cr2: scalar('u64'),
  cr3: scalar('u64'),
  cr4: scalar('u32'),
  efer: scalar('u32'),
  dr: array('u64', 8),
  gdtBase: scalar('u64'),
  gdtLimit: scalar('u32'),
  idtBase: scalar('u64'),
  idtLimit: scalar('u32'),

  /** Atomics only; see Attention. */
  attention: scalar('i32'),
  /** See Exit. */
  exitReason: scalar('u32'),
  /** Vector of a pending exception, or -1. Slow paths and services set it; generated code tests it. */
  faultVector: scalar('i32'),
  faultCode: scalar('u32'),
  faultAddress: scalar('u64'),
  /** 1: STI shadow, 2: MOV SS / POP SS shadow. Ends after the next instruction. */
  interruptShadow: scalar('u32'),
  /** 0 running, 1 HLT, 2 waiting for SIPI, 3 shutdown. */
  activity: scalar('u32'),

  /** Instructions that may still be retired before Exit.budget. Exact whenever a service runs (the running one not counted). */
  budget: scalar('i32'),
  /** Record to go on with between the interpreter's functions, and the branch record that wants to be linked (or 0, 1). */
  resumeRecord: scalar('u32'),
  resumeFrom: scalar('u32'),
  /** EIP of the first byte of the page whose records are being executed (mod 2^32). */
  pageEip: scalar('u32'),
  /** Instructions retired since the machine was created; brought up to date at each return to JavaScript. */
  retired: scalar('u64'),

  /** Memory address of the TLB half in use (user or supervisor). */
  tlb: scalar('u32'),
  /** Memory address of this vCPU's jump cache. */
  jumpCache: scalar('u32'),
  /** Identifies (CS base, limit, D, step) to the jump cache. */
  codeContext: scalar('u32'),
  /** Non-zero: the bounce buffer holds a store that commitWrite has to carry out; generated code tests the address instead. */
  bounceAddress: scalar('u64'),
  /** Where slow paths put the bytes of MMIO, page-crossing and watched accesses; 8-byte aligned for atomics. */
  bounce: array('u8', 16),
  bounceSize: scalar('u32'),

  /** MSRs that are plain storage. */
  sysenterCs: scalar('u32'),
  sysenterEsp: scalar('u64'),
  sysenterEip: scalar('u64'),
  apicBase: scalar('u64'),
  tscOffset: scalar('u64'),
  patMsr: scalar('u64'),
  miscEnable: scalar('u64'),
  mtrrDefault: scalar('u64'),
  mtrrs: array('u64', 32),
  xcr0: scalar('u64'),
  smbase: scalar('u32'),
  /** NMI is blocked until IRET. */
  nmiBlocked: scalar('u32'),
  inSmm: scalar('u32'),
  /** DR6 bits that a data or I/O watchpoint set during the running instruction. */
  debugPending: scalar('u32'),
  /** Exits to JavaScript by reason, index Exit. */
  exits: array('u32', 16),
  /** Exceptions delivered, by vector. */
  exceptions: array('u32', 32),
  /** Interrupts delivered. */
  interrupts: scalar('u32'),
  /** Attention bits that were taken off `attention` but must wait for their condition (an NMI while NMIs are blocked). */
  latched: scalar('u32'),
  /** The page-directory-pointer entries that MOV to CR3 loaded in PAE mode (SDM vol. 3, 4.4.1). */
  pdptes: array('u64', 4),

  /** The x87's physical registers R0-R7, two words each: mantissa; sign and exponent as bits 15 and 0-14. */
  fpuRegisters: array('u64', 16),
  fpuControl: scalar('u32'),
  /** TOP included. */
  fpuStatus: scalar('u32'),
  /** Bit n: R n is not empty (the abridged tag word of FXSAVE). */
  fpuTags: scalar('u32'),
  /** The last instruction that was not a control instruction: the eleven bits of its opcode, and where it and its operand lay. */
  fpuOpcode: scalar('u32'),
  fpuInstructionSelector: scalar('u32'),
  fpuInstructionOffset: scalar('u64'),
  fpuDataSelector: scalar('u32'),
  fpuDataOffset: scalar('u64'),
});

export type VcpuState = ReturnType<typeof vcpuState.at>;
