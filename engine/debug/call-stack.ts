/**
 * The call stack of a vCPU: the chain of saved EBPs (16 and 32 bits), and frames that an interrupt or exception pushed. It is a reading of
 * memory, not knowledge: code without frame pointers hides its callers, and the walk says where it had to end.
 */
import type { MemorySpace, VcpuRegisters } from '../machine/debug/calls.ts';
import type { Machine } from '../machine/machine.ts';

export interface StackFrame {
  /** `interrupt`: what called is the processor, and CS and flags stand on the stack as well. */
  readonly kind: 'top' | 'call' | 'interrupt';
  /** Offset in CS of the instruction that runs, or will be returned to. */
  readonly offset: number;
  readonly selector: number;
  /** The linear address of it. */
  readonly linear: number;
  /** Linear address of where the return address stands; undefined for the topmost frame. */
  readonly at: number | undefined;
  /** Error code that the exception pushed. */
  readonly errorCode: number | undefined;
}

export interface CallStack {
  readonly frames: readonly StackFrame[];
  /** Why there are no more frames. */
  readonly end: string;
}

const mostFrames = 64;
/** EFLAGS bit 1 is one; bits 3, 5, 15 and 22 to 31 are zero (SDM vol. 1, 3.4.3). */
const flagsOne = 0x2;
const flagsZero = 0xffc08028;
/** The longest CALL in front of a return address: FF /2 with SIB, displacement and a prefix. */
const longestCall = 8;

function named(vcpu: VcpuRegisters, name: string): number {
  return Number(vcpu.registers.find((each) => each.name === name)?.value ?? 0n);
}

/** True if some CALL ends at the end of these bytes. */
export function endsWithCall(bytes: Uint8Array, width: 2 | 4): boolean {
  const at = (fromEnd: number): number => bytes[bytes.length - fromEnd] ?? -1;
  if (at(width + 1) === 0xe8 || at(width + 3) === 0x9a) return true;
  for (let length = 2; length < longestCall; length++) {
    if (at(length) !== 0xff) continue;
    const modrm = at(length - 1);
    const operation = (modrm >> 3) & 7;
    if ((operation === 2 || operation === 3) && indirectLength(modrm, at(length - 2), width) === length) return true;
  }
  return false;
}

/** Bytes of FF with this ModRM (SDM vol. 2, tables 2-1 and 2-2). */
function indirectLength(modrm: number, sib: number, width: 2 | 4): number {
  const mod = modrm >> 6;
  const memory = modrm & 7;
  if (mod === 3) return 2;
  if (width === 2) return 2 + (mod === 0 ? (memory === 6 ? 2 : 0) : mod);
  const hasSib = memory === 4;
  const isBare = mod === 0 && (hasSib ? (sib & 7) === 5 : memory === 5);
  return 2 + (hasSib ? 1 : 0) + (mod === 1 ? 1 : mod === 2 || isBare ? 4 : 0);
}

