/**
 * What an editor asks of the assembler: the program with its errors and its listing by source lines, and answers about places in its text.
 * Pure. Files are given to it; what it lacks it names, so that the caller may find it and ask again.
 */
import { assemble, type AssemblyResult, type Diagnostic } from '../assembler.ts';
import type { FoundFile } from '../preprocessor.ts';
import { numberValue } from '../literal.ts';
import { tokenize } from '../token.ts';
import { completionsAt, type Completion } from './complete.ts';
import { describeInstruction, type DescribedInstruction } from './describe.ts';
import {
  applyEdits,
  definitionOf,
  indexSources,
  mentionAt,
  refuseName,
  renameEdits,
  type Definition,
  type SourceIndex,
  type TextEdit,
  type TextSpan,
} from './source-index.ts';
import { preprocessorWords, words } from './words.ts';

/** A file that a source asked for and that nobody has given. */
export interface WantedFile {
  readonly name: string;
  readonly from: string;
}

/** What a line of a source became. Of a macro's line: all that its lines became. */
export interface ListedLine {
  readonly line: number;
  readonly address: number;
  /** Bytes in all. */
  readonly size: number;
  /** The first bytes in hex, with a space between two. */
  readonly bytes: string;
  /** It holds an instruction: a breakpoint may stand here. */
  readonly code: boolean;
}

export interface Build {
  readonly ok: boolean;
  /** How long it took. */
  readonly milliseconds: number;
  /** Of the flat binary. */
  readonly size: number;
  readonly origin: number;
  readonly problems: readonly Diagnostic[];
  /** Every file that was read, as its reader called it; the main one first. */
  readonly files: readonly string[];
  readonly missing: readonly WantedFile[];
  readonly listing: readonly { readonly file: string; readonly lines: readonly ListedLine[] }[];
}

export type Hover = TextSpan &
  (
    | { readonly kind: 'instruction'; readonly instructions: readonly DescribedInstruction[] }
    | { readonly kind: 'word'; readonly word: string; readonly summary: string }
    | { readonly kind: 'number'; readonly value: bigint }
    | {
        readonly kind: 'name';
        readonly name: string;
        readonly definition: Definition | undefined;
        readonly value: bigint | undefined;
        readonly section: string | undefined;
      }
  );

export interface OutlineEntry extends Definition {
  readonly value: bigint | undefined;
}

export type Renaming = { readonly edits: readonly TextEdit[] } | { readonly refused: string };

/** Bytes of a line that are shown. */
const shownBytes = 8;

const hex = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** A program in the making. One at a time; not for two callers at once. */
export class Program {
  #main = '';
  readonly #texts = new Map<string, string>();
  readonly #found = new Map<string, FoundFile | undefined>();
  #index: SourceIndex | undefined;
  /** Of the last run; its listing would hold on to every line. */
  #symbols: AssemblyResult['symbols'] | undefined;
  #read: readonly string[] = [];

  /** The file to begin with. */
  setMain(path: string): void {
    this.#main = path;
    this.#symbols = undefined;
  }

  /** Gives a text of the folder, or takes it away. */
  setText(path: string, text: string | undefined): void {
    if (text === undefined) this.#texts.delete(path);
    else this.#texts.set(path, text);
    this.#index = undefined;
  }

  /** What `name` in `from` is; undefined: there is none. Texts of the folder come first. */
  setFound(name: string, from: string, found: FoundFile | undefined): void {
    this.#found.set(`${from}\0${name}`, found);
  }

  /** Forgets all that was found outside of the texts: it may be another by now. */
  forgetFound(): void {
    this.#found.clear();
  }

