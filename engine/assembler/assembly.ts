/**
 * One run of the assembler: passes over the lines until no label moves any more, the layout of the sections, and a last
 * pass that makes the bytes. The first pass is optimistic about labels it has not seen, as NASM's is; lines are parsed once.
 */
import type { AssembledSymbol, AssemblyLimits, AssemblyResult } from './assembler.ts';
import type { Candidate } from './candidate.ts';
import { dataBytes } from './data.ts';
import { AssemblyStopped, LineError, type Diagnostics, type Place } from './diagnostic.ts';
import { encode, type Site } from './encoder.ts';
import { baseOf, evaluate, isAddress, isNumber, resolve, unknownValue, type Base, type Scope, type Value } from './evaluate.ts';
import { parseExpression } from './expression.ts';
import type { ExpandedLine, SourceLine } from './macro.ts';
import { evaluateOperand, type Operand } from './operand.ts';
import { imageOf, Output, type AbsolutePlace, type OutputOwner } from './output.ts';
import { Preprocessor, type FileReader, type FoundFile } from './preprocessor.ts';
import { directives } from './section-directive.ts';
import { layOut, Section } from './section.ts';
import { StatementParser, type Body, type Statement } from './statement.ts';
import { Symbols } from './symbols.ts';
import type { Token } from './token.ts';

export interface AssemblySetting {
  readonly diagnostics: Diagnostics;
  readonly limits: AssemblyLimits;
  readonly candidates: ReadonlyMap<string, readonly Candidate[]>;
  readonly bits: 16 | 32;
  readonly defines: Readonly<Record<string, string>>;
  readonly read: FileReader;
}

interface ParsedLine {
  readonly line: ExpandedLine;
  readonly statement: Statement;
  /** Bytes of an instruction or of data without labels, by code size: they never change; and what was to be warned of in them. */
  fixed: ArrayLike<number> | undefined;
  fixedBits: number;
  fixedWarnings: readonly [code: string, message: string][];
  /** How long an instruction is whose operands are numbers of its own and addresses: those change their value alone. 0: not known. */
  length: number;
  lengthBits: number;
}

export class Assembly implements Scope, OutputOwner {
  readonly setting: AssemblySetting;
  readonly symbols = new Symbols();
  readonly sections: Section[] = [new Section('.text', 0)];
  /** The pass under way, from 1. */
  pass = 0;
  last = false;
  bits: 16 | 32;
  origin: bigint | undefined;
  section: Section;
  absolute: AbsolutePlace | undefined;
  /** Names declared with EXTERN, which a flat binary cannot refer to. */
  readonly externals = new Set<string>();
  private preprocessorUsedLabels = false;
  private readonly cache = new Map<string, readonly SourceLine[]>();
  private readonly files = new Map<string, Uint8Array>();
  private parsed: ParsedLine[] = [];
  private current: ExpandedLine | undefined;
  private readonly output: Output = new Output(this);
  private critical = false;
  /** Takes warnings instead of the diagnostics. */
  private withheld: [code: string, message: string][] | undefined;
  /** What a pass between the second and the last has to look at: lines, and bytes of lines that stay as they are. */
  private plan: readonly (ParsedLine | number)[] | undefined;

  constructor(setting: AssemblySetting) {
    this.setting = setting;
    this.bits = setting.bits;
    this.section = this.textSection;
  }

  get diagnostics(): Diagnostics {
    return this.setting.diagnostics;
  }
  get limits(): AssemblyLimits {
    return this.setting.limits;
  }

  private get textSection(): Section {
    const [text] = this.sections;
    if (!text) throw new Error('The text section is always there.');
    return text;
  }

  run(main: FoundFile): Omit<AssemblyResult, 'errors' | 'warnings'> {
    const { diagnostics, limits } = this;
    this.runPass(main);
    for (;;) {
      this.symbols.changed = false;
      const sizes = this.sections.map((section) => section.size).join();
      this.runPass(main);
      const settled = !this.symbols.changed && sizes === this.sections.map((section) => section.size).join();
      if (settled) break;
      if (this.pass >= limits.passes) {
        diagnostics.error(
          this.placeOf(undefined),
          'not-settling',
          `The labels still move after ${limits.passes} passes: their values depend on each other.`,
        );
        break;
      }
    }
    const layout = layOut(this.sections, this.origin ?? 0n, (message) =>
      diagnostics.error(this.placeOf(undefined), 'layout', message),
    );
    if (layout.length > BigInt(limits.output)) {
      diagnostics.error(
        this.placeOf(undefined),
        'output-too-large',
        `The binary would be ${layout.length} bytes long; the limit is ${limits.output}.`,
      );
      throw new AssemblyStopped();
    }
    this.last = true;
    this.runPass(main);
    const failed = diagnostics.errors.length > 0;
    const bytes = failed ? new Uint8Array(0) : imageOf(this.sections, layout.origin, Number(layout.length));
    return {
      bytes,
      origin: Number(layout.origin),
      listing: this.output.finish(layout.origin),
      symbols: this.finalSymbols(),
    };
  }

