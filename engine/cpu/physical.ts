/**
 * Guest-physical memory by page number, as one vCPU's microcode sees it: RAM and ROM through the page arrays, everything else
 * by the platform. Page numbers reach to 2^24 (36-bit addresses); what lies above 4 GiB reads as ones and swallows writes.
 */
import { Page, physicalPages, type Platform } from './platform.ts';
import type { Executor } from './executor.ts';

const pageBytes = 4096;
const ones = [0, 0xff, 0xffff, 0, 0xffffffff] as const;

export class PhysicalMemory {
  readonly view: DataView<SharedArrayBuffer>;
  readonly bytes: Uint8Array<SharedArrayBuffer>;
  readonly words: Int32Array<SharedArrayBuffer>;
  /** Set once the executor exists; a write to a page with code goes to it first. */
  executor: Executor | undefined;

  constructor(
    readonly platform: Platform,
    buffer: SharedArrayBuffer,
  ) {
    this.view = new DataView(buffer);
    this.bytes = new Uint8Array(buffer);
    this.words = new Int32Array(buffer);
  }

  /** Where the page can be read in memory, or 0. */
  readable(page: number): number {
    return page < physicalPages ? this.platform.pageRead[page]! : 0;
  }

  /** Where the page can be written in memory, or 0. */
  writable(page: number): number {
    return page < physicalPages ? this.platform.pageWrite[page]! : 0;
  }

  /** Reads 1, 2 or 4 bytes within one page; unsigned. */
  read(page: number, offset: number, size: number): number {
    const memory = this.readable(page);
    if (memory !== 0) {
      const address = memory + offset;
      return size === 4 ? this.view.getUint32(address, true) : size === 1 ? this.bytes[address]! : this.view.getUint16(address, true);
    }
    if (page >= physicalPages) return ones[size as 1 | 2 | 4];
    return this.readDevice(page * pageBytes + offset, size);
  }

  /** Chips see naturally aligned accesses only, as on a bus with byte enables: anything else is taken apart, low bytes first. */
  private readDevice(address: number, size: number): number {
    if ((address & (size - 1)) === 0) return this.platform.mmioRead(address, size) >>> 0;
    let value = 0;
    for (let done = 0; done < size; ) {
      const piece = (address + done) & 1 || size - done < 2 ? 1 : 2;
      value |= this.platform.mmioRead(address + done, piece) << (8 * done);
      done += piece;
    }
    return value >>> 0;
  }

  /** Writes 1, 2 or 4 bytes within one page. Writes to ROM and holes are dropped. Page attributes are honoured. */
  write(page: number, offset: number, size: number, value: number): void {
    const memory = this.writable(page);
    if (memory !== 0) {
      this.noteWrite(page, offset, size);
      const address = memory + offset;
      if (size === 4) this.view.setUint32(address, value, true);
      else if (size === 1) this.bytes[address] = value;
      else this.view.setUint16(address, value, true);
      return;
    }
    if (page >= physicalPages || (this.platform.pageFlags[page]! & Page.rom) !== 0) return;
    const address = page * pageBytes + offset;
    if ((address & (size - 1)) === 0) {
      this.platform.mmioWrite(address, size, size === 4 ? value >>> 0 : value & (size === 1 ? 0xff : 0xffff));
      return;
    }
    for (let done = 0; done < size; ) {
      const piece = (address + done) & 1 || size - done < 2 ? 1 : 2;
      this.platform.mmioWrite(address + done, piece, (value >>> (8 * done)) & (piece === 1 ? 0xff : 0xffff));
      done += piece;
    }
  }

  /** Sets bits of an aligned word if it still holds `expected`; false: somebody changed it, look again. For accessed and dirty bits. */
  setBits(page: number, offset: number, expected: number, bits: number): boolean {
    const memory = this.writable(page);
    if (memory === 0) {
      this.write(page, offset, 4, expected | bits);
      return true;
    }
    this.noteWrite(page, offset, 4);
    return Atomics.compareExchange(this.words, (memory + offset) >>> 2, expected | 0, expected | bits) === (expected | 0);
  }

  /** ORs a byte in memory (accessed bit of a descriptor). */
  orByte(page: number, offset: number, bits: number): void {
    const memory = this.writable(page);
    if (memory === 0) {
      this.write(page, offset, 1, this.read(page, offset, 1) | bits);
      return;
    }
    this.noteWrite(page, offset, 1);
    Atomics.or(this.bytes, memory + offset, bits);
  }

  /** ANDs a byte in memory (busy bit of a TSS descriptor). */
  andByte(page: number, offset: number, bits: number): void {
    const memory = this.writable(page);
    if (memory === 0) {
      this.write(page, offset, 1, this.read(page, offset, 1) & bits);
      return;
    }
    this.noteWrite(page, offset, 1);
    Atomics.and(this.bytes, memory + offset, bits);
  }

  /**
   * Call before bytes of a page change: stamps the epoch and drops decoded code.
   *
   * Epochs. Every slow write stamps the page, and the TLB gives a fast write entry only to a page that was just stamped. Who starts a
   * new epoch raises platform.currentEpoch() first and then Attention.flush on every vCPU; at its next poll each vCPU
   * forgets its write entries, so each page's next write comes here again. Until that poll a vCPU may still write with the
   * old stamp: the new epoch is in force when all have passed a poll, and not before (architecture.md, page attributes).
   */
  noteWrite(page: number, offset: number, size: number): void {
    const platform = this.platform;
    const epoch = platform.currentEpoch();
    let stamp = platform.pageEpoch[page]!;
    // Never backwards: another vCPU may be in a later epoch already.
    while (stamp < epoch) {
      const seen = Atomics.compareExchange(platform.pageEpoch, page, stamp, epoch);
      if (seen === stamp) break;
      stamp = seen;
    }
    if ((platform.pageFlags[page]! & Page.code) !== 0) this.dropCode(page, offset, size);
  }

  private dropCode(page: number, offset: number, size: number): void {
    // The flag goes before the others are told: whoever decodes the page after that sets it again.
    if (this.executor?.invalidatePage(page, offset, size) === true) Atomics.and(this.platform.pageFlags, page, ~Page.code);
    this.platform.codeWritten(page);
  }
}
