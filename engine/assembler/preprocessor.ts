/**
 * The preprocessor: reads files, expands macros, follows conditionals and loops, and hands out expanded lines one at a
 * time (NASM manual, 4). It runs interleaved with the assembler, because `%if` may ask for labels and `$`.
 */
import { AssemblyStopped, LineError, type Diagnostics, type MacroFrame, type Place } from './diagnostic.ts';
import { Conditionals } from './conditional.ts';
import { handlers, type DirectiveHandler } from './directive.ts';
import { quote } from './literal.ts';
import { splitArguments, type ExpandedLine, type MacroCall, type MultiMacro, type SourceLine } from './macro.ts';
import { withParameters } from './macro-parameters.ts';
import { prelude } from './prelude.ts';
import { SingleMacros, type ExpansionContext } from './single-macro.ts';
import { isOperator, tokenize, type Token } from './token.ts';

/** A file the caller found for `%include` or `incbin`. */
export interface FoundFile {
  /** The file's identity: two names of one file should give one path. */
  readonly path: string;
  readonly text?: string;
  readonly bytes?: Uint8Array;
}
/** Looks a file up; `from` is the path of the file that asks. Must not throw. */
export type FileReader = (path: string, from: string) => FoundFile | undefined;

/** Bounds that keep a hostile program from running away. */
export interface PreprocessorLimits {
  readonly includeDepth: number;
  readonly macroDepth: number;
  /** Lines handed out and lines looked at, all files and expansions together. */
  readonly lines: number;
}

export interface PreprocessorHost {
  readonly diagnostics: Diagnostics;
  readonly read: FileReader;
  readonly limits: PreprocessorLimits;
  readonly bits: () => number;
  readonly pass: () => number;
  /** The value of an expression that must be known now. */
  readonly evaluate: (tokens: readonly Token[]) => bigint;
  /** Lines of files cut before, by path: passes share them. */
  readonly cache: Map<string, readonly SourceLine[]>;
}

interface FileFrame {
  readonly kind: 'file';
  readonly path: string;
  readonly lines: readonly SourceLine[];
  index: number;
  readonly conditionalDepth: number;
  readonly hidden: boolean;
  /** `%line`: what is added to line numbers, and the name shown. */
  shift: number;
  step: number;
  shownName: string;
}
export interface BodyFrame {
  readonly kind: 'macro' | 'repeat';
  readonly lines: readonly SourceLine[];
  index: number;
  readonly conditionalDepth: number;
  readonly hidden: boolean;
  /** The innermost macro call whose parameters the body sees. */
  readonly call: MacroCall | undefined;
  /** Further rounds of a `%rep`. */
  remaining: number;
  readonly place: Place;
  readonly stack: readonly MacroFrame[];
}
type Frame = FileFrame | BodyFrame;

interface Definition {
  readonly kind: 'macro' | 'repeat';
  /** Undefined: the definition was wrong and its body is only skipped. */
  readonly macro: MultiMacro | undefined;
  readonly rounds: number;
  readonly lines: SourceLine[];
  readonly source: SourceLine;
  readonly frames: number;
  nesting: number;
}

export interface Context {
  readonly name: string;
  readonly unique: number;
}

/** Cuts a text into lines of tokens; a backslash at the end of a line joins it with the next one. */
export function cutLines(text: string, file: string): SourceLine[] {
  const raw = text.split(/\r\n|\n|\r/);
  if (raw[raw.length - 1] === '') raw.pop();
  const lines: SourceLine[] = [];
  for (let index = 0; index < raw.length; index++) {
    const first = index;
    let line = raw[index] ?? '';
    while (line.endsWith('\\') && index + 1 < raw.length) line = line.slice(0, -1) + (raw[++index] ?? '');
    lines.push({ tokens: tokenize(line), text: line, file, line: first + 1 });
  }
  return lines;
}

const noMacros: readonly MultiMacro[] = [];

const preludeLines = cutLines(prelude, 'standard macros');

