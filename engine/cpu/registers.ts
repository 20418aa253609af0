/**
 * Fast typed access to one vCPU block from TypeScript. The words are read and written in place, so interpreter, tools and
 * other threads see the same bytes; nothing is cached here. 64-bit fields are used by their low half: the high halves stay zero
 * outside 64-bit mode.
 */
import { segmentBytes, segmentField, Seg, vcpuState, type VcpuState } from '../isa/state.ts';

const at = vcpuState.offset;
const word = (offset: number): number => offset >>> 2;

const index = {
  registers: word(at.registers),
  flagZero: word(at.flagZero),
  flagSignParity: word(at.flagSignParity),
  flagAux: word(at.flagAux),
  eflags: word(at.eflags),
  eip: word(at.eip),
  stackMask: word(at.stackMask),
  cpl: word(at.cpl),
  cr0: word(at.cr0),
  cr2: word(at.cr2),
  cr3: word(at.cr3),
  cr4: word(at.cr4),
  efer: word(at.efer),
  dr: word(at.dr),
  gdtBase: word(at.gdtBase),
  gdtLimit: word(at.gdtLimit),
  idtBase: word(at.idtBase),
  idtLimit: word(at.idtLimit),
  attention: word(at.attention),
  faultVector: word(at.faultVector),
  faultCode: word(at.faultCode),
  faultAddress: word(at.faultAddress),
  interruptShadow: word(at.interruptShadow),
  activity: word(at.activity),
  budget: word(at.budget),
  tlb: word(at.tlb),
  codeContext: word(at.codeContext),
  bounceSize: word(at.bounceSize),
  nmiBlocked: word(at.nmiBlocked),
  inSmm: word(at.inSmm),
  debugPending: word(at.debugPending),
  latched: word(at.latched),
  pdptes: word(at.pdptes),
  exits: word(at.exits),
  exceptions: word(at.exceptions),
  interrupts: word(at.interrupts),
} as const;

const segmentWord = (segment: number, field: number): number => (at.segments + segment * segmentBytes + field) >>> 2;

/** Descriptor rights in the block's form: bits 40-47 of the descriptor as bits 0-7, 52-55 as 12-15. */
export const rights = {
  accessed: 1 << 0,
  /** Data: writable. Code: readable. */
  writable: 1 << 1,
  readable: 1 << 1,
  /** Data: grows down. Code: conforming. */
  expandDown: 1 << 2,
  conforming: 1 << 2,
  code: 1 << 3,
  /** Set for code and data, clear for system segments and gates. */
  segment: 1 << 4,
  dplShift: 5,
  present: 1 << 7,
  big: 1 << 14,
  granular: 1 << 15,
} as const;

/** A present, writable, accessed data segment of DPL 0: what real mode makes of every segment. */
export const realModeRights = 0x93;
/** The same with DPL 3: what virtual-8086 mode makes of every segment. */
export const virtual8086Rights = 0xf3;

/** One vCPU block. Used on the vCPU's thread, or anywhere while the vCPU stands still. */
export class CpuState {
  readonly block: VcpuState;
  readonly buffer: SharedArrayBuffer;
  /** Words of the block. `i32` may be used with Atomics. */
  readonly i32: Int32Array<SharedArrayBuffer>;
  readonly u32: Uint32Array<SharedArrayBuffer>;
  readonly u16: Uint16Array<SharedArrayBuffer>;
  readonly u8: Uint8Array<SharedArrayBuffer>;
  /** Address in memory of the bounce buffer. */
  readonly bounceAddress: number;

  constructor(
    buffer: SharedArrayBuffer,
    readonly base: number,
  ) {
    this.block = vcpuState.at(buffer, base);
    this.buffer = buffer;
    this.i32 = new Int32Array(buffer, base, vcpuState.size / 4);
    this.u32 = new Uint32Array(buffer, base, vcpuState.size / 4);
    this.u16 = new Uint16Array(buffer, base, vcpuState.size / 2);
    this.u8 = new Uint8Array(buffer, base, vcpuState.size);
    this.bounceAddress = base + at.bounce;
  }

  /** General register by number (Reg), all 32 bits. */
  register(number: number): number {
    return this.u32[index.registers + 2 * number]!;
  }
  setRegister(number: number, value: number): void {
    this.u32[index.registers + 2 * number] = value;
  }

