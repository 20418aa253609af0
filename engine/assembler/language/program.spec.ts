import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { describeInstruction } from './describe.ts';
import { Program } from './program.ts';
import { hoverWord } from './testing/hover-word.ts';

const main = `        org 0x7c00
%include "shared.inc"
SIZE    equ 4
start:  mov cx, SIZE
.next:  loop .next
        twice nop
        call other
        jmp start.next
other:  ret
.next:  jmp .next
`;
const shared = `%macro twice 1
        %1
        %1
%endmacro
`;

function opened(files: Record<string, string> = { 'main.asm': main, 'shared.inc': shared }): Program {
  const program = new Program();
  for (const [path, text] of Object.entries(files)) program.setText(path, text);
  program.setMain('main.asm');
  return program;
}

describe('a program', () => {
  it('says for each line what it became, the lines of a macro at its use', () => {
    const build = opened().assemble();
    expect(build).toMatchObject({
      ok: true,
      origin: 0x7c00,
      size: 15,
      files: ['main.asm', 'shared.inc'],
      problems: [],
      missing: [],
    });
    const [listed] = build.listing;
    expect(listed?.file).toBe('main.asm');
    expect(listed?.lines.map(({ line, address, bytes, code }) => [line, address, bytes, code])).toEqual([
      [4, 0x7c00, 'b9 04 00', true],
      [5, 0x7c03, 'e2 fe', true],
      [6, 0x7c05, '90 90', true],
      [7, 0x7c07, 'e8 02 00', true],
      [8, 0x7c0a, 'eb f7', true],
      [9, 0x7c0c, 'c3', true],
      [10, 0x7c0d, 'eb fe', true],
    ]);
  });

  it('names a file that it lacks, and takes it once it is found', () => {
    const program = opened({ 'main.asm': '%include "far.inc"\n db VALUE\n' });
    expect(program.assemble().missing).toEqual([{ name: 'far.inc', from: 'main.asm' }]);
    program.setFound('far.inc', 'main.asm', { path: '/shipped/far.inc', bytes: new TextEncoder().encode('VALUE equ 7\n') });
    expect(program.assemble()).toMatchObject({ ok: true, missing: [], files: ['main.asm', '/shipped/far.inc'] });
    program.setFound('far.inc', 'main.asm', undefined);
    expect(program.assemble()).toMatchObject({ ok: false, missing: [] });
  });

  it('marks an error from its first to its last column', () => {
    const program = opened({ 'main.asm': ' mov ax, nowhere\n' });
    expect(program.assemble().problems).toMatchObject([{ line: 1, column: 10, endColumn: 17, severity: 'error' }]);
    program.setText('main.asm', 'label: lock mov ax, bl ; the operands do not fit\n');
    expect(program.assemble().problems).toMatchObject([{ line: 1, column: 17, endColumn: 23 }]);
  });
});

