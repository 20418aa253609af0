/**
 * Decoded blocks of one vCPU: finds or makes the block at eip, links branches, and turns records of modified pages into
 * `refetch` ones. Everything here may be dropped at any time; it belongs to the vCPU's thread alone.
 */
import { decode, Decoded, DecodeStatus, maximumLength } from '../isa/decoder.ts';
import { Exit, vcpuState, type VcpuState } from '../isa/state.ts';
import type { CodeContext, CodeFetch } from './code-fetch.ts';
import { sizedForms } from '../isa/sized.ts';
import { special } from './interpreter-module.ts';
import { field, neverLinked, recordBytes, writeOperands } from './record.ts';
import { jumpCache, jumpCacheBytes, jumpCacheOffset } from './translation-cache.ts';

const pageBytes = 4096;
/** Instructions in one block at most; `remaining` has to fit a byte. */
const blockLength = 64;
const roomForBlock = (blockLength + 1) * recordBytes;
const generalProtection = 13;

/** Writes are compared with code in pieces of this many bytes: a data word beside code costs no decoding. */
const chunkBytes = 64;

/** The blocks of one page, and which of its 64 chunks they were decoded from. */
interface PageCode {
  blocks: Block[];
  /** CodeFetch.generation before the oldest of them was decoded. */
  readonly generation: number;
  /** Bits 0-31 and 32-63. */
  low: number;
  high: number;
}

/** Handlers whose records have a link. */
const linked = Uint8Array.from(sizedForms, ({ operands }) => (operands.some((shape) => shape.kind === 'relative') ? 1 : 0));

interface Block {
  readonly key: number;
  /** Bytes of its page it was decoded from, [start, end); a crossing block counts as its rest in the second page too. */
  readonly start: number;
  readonly end: number;
  readonly record: number;
  /** Records including the block end. */
  readonly records: number;
  /** Its only instruction reaches into a second page. */
  readonly crossing: boolean;
  /** The physical number of that page; -1 without one. */
  second: number;
}

export class BlockCache {
  private readonly view: DataView;
  private readonly bytes: Uint8Array<SharedArrayBuffer>;
  private readonly blocks = new Map<number, Block>();
  private readonly codeOfPage = new Map<number, PageCode>();
  /** Numbers for (code context, linear page where that matters). */
  private readonly keys = new Map<number, number>();
  private readonly state: VcpuState;
  private readonly decoded = new Decoded();
  private readonly straddle = new Uint8Array(2 * maximumLength);
  private readonly scratch: number;
  private readonly first: number;
  private readonly end: number;
  private next: number;
  /** pageEip of the block that was entered last, to tell whether a branch stays in its page. */
  private lastContext = -1;

  constructor(
    memory: WebAssembly.Memory,
    vcpu: number,
    private readonly cacheBase: number,
    cacheBytes: number,
    private readonly fetch: CodeFetch,
  ) {
    const buffer = memory.buffer as unknown as SharedArrayBuffer;
    this.view = new DataView(buffer);
    this.bytes = new Uint8Array(buffer);
    this.state = vcpuState.at(buffer, vcpu);
    this.scratch = cacheBase + jumpCacheBytes;
    this.first = this.scratch + 2 * recordBytes;
    this.end = cacheBase + cacheBytes;
    this.next = this.first;
    if (this.end < this.first + roomForBlock) throw new RangeError(`a record cache of ${cacheBytes} bytes holds no block`);
    this.flushJumpCache();
  }

  /** Forgets (eip, context) → record; decoded blocks stay, being keyed by physical address. */
  flushJumpCache(): void {
    // The block may have been reset by another thread, and this word with it.
    this.state.jumpCache = this.cacheBase;
    this.bytes.fill(0xff, this.cacheBase, this.cacheBase + jumpCacheBytes);
  }