  get esp(): number {
    return this.u32[index.registers + 8]!;
  }
  set esp(value: number) {
    this.u32[index.registers + 8] = value;
  }

  get eip(): number {
    return this.u32[index.eip]!;
  }
  set eip(value: number) {
    this.u32[index.eip] = value;
  }

  get flagZero(): number {
    return this.i32[index.flagZero]!;
  }
  set flagZero(value: number) {
    this.i32[index.flagZero] = value;
  }
  get flagSignParity(): number {
    return this.i32[index.flagSignParity]!;
  }
  set flagSignParity(value: number) {
    this.i32[index.flagSignParity] = value;
  }
  get flagAux(): number {
    return this.i32[index.flagAux]!;
  }
  set flagAux(value: number) {
    this.i32[index.flagAux] = value;
  }
  /** The flags that are not arithmetic; see flags.ts for the whole register. */
  get eflags(): number {
    return this.u32[index.eflags]!;
  }
  set eflags(value: number) {
    this.u32[index.eflags] = value;
  }

  get stackMask(): number {
    return this.u32[index.stackMask]!;
  }
  set stackMask(value: number) {
    this.u32[index.stackMask] = value;
  }
  get cpl(): number {
    return this.u32[index.cpl]!;
  }
  set cpl(value: number) {
    this.u32[index.cpl] = value;
  }

  get cr0(): number {
    return this.u32[index.cr0]!;
  }
  set cr0(value: number) {
    this.u32[index.cr0] = value;
  }
  get cr2(): number {
    return this.u32[index.cr2]!;
  }
  set cr2(value: number) {
    this.u32[index.cr2] = value;
  }
  get cr3(): number {
    return this.u32[index.cr3]!;
  }
  set cr3(value: number) {
    this.u32[index.cr3] = value;
  }
  get cr4(): number {
    return this.u32[index.cr4]!;
  }
  set cr4(value: number) {
    this.u32[index.cr4] = value;
  }
  get efer(): number {
    return this.u32[index.efer]!;
  }
  set efer(value: number) {
    this.u32[index.efer] = value;
  }
  /** DR0-DR7. */
  debugRegister(number: number): number {
    return this.u32[index.dr + 2 * number]!;
  }
  setDebugRegister(number: number, value: number): void {
    this.u32[index.dr + 2 * number] = value;
  }
  /** Word `half` (0 low, 1 high) of a PAE page-directory-pointer entry as loaded by CR3 (SDM vol. 3, 4.4.1). */
  pdpte(number: number, half: number): number {
    return this.u32[index.pdptes + 2 * number + half]!;
  }
  setPdpte(number: number, low: number, high: number): void {
    this.u32[index.pdptes + 2 * number] = low;
    this.u32[index.pdptes + 2 * number + 1] = high;
  }

  get gdtBase(): number {
    return this.u32[index.gdtBase]!;
  }
  set gdtBase(value: number) {
    this.u32[index.gdtBase] = value;
  }
  get gdtLimit(): number {
    return this.u32[index.gdtLimit]!;
  }
  set gdtLimit(value: number) {
    this.u32[index.gdtLimit] = value;
  }
  get idtBase(): number {
    return this.u32[index.idtBase]!;
  }
  set idtBase(value: number) {
    this.u32[index.idtBase] = value;
  }
  get idtLimit(): number {
    return this.u32[index.idtLimit]!;
  }
  set idtLimit(value: number) {
    this.u32[index.idtLimit] = value;
  }

  get faultVector(): number {
    return this.i32[index.faultVector]!;
  }
  set faultVector(value: number) {
    this.i32[index.faultVector] = value;
  }
  get faultCode(): number {
    return this.u32[index.faultCode]!;
  }
  get faultAddress(): number {
    return this.u32[index.faultAddress]!;
  }
  set faultAddress(value: number) {
    this.u32[index.faultAddress] = value;
  }
  /** Notes a pending exception. */
  fault(vector: number, code: number): void {
    this.i32[index.faultVector] = vector;
    this.u32[index.faultCode] = code;
  }

