/** Exceptions: their vectors, their classes, and how code that runs deep inside a transfer leaves with one. */

/** SDM vol. 3, table 6-1. */
export const enum Vector {
  divideError = 0,
  debug = 1,
  nmi = 2,
  breakpoint = 3,
  overflow = 4,
  boundRange = 5,
  invalidOpcode = 6,
  deviceNotAvailable = 7,
  doubleFault = 8,
  invalidTss = 10,
  segmentNotPresent = 11,
  stackFault = 12,
  generalProtection = 13,
  pageFault = 14,
  floatingPoint = 16,
  alignmentCheck = 17,
  machineCheck = 18,
}

/**
 * Not an exception of the guest: the instruction has to be run again by itself, because a debug register may have something
 * to say about it. Services leave with it as with a fault; the run loop never delivers it.
 */
export const stepVector = 0x100;

/** The error code of a page fault (SDM vol. 3, 4.7). */
export const PageFault = {
  present: 1 << 0,
  write: 1 << 1,
  user: 1 << 2,
  reserved: 1 << 3,
  fetch: 1 << 4,
} as const;

/** Error codes with a selector: the event was external to the program; the selector is an index into the IDT. */
export const externalEvent = 1 << 0;
export const idtSelector = 1 << 1;

const withCode = bits([
  Vector.doubleFault,
  Vector.invalidTss,
  Vector.segmentNotPresent,
  Vector.stackFault,
  Vector.generalProtection,
  Vector.pageFault,
  Vector.alignmentCheck,
]);
const contributory = bits([
  Vector.divideError,
  Vector.invalidTss,
  Vector.segmentNotPresent,
  Vector.stackFault,
  Vector.generalProtection,
]);

function bits(vectors: number[]): number {
  return vectors.reduce((set, vector) => set | (1 << vector), 0);
}

/** True if the exception pushes an error code in protected mode. */
export function pushesErrorCode(vector: number): boolean {
  return vector < 32 && (withCode & (1 << vector)) !== 0;
}

/** True if `second`, raised while `first` was being delivered, makes a double fault (SDM vol. 3, table 6-5). */
export function makesDoubleFault(first: number, second: number): boolean {
  if (first >= 32 || second >= 32) return false;
  const secondContributes = (contributory & (1 << second)) !== 0;
  if ((contributory & (1 << first)) !== 0) return secondContributes;
  return first === Vector.pageFault && (secondContributes || second === Vector.pageFault);
}

/** Thrown by code that has noted its exception in faultVector. Always the one object below: no stack trace is made per fault. */
export class GuestFault extends Error {
  constructor() {
    super('an exception of the guest is pending in faultVector');
    this.name = 'GuestFault';
  }
}

export const guestFault = new GuestFault();