export class Preprocessor implements ExpansionContext {
  readonly host: PreprocessorHost;
  readonly single = new SingleMacros();
  readonly multi = new Map<string, MultiMacro[]>();
  readonly conditionals: Conditionals;
  readonly contexts: Context[] = [];
  /** The line being worked on. */
  source: SourceLine;
  private readonly frames: Frame[] = [];
  private definition: Definition | undefined;
  private readonly pending: ExpandedLine[] = [];
  private unique = 0;
  private linesSeen = 0;
  private finished = false;

  constructor(host: PreprocessorHost, main: FoundFile, defines: Readonly<Record<string, string>>) {
    this.host = host;
    this.conditionals = new Conditionals(this);
    this.source = { tokens: [], text: '', file: main.path, line: 1 };
    this.enterFile(main, main.path);
    for (const [name, value] of Object.entries(defines)) {
      this.single.define({ name, ignoreCase: false, parameters: undefined, body: tokenize(value) });
    }
    this.frames.push(fileFrame('standard macros', preludeLines, 0, true));
  }

  // What directives use.

  nextUnique(): number {
    return ++this.unique;
  }
  enterFile(found: FoundFile, name: string): void {
    let lines = this.host.cache.get(found.path);
    if (!lines) {
      const text = found.text ?? new TextDecoder().decode(found.bytes ?? new Uint8Array());
      lines = cutLines(text, name);
      this.host.cache.set(found.path, lines);
    }
    this.frames.push(fileFrame(found.path, lines, this.conditionals.depth, false));
  }
  include(name: string): void {
    const from = this.currentFile?.path ?? '';
    if (this.frames.filter((frame) => frame.kind === 'file').length > this.host.limits.includeDepth) {
      throw new LineError('include-too-deep', `%include is nested more than ${this.host.limits.includeDepth} files deep.`);
    }
    const found = this.host.read(name, from);
    if (!found) throw new LineError('include-not-found', `unable to open include file \`${name}'`);
    if (this.frames.some((frame) => frame.kind === 'file' && frame.path === found.path)) {
      throw new LineError('include-cycle', `The file \`${name}' includes itself.`);
    }
    this.enterFile(found, name);
  }
  /** Conditionals opened outside the current file or body; it may not close them. */
  get conditionalFloor(): number {
    return this.frames[this.frames.length - 1]?.conditionalDepth ?? 0;
  }
  get currentFile(): FileFrame | undefined {
    for (let index = this.frames.length - 1; index >= 0; index--) {
      const frame = this.frames[index];
      if (frame?.kind === 'file') return frame;
    }
    return undefined;
  }
  get call(): MacroCall | undefined {
    const top = this.frames[this.frames.length - 1];
    return top && top.kind !== 'file' ? top.call : undefined;
  }
  expand(tokens: readonly Token[]): readonly Token[] {
    return this.single.expand(tokens, this);
  }
  /** A line's tokens with the current macro's parameters put in. */
  parameters(tokens: readonly Token[]): readonly Token[] {
    const call = this.call;
    return call ? withParameters(tokens, call) : tokens;
  }
  evaluate(tokens: readonly Token[]): bigint {
    return this.host.evaluate(tokens);
  }
  beginDefinition(kind: 'macro' | 'repeat', macro: MultiMacro | undefined, rounds: number): void {
    this.definition = { kind, macro, rounds, lines: [], source: this.source, frames: this.frames.length, nesting: 0 };
  }
  /** `%exitrep`, `%exitmacro`: ends the innermost body of a kind; false if there is none. */
  leaveBody(kind: 'macro' | 'repeat'): boolean {
    for (let index = this.frames.length - 1; index >= 0; index--) {
      const frame = this.frames[index];
      if (!frame || frame.kind === 'file') return false;
      if (frame.kind === kind) {
        this.frames.length = index;
        this.conditionals.cut(frame.conditionalDepth);
        return true;
      }
    }
    return false;
  }
  setLine(line: number, step: number, name: string | undefined): void {
    const file = this.currentFile;
    if (!file) return;
    file.step = step;
    // NASM counts on from the number given: the next line has it plus the step.
    file.shift = line - step * this.source.line;
    if (name !== undefined) file.shownName = name;
  }

  // ExpansionContext.