  /**
   * Drops what was decoded from `size` bytes at `first` of a page. The block that is running notices at its next instruction.
   * True when nothing of the page is left.
   */
  invalidatePage(physicalPage: number, first = 0, size = pageBytes): boolean {
    const code = this.codeOfPage.get(physicalPage);
    if (!code) return true;
    if (code.blocks.length === 0) {
      this.codeOfPage.delete(physicalPage);
      return true;
    }
    const last = first + size - 1;
    if (!touches(code, first, last)) return false;
    const kept: Block[] = [];
    const dropped: Block[] = [];
    for (const block of code.blocks) (block.crossing || (block.start <= last && block.end > first) ? dropped : kept).push(block);
    if (dropped.length === 0) return false;
    for (const block of dropped) {
      // A crossing block is known to its second page by a copy.
      if (this.blocks.get(block.key)?.record === block.record) this.blocks.delete(block.key);
      this.refetch(block.record, block.record + block.records * recordBytes);
    }
    if (kept.length === 0) {
      this.codeOfPage.delete(physicalPage);
      return true;
    }
    const rest: PageCode = { blocks: [], generation: code.generation, low: 0, high: 0 };
    for (const block of kept) {
      include(rest, block);
      this.unlink(block, dropped);
    }
    this.codeOfPage.set(physicalPage, rest);
    return false;
  }

  /** Drops the blocks of pages that were written by others: what they were decoded from is not there any more. */
  dropChanged(generation: (page: number) => number): void {
    for (const [page, code] of [...this.codeOfPage]) if (generation(page) !== code.generation) this.invalidatePage(page);
  }

  /** Whether the page has decoded blocks. */
  hasCode(physicalPage: number): boolean {
    return this.codeOfPage.has(physicalPage);
  }

  dropAll(): void {
    this.refetch(this.first, this.next);
    this.blocks.clear();
    this.codeOfPage.clear();
    this.keys.clear();
    this.flushJumpCache();
    this.next = this.first;
    this.lastContext = -1;
  }

  /** See InterpreterImports.lookupBlock. */
  lookup(from: number): number {
    const { state } = this;
    const id = state.codeContext;
    const context = this.fetch.context(id);
    const eip = Number(state.eip);
    if (eip > context.limit) return this.raise(generalProtection);
    const linear = (context.base + eip) >>> 0;
    const physical = this.fetch.translate(linear);
    if (physical < 0) {
      state.exitReason = Exit.fault;
      return 0;
    }
    const previousPage = state.pageEip;
    const pageEip = (eip - (linear & (pageBytes - 1))) >>> 0;
    state.pageEip = pageEip;
    if (context.single || this.fetch.page(physical >>> 12) === 0) return this.decodeSingle(context, linear, physical, eip);
    const key = this.key(context, id, linear) * 2 ** 32 + physical;
    let block = this.blocks.get(key);
    let link = from;
    if (block?.crossing === true && !this.confirmSecondPage(block, context, linear, physical, eip)) return 0;
    if (!block) {
      if (this.next + roomForBlock > this.end) {
        this.dropAll();
        link = neverLinked;
      }
      block = this.decodeBlock(this.key(context, id, linear) * 2 ** 32 + physical, context, linear, physical, eip);
      if (!block) return 0;
    }
    const entry = this.cacheBase + jumpCacheOffset(eip);
    this.view.setBigUint64(entry + jumpCache.tag, BigInt(eip), true);
    this.view.setUint32(entry + jumpCache.context, id, true);
    this.view.setUint32(entry + jumpCache.record, block.record, true);
    this.view.setUint32(entry + jumpCache.pageEip, pageEip, true);
    if (link > neverLinked) {
      const stays =
        previousPage === pageEip &&
        this.lastContext === id &&
        !block.crossing &&
        this.fetch.splits?.(physical & (pageBytes - 1)) !== true;
      this.view.setUint32(link + field.link, stays ? block.record : neverLinked, true);
    }
    this.lastContext = id;
    return block.record;
  }

  private raise(vector: number): number {
    const { state } = this;
    state.faultVector = vector;
    state.faultCode = 0;
    state.exitReason = Exit.fault;
    return 0;
  }

  /** Flat code is the same at every linear address; elsewhere limits are part of what was decoded. */
  private key(context: CodeContext, id: number, linear: number): number {
    const flat = context.limit === 0xffffffff;
    const name = id * 2 ** 21 + (flat ? 2 ** 20 : linear >>> 12);
    let key = this.keys.get(name);
    if (key === undefined) {
      key = this.keys.size + 1;
      this.keys.set(name, key);
    }
    return key;
  }

  private refetch(start: number, end: number): void {
    for (let record = start; record < end; record += recordBytes) {
      const handler = this.view.getUint16(record + field.handler, true);
      // A block end has no instruction to take back and looks its successor up anyway.
      if (handler !== special.blockEnd) this.view.setUint16(record + field.handler, special.refetch, true);
    }
  }

