/** EFLAGS as a whole. The six arithmetic flags are kept lazily in three words (isa/flags.ts); here they are put together. */
import type { CpuState } from './registers.ts';

/** SDM vol. 1, 3.4.3. */
export const Flag = {
  carry: 1 << 0,
  reserved1: 1 << 1,
  parity: 1 << 2,
  adjust: 1 << 4,
  zero: 1 << 6,
  sign: 1 << 7,
  trap: 1 << 8,
  interrupt: 1 << 9,
  direction: 1 << 10,
  overflow: 1 << 11,
  ioPrivilege: 3 << 12,
  nestedTask: 1 << 14,
  resume: 1 << 16,
  virtual8086: 1 << 17,
  alignmentCheck: 1 << 18,
  virtualInterrupt: 1 << 19,
  virtualInterruptPending: 1 << 20,
  identification: 1 << 21,
} as const;

export const ioPrivilegeShift = 12;

const arithmetic = Flag.carry | Flag.parity | Flag.adjust | Flag.zero | Flag.sign | Flag.overflow;
const implemented =
  arithmetic |
  Flag.trap |
  Flag.interrupt |
  Flag.direction |
  Flag.ioPrivilege |
  Flag.nestedTask |
  Flag.resume |
  Flag.virtual8086 |
  Flag.alignmentCheck |
  Flag.virtualInterrupt |
  Flag.virtualInterruptPending |
  Flag.identification;

/** The whole register. Any thread while the vCPU stands still. */
export function readEflags(state: CpuState): number {
  const aux = state.flagAux;
  let result = (state.eflags & ~arithmetic) | Flag.reserved1;
  if (aux < 0) result |= Flag.carry;
  if ((aux ^ (aux << 1)) < 0) result |= Flag.overflow;
  if (aux & 8) result |= Flag.adjust;
  if (state.flagZero === 0) result |= Flag.zero;
  const signParity = state.flagSignParity;
  if (signParity < 0) result |= Flag.sign;
  if (evenParity(signParity & 0xff)) result |= Flag.parity;
  return result;
}

/**
 * Stores all flags; bits that do not exist are dropped. No consequence is drawn from IF, TF, AC or VM: running code uses
 * Cpu.setFlags, which draws them.
 */
export function writeEflags(state: CpuState, value: number): void {
  const carry = value & Flag.carry;
  const overflow = (value >>> 11) & 1;
  state.flagAux = (carry << 31) | ((carry ^ overflow) << 30) | ((value & Flag.adjust) >>> 1);
  state.flagZero = value & Flag.zero ? 0 : 1;
  // The parity of a low byte of 0 is even, of 1 odd.
  state.flagSignParity = ((value & Flag.sign) << 24) | (value & Flag.parity ? 0 : 1);
  state.eflags = (value & implemented) | Flag.reserved1;
}

function evenParity(byte: number): boolean {
  let folded = byte ^ (byte >>> 4);
  folded ^= folded >>> 2;
  folded ^= folded >>> 1;
  return (folded & 1) === 0;
}
