/**
 * The guest-physical address space: which page is RAM, ROM, a chip's or nothing.
 *
 *   0          - 0x9FFFF      RAM
 *   0xA0000    - 0xBFFFF      a chip's (VGA); RAM under it is the compatible SMRAM
 *   0xC0000    - 0xFFFFF      RAM or ROM, for reads and writes apart, in 16 KiB steps (PAM)
 *   0x100000   - end of RAM   RAM; a region that is placed here stays hidden, as below TOLUD
 *   above                     regions of chips, the guard's pages, then ROM, else a hole: reads as ones, swallows writes
 *
 * The truth is in saved blocks (routing, ROM list, places of regions); the page arrays are derived from it, page by page, whenever
 * it changes. Changes are made under the device lock; the page arrays are read by everybody at any time.
 *
 * SMRAM (Page.smram) is RAM that only vCPUs in SMM see, as long as the chipset does not open it: the page arrays show what lies over it, and
 * one word for the whole machine says whether it is in the view (SmramView).
 *
 * Where reads and writes of a legacy page go different ways neither array has an address and accesses come through `readUnbacked`
 * and `writeUnbacked`, because a translation has one address for both.
 */
import { codeCoherence } from './code-coherence.ts';
import { array, defineBlock, scalar } from '../layout/block.ts';
import { FlushScope, Page, physicalPages, type SmramView } from '../cpu/platform.ts';
import type { LegacyRouting, MmioHandler, MmioRegion, PhysicalMap, SmramRouting, Width } from './bus.ts';
import { flushAll, type MachineControl } from './control.ts';
import { FrameWrites } from './frame-writes.ts';
import { guardPagesBase } from './guard-pages.ts';
import { pageSize, type MachineMemory } from './memory.ts';
import { MachineError } from './machine.ts';
import type { SmramRange } from './smm-face.ts';

const windowBase = 0xa0000;
const legacyBase = 0xc0000;
const legacyEnd = 0x100000;
const segmentSize = 0x4000;
const segmentCount = (legacyEnd - legacyBase) / segmentSize;
const maximumRoms = 8;
const addressSpace = 2 ** 32;
/** Bits of pageFlags that say what a page is; all others are attributes and stay. */
const kindBits = Page.ram | Page.rom | Page.mmio | Page.smram | Page.logged;

const routeRead = 1;
const routeWrite = 2;

const mapBlock = defineBlock('physical-map', 1, {
  /** Per 16 KiB of 0xC0000-0xFFFFF: bit 0 RAM is read, bit 1 RAM is written. */
  legacy: array('u8', segmentCount),
  smramOpen: scalar('u32'),
  romCount: scalar('u32'),
  romUsed: scalar('u32'),
  romBase: array('u32', maximumRoms),
  romBytes: array('u32', maximumRoms),
  /** Offset in the ROM area. */
  romOffset: array('u32', maximumRoms),
});

/** What `smramOpen` of the block above does not say. */
const smramBlock = defineBlock('smram', 1, {
  /** 0xA0000-0xBFFFF is SMRAM. */
  compatible: scalar('u32'),
  closed: scalar('u32'),
  tsegBase: scalar('u32'),
  /** 0: there is none. */
  tsegBytes: scalar('u32'),
});
/** Stands in front of what devices write to pages with Page.traced. Under the device lock. */
export interface DmaWrites {
  /** Bytes of one page are about to be written. False: they are not. */
  write(page: number, offset: number, bytes: Uint8Array): boolean;
  /** The transfer is over. */
  settle(): void;
}

const a20Block = defineBlock('a20', 1, { closed: scalar('u32') });

const regionBlock = defineBlock('mmio', 1, { base: scalar('u32'), placed: scalar('u32') });

interface Region {
  readonly name: string;
  readonly size: number;
  readonly state: { base: number; placed: number };
  readonly handler: MmioHandler | undefined;
  /** Address in the shared memory of the bytes behind it, for a region without a handler. */
  readonly backing: number;
}

interface Route {
  read: number;
  write: number;
  kind: number;
}

