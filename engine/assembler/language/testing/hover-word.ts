import type { Hover, Program } from '../program.ts';

/** What is said of the first place where a word stands in the main file. */
export function hoverWord(program: Program, text: string, word: string): Hover | undefined {
  const at = text.indexOf(word);
  const before = text.slice(0, at);
  const line = before.split('\n').length;
  return program.hover('main.asm', line, at - before.lastIndexOf('\n') + 1);
}