  private finalSymbols(): ReadonlyMap<string, AssembledSymbol> {
    const result = new Map<string, AssembledSymbol>();
    for (const entry of this.symbols.table.values()) {
      if (entry.value.unknown) continue;
      const base = baseOf(entry.value);
      result.set(entry.name, { value: resolve(entry.value), section: base?.baseName, file: entry.file, line: entry.line });
    }
    return result;
  }

  // Passes.

  private runPass(main: FoundFile): void {
    this.pass++;
    this.bits = this.setting.bits;
    for (const section of this.sections) section.offset = 0;
    this.section = this.textSection;
    this.absolute = undefined;
    this.output.begin();
    if (this.pass === 1 || this.preprocessorUsedLabels) this.preprocess(main);
    else if (this.last || this.pass === 2) for (const parsed of this.parsed) this.assembleLine(parsed);
    else this.followPlan();
    for (const section of this.sections) section.size = section.offset;
  }

  /** A pass in which only labels, jumps and what depends on numbers behind names can be another than in the one before. */
  private followPlan(): void {
    this.plan ??= planOf(this.parsed);
    for (const part of this.plan) {
      if (typeof part === 'number') this.output.skip(undefined, part);
      else this.assembleLine(part);
    }
  }

  /** Reads the source again, and assembles each line as it comes. */
  private preprocess(main: FoundFile): void {
    this.parsed = [];
    const parser = new StatementParser(this.setting.candidates);
    const preprocessor = new Preprocessor(
      {
        diagnostics: this.setting.diagnostics,
        read: this.setting.read,
        limits: this.setting.limits,
        cache: this.cache,
        bits: () => this.bits,
        pass: () => this.pass,
        evaluate: (tokens) => this.evaluateCritical(tokens, parser),
      },
      main,
      this.setting.defines,
    );
    for (let line = preprocessor.next(); line; line = preprocessor.next()) {
      const parsed: ParsedLine = {
        line,
        statement: parser.parse(line.tokens),
        fixed: undefined,
        fixedBits: 0,
        fixedWarnings: [],
        length: 0,
        lengthBits: 0,
      };
      this.parsed.push(parsed);
      this.assembleLine(parsed);
    }
  }

  private evaluateCritical(tokens: readonly Token[], parser: StatementParser): bigint {
    const cursor = parser.cursor(tokens);
    const expression = parseExpression(cursor);
    if (!cursor.atEnd) cursor.fail('trailing', `The expression should end before \`${cursor.current?.text ?? ''}'.`);
    this.critical = true;
    try {
      const value = evaluate(expression, {
        ...this.scope,
        symbol: (name, token) => this.noted(() => this.symbol(name, token)),
        here: () => this.noted(() => this.here()),
      });
      if (value.unknown) throw new LineError('not-critical', 'The value must be known here.');
      if (!isNumber(value))
        throw new LineError('not-critical', 'non-constant value given to the preprocessor: it is an address or a register');
      return value.constant;
    } finally {
      this.critical = false;
    }
  }
  private noted<T>(read: () => T): T {
    this.preprocessorUsedLabels = true;
    return read();
  }

  placeOf(line: ExpandedLine | undefined, column?: number, endColumn?: number): Place {
    if (!line) return { file: this.parsed[0]?.line.file ?? '', line: 1, column: 1, macroStack: [] };
    if (line.invocationColumn !== undefined)
      return { file: line.file, line: line.line, column: line.invocationColumn, macroStack: line.macroStack };
    return {
      file: line.file,
      line: line.line,
      column: column ?? line.tokens[0]?.column ?? 1,
      endColumn,
      macroStack: line.macroStack,
    };
  }
  readonly warn = (code: string, message: string): void => {
    if (this.withheld) this.withheld.push([code, message]);
    else if (this.last || code !== 'number-overflow') this.setting.diagnostics.warning(this.placeOf(this.current), code, message);
  };

  // Scope: values of names in this pass.

