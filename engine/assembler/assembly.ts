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
import type { ListingLine } from './listing.ts';
import type { ExpandedLine, SourceLine } from './macro.ts';
import { evaluateOperand, type Operand } from './operand.ts';
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
  /** Bytes of an instruction or of data without labels, by code size: they never change. */
  fixed: Uint8Array | undefined;
  fixedBits: number;
}

/** A place outside of any section, after ABSOLUTE. */
interface AbsolutePlace {
  start: Value;
}

const listedBytes = 4096;
const noBytes = new Uint8Array(0);

export class Assembly implements Scope {
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
  private absoluteOffset = 0;
  private preprocessorUsedLabels = false;
  private readonly cache = new Map<string, readonly SourceLine[]>();
  private readonly files = new Map<string, Uint8Array>();
  private parsed: ParsedLine[] = [];
  private listing: ListingLine[] = [];
  private current: ExpandedLine | undefined;
  private produced = 0;
  private critical = false;
  /** The line being assembled is an instruction. */
  private isCode = false;

  constructor(setting: AssemblySetting) {
    this.setting = setting;
    this.bits = setting.bits;
    this.section = this.textSection;
  }

  private get textSection(): Section {
    const [text] = this.sections;
    if (!text) throw new Error('The text section is always there.');
    return text;
  }

  run(main: FoundFile): Omit<AssemblyResult, 'errors' | 'warnings'> {
    const { diagnostics, limits } = this.setting;
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
    const bytes = failed ? noBytes : this.image(layout.origin, Number(layout.length));
    return {
      bytes,
      origin: Number(layout.origin),
      listing: this.listing.map((line) => this.located(line, layout.origin)),
      symbols: this.finalSymbols(),
    };
  }

  private located(line: ListingLine & { section?: Section }, origin: bigint): ListingLine {
    const { section, ...rest } = line;
    if (!section || line.address === undefined) return rest;
    const offset = section.nobits ? undefined : Number(section.start - origin) + line.address;
    return { ...rest, address: Number(section.virtualStart) + line.address, offset };
  }

  private image(origin: bigint, length: number): Uint8Array {
    const image = new Uint8Array(length);
    for (const section of this.sections) {
      // An empty section may stand behind the end, by its alignment.
      if (!section.nobits && section.size > 0) image.set(section.bytes.subarray(0, section.size), Number(section.start - origin));
    }
    return image;
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
    this.absoluteOffset = 0;
    this.listing = [];
    this.produced = 0;
    if (this.pass === 1 || this.preprocessorUsedLabels) this.preprocess(main);
    else for (const parsed of this.parsed) this.assembleLine(parsed);
    for (const section of this.sections) section.size = section.offset;
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
      const parsed: ParsedLine = { line, statement: parser.parse(line.tokens), fixed: undefined, fixedBits: 0 };
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

  private placeOf(line: ExpandedLine | undefined, column?: number, endColumn?: number): Place {
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
    if (this.last || code !== 'number-overflow') this.setting.diagnostics.warning(this.placeOf(this.current), code, message);
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
      return { ...start, constant: start.constant + BigInt(this.absoluteOffset) };
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
    this.absoluteOffset = 0;
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
    this.isCode = statement.body.kind === 'instruction';
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
      if (body.kind === 'nothing') this.list(line, undefined, noBytes, 0, false);
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
      this.list(parsed.line, undefined, noBytes, 0, false);
      return;
    }
    const times = this.repetitions(statement);
    switch (body.kind) {
      case 'directive': {
        const handler = directives.get(body.name);
        if (!handler)
          throw new LineError('unknown-directive', `unrecognized directive [${body.name.toUpperCase()}]`, body.tokens[0]?.column);
        handler(this, body.tokens);
        this.list(parsed.line, undefined, noBytes, 0, false);
        return;
      }
      case 'reserve':
        this.reserve(parsed.line, body.unit, evaluate(body.count, this.scope), times);
        return;
      case 'data':
        this.put(
          parsed.line,
          this.fixedOr(parsed, body.constant, () =>
            dataBytes(body.items, body.unit, {
              scope: this.scope,
              last: this.last,
              limit: this.setting.limits.output,
              warn: this.warn,
            }),
          ),
          times,
        );
        return;
      case 'file':
        this.put(parsed.line, this.fileBytes(body), times);
        return;
      case 'instruction':
        this.instruction(parsed, body, times);
        return;
    }
  }