  assemble(now: () => number = () => performance.now()): Build {
    const missing: WantedFile[] = [];
    const read = new Set<string>();
    const begin = now();
    const result = assemble({
      file: this.#main,
      read: (name, from) => {
        const found = this.#fileOf(name, from, missing);
        if (found !== undefined) read.add(found.path);
        return found;
      },
    });
    const milliseconds = now() - begin;
    this.#symbols = result.symbols;
    this.#read = [...read];
    this.#index = undefined;
    return {
      ok: result.errors.length === 0,
      milliseconds,
      size: result.bytes.length,
      origin: result.origin,
      problems: [...result.errors, ...result.warnings].map((problem) => this.#withEnd(problem)),
      files: this.#read,
      missing,
      listing: byLines(result),
    };
  }

  #fileOf(name: string, from: string, missing: WantedFile[]): FoundFile | undefined {
    const folder = from.includes('/') ? from.slice(0, from.lastIndexOf('/') + 1) : '';
    for (const path of [join(folder + name), join(name)]) {
      const text = path === undefined ? undefined : this.#texts.get(path);
      if (path !== undefined && text !== undefined) return { path, text };
    }
    const key = `${from}\0${name}`;
    if (!this.#found.has(key) && from !== '') missing.push({ name, from });
    return this.#found.get(key);
  }

  /** An error that names no end reaches to the end of its word. */
  #withEnd(problem: Diagnostic): Diagnostic {
    if (problem.endColumn !== undefined && problem.endColumn > problem.column) return problem;
    const token = tokenize(this.#lineOf(problem.file, problem.line)).find(
      ({ column, end }) => column <= problem.column && problem.column < end,
    );
    return { ...problem, endColumn: token?.end ?? problem.column + 1 };
  }

  /** The text of a file, of the folder or found elsewhere. */
  textOf(file: string): string | undefined {
    const own = this.#texts.get(file);
    if (own !== undefined) return own;
    for (const found of this.#found.values()) {
      if (found?.path === file)
        return found.text ?? (found.bytes === undefined ? undefined : new TextDecoder().decode(found.bytes));
    }
    return undefined;
  }

