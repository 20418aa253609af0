/**
 * What a machine's state is made of, as parts of pages, and which pages were changed since when. Service worker.
 *
 * RAM is known by its write epochs, disks by what was written to them. Everything else is compared with a copy: VRAM and the display's frames where something
 * was written, blocks, ROM and the guard's pages whole, since nothing tells of what is written there.
 */
import { createHash } from 'node:crypto';
import { countedBytes } from '../machine/digest.ts';
import { FramesSince, type FrameWrites } from '../machine/frame-writes.ts';
import { pageSize, type MachineMemory } from '../machine/memory.ts';
import type { HeldInput } from '../machine/synchronization.ts';
import type { TrackedImage } from './tracked-image.ts';

/** Under the virtual clock: stand still at the end of the epoch before `at`, or of the one that comes first, within so many milliseconds. */
export interface EpochHold {
  readonly at: number | undefined;
  readonly within: number;
}

/** What the service worker does for a transfer. */
export interface TransferMachine {
  readonly memory: MachineMemory;
  readonly frames: FrameWrites;
  readonly disks: ReadonlyMap<string, TrackedImage>;
  /** Stands still, with nothing under way. Idempotent. */
  hold(epoch?: EpochHold): Promise<void>;
  /** Goes on, if it ran before `hold` or `run` says so. */
  go(run?: boolean): void;
  /** What else belongs to the state while it is held. */
  held(): HeldInput;
  /** Replaces the state of a held machine: `body` puts blocks and areas in place. */
  replace(body: () => void, held: HeldInput): void;
  currentEpoch(): number;
  /** Of a held machine: the new one is in force at once. */
  advanceEpoch(): number;
  /** Of a running one: answered when the new one is in force, so that every later write is stamped with it or a later one. By then there may be newer ones that are not. */
  newEpoch(): Promise<number>;
}

export interface Part {
  readonly name: string;
  readonly bytes: number;
  readonly pages: number;
  /** Changes are known while the machine runs; else the part is compared with a copy when it stands still. */
  readonly isTracked: boolean;
  /** The bytes of a page as they count. They may change while the machine runs. */
  page(page: number): Uint8Array | Promise<Uint8Array>;
  /** Pages changed since both sides had the same, or since they went ahead. */
  changed(): number[];
  /** As many of them, as far as that is known without comparing. */
  count(): number;
  /** What was changed so far is on its way: changes are counted from here on, writes of memory from this epoch on, which is in force. */
  countAnew(epoch: number): void;
  /** The other side has, or will have, this content of the page. */
  note(page: number, content: Uint8Array): void;
}

/** Compared at once; most of such an area is as it was. */
const comparedBytes = 1 << 16;

/** An area beside which a copy is kept of what the other side has. */
class CopiedArea {
  #copy: Buffer | undefined;

  /** `since`: of an area whose writes are known. */
  constructor(
    private readonly content: () => Uint8Array,
    private readonly since?: FramesSince,
  ) {}

  note(page: number, content: Uint8Array): void {
    this.#copy?.set(content, page * pageSize);
  }

  /** The other side has nothing but zeros. */
  clear(): void {
    this.#copy = Buffer.alloc(this.content().length);
    this.since?.countAll();
  }

  countAnew(epoch: number): void {
    this.since?.countFrom(epoch);
  }