/** All ones in `width` bytes, what an access that nobody answers reads. */
export function allOnes(width: number): number {
  return width === 4 ? 0xffffffff : width === 2 ? 0xffff : 0xff;
}

export class MachinePhysicalMap implements PhysicalMap {
  readonly ramBytes: number;
  readonly #memory: MachineMemory;
  readonly #control: MachineControl;
  readonly #coherence;
  readonly #state;
  readonly #smram;
  readonly #a20;
  readonly #regions: Region[] = [];
  readonly #view: DataView<SharedArrayBuffer>;
  readonly frames: FrameWrites;
  /** Absent: nothing traces writes. */
  dmaGate: DmaWrites | undefined;

  /** Views of the same map may exist on many threads; exactly one thread calls `initialise`, once. */
  constructor(memory: MachineMemory, control: MachineControl) {
    this.#memory = memory;
    this.#control = control;
    this.ramBytes = memory.shape.ramBytes;
    this.#coherence = codeCoherence(memory, control, -1);
    this.#state = memory.block(mapBlock);
    this.#smram = memory.block(smramBlock);
    this.#a20 = memory.block(a20Block);
    this.#view = new DataView(memory.buffer);
    this.frames = new FrameWrites(memory, control);
  }

  /** Derives the page arrays for the first time. */
  initialise(): void {
    const { pageRead, pageWrite, pageFlags } = this.#memory;
    const pages = this.ramBytes / pageSize;
    // RAM is most of it, and needs no look at regions; what lies above is a hole until something is placed there.
    for (let page = 0; page < pages; page++) {
      pageRead[page] = pageWrite[page] = this.#memory.ramBase + page * pageSize;
      pageFlags[page] = Page.ram;
    }
    this.#refresh(windowBase, legacyEnd - windowBase);
    this.#refresh(guardPagesBase, this.#memory.guardPages.length);
  }

  /** The blocks of this map were replaced from outside, while no vCPU runs: derives the page arrays from them. */
  rederive(): void {
    this.#refresh(windowBase, addressSpace - windowBase);
    this.#control.requestFlush(flushAll);
  }

  /** The routing of power-on and reset: ROM in the legacy area, SMRAM closed. ROMs and regions stay. */
  reset(): void {
    this.#state.legacy.fill(0);
    this.routeSmram({ compatible: false, tseg: undefined, open: false, closed: false });
    this.#a20.closed = 0;
    this.#refresh(windowBase, legacyEnd - windowBase);
  }

  // What chips and loaders change