  #lineOf(file: string, line: number): string {
    return this.textOf(file)?.split(/\r\n|\n|\r/)[line - 1] ?? '';
  }

  /** Names of every file that the program reads. A file that it does not read stands for itself. */
  #indexed(file: string): SourceIndex {
    const texts = (paths: readonly string[]): Map<string, string> =>
      new Map(paths.map((path): [string, string] => [path, this.textOf(path) ?? '']));
    if (!this.#read.includes(file)) return indexSources(texts([file]));
    return (this.#index ??= indexSources(texts(this.#read.filter((path) => this.#isText(path)))));
  }

  /** What is embedded by INCBIN is no source. */
  #isText(path: string): boolean {
    return this.#texts.has(path) || /\.(asm|inc|s|nasm|mac)$/i.test(path);
  }

  #valueOf(name: string): { value: bigint | undefined; section: string | undefined } {
    const symbol = this.#symbols?.get(name);
    return { value: symbol?.value, section: symbol?.section };
  }

  hover(file: string, line: number, column: number): Hover | undefined {
    const token = tokenize(this.#lineOf(file, line)).find((each) => each.column <= column && column <= each.end);
    if (token === undefined) return undefined;
    const span = { file, line, column: token.column, end: token.end };
    if (token.kind === 'number') {
      const value = numberValue(token.text);
      return value === undefined ? undefined : { ...span, kind: 'number', value };
    }
    if (token.kind === 'directive') {
      const summary = preprocessorWords.get(token.text);
      return summary === undefined ? undefined : { ...span, kind: 'word', word: `%${token.text}`, summary };
    }
    if (token.kind !== 'identifier') return undefined;
    const lower = token.text.toLowerCase();
    const instructions = describeInstruction(lower);
    if (instructions.length > 0) return { ...span, kind: 'instruction', instructions };
    const word = words.get(lower);
    if (word !== undefined) return { ...span, kind: 'word', word: lower, summary: word.summary };
    const index = this.#indexed(file);
    const mention = mentionAt(index, file, line, column);
    if (mention === undefined) return undefined;
    const definition = definitionOf(index, mention.name);
    const known = this.#valueOf(mention.name);
    if (definition === undefined && known.value === undefined) return undefined;
    return { ...span, kind: 'name', name: mention.name, definition, ...known };
  }

  definition(file: string, line: number, column: number): Definition | undefined {
    const index = this.#indexed(file);
    const mention = mentionAt(index, file, line, column);
    return mention && definitionOf(index, mention.name);
  }

  references(file: string, line: number, column: number): TextSpan[] {
    const index = this.#indexed(file);
    const mention = mentionAt(index, file, line, column);
    if (mention === undefined || definitionOf(index, mention.name) === undefined) return [];
    return index.mentions.filter(({ name }) => name === mention.name);
  }

  outline(file: string): OutlineEntry[] {
    return this.#indexed(file)
      .definitions.filter((each) => each.file === file)
      .map((each) => ({ ...each, value: this.#valueOf(each.name).value }));
  }

  complete(file: string, line: number, column: number): Completion[] {
    const index = this.#indexed(file);
    return completionsAt(this.#lineOf(file, line).slice(0, column - 1), index, index.scopeOf(file, line));
  }

  /**
   * Gives a name another one, everywhere in the program. Refused where the name is taken, where a file would have to change that is not
   * of the folder, and where the program would be another one: the bytes before and after are compared.
   */
  rename(file: string, line: number, column: number, wanted: string): Renaming {
    const index = this.#indexed(file);
    const mention = mentionAt(index, file, line, column);
    const definition = mention && definitionOf(index, mention.name);
    if (definition === undefined) return { refused: 'Only a name that the program defines can be changed.' };
    const refused = refuseName(wanted, definition.kind);
    if (refused !== undefined) return { refused };
    const scope = definition.name.slice(0, definition.name.lastIndexOf('.'));
    const full = definition.kind === 'local' ? `${scope}.${wanted.replace(/^\./, '')}` : wanted;
    if (full === definition.name) return { edits: [] };
    const taken = definitionOf(index, full);
    if (taken !== undefined) return { refused: `${full} is defined already: ${taken.file}, line ${taken.line}.` };
    const edits = renameEdits(index, definition, wanted);
    const foreign = edits.find((edit) => !this.#texts.has(edit.file));
    if (foreign !== undefined) return { refused: `${foreign.file} mentions it, and is not in the machine’s folder.` };
    return this.#sameProgram(edits)
      ? { edits }
      : { refused: 'The program would be another one: something else depends on the spelling of this name.' };
  }

  #sameProgram(edits: readonly TextEdit[]): boolean {
    const run = (edited: boolean): AssemblyResult =>
      assemble({
        file: this.#main,
        read: (name, from) => {
          const found = this.#fileOf(name, from, []);
          if (!edited || found?.text === undefined) return found;
          return { ...found, text: applyEdits(found.path, found.text, edits) };
        },
      });
    const [before, after] = [run(false), run(true)];
    if (before.errors.length !== after.errors.length || before.origin !== after.origin) return false;
    return before.bytes.length === after.bytes.length && before.bytes.every((byte, at) => after.bytes[at] === byte);
  }
}

/** A path without `.` and `..`; undefined if it leads out. */
function join(path: string): string | undefined {
  if (path.startsWith('/')) return undefined;
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') {
      if (parts.pop() === undefined) return undefined;
    } else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts.join('/');
}

/** The listing by the lines that people wrote. */
function byLines(result: AssemblyResult): Build['listing'] {
  const files = new Map<string, Map<number, { address: number; size: number; bytes: number[]; code: boolean }>>();
  for (const { address, size, sourceFile, sourceLine, bytes, code, blank } of result.listing) {
    if (address === undefined || size === 0) continue;
    let lines = files.get(sourceFile);
    if (lines === undefined) files.set(sourceFile, (lines = new Map()));
    let row = lines.get(sourceLine);
    if (row === undefined) lines.set(sourceLine, (row = { address, size: 0, bytes: [], code: false }));
    row.size += size;
    row.code ||= code;
    if (blank || bytes.length === 0) continue;
    for (let at = 0; at < size && row.bytes.length < shownBytes; at++) row.bytes.push(bytes[at % bytes.length] ?? 0);
  }
  return [...files].map(([file, lines]) => ({
    file,
    lines: [...lines].map(([line, { address, size, bytes, code }]) => ({
      line,
      address,
      size,
      code,
      bytes: bytes.map((byte) => hex[byte]).join(' ') + (size > bytes.length && bytes.length > 0 ? ' …' : ''),
    })),
  }));
}
