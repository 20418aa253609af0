/**
 * Guest-physical memory by page number, as one vCPU's microcode sees it: RAM and ROM through the page arrays, everything else
 * by the platform. Page numbers reach to 2^24 (36-bit addresses); what lies above 4 GiB reads as ones and swallows writes.
 */
import { Page, physicalPages, type Platform } from './platform.ts';
import type { Executor } from './executor.ts';
import type { TracedWrites } from './traced-writes.ts';

const pageBytes = 4096;
/** Address bit 20 in a page number. */
const a20Bit = 1 << 8;
const ones = [0, 0xff, 0xffff, 0, 0xffffffff] as const;

export class PhysicalMemory {
  readonly view: DataView<SharedArrayBuffer>;
  readonly bytes: Uint8Array<SharedArrayBuffer>;
  readonly words: Int32Array<SharedArrayBuffer>;
  private readonly halves: Uint16Array<SharedArrayBuffer>;
  private readonly quads: BigInt64Array<SharedArrayBuffer>;
  /** Set once the executor exists; a write to a page with code goes to it first. */
  executor: Executor | undefined;
  /** The gate in front of every write of this vCPU to a page with Page.traced. Absent: there is no guard. */
  traced: TracedWrites | undefined;
  /** The page at which this vCPU sees its local APIC, whatever else lies there; -1: nowhere. Kept by Cpu.updateLocalApic. */
  apicPage = -1;

  constructor(
    readonly platform: Platform,
    buffer: SharedArrayBuffer,
  ) {
    this.view = new DataView(buffer);
    this.bytes = new Uint8Array(buffer);
    this.words = new Int32Array(buffer);
    this.halves = new Uint16Array(buffer);
    this.quads = new BigInt64Array(buffer);
  }

  /** The page that an address leads to: with address line 20 closed, odd megabytes are the even ones below. */
  gated(page: number): number {
    return this.platform.a20?.() === false ? page & ~a20Bit : page;
  }

  /** Where the page can be read in memory, or 0. */
  readable(page: number): number {
    return this.dataSmram(page) || (page < physicalPages && page !== this.apicPage ? this.platform.pageRead[page]! : 0);
  }

  /** Where the page can be written in memory, or 0. */
  writable(page: number): number {
    return this.dataSmram(page) || (page < physicalPages && page !== this.apicPage ? this.platform.pageWrite[page]! : 0);
  }

  /** Where code of the page can be fetched from memory, or 0. */
  fetchable(page: number): number {
    return (this.isSmram(page) && this.platform.smram?.codePage(page)) || this.readable(page);
  }

  private isSmram(page: number): boolean {
    return page < physicalPages && (this.platform.pageFlags[page]! & Page.smram) !== 0;
  }

  private dataSmram(page: number): number {
    return this.isSmram(page) ? (this.platform.smram?.dataPage(page) ?? 0) : 0;
  }

  /** Reads 1, 2 or 4 bytes within one page; unsigned. */
  read(page: number, offset: number, size: number): number {
    const memory = this.readable(page);
    if (memory !== 0) {
      return this.load(memory + offset, size);
    }
    if (page >= physicalPages && page !== this.apicPage) return ones[size as 1 | 2 | 4];
    return this.readDevice(page * pageBytes + offset, size);
  }

  /** Aligned accesses are made in one piece (SDM vol. 3, 9.1.1): a DataView may store byte by byte. */
  private load(address: number, size: number): number {
    if (size === 1) return this.bytes[address]!;
    if ((address & (size - 1)) === 0) return size === 4 ? this.words[address >>> 2]! >>> 0 : this.halves[address >>> 1]!;
    return size === 4 ? this.view.getUint32(address, true) : this.view.getUint16(address, true);
  }

  private store(address: number, size: number, value: number): void {
    if (size === 1) this.bytes[address] = value;
    else if ((address & (size - 1)) === 0) {
      if (size === 4) this.words[address >>> 2] = value;
      else this.halves[address >>> 1] = value;
    } else if (size === 4) this.view.setUint32(address, value, true);
    else this.view.setUint16(address, value, true);
  }

