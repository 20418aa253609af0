/** Names of addresses, from any number of files, each with a bias of its own: where it was loaded minus where it was linked. */

export interface SymbolEntry {
  readonly name: string;
  readonly address: number;
  /** Bytes it covers; 0 if unknown, then it reaches to the next symbol. */
  readonly size: number;
  readonly kind: 'code' | 'data' | 'other';
}

/** From `address` on, up to the next entry, instructions belong to this line; `line` 0 ends a sequence. */
export interface LineEntry {
  readonly address: number;
  readonly file: string;
  readonly line: number;
}

/** What one file says. */
export interface SymbolFile {
  readonly symbols: readonly SymbolEntry[];
  readonly lines: readonly LineEntry[];
}

export interface LoadedSymbols {
  /** Names it in the table. */
  readonly name: string;
  readonly bias: number;
  readonly symbols: number;
  readonly lines: number;
}

export interface FoundSymbol {
  readonly name: string;
  readonly address: number;
  /** Of the address that was asked for. */
  readonly offset: number;
  readonly from: string;
}

/** A file that cannot be used; the message is a sentence. */
export class SymbolError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'SymbolError';
  }
}

interface Placed extends SymbolEntry {
  readonly from: string;
}

/** A symbol without a size is not taken for what lies further behind it. */
const longestReach = 1 << 20;

export class SymbolTable {
  readonly #files = new Map<string, SymbolFile & { readonly bias: number }>();
  #symbols: Placed[] = [];
  #byName = new Map<string, Placed>();
  #lines: LineEntry[] = [];

  get files(): LoadedSymbols[] {
    return [...this.#files].map(([name, { bias, symbols, lines }]) => ({
      name,
      bias,
      symbols: symbols.length,
      lines: lines.length,
    }));
  }

  /** Adds a file, in the place of one of the same name. */
  add(name: string, file: SymbolFile, bias = 0): LoadedSymbols {
    this.#files.set(name, { ...file, bias });
    this.#rebuild();
    return { name, bias, symbols: file.symbols.length, lines: file.lines.length };
  }

  /** Adds the files of another table. */
  addAll(other: SymbolTable): void {
    for (const [name, file] of other.#files) this.#files.set(name, file);
    this.#rebuild();
  }

  remove(name: string): boolean {
    const was = this.#files.delete(name);
    if (was) this.#rebuild();
    return was;
  }

  #rebuild(): void {
    const moved = (address: number, bias: number): number => (address + bias) >>> 0;
    this.#symbols = [...this.#files].flatMap(([from, { symbols, bias }]) =>
      symbols.map((each) => ({ ...each, from, address: moved(each.address, bias) })),
    );
    // At one address code comes before what only marks a place, and longer names of it last.
    const rank = { code: 0, data: 1, other: 2 } as const;
    this.#symbols.sort((a, b) => a.address - b.address || rank[a.kind] - rank[b.kind]);
    this.#byName = new Map([...this.#symbols].reverse().map((each) => [each.name, each]));
    this.#lines = [...this.#files.values()].flatMap(({ lines, bias }) =>
      lines.map((each) => ({ ...each, address: moved(each.address, bias) })),
    );
    // A sequence that ends where another begins must not hide it.
    this.#lines.sort((a, b) => a.address - b.address || Math.sign(a.line) - Math.sign(b.line));
  }

  /** The address of a name. */
  find(name: string): number | undefined {
    return this.#byName.get(name)?.address;
  }

  /** The bytes of a symbol: to its end, or if that is not known to the next one. Labels that are local to it (`name.local`) belong to it. */
  reach(name: string): { address: number; bytes: number } | undefined {
    const symbol = this.#byName.get(name);
    if (symbol === undefined) return undefined;
    const { address, size } = symbol;
    if (size > 0) return { address, bytes: size };
    const next = this.#symbols.slice(lastAtMost(this.#symbols, address) + 1).find((each) => !each.name.startsWith(`${name}.`));
    const bytes = next === undefined ? 1 : next.address - address;
    return { address, bytes: bytes > longestReach ? 1 : bytes };
  }

  /** Names that contain a text, whatever its case; the closest match first. */
  search(text: string, most: number): FoundSymbol[] {
    const wanted = text.toLowerCase();
    const found = this.#symbols.filter(({ name }) => name.toLowerCase().includes(wanted));
    found.sort((a, b) => a.name.length - b.name.length || (a.name < b.name ? -1 : 1));
    return found.slice(0, most).map(({ name, address, from }) => ({ name, address, offset: 0, from }));
  }

  /** The symbol that an address lies in, or behind. */
  at(address: number): FoundSymbol | undefined {
    let index = lastAtMost(this.#symbols, address);
    const nearest = this.#symbols[index];
    if (nearest === undefined) return undefined;
    while (index > 0 && this.#symbols[index - 1]?.address === nearest.address) index--;
    const symbol = this.#symbols[index] ?? nearest;
    const offset = address - symbol.address;
    if (offset >= (symbol.size > 0 ? symbol.size : longestReach)) return undefined;
    return { name: symbol.name, address: symbol.address, offset, from: symbol.from };
  }

  /** All symbols at exactly this address. */
  labels(address: number): string[] {
    const result: string[] = [];
    for (let index = lastAtMost(this.#symbols, address); this.#symbols[index]?.address === address; index--)
      result.unshift(this.#symbols[index]?.name ?? '');
    return result;
  }

  /** The source line that an instruction belongs to. */
  lineAt(address: number): { file: string; line: number } | undefined {
    const entry = this.#lines[lastAtMost(this.#lines, address)];
    return entry === undefined || entry.line === 0 ? undefined : { file: entry.file, line: entry.line };
  }

  /** Whether any line of a file is known. `file` may be the end of a path. */
  hasLines(file: string): boolean {
    return this.#lines.some((entry) => entry.file === file || entry.file.endsWith(`/${file}`));
  }

  /** Where the code of a line, or of the next line with code, begins. `file` may be the end of a path. */
  addressOf(file: string, line: number): number | undefined {
    let best: LineEntry | undefined;
    for (const entry of this.#lines) {
      if (entry.line < line || !(entry.file === file || entry.file.endsWith(`/${file}`))) continue;
      if (best === undefined || entry.line < best.line) best = entry;
    }
    return best?.address;
  }
}

/** Index of the last entry whose address is at most this; -1 without one. */
function lastAtMost(entries: readonly { readonly address: number }[], address: number): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((entries[middle]?.address ?? Infinity) <= address) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
