/**
 * Breakpoints as the machine knows them. A breakpoint says what is watched, on which vCPUs, under which condition, and what a hit does.
 * Who keeps them is engine/debug's store; here they are plain data that is posted to the threads of the vCPUs.
 */
import type { Expression } from './expression.ts';

/** Whether reads, writes or both count. */
export type AccessKind = 'read' | 'write' | 'access';

/** What is watched. */
export type Watched =
  /** The instruction at an address; the vCPU stops before it. Linear addresses include the base of CS. */
  | { kind: 'execute'; space: AddressSpace; address: number }
  /** Bytes of memory; the vCPU stops behind the instruction that accessed one of them. */
  | { kind: 'data'; space: AddressSpace; address: number; length: number; access: AccessKind }
  /** Ports `first` to `last`; behind the instruction. */
  | { kind: 'port'; first: number; last: number; access: AccessKind }
  /** RDMSR and WRMSR; without a number all of them. */
  | { kind: 'msr'; msr: number | undefined; access: AccessKind }
  /** MOV to and from CR0, CR2, CR3, CR4, also LMSW and CLTS. */
  | { kind: 'control'; register: 0 | 2 | 3 | 4; access: AccessKind }
  /** An interrupt is delivered: by INT n, a chip or another vCPU. The vCPU stops at the first instruction of the handler. */
  | { kind: 'interrupt'; vector: number | undefined }
  /** An exception is delivered; as `interrupt`. */
  | { kind: 'exception'; vector: number | undefined }
  /** Real, virtual-8086, 16-bit or 32-bit protected mode, or paging, has changed. */
  | { kind: 'mode' }
  /** System-management mode was entered or left. */
  | { kind: 'smm'; edge: 'enter' | 'leave' | 'both' };

export type AddressSpace = 'linear' | 'physical';
export type WatchedKind = Watched['kind'];

/** A breakpoint that is enabled, in the form that threads of vCPUs take. */
export interface ArmedBreakpoint {
  /** Names it in events; unique in the store. */
  readonly id: number;
  readonly watched: Watched;
  /** Absent: every vCPU. */
  readonly cpu: number | undefined;
  readonly condition: Expression | undefined;
  /** Hits that are counted and pass. */
  readonly ignore: number;
  /** Absent: a hit stops the machine. Else it is logged and the guest goes on: text, and expressions whose value stands there. */
  readonly log: readonly (string | Expression)[] | undefined;
}

/** What happened at one hit. */
export interface Hit {
  readonly id: number;
  readonly watched: Watched;
  /** Address, port, MSR, control register or vector that was hit. */
  readonly at: number;
  readonly write: boolean | undefined;
  /** What was read or written, error code of an exception, or mode that was entered; absent where there is none. */
  readonly value: bigint | undefined;
  /** Watched data before and after; absent for what cannot be read. */
  readonly before: bigint | undefined;
  /** EIP of the instruction that was interrupted, for interrupts and exceptions. */
  readonly from: number | undefined;
  /** The condition could not be evaluated, so it counts as met; why. */
  readonly problem: string | undefined;
}

/** Why the machine stands still. */
export type StopCause =
  | { readonly kind: 'breakpoint'; readonly cpu: number; readonly hits: readonly Hit[] }
  | { readonly kind: 'step'; readonly cpu: number }
  /** Asked for from outside: pause, end of runUntil, started paused. */
  | { readonly kind: 'pause' }
  /** A triple fault is about to reset the machine; resume lets it. */
  | { readonly kind: 'tripleFault'; readonly cpu: number };

/** Modes that a `mode` breakpoint tells apart, as Hit.value. */
export const modeNames = ['real', 'virtual-8086', 'protected, 16-bit code', 'protected, 32-bit code'] as const;
/** Added to the number of the mode while paging is on. */
export const modePaging = 4;

/** The mode of Hit.value as people say it. */
export function describeMode(mode: number): string {
  const name = modeNames[mode & 3] ?? 'unknown';
  return (mode & modePaging) !== 0 ? `${name}, with paging` : name;
}

/** Whether an access of the given direction is one that is watched. */
export function wants(access: AccessKind, write: boolean): boolean {
  return access === 'access' || (access === 'write') === write;
}
