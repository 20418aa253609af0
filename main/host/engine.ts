import { assemble, formatListing, type AssemblyResult, type ListingLine } from '../../engine/assembler/assembler.ts';
import type { LineEntry } from '../../engine/debug/symbols/symbol-table.ts';
import { createMachine } from '../../engine/machine/virtual-machine.ts';
import type { AssembleSource, SourceText } from './assembler.ts';
import { disassemble } from './disassembler.ts';
import type { EngineTools } from './host.ts';
import { launchProcess } from './pair/pairs.ts';
import { workerDirectory } from './places.ts';
import { sourceFiles } from './source-files.ts';

/** Assembles a source with our own assembler. Its errors are diagnostics; it throws for no text. */
export const assembleSource: AssembleSource = (source: SourceText) => {
  const find = sourceFiles(source.folders, source.anywhere);
  const files = new Set([source.name]);
  const result = assemble({
    file: source.name,
    read: (path, from) => {
      // Only the main file is asked for by nobody.
      if (from === '') return { path: source.name, text: source.text };
      const found = find(path, from);
      if (found !== undefined) files.add(found.path);
      return found;
    },
  });
  const ok = result.errors.length === 0;
  const labels = new Map([...result.symbols].flatMap(([name, { section, value }]) => (section === undefined ? [] : [[name, Number(value)] as const])));
  return { ok, bytes: result.bytes, listing: ok ? formatListing(result.listing) : '', diagnostics: diagnosticsOf(result), labels, lines: linesOf(result.listing), files: [...files] };
};

/** The lines of all bytes, code and data: who jumps into data is shown the line of the data. */
function linesOf(listing: readonly ListingLine[]): LineEntry[] {
  const lines: LineEntry[] = [];
  let end: number | undefined;
  for (const { address, size, sourceFile, sourceLine } of listing) {
    if (address === undefined || size === 0) continue;
    if (end !== undefined && end !== address) lines.push({ address: end, file: '', line: 0 });
    lines.push({ address, file: sourceFile, line: sourceLine });
    end = address + size;
  }
  if (end !== undefined) lines.push({ address: end, file: '', line: 0 });
  return lines;
}

function diagnosticsOf({ errors, warnings }: AssemblyResult) {
  return [...errors, ...warnings]
    .map(({ severity, file, line, column, message }) => ({ severity, file, line, column, message }))
    .sort((a, b) => (a.file === b.file ? a.line - b.line || a.column - b.column : 0));
}

/** The real engine. */
export function engineTools(): EngineTools {
  return {
    createMachine: (configuration) => createMachine(configuration, { workerDirectory: workerDirectory() }),
    assemble: assembleSource,
    disassemble,
    launch: launchProcess,
  };
}
