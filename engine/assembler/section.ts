/** Sections of the flat binary and their layout (NASM manual, 8.1: the `bin` format). */
import type { Base } from './evaluate.ts';

export class Section implements Base {
  readonly name: string;
  readonly index: number;
  /** Its place in the file, as an address. Known after the layout. */
  start = 0n;
  virtualStart = 0n;
  /** Stand for `section.NAME.start`, `.vstart` and `.length` in expressions. */
  readonly anchors: Readonly<Record<'start' | 'vstart' | 'length', Base>>;
  /** Where the next byte goes; reset in each pass. */
  offset = 0;
  /** Bytes of the last pass. */
  bytes = new Uint8Array(0);
  size = 0;
  nobits = false;
  align: number | undefined;
  virtualAlign: number | undefined;
  wantedStart: bigint | undefined;
  wantedVirtualStart: bigint | undefined;
  follows: string | undefined;
  virtualFollows: string | undefined;

  constructor(name: string, index: number) {
    this.name = name;
    this.index = index;
    this.nobits = name === '.bss';
    const anchor = (what: string): Base => ({ baseName: `section.${name}.${what}`, virtualStart: 0n });
    this.anchors = { start: anchor('start'), vstart: anchor('vstart'), length: anchor('length') };
  }
  get baseName(): string {
    return this.name;
  }

  /** Adds bytes in the last pass. */
  append(bytes: ArrayLike<number>, times = 1): void {
    const needed = this.offset + bytes.length * times;
    this.reserveCapacity(needed);
    for (let round = 0; round < times; round++) this.bytes.set(bytes, this.offset + round * bytes.length);
  }
  appendZeros(count: number): void {
    this.reserveCapacity(this.offset + count);
  }
  private reserveCapacity(needed: number): void {
    if (needed > this.bytes.length) {
      const grown = new Uint8Array(Math.max(needed, this.bytes.length * 2, 4096));
      grown.set(this.bytes);
      this.bytes = grown;
    }
  }
}

export interface Layout {
  /** The address of the file's first byte. */
  readonly origin: bigint;
  readonly length: bigint;
}

const defaultAlign = 4;

function alignUp(address: bigint, to: number): bigint {
  const unit = BigInt(to);
  return ((address + unit - 1n) / unit) * unit;
}

/** Gives every section its addresses. `problem` is told a sentence for each thing that cannot be. */
export function layOut(sections: readonly Section[], origin: bigint, problem: (message: string) => void): Layout {
  const named = new Map(sections.map((section) => [section.name, section]));
  const order = arrange(sections, named, problem);
  let previous: Section | undefined;
  for (const section of order) {
    const align = section.align ?? defaultAlign;
    const followed = section.follows === undefined ? previous : named.get(section.follows);
    if (section.wantedStart !== undefined) section.start = section.wantedStart;
    else if (!followed) section.start = origin;
    else section.start = alignUp(endOf(followed), align);
    if (section.wantedVirtualStart !== undefined) {
      section.virtualStart = section.wantedVirtualStart;
    } else if (section.virtualFollows !== undefined || (section.nobits && section.wantedStart === undefined && followed)) {
      const before = (section.virtualFollows === undefined ? followed : named.get(section.virtualFollows)) ?? section;
      section.virtualStart = alignUp(
        before.virtualStart + BigInt(before.size),
        section.virtualAlign ?? section.align ?? defaultAlign,
      );
    } else {
      section.virtualStart = section.start;
    }
    section.anchors.start.virtualStart = section.start;
    section.anchors.vstart.virtualStart = section.virtualStart;
    section.anchors.length.virtualStart = BigInt(section.size);
    previous = section;
  }
  const stored = order
    .filter((section) => !section.nobits && section.size > 0)
    .sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0));
  for (const [index, section] of stored.entries()) {
    const next = stored[index + 1];
    if (next && endOf(section) > next.start) problem(`sections \`${section.name}' and \`${next.name}' overlap!`);
  }
  const first = stored[0];
  const last = stored[stored.length - 1];
  if (!first || !last) return { origin, length: 0n };
  return {
    origin: first.start < origin ? first.start : minimum(origin, first.start, order),
    length: endOf(last) - minimum(origin, first.start, order),
  };
}

/** The file starts at the first section's address, or at the origin if that is what the first one follows from. */
function minimum(origin: bigint, first: bigint, order: readonly Section[]): bigint {
  const text = order.find((section) => section.name === '.text');
  return text && text.size > 0 && origin < first ? origin : first;
}

function endOf(section: Section): bigint {
  return section.start + BigInt(section.size);
}

/** The order in the file: by explicit start, followers behind what they follow, the rest as declared, nobits last. */
function arrange(
  sections: readonly Section[],
  named: ReadonlyMap<string, Section>,
  problem: (message: string) => void,
): Section[] {
  // A section without a start goes behind the one declared before it, so a start carries its successors with it.
  const groups: Section[][] = [];
  for (const section of sections) {
    if (section.nobits || section.follows !== undefined) continue;
    const group = groups[groups.length - 1];
    if (!group || section.wantedStart !== undefined) groups.push([section]);
    else group.push(section);
  }
  const startOf = (group: readonly Section[]): bigint => group[0]?.wantedStart ?? -1n;
  const order = groups.sort((a, b) => (startOf(a) < startOf(b) ? -1 : startOf(a) > startOf(b) ? 1 : 0)).flat();
  let followers = sections.filter((section) => section.follows !== undefined);
  const unstored = sections.filter((section) => section.nobits && section.follows === undefined);
  for (const section of [...sections]) {
    if (section.virtualFollows !== undefined && !named.has(section.virtualFollows))
      problem(`section ${section.name} vfollows an invalid or unknown section (${section.virtualFollows})`);
    if (section.follows !== undefined && !named.has(section.follows))
      problem(`section ${section.name} follows an invalid or unknown section (${section.follows})`);
  }
  order.push(...unstored);
  for (let progress = true; progress && followers.length > 0;) {
    progress = false;
    const waiting: Section[] = [];
    for (const section of followers) {
      const index = order.findIndex((each) => each.name === section.follows);
      if (index < 0) waiting.push(section);
      else {
        order.splice(index + 1, 0, section);
        progress = true;
      }
    }
    followers = waiting;
  }
  for (const section of followers) problem(`section ${section.name} follows itself or a section that does.`);
  order.push(...followers);
  return order;
}
