/**
 * The software TLB: two halves of 1,024 entries (supervisor first, user second) that generated code reads, and a third half that is
 * always empty, which `tlb` points to while every access of the program needs an alignment check.
 *
 * Entries are laid out by execute/translation-cache.ts. readTag and writeTag let generated code touch memory directly; pages with attributes, chips and clean
 * pages have -1 there. The slow tag (page address | 1) says what linear page the entry translates, whatever the fast tags
 * say; 0: the entry is unused, slotIsListed: unused but known to `#used`.
 */
import { tlb, tlbHalfBytes, tlbSlot } from '../execute/translation-cache.ts';
import { PageFault } from './faults.ts';
import type { PageWalk } from './paging.ts';
import { Translation } from './paging.ts';
import { Page, slowRead, slowWrite } from './platform.ts';
import type { PhysicalMemory } from './physical.ts';

export const tlbEntries = tlb.entries;
/** Bytes a vCPU's TLB takes in memory. */
export const tlbBytes = 3 * tlbHalfBytes;

/** Words of an entry. */
const readTag = tlb.readTag / 4;
const writeTag = tlb.writeTag / 4;
const addend = tlb.addend / 4;
const physical = tlb.physicalPage / 4;
const flagsWord = tlb.flags / 4;
const slowTag = tlb.slowTag / 4;
const slotIsListed = 2;

/** A linear page that a debug register or the debugger watches never gets fast tags. */
export interface LinearWatch {
  watchesPage(linear: number): boolean;
}

export class Tlb {
  readonly #words: Int32Array<SharedArrayBuffer>;
  /** Slots in use since the last complete flush, so that a flush costs what was filled. */
  readonly #used = new Uint16Array(2 * tlbEntries);
  #usedCount = 0;
  /** True once a part of a large page was entered. */
  #hasLarge = false;

  /** `base` is the address of tlbBytes of memory, 64-byte aligned; nobody else writes there. */
  constructor(
    buffer: SharedArrayBuffer,
    readonly base: number,
    private readonly walk: PageWalk,
    private readonly memory: PhysicalMemory,
    private readonly watch: LinearWatch,
  ) {
    this.#words = new Int32Array(buffer, base, tlbBytes / 4);
    this.#words.fill(-1);
    for (let slot = 0; slot < 3 * tlbEntries; slot++) this.#words[8 * slot + slowTag] = 0;
  }

  /** Address of the half that generated code has to use. */
  half(user: boolean, alignmentChecked: boolean): number {
    return this.base + (alignmentChecked ? 2 * tlbHalfBytes : user ? tlbHalfBytes : 0);
  }

  /**
   * The physical page behind a linear address for `access` (PageFault.write, user, fetch), from the entry or by a walk; -1
   * after noting a page fault. A write makes the page's write entry fast if its attributes allow: the caller stores, and
   * calls PhysicalMemory.noteWrite before.
   */
  translate(linear: number, access: number): number {
    const words = this.#words;
    const entry = (tlbSlot(linear) | ((access & PageFault.user) << 8)) << 3;
    if (words[entry + slowTag] === ((linear & 0xfffff000) | 1)) {
      const flags = words[entry + flagsWord]!;
      if ((access & PageFault.write) !== 0) {
        if ((flags & Translation.writable) !== 0) {
          if (words[entry + writeTag] === -1) this.allowWrites(entry, linear);
          return words[entry + physical]!;
        }
      } else if ((access & PageFault.fetch) === 0 || (flags & Translation.executable) !== 0) {
        return words[entry + physical]!;
      }
    }
    return this.fill(entry, linear, access);
  }

  /** For tools on this thread: where the byte at `linear` lies in memory if its entry is fast for reads, else 0. Changes nothing. */
  peekAddress(linear: number, user: boolean): number {
    const words = this.#words;
    const entry = (tlbSlot(linear) | (user ? tlbEntries : 0)) << 3;
    if (words[entry + readTag] !== (linear & 0xfffff000) || words[entry + readTag + 1] !== 0) return 0;
    // What is mapped for System Management Mode is not for tools.
    if ((this.memory.platform.pageFlags[words[entry + physical]!]! & Page.smram) !== 0) return 0;
    return (words[entry + addend]! + linear) >>> 0;
  }

  /** For tools on this thread: the physical page that the entry of `linear` gives, or -1 if it has none. Changes nothing. */
  peekPage(linear: number, user: boolean): number {
    const words = this.#words;
    const entry = (tlbSlot(linear) | (user ? tlbEntries : 0)) << 3;
    return words[entry + slowTag] === ((linear & 0xfffff000) | 1) ? words[entry + physical]! : -1;
  }