  private readonly scope: Scope = {
    symbol: (name, token) => this.symbol(name, token),
    here: () => this.here(),
    sectionStart: () => this.sectionStart(),
  };

  symbol(name: string, token: Token): Value {
    const entry = this.symbols.find(name);
    if (entry) {
      if (entry.value.unknown && this.last)
        throw new LineError('circular', `the value of \`${name}' depends on itself`, token.column, token.end);
      if (entry.value.unknown && this.critical)
        throw new LineError('not-critical', `symbol \`${name}' not defined before use`, token.column, token.end);
      return entry.value;
    }
    const anchor = /^section\.(.+)\.(start|vstart|length)$/.exec(name);
    if (anchor) {
      const section = this.sections.find((each) => each.name === anchor[1]);
      const what = anchor[2];
      if (section && (what === 'start' || what === 'vstart' || what === 'length')) {
        return { constant: 0n, registers: [], bases: [{ base: section.anchors[what], scale: 1n }], unknown: false };
      }
    }
    if (this.externals.has(name))
      throw new LineError(
        'no-external',
        `binary format does not support external references (\`${name}')`,
        token.column,
        token.end,
      );
    if (this.critical) throw new LineError('not-critical', `symbol \`${name}' not defined before use`, token.column, token.end);
    if (this.pass === 1) return unknownValue;
    throw new LineError('undefined-symbol', `symbol \`${name}' not defined`, token.column, token.end);
  }
  here(): Value {
    if (this.absolute) {
      const { start } = this.absolute;
      return { ...start, constant: start.constant + BigInt(this.output.absoluteOffset) };
    }
    return { constant: BigInt(this.section.offset), registers: [], bases: this.basesOf(this.section), unknown: false };
  }
  sectionStart(): Value {
    if (this.absolute) return this.absolute.start;
    return { constant: 0n, registers: [], bases: this.basesOf(this.section), unknown: false };
  }
  private readonly basesCache = new Map<Section, Value['bases']>();
  private basesOf(section: Section): Value['bases'] {
    let bases = this.basesCache.get(section);
    if (!bases) this.basesCache.set(section, (bases = [{ base: section, scale: 1n }]));
    return bases;
  }

  /** The section of a name, made if need be. */
  sectionNamed(name: string): Section {
    let section = this.sections.find((each) => each.name === name);
    if (!section) {
      section = new Section(name, this.sections.length);
      this.sections.push(section);
    }
    return section;
  }
  enterAbsolute(start: Value): void {
    this.absolute = { start };
    this.output.absoluteOffset = 0;
  }

  /** The value of a directive's argument, which must be known now. */
  argument(tokens: readonly Token[], what: string): bigint {
    const value = this.argumentValue(tokens);
    if (value.unknown || !isNumber(value))
      throw new LineError(
        'not-critical',
        `${what} must be a number that is known here.`,
        tokens[0]?.column,
        tokens[tokens.length - 1]?.end,
      );
    return value.constant;
  }
  argumentValue(tokens: readonly Token[]): Value {
    const cursor = new StatementParser(this.setting.candidates).cursor(tokens);
    const expression = parseExpression(cursor);
    if (!cursor.atEnd) cursor.fail('trailing', `The directive should end before \`${cursor.current?.text ?? ''}'.`);
    return evaluate(expression, this.scope);
  }

  // Lines.

  private assembleLine(parsed: ParsedLine): void {
    const { line, statement } = parsed;
    this.current = line;
    this.output.isCode = statement.isCode;
    try {
      const { body } = statement;
      if (statement.label !== undefined && body.kind !== 'equ') this.defineLabel(statement.label, this.here());
      if (statement.orphan)
        this.setting.diagnostics.warning(
          this.placeOf(line, statement.labelToken?.column, statement.labelToken?.end),
          'label-orphan',
          'label alone on a line without a colon might be in error',
        );
      if (statement.error) throw statement.error;
      if (body.kind === 'nothing') this.output.list(line, undefined);
      else this.assembleBody(parsed, statement, body);
    } catch (error) {
      if (!(error instanceof LineError)) throw error;
      this.setting.diagnostics.error(this.placeOf(line, error.column, error.endColumn), error.code, error.message);
    }
  }

  private defineLabel(name: string, value: Value): void {
    const line = this.current;
    const clash = this.symbols.define(name, value, { file: line?.file ?? '', line: line?.line ?? 1 }, this.pass);
    if (clash)
      throw new LineError(
        'label-redefined',
        `label \`${name}' inconsistently redefined; it is defined in ${clash.file}, line ${clash.line}`,
      );
  }