  /** Copies up to 16 bytes inside the shared memory; 2, 4 or 8 aligned ones in one piece. */
  copy(to: number, from: number, size: number): void {
    if (((to | from) & (size - 1)) === 0) {
      if (size === 4) return void (this.words[to >>> 2] = this.words[from >>> 2]!);
      if (size === 2) return void (this.halves[to >>> 1] = this.halves[from >>> 1]!);
      if (size === 8) return void (this.quads[to >>> 3] = this.quads[from >>> 3]!);
    }
    for (let index = 0; index < size; index++) this.bytes[to + index] = this.bytes[from + index]!;
  }

  private localApicAt(address: number): Platform['localApic'] {
    return Math.floor(address / pageBytes) === this.apicPage ? this.platform.localApic : undefined;
  }

  /** Chips see naturally aligned accesses only, as on a bus with byte enables: anything else is taken apart, low bytes first. */
  private readDevice(address: number, size: number): number {
    const apic = this.localApicAt(address);
    if (apic !== undefined) return apic.apics.read(apic.cpu, address & 0xfff, size) >>> 0;
    if ((address & (size - 1)) === 0) return this.platform.mmioRead(address, size) >>> 0;
    let value = 0;
    for (let done = 0; done < size;) {
      const piece = (address + done) & 1 || size - done < 2 ? 1 : 2;
      value |= this.platform.mmioRead(address + done, piece) << (8 * done);
      done += piece;
    }
    return value >>> 0;
  }

  /** Writes 1, 2 or 4 bytes within one page. Writes to ROM and holes are dropped. Page attributes are honoured. */
  write(page: number, offset: number, size: number, value: number): void {
    if (this.traced?.isTraced(page) === true && !this.traced.store(page, offset, size, value)) return;
    const memory = this.writable(page);
    if (memory !== 0) {
      const isShared = this.noteWrite(page, offset, size);
      const address = memory + offset;
      this.store(address, size, value);
      if (isShared) this.noteStored(page, offset, size);
      return;
    }
    const address = page * pageBytes + offset;
    const apic = this.localApicAt(address);
    if (apic !== undefined) {
      apic.apics.write(apic.cpu, offset, size, value);
      return;
    }
    if (page >= physicalPages || (this.platform.pageFlags[page]! & Page.rom) !== 0) return;
    if ((address & (size - 1)) === 0) {
      this.platform.mmioWrite(address, size, size === 4 ? value >>> 0 : value & (size === 1 ? 0xff : 0xffff));
      return;
    }
    for (let done = 0; done < size;) {
      const piece = (address + done) & 1 || size - done < 2 ? 1 : 2;
      this.platform.mmioWrite(address + done, piece, (value >>> (8 * done)) & (piece === 1 ? 0xff : 0xffff));
      done += piece;
    }
  }

  /** The high word that readPair found. */
  high = 0;

  /** Reads the low word of an aligned pair, and the high one that belongs to it: another vCPU may replace both by one store. */
  readPair(page: number, offset: number): number {
    const memory = this.readable(page);
    if (memory === 0) {
      this.high = this.read(page, offset + 4, 4);
      return this.read(page, offset, 4);
    }
    const { words } = this;
    const index = (memory + offset) >>> 2;
    let low = Atomics.load(words, index);
    for (;;) {
      this.high = Atomics.load(words, index + 1) >>> 0;
      const again = Atomics.load(words, index);
      if (again === low) return low >>> 0;
      low = again;
    }
  }