  private fill(entry: number, linear: number, access: number): number {
    const walk = this.walk;
    if (!walk.walk(linear, access)) return -1;
    const words = this.#words;
    const page = walk.physicalPage;
    const flags = walk.flags;
    if (words[entry + slowTag] === 0) this.#used[this.#usedCount++] = entry >>> 3;
    if ((flags & Translation.large) !== 0) this.#hasLarge = true;
    words[entry + slowTag] = (linear & 0xfffff000) | 1;
    words[entry + physical] = page;
    words[entry + flagsWord] = flags;
    words[entry + writeTag] = -1;
    words[entry + writeTag + 1] = -1;
    const memory = this.memory.readable(page);
    if (memory !== 0 && (this.memory.platform.pageFlags[page]! & slowRead) === 0 && !this.watch.watchesPage(linear)) {
      words[entry + addend] = memory - (linear & 0xfffff000);
      words[entry + readTag] = linear & 0xfffff000;
      words[entry + readTag + 1] = 0;
    } else {
      words[entry + readTag] = -1;
      words[entry + readTag + 1] = -1;
    }
    // A read leaves the write entry slow, so that a page gets its epoch only when it is written.
    if ((access & PageFault.write) !== 0) this.allowWrites(entry, linear);
    return page;
  }

  /** The caller stamps the page's epoch in the same slow call, so Page.logged is satisfied. */
  private allowWrites(entry: number, linear: number): void {
    const words = this.#words;
    const page = words[entry + physical]!;
    const memory = this.memory.writable(page);
    // RAM under a ROM is written elsewhere than it is read; the one addend cannot serve both.
    if (memory === 0 || memory !== this.memory.readable(page)) return;
    if ((this.memory.platform.pageFlags[page]! & slowWrite & ~Page.logged) !== 0 || this.watch.watchesPage(linear)) return;
    words[entry + addend] = memory - (linear & 0xfffff000);
    words[entry + writeTag] = linear & 0xfffff000;
    words[entry + writeTag + 1] = 0;
  }

  /** Forgets everything, global pages included. */
  flushAll(): void {
    for (let index = 0; index < this.#usedCount; index++) this.clear(this.#used[index]! << 3, 0);
    this.#usedCount = 0;
    this.#hasLarge = false;
  }

  /** What MOV to CR3 forgets (SDM vol. 3, 4.10.4.1). */
  flushNonGlobal(): void {
    const words = this.#words;
    let kept = 0;
    for (let index = 0; index < this.#usedCount; index++) {
      const slot = this.#used[index]!;
      const entry = slot << 3;
      if ((words[entry + slowTag]! & 1) !== 0 && (words[entry + flagsWord]! & Translation.global) !== 0)
        this.#used[kept++] = slot;
      else this.clear(entry, 0);
    }
    this.#usedCount = kept;
  }

  /**
   * INVLPG: forgets the page of this address in both halves, global or not. A large page is spread over many entries; all of
   * them go (dropping too much is always allowed, SDM vol. 3, 4.10.4.1).
   */
  invalidate(linear: number): void {
    const words = this.#words;
    const tag = (linear & 0xfffff000) | 1;
    const entry = tlbSlot(linear) << 3;
    if (words[entry + slowTag] === tag) this.clear(entry, slotIsListed);
    if (words[entry + (tlbEntries << 3) + slowTag] === tag) this.clear(entry + (tlbEntries << 3), slotIsListed);
    if (!this.#hasLarge) return;
    for (let index = 0; index < this.#usedCount; index++) {
      const used = this.#used[index]! << 3;
      const large = (words[used + flagsWord]! & Translation.large) !== 0;
      if (large && (words[used + slowTag]! & 1) !== 0 && (words[used + slowTag]! ^ linear) >>> 22 === 0)
        this.clear(used, slotIsListed);
    }
  }

  /** Makes all write entries slow: a new epoch has begun, or attributes of unknown pages were set. */
  dropWrites(): void {
    for (let index = 0; index < this.#usedCount; index++) this.slowDown((this.#used[index]! << 3) + writeTag);
  }

  /** Makes the write entries of pages with Page.logged slow: a new epoch has begun for these. */
  dropLoggedWrites(): void {
    const words = this.#words;
    const { pageFlags } = this.memory.platform;
    for (let index = 0; index < this.#usedCount; index++) {
      const entry = this.#used[index]! << 3;
      if (words[entry + writeTag] !== -1 && (pageFlags[words[entry + physical]!]! & Page.logged) !== 0) this.slowDown(entry + writeTag);
    }
  }

  /** Makes the write entries of one physical page slow: it holds code now, or is traced or watched. */
  dropWritesTo(physicalPage: number): void {
    for (let index = 0; index < this.#usedCount; index++) {
      const entry = this.#used[index]! << 3;
      if (this.#words[entry + physical] === physicalPage) this.slowDown(entry + writeTag);
    }
  }

  private slowDown(tag: number): void {
    this.#words[tag] = -1;
    this.#words[tag + 1] = -1;
  }

  private clear(entry: number, mark: number): void {
    this.slowDown(entry + readTag);
    this.slowDown(entry + writeTag);
    this.#words[entry + slowTag] = mark;
  }
}