  builtin(name: string): string | undefined {
    switch (name) {
      case '__LINE__':
      case '__?LINE?__':
        return this.sourceLineNumber().toString();
      case '__FILE__':
      case '__?FILE?__':
        return quote(this.place().file);
      case '__BITS__':
      case '__?BITS?__':
        return this.host.bits().toString();
      case '__PASS__':
      case '__?PASS?__':
        return this.host.pass() === 1 ? '1' : '2';
      default:
        return undefined;
    }
  }
  contextName(text: string): string {
    const levels = /^\$+/.exec(text)?.[0].length ?? 1;
    const context = this.contexts[this.contexts.length - levels];
    if (!context)
      throw new LineError(
        'no-context',
        `\`%${text}': context stack is ${this.contexts.length === 0 ? 'empty' : `only ${this.contexts.length} level(s) deep`}`,
      );
    return `..@${context.unique}.${text.slice(levels)}`;
  }

  // Lines out.

  /** The next expanded line, or undefined at the end. Throws AssemblyStopped only. */
  next(): ExpandedLine | undefined {
    for (;;) {
      const waiting = this.pending.shift();
      if (waiting) return waiting;
      const line = this.fetch();
      if (!line) return undefined;
      try {
        const expanded = this.process(line);
        if (expanded) return expanded;
      } catch (error) {
        this.report(error);
      }
    }
  }

  /** Turns a LineError into a diagnostic at the current line. */
  report(error: unknown): void {
    if (!(error instanceof LineError)) throw error;
    this.host.diagnostics.error(this.place(error.column, error.endColumn), error.code, error.message);
  }

  /** Where a diagnostic about the current line points. */
  place(column = 1, endColumn?: number): Place {
    const top = this.frames[this.frames.length - 1];
    // A line of a %rep outside of macros stands in the file like any other.
    if (top && top.kind !== 'file' && top.call) return { ...top.place, macroStack: this.macroStack(top) };
    return {
      file: this.currentFile?.shownName ?? this.source.file,
      line: this.sourceLineNumber(),
      column,
      endColumn,
      macroStack: [],
    };
  }
  /** The current line's number as %line counts; inside a macro, of its definition. */
  private sourceLineNumber(): number {
    const file = this.currentFile;
    return file && file.path !== 'standard macros' ? file.shift + file.step * this.source.line : this.source.line;
  }
  private macroStack(frame: BodyFrame): readonly MacroFrame[] {
    const { file, line } = this.source;
    // The standard macros are no concern of the reader.
    return frame.call && frame.call.macro.file !== 'standard macros'
      ? [{ name: frame.call.macro.name, file, line }, ...frame.stack]
      : frame.stack;
  }

  private fetch(): SourceLine | undefined {
    for (;;) {
      const frame = this.frames[this.frames.length - 1];
      if (!frame) {
        this.finish();
        return undefined;
      }
      const line = frame.lines[frame.index];
      if (line) {
        frame.index++;
        this.source = line;
        if (++this.linesSeen > this.host.limits.lines) {
          this.host.diagnostics.error(
            this.place(),
            'too-many-lines',
            `The program grows beyond ${this.host.limits.lines} lines by macros, %rep and %include.`,
          );
          throw new AssemblyStopped();
        }
        return line;
      }
      if (frame.kind === 'repeat' && frame.remaining > 0 && frame.lines.length > 0) {
        frame.remaining--;
        frame.index = 0;
        continue;
      }
      this.leave(frame);
    }
  }
  private leave(frame: Frame): void {
    if (this.definition && this.definition.frames === this.frames.length) {
      const { kind, source } = this.definition;
      const word = kind === 'macro' ? '%macro' : '%rep';
      const end = kind === 'macro' ? '%endmacro' : '%endrep';
      this.host.diagnostics.error(this.placeOf(source), 'unterminated-definition', `The \`${word}' has no \`${end}'.`);
      this.definition = undefined;
    }
    const open = this.conditionals.cut(frame.conditionalDepth);
    if (open)
      this.host.diagnostics.error(
        this.placeOf(open),
        'unterminated-conditional',
        `expected \`%endif' before the end of the ${frame.kind === 'file' ? 'file' : 'macro'}`,
      );
    this.frames.pop();
  }
  private placeOf(source: SourceLine): Place {
    const top = this.frames[this.frames.length - 1];
    if (top && top.kind !== 'file') return top.place;
    return { file: source.file, line: source.line, column: 1, macroStack: [] };
  }
  private finish(): void {
    if (this.finished) return;
    this.finished = true;
    const context = this.contexts[0];
    if (context)
      this.host.diagnostics.warning(this.place(), 'open-context', `The context \`${context.name}' was never left with %pop.`);
  }