  /** Bytes that need no second look: computed once, though the last pass checks them with its warnings. */
  private fixedOr(parsed: ParsedLine, constant: boolean, make: () => Uint8Array): Uint8Array {
    if (!constant) return make();
    if (!parsed.fixed || parsed.fixedBits !== this.bits || this.last) {
      parsed.fixed = make();
      parsed.fixedBits = this.bits;
    }
    return parsed.fixed;
  }

  private instruction(parsed: ParsedLine, body: Body & { kind: 'instruction' }, times: number): void {
    if (body.name === '') {
      this.put(parsed.line, this.prefixBytes(body), times);
      return;
    }
    // A jump's bytes depend on where it stands, even to a constant target.
    const placed = body.candidates.some((candidate) => candidate.codes[0]?.startsWith('J') === true);
    if (body.constant && !placed) {
      this.put(
        parsed.line,
        this.fixedOr(parsed, true, () => Uint8Array.from(this.encodeOnce(body, this.operandsOf(body), this.section.offset))),
        times,
      );
      return;
    }
    const operands = this.operandsOf(body);
    if (!placed || times <= 1) {
      this.put(parsed.line, Uint8Array.from(this.encodeOnce(body, operands, this.place())), times);
      return;
    }
    this.checkOutput(times);
    for (let round = 0; round < times; round++)
      this.put(parsed.line, Uint8Array.from(this.encodeOnce(body, operands, this.place())), 1);
  }
  private place(): number {
    return this.absolute ? Number(this.absolute.start.constant) + this.absoluteOffset : this.section.offset;
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
    return encode(body.name, body.candidates, operands, body.prefixes, site);
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

  // Output.

  private checkOutput(count: number): void {
    this.produced += count;
    const { output } = this.setting.limits;
    if (this.produced > output) {
      this.setting.diagnostics.error(
        this.placeOf(this.current),
        'output-too-large',
        `The program makes more than ${output} bytes.`,
      );
      throw new AssemblyStopped();
    }
  }

  private put(line: ExpandedLine, bytes: Uint8Array, times: number): void {
    const size = bytes.length * times;
    if (this.absolute) {
      if (size > 0)
        this.setting.diagnostics.warning(
          this.placeOf(line),
          'absolute-data',
          'attempt to initialize memory in absolute space: ignored',
        );
      this.list(line, Number(this.absolute.start.constant) + this.absoluteOffset, noBytes, size, true);
      this.absoluteOffset += size;
      return;
    }
    const { section } = this;
    if (section.nobits && size > 0) {
      this.setting.diagnostics.warning(
        this.placeOf(line),
        'nobits-data',
        'attempt to initialize memory in a nobits section: ignored',
      );
    } else {
      this.checkOutput(size);
      if (this.last && size > 0) section.append(bytes, times);
    }
    this.list(line, section.offset, section.nobits ? noBytes : bytes, size, section.nobits);
    section.offset += size;
  }

  private reserve(line: ExpandedLine, unit: number, count: Value, times: number): void {
    if (count.unknown && this.pass === 1) return;
    if (!isNumber(count))
      throw new LineError('not-critical', 'The number of things to reserve must be a number that is known here.');
    if (count.constant < 0n) throw new LineError('negative-reserve', 'The number of things to reserve is negative.');
    if (count.constant > 0x1_0000_0000n)
      throw new LineError('output-too-large', 'The number of things to reserve is beyond 4 GiB.');
    const size = Number(count.constant) * unit * times;
    if (this.absolute) {
      this.list(line, Number(this.absolute.start.constant) + this.absoluteOffset, noBytes, size, true);
      this.absoluteOffset += size;
      return;
    }
    const { section } = this;
    if (!section.nobits) {
      if (size > 0 && !line.hidden)
        this.setting.diagnostics.warning(
          this.placeOf(line),
          'zeroing',
          `uninitialized space declared in ${section.name} section: zeroing`,
        );
      this.checkOutput(size);
      if (this.last) section.appendZeros(size);
    }
    this.list(line, section.offset, noBytes, size, true);
    section.offset += size;
  }

  private list(line: ExpandedLine, address: number | undefined, bytes: Uint8Array, size: number, blank: boolean): void {
    if (!this.last || (line.hidden && size === 0)) return;
    const level = line.macroStack.length;
    const entry: ListingLine & { section?: Section } = {
      file: line.source.file,
      line: line.source.line,
      sourceFile: line.file,
      sourceLine: line.line,
      code: this.isCode && size > 0,
      address,
      offset: undefined,
      bytes: bytes.length > listedBytes ? bytes.slice(0, listedBytes) : bytes,
      size,
      blank: blank && size > 0,
      text: line.source.text,
      macroLevel: level,
      section: address === undefined || this.absolute ? undefined : this.section,
    };
    this.listing.push(entry);
  }
}
