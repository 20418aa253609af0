/**
 * The radix tree of monitored pages. Its nodes are pages of guest memory, which the guest may have damaged: nothing in a node is used before the
 * node was found good for it. What cannot be damaged lies outside: the root, and which pages are nodes at all (`isNode`).
 *
 * Everything here runs under the machine's device lock.
 */
import { Entry, entriesPerNode, entryWords, highestAction, indexAt, interiorEntry, listedEntry, rootLevel } from './format.ts';

/** Guest memory as the tree uses it. Page numbers that it asks for are always those of nodes. */
export interface NodeMemory {
  read(page: number, word: number): number;
  write(page: number, word: number, value: number): void;
  /** Fills the page with zeros. */
  clear(page: number): void;
  /** Whether the page is one of the tree's, in use or spare; known outside of the guest. Such pages are traced. */
  isNode(page: number): boolean;
}

/** Spare pages for nodes; all of them are traced already. */
export interface NodePool {
  /** A spare page, or undefined. It is in use then, as a node of this level. */
  take(level: number): number | undefined;
  give(page: number): void;
  /** Level of a node in use; undefined for a spare page. */
  levelOf(page: number): number | undefined;
  readonly spare: number;
}

/** The base pointer. It lies outside of what the guest can address. */
export interface TreeBase {
  /** Page of the root plus one; 0: the tree is empty. */
  root: number;
}

/** What the tree says of a written page. */
export type Finding =
  | { readonly kind: 'node'; readonly node: number; readonly level: number | undefined }
  | { readonly kind: 'listed'; readonly action: number; readonly flags: number }
  /** An entry on the way cannot be right; it was not followed. */
  | { readonly kind: 'damaged'; readonly node: number; readonly level: number }
  | { readonly kind: 'none' };

export type AddResult = 'added' | 'changed' | 'no-room' | 'damaged';

export interface ListedPage {
  page: number;
  action: number;
  flags: number;
}

const none: Finding = { kind: 'none' };

export class GuardTree {
  constructor(
    protected readonly memory: NodeMemory,
    private readonly pool: NodePool,
    protected readonly base: TreeBase,
  ) {}

  /**
   * What a write to `page` is. From the base down, before anything of a node is used: is it the written page? Only when no node was hit does the
   * leaf decide.
   */
  look(page: number): Finding {
    let node = this.base.root - 1;
    for (let level = rootLevel; node >= 0; level--) {
      if (this.isWritten(node, page)) return { kind: 'node', node, level };
      const index = indexAt(page, level);
      const head = this.memory.read(node, entryWords * index);
      if ((head & Entry.used) === 0) break;
      const number = this.memory.read(node, entryWords * index + 1) >>> 0;
      if (level === 0) {
        // A node beside the way to its own number is a node all the same.
        if (this.memory.isNode(page)) break;
        return this.isListing(head, number, page)
          ? { kind: 'listed', action: (head >>> Entry.actionShift) & Entry.byte, flags: (head >>> Entry.flagsShift) & Entry.byte }
          : { kind: 'damaged', node, level };
      }
      if (!this.leadsDown(head, number, level)) {
        if (this.memory.isNode(page)) break;
        return { kind: 'damaged', node, level };
      }
      node = number;
    }
    return this.memory.isNode(page) ? { kind: 'node', node: page, level: this.pool.levelOf(page) } : none;
  }

  /** Whether the written page is this node's page. */
  protected isWritten(node: number, page: number): boolean {
    return node === page;
  }

  /** An interior entry that may be followed: to a node in use of the level below. Never up, so never in a circle. */
  private leadsDown(head: number, number: number, level: number): boolean {
    const below = (head >>> Entry.levelShift) & Entry.levelMask;
    return (head & Entry.listed) === 0 && below === level - 1 && this.pool.levelOf(number) === below;
  }

  private isListing(head: number, number: number, page: number): boolean {
    const action = (head >>> Entry.actionShift) & Entry.byte;
    return (head & Entry.listed) !== 0 && number === page && action >= 1 && action <= highestAction;
  }

  /** Nodes that listing the page would take. */
  private missing(page: number): number | undefined {
    let node = this.base.root - 1;
    for (let level = rootLevel; level >= 0; level--) {
      if (node < 0) return level + 1;
      if (level === 0) return 0;
      const step = this.step(node, page, level);
      if (step === 'damaged') return undefined;
      node = step;
    }
    return 0;
  }

  /** The node below, -1 for none. */
  private step(node: number, page: number, level: number): number | 'damaged' {
    const index = indexAt(page, level);
    const head = this.memory.read(node, entryWords * index);
    if ((head & Entry.used) === 0) return -1;
    const number = this.memory.read(node, entryWords * index + 1) >>> 0;
    return this.leadsDown(head, number, level) ? number : 'damaged';
  }