  private repetitions(statement: Statement): number {
    if (!statement.times) return 1;
    this.critical = this.pass === 1;
    try {
      const value = evaluate(statement.times, this.scope);
      if (value.unknown || !isNumber(value)) throw new LineError('not-critical', 'non-constant argument supplied to TIMES');
      // Labels may be in flux before the last pass.
      if (value.constant < 0n) {
        if (this.last) throw new LineError('negative-times', `TIMES value ${value.constant} is negative`);
        return 0;
      }
      if (value.constant > BigInt(Number.MAX_SAFE_INTEGER))
        throw new LineError('output-too-large', `TIMES value ${value.constant} is too large`);
      return Number(value.constant);
    } finally {
      this.critical = false;
    }
  }

  private assembleBody(parsed: ParsedLine, statement: Statement, body: Body): void {
    if (body.kind === 'equ') {
      const value = evaluate(body.expression, this.scope);
      if (!value.unknown && (value.registers.length > 0 || !isAddress(value)))
        throw new LineError('bad-equ', 'bad syntax for EQU: the value is not a number or a single label plus a number');
      if (statement.label !== undefined) this.defineLabel(statement.label, value);
      this.output.list(parsed.line, undefined);
      return;
    }
    const times = this.repetitions(statement);
    switch (body.kind) {
      case 'directive': {
        const handler = directives.get(body.name);
        if (!handler)
          throw new LineError('unknown-directive', `unrecognized directive [${body.name.toUpperCase()}]`, body.tokens[0]?.column);
        handler(this, body.tokens);
        this.output.list(parsed.line, undefined);
        return;
      }
      case 'reserve':
        this.reserve(parsed, body, times);
        return;
      case 'data':
        if (body.sized && !this.last && parsed.length > 0) {
          this.output.skip(parsed.line, parsed.length * times);
          return;
        }
        this.data(parsed, body, times);
        return;
      case 'file':
        this.output.put(parsed.line, this.fileBytes(body), times);
        return;
      case 'instruction':
        this.instruction(parsed, body, times);
        return;
    }
  }

  private data(parsed: ParsedLine, body: Body & { kind: 'data' }, times: number): void {
    const bytes = this.fixedOr(parsed, body.constant, () =>
      dataBytes(body.items, body.unit, {
        scope: this.scope,
        last: this.last,
        limit: this.setting.limits.output,
        warn: this.warn,
      }),
    );
    parsed.length = bytes.length;
    this.output.put(parsed.line, bytes, times);
  }

  /** Bytes that need no second look: computed once, as they are in the last pass, which tells of their warnings. */
  private fixedOr(parsed: ParsedLine, constant: boolean, make: () => ArrayLike<number>): ArrayLike<number> {
    if (!constant) return make();
    if (!parsed.fixed || parsed.fixedBits !== this.bits) {
      const { last } = this;
      const warnings: [string, string][] = [];
      this.withheld = warnings;
      this.last = true;
      try {
        parsed.fixed = make();
        parsed.fixedBits = this.bits;
        parsed.fixedWarnings = warnings;
      } finally {
        this.last = last;
        this.withheld = undefined;
      }
    }
    for (const [code, message] of parsed.fixedWarnings) this.warn(code, message);
    return parsed.fixed;
  }

