/**
 * The assembler of the editor, away from the window. The one file of the renderer that knows the engine (build/lint/layers.mjs): the others
 * take its types from here.
 */
import { Program, type Build, type Hover, type OutlineEntry, type Renaming } from '../../../engine/assembler/language/program.ts';
import type { Completion } from '../../../engine/assembler/language/complete.ts';
import type { Definition, TextSpan } from '../../../engine/assembler/language/source-index.ts';
import { preprocessorWords, words, type WordKind } from '../../../engine/assembler/language/words.ts';
import { PRACTICE, practiceProgram } from './practice.ts';

export type { Build, Hover, ListedLine, OutlineEntry, Renaming, WantedFile } from '../../../engine/assembler/language/program.ts';
export type { Completion } from '../../../engine/assembler/language/complete.ts';
export type { DescribedInstruction } from '../../../engine/assembler/language/describe.ts';
export type { Definition, TextEdit, TextSpan } from '../../../engine/assembler/language/source-index.ts';
export type { WordKind } from '../../../engine/assembler/language/words.ts';

/** The words of the language by kind, for colours. */
export type Vocabulary = Record<WordKind | 'preprocessor', string[]>;

/** What the editor may ask; each takes one object and gives one answer. */
export interface AssemblyCalls {
  /** Texts of the folder; undefined takes one away. */
  setTexts: (texts: Record<string, string | undefined>) => void;
  setFound: (found: { name: string; from: string; file: { path: string; bytes: Uint8Array } | undefined }) => void;
  forgetFound: (none: Record<never, never>) => void;
  assemble: (request: { main: string }) => Build;
  textOf: (request: { file: string }) => string | undefined;
  hover: (at: Place) => Hover | undefined;
  definition: (at: Place) => Definition | undefined;
  references: (at: Place) => TextSpan[];
  complete: (at: Place) => Completion[];
  rename: (request: Place & { wanted: string }) => Renaming;
  outline: (request: { file: string }) => OutlineEntry[];
  vocabulary: (none: Record<never, never>) => Vocabulary;
}

/** Lines and columns count from 1. */
export interface Place {
  file: string;
  line: number;
  column: number;
}

export interface AssemblyRequest {
  id: number;
  call: keyof AssemblyCalls;
  input: unknown;
}

export type AssemblyAnswer = { id: number; result: unknown } | { id: number; failure: string };

const program = new Program();

const calls: AssemblyCalls = {
  setTexts: (texts) => {
    for (const [path, text] of Object.entries(texts)) program.setText(path, text);
  },
  setFound: ({ name, from, file }) => program.setFound(name, from, file),
  forgetFound: () => program.forgetFound(),
  assemble: ({ main }) => {
    program.setMain(main);
    return program.assemble();
  },
  textOf: ({ file }) => program.textOf(file),
  hover: ({ file, line, column }) => program.hover(file, line, column),
  definition: ({ file, line, column }) => program.definition(file, line, column),
  references: ({ file, line, column }) => program.references(file, line, column),
  complete: ({ file, line, column }) => program.complete(file, line, column),
  rename: ({ file, line, column, wanted }) => program.rename(file, line, column, wanted),
  outline: ({ file }) => program.outline(file),
  vocabulary: () => {
    const found: Vocabulary = {
      instruction: [],
      flow: [],
      prefix: [],
      register: [],
      data: [],
      directive: [],
      keyword: [],
      preprocessor: [],
    };
    for (const [word, { kind }] of words) found[kind].push(word);
    found.preprocessor.push(...preprocessorWords.keys());
    return found;
  },
};

self.addEventListener('message', ({ data }: MessageEvent<AssemblyRequest>) => {
  let answer: AssemblyAnswer;
  try {
    // The client's types tie each input to its call.
    const call = calls[data.call] as (input: unknown) => unknown;
    answer = { id: data.id, result: call(data.input) };
  } catch (error) {
    answer = { id: data.id, failure: error instanceof Error ? error.message : String(error) };
  }
  self.postMessage(answer);
});

/** A piece at a time, so that what is asked meanwhile comes between. */
function practise(pieces: readonly number[]): void {
  const [lines, ...rest] = pieces;
  if (lines === undefined) return;
  const pupil = new Program();
  pupil.setText('practice.asm', practiceProgram(lines));
  pupil.setMain('practice.asm');
  pupil.assemble();
  setTimeout(() => practise(rest));
}
setTimeout(() => practise(PRACTICE));
