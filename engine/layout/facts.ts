/** The state of a chip as tools show it: what each chip says of itself, in words and numbers that a person reads. Plain data. */

export interface Flag {
  /** The manual's short name. */
  readonly name: string;
  readonly set: boolean;
}

/** One register, or one thing worth knowing. */
export interface Fact {
  readonly name: string;
  readonly value: string;
  /** What it means; where there are flags they say it. */
  readonly note?: string;
  readonly flags?: readonly Flag[];
}

export interface FactTable {
  readonly title: string;
  readonly columns: readonly string[];
  /** As many cells as columns. */
  readonly rows: readonly (readonly string[])[];
}

export interface ChipFacts {
  /** Unique in a machine. */
  readonly id: string;
  readonly title: string;
  /** Where the guest finds it: "ports 20, a0". */
  readonly place: string;
  readonly group: 'interrupts' | 'devices';
  readonly facts: readonly Fact[];
  readonly tables: readonly FactTable[];
}

/** Hexadecimal digits without 0x. */
export function digits(value: number, count: number): string {
  return (value >>> 0).toString(16).padStart(count, '0');
}

/** A register of so many bits, with what each named bit of it says. */
export function register(name: string, value: number, bits: 8 | 16 | 32, flags: Readonly<Record<string, number>>): Fact {
  return { name, value: digits(value, bits / 4), flags: flagsOf(value, flags) };
}

export function flagsOf(value: number, flags: Readonly<Record<string, number>>): Flag[] {
  return Object.entries(flags).map(([name, mask]) => ({ name, set: (value & mask) !== 0 }));
}

/** Names of the bits that are set, with a space between. */
export function setNames(value: number, flags: Readonly<Record<string, number>>): string {
  const names = flagsOf(value, flags).filter(({ set }) => set);
  return names.map(({ name }) => name).join(' ') || '-';
}

/** Numbers of the bits that are set, from `first` on. */
export function bitNumbers(set: number, first = 0): string {
  const numbers = Array.from({ length: 32 }, (_, bit) => bit).filter((bit) => ((set >>> bit) & 1) !== 0);
  return numbers.map((bit) => String(first + bit)).join(' ') || '-';
}