  private instruction(parsed: ParsedLine, body: Body & { kind: 'instruction' }, times: number): void {
    if (body.name === '') {
      this.output.put(parsed.line, this.prefixBytes(body), times);
      return;
    }
    const { placed } = body;
    if (body.constant && !placed) {
      this.output.put(
        parsed.line,
        this.fixedOr(parsed, true, () => this.encodeOnce(body, this.operandsOf(body), this.section.offset)),
        times,
      );
      return;
    }
    if (!placed && !this.last && parsed.lengthBits === this.bits) {
      this.output.skip(parsed.line, parsed.length * times);
      return;
    }
    const operands = this.operandsOf(body);
    if (!placed && !this.last) {
      const { length } = this.encodeOnce(body, operands, this.output.offset);
      if (operands.every((operand, index) => body.operands[index]?.constant === true || isSettled(operand))) {
        parsed.length = length;
        parsed.lengthBits = this.bits;
      }
      this.output.skip(parsed.line, length * times);
      return;
    }
    if (!placed || times <= 1) {
      this.output.put(parsed.line, this.encodeOnce(body, operands, this.output.offset), times);
      return;
    }
    this.output.check(times, parsed.line);
    for (let round = 0; round < times; round++)
      this.output.put(parsed.line, this.encodeOnce(body, operands, this.output.offset), 1);
  }
  private operandsOf(body: Body & { kind: 'instruction' }): Operand[] {
    return body.operands.map((syntax) => {
      const operand = evaluateOperand(syntax, this.scope, this.bits, body.prefixes.addressSize);
      if (operand.warning !== undefined) this.warn('register-size', operand.warning);
      return operand;
    });
  }
  private encodeOnce(body: Body & { kind: 'instruction' }, operands: readonly Operand[], offset: number): number[] {
    const base: Base | undefined = this.absolute ? baseOf(this.absolute.start) : this.section;
    const site: Site = { bits: this.bits, offset, base, last: this.last, warn: this.warn };
    try {
      return encode(body.name, body.candidates, operands, body.prefixes, site);
    } catch (error) {
      // What does not fit the instruction are its operands.
      const [first] = body.operands;
      if (!(error instanceof LineError) || error.column !== undefined || first === undefined) throw error;
      throw new LineError(error.code, error.message, first.column, body.operands[body.operands.length - 1]?.end);
    }
  }
  private prefixBytes(body: Body & { kind: 'instruction' }): Uint8Array {
    const { bytes, segment, operandSize, addressSize } = body.prefixes;
    const segmentByte: Readonly<Record<string, number>> = { es: 0x26, cs: 0x2e, ss: 0x36, ds: 0x3e, fs: 0x64, gs: 0x65 };
    return Uint8Array.from([
      ...bytes,
      ...(segment ? [segmentByte[segment.name] ?? 0] : []),
      ...(operandSize !== undefined && operandSize !== this.bits ? [0x66] : []),
      ...(addressSize !== undefined && addressSize !== this.bits ? [0x67] : []),
    ]);
  }

  private fileBytes(body: Body & { kind: 'file' }): Uint8Array {
    let content = this.files.get(body.name);
    if (!content) {
      const found = this.setting.read(body.name, this.current?.source.file ?? '');
      if (!found) throw new LineError('file-not-found', `\`incbin': unable to open file \`${body.name}'`);
      content = found.bytes ?? new TextEncoder().encode(found.text ?? '');
      this.files.set(body.name, content);
    }
    const number = (expression: typeof body.skip, otherwise: number): number => {
      if (!expression) return otherwise;
      const value = evaluate(expression, this.scope);
      if (value.unknown || !isNumber(value) || value.constant < 0n)
        throw new LineError('not-critical', 'INCBIN expects numbers that are known here and not negative.');
      return Number(value.constant);
    };
    const skip = number(body.skip, 0);
    const length = number(body.length, Number.MAX_SAFE_INTEGER);
    return content.subarray(Math.min(skip, content.length), Math.min(skip + length, content.length));
  }

  private reserve(parsed: ParsedLine, body: Body & { kind: 'reserve' }, times: number): void {
    const count = evaluate(body.count, this.scope);
    if (!count.unknown || this.pass > 1) this.output.reserve(parsed.line, body.unit, count, times);
  }
}

/** Its value may change in a later pass, and its shape not: a register, a number that is written there, or an address in a section. */
function isSettled({ kind, value, selector, address }: Operand): boolean {
  if (kind === 'register') return true;
  const depends = [value, selector, address?.displacement].filter((each) => each !== undefined);
  return depends.every((each) => !each.unknown && each.bases.length > 0);
}

/** The lines with those that always take the same room drawn together. The second pass has found out their lengths. */
function planOf(lines: readonly ParsedLine[]): (ParsedLine | number)[] {
  const plan: (ParsedLine | number)[] = [];
  for (const parsed of lines) {
    const room = roomOf(parsed);
    const last = plan.length - 1;
    const before = plan[last];
    if (room === undefined) plan.push(parsed);
    else if (typeof before === 'number') plan[last] = before + room;
    else if (room > 0) plan.push(room);
  }
  return plan;
}

/** The bytes of a line that nothing can change any more; undefined for every other one. */
function roomOf({ statement, fixed, length }: ParsedLine): number | undefined {
  const { body, label, orphan, times, error } = statement;
  if (label !== undefined || orphan || times !== undefined || error !== undefined) return undefined;
  if (body.kind === 'nothing') return 0;
  if (body.kind === 'instruction') {
    if (body.name === '' || body.placed) return undefined;
    return body.constant ? fixed?.length : length > 0 ? length : undefined;
  }
  return body.kind === 'data' && body.sized && length > 0 ? length : undefined;
}
