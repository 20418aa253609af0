/** What a report is made of before it is HTML or Markdown. */

export interface CodeLine {
  text: string;
  /** The one that matters. */
  isCurrent?: boolean;
}

export type Block =
  | { kind: 'heading'; text: string }
  | { kind: 'text'; text: string }
  | { kind: 'callout'; text: string }
  | { kind: 'list'; items: string[] }
  | { kind: 'chain'; steps: { title: string; tag: string; text: string; aside: string; isLast: boolean }[] }
  | { kind: 'facts'; rows: [name: string, value: string][] }
  /** `mono`: cells are numbers and code. */
  | { kind: 'table'; columns: string[]; rows: string[][]; mono: boolean }
  | { kind: 'code'; lines: CodeLine[] }
  /** PNG as base64. */
  | { kind: 'picture'; png: string; description: string };

export interface Section {
  id: string;
  title: string;
  /** How much is in it, for a list of contents. */
  amount: string;
  isEmpty: boolean;
  blocks: Block[];
}
