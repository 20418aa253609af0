/**
 * A machine's state on its way in. What goes ahead is checked and laid beside the machine; only with the last piece, when everything is known to be
 * there and whole, is the state replaced, in one step. A machine that has no state yet has nothing to lose: its RAM and disks are filled at once, so
 * that they need no room twice. Service worker.
 */
import { digestParts } from '../machine/digest.ts';
import { pageSize } from '../machine/memory.ts';
import { putBlock } from '../machine/restore.ts';
import { stateDifference, type StateDifference } from './difference.ts';
import { driveOf, type StateParts, type TransferMachine } from './state-parts.ts';
import { readTransfer, TransferError, type TransferHead, type TransferPage } from './transfer.ts';

/** By part and page. */
type Pages = Map<number, Map<number, Uint8Array>>;

interface Staged {
  readonly capture: number;
  /** Pieces so far. */
  count: number;
  /** Why the state is not going to be whole. */
  broken: string | undefined;
  /** RAM and disks are where they belong already. */
  readonly isDirect: boolean;
  readonly pages: Pages;
}

const nothing: ReadonlyMap<number, Uint8Array> = new Map();

export class StateReceiving {
  #staged: Staged | undefined;
  #hasState = false;

  constructor(
    private readonly machine: TransferMachine,
    private readonly parts: StateParts,
  ) {}

  /** A piece that goes ahead. One that is damaged has the whole state refused, when it comes to that. The machine is held. */
  async stage(bytes: Uint8Array): Promise<void> {
    try {
      const { head, pages } = this.#read(bytes);
      if (head.ahead === 0) this.#staged = { capture: head.capture, count: 0, broken: undefined, isDirect: head.isFull && !this.#hasState, pages: new Map() };
      const staged = this.#staged;
      if (staged === undefined || staged.capture !== head.capture || staged.count !== head.ahead) throw new TransferError('A piece of the state is missing.');
      if (staged.isDirect && head.ahead === 0) await this.#clear();
      const byPart = this.#sort(pages);
      staged.count++;
      for (const [part, contents] of byPart) {
        if (staged.isDirect && (await this.#fill(part, contents))) continue;
        const known = staged.pages.get(part) ?? new Map<number, Uint8Array>();
        staged.pages.set(part, known);
        for (const [page, content] of contents) known.set(page, content);
      }
    } catch (error) {
      if (!(error instanceof TransferError)) throw error;
      this.#staged ??= { capture: 0, count: 0, broken: undefined, isDirect: false, pages: new Map() };
      this.#staged.broken ??= error.message;
    }
  }

  #read(bytes: Uint8Array): { head: TransferHead; pages: TransferPage[] } {
    const transfer = readTransfer(bytes);
    if (transfer.head.fits !== this.parts.fits)
      throw new TransferError('The state is of a machine with other chips, memory or disks, or of another version of Vitrine.');
    return transfer;
  }

  #sort(pages: readonly TransferPage[]): Pages {
    const byPart: Pages = new Map();
    for (const { part: index, page, bytes } of pages) {
      const part = this.parts.list[index];
      const of = byPart.get(index) ?? new Map<number, Uint8Array>();
      if (part === undefined || page >= part.pages || of.has(page) || bytes.length !== Math.min(pageSize, part.bytes - page * pageSize))
        throw new TransferError('The state holds a page that this machine has no place for.');
      byPart.set(index, of);
      of.set(page, bytes);
    }
    return byPart;
  }

  async #clear(): Promise<void> {
    this.machine.memory.ram.fill(0);
    for (const image of this.machine.disks.values()) if (!image.readOnly) await image.clear();
  }

  /** Puts pages of RAM or a disk where they belong; false for other parts. */
  async #fill(index: number, contents: ReadonlyMap<number, Uint8Array>): Promise<boolean> {
    const part = this.parts.list[index];
    const drive = part === undefined ? undefined : driveOf(part);
    if (drive !== undefined) {
      await this.machine.disks.get(drive)?.commit(contents);
      return true;
    }
    if (part?.name !== 'ram') return false;
    for (const [page, content] of contents) this.machine.memory.ram.set(content, page * pageSize);
    return true;
  }

  /**
   * The last piece: puts the state in place of a held machine's. Throws TransferError before anything was changed when it is damaged, does not fit
   * or lacks what went ahead. A digest that is not met throws another error: the machine is good for nothing then.
   * With `compare`, says where this machine's own state was another; not of a full state, which says nothing of what this side had.
   */
  async put(bytes: Uint8Array, compare = false): Promise<{ digest: string | undefined; difference: StateDifference | undefined }> {
    const { head, pages } = this.#read(bytes);
    const byPart = this.#sort(pages);
    const staged = head.ahead === 0 ? undefined : this.#staged;
    if (head.ahead > 0) {
      if (staged?.broken !== undefined) throw new TransferError(staged.broken);
      if (staged?.capture !== head.capture || staged.count !== head.ahead) throw new TransferError('A piece of the state is missing.');
    }
    this.#staged = undefined;
    for (const [part, contents] of staged?.pages ?? []) byPart.set(part, new Map([...contents, ...(byPart.get(part) ?? [])]));
    const isDirect = staged?.isDirect === true;
    const { machine, parts } = this;
    const { memory } = machine;
    // What went ahead lies beside the machine still, so its own pages are all here.
    const difference = compare && !head.isFull ? await stateDifference(parts.list, byPart) : undefined;
    // Disks first: they can fail, and then nothing of the machine was changed but a copy that the next full state replaces.
    for (const [index, part] of parts.list.entries()) {
      const drive = driveOf(part);
      const image = drive === undefined ? undefined : machine.disks.get(drive);
      if (image === undefined) continue;
      if (head.isFull && !isDirect) await image.clear();
      await image.commit(byPart.get(index) ?? nothing);
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
      for (const [index, part] of parts.list.entries()) {
        const entry = entries.get(part.name);
        const area = areas.get(part.name) ?? (entry === undefined ? undefined : head.isFull ? new Uint8Array(part.bytes) : Uint8Array.from(entry.bytes));
        if (area === undefined) continue;
        if (head.isFull && entry === undefined && !(isDirect && part.name === 'ram')) area.fill(0);
        for (const [page, content] of byPart.get(index) ?? []) area.set(content, page * pageSize);
        if (entry !== undefined) putBlock(entry, area);
      }
      // The epoch is the primary's by now. Everything here counts as older.
      memory.pageEpoch.fill(Math.max(0, machine.currentEpoch() - 1));
    }, head);
    parts.mark();
    this.#hasState = true;
    if (head.digest === undefined) return { digest: undefined, difference };
    const { whole } = digestParts(memory);
    if (whole !== head.digest) throw new Error(`After the resync the state has the digest ${whole}, and the primary's has ${head.digest}.`);
    return { digest: whole, difference };
  }
}
