/** What a machine's reader can be asked from the main thread, and what it answers. Plain data. */
import type { ChipFacts } from '../layout/facts.ts';
import type { Operation, Outcome } from './operation.ts';
import type { DescriptorTable, DescriptorTableName } from './descriptor-tables.ts';
import type { FrameMapping, PageWalk, PagingMode } from './page-walk.ts';
import type { EvaluationOptions } from './structures/evaluate.ts';
import type { Node } from './structures/node.ts';
import type { TypeSet } from './structures/types.ts';

export interface WalkAnswer {
  readonly walk: PageWalk;
  /** What lies at the address, to the end of a row of 16 bytes; why there are none when it is mapped. */
  readonly bytes: Outcome | undefined;
}

export interface MappingsAnswer {
  readonly mode: PagingMode;
  readonly cr3: number;
  readonly mappings: readonly FrameMapping[];
  /** There are more than these. */
  readonly isCut: boolean;
}

/** The name under which the service worker knows this tool. */
export const peekTool = 'peek';

export interface EvaluationItem {
  readonly name: string;
  readonly expression: string;
  readonly options: EvaluationOptions;
}

export type EvaluationResult =
  | { readonly kind: 'value'; readonly node: Node }
  /** The expression makes no sense; the column counts from 1. */
  | { readonly kind: 'error'; readonly message: string; readonly column: number | undefined };

export interface Questions {
  read: { question: { cpu: number; operation: Operation }; answer: Outcome };
  /** Keeps types under a name, in place of what was kept under it. */
  types: { question: { id: string; set: TypeSet; profile: string | undefined }; answer: void };
  /** True if types are kept under the name. */
  knows: { question: { id: string }; answer: boolean };
  evaluate: {
    question: {
      cpu: number;
      types: string;
      items: readonly EvaluationItem[];
      /** All of it while no vCPU runs, so that the parts fit each other. */
      frozen: boolean;
    };
    answer: EvaluationResult[];
  };
  /** From a linear address to its byte. `cr3`: through the tables there, in the vCPU's paging mode. */
  walk: { question: { cpu: number; cr3: number | undefined; linear: number }; answer: WalkAnswer };
  /** What every chip of the machine does now. */
  chips: { question: Record<never, never>; answer: ChipFacts[] };
  descriptors: { question: { cpu: number; table: DescriptorTableName }; answer: DescriptorTable };
  /** Which linear addresses lead to the frame that a physical address lies in. */
  mappings: { question: { cpu: number; cr3: number | undefined; physical: number }; answer: MappingsAnswer };
}

export type QuestionName = keyof Questions;
export type PeekQuestion = {
  [Name in QuestionName]: { readonly name: Name; readonly question: Questions[Name]['question'] };
}[QuestionName];
