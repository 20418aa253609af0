/** Tens of millions of states: what explore.ts has seen, exactly, as rows of 32-bit words in the order in which they were found. */

const rowsPerChunk = 1 << 16;
const firstTable = 1 << 16;

export class StateSet {
  count = 0;
  readonly #chunks: Int32Array[] = [];
  /** Open addressing: number of the state plus one, or 0. */
  #table = new Int32Array(firstTable);

  constructor(private readonly width: number) {}

  /** The number of the state; `count` has grown when it is new. */
  add(row: Int32Array): number {
    const table = this.#table;
    const last = table.length - 1;
    const { width } = this;
    probe: for (let slot = hashOf(row, 0, width) & last; ; slot = (slot + 1) & last) {
      const known = table[slot]! - 1;
      if (known < 0) {
        table[slot] = this.count + 1;
        return this.#append(row);
      }
      const chunk = this.#chunks[known >>> 16]!;
      const at = (known & (rowsPerChunk - 1)) * width;
      for (let word = 0; word < width; word++) if (chunk[at + word] !== row[word]) continue probe;
      return known;
    }
  }

  #append(row: Int32Array): number {
    const number = this.count++;
    const at = number & (rowsPerChunk - 1);
    if (at === 0) this.#chunks.push(new Int32Array(rowsPerChunk * this.width));
    this.#chunks[number >>> 16]!.set(row, at * this.width);
    if (this.count * 1.3 > this.#table.length) this.#grow();
    return number;
  }

  #grow(): void {
    const table = new Int32Array(this.#table.length * 2);
    const last = table.length - 1;
    for (let number = 0; number < this.count; number++) {
      const chunk = this.#chunks[number >>> 16]!;
      let slot = hashOf(chunk, (number & (rowsPerChunk - 1)) * this.width, this.width) & last;
      while (table[slot] !== 0) slot = (slot + 1) & last;
      table[slot] = number + 1;
    }
    this.#table = table;
  }

  take(number: number, into: Int32Array): void {
    const chunk = this.#chunks[number >>> 16]!;
    const at = (number & (rowsPerChunk - 1)) * this.width;
    for (let word = 0; word < this.width; word++) into[word] = chunk[at + word]!;
  }
}

function hashOf(row: Int32Array, at: number, width: number): number {
  let hash = 0x2545f491;
  for (let word = 0; word < width; word++) {
    let mixed = Math.imul(row[at + word]!, 0x9e3779b1);
    mixed ^= mixed >>> 15;
    hash = Math.imul(hash ^ mixed, 0x85ebca6b);
    hash ^= hash >>> 13;
  }
  hash = Math.imul(hash, 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

/** A 16-bit set, or number, for each state; 0 to begin with. */
export class Masks {
  readonly #chunks: Uint16Array[] = [];

  at(state: number): number {
    return this.#chunks[state >>> 16]?.[state & (rowsPerChunk - 1)] ?? 0;
  }

  add(state: number, mask: number): void {
    while (state >>> 16 >= this.#chunks.length) this.#chunks.push(new Uint16Array(rowsPerChunk));
    this.#chunks[state >>> 16]![state & (rowsPerChunk - 1)]! |= mask;
  }
}
