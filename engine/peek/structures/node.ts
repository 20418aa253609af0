/** What an evaluation gives: a tree of plain data. */
export interface Node {
  readonly name: string;
  /** As a C programmer writes it. */
  readonly type: string;
  /** Where it lies; undefined for what is no place (a number, a register). */
  readonly address?: number;
  /** Bytes. */
  readonly size?: number;
  /** A scalar as text: a number, a name of an enumeration, a string in quotes. */
  readonly value?: string;
  /** Integers and pointers: the number itself, if it is exact. */
  readonly number?: number;
  /** Pointers: what it leads to, as far as it was followed. */
  readonly target?: number;
  /** Why this could not be read, in a sentence without its full stop. There is no value then, and no children behind it. */
  readonly unreadable?: string;
  /** What a reader who knows this type sees in it, or what is wrong with it. */
  readonly note?: string;
  readonly children?: readonly Node[];
  /** Why there are no more children: a cycle, a limit. */
  readonly more?: string;
}
