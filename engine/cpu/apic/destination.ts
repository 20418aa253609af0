/** Interrupts on their way to local APICs, and who is meant by them (SDM vol. 3, sections 11.6.2 and 11.12.10). */
import type { LocalApicState } from './state.ts';

export interface InterruptMessage {
  readonly vector: number;
  /** A Delivery. */
  readonly mode: number;
  /** Logical destination; else physical. */
  readonly logical: boolean;
  readonly destination: number;
  /** `destination` has 32 bits (x2APIC); else 8, and 0xff means all. */
  readonly wide?: boolean;
  readonly level?: boolean;
}

/** The logical identifier of an APIC in x2APIC mode: its cluster and one bit of sixteen. */
export function extendedLogical(id: number): number {
  return (((id >>> 4) << 16) | (1 << (id & 0xf))) >>> 0;
}

/** Whether a message is for the APIC with this state, in x2APIC mode (`extended`) or not. */
export function isDestination(
  state: LocalApicState,
  extended: boolean,
  { logical, destination, wide = false }: InterruptMessage,
): boolean {
  if (destination === (wide ? 0xffffffff : 0xff)) return true;
  if (!logical) return state.id === destination;
  if (extended) {
    const own = extendedLogical(state.id);
    const cluster = wide ? destination >>> 16 : 0;
    return cluster === own >>> 16 && (destination & own & 0xffff) !== 0;
  }
  if (destination > 0xff) return false;
  const own = state.logicalDestination >>> 24;
  // Flat model, else clusters of four (section 11.6.2.2).
  if (state.destinationFormat >>> 28 === 0xf) return (own & destination) !== 0;
  return own >>> 4 === destination >>> 4 && (own & destination & 0xf) !== 0;
}
