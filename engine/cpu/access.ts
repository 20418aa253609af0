/**
 * Memory accesses that generated code does not make itself: limit and alignment checks, page crossing, chips, pages with
 * attributes, watchpoints; and the typed accesses of our own gate, task and descriptor code.
 *
 * readSlow, writeSlow, updateSlow, lockedSlow note a fault and return 0; the typed accesses throw guestFault.
 */
import { Seg, segmentBytes } from '../isa/state.ts';
import type { Cpu } from './core.ts';
import { guestFault, PageFault, stepVector, Vector } from './faults.ts';
import type { PhysicalMemory } from './physical.ts';
import type { CpuState } from './registers.ts';
import { segmentReach } from './segment-reach.ts';
import type { Tlb } from './tlb.ts';

const pageMask = 0xfff;
const pageBytes = 0x1000;
/** Neither RAM nor a bounce: commitWrite has nothing to do. */
const nothing = 0;

export class Access {
  /** CPL 3 with CR0.AM and EFLAGS.AC: misaligned data accesses raise #AC. Kept by Cpu.updateContext. */
  alignmentChecked = false;

  readonly #cpu: Cpu;
  readonly #state: CpuState;
  readonly #memory: PhysicalMemory;
  readonly #tlb: Tlb;
  /** What commitWrite carries out: bytes in the bounce buffer, and where the first part and the rest of them go. */
  #commitSize = nothing;
  #firstPage = 0;
  #firstOffset = 0;
  #firstSize = 0;
  #secondPage = 0;
  #exclusive = false;

  constructor(cpu: Cpu) {
    this.#cpu = cpu;
    this.#state = cpu.state;
    this.#memory = cpu.memory;
    this.#tlb = cpu.tlb;
  }

