/** What explore.ts explores: threads that are written as atomic steps (engine/machine/atomic-step.ts), and what has to hold. */
import type { AtomicStep } from '../../engine/machine/atomic-step.ts';

/** Looks at the words, and may change those that are no protocol's; says what is wrong. */
export type Act = (words: number[]) => string | undefined;
export type Check = (words: readonly number[]) => string | undefined;

/**
 * Two steps of a thread that look the same (`at`, operands, `local`) do the same. A step `any` and its `local` say all about the loop that it is
 * in: what came of it before in that loop is forgotten. Whatever it takes, the goals have to be reachable.
 */
export type ModelStep = (
  | AtomicStep
  /** One of `count` ways to go on, all explored. */
  | { readonly at: string; readonly op: 'choose'; readonly count: number }
  /** A place that is fully described by its name: the path starts afresh. Counts as reached by goals. */
  | { readonly at: string; readonly op: 'checkpoint' }
  /** Fails the exploration when it says something. */
  | { readonly at: string; readonly op: 'assert'; readonly check: Check }
  /** Changes words in one piece, for what is no protocol but what a protocol protects; may fail the exploration as `assert` does. */
  | { readonly at: string; readonly op: 'act'; readonly act: Act }
) & {
  /**
   * It commutes with every step of others, or else with those after which what `holds` at the thread's next step that is not `own` still does: then
   * the thread has it together with the step before.
   */
  readonly own?: boolean;
  /** Done in one piece with the step, right behind it. */
  readonly also?: Act;
  /** Fails the exploration when it says something in any state in which the thread stands before this step. */
  readonly holds?: Check;
};

export type Thread = () => Generator<ModelStep, void, number>;

export interface Model {
  readonly threads: readonly Thread[];
  /** Initial words. */
  readonly words: readonly number[];
  /**
   * Each must stay reachable from every state: 'done 2' (thread 2 has ended), 'NAME 1' (thread 1 is at checkpoint NAME), or words of which this
   * is true.
   */
  readonly goals: readonly (string | ((words: readonly number[]) => boolean))[];
  /** Words that only one thread ever touches: its steps on them commute with everybody's, so one order stands for all. */
  readonly own?: (word: number) => boolean;
  /** Of the words, in every state. */
  readonly holds?: Check;
  readonly symmetry?: Symmetry;
}

/**
 * Threads that may be exchanged for each other, with all that is said of them. The steps of threads are compared when it is made use of; what
 * the functions of steps and goals say is taken to be the same for all.
 */
export interface Symmetry {
  /** Disjoint sets of threads. */
  readonly groups: readonly (readonly number[])[];
  /** The words of one of these threads, in the same order for each. */
  wordsOf(thread: number): readonly number[];
  /** Words whose low eight bits are 0 or the number of a thread plus one. */
  readonly numbers: readonly number[];
  /** Words that are a set of threads, a bit each. */
  readonly sets: readonly number[];
}

export interface Outcome {
  readonly states: number;
  /** Steps from one state to another, or to itself. */
  readonly transitions: number;
  /**
   * Orders of steps that lead from the start by shortest ways to where none goes on; each state lies on at least one. There are more
   * interleavings than these, since any may also come back to where it was.
   */
  readonly interleavings: number;
  /** What went wrong, with the steps that lead there; undefined when all is well. */
  readonly failure: string | undefined;
}
