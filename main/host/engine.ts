import { assemble, formatListing, type AssemblyResult } from '../../engine/assembler/assembler.ts';
import { createMachine } from '../../engine/machine/virtual-machine.ts';
import type { AssembleSource, SourceText } from './assembler.ts';
import { disassemble } from './disassembler.ts';
import type { EngineTools } from './host.ts';
import { workerDirectory } from './places.ts';
import { sourceFiles } from './source-files.ts';

/** Assembles a source with our own assembler. Its errors are diagnostics; it throws for no text. */
export const assembleSource: AssembleSource = (source: SourceText) => {
  const find = sourceFiles(source.folders, source.anywhere);
  const result = assemble({
    file: source.name,
    // Only the main file is asked for by nobody.
    read: (path, from) => (from === '' ? { path: source.name, text: source.text } : find(path, from)),
  });
  const ok = result.errors.length === 0;
  const labels = new Map([...result.symbols].flatMap(([name, { section, value }]) => (section === undefined ? [] : [[name, Number(value)] as const])));
  return { ok, bytes: result.bytes, listing: ok ? formatListing(result.listing) : '', diagnostics: diagnosticsOf(result), labels };
};

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
  };
}