/** Walks the stack of a vCPU of a machine that stands still. */
export async function callStack(machine: Machine, cpu: number): Promise<CallStack> {
  const vcpu = await machine.debug('registers', { cpu });
  const space: MemorySpace = { kind: 'linear', cpu };
  const width = vcpu.codeBits === 32 ? 4 : 2;
  const stackBase = named(vcpu, 'ss_base');
  const stackMask = vcpu.stackBits === 32 ? 0xffffffff : 0xffff;
  const isReal = (vcpu.mode & 3) < 2;
  const currentSelector = named(vcpu, 'cs');
  const currentBase = named(vcpu, 'cs_base');
  const baseOf = (selector: number): number => (isReal ? selector << 4 : currentBase);

  const read = async (linear: number, length: number): Promise<Uint8Array | undefined> => {
    const { bytes, readable } = await machine.debug('readMemory', { space, address: linear >>> 0, length });
    return readable.includes(0) ? undefined : bytes;
  };
  const words = async (linear: number, count: number): Promise<number[] | undefined> => {
    const bytes = await read(linear, count * width);
    if (bytes === undefined) return undefined;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    return Array.from({ length: count }, (_, index) =>
      width === 4 ? view.getUint32(index * 4, true) : view.getUint16(index * 2, true),
    );
  };
  const place = (offset: number): number => (stackBase + (offset & stackMask)) >>> 0;
  const calledFrom = async (linear: number): Promise<boolean> => {
    const bytes = await read(linear - longestCall, longestCall);
    return bytes !== undefined && endsWithCall(bytes, width);
  };
  /** Whether CS and flags of an interrupt stand behind a return address. */
  const isInterrupt = (selector: number, flags: number): boolean => {
    if (width === 2) return isReal && (flags & flagsOne) !== 0 && (flags & flagsZero & 0xffff) === 0;
    return (
      (selector & 0xfff8) === (currentSelector & 0xfff8) &&
      selector < 0x10000 &&
      (flags & flagsOne) !== 0 &&
      (flags & flagsZero) === 0
    );
  };

  const frames: StackFrame[] = [
    { kind: 'top', offset: named(vcpu, 'eip'), selector: currentSelector, linear: vcpu.pc, at: undefined, errorCode: undefined },
  ];
  /** The frame whose return address stands at a stack offset. */
  const frameAt = async (offset: number): Promise<StackFrame | undefined> => {
    const at = place(offset);
    const found = await words(at, 4);
    if (found === undefined) return undefined;
    const [first = 0, second = 0, third = 0, fourth = 0] = found;
    const selector = frames.at(-1)?.selector ?? currentSelector;
    const near: StackFrame = {
      kind: 'call',
      offset: first,
      selector,
      linear: (baseOf(selector) + first) >>> 0,
      at,
      errorCode: undefined,
    };
    if (await calledFrom(near.linear)) return near;
    const interrupt = (offsetOf: number, from: number, errorCode: number | undefined): StackFrame => ({
      kind: 'interrupt',
      offset: offsetOf,
      selector: from & 0xffff,
      linear: (baseOf(from & 0xffff) + offsetOf) >>> 0,
      at,
      errorCode,
    });
    if (isInterrupt(second, third)) return interrupt(first, second, undefined);
    if (width === 4 && isInterrupt(third, fourth)) return interrupt(second, third, first);
    // A far call pushed CS as well.
    if (isReal) {
      const far = (baseOf(second) + first) >>> 0;
      if (await calledFrom(far)) return { ...near, selector: second, linear: far };
    }
    return undefined;
  };

  let pointer = named(vcpu, 'ebp') & stackMask;
  // In front of its first instructions a function has no frame yet.
  const prologue = await read(vcpu.pc, 1);
  const before = await read(vcpu.pc - 1, 1);
  const top = named(vcpu, 'esp') & stackMask;
  if (prologue?.[0] === 0x55) {
    const frame = await frameAt(top);
    if (frame !== undefined) frames.push(frame);
  } else if (before?.[0] === 0x55 && pointer !== top) {
    const frame = await frameAt(top + width);
    if (frame !== undefined) frames.push(frame);
  }
  while (frames.length < mostFrames) {
    if (pointer === 0) return { frames, end: 'EBP is 0: the outermost frame.' };
    const saved = await words(place(pointer), 1);
    if (saved === undefined) return { frames, end: `There is no memory at the frame 0x${place(pointer).toString(16)}.` };
    const frame = await frameAt(pointer + width);
    if (frame === undefined)
      return { frames, end: `What stands above the frame 0x${place(pointer).toString(16)} is no return address.` };
    frames.push(frame);
    const [next = 0] = saved;
    if (next !== 0 && next <= pointer) return { frames, end: 'The next frame would not lie further up the stack.' };
    pointer = next;
  }
  return { frames, end: `There may be more than ${mostFrames} frames.` };
}