  private process(line: SourceLine): ExpandedLine | undefined {
    const first = line.tokens[0];
    if (this.definition) {
      this.collect(this.definition, line);
      return undefined;
    }
    if (!this.conditionals.emitting) {
      if (first?.kind === 'directive') this.conditionals.skip(first.text, line);
      return undefined;
    }
    let tokens = this.parameters(line.tokens);
    const head = tokens[0];
    if (head?.kind === 'directive') {
      this.direct(head, tokens.slice(1));
      return undefined;
    }
    const written = tokens;
    tokens = this.expand(tokens);
    if (tokens[0]?.kind === 'directive') {
      this.direct(tokens[0], tokens.slice(1));
      return undefined;
    }
    return this.invoke(tokens, written) ?? this.expanded(tokens);
  }

  private expanded(tokens: readonly Token[]): ExpandedLine | undefined {
    const top = this.frames[this.frames.length - 1];
    if (top?.kind === 'file' && top.path === 'standard macros' && tokens.length === 0) return undefined;
    const place = this.place();
    return {
      tokens,
      source: this.source,
      file: place.file,
      line: place.line,
      invocationColumn: top && top.kind !== 'file' && top.call ? place.column : undefined,
      macroStack: place.macroStack,
      hidden: top?.hidden ?? false,
    };
  }

  private direct(word: Token, rest: readonly Token[]): void {
    if (this.conditionals.handle(word, rest)) return;
    const handler: DirectiveHandler | undefined = handlers.get(word.text);
    if (!handler)
      throw new LineError('unknown-directive', `unknown preprocessor directive \`%${word.text}'`, word.column, word.end);
    handler(this, rest, word);
  }

  private collect(definition: Definition, line: SourceLine): void {
    const word = line.tokens[0]?.kind === 'directive' ? line.tokens[0].text : '';
    const opens = definition.kind === 'macro' ? /^i?r?macro$/.test(word) : word === 'rep';
    const closes = definition.kind === 'macro' ? /^end(macro|m)$/.test(word) : word === 'endrep';
    if (opens) definition.nesting++;
    if (closes && definition.nesting-- === 0) {
      this.definition = undefined;
      this.defined(definition);
      return;
    }
    definition.lines.push(line);
  }

  private defined(definition: Definition): void {
    if (definition.kind === 'macro') {
      if (definition.macro) definition.macro.body.push(...definition.lines);
      return;
    }
    if (definition.rounds <= 0 || definition.lines.length === 0) return;
    const top = this.frames[this.frames.length - 1];
    const inside = top && top.kind !== 'file' ? top : undefined;
    const source = this.source;
    this.source = definition.source;
    const place = this.place();
    this.source = source;
    this.push({
      kind: 'repeat',
      lines: definition.lines,
      index: 0,
      conditionalDepth: this.conditionals.depth,
      hidden: top?.hidden ?? false,
      call: inside?.call,
      remaining: definition.rounds - 1,
      place: inside?.place ?? place,
      stack: inside?.stack ?? [],
    });
  }
  private push(frame: BodyFrame): void {
    if (this.frames.length > this.host.limits.macroDepth) {
      throw new LineError('macro-too-deep', `Macros and loops are nested more than ${this.host.limits.macroDepth} levels deep.`);
    }
    this.frames.push(frame);
  }

  // Multi-line macros.

  findMulti(name: string): readonly MultiMacro[] {
    const list = this.multi.get(name.toLowerCase());
    return list ? list.filter((macro) => macro.ignoreCase || macro.name === name) : noMacros;
  }

  /** Those that may be expanded here: a macro in its own expansion stands for the instruction of that name (NASM manual, 4.3). */
  private expandable(name: string): readonly MultiMacro[] {
    const found = this.findMulti(name);
    if (found.length === 0) return found;
    return found.filter((macro) => !this.frames.some((frame) => frame.kind === 'macro' && frame.call?.macro === macro));
  }

