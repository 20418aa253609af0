/** What can be read in one operation, and how an operation ends. Plain data: it crosses threads. */

import { vcpuState } from '../isa/state.ts';

/** Segment registers by name, in the order of Seg. */
export const segmentNames = ['es', 'cs', 'ss', 'ds', 'fs', 'gs'] as const;
export type SegmentName = (typeof segmentNames)[number];

/** How the addresses of an operation are meant. */
export type Space =
  /** Through the vCPU's paging. */
  | { readonly kind: 'linear' }
  /** Offsets into what a segment register holds: its limit and type count. Pointers of a chain are offsets, too. */
  | { readonly kind: 'segment'; readonly segment: SegmentName }
  /** Through the page tables at `cr3`, with the vCPU's paging mode. */
  | { readonly kind: 'root'; readonly cr3: number }
  | { readonly kind: 'physical' };

export const linearSpace: Space = { kind: 'linear' };
export const physicalSpace: Space = { kind: 'physical' };

interface Common {
  readonly space: Space;
  /** Pages have to be readable at CPL 3; without it with a supervisor's rights. */
  readonly user?: boolean;
}

export type Operation = Common &
  (
    | { readonly kind: 'read'; readonly address: number; readonly length: number }
    /** Bytes up to a NUL, which is not one of them, and at most `limit`. */
    | { readonly kind: 'string'; readonly address: number; readonly limit: number }
    /** The bytes of all parts, one behind the other. */
    | { readonly kind: 'scatter'; readonly parts: readonly { readonly address: number; readonly length: number }[] }
    /**
     * A pointer of 4 bytes at `address`; at what it points to plus offsets[0] the next one, and so on; behind the last offset lie
     * `length` bytes of data.
     */
    | { readonly kind: 'chain'; readonly address: number; readonly offsets: readonly number[]; readonly length: number }
    /** The vCPU's block (vcpuState) as it is between two instructions. */
    | { readonly kind: 'state' }
  );

/** An exception that the guest would have had. */
export interface ReadFault {
  readonly kind: 'fault';
  /** #SS 12, #GP 13, #PF 14. */
  readonly vector: number;
  readonly code: number;
  /** Linear address of the first byte that cannot be read. */
  readonly address: number;
}

/** No fault, and still no data. */
export interface ReadRefusal {
  readonly kind: 'refused';
  /** `device`: a chip that cannot be asked without side effects. `nothing`: no memory and no chip. `table`: a page table lies in a device. `smram`: it is System Management RAM. */
  readonly reason: 'device' | 'nothing' | 'table' | 'smram';
  /** Guest-physical. */
  readonly physical: number;
}

export type Ending = ReadFault | ReadRefusal;

export interface Outcome {
  /** What was read before it ended, and nothing else. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Chain: the pointers that were read. */
  readonly pointers: readonly number[];
  /** Why it ended early; undefined: it did not. */
  readonly ending: Ending | undefined;
  /** String: its NUL was found. Everything else: all of it was read. */
  readonly complete: boolean;
}

/** Somebody who reads guest memory for a vCPU. */
export interface ReadAccess {
  perform(operation: Operation): Outcome;
}

/** Bytes of one operation, at most. */
export const longestRead = 16 << 20;
export const longestChain = 64;
export const mostParts = 65536;

/** Why an operation cannot be carried out at all; undefined: it can. */
export function operationProblem(operation: Operation): string | undefined {
  switch (operation.kind) {
    case 'read':
      return addressProblem(operation, operation.address) ?? lengthProblem(operation.length);
    case 'string':
      return addressProblem(operation, operation.address) ?? lengthProblem(operation.limit);
    case 'chain':
      if (operation.offsets.length < 1 || operation.offsets.length > longestChain)
        return `A chain has 1 to ${longestChain} pointers.`;
      if (!operation.offsets.every((offset) => Number.isInteger(offset) && Math.abs(offset) < 2 ** 32))
        return 'An offset of a chain is a 32-bit number.';
      return addressProblem(operation, operation.address) ?? lengthProblem(operation.length);
    case 'scatter': {
      if (operation.parts.length > mostParts) return `A list has at most ${mostParts} parts.`;
      let total = 0;
      for (const { address, length } of operation.parts) {
        const problem = addressProblem(operation, address) ?? lengthProblem(length);
        if (problem !== undefined) return problem;
        total += length;
      }
      return lengthProblem(total);
    }
    case 'state':
      return undefined;
  }
}

