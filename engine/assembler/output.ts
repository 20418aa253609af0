/** What lines put into their sections, and the listing of it. Bytes are kept in the last pass; before it only sizes count. */
import type { AssemblyLimits } from './assembler.ts';
import { AssemblyStopped, LineError, type Diagnostics, type Place } from './diagnostic.ts';
import { isNumber, type Value } from './evaluate.ts';
import type { ListingLine } from './listing.ts';
import type { ExpandedLine } from './macro.ts';
import type { Section } from './section.ts';

/** A place outside of any section, after ABSOLUTE. */
export interface AbsolutePlace {
  readonly start: Value;
}

/** The run that the output belongs to. */
export interface OutputOwner {
  readonly diagnostics: Diagnostics;
  readonly limits: AssemblyLimits;
  readonly last: boolean;
  readonly section: Section;
  readonly absolute: AbsolutePlace | undefined;
  placeOf(line: ExpandedLine | undefined): Place;
}

/** Bytes of one repetition that a listing keeps. */
const listedBytes = 4096;
const noBytes = new Uint8Array(0);

/** A line of the listing: what it says is read from the line itself and from its section's bytes when somebody asks. */
class ListedLine implements ListingLine {
  /** Of the first byte, once the layout is known. */
  address: number | undefined;
  offset: number | undefined = undefined;

  constructor(
    private readonly expanded: ExpandedLine,
    readonly code: boolean,
    /** To whose start `at` counts; undefined for an absolute address, and for lines that take no place. */
    readonly section: Section | undefined,
    at: number | undefined,
    /** Bytes of one repetition that are in the section. */
    private readonly length: number,
    readonly size: number,
    readonly blank: boolean,
  ) {
    this.address = at;
    this.at = at ?? 0;
  }
  private readonly at: number;

  get file(): string {
    return this.expanded.source.file;
  }
  get line(): number {
    return this.expanded.source.line;
  }
  get sourceFile(): string {
    return this.expanded.file;
  }
  get sourceLine(): number {
    return this.expanded.line;
  }
  get text(): string {
    return this.expanded.source.text;
  }
  get macroLevel(): number {
    return this.expanded.macroStack.length;
  }
  get bytes(): Uint8Array {
    if (this.section === undefined || this.length === 0) return noBytes;
    return this.section.bytes.subarray(this.at, this.at + Math.min(this.length, listedBytes));
  }
}

export class Output {
  /** How far an absolute place has counted. */
  absoluteOffset = 0;
  /** The line being assembled is an instruction. */
  isCode = false;
  private listing: ListedLine[] = [];
  private produced = 0;

  constructor(private readonly owner: OutputOwner) {}

  /** A pass begins. */
  begin(): void {
    this.absoluteOffset = 0;
    this.listing = [];
    this.produced = 0;
  }

  /** Where the next byte goes: an offset in the section, or an absolute address. */
  get offset(): number {
    const { absolute, section } = this.owner;
    return absolute ? Number(absolute.start.constant) + this.absoluteOffset : section.offset;
  }

  /** Bounds what the program makes; throws AssemblyStopped. `line`: who makes it. */
  check(count: number, line: ExpandedLine | undefined): void {
    this.produced += count;
    const { output } = this.owner.limits;
    if (this.produced <= output) return;
    this.owner.diagnostics.error(this.owner.placeOf(line), 'output-too-large', `The program makes more than ${output} bytes.`);
    throw new AssemblyStopped();
  }

  put(line: ExpandedLine, bytes: ArrayLike<number>, times: number): void {
    const { owner } = this;
    const size = bytes.length * times;
    if (owner.absolute) {
      if (size > 0)
        owner.diagnostics.warning(
          owner.placeOf(line),
          'absolute-data',
          'attempt to initialize memory in absolute space: ignored',
        );
      this.list(line, this.offset, 0, size, true);
      this.absoluteOffset += size;
      return;
    }
    const { section } = owner;
    if (section.nobits && size > 0) {
      owner.diagnostics.warning(owner.placeOf(line), 'nobits-data', 'attempt to initialize memory in a nobits section: ignored');
    } else {
      this.check(size, line);
      if (owner.last && size > 0) section.append(bytes, times);
    }
    this.list(line, section.offset, section.nobits || times === 0 ? 0 : bytes.length, size, section.nobits);
    section.offset += size;
  }

  /** As many bytes as a line made in the pass before, in a pass that is not the last. */
  skip(line: ExpandedLine | undefined, size: number): void {
    const { absolute, section } = this.owner;
    if (absolute) this.absoluteOffset += size;
    else {
      if (!section.nobits) this.check(size, line);
      section.offset += size;
    }
  }

  reserve(line: ExpandedLine, unit: number, count: Value, times: number): void {
    if (!isNumber(count))
      throw new LineError('not-critical', 'The number of things to reserve must be a number that is known here.');
    if (count.constant < 0n) throw new LineError('negative-reserve', 'The number of things to reserve is negative.');
    if (count.constant > 0x1_0000_0000n)
      throw new LineError('output-too-large', 'The number of things to reserve is beyond 4 GiB.');
    const { owner } = this;
    const size = Number(count.constant) * unit * times;
    if (owner.absolute) {
      this.list(line, this.offset, 0, size, true);
      this.absoluteOffset += size;
      return;
    }
    const { section } = owner;
    if (!section.nobits) {
      if (size > 0 && !line.hidden)
        owner.diagnostics.warning(
          owner.placeOf(line),
          'zeroing',
          `uninitialized space declared in ${section.name} section: zeroing`,
        );
      this.check(size, line);
      if (owner.last) section.appendZeros(size);
    }
    this.list(line, section.offset, 0, size, true);
    section.offset += size;
  }

  /** Lists a line that takes no place, or one at an offset or absolute address; `length`: bytes of one repetition that have a content. */
  list(line: ExpandedLine, address: number | undefined, length = 0, size = 0, blank = false): void {
    if (!this.owner.last || (line.hidden && size === 0)) return;
    const section = address === undefined || this.owner.absolute ? undefined : this.owner.section;
    this.listing.push(new ListedLine(line, this.isCode && size > 0, section, address, length, size, blank && size > 0));
  }

  /** The listing with final addresses; `origin` is that of the file's first byte. */
  finish(origin: bigint): readonly ListingLine[] {
    const starts = new Map<Section, { file: number; memory: number }>();
    for (const line of this.listing) {
      const { section, address } = line;
      if (section === undefined || address === undefined) continue;
      let start = starts.get(section);
      if (start === undefined)
        starts.set(section, (start = { file: Number(section.start - origin), memory: Number(section.virtualStart) }));
      if (!section.nobits) line.offset = start.file + address;
      line.address = start.memory + address;
    }
    return this.listing;
  }
}

/** The flat binary of sections that were laid out. */
export function imageOf(sections: readonly Section[], origin: bigint, length: number): Uint8Array {
  const image = new Uint8Array(length);
  for (const section of sections) {
    // An empty section may stand behind the end, by its alignment.
    if (!section.nobits && section.size > 0) image.set(section.bytes.subarray(0, section.size), Number(section.start - origin));
  }
  return image;
}