  private decodeBlock(key: number, context: CodeContext, linear: number, physical: number, eip: number): Block | undefined {
    const { decoded, fetch } = this;
    const page = physical >>> 12;
    fetch.markCode(page);
    const code = this.codeOf(page);
    const base = fetch.page(page);
    const size = context.big ? 4 : 2;
    let offset = physical & (pageBytes - 1);
    let count = 0;
    let record = this.next;
    const delta = eip - offset;
    for (; count < blockLength; count++) {
      if (count > 0 && fetch.splits?.(offset) === true) break;
      let status = decode(this.bytes, base + offset, base + pageBytes, size, decoded);
      // Decoded again until no line of it is new: an instruction that another vCPU changes may get longer.
      while (fetch.markLines(page, offset, looked(status, decoded, offset))) status = decode(this.bytes, base + offset, base + pageBytes, size, decoded);
      if (status === DecodeStatus.truncated) {
        if (count > 0) break;
        return this.decodeCrossing(key, context, linear, physical, eip);
      }
      if (delta + offset + decoded.length - 1 > context.limit) {
        if (count > 0) break;
        this.raise(generalProtection);
        return undefined;
      }
      this.write(record, status, offset);
      record += recordBytes;
      offset += decoded.length;
      if (status !== DecodeStatus.ok || decoded.form?.instruction.terminates === true || offset >= pageBytes) {
        count++;
        break;
      }
    }
    this.writeBlockEnd(record, offset);
    for (let index = 0; index < count; index++)
      this.view.setUint8(this.next + index * recordBytes + field.remaining, count - 1 - index);
    return this.register(
      code,
      key,
      count + 1,
      false,
      physical,
      decoded.status === DecodeStatus.ok ? offset : Math.min(offset + maximumLength, pageBytes),
    );
  }

  /** An instruction that reaches into the next page: a block of its own, dropped when either page changes. */
  private decodeCrossing(key: number, context: CodeContext, linear: number, physical: number, eip: number): Block | undefined {
    const code = this.codeOf(physical >>> 12);
    const second = this.decodeAcross(context, linear, physical, eip, this.next);
    if (second === undefined) return undefined;
    const block = this.register(code, key, 2, true, physical, pageBytes);
    this.crossInto(second, block);
    return block;
  }

  private crossInto(second: number, block: Block): void {
    block.second = second;
    if (second < 0) return;
    const code = this.codeOf(second);
    if (!code.blocks.some((each) => each.record === block.record)) include(code, { ...block, start: 0, end: maximumLength });
  }

  /**
   * The key of a crossing block names its first page only. What follows that page may be mapped elsewhere by now, or not at all: then the
   * block is decoded again in its place. False after raising a fault.
   */
  private confirmSecondPage(block: Block, context: CodeContext, linear: number, physical: number, eip: number): boolean {
    const available = pageBytes - block.start;
    if (eip + available <= context.limit) {
      const next = this.fetch.translate((linear + available) >>> 0);
      if (next < 0) {
        this.state.exitReason = Exit.fault;
        return false;
      }
      if (next >>> 12 === block.second) return true;
    }
    const second = this.decodeAcross(context, linear, physical, eip, block.record);
    if (second === undefined) return false;
    this.crossInto(second, block);
    return true;
  }

  /**
   * Decodes one instruction byte by byte over at most two pages into the records at `at`. Gives the second page, -1 if there
   * is none, or undefined after raising a fault.
   */
  private decodeAcross(context: CodeContext, linear: number, physical: number, eip: number, at: number): number | undefined {
    const { decoded, fetch, straddle } = this;
    const offset = physical & (pageBytes - 1);
    const size = context.big ? 4 : 2;
    let available = Math.min(maximumLength, pageBytes - offset);
    const isCached = at !== this.scratch;
    do this.copy(physical, available, 0);
    while (isCached && fetch.markLines(physical >>> 12, offset, available));
    let second = -1;
    let status = decode(straddle, 0, available, size, decoded);
    if (status === DecodeStatus.truncated) {
      const next = fetch.translate((linear + available) >>> 0);
      // The limit comes first: bytes behind it are not even fetched.
      if (eip + available > context.limit) {
        this.state.faultVector = -1;
        this.raise(generalProtection);
        return undefined;
      }
      if (next < 0) {
        this.state.exitReason = Exit.fault;
        return undefined;
      }
      second = next >>> 12;
      if (fetch.page(second) !== 0) {
        fetch.markCode(second);
        // Its generation counts from before its bytes are read.
        if (isCached) this.codeOf(second);
      }
      do this.copy(next, maximumLength - available, available);
      while (isCached && fetch.page(second) !== 0 && fetch.markLines(second, 0, maximumLength - available));
      available = maximumLength;
      status = decode(straddle, 0, available, size, decoded);
    }
    if (eip + decoded.length - 1 > context.limit) {
      this.raise(generalProtection);
      return undefined;
    }
    this.write(at, status, offset);
    this.view.setUint8(at + field.remaining, 0);
    if (decoded.form?.operands.some((shape) => shape.kind === 'relative') === true)
      this.view.setUint32(at + field.link, neverLinked, true);
    this.writeBlockEnd(at + recordBytes, offset + decoded.length);
    return second;
  }