  /**
   * Declares a region, at most one per name. With a handler it leads to a chip, without one to `vramOffset` in VRAM or to the display device's memory. Where two are
   * placed on one page the one that was declared first is seen.
   */
  addRegion(name: string, base: number | undefined, size: number, target: MmioHandler | { vramOffset: number } | { scanoutOffset: number }): MmioRegion {
    if (!Number.isInteger(size) || size <= 0) throw new RangeError(`The region ${name} cannot be ${size} bytes.`);
    if (this.#regions.some((region) => region.name === name)) throw new RangeError(`The region ${name} exists already.`);
    const isNew = !this.#memory.directory.sealed;
    const region: Region = {
      name,
      size,
      state: this.#memory.block(regionBlock, name),
      handler: 'read' in target ? target : undefined,
      backing: 'read' in target ? 0 : 'vramOffset' in target ? this.#memory.vramBase + target.vramOffset : this.#memory.scanoutBase + target.scanoutOffset,
    };
    if ('vramOffset' in target && (target.vramOffset % pageSize !== 0 || target.vramOffset + size > this.#memory.vram.length)) {
      throw new RangeError(`The region ${name} does not lie in VRAM.`);
    }
    this.#regions.push(region);
    if (region.handler === undefined) this.frames.addWindow(region);
    const face = new PlacedRegion(region, (change) => this.#move(region, change));
    // Later threads find the region where the guest has it by now.
    if (isNew && region.state.placed === 0) face.place(base);
    return face;
  }

  #move(region: Region, base: number | undefined): void {
    const { state, size } = region;
    const before = state.placed !== 0 ? state.base : undefined;
    if (before === base) return;
    if (base !== undefined && (base % pageSize !== 0 || base < 0 || base + size > addressSpace)) {
      throw new RangeError(`The region ${region.name} cannot be placed at ${base.toString(16)}.`);
    }
    state.base = base ?? 0;
    state.placed = base === undefined ? 0 : 1;
    // Stamps of the pages where it was say nothing of it any more.
    if (region.handler === undefined) this.frames.noteWritten(region.backing, size);
    if (before !== undefined) this.#refresh(before, size);
    if (base !== undefined) this.#refresh(base, size);
  }

  routeLegacy(base: number, size: number, routing: LegacyRouting): void {
    if (base < legacyBase || base + size > legacyEnd || base % segmentSize !== 0 || size % segmentSize !== 0) {
      throw new RangeError(`PAM routes 16 KiB pieces of 0xC0000-0xFFFFF, not ${size} bytes at ${base.toString(16)}.`);
    }
    const value = (routing.readRam ? routeRead : 0) | (routing.writeRam ? routeWrite : 0);
    const first = (base - legacyBase) / segmentSize;
    const last = first + size / segmentSize;
    if (this.#state.legacy.subarray(first, last).every((current) => current === value)) return;
    this.#state.legacy.fill(value, first, last);
    this.#refresh(base, size);
  }

  routeSmram({ compatible, tseg, open, closed }: SmramRouting): void {
    const before = this.smramRanges;
    const smram = this.#smram;
    // What is no RAM cannot be SMRAM.
    const size = tseg === undefined ? 0 : Math.max(0, Math.min(tseg.base + tseg.size, this.ramBytes) - tseg.base);
    this.#state.smramOpen = open ? 1 : 0;
    smram.compatible = compatible ? 1 : 0;
    smram.tsegBase = size === 0 ? 0 : (tseg?.base ?? 0);
    smram.tsegBytes = size;
    for (const range of [...before, ...this.smramRanges]) this.#refresh(range.base, range.size);
    if (smram.closed === (closed ? 1 : 0)) return;
    smram.closed = closed ? 1 : 0;
    this.#control.requestFlush(flushAll);
  }

  /** Where SMRAM is. */
  get smramRanges(): SmramRange[] {
    const { compatible, tsegBase, tsegBytes } = this.#smram;
    const ranges: SmramRange[] = [];
    if (compatible !== 0) ranges.push({ name: 'compatible', base: windowBase, size: legacyBase - windowBase });
    if (tsegBytes !== 0) ranges.push({ name: 'tseg', base: tsegBase, size: tsegBytes });
    return ranges;
  }

  /** SMRAM as vCPUs see it; `viewWord` is the index of the word that says whether it is in the view. */
  smramView(viewWord: number): SmramView {
    const { words, ramBase } = this.#memory;
    const smram = this.#smram;
    const address = (page: number) => (words[viewWord] === 0 ? 0 : ramBase + page * pageSize);
    return { codePage: address, dataPage: (page) => (smram.closed === 0 ? address(page) : 0) };
  }

  get a20(): boolean {
    return this.#a20.closed === 0;
  }

  set a20(open: boolean) {
    if (open === this.a20) return;
    this.#a20.closed = open ? 0 : 1;
    this.#control.requestFlush(FlushScope.translations);
  }

  /** See BootContext.mapRom. */
  mapRom(address: number, bytes: Uint8Array): void {
    const size = Math.ceil(bytes.length / pageSize) * pageSize;
    const legacy = address >= legacyBase && address + size <= legacyEnd;
    const high = address >= this.ramBytes && address >= legacyEnd && address + size <= addressSpace;
    if (address % pageSize !== 0 || bytes.length === 0 || (!legacy && !high)) {
      throw new MachineError('bad-image', `A ROM of ${bytes.length} bytes cannot be shown at 0x${address.toString(16)}.`);
    }
    const state = this.#state;
    let index = state.romBase.subarray(0, state.romCount).indexOf(address);
    if (index < 0 || (state.romBytes[index] ?? 0) < size) {
      if (state.romCount === maximumRoms || state.romUsed + size > this.#memory.rom.length) {
        throw new MachineError('too-large', `There is no room for a ROM of ${bytes.length} bytes at 0x${address.toString(16)}.`);
      }
      if (index < 0) index = state.romCount++;
      state.romBase[index] = address;
      state.romBytes[index] = size;
      state.romOffset[index] = state.romUsed;
      state.romUsed += size;
    }
    const offset = state.romOffset[index] ?? 0;
    this.#memory.rom.fill(0xff, offset, offset + size);
    this.#memory.rom.set(bytes, offset);
    this.#refresh(address, size);
    this.#control.requestFlush(flushAll);
  }

  /** Bytes of ROM in use, for digests. */
  get romUsed(): number {
    return this.#state.romUsed;
  }

  // The page arrays

  #refresh(base: number, size: number): void {
    const { pageRead, pageWrite, pageFlags } = this.#memory;
    const last = Math.min(physicalPages, Math.ceil((base + size) / pageSize));
    let changed = false;
    for (let page = Math.floor(base / pageSize); page < last; page++) {
      const { read, write, kind } = this.#route(page);
      const split = read !== write && write !== 0;
      const newWrite = split ? 0 : write;
      const newRead = split ? 0 : read;
      const flags = Atomics.load(pageFlags, page);
      if (pageRead[page] === newRead && pageWrite[page] === newWrite && (flags & kindBits) === kind) continue;
      changed = true;
      // Writes close before the kind changes and open after it.
      Atomics.store(pageWrite, page, 0);
      Atomics.store(pageRead, page, newRead);
      Atomics.and(pageFlags, page, ~kindBits);
      Atomics.or(pageFlags, page, kind);
      Atomics.store(pageWrite, page, newWrite);
    }
    if (changed) this.#control.requestFlush(flushAll);
  }

  /** Where the accesses to a page go; addresses in the shared memory, 0 for none. */
  #route(page: number): Route {
    const address = page * pageSize;
    const ram = address < this.ramBytes ? this.#memory.ramBase + address : 0;
    if (address >= windowBase && address < legacyBase) {
      const smram = this.#smram.compatible !== 0 && ram !== 0 ? Page.smram : 0;
      if (this.#state.smramOpen !== 0 && smram !== 0) return { read: ram, write: ram, kind: Page.ram | smram };
      const over = this.#routeRegion(address) ?? { read: 0, write: 0, kind: 0 };
      return { ...over, kind: over.kind | smram };
    }
    const { tsegBase, tsegBytes } = this.#smram;
    if (tsegBytes !== 0 && address >= tsegBase && address < tsegBase + tsegBytes) {
      return this.#state.smramOpen !== 0
        ? { read: ram, write: ram, kind: Page.ram | Page.smram }
        : { read: 0, write: 0, kind: Page.smram };
    }
    if (address >= legacyBase && address < legacyEnd) {
      const routing = this.#state.legacy[(address - legacyBase) >>> 14] ?? 0;
      const read = (routing & routeRead) !== 0 ? ram : this.#romAt(address);
      const write = (routing & routeWrite) !== 0 ? ram : 0;
      if (read === write) return { read, write, kind: read === 0 ? 0 : Page.ram };
      return { read, write, kind: write === 0 ? Page.rom : Page.mmio };
    }
    if (ram !== 0) return { read: ram, write: ram, kind: Page.ram };
    const region = this.#routeRegion(address);
    if (region !== undefined) return region;
    const guarded = address - guardPagesBase;
    if (guarded >= 0 && guarded < this.#memory.guardPages.length) {
      const backing = this.#memory.guardPagesBase + guarded;
      return { read: backing, write: backing, kind: Page.ram };
    }
    const rom = this.#romAt(address);
    return { read: rom, write: 0, kind: rom === 0 ? 0 : Page.rom };
  }

  #routeRegion(address: number): Route | undefined {
    const region = this.#regionAt(address, pageSize);
    if (region === undefined) return undefined;
    if (region.handler !== undefined) return { read: 0, write: 0, kind: Page.mmio };
    const backing = region.backing + (address - region.state.base);
    return { read: backing, write: backing, kind: Page.ram | Page.logged };
  }

  #regionAt(address: number, granularity = 1): Region | undefined {
    for (const region of this.#regions) {
      if (region.state.placed === 0) continue;
      const offset = address - region.state.base;
      if (offset >= 0 && offset < Math.ceil(region.size / granularity) * granularity) return region;
    }
    return undefined;
  }