  get interruptShadow(): number {
    return this.u32[index.interruptShadow]!;
  }
  set interruptShadow(value: number) {
    this.u32[index.interruptShadow] = value;
  }
  get activity(): number {
    return this.u32[index.activity]!;
  }
  set activity(value: number) {
    this.u32[index.activity] = value;
  }
  get budget(): number {
    return this.i32[index.budget]!;
  }
  set budget(value: number) {
    this.i32[index.budget] = value;
  }
  set tlb(value: number) {
    this.u32[index.tlb] = value;
  }
  get codeContext(): number {
    return this.u32[index.codeContext]!;
  }
  set codeContext(value: number) {
    this.u32[index.codeContext] = value;
  }
  set bounceSize(value: number) {
    this.u32[index.bounceSize] = value;
  }
  get nmiBlocked(): number {
    return this.u32[index.nmiBlocked]!;
  }
  set nmiBlocked(value: number) {
    this.u32[index.nmiBlocked] = value;
  }
  get inSmm(): number {
    return this.u32[index.inSmm]!;
  }
  set inSmm(value: number) {
    this.u32[index.inSmm] = value;
  }
  get debugPending(): number {
    return this.u32[index.debugPending]!;
  }
  set debugPending(value: number) {
    this.u32[index.debugPending] = value;
  }
  get latched(): number {
    return this.u32[index.latched]!;
  }
  set latched(value: number) {
    this.u32[index.latched] = value;
  }

  /** Attention bits, read without clearing. */
  get attention(): number {
    return Atomics.load(this.i32, index.attention);
  }
  /** Sets attention bits; any thread. */
  requestAttention(bits: number): void {
    Atomics.or(this.i32, index.attention, bits);
  }
  /** Clears `bits` and returns those of them that were set. */
  takeAttention(bits: number): number {
    return Atomics.and(this.i32, index.attention, ~bits) & bits;
  }

  countExit(reason: number): void {
    this.u32[index.exits + reason]!++;
  }
  countException(vector: number): void {
    this.u32[index.exceptions + vector]!++;
  }
  countInterrupt(): void {
    this.u32[index.interrupts]!++;
  }

  segmentBase(segment: number): number {
    return this.u32[segmentWord(segment, segmentField.base)]!;
  }
  /** The highest offset (or, expand-down, the offset below the lowest), granularity applied. */
  segmentLimit(segment: number): number {
    return this.u32[segmentWord(segment, segmentField.limit)]!;
  }
  segmentRights(segment: number): number {
    return this.u16[(at.segments + segment * segmentBytes + segmentField.attributes) >>> 1]!;
  }
  selector(segment: number): number {
    return this.u16[(at.segments + segment * segmentBytes + segmentField.selector) >>> 1]!;
  }
  setSelector(segment: number, selector: number): void {
    this.u16[(at.segments + segment * segmentBytes + segmentField.selector) >>> 1] = selector;
  }

  /**
   * Fills a segment cache and derives readEnd and writeEnd from limit and rights; for SS the stack mask, too. The caller
   * brings the code context up to date when it is CS (Cpu.updateContext). `segmentRights` 0 makes the segment unusable.
   */
  setSegment(segment: number, selector: number, base: number, limit: number, segmentRights: number): void {
    const first = segmentWord(segment, 0);
    this.u32[first] = base;
    this.u32[first + 1] = 0;
    this.u32[first + (segmentField.limit >>> 2)] = limit;
    this.u16[2 * first + (segmentField.attributes >>> 1)] = segmentRights;
    this.u16[2 * first + (segmentField.selector >>> 1)] = selector;
    const usable = (segmentRights & (rights.present | rights.segment)) === (rights.present | rights.segment);
    const isCode = (segmentRights & rights.code) !== 0;
    const flatData = usable && !isCode && (segmentRights & rights.expandDown) === 0;
    const canRead = flatData || (usable && isCode && (segmentRights & rights.readable) !== 0);
    const canWrite = flatData && (segmentRights & rights.writable) !== 0;
    this.setEnd(first + (segmentField.readEnd >>> 2), canRead, limit);
    this.setEnd(first + (segmentField.writeEnd >>> 2), canWrite, limit);
    if (segment === Seg.ss) this.stackMask = segmentRights & rights.big ? 0xffffffff : 0xffff;
  }

  private setEnd(at: number, allowed: boolean, limit: number): void {
    this.u32[at] = allowed ? limit : 0xffffffff;
    this.u32[at + 1] = allowed ? 0 : 0xffffffff;
  }
}
