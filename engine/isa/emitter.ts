/**
 * What the semantics of an instruction may say. The interpreter implements it with operands fetched from a decoded
 * record, a translator with operands known; the semantics cannot tell the difference.
 *
 * Values are 32-bit. A value of a smaller size is zero-extended unless the name says otherwise; when storing, bits above the
 * size are ignored. All reads evaluate at once into a local, so the order of calls is the order of effects.
 * An access that faults leaves the instruction at once, precisely: change nothing before the last access that may fault,
 * or know why repeating it does no harm.
 */
import type { FunctionBuilder } from '../wasm/function.ts';
import type { I32, I64 } from '../wasm/value.ts';
import type { ServiceName } from './services.ts';
import type { Exit, Reg, Seg, vcpuState } from './state.ts';

/** Bytes. */
export type Size = 1 | 2 | 4;
export type StateField = keyof typeof vcpuState.offset;

/** How one operand of a sized form is found. */
export type OperandShape =
  | { readonly kind: 'register'; readonly size: Size }
  /** size 0: the address alone; 6 and 8: pseudo-descriptor, far pointer, quadword, BOUND's pair (the semantics picks it apart). */
  | { readonly kind: 'memory'; readonly size: number }
  | { readonly kind: 'immediate'; readonly size: Size }
  /** A constant 1 (shifts). */
  | { readonly kind: 'one' }
  /** Segment, control or debug register, x87 stack register: `read` gives its number. */
  | { readonly kind: 'segment' | 'control' | 'debug' | 'stack' }
  | { readonly kind: 'relative' }
  | { readonly kind: 'far' }
  /** String operands and DX of IN / OUT. */
  | { readonly kind: 'implicit'; readonly size: number };

export interface Emitter {
  readonly f: FunctionBuilder;
  /** Bytes: 2 or 4. Meaningful only for forms whose size varies. */
  readonly operandSize: 2 | 4;
  /** Bytes: 2 or 4. Meaningful only for instructions with `addressSized`. */
  readonly addressSize: 2 | 4;
  readonly repeat: 'none' | 'rep' | 'repne';
  readonly operands: readonly OperandShape[];

  /** Size of operand `n`; throws for operands that have none of 1, 2, 4. */
  size(n: number): Size;
  isMemory(n: number): boolean;
  /** The operand's value: register, memory, immediate, number of a segment / control / debug / x87 stack register. */
  read(n: number): I32;
  write(n: number, value: I32): void;
  /**
   * Read-modify-write, atomic under LOCK (then `change` may run again). `change` maps the old value to the new one and may set
   * flags and locals; the store happens after it and cannot fault. `locked` makes it atomic without a prefix (XCHG).
   */
  update(n: number, change: (old: I32) => I32, options?: { locked?: boolean }): void;
  /** The same for 8 bytes (CMPXCHG8B). */
  updateWide(n: number, change: (old: I64) => I64): void;
  /** Effective offset of memory operand `n`, wrapped to the address size. */
  offset(n: number): I32;
  /** The segment a memory or string operand goes through, as services want it (Seg times segmentBytes). */
  segment(): I32;
  /** Low half and (ENTER, far pointers) high half of the immediate. */
  immediate(): I32;
  immediateHigh(): I32;

  /** Memory at `offset` in a segment. `segment` is a Seg constant or `segment()`. */
  load(segment: Seg | I32, offset: I32, size: Size): I32;
  store(segment: Seg | I32, offset: I32, size: Size, value: I32): void;
  /**
   * Where `size` bytes at `offset` lie in memory if the fast path allows it (limit, translation, no special page), else 0; no
   * fault. `room` is set to the bytes from there to the page's end.
   */
  direct(segment: Seg | I32, offset: I32, size: Size, access: 'read' | 'write', room: (bytes: I32) => void): I32;

  /** 1 if the `bytes` from `offset` reach beyond what the segment's fast path allows, else 0. */
  beyond(segment: Seg | I32, offset: I32, bytes: I32, access: 'read' | 'write'): I32;
  /** A segment as services want it. */
  segmentConstant(seg: Seg): I32;

  /** General registers by number; sizes 1 are AL CL DL BL AH CH DH BH. */
  register(reg: Reg, size?: Size): I32;
  setRegister(reg: Reg, value: I32, size?: Size): void;
  /** A 32-bit field of the vCPU block, or the low half of a 64-bit one. */
  field(name: StateField): I32;
  setField(name: StateField, value: I32): void;
  /** Selector of a segment register whose number is `seg`. */
  selector(seg: I32): I32;

  /** Pushes one stack item of `size` bytes (SS:ESP by SS.B). Nothing changes if it faults. */
  push(value: I32, size: 2 | 4): void;
  /** The value at `depth` bytes above the top of the stack, without popping. */
  peekStack(depth: number, size: 2 | 4): I32;
  /** Memory at (E)SP + displacement, wrapped to the stack's width; ESP stays. */
  storeStackAt(displacement: I32, size: 2 | 4, value: I32): void;
  /** Faults now if `bytes` from (E)SP + displacement could not be written. */
  probeStackAt(displacement: I32, bytes: number): void;
  /** Memory at SS:(E)BP + displacement. */
  loadFrame(displacement: I32, size: 2 | 4): I32;
  /** `value` in the part of a 32-bit register that the stack's width covers, the rest from `register`. */
  mergeStack(register: I32, value: I32): I32;
  /** (E)SP + bytes by the stack's width, as a whole 32-bit register. */
  steppedStack(bytes: I32): I32;
  /** Adds to SP or ESP by the stack's width. */
  adjustStack(bytes: I32): void;

  /** Offset of this and of the next instruction in CS. */
  instructionPointer(): I32;
  nextInstructionPointer(): I32;
  /** Goes to `displacement` (operand 0 of kind relative) behind this instruction. */
  jumpRelative(): void;
  /** #GP(0) if `offset` (default: the relative target) lies beyond CS's limit. */
  checkTarget(offset?: I32): void;
  /** Goes on at the next instruction as a new block, so that a changed IF, shadow or mode is seen. */
  flow(): void;
  /** Near jump to an offset; already cut to the operand size and checked. */
  jump(offset: I32): void;
  /**
   * Leaves the interpreter in front of this instruction, which has done a part of its work and will be started again
   * (repeated strings). Whoever drives it looks at `attention` and `debugPending` then.
   */
  restart(): void;
  /**
   * What follows may not be started twice: nothing of it happens in a function that hands over at its first slow access (ENTER,
   * whose pushes may overlap what it still has to read).
   */
  once(): void;
  /** Leaves the interpreter with this reason; eip behind the instruction. */
  exit(reason: Exit): void;

  /** Raises an exception at this instruction. */
  fault(vector: number, code?: number): void;
  call(service: ServiceName, ...operands: I32[]): void;
  callFor(service: ServiceName, ...operands: I32[]): I32;
  /** As `call` with eip = next; goes on at whatever eip the service left. Nothing may follow. */
  callControl(service: ServiceName, ...operands: I32[]): void;
  /** As `callControl`, but leaves the interpreter: not even the code at the new eip is looked for. */
  callAndExit(service: ServiceName, reason: Exit): void;
}