  /** Lists a page, or changes what it is listed with. Nothing has changed when there is no room. */
  add(page: number, action: number, flags: number): AddResult {
    const needed = this.missing(page);
    if (needed === undefined) return 'damaged';
    if (needed > 0 && needed > this.pool.spare) return 'no-room';
    if (this.base.root === 0) this.base.root = this.newNode(rootLevel) + 1;
    let node = this.base.root - 1;
    for (let level = rootLevel; level > 0; level--) {
      const step = this.step(node, page, level);
      if (step === 'damaged') return 'damaged';
      if (step >= 0) {
        node = step;
        continue;
      }
      const below = this.newNode(level - 1);
      this.put(node, indexAt(page, level), interiorEntry(level - 1), below);
      node = below;
    }
    const index = indexAt(page, 0);
    const before = this.memory.read(node, entryWords * index);
    this.put(node, index, listedEntry(action, flags), page);
    return (before & Entry.used) === 0 ? 'added' : 'changed';
  }

  /** A spare page, which is traced, as an empty node. Only what is traced and empty is linked. */
  private newNode(level: number): number {
    const page = this.pool.take(level);
    if (page === undefined || !this.memory.isNode(page))
      throw new Error('A page that is no spare node of the guard was to become one.');
    this.memory.clear(page);
    return page;
  }

  /** The number first: an entry is good from the moment in which it is used. */
  private put(node: number, index: number, head: number, number: number): void {
    this.memory.write(node, entryWords * index + 1, number);
    this.memory.write(node, entryWords * index, head);
  }

  private take(node: number, index: number): void {
    this.memory.write(node, entryWords * index, 0);
    this.memory.write(node, entryWords * index + 1, 0);
  }

  /** Takes a page off the list; nodes that are empty then become spare. False: it was not listed, or the way to it is damaged. */
  remove(page: number): boolean {
    const path: number[] = [];
    let node = this.base.root - 1;
    for (let level = rootLevel; level > 0 && node >= 0; level--) {
      path.push(node);
      const step = this.step(node, page, level);
      if (step === 'damaged') return false;
      node = step;
    }
    if (node < 0) return false;
    const index = indexAt(page, 0);
    if ((this.memory.read(node, entryWords * index) & Entry.used) === 0) return false;
    this.take(node, index);
    for (let level = 0; this.isEmpty(node); level++) {
      const above = path[path.length - 1 - level];
      if (above === undefined) {
        this.base.root = 0;
        this.pool.give(node);
        break;
      }
      this.take(above, indexAt(page, level + 1));
      this.pool.give(node);
      node = above;
    }
    return true;
  }

  private isEmpty(node: number): boolean {
    for (let index = 0; index < entriesPerNode; index++)
      if ((this.memory.read(node, entryWords * index) & Entry.used) !== 0) return false;
    return true;
  }

  /** Calls `body` with every node that the root leads to, once, parents first; `first` is the first page that it can list. Damaged entries are passed over. */
  eachNode(body: (node: number, level: number, parent: number | undefined, first: number) => void): void {
    const seen = new Set<number>();
    const visit = (node: number, level: number, parent: number | undefined, first: number): void => {
      if (seen.has(node)) return;
      seen.add(node);
      body(node, level, parent, first);
      if (level === 0) return;
      for (let index = 0; index < entriesPerNode; index++) {
        const head = this.memory.read(node, entryWords * index);
        if ((head & Entry.used) === 0) continue;
        const number = this.memory.read(node, entryWords * index + 1) >>> 0;
        if (this.leadsDown(head, number, level)) visit(number, level - 1, node, first + index * entriesPerNode ** level);
      }
    };
    if (this.base.root !== 0) visit(this.base.root - 1, rootLevel, undefined, 0);
  }

  /** All listed pages, in ascending order. `damaged` hears of entries that cannot be right. */
  list(damaged: (node: number, level: number) => void = () => undefined): ListedPage[] {
    const found: ListedPage[] = [];
    const seen = new Set<number>();
    const visit = (node: number, level: number, first: number): void => {
      // Damaged entries may lead to one node from many sides.
      if (seen.has(node)) return damaged(node, level);
      seen.add(node);
      for (let index = 0; index < entriesPerNode; index++) {
        const head = this.memory.read(node, entryWords * index);
        if ((head & Entry.used) === 0) continue;
        const number = this.memory.read(node, entryWords * index + 1) >>> 0;
        const page = first + index * entriesPerNode ** level;
        if (level > 0 && this.leadsDown(head, number, level)) visit(number, level - 1, page);
        else if (level === 0 && this.isListing(head, number, page)) {
          found.push({
            page,
            action: (head >>> Entry.actionShift) & Entry.byte,
            flags: (head >>> Entry.flagsShift) & Entry.byte,
          });
        } else damaged(node, level);
      }
    };
    if (this.base.root !== 0) visit(this.base.root - 1, rootLevel, 0);
    return found;
  }
}
