import { expect, it } from 'vitest';
import { describeInstruction } from '../../../engine/assembler/language/describe.ts';
import { hoverText, instructionText, numberText } from './hover-text.ts';

it('shows a number as people compare it', () => {
  expect(numberText(65n)).toBe("0x41, 65, 1000001b, 'A'");
  expect(numberText(-1n)).toBe('0xffffffff, -1');
  expect(numberText(0x12345678n)).toBe('0x12345678, 305419896');
});

it('tells of an instruction its forms, its flags and what it takes', () => {
  const [text] = describeInstruction('stosw').map(instructionText);
  expect(text).toContain('stosw');
  expect(text).toContain('; ab');
  expect(text).toContain('Takes REP.');
  expect(describeInstruction('cli').map(instructionText).join()).toContain('IF');
});

it('tells of a name its value and where it is defined', () => {
  const definition = { file: 'a.asm', line: 3, column: 1, end: 6, name: 'start', kind: 'label' as const };
  const [text] = hoverText({
    file: 'a.asm',
    line: 9,
    column: 1,
    end: 6,
    kind: 'name',
    name: 'start',
    definition,
    value: 0x7c00n,
    section: '.text',
  });
  expect(text).toContain('address in .text `0x7c00');
  expect(text).toContain('Defined in a.asm, line 3.');
});