  #romAt(address: number): number {
    const state = this.#state;
    // The latest mapping wins, as a later option ROM lies over an earlier one.
    for (let index = state.romCount - 1; index >= 0; index--) {
      const offset = address - (state.romBase[index] ?? 0);
      if (offset >= 0 && offset < (state.romBytes[index] ?? 0))
        return this.#memory.romBase + (state.romOffset[index] ?? 0) + offset;
    }
    return 0;
  }

  // Accesses that the page arrays do not answer

  /** Under the device lock. `address` to `address + width` lies in one page. */
  readUnbacked(address: number, width: Width): number {
    const { read } = this.#route(address >>> 12);
    if (read !== 0) return this.#load(read + (address & 0xfff), width);
    const region = this.#visibleRegion(address);
    if (region?.handler === undefined) return allOnes(width);
    return region.handler.read(address - region.state.base, width) >>> 0;
  }

  /** As readUnbacked, without side effects: undefined where the chip cannot be asked, or nobody answers. */
  peekUnbacked(address: number, width: Width): number | undefined {
    const { read } = this.#route(address >>> 12);
    if (read !== 0) return this.#load(read + (address & 0xfff), width);
    const region = this.#visibleRegion(address);
    return region?.handler?.peek?.(address - region.state.base, width);
  }

  writeUnbacked(address: number, width: Width, value: number): void {
    const page = address >>> 12;
    const { write } = this.#route(page);
    if (write !== 0) {
      this.#store(write + (address & 0xfff), width, value);
      this.#written(page);
      return;
    }
    const region = this.#visibleRegion(address);
    region?.handler?.write(address - region.state.base, width, value >>> 0);
  }

  /** The region that an access to a page without backing reaches; none in the legacy ROM area, as `#route` has it. */
  #visibleRegion(address: number): Region | undefined {
    return (Atomics.load(this.#memory.pageFlags, address >>> 12) & Page.mmio) === 0 ? undefined : this.#regionAt(address);
  }

  #load(address: number, width: Width): number {
    if (width === 1) return this.#view.getUint8(address);
    return width === 2 ? this.#view.getUint16(address, true) : this.#view.getUint32(address, true);
  }

  #store(address: number, width: Width, value: number): void {
    if (width === 1) this.#view.setUint8(address, value);
    else if (width === 2) this.#view.setUint16(address, value, true);
    else this.#view.setUint32(address, value, true);
  }

  // For tools

  /** A byte as a chip shows it without side effects; undefined where there is no chip, or one that cannot be asked. Under the device lock. */
  peekDevice(address: number): number | undefined {
    const region = this.#visibleRegion(address);
    const offset = address - (region?.state.base ?? 0);
    const word = region?.handler?.peek?.(offset - (offset % 4), 4);
    return word === undefined ? undefined : (word >>> (8 * (offset % 4))) & 0xff;
  }

  /** Writes a piece of one page as a vCPU would; false, and nothing is written, where there is no RAM for it. Every vCPU stands still. */
  writeBacked(address: number, bytes: Uint8Array): boolean {
    const page = Math.floor(address / pageSize);
    const write = page < physicalPages ? this.#route(page).write : 0;
    if (write === 0) return false;
    new Uint8Array(this.#memory.buffer, write + (address % pageSize), bytes.length).set(bytes);
    this.#written(page);
    return true;
  }

  // Direct memory access

  dmaRead(address: number, into: Uint8Array): void {
    this.#eachPage(address, into.length, (page, offset, start, length) => {
      const read = this.#dmaRoute(page).read;
      if (read === 0) into.fill(0xff, start, start + length);
      else into.set(new Uint8Array(this.#memory.buffer, read + offset, length), start);
    });
  }

  dmaWrite(address: number, from: Uint8Array): void {
    const gate = this.dmaGate;
    this.#eachPage(address, from.length, (page, offset, start, length) => {
      const write = this.#dmaRoute(page).write;
      if (write === 0) return;
      const bytes = from.subarray(start, start + length);
      if (gate !== undefined && (Atomics.load(this.#memory.pageFlags, page) & Page.traced) !== 0 && !gate.write(page, offset, bytes)) return;
      new Uint8Array(this.#memory.buffer, write + offset, length).set(bytes);
      this.#written(page);
    });
    gate?.settle();
  }

  dmaReaches(address: number, length: number, write: boolean): boolean {
    let reaches = true;
    this.#eachPage(address, length, (page) => {
      const route = this.#dmaRoute(page);
      if ((write ? route.write : route.read) === 0) reaches = false;
    });
    return reaches;
  }

  /** DMA never sees SMRAM, open or not (ICH9 and Q35 datasheets: D_OPEN concerns the processor only), nor what lies over it. */
  #dmaRoute(page: number): Route {
    const address = page * pageSize;
    const nothing = { read: 0, write: 0, kind: 0 };
    if (page >= physicalPages || (address >= windowBase && address < legacyBase)) return nothing;
    const route = this.#route(page);
    return (route.kind & Page.smram) !== 0 ? nothing : route;
  }

  #eachPage(address: number, length: number, body: (page: number, offset: number, start: number, length: number) => void): void {
    for (let done = 0; done < length;) {
      const at = address + done;
      const offset = at % pageSize;
      const piece = Math.min(pageSize - offset, length - done);
      body(Math.floor(at / pageSize), offset, done, piece);
      done += piece;
    }
  }

  /** A page was written behind the vCPUs' backs: its epoch moves on, and records made from it are dropped. */
  #written(page: number): void {
    Atomics.store(this.#memory.pageEpoch, page, this.#control.currentEpoch());
    if ((Atomics.load(this.#memory.pageFlags, page) & Page.code) === 0) return;
    if (this.#coherence === undefined) this.#control.requestFlush(FlushScope.code);
    else this.#coherence.stored(page, 0, pageSize);
  }

  /** A tool has written a page, under the device lock. */
  noteWritten(page: number): void {
    this.#written(page);
  }

  // What loaders write

  /** Writes RAM itself, whatever is routed above it. Throws MachineError 'too-large' outside RAM. */
  writeRam(address: number, bytes: Uint8Array): void {
    this.#checkRam(address, bytes.length);
    this.#memory.ram.set(bytes, address);
    for (let page = address >>> 12; page * pageSize < address + bytes.length; page++) this.#written(page);
  }

  readRam(address: number, length: number): Uint8Array {
    this.#checkRam(address, length);
    return this.#memory.ram.slice(address, address + length);
  }

  #checkRam(address: number, length: number): void {
    if (!Number.isInteger(address) || address < 0 || address + length > this.ramBytes) {
      throw new MachineError(
        'too-large',
        `${length} bytes at 0x${address.toString(16)} do not fit in ${this.ramBytes / 2 ** 20} MiB of guest memory.`,
      );
    }
  }

  // Attributes

  /**
   * Adds attribute bits to a page. Rights that this takes away (fast writes, fast reads) are gone for good only when
   * the grace period is over: `GracePeriods.passed(result)`. Any thread.
   */
  addAttributes(page: number, bits: number): number {
    Atomics.or(this.#memory.pageFlags, page, bits & ~kindBits);
    return this.#control.requestFlush(FlushScope.translations);
  }

  removeAttributes(page: number, bits: number): void {
    Atomics.and(this.#memory.pageFlags, page, ~(bits & ~kindBits));
  }
}

class PlacedRegion implements MmioRegion {
  constructor(
    private readonly region: Region,
    readonly place: (base: number | undefined) => void,
  ) {}

  get base(): number {
    return this.region.state.base;
  }

  get size(): number {
    return this.region.size;
  }
}
