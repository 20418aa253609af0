/** Reads a file with symbols, whatever it is. */
import { isElf, readElfSymbols } from './elf-symbols.ts';
import type { SymbolFile } from './symbol-table.ts';
import { readTextSymbols } from './text-symbols.ts';

/** Throws SymbolError with a sentence. `name` is shown, and names the source of a listing. */
export function readSymbols(bytes: Uint8Array, name: string): SymbolFile {
  return isElf(bytes) ? readElfSymbols(bytes) : readTextSymbols(Buffer.from(bytes).toString('utf8'), name);
}
