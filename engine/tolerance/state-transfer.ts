/**
 * Taking a machine's state for the other side, and putting one in place. Service worker; between `hold` and `go` every vCPU stands still.
 *
 * RAM is known by its write epochs. Everything else (blocks, VRAM, ROM, the guard's pages) is compared with a copy of the last checkpoint,
 * since writes of chips bear no epoch. The secondary says which pages it has changed and their hashes, so that only pages that differ travel.
 */
import { createHash } from 'node:crypto';
import { countedBytes, digestParts } from '../machine/digest.ts';
import { pageSize, type MachineMemory } from '../machine/memory.ts';
import { putBlock } from '../machine/restore.ts';
import { isZero } from '../machine/saved-state.ts';
import type { TrackedImage } from './tracked-image.ts';
import { readTransfer, TransferError, writeTransfer, type TransferHead, type TransferPage } from './transfer.ts';

/** What the service worker does for a transfer. */
export interface TransferMachine {
  readonly memory: MachineMemory;
  readonly disks: ReadonlyMap<string, TrackedImage>;
  /** Stands still, with nothing under way. Idempotent. */
  hold(): Promise<void>;
  /** Goes on, if it ran before `hold` or `run` says so. */
  go(run?: boolean): void;
  /** What else belongs to the state while it is held. */
  held(): { scancodes: readonly number[]; serialInput: readonly number[]; ranFor: number };
  /** Replaces the state of a held machine: `body` puts blocks and areas in place. */
  replace(body: () => void, state: Pick<TransferHead, 'scancodes' | 'serialInput' | 'ranFor'>): void;
  currentEpoch(): number;
  advanceEpoch(): void;
}

/** Pages that one side changed since the last checkpoint: part and page number of each, and 16 bytes of its SHA-256. */
export interface ChangedPages {
  readonly keys: Uint32Array;
  readonly hashes: Uint8Array;
}

export interface Taken {
  readonly bytes: Uint8Array;
  readonly pages: number;
  /** Pages either side has changed. */
  readonly changed: number;
  readonly digest: string | undefined;
  /** The first pages that were not the same on both sides; empty for a full state. */
  readonly differing: readonly { readonly part: string; readonly page: number }[];
}

/** As many differing pages are named. */
const namedPages = 16;

const keptHash = 16;

interface Part {
  readonly name: string;
  readonly bytes: number;
  readonly pages: number;
  /** The bytes of a page as they count. */
  page(page: number): Uint8Array | Promise<Uint8Array>;
  /** Pages changed since the last checkpoint. */
  changed(): number[];
}

/** An area beside which a copy of the last checkpoint is kept. */
class CopiedArea {
  #copy: Buffer | undefined;

  constructor(private readonly content: () => Uint8Array) {}

  /** The area is what both sides have. */
  mark(): void {
    this.#copy = Buffer.from(this.content());
  }

  changed(pages: number): number[] {
    const now = this.content();
    const all = Array.from({ length: pages }, (_, page) => page);
    const copy = this.#copy;
    if (copy === undefined) return all;
    const at = (page: number): [number, number] => [page * pageSize, Math.min(now.length, (page + 1) * pageSize)];
    return all.filter((page) => Buffer.compare(copy.subarray(...at(page)), now.subarray(...at(page))) !== 0);
  }
}

const pagesOf = (bytes: number): number => Math.ceil(bytes / pageSize);
const hashOf = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest().subarray(0, keptHash);

export class StateTransfer {
  readonly #machine: TransferMachine;
  readonly #parts: Part[] = [];
  readonly #copies: CopiedArea[] = [];
  readonly #fits: string;
  /** RAM pages with this epoch or a later one were written since the last checkpoint. */
  #since = 0;