function addressProblem({ space }: Operation, address: number): string | undefined {
  const bits = space.kind === 'physical' ? 36 : 32;
  if (!Number.isInteger(address) || address < 0 || address >= 2 ** bits) {
    return `0x${address.toString(16)} is not ${space.kind === 'physical' ? 'a physical address of 36 bits' : 'an address of 32 bits'}.`;
  }
  if (space.kind === 'root' && (!Number.isInteger(space.cr3) || space.cr3 < 0 || space.cr3 >= 2 ** 32))
    return 'CR3 is a number of 32 bits.';
  return undefined;
}

function lengthProblem(length: number): string | undefined {
  if (Number.isInteger(length) && length >= 0 && length <= longestRead) return undefined;
  return `${length} bytes cannot be read at once; the most is ${longestRead / 2 ** 20} MiB.`;
}

/** Bytes that an operation yields when nothing goes wrong. */
export function sizeOf(operation: Operation): number {
  switch (operation.kind) {
    case 'read':
    case 'chain':
      return operation.length;
    case 'string':
      return operation.limit;
    case 'scatter':
      return operation.parts.reduce((sum, { length }) => sum + length, 0);
    case 'state':
      return vcpuState.size;
  }
}

/** What is left of an operation that came as far as `outcome` says. Pointers that were read are not read again. */
export function restOf(operation: Operation, outcome: Outcome): Operation {
  const count = outcome.bytes.length;
  switch (operation.kind) {
    case 'read':
      return { ...operation, address: advance(operation, operation.address, count), length: operation.length - count };
    case 'string':
      return { ...operation, address: advance(operation, operation.address, count), limit: operation.limit - count };
    case 'scatter': {
      const parts: { address: number; length: number }[] = [];
      let skip = count;
      for (const part of operation.parts) {
        const skipped = Math.min(skip, part.length);
        skip -= skipped;
        if (skipped < part.length)
          parts.push({ address: advance(operation, part.address, skipped), length: part.length - skipped });
      }
      return { ...operation, parts };
    }
    case 'chain': {
      const last = outcome.pointers.at(-1);
      if (last === undefined) return operation;
      const offsets = operation.offsets.slice(outcome.pointers.length);
      const address = advance(operation, last, operation.offsets[outcome.pointers.length - 1] ?? 0);
      if (offsets.length > 0) return { ...operation, address, offsets };
      const { space, user, length } = operation;
      return { kind: 'read', space, user, address: advance(operation, address, count), length: length - count };
    }
    case 'state':
      return operation;
  }
}

/** Linear addresses and offsets wrap at 4 GiB as the processor's do. */
export function advance({ space }: Pick<Operation, 'space'>, address: number, by: number): number {
  return space.kind === 'physical' ? address + by : (address + by) >>> 0;
}

const vectorNames: Record<number, string> = { 12: '#SS', 13: '#GP', 14: '#PF' };

/** The ending as a sentence without its full stop. */
export function describeEnding(ending: Ending): string {
  const hex = (value: number) => `0x${value.toString(16)}`;
  if (ending.kind === 'refused') {
    if (ending.reason === 'nothing') return `nothing answers at physical ${hex(ending.physical)}`;
    if (ending.reason === 'smram') return `${hex(ending.physical)} is System Management RAM, which only the SMM view shows`;
    if (ending.reason === 'table') return `the page table at physical ${hex(ending.physical)} lies in a device`;
    return `the device at physical ${hex(ending.physical)} cannot be read without side effects`;
  }
  const name = vectorNames[ending.vector] ?? `exception ${ending.vector}`;
  if (ending.vector !== 14)
    return `${name}(${hex(ending.code)}) at linear ${hex(ending.address)}: beyond what the segment allows`;
  const why =
    (ending.code & 8) !== 0
      ? 'a reserved bit is set in its tables'
      : (ending.code & 1) !== 0
        ? 'not readable with these rights'
        : 'not present';
  return `${name}(${hex(ending.code)}) at linear ${hex(ending.address)}: ${why}`;
}
