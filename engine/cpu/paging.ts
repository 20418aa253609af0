/**
 * The hardware page walk: 32-bit paging with 4 KiB and 4 MiB pages (PSE, PSE-36) and PAE paging with 4 KiB and 2 MiB pages and
 * NX (SDM vol. 3, 4.3 and 4.4). Sets accessed and dirty bits. Without paging, linear addresses are physical.
 */
import { Control0, Control4, Efer } from './control-bits.ts';
import { PageFault, Vector } from './faults.ts';
import type { PhysicalMemory } from './physical.ts';
import type { CpuState } from './registers.ts';

/** Bits of a paging-structure entry (SDM vol. 3, tables 4-4 to 4-11), low word. */
export const Entry = {
  present: 1 << 0,
  writable: 1 << 1,
  user: 1 << 2,
  accessed: 1 << 5,
  dirty: 1 << 6,
  large: 1 << 7,
  global: 1 << 8,
} as const;

/** Bits of `PageWalk.flags`, as the TLB stores them. */
export const Translation = {
  global: 1 << 0,
  executable: 1 << 1,
  /** Writes are permitted in this half, and the dirty bit is set. */
  writable: 1 << 2,
  /** Part of a large page. */
  large: 1 << 3,
} as const;

/** Physical addresses have 36 bits. */
export const physicalAddressBits = 36;
/** Bits of an entry's high word that must be zero: 36-62, and 63 while NX is off. */
const reservedHigh = 0x7ffffff0;
const reservedHighWithoutNx = 0xfffffff0;
/** Address bits of a 2 MiB entry below the page number; bit 12 is PAT. */
const reservedLarge2M = 0x001fe000;
/** A 4 MiB entry: bits 13-16 are address bits 32-35, bits 17-21 must be zero for 36-bit addresses. */
const reservedLarge4M = 0x003e0000;

/** The page that an address leads to. In SMM the processor does not look at A20M#: SMRAM may lie in an odd megabyte. */
function gated(state: CpuState, memory: PhysicalMemory, page: number): number {
  return state.inSmm === 0 ? memory.gated(page) : page;
}

export class PageWalk {
  /** Result of the last successful walk. */
  physicalPage = 0;
  flags = 0;

  constructor(
    private readonly state: CpuState,
    private readonly memory: PhysicalMemory,
  ) {}

  /**
   * Translates for `access` (PageFault.write, user, fetch). False: faultVector, faultCode and faultAddress describe the page
   * fault; CR2 is loaded when it is delivered.
   */
  walk(linear: number, access: number): boolean {
    const { cr0, cr4 } = this.state;
    if ((cr0 & Control0.paging) === 0) {
      this.physicalPage = gated(this.state, this.memory, linear >>> 12);
      this.flags = Translation.executable | Translation.writable;
      return true;
    }
    return (cr4 & Control4.physicalAddressExtension) !== 0 ? this.walkExtended(linear, access) : this.walkPlain(linear, access);
  }

  private walkPlain(linear: number, access: number): boolean {
    const { state, memory } = this;
    const directory = gated(state, memory, state.cr3 >>> 12);
    const directoryOffset = (linear >>> 20) & 0xffc;
    for (;;) {
      const pde = memory.read(directory, directoryOffset, 4);
      if ((pde & Entry.present) === 0) return this.fail(linear, access, 0);
      if ((pde & Entry.large) !== 0 && (state.cr4 & Control4.pageSizeExtension) !== 0) {
        if ((pde & reservedLarge4M) !== 0) return this.fail(linear, access, PageFault.present | PageFault.reserved);
        const page = ((pde >>> 22) << 10) | (((pde >>> 13) & 0xf) << 20) | ((linear >>> 12) & 0x3ff);
        if (this.finish(linear, access, pde, pde, 0, directory, directoryOffset, page, Translation.large)) return true;
        if (state.faultVector >= 0) return false;
        continue;
      }
      if ((pde & Entry.accessed) === 0 && !memory.setBits(directory, directoryOffset, pde, Entry.accessed, linear)) {
        if (state.faultVector >= 0) return false;
        continue;
      }
      const table = gated(state, memory, pde >>> 12);
      const tableOffset = (linear >>> 10) & 0xffc;
      const pte = memory.read(table, tableOffset, 4);
      if ((pte & Entry.present) === 0) return this.fail(linear, access, 0);
      if (this.finish(linear, access, pte, pde & pte, 0, table, tableOffset, pte >>> 12, 0)) return true;
      if (state.faultVector >= 0) return false;
    }
  }