  /**
   * Sets bits of an aligned word if it still holds `expected`; false: somebody changed it, look again, unless a fault is pending now. For
   * accessed and dirty bits; `linear` is the address that is being translated.
   */
  setBits(page: number, offset: number, expected: number, bits: number, linear: number): boolean {
    if (this.traced?.isTraced(page) === true) {
      if (!this.traced.mayWalk(page, linear)) return false;
      // Denied: the walk goes on as if the bit were set.
      if (!this.traced.store(page, offset, 4, expected | bits)) return true;
    }
    const memory = this.writable(page);
    if (memory === 0) {
      this.write(page, offset, 4, expected | bits);
      return true;
    }
    const isShared = this.noteWrite(page, offset, 4);
    const found = Atomics.compareExchange(this.words, (memory + offset) >>> 2, expected | 0, expected | bits);
    if (isShared) this.noteStored(page, offset, 4);
    return found === (expected | 0);
  }

  /** ORs a byte in memory (accessed bit of a descriptor). */
  orByte(page: number, offset: number, bits: number): void {
    if (this.traced?.isTraced(page) === true && !this.traced.store(page, offset, 1, this.read(page, offset, 1) | bits)) return;
    const memory = this.writable(page);
    if (memory === 0) {
      this.write(page, offset, 1, this.read(page, offset, 1) | bits);
      return;
    }
    const isShared = this.noteWrite(page, offset, 1);
    Atomics.or(this.bytes, memory + offset, bits);
    if (isShared) this.noteStored(page, offset, 1);
  }

  /** ANDs a byte in memory (busy bit of a TSS descriptor). */
  andByte(page: number, offset: number, bits: number): void {
    if (this.traced?.isTraced(page) === true && !this.traced.store(page, offset, 1, this.read(page, offset, 1) & bits)) return;
    const memory = this.writable(page);
    if (memory === 0) {
      this.write(page, offset, 1, this.read(page, offset, 1) & bits);
      return;
    }
    const isShared = this.noteWrite(page, offset, 1);
    Atomics.and(this.bytes, memory + offset, bits);
    if (isShared) this.noteStored(page, offset, 1);
  }

  /**
   * Call before bytes of a page change: stamps the epoch and drops decoded code. True: other vCPUs may have decoded the bytes, and
   * noteStored has to follow the store.
   *
   * Epochs. Every slow write stamps the page, and the TLB gives a fast write entry only to a page that was just stamped. Who starts a
   * new epoch raises platform.currentEpoch() first and then Attention.flush on every vCPU; at its next poll each vCPU
   * forgets its write entries, so each page's next write comes here again. Until that poll a vCPU may still write with the
   * old stamp: the new epoch is in force when all have passed a poll, and not before (architecture.md, page attributes).
   */
  noteWrite(page: number, offset: number, size: number): boolean {
    const platform = this.platform;
    const epoch = platform.currentEpoch();
    let stamp = platform.pageEpoch[page]!;
    // Never backwards: another vCPU may be in a later epoch already.
    while (stamp < epoch) {
      const seen = Atomics.compareExchange(platform.pageEpoch, page, stamp, epoch);
      if (seen === stamp) break;
      stamp = seen;
    }
    return (platform.pageFlags[page]! & Page.code) !== 0 && this.dropCode(page, offset, size);
  }

  /** The store that noteWrite said true for has been made. */
  noteStored(page: number, offset: number, size: number): void {
    this.platform.coherence?.stored(page, offset, size);
  }

  /** Whether a store has to be followed by noteStored, which generated code does not do. Announces it. */
  isSharedCode(page: number, offset: number, size: number): boolean {
    const { coherence } = this.platform;
    if (coherence === undefined || (this.platform.pageFlags[page]! & Page.code) === 0) return false;
    return coherence.announceWrite(page, offset, size);
  }

  private dropCode(page: number, offset: number, size: number): boolean {
    const isGone = this.executor?.invalidatePage(page, offset, size) === true;
    const { coherence } = this.platform;
    if (coherence !== undefined) return coherence.announceWrite(page, offset, size);
    // With other vCPUs the flag stays: they may have decoded the page as well.
    if (isGone) Atomics.and(this.platform.pageFlags, page, ~Page.code);
    return false;
  }
}
