/** Physical region descriptors: how the bus master of a channel finds guest memory (Programming Interface for Bus Master IDE Controller 1.0). */
import type { PhysicalMap } from '../../machine/bus.ts';
import type { ChannelState } from './state.ts';

const descriptorBytes = 8;
const endOfTable = 0x80;

/** Puts the bus master before the first descriptor: the start bit was set. */
export function startTable(state: ChannelState): void {
  state.nextDescriptor = state.table;
  state.regionLeft = 0;
  state.regionLast = 0;
}

/** True when every descriptor is used up. */
export function tableEnded(state: ChannelState): boolean {
  return state.regionLeft === 0 && state.regionLast !== 0;
}

/**
 * Moves `bytes` between guest memory and the bus master's side, in the order of the table, until they are moved or the table ends.
 * A count of zero is 64 KiB; bit 0 of address and count is not there. Returns the bytes that were moved.
 */
export function moveRegions(state: ChannelState, memory: PhysicalMap, bytes: Uint8Array, toMemory: boolean): number {
  const descriptor = new Uint8Array(descriptorBytes);
  let moved = 0;
  while (moved < bytes.length && !tableEnded(state)) {
    if (state.regionLeft === 0) {
      memory.dmaRead(state.nextDescriptor, descriptor);
      const view = new DataView(descriptor.buffer);
      state.regionAddress = (view.getUint32(0, true) & ~1) >>> 0;
      state.regionLeft = (view.getUint16(4, true) & ~1) || 0x1_0000;
      state.regionLast = (descriptor[7] ?? 0) & endOfTable ? 1 : 0;
      state.nextDescriptor = (state.nextDescriptor + descriptorBytes) >>> 0;
    }
    const piece = Math.min(state.regionLeft, bytes.length - moved);
    const part = bytes.subarray(moved, moved + piece);
    // A region does not reach beyond 4 GiB: the address has 32 bits.
    const beforeWrap = Math.min(piece, 2 ** 32 - state.regionAddress);
    for (const [address, half] of [
      [state.regionAddress, part.subarray(0, beforeWrap)],
      [0, part.subarray(beforeWrap)],
    ] as const) {
      if (half.length === 0) continue;
      if (toMemory) memory.dmaWrite(address, half);
      else memory.dmaRead(address, half);
    }
    state.regionAddress = (state.regionAddress + piece) >>> 0;
    state.regionLeft -= piece;
    moved += piece;
  }
  return moved;
}
