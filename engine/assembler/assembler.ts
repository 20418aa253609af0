/**
 * The assembler: NASM's syntax to a flat binary. Pure: files come through a callback, so it runs in a worker of the
 * editor as well as in Node. It never throws for bad input, and every loop of the language is bounded.
 */
import { instructions } from '../isa/table.ts';
import { AssemblyStopped, Diagnostics, type Diagnostic } from './diagnostic.ts';
import { Assembly } from './assembly.ts';
import { candidatesOf } from './candidate.ts';
import type { ListingLine } from './listing.ts';
import type { FileReader } from './preprocessor.ts';

export type { Diagnostic, MacroFrame, Severity } from './diagnostic.ts';
export { formatListing, type ListingLine } from './listing.ts';
export type { FileReader, FoundFile } from './preprocessor.ts';

/** Bounds of one run; each has a default that real programs stay far below. */
export interface AssemblyLimits {
  /** Errors after which the run stops. */
  readonly errors: number;
  /** Bytes of output. */
  readonly output: number;
  /** Lines after all expansion, in one pass. */
  readonly lines: number;
  readonly includeDepth: number;
  /** Nesting of macros and %rep. */
  readonly macroDepth: number;
  readonly passes: number;
}

export interface AssemblyRequest {
  /** Path of the main file, as `read` takes it. */
  readonly file: string;
  /** Finds the main file, `%include` and `incbin` files; undefined if there is none. `from` is the asking file. */
  readonly read: FileReader;
  /** Macros defined before the first line. */
  readonly defines?: Readonly<Record<string, string>>;
  /** Code size before the first BITS directive; 16 if absent. */
  readonly bits?: 16 | 32;
  readonly limits?: Partial<AssemblyLimits>;
}

export interface AssembledSymbol {
  /** The address, or the constant. */
  readonly value: bigint;
  /** Undefined for a constant. */
  readonly section: string | undefined;
  readonly file: string;
  readonly line: number;
}

export interface AssemblyResult {
  /** The flat binary; empty if there are errors. */
  readonly bytes: Uint8Array;
  /** The address of its first byte (ORG). */
  readonly origin: number;
  readonly listing: readonly ListingLine[];
  readonly symbols: ReadonlyMap<string, AssembledSymbol>;
  readonly errors: readonly Diagnostic[];
  readonly warnings: readonly Diagnostic[];
}

const defaultLimits: AssemblyLimits = {
  errors: 200,
  output: 64 * 1024 * 1024,
  lines: 2_000_000,
  includeDepth: 64,
  macroDepth: 1_000,
  passes: 100,
};

const candidates = candidatesOf(instructions);

/** Assembles a program. All problems come back as diagnostics. */
export function assemble(request: AssemblyRequest): AssemblyResult {
  const limits = { ...defaultLimits, ...request.limits };
  const diagnostics = new Diagnostics(limits.errors);
  const start = { file: request.file, line: 1, column: 1, macroStack: [] };
  const assembly = new Assembly({
    diagnostics,
    limits,
    candidates,
    bits: request.bits ?? 16,
    defines: request.defines ?? {},
    read: request.read,
  });
  try {
    const main = request.read(request.file, '');
    if (!main) diagnostics.error(start, 'file-not-found', `The file ${request.file} cannot be read.`);
    else return { ...assembly.run(main), errors: diagnostics.errors, warnings: diagnostics.warnings };
  } catch (error) {
    // A defect of ours must not take the editor or the host down; it is told like any other problem.
    if (!(error instanceof AssemblyStopped)) {
      const reason = error instanceof Error ? error.message : String(error);
      diagnostics.errors.push({ ...start, severity: 'error', code: 'internal', message: `The assembler failed: ${reason}` });
    }
  }
  return {
    bytes: new Uint8Array(0),
    origin: 0,
    listing: [],
    symbols: new Map(),
    errors: diagnostics.errors,
    warnings: diagnostics.warnings,
  };
}
