/** Guest memory and spare pages for the specifications of the tree: a few thousand pages in an array. */
import { entriesPerNode, entryWords } from '../format.ts';
import type { NodeMemory, NodePool, TreeBase } from '../tree.ts';

const wordsPerPage = entriesPerNode * entryWords;

export class FlatMemory implements NodeMemory, NodePool {
  readonly words: Uint32Array;
  readonly #state = new Map<number, number | 'spare'>();
  readonly #spare: number[] = [];
  /** Pages that were read although they are no nodes. */
  readonly strayReads: number[] = [];
  readonly base: TreeBase = { root: 0 };

  /** Pages 0 to `pages`; the last `nodes` of them are spare ones for the tree. */
  constructor(
    readonly pages: number,
    nodes: number,
  ) {
    this.words = new Uint32Array(pages * wordsPerPage);
    for (let page = pages - 1; page >= pages - nodes; page--) {
      this.#state.set(page, 'spare');
      this.#spare.push(page);
    }
  }

  read(page: number, word: number): number {
    if (!this.#state.has(page)) this.strayReads.push(page);
    return this.words[page * wordsPerPage + word] ?? 0;
  }
  write(page: number, word: number, value: number): void {
    this.words[page * wordsPerPage + word] = value;
  }
  clear(page: number): void {
    this.words.fill(0, page * wordsPerPage, (page + 1) * wordsPerPage);
  }
  isNode(page: number): boolean {
    return this.#state.has(page);
  }
  take(level: number): number | undefined {
    const page = this.#spare.pop();
    if (page !== undefined) this.#state.set(page, level);
    return page;
  }
  give(page: number): void {
    this.#state.set(page, 'spare');
    this.#spare.push(page);
  }
  levelOf(page: number): number | undefined {
    const state = this.#state.get(page);
    return state === 'spare' ? undefined : state;
  }
  get spare(): number {
    return this.#spare.length;
  }
  nodesInUse(): number[] {
    return [...this.#state].filter(([, state]) => state !== 'spare').map(([page]) => page);
  }
}
