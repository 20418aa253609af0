/**
 * The pages that are the tree's nodes, or kept for them: the machine's own, and RAM that an agent gave; always traced. The table of them is a block, and the page flags say it again
 * where a walk needs it at once; neither can be reached by the guest. Under the device lock, on any thread.
 */
import { Page, physicalPages } from '../cpu/platform.ts';
import type { MachineControl } from '../machine/control.ts';
import type { MachineBus } from '../machine/machine-bus.ts';
import { guardPagesBase } from '../machine/guard-pages.ts';
import { pageSize, type MachineMemory } from '../machine/memory.ts';
import { maximumNodes, nodesBlock } from './state.ts';
import type { NodeMemory, NodePool } from './tree.ts';

const levelShift = 9;
export const firstOwnPage = guardPagesBase / pageSize;

export interface NodePage {
  readonly page: number;
  /** undefined: spare. */
  readonly level: number | undefined;
  readonly given: boolean;
}

export class GuardNodes implements NodeMemory, NodePool {
  readonly #memory: MachineMemory;
  readonly #control: MachineControl;
  readonly #bus: MachineBus;
  readonly #table;

  constructor(memory: MachineMemory, control: MachineControl, bus: MachineBus) {
    this.#memory = memory;
    this.#control = control;
    this.#bus = bus;
    this.#table = memory.block(nodesBlock);
  }

  // Guest memory

  /** Where the page lies in the machine's memory. */
  #at(page: number): number {
    return page >= firstOwnPage
      ? this.#memory.guardPagesBase + (page - firstOwnPage) * pageSize
      : this.#memory.ramBase + page * pageSize;
  }

  read(page: number, word: number): number {
    return this.#memory.words[this.#at(page) / 4 + word] ?? 0;
  }

  write(page: number, word: number, value: number): void {
    this.#memory.words[this.#at(page) / 4 + word] = value;
    Atomics.store(this.#memory.pageEpoch, page, this.#control.currentEpoch());
  }

  clear(page: number): void {
    const at = this.#at(page);
    new Uint8Array(this.#memory.buffer, at, pageSize).fill(0);
    this.#bus.memory.noteWritten(page);
  }

  isNode(page: number): boolean {
    return page < physicalPages && (this.#memory.pageFlags[page]! & Page.guardNode) !== 0;
  }

  // Spare pages

  levelOf(page: number): number | undefined {
    if (!this.isNode(page)) return undefined;
    const level = (this.#memory.pageFlags[page]! & Page.guardLevel) >>> levelShift;
    return level === 0 ? undefined : level - 1;
  }

  get spare(): number {
    const { count, level } = this.#table;
    let spare = 0;
    for (let index = 0; index < count; index++) if (level[index] === 0) spare += 1;
    return spare;
  }

  get count(): number {
    return this.#table.count;
  }

  get room(): number {
    return maximumNodes - this.#table.count;
  }

  take(level: number): number | undefined {
    const { count, level: levels, page: pages } = this.#table;
    const index = levels.subarray(0, count).indexOf(0);
    if (index < 0) return undefined;
    const page = pages[index]!;
    levels[index] = level + 1;
    this.#mark(page, level + 1);
    return page;
  }

  give(page: number): void {
    const index = this.#table.page.subarray(0, this.#table.count).indexOf(page);
    if (index < 0) throw new Error(`Page ${page} is no node of the guard.`);
    this.#table.level[index] = 0;
    this.#mark(page, 0);
    this.clear(page);
  }

  #mark(page: number, level: number): void {
    const { pageFlags } = this.#memory;
    Atomics.and(pageFlags, page, ~Page.guardLevel);
    Atomics.or(pageFlags, page, Page.traced | Page.guardNode | (level << levelShift));
  }

  /** Traces pages. They are no nodes, and writes to them are the guest's, until `add`. */
  trace(first: number, count: number): void {
    for (let page = first; page < first + count; page++) this.#mark(page, 0);
  }

  /** Takes traced pages as spare ones; what was in them is gone. No vCPU can write them unseen any more. */
  add(first: number, count: number, given: boolean): void {
    for (let page = first; page < first + count; page++) {
      const index = this.#table.count++;
      this.#table.page[index] = page;
      this.#table.level[index] = 0;
      this.#table.given[index] = given ? 1 : 0;
      this.clear(page);
    }
  }

  list(): NodePage[] {
    const { count, page, level, given } = this.#table;
    return Array.from({ length: count }, (_, index) => ({
      page: page[index]!,
      level: level[index] === 0 ? undefined : level[index]! - 1,
      given: given[index] !== 0,
    }));
  }

  /** Derives the flags of pages from the table, after the block was replaced. */
  rederive(): void {
    const { count, page, level } = this.#table;
    for (let index = 0; index < count; index++) this.#mark(page[index]!, level[index]!);
  }

  /** Lets all pages go. */
  reset(): void {
    const { count, page } = this.#table;
    for (let index = 0; index < count; index++) {
      Atomics.and(this.#memory.pageFlags, page[index]!, ~(Page.traced | Page.guardNode | Page.guardLevel));
    }
    this.#table.count = 0;
    this.#table.level.fill(0);
    this.#table.page.fill(0);
    this.#table.given.fill(0);
  }
}