  /** Both sides have the area as it is, at the begin of this epoch. */
  mark(epoch: number): void {
    const now = this.content();
    if (this.#copy === undefined) this.#copy = Buffer.from(now);
    else for (const page of this.changed()) this.note(page, now.subarray(page * pageSize, (page + 1) * pageSize));
    this.countAnew(epoch);
  }

  changed(): number[] {
    const now = this.content();
    const copy = this.#copy;
    if (copy === undefined) return Array.from({ length: pagesOf(now.length) }, (_, page) => page);
    const pages: number[] = [];
    for (let chunk = 0; chunk < now.length; chunk += comparedBytes) {
      const end = Math.min(now.length, chunk + comparedBytes);
      if (!this.#isWritten(chunk, end)) continue;
      if (Buffer.compare(copy.subarray(chunk, end), now.subarray(chunk, end)) === 0) continue;
      for (let at = chunk; at < end; at += pageSize) {
        const last = Math.min(end, at + pageSize);
        if (Buffer.compare(copy.subarray(at, last), now.subarray(at, last)) !== 0) pages.push(at / pageSize);
      }
    }
    return pages;
  }

  #isWritten(from: number, to: number): boolean {
    const { since } = this;
    if (since === undefined) return true;
    for (let at = from; at < to; at += pageSize) if (since.isWritten(at)) return true;
    return false;
  }
}

const pagesOf = (bytes: number): number => Math.ceil(bytes / pageSize);

/** The drive of a disk's part. */
export function driveOf(part: Part): string | undefined {
  return part.name.startsWith('disk ') ? part.name.slice('disk '.length) : undefined;
}

export class StateParts {
  readonly list: Part[] = [];
  /** SHA-256 over names and sizes. */
  readonly fits: string;
  readonly #copies: CopiedArea[] = [];
  /** RAM pages with this epoch or a later one were written since they were last counted. */
  #since = 0;

  constructor(private readonly machine: TransferMachine) {
    const { memory, disks } = machine;
    const blocks = memory.directory.list().filter(({ transient }) => !transient);
    blocks.sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const entry of blocks) this.#addCompared(`block ${entry.name} ${entry.version}`, () => countedBytes(entry));
    this.#addCompared('rom', () => memory.rom);
    this.#addCompared('vram', () => memory.vram, new FramesSince(machine.frames, memory.vramBase));
    this.#addCompared('scanouts', () => memory.scanoutMemory, new FramesSince(machine.frames, memory.scanoutBase));
    this.#addCompared('guard', () => memory.guardPages);
    this.#addRam(memory);
    for (const [name, image] of disks) if (!image.readOnly) this.#addDisk(name, image);
    this.fits = createHash('sha256')
      .update(JSON.stringify(this.list.map(({ name, bytes }) => [name, bytes])))
      .digest('hex');
  }

  #addCompared(name: string, content: () => Uint8Array, since?: FramesSince): void {
    const area = new CopiedArea(content, since);
    this.#copies.push(area);
    const { length } = content();
    this.list.push({
      name,
      bytes: length,
      pages: pagesOf(length),
      isTracked: false,
      page: (page) => content().subarray(page * pageSize, (page + 1) * pageSize),
      changed: () => area.changed(),
      count: () => 0,
      countAnew: (epoch) => area.countAnew(epoch),
      note: (page, bytes) => area.note(page, bytes),
    });
  }

  #addRam({ ram, pageEpoch }: MachineMemory): void {
    const count = ram.length / pageSize;
    this.list.push({
      name: 'ram',
      bytes: ram.length,
      pages: count,
      isTracked: true,
      page: (page) => ram.subarray(page * pageSize, (page + 1) * pageSize),
      changed: () => {
        const pages: number[] = [];
        for (let page = 0; page < count; page++) if ((pageEpoch[page] ?? 0) >= this.#since) pages.push(page);
        return pages;
      },
      count: () => {
        let changed = 0;
        for (let page = 0; page < count; page++) if ((pageEpoch[page] ?? 0) >= this.#since) changed++;
        return changed;
      },
      countAnew: (epoch) => (this.#since = epoch),
      note: () => undefined,
    });
  }

  #addDisk(name: string, image: TrackedImage): void {
    this.list.push({
      name: `disk ${name}`,
      bytes: image.bytes,
      pages: image.blocks,
      isTracked: true,
      page: (block) => image.readBlock(block),
      changed: () => [...image.dirty].sort((a, b) => a - b),
      count: () => image.dirty.size,
      countAnew: () => image.countAnew(),
      note: () => undefined,
    });
  }

  /** Both sides are equal. The machine is held. */
  mark(): void {
    const epoch = this.machine.currentEpoch();
    for (const part of this.list) if (part.isTracked) part.countAnew(epoch);
    for (const copy of this.#copies) copy.mark(epoch);
  }

  /** The other side has nothing yet: what is compared is compared with zeros. */
  assumeZeros(): void {
    for (const copy of this.#copies) copy.clear();
  }
}
