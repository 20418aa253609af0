/** Loading CS: the one place where CPL, code context and EIP change together. */
import { Seg } from '../isa/state.ts';
import type { Cpu } from './core.ts';
import { markAccessed, type Descriptor } from './descriptors.ts';
import { Vector } from './faults.ts';
import { realModeRights, rights, virtual8086Rights } from './registers.ts';

/** #GP (with EXT) unless `offset` is within the segment. */
export function requireTarget(cpu: Cpu, offset: number, limit: number): void {
  if (offset > limit) cpu.fail(Vector.generalProtection, 0);
}

/** Commits a transfer to a code segment that was checked; RPL of CS becomes `privilege`. */
export function enterCode(cpu: Cpu, descriptor: Descriptor, selector: number, privilege: number, offset: number): void {
  const { state } = cpu;
  state.setSegment(
    Seg.cs,
    (selector & 0xfffc) | privilege,
    descriptor.base,
    descriptor.limit,
    descriptor.rights | rights.accessed,
  );
  state.cpl = privilege;
  state.eip = offset;
  cpu.updateContext();
}

/** As enterCode, after setting the accessed bit in memory: for callers whose last check is behind them. */
export function markAndEnterCode(cpu: Cpu, descriptor: Descriptor, selector: number, privilege: number, offset: number): void {
  markAccessed(cpu, descriptor);
  enterCode(cpu, descriptor, selector, privilege, offset);
}

/**
 * Real and virtual-8086 mode: CS by shifting. Real mode keeps limit, D and G; the segment becomes an ordinary one (SDM
 * vol. 3, 10.9.2: a far jump loads proper rights after the return to real mode).
 */
export function enterRealCode(cpu: Cpu, selector: number, offset: number): void {
  const { state } = cpu;
  if (cpu.virtual8086) {
    state.setSegment(Seg.cs, selector, selector << 4, 0xffff, virtual8086Rights);
  } else {
    const kept = state.segmentRights(Seg.cs) & (rights.big | rights.granular);
    state.setSegment(Seg.cs, selector, selector << 4, state.segmentLimit(Seg.cs), realModeRights | kept);
  }
  state.eip = offset;
  cpu.updateContext();
}
