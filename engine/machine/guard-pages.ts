/**
 * Guest-physical pages that a machine has beside its RAM so that the guard (engine/guard) can keep its tree in guest memory whatever runs there. Like
 * RAM to the processor and to devices, but every memory map calls the range reserved: it lies between the local APICs and the flash.
 */
/** Guest-physical address of the first. */
export const guardPagesBase = 0xff00_0000;

const pageSize = 4096;
const entriesPerNode = 512;

/** Bytes of such pages in a machine with so much RAM: a node for each 2 MiB, one for each GiB, and the root. */
export function guardPagesBytes(ramBytes: number): number {
  const pages = ramBytes / pageSize;
  return (Math.ceil(pages / entriesPerNode) + Math.ceil(pages / entriesPerNode ** 2) + 1) * pageSize;
}