  constructor(machine: TransferMachine) {
    this.#machine = machine;
    const { memory, disks } = machine;
    const copied = (name: string, content: () => Uint8Array) => {
      const area = new CopiedArea(content);
      this.#copies.push(area);
      const { length } = content();
      const pages = pagesOf(length);
      this.#parts.push({
        name,
        bytes: length,
        pages,
        page: (page) => content().subarray(page * pageSize, (page + 1) * pageSize),
        changed: () => area.changed(pages),
      });
    };
    const blocks = memory.directory.list().filter(({ transient }) => !transient);
    blocks.sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const entry of blocks) copied(`block ${entry.name} ${entry.version}`, () => countedBytes(entry));
    copied('rom', () => memory.rom);
    copied('vram', () => memory.vram);
    copied('scanouts', () => memory.scanoutMemory);
    copied('guard', () => memory.guardPages);
    const { ram, pageEpoch } = memory;
    this.#parts.push({
      name: 'ram',
      bytes: ram.length,
      pages: pagesOf(ram.length),
      page: (page) => ram.subarray(page * pageSize, (page + 1) * pageSize),
      changed: () => {
        const pages: number[] = [];
        for (let page = 0; page < ram.length / pageSize; page++) if ((pageEpoch[page] ?? 0) >= this.#since) pages.push(page);
        return pages;
      },
    });
    for (const [name, image] of disks) {
      if (image.readOnly) continue;
      this.#parts.push({
        name: `disk ${name}`,
        bytes: image.bytes,
        pages: image.blocks,
        page: (page) => image.readBlock(page),
        changed: () => [...image.dirty].sort((a, b) => a - b),
      });
    }
    this.#fits = createHash('sha256')
      .update(JSON.stringify(this.#parts.map(({ name, bytes }) => [name, bytes])))
      .digest('hex');
  }

  /** Holds the machine. With `tell` the answer says what this side has changed. */
  async hold(tell: boolean): Promise<ChangedPages | undefined> {
    await this.#machine.hold();
    if (!tell) return undefined;
    const keys: number[] = [];
    const hashes: Buffer[] = [];
    for (const [index, part] of this.#parts.entries()) {
      for (const page of part.changed()) {
        keys.push(index, page);
        hashes.push(hashOf(await part.page(page)));
      }
    }
    return { keys: Uint32Array.from(keys), hashes: Buffer.concat(hashes) };
  }

  go(run?: boolean): void {
    this.#machine.go(run);
  }

  /**
   * The state of a held machine. `peer`: what the other side has changed; without it everything travels, and what does not is zero.
   * What is changed from here on is counted from here on.
   */
  async take(peer: ChangedPages | undefined, withDigest: boolean): Promise<Taken> {
    const { memory } = this.#machine;
    const isFull = peer === undefined;
    const theirs = new Map<number, Map<number, Uint8Array>>();
    for (let index = 0; peer !== undefined && index < peer.keys.length / 2; index++) {
      const part = peer.keys[2 * index] ?? 0;
      const page = peer.keys[2 * index + 1] ?? 0;
      if (page >= (this.#parts[part]?.pages ?? 0)) throw new TransferError('The other side names a page that this machine does not have.');
      const pages = theirs.get(part) ?? new Map<number, Uint8Array>();
      theirs.set(part, pages);
      pages.set(page, peer.hashes.subarray(index * keptHash, (index + 1) * keptHash));
    }
    const chosen = this.#parts.map((part, index) =>
      isFull ? Array.from({ length: part.pages }, (_, page) => page) : [...new Set([...part.changed(), ...(theirs.get(index)?.keys() ?? [])])],
    );
    // Both sides go on in one epoch; it is a block, so it comes first. What was written so far has an earlier one.
    this.#machine.advanceEpoch();
    const epochPart = this.#parts.findIndex(({ name }) => name.startsWith('block epoch '));
    if (epochPart >= 0 && chosen[epochPart]?.includes(0) === false) chosen[epochPart].push(0);
    let count = 0;
    const differing: { part: string; page: number }[] = [];
    const parts = this.#parts;
    const pages = async function* (): AsyncGenerator<TransferPage> {
      for (const [index, part] of parts.entries()) {
        for (const page of chosen[index] ?? []) {
          const bytes = await part.page(page);
          if (isFull ? isZero(bytes) : theirs.get(index)?.get(page) !== undefined && hashOf(bytes).equals(theirs.get(index)?.get(page) ?? bytes)) continue;
          count++;
          if (!isFull && differing.length < namedPages) differing.push({ part: part.name, page });
          // A copy: the machine goes on before it is sent.
          yield { part: index, page, bytes: Uint8Array.from(bytes) };
        }
      }
    };
    const digest = withDigest ? digestParts(memory).whole : undefined;
    const bytes = await writeTransfer({ fits: this.#fits, isFull, ...this.#machine.held(), digest }, pages());
    this.#mark();
    return { bytes, pages: count, changed: chosen.reduce((sum, { length }) => sum + length, 0), digest, differing };
  }

  /**
   * Puts a state in place of a held machine's. Throws TransferError before anything was changed when it is damaged or does not fit. A
   * digest that is not met throws another error: the machine is good for nothing then.
   */
  async put(bytes: Uint8Array): Promise<{ digest: string | undefined }> {
    const { head, pages } = readTransfer(bytes);
    if (head.fits !== this.#fits) throw new TransferError('The state is of a machine with other chips, memory or disks, or of another version of Vitrine.');
    const seen = new Set<number>();
    const byPart = new Map<number, Map<number, Uint8Array>>();
    for (const { part: index, page, bytes: content } of pages) {
      const part = this.#parts[index];
      const key = index * 2 ** 32 + page;
      if (part === undefined || page >= part.pages || seen.has(key) || content.length !== Math.min(pageSize, part.bytes - page * pageSize))
        throw new TransferError('The state holds a page that this machine has no place for.');
      seen.add(key);
      const of = byPart.get(index) ?? new Map<number, Uint8Array>();
      byPart.set(index, of);
      of.set(page, content);
    }
    const machine = this.#machine;
    const { memory } = machine;
    // Disks first: they can fail, and then nothing of the machine was changed but a copy that the next full state replaces.
    for (const [index, part] of this.#parts.entries()) {
      if (!part.name.startsWith('disk ')) continue;
      await machine.disks.get(part.name.slice('disk '.length))?.commit(byPart.get(index) ?? new Map<number, Uint8Array>(), head.isFull);
    }
    machine.replace(() => {
      const areas = new Map<string, Uint8Array>([
        ['rom', memory.rom],
        ['vram', memory.vram],
        ['scanouts', memory.scanoutMemory],
        ['guard', memory.guardPages],
        ['ram', memory.ram],
      ]);
      const entries = new Map(memory.directory.list().map((entry) => [`block ${entry.name} ${entry.version}`, entry]));
      for (const [index, part] of this.#parts.entries()) {
        const entry = entries.get(part.name);
        const area = areas.get(part.name) ?? (entry === undefined ? undefined : head.isFull ? new Uint8Array(part.bytes) : Uint8Array.from(entry.bytes));
        if (area === undefined) continue;
        if (head.isFull && entry === undefined) area.fill(0);
        for (const [page, content] of byPart.get(index) ?? []) area.set(content, page * pageSize);
        if (entry !== undefined) putBlock(entry, area);
      }
      // The epoch is the primary's by now. Everything here counts as older.
      memory.pageEpoch.fill(Math.max(0, machine.currentEpoch() - 1));
    }, head);
    this.#mark();
    if (head.digest === undefined) return { digest: undefined };
    const { whole } = digestParts(memory);
    if (whole !== head.digest) throw new Error(`After the resync the state has the digest ${whole}, and the primary's has ${head.digest}.`);
    return { digest: whole };
  }

  /** Both sides are equal. */
  #mark(): void {
    this.#since = this.#machine.currentEpoch();
    for (const copy of this.#copies) copy.mark();
    for (const image of this.#machine.disks.values()) image.dirty.clear();
  }

  /** The secondary goes on alone: what its guest has written is on its disks. */
  async takeOver(): Promise<void> {
    for (const image of this.#machine.disks.values()) await image.takeOver();
  }
}