  /** Services.readSlow. */
  readSlow(segment: number, offset: number, size: number): number {
    const linear = this.locate(segment, offset, size, false);
    if (linear < 0) return 0;
    const user = this.userAccess();
    const inPage = linear & pageMask;
    const memory = this.#memory;
    const page = this.#tlb.translate(linear, user);
    if (page < 0) return 0;
    if (inPage + size <= pageBytes) {
      if (!this.mayAccess(linear, page, size, false)) return 0;
      const address = memory.readable(page);
      if (address !== 0) return address + inPage;
      this.readPieces(page, inPage, this.#state.bounceAddress, size);
      return this.#state.bounceAddress;
    }
    const rest = (linear + size) & pageMask;
    const second = this.#tlb.translate((linear + size - rest) >>> 0, user);
    if (second < 0 || !this.mayAccess(linear, page, size, false)) return 0;
    this.readPieces(page, inPage, this.#state.bounceAddress, size - rest);
    this.readPieces(second, 0, this.#state.bounceAddress + size - rest, rest);
    return this.#state.bounceAddress;
  }

  /** Services.writeSlow. */
  writeSlow(segment: number, offset: number, size: number): number {
    const linear = this.prepareWrite(segment, offset, size);
    if (linear < 0) return 0;
    if (this.#firstSize === size) {
      const address = this.#memory.writable(this.#firstPage);
      if (address !== 0 && !this.#isTraced(this.#firstPage) && !this.#memory.isSharedCode(this.#firstPage, this.#firstOffset, size)) {
        this.#commitSize = nothing;
        this.#memory.noteWrite(this.#firstPage, this.#firstOffset, size);
        return address + this.#firstOffset;
      }
    }
    return this.#state.bounceAddress;
  }

  /** Services.updateSlow. */
  updateSlow(segment: number, offset: number, size: number): number {
    return this.update(segment, offset, size, false);
  }

  /** Services.lockedSlow. Atomic instructions of the host need natural alignment: everything else goes through the bounce buffer. */
  lockedSlow(segment: number, offset: number, size: number): number {
    return this.update(segment, offset, size, true);
  }

  private update(segment: number, offset: number, size: number, locked: boolean): number {
    const linear = this.prepareWrite(segment, offset, size);
    if (linear < 0) return 0;
    const memory = this.#memory;
    let direct = (linear & (size - 1)) === 0 || !locked;
    if (direct && this.#isTraced(this.#firstPage)) direct = false;
    if (direct && memory.isSharedCode(this.#firstPage, this.#firstOffset, this.#firstSize)) direct = false;
    if (this.#firstSize === size && direct) {
      const address = memory.writable(this.#firstPage);
      if (address !== 0 && address === memory.readable(this.#firstPage)) {
        this.#commitSize = nothing;
        memory.noteWrite(this.#firstPage, this.#firstOffset, size);
        return address + this.#firstOffset;
      }
    }
    if (locked && !direct && this.#cpu.platform.beginExclusive !== undefined) {
      this.#cpu.platform.beginExclusive();
      this.#exclusive = true;
    }
    const bounce = this.#state.bounceAddress;
    this.readPieces(this.#firstPage, this.#firstOffset, bounce, this.#firstSize);
    if (this.#firstSize < size) this.readPieces(this.#secondPage, 0, bounce + this.#firstSize, size - this.#firstSize);
    return bounce;
  }

  /** Services.commitWrite. */
  commitWrite(): void {
    const size = this.#commitSize;
    if (size === nothing) return;
    this.#commitSize = nothing;
    const bounce = this.#state.bounceAddress;
    const rest = size - this.#firstSize;
    if (this.#mayCommit(bounce, rest)) {
      this.writePieces(this.#firstPage, this.#firstOffset, bounce, this.#firstSize);
      if (rest > 0) this.writePieces(this.#secondPage, 0, bounce + this.#firstSize, rest);
    }
    if (this.#exclusive) {
      this.#exclusive = false;
      this.#cpu.platform.endExclusive?.();
    }
  }

  #isTraced(page: number): boolean {
    return this.#memory.traced?.isTraced(page) === true;
  }

  /** What the guard says of the store that is to be committed: all of it is made, or nothing. */
  #mayCommit(bounce: number, rest: number): boolean {
    const { traced } = this.#memory;
    if (traced === undefined) return true;
    const dropped = traced.drops(this.#firstPage) || (rest > 0 && traced.drops(this.#secondPage));
    traced.noteBytes(this.#firstPage, this.#firstOffset, this.#firstSize, bounce, dropped);
    if (rest > 0) traced.noteBytes(this.#secondPage, 0, rest, bounce + this.#firstSize, dropped);
    return !dropped;
  }

  /** Services.probeWrite: any size. */
  probeWrite(segment: number, offset: number, size: number): void {
    if (size === 0) return;
    const linear = this.locate(segment, offset, size, true);
    if (linear < 0) return;
    const access = this.userAccess() | PageFault.write;
    for (let at = linear; at < linear + size; at = (at - (at & pageMask)) + pageBytes) {
      const page = this.#tlb.translate(at >>> 0, access);
      if (page < 0 || !this.#mayWrite(page, at, linear + size - at)) return;
    }
    // INS must not read its port and then find that the element cannot be stored yet.
    const { stepping, debug } = this.#cpu;
    if (this.alignmentChecked && (size === 2 || size === 4) && (linear & (size - 1)) !== 0)
      this.#state.fault(Vector.alignmentCheck, 0);
    else if (debug.watchesData && !stepping && debug.data(linear, size, true) !== 0) this.#state.fault(stepVector, 0);
  }

  /** Checks and translates a write, and notes where commitWrite would carry it. -1 after noting a fault. */
  private prepareWrite(segment: number, offset: number, size: number): number {
    const linear = this.locate(segment, offset, size, true);
    if (linear < 0) return -1;
    const access = this.userAccess() | PageFault.write;
    const inPage = linear & pageMask;
    const page = this.#tlb.translate(linear, access);
    if (page < 0) return -1;
    let firstSize = size;
    if (inPage + size > pageBytes) {
      firstSize = pageBytes - inPage;
      const second = this.#tlb.translate((linear + firstSize) >>> 0, access);
      if (second < 0) return -1;
      this.#secondPage = second;
    }
    if (!this.mayAccess(linear, page, size, true)) return -1;
    if (!this.#mayWrite(page, linear, firstSize)) return -1;
    if (firstSize < size && !this.#mayWrite(this.#secondPage, linear + firstSize, size - firstSize)) return -1;
    this.#firstPage = page;
    this.#firstOffset = inPage;
    this.#firstSize = firstSize;
    this.#commitSize = size;
    this.#state.bounceSize = size;
    return linear;
  }

  /**
   * Limit and type checks. Returns the linear address, or -1 after noting #GP(0) or, for SS, #SS(0).
   */
  private locate(segment: number, offset: number, size: number, write: boolean): number {
    const state = this.#state;
    const seg = segment / segmentBytes;
    offset >>>= 0;
    if (segmentReach(state, seg, offset, write) < size) {
      state.fault(seg === Seg.ss ? Vector.stackFault : Vector.generalProtection, 0);
      return -1;
    }
    return (state.segmentBase(seg) + offset) >>> 0;
  }

  /** What the guard says before anything of a write has happened. False after noting a fault. */
  #mayWrite(page: number, linear: number, size = 0): boolean {
    const { traced } = this.#memory;
    return traced?.isTraced(page) !== true || traced.mayWrite(page, linear >>> 0, size);
  }

  private userAccess(): number {
    return this.#state.cpl === 3 ? PageFault.user : 0;
  }

  /** Alignment and watchpoints, once the page faults are out of the way (SDM vol. 3, table 6-2). */
  private mayAccess(linear: number, page: number, size: number, write: boolean): boolean {
    if (this.alignmentChecked && (linear & (size - 1)) !== 0) {
      this.#state.fault(Vector.alignmentCheck, 0);
      return false;
    }
    if (this.#cpu.debug.watchesData) {
      const hits = this.#cpu.debug.data(linear, size, write);
      if (hits !== 0 && !this.#cpu.watchHit(hits)) return false;
    }
    this.#watch(linear, page, size, write);
    return true;
  }

  /** The debugger hears of every access that is about to be made, microcode's included. */
  #watch(linear: number, page: number, size: number, write: boolean): void {
    const { hooks } = this.#cpu;
    if (hooks?.watchesData === true) hooks.data(linear, page * pageBytes + (linear & pageMask), size, write);
  }

  /** Copies bytes of one page to `to` in memory. */
  private readPieces(page: number, offset: number, to: number, size: number): void {
    const memory = this.#memory;
    const from = memory.readable(page);
    if (from !== 0) {
      memory.copy(to, from + offset, size);
      return;
    }
    for (let done = 0; done < size;) {
      const piece = pieceAt(offset + done, size - done);
      const value = memory.read(page, offset + done, piece);
      for (let index = 0; index < piece; index++) memory.bytes[to + done + index] = value >>> (8 * index);
      done += piece;
    }
  }

  /** Copies bytes at `from` in memory to one page. */
  private writePieces(page: number, offset: number, from: number, size: number): void {
    const memory = this.#memory;
    const to = memory.writable(page);
    if (to !== 0) {
      const isShared = memory.noteWrite(page, offset, size);
      memory.copy(to + offset, from, size);
      if (isShared) memory.noteStored(page, offset, size);
      return;
    }
    for (let done = 0; done < size;) {
      const piece = pieceAt(offset + done, size - done);
      let value = 0;
      for (let index = 0; index < piece; index++) value |= memory.bytes[from + done + index]! << (8 * index);
      memory.write(page, offset + done, piece, value >>> 0);
      done += piece;
    }
  }

  /** The operand of an instruction of ours, with all checks of a program's access. Throws guestFault. `size` 1, 2 or 4. */
  readOperand(segment: number, offset: number, size: number): number {
    const address = this.readSlow(segment, offset, size) >>> 0;
    if (this.#state.faultVector >= 0) throw guestFault;
    const memory = this.#memory;
    return size === 4
      ? memory.view.getUint32(address, true)
      : size === 2
        ? memory.view.getUint16(address, true)
        : memory.bytes[address]!;
  }

  /** Stores the operand of an instruction of ours. Throws guestFault. */
  writeOperand(segment: number, offset: number, size: number, value: number): void {
    const address = this.writeSlow(segment, offset, size) >>> 0;
    if (this.#state.faultVector >= 0) throw guestFault;
    const memory = this.#memory;
    if (size === 4) memory.view.setUint32(address, value, true);
    else if (size === 2) memory.view.setUint16(address, value, true);
    else memory.bytes[address] = value;
    this.commitWrite();
  }

  /** Reads 1, 2 or 4 bytes at a linear address. `user`: PageFault.user or 0. Throws guestFault on a page fault. */
  read(linear: number, size: number, user = 0): number {
    linear >>>= 0;
    const inPage = linear & pageMask;
    const page = this.translate(linear, user);
    this.#watch(linear, page, size, false);
    if (inPage + size <= pageBytes) return this.#memory.read(page, inPage, size);
    const second = this.translate((linear + size - 1) >>> 0, user);
    let value = 0;
    for (let index = 0; index < size; index++) {
      const at = inPage + index;
      value |= this.#memory.read(at < pageBytes ? page : second, at & pageMask, 1) << (8 * index);
    }
    return value >>> 0;
  }

  /** Writes 1, 2 or 4 bytes at a linear address; nothing is stored unless all of them can be. Throws guestFault on a page fault. */
  write(linear: number, size: number, value: number, user = 0): void {
    linear >>>= 0;
    const inPage = linear & pageMask;
    const page = this.translate(linear, user | PageFault.write);
    this.#watch(linear, page, size, true);
    if (inPage + size <= pageBytes) {
      this.#memory.write(page, inPage, size, value);
      return;
    }
    const second = this.translate((linear + size - 1) >>> 0, user | PageFault.write);
    const { traced } = this.#memory;
    const dropped = traced !== undefined && (traced.drops(page) || traced.drops(second));
    for (let index = 0; index < size; index++) {
      const at = inPage + index;
      if (dropped) traced.noteValue(at < pageBytes ? page : second, at & pageMask, 1, value >>> (8 * index), true);
      else this.#memory.write(at < pageBytes ? page : second, at & pageMask, 1, (value >>> (8 * index)) & 0xff);
    }
  }

  /** Sets bits of a byte with a bus lock (accessed and busy bits of descriptors). Supervisor access; throws guestFault. */
  setByteBits(linear: number, bits: number): void {
    const page = this.translate(linear >>> 0, PageFault.write);
    this.#watch(linear >>> 0, page, 1, true);
    this.#memory.orByte(page, linear & pageMask, bits);
  }

  clearByteBits(linear: number, bits: number): void {
    const page = this.translate(linear >>> 0, PageFault.write);
    this.#watch(linear >>> 0, page, 1, true);
    this.#memory.andByte(page, linear & pageMask, ~bits & 0xff);
  }

  /** Makes sure that a range can be accessed: throws guestFault for the first page that cannot. */
  probe(linear: number, size: number, access: number): void {
    for (let at = linear; at < linear + size; at = at - (at & pageMask) + pageBytes) this.translate(at >>> 0, access);
  }

  private translate(linear: number, access: number): number {
    const page = this.#tlb.translate(linear, access);
    if (page < 0 || ((access & PageFault.write) !== 0 && !this.#mayWrite(page, linear))) throw guestFault;
    return page;
  }
}

/** The widest naturally aligned access at `offset` that does not pass `left` bytes. */
function pieceAt(offset: number, left: number): number {
  if ((offset & 3) === 0 && left >= 4) return 4;
  return (offset & 1) === 0 && left >= 2 ? 2 : 1;
}
