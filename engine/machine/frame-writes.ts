/**
 * Which pages of the two memories that pictures lie in (VRAM, frames of the display device) were written, for those who draw them.
 *
 * A write leaves an epoch in one of two places. A vCPU's, through a region of the physical map, in pageEpoch at the guest-physical page (TLB: the
 * first write of a page in an epoch is slow). A chip's, which writes the memory itself, in the block below, at the page of the memory. Each
 * WriteWatch keeps an epoch of its own: a page with that or a later one has to be looked at.
 *
 *   look()   takes the newest epoch that is in force        ─┐ what is written from here on has that epoch, or a later one
 *            the pages are read                              │
 *   seen()   the watch goes on from that epoch              ─┘ and asks for another one, which is in force when every vCPU has passed a poll
 *
 * So a page that was written once is looked at until the next epoch is in force, which is at the next frame or the one after; one that was not costs
 * a comparison of two words. Nobody waits, and while nothing is written no epoch is asked for. The epoch has 32 bits: at 60 a second it lasts two years
 * of pictures that change all the time.
 */
import { array, defineBlock } from '../layout/block.ts';
import { FlushScope } from '../cpu/platform.ts';
import type { WrittenPages } from './bus.ts';
import type { MachineControl } from './control.ts';
import { pageSize, scanoutBytes, vramBytes, type MachineMemory } from './memory.ts';

/** By page: the epoch of the last write of a chip, or of the last change of where the memory is seen. */
const frameWritesBlock = defineBlock('frame-writes', 1, { epoch: array('u32', (vramBytes + scanoutBytes) / pageSize) });

/** A region of the physical map that shows a part of this memory. */
export interface FrameWindow {
  readonly size: number;
  readonly state: { readonly base: number; readonly placed: number };
  /** Address in the shared memory. */
  readonly backing: number;
}

export class FrameWrites {
  readonly #epochs: Uint32Array;
  readonly #windows: FrameWindow[] = [];
  #inForce = 0;
  #generation = 0;
  #pending: { epoch: number; flush: number } | undefined;

  /** Views may exist on many threads; watches are for the service worker, where flushPassed may be asked. */
  constructor(
    private readonly memory: MachineMemory,
    private readonly control: MachineControl,
  ) {
    this.#epochs = memory.transientBlock(frameWritesBlock).epoch;
  }

  addWindow(window: FrameWindow): void {
    this.#windows.push(window);
  }

  /** A chip has written, or writes, `bytes` at an address in the shared memory. Under the device lock, or on the service worker. */
  noteWritten(address: number, bytes: number): void {
    const epoch = this.control.currentEpoch();
    const from = address - this.memory.vramBase;
    const last = (from + bytes - 1) >>> 12;
    for (let page = from >>> 12; page <= last; page++) this.#epochs[page] = epoch;
  }

  /** For one who draws out of the memory that begins at `base`. At first all of it is written. */
  watch(base: number): WrittenPages {
    return new WriteWatch(this, base);
  }

  /** The newest epoch that is in force for all writes to come. */
  epochInForce(): number {
    const pending = this.#pending;
    if (pending !== undefined && this.control.flushPassed(pending.flush)) {
      this.#inForce = pending.epoch;
      this.#pending = undefined;
    }
    return this.#inForce;
  }

  /** Asks for a newer one than `epoch`, unless there is one, or it was asked for. */
  ask(epoch: number): void {
    if (this.#pending === undefined && this.#inForce <= epoch) this.#pending = this.control.advanceEpoch(FlushScope.loggedWrites);
  }

  /** Counts how often the whole state was replaced: epochs may have gone back, and who has drawn before knows nothing any more. */
  generation(): number {
    const generation = this.control.stateGeneration();
    if (generation !== this.#generation) {
      this.#generation = generation;
      this.#pending = undefined;
      this.#inForce = 0;
      this.#epochs.fill(0);
    }
    return generation;
  }

  /** Whether a page at an address in the shared memory bears `epoch`, or a later one. */
  isSince(epoch: number, address: number): boolean {
    if ((this.#epochs[(address - this.memory.vramBase) >>> 12] ?? 0) >= epoch) return true;
    for (const { state, size, backing } of this.#windows) {
      const offset = address - backing;
      if (offset < 0 || offset >= size || state.placed === 0) continue;
      if ((this.memory.pageEpoch[(state.base + offset) >>> 12] ?? 0) >= epoch) return true;
    }
    return false;
  }
}

/** For one who knows of an epoch that it is in force, as whoever copies a machine's state does: what was written since then. */
export class FramesSince {
  #epoch = 0;
  #generation: number | undefined;

  /** Of the memory that begins at `base`, an address in the shared memory. */
  constructor(
    private readonly frames: FrameWrites,
    private readonly base: number,
  ) {}

  /** Pages are counted from this epoch on. It is in force. */
  countFrom(epoch: number): void {
    this.#generation = this.frames.generation();
    this.#epoch = epoch;
  }

  /** Whatever was written counts. */
  countAll(): void {
    this.#epoch = 0;
  }

  /** Whether the page at `offset` may have been written. Where the whole state was replaced meanwhile nothing is known of any. */
  isWritten(offset: number): boolean {
    return this.#generation !== this.frames.generation() || this.frames.isSince(this.#epoch, this.base + offset);
  }
}

class WriteWatch implements WrittenPages {
  /** 0: nothing is known. */
  #since = 0;
  #looked = 0;
  #generation: number | undefined;

  constructor(
    private readonly frames: FrameWrites,
    private readonly base: number,
  ) {}

  any(offset: number, bytes: number): boolean {
    this.#notice();
    const first = this.base + offset;
    for (let at = first - (first % pageSize); at < first + bytes; at += pageSize) if (this.frames.isSince(this.#since, at)) return true;
    return false;
  }

  isWritten(offset: number): boolean {
    return this.frames.isSince(this.#since, this.base + offset);
  }

  look(): void {
    this.#notice();
    this.#looked = this.frames.epochInForce();
  }

  seen(): void {
    this.#since = this.#looked;
    this.frames.ask(this.#looked);
  }

  #notice(): void {
    const generation = this.frames.generation();
    if (generation === this.#generation) return;
    this.#generation = generation;
    this.#since = 0;
  }
}