  /** Expands a multi-line macro if the line invokes one. Returns the line to hand out first (its label), or undefined. */
  private invoke(tokens: readonly Token[], written: readonly Token[]): ExpandedLine | undefined {
    const [first, second] = tokens;
    if (first?.kind !== 'identifier' && first?.kind !== 'macroLocal') return undefined;
    let start = 0;
    let macros = first.kind === 'identifier' ? this.expandable(first.text) : noMacros;
    if (macros.length === 0) {
      start = isOperator(second, ':') ? 2 : 1;
      const word = tokens[start];
      macros = word?.kind === 'identifier' ? this.expandable(word.text) : noMacros;
    }
    const name = tokens[start];
    if (macros.length === 0 || !name) return undefined;
    const rest = tokens.slice(start + 1);
    // An argument that expands to nothing is still an argument.
    const vanished = rest.length === 0 && written.length > start + 1;
    const takes = (each: MultiMacro, count: number) => count >= each.minimum && (each.greedy || count <= each.maximum);
    const list: Token[][] =
      rest.length > 0 ? splitArguments(rest, false) : vanished && macros.some((each) => takes(each, 1)) ? [[]] : [];
    const macro = macros.find((each) => takes(each, list.length));
    if (!macro) {
      this.host.diagnostics.warning(
        this.place(name.column, name.end),
        'macro-parameters',
        `multi-line macro \`${name.text}' exists, but not taking ${list.length} parameter${list.length === 1 ? '' : 's'}`,
      );
      return undefined;
    }
    const given = macro.greedy && list.length > macro.maximum ? this.joinGreedy(rest, list, macro.maximum) : list;
    const filled = [...given];
    for (let index = given.length; index < macro.maximum && index - macro.minimum < macro.defaults.length; index++) {
      filled.push([...(macro.defaults[index - macro.minimum] ?? [])]);
    }
    const label = tokens.slice(0, start);
    const usesLabel = macro.body.some((line) => line.tokens.some((token) => token.kind === 'parameter' && token.text === '00'));
    const top = this.frames[this.frames.length - 1];
    const inside = top && top.kind !== 'file' ? top : undefined;
    const place = this.place(name.column, name.end);
    const labelLine =
      label.length > 0 && !usesLabel
        ? this.expanded(isOperator(label[1], ':') ? label : [...label, colonAfter(label)])
        : undefined;
    const hostLine = this.expanded([]);
    this.push({
      kind: 'macro',
      lines: macro.body,
      index: 0,
      conditionalDepth: this.conditionals.depth,
      hidden: macro.hidden || (top?.hidden ?? false),
      call: {
        macro,
        spelling: name.text,
        unique: this.nextUnique(),
        arguments: filled,
        given: given.length,
        label: label.slice(0, 1),
      },
      remaining: 0,
      place: inside ? inside.place : { ...place, macroStack: [] },
      stack: inside ? this.macroStack(inside) : [],
    });
    // The invocation itself shows in the listing, without bytes.
    return labelLine ?? hostLine;
  }
  private joinGreedy(rest: readonly Token[], list: Token[][], maximum: number): Token[][] {
    let commas = 0;
    let braces = 0;
    for (const [index, token] of rest.entries()) {
      if (isOperator(token, '{')) braces++;
      else if (isOperator(token, '}')) braces--;
      else if (braces === 0 && isOperator(token, ',') && ++commas === maximum - 1)
        return [...list.slice(0, maximum - 1), rest.slice(index + 1)];
    }
    return maximum <= 1 ? [[...rest]] : list;
  }
}

function colonAfter(label: readonly Token[]): Token {
  const last = label[label.length - 1];
  return { kind: 'operator', text: ':', space: false, column: last?.end ?? 1, end: last?.end ?? 1 };
}

function fileFrame(path: string, lines: readonly SourceLine[], conditionalDepth: number, hidden: boolean): FileFrame {
  return { kind: 'file', path, lines, index: 0, conditionalDepth, hidden, shift: 0, step: 1, shownName: lines[0]?.file ?? path };
}
