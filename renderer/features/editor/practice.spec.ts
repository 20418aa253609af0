import { expect, it } from 'vitest';
import { Program } from '../../../engine/assembler/language/program.ts';
import { PRACTICE, practiceProgram } from './practice.ts';

it('is a program without an error, of the length that was asked for', () => {
  for (const lines of PRACTICE) {
    const text = practiceProgram(lines);
    expect(Math.abs(text.split('\n').length - lines)).toBeLessThan(30);
    const program = new Program();
    program.setText('practice.asm', text);
    program.setMain('practice.asm');
    expect(program.assemble().problems).toEqual([]);
  }
});