describe('a place in the text', () => {
  it('is told of by what stands there', () => {
    const program = opened();
    program.assemble();
    expect(hoverWord(program, main, 'mov')).toMatchObject({ kind: 'instruction' });
    expect(describeInstruction('ADC')).toMatchObject([
      { mnemonic: 'adc', reads: 'CF', writes: 'OF, SF, ZF, AF, PF, CF', undefined: '' },
    ]);
    expect(describeInstruction('jz')).toMatchObject([
      { mnemonic: 'jz', aliases: ['je'], reads: 'ZF', forms: [{ operands: 'rel8', encoding: '74 cb' }, {}] },
    ]);
    expect(hoverWord(program, main, 'cx')).toMatchObject({ kind: 'word', summary: '16-bit general register' });
    expect(hoverWord(program, main, '0x7c00')).toMatchObject({ kind: 'number', value: 0x7c00n });
    expect(hoverWord(program, main, 'SIZE')).toMatchObject({
      kind: 'name',
      value: 4n,
      section: undefined,
      definition: { line: 3, kind: 'constant' },
    });
    expect(hoverWord(program, main, 'other')).toMatchObject({ kind: 'name', value: 0x7c0cn, section: '.text' });
    expect(hoverWord(program, main, 'twice')).toMatchObject({
      kind: 'name',
      definition: { file: 'shared.inc', line: 1, kind: 'macro' },
    });
    expect(hoverWord(program, main, '%include')).toMatchObject({ kind: 'word', word: '%include' });
  });

  it('leads to the definition, of a local label to that of its own label', () => {
    const program = opened();
    program.assemble();
    expect(program.definition('main.asm', 5, 15)).toMatchObject({ name: 'start.next', line: 5 });
    expect(program.definition('main.asm', 10, 13)).toMatchObject({ name: 'other.next', line: 10 });
    expect(program.definition('main.asm', 8, 15)).toMatchObject({ name: 'start.next', line: 5 });
    expect(program.references('main.asm', 5, 2).map(({ line }) => line)).toEqual([5, 5, 8]);
  });

  it('is completed by what may stand there', () => {
    const program = opened({ 'main.asm': 'start: mo\n mov ax, st\n %inc\n ; mo\n' });
    program.assemble();
    const texts = (line: number, column: number): string[] => program.complete('main.asm', line, column).map(({ text }) => text);
    expect(texts(1, 10)).toContain('mov');
    expect(texts(1, 10)).not.toContain('eax');
    expect(texts(2, 12)).toEqual(expect.arrayContaining(['start', 'ax', 'dword']));
    expect(texts(2, 12)).not.toContain('mov');
    expect(texts(3, 6)).toContain('%include');
    expect(texts(4, 6)).toEqual([]);
  });
});

describe('renaming', () => {
  it('changes every mention, and those of the local labels by their full names', () => {
    const program = opened();
    program.assemble();
    const renamed = program.rename('main.asm', 4, 2, 'begin');
    expect('edits' in renamed && renamed.edits.map(({ line, column, end, text }) => [line, column, end, text])).toEqual([
      [4, 1, 6, 'begin'],
      [8, 13, 23, 'begin.next'],
    ]);
    const local = program.rename('main.asm', 5, 2, 'again');
    expect('edits' in local && local.edits.map(({ line, text }) => [line, text])).toEqual([
      [5, '.again'],
      [5, '.again'],
      [8, 'start.again'],
    ]);
    const macro = program.rename('main.asm', 6, 10, 'doubled');
    expect('edits' in macro && macro.edits.map(({ file, line }) => [file, line])).toEqual([
      ['main.asm', 6],
      ['shared.inc', 1],
    ]);
  });

  it('is refused where the name is taken or no name', () => {
    const program = opened();
    program.assemble();
    const refusal = (wanted: string): string => {
      const answer = program.rename('main.asm', 4, 2, wanted);
      return 'refused' in answer ? answer.refused : '';
    };
    expect(refusal('other')).toContain('defined already');
    expect(refusal('mov')).toContain('a word of the language');
    expect(refusal('9lives')).toContain('begins with a letter');
  });

  it('is refused where it would make another program', () => {
    const program = opened({ 'main.asm': 'label: db 1\n%ifidn label, label\n%defstr text label\n db text\n%endif\n' });
    program.assemble();
    expect(program.rename('main.asm', 1, 2, 'longer_name')).toMatchObject({
      refused: expect.stringContaining('another one') as string,
    });
  });
});

it('answers about any text without an exception', () => {
  const pieces = fc.constantFrom(
    'mov ',
    'ax',
    ', ',
    '[',
    ']',
    '.l',
    'x:',
    '%define ',
    '%macro m 1\n',
    '%endmacro\n',
    '%',
    '"',
    ';',
    '\n',
    '$',
    '0x',
    'equ ',
    '\\',
    'é',
  );
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 30 }), fc.nat(8), fc.nat(12), (parts, line, column) => {
      const program = opened({ 'main.asm': parts.join('') });
      program.assemble(() => 0);
      program.hover('main.asm', line + 1, column + 1);
      program.complete('main.asm', line + 1, column + 1);
      program.references('main.asm', line + 1, column + 1);
      program.outline('main.asm');
      program.rename('main.asm', line + 1, column + 1, 'other_name');
    }),
    { numRuns: 200 },
  );
});
