import type { LineEntry } from '../../engine/debug/symbols/symbol-table.ts';
import type { Diagnostic } from '../contract/assembly.ts';
import { HostError } from './errors.ts';

/** What the host needs of an assembler. */
export interface AssembledSource {
  ok: boolean;
  bytes: Uint8Array;
  listing: string;
  diagnostics: Diagnostic[];
  /** Address of each label; absent where nobody asked for them. */
  labels?: ReadonlyMap<string, number>;
  /** Which line of which file each stretch of code comes from. */
  lines?: readonly LineEntry[];
  /** Every file that was read, as its reader called it; the source itself first. */
  files?: readonly string[];
}

/** A source, and where its `%include`s and `incbin`s are looked for. */
export interface SourceText {
  /** Its path or name, as diagnostics shall say it. */
  name: string;
  text: string;
  folders: readonly string[];
  /** Files outside of `folders` may be read too: the source is the person's own, named on their own command line. */
  anywhere: boolean;
}

export type AssembleSource = (source: SourceText) => AssembledSource;

export interface DisassembledLine {
  address: number;
  bytes: Uint8Array;
  text: string;
}

export type Disassemble = (bytes: Uint8Array, bits: 16 | 32, origin: number) => DisassembledLine[];

/** How many errors a sentence mentions by name. */
const SHOWN = 3;

/** The errors of a source as one refusal: the first few with their places, and how many there are. */
export function assemblyError(diagnostics: readonly Diagnostic[]): HostError {
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  const shown = errors.slice(0, SHOWN).map(({ file, line, column, message }) => `${file}:${line}:${column}: ${message}`);
  const more = errors.length > SHOWN ? `\n… and ${errors.length - SHOWN} more.` : '';
  const count = errors.length === 1 ? '1 error' : `${errors.length} errors`;
  return new HostError('BAD_INPUT', `The source has ${count}:\n${shown.join('\n')}${more}`);
}