  private decodeSingle(context: CodeContext, linear: number, physical: number, eip: number): number {
    return this.decodeAcross(context, linear, physical, eip, this.scratch) === undefined ? 0 : this.scratch;
  }

  private copy(physical: number, count: number, to: number): void {
    const page = this.fetch.page(physical >>> 12);
    for (let index = 0; index < count; index++) {
      const address = physical + index;
      this.straddle[to + index] =
        page === 0 ? this.fetch.readByte(address) : (this.bytes[page + (address & (pageBytes - 1))] ?? 0);
    }
  }

  private write(record: number, status: DecodeStatus, pageOffset: number): void {
    const { view, decoded } = this;
    let handler: number;
    if (status === DecodeStatus.ok && decoded.form) {
      writeOperands(view, record, decoded);
      handler = decoded.form.id;
    } else {
      handler = status === DecodeStatus.tooLong ? special.tooLong : special.invalid;
    }
    view.setUint16(record + field.handler, handler, true);
    view.setUint8(record + field.length, decoded.length);
    view.setUint16(record + field.pageOffset, pageOffset, true);
  }

  private writeBlockEnd(record: number, pageOffset: number): void {
    this.view.setUint16(record + field.handler, special.blockEnd, true);
    this.view.setUint8(record + field.remaining, 0);
    this.view.setUint16(record + field.pageOffset, pageOffset, true);
  }

  private register(code: PageCode, key: number, records: number, crossing: boolean, physical: number, end: number): Block {
    const block: Block = { key, start: physical & (pageBytes - 1), end, record: this.next, records, crossing, second: -1 };
    this.next += records * recordBytes;
    this.blocks.set(key, block);
    include(code, block);
    return block;
  }

  private codeOf(page: number): PageCode {
    let code = this.codeOfPage.get(page);
    if (!code) {
      code = { blocks: [], generation: this.fetch.generation(page), low: 0, high: 0 };
      this.codeOfPage.set(page, code);
    }
    return code;
  }

  /** Branches of a block that stays look their dropped targets up again. */
  private unlink(block: Block, dropped: readonly Block[]): void {
    const end = block.record + block.records * recordBytes;
    for (let record = block.record; record < end; record += recordBytes) {
      if (linked[this.view.getUint16(record + field.handler, true)] !== 1) continue;
      const link = this.view.getUint32(record + field.link, true);
      if (dropped.some((each) => each.record === link)) this.view.setUint32(record + field.link, 0, true);
    }
  }
}

/** How many bytes at `offset` of a page the decoder has looked at. */
function looked(status: DecodeStatus, decoded: Decoded, offset: number): number {
  return status === DecodeStatus.ok ? decoded.length : Math.min(maximumLength, pageBytes - offset);
}

function chunkMask(first: number, last: number, base: number): number {
  const from = Math.max(Math.floor(first / chunkBytes) - base, 0);
  const to = Math.min(Math.floor(last / chunkBytes) - base, 31);
  if (from > to) return 0;
  return ((0xffffffff >>> (31 - to)) & (0xffffffff << from)) | 0;
}

function touches(code: PageCode, first: number, last: number): boolean {
  return (code.low & chunkMask(first, last, 0)) !== 0 || (code.high & chunkMask(first, last, 32)) !== 0;
}

function include(code: PageCode, block: Block): void {
  code.blocks.push(block);
  code.low |= chunkMask(block.start, block.end - 1, 0);
  code.high |= chunkMask(block.start, block.end - 1, 32);
}