  private walkExtended(linear: number, access: number): boolean {
    const { state, memory } = this;
    const reserved = (state.efer & Efer.noExecuteEnable) !== 0 ? reservedHigh : reservedHighWithoutNx;
    const pdpte = state.pdpte(linear >>> 30, 0);
    if ((pdpte & Entry.present) === 0) return this.fail(linear, access, 0);
    const directory = gated(state, memory, (pdpte >>> 12) | ((state.pdpte(linear >>> 30, 1) & 0xf) << 20));
    const directoryOffset = (linear >>> 18) & 0xff8;
    for (;;) {
      const pde = memory.readPair(directory, directoryOffset);
      const pdeHigh = memory.high;
      if ((pde & Entry.present) === 0) return this.fail(linear, access, 0);
      if ((pdeHigh & reserved) !== 0) return this.fail(linear, access, PageFault.present | PageFault.reserved);
      if ((pde & Entry.large) !== 0) {
        if ((pde & reservedLarge2M) !== 0) return this.fail(linear, access, PageFault.present | PageFault.reserved);
        const page = ((pde >>> 21) << 9) | ((pdeHigh & 0xf) << 20) | ((linear >>> 12) & 0x1ff);
        if (this.finish(linear, access, pde, pde, pdeHigh, directory, directoryOffset, page, Translation.large)) return true;
        if (state.faultVector >= 0) return false;
        continue;
      }
      if ((pde & Entry.accessed) === 0 && !memory.setBits(directory, directoryOffset, pde, Entry.accessed, linear)) {
        if (state.faultVector >= 0) return false;
        continue;
      }
      const table = gated(state, memory, (pde >>> 12) | ((pdeHigh & 0xf) << 20));
      const tableOffset = (linear >>> 9) & 0xff8;
      const pte = memory.readPair(table, tableOffset);
      const pteHigh = memory.high;
      if ((pte & Entry.present) === 0) return this.fail(linear, access, 0);
      if ((pteHigh & reserved) !== 0) return this.fail(linear, access, PageFault.present | PageFault.reserved);
      const page = (pte >>> 12) | ((pteHigh & 0xf) << 20);
      if (this.finish(linear, access, pte, pde & pte, pdeHigh | pteHigh, table, tableOffset, page, 0)) return true;
      if (state.faultVector >= 0) return false;
    }
  }

  /**
   * Rights (SDM vol. 3, 4.6), then accessed and dirty bit of the last entry. `combined` is the AND of the entries' low words, `high` the
   * OR of their high words. False with no fault pending: the entry changed meanwhile, walk again.
   */
  private finish(
    linear: number,
    access: number,
    leaf: number,
    combined: number,
    high: number,
    page: number,
    offset: number,
    physicalPage: number,
    flags: number,
  ): boolean {
    const { state } = this;
    const user = (access & PageFault.user) !== 0;
    const write = (access & PageFault.write) !== 0;
    // A set bit 63 is NX here: without EFER.NXE it was refused as reserved.
    const executable = (high & 0x80000000) === 0;
    const mayWrite = (combined & Entry.writable) !== 0 || (!user && (state.cr0 & Control0.writeProtect) === 0);
    if (
      (user && (combined & Entry.user) === 0) ||
      (write && !mayWrite) ||
      ((access & PageFault.fetch) !== 0 && !executable)
    ) {
      return this.fail(linear, access, PageFault.present);
    }
    const bits = write ? Entry.accessed | Entry.dirty : Entry.accessed;
    if ((leaf & bits) !== bits && !this.memory.setBits(page, offset, leaf, bits, linear)) return false;
    if (executable) flags |= Translation.executable;
    if (mayWrite && (write || (leaf & Entry.dirty) !== 0)) flags |= Translation.writable;
    if ((leaf & Entry.global) !== 0 && (state.cr4 & Control4.pageGlobalEnable) !== 0) flags |= Translation.global;
    this.physicalPage = gated(this.state, this.memory, physicalPage);
    this.flags = flags;
    return true;
  }

  private fail(linear: number, access: number, cause: number): false {
    const { state } = this;
    let code = (access & (PageFault.write | PageFault.user)) | cause;
    // The I/D bit exists only where NX does (SDM vol. 3, 4.7).
    if (
      (access & PageFault.fetch) !== 0 &&
      (state.cr4 & Control4.physicalAddressExtension) !== 0 &&
      (state.efer & Efer.noExecuteEnable) !== 0
    ) {
      code |= PageFault.fetch;
    }
    state.faultAddress = linear;
    state.fault(Vector.pageFault, code);
    return false;
  }
}

const pdpteReservedLow = 0x1e6;
const pdpteReservedHigh = 0xfffffff0;

/**
 * Reads the four page-directory-pointer entries that `cr3` points to and, if none of the present ones has a reserved bit
 * set, loads them. False: nothing was loaded (#GP(0) for the caller). SDM vol. 3, 4.4.1.
 */
export function loadPdptes(state: CpuState, memory: PhysicalMemory, cr3: number): boolean {
  const page = gated(state, memory, cr3 >>> 12);
  const first = cr3 & 0xfe0;
  for (let entry = 0; entry < 4; entry++) {
    const low = memory.read(page, first + 8 * entry, 4);
    if ((low & Entry.present) === 0) continue;
    if ((low & pdpteReservedLow) !== 0 || (memory.read(page, first + 8 * entry + 4, 4) & pdpteReservedHigh) !== 0) return false;
  }
  for (let entry = 0; entry < 4; entry++) {
    state.setPdpte(entry, memory.read(page, first + 8 * entry, 4), memory.read(page, first + 8 * entry + 4, 4));
  }
  return true;
}
