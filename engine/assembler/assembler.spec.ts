import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assemble, formatListing, type AssemblyRequest, type AssemblyResult } from './assembler.ts';

function run(
  text: string,
  options: Partial<AssemblyRequest> & { files?: Record<string, string | Uint8Array> } = {},
): AssemblyResult {
  const { files = {}, ...rest } = options;
  return assemble({
    file: 'main.asm',
    read: (path) => {
      if (path === 'main.asm') return { path, text };
      const found = files[path];
      if (found === undefined) return undefined;
      return typeof found === 'string' ? { path, text: found } : { path, bytes: found };
    },
    ...rest,
  });
}
const hex = (result: AssemblyResult): string => {
  expect(result.errors).toEqual([]);
  return Buffer.from(result.bytes).toString('hex');
};
const problems = (result: AssemblyResult) => result.errors.map((error) => `${error.line}:${error.column} ${error.code}`);

describe('the assembler', () => {
  it('starts in 16-bit code, unless the caller says otherwise', () => {
    expect(hex(run('mov eax, ebx'))).toBe('6689d8');
    expect(hex(run('mov eax, ebx', { bits: 32 }))).toBe('89d8');
  });
  it('gives the origin that ORG names', () => {
    expect(run('org 0x7c00\nnop').origin).toBe(0x7c00);
  });
  it('tells the address and the place of each symbol', () => {
    const { symbols } = run('org 0x100\nnop\nstart: nop\n.inner: nop\nsize equ 5\n');
    expect(symbols.get('start')).toEqual({ value: 0x101n, section: '.text', file: 'main.asm', line: 3 });
    expect(symbols.get('start.inner')?.value).toBe(0x102n);
    expect(symbols.get('size')).toMatchObject({ value: 5n, section: undefined });
  });
  it('takes macros that the caller defines', () => {
    expect(hex(run('%ifdef DEBUG\ndb LEVEL\n%endif', { defines: { DEBUG: '', LEVEL: '7' } }))).toBe('07');
  });
  it('makes jumps as short as they can be', () => {
    expect(hex(run('jmp near_by\nnop\nnear_by: jmp far_away\ntimes 128 db 0\nfar_away:')).slice(0, 12)).toBe('eb0190e98000');
  });
});

describe('files', () => {
  it('are asked for by the name in the source, with the file that asks', () => {
    const asked: string[] = [];
    const texts: Record<string, string> = {
      'main.asm': '%include "a.inc"\n',
      'a.inc': '%include "b.inc"\ndb 1\n',
      'b.inc': 'db 2\n',
    };
    const result = assemble({
      file: 'main.asm',
      read: (path, from) => {
        asked.push(`${path} from ${from}`);
        const text = texts[path];
        return text === undefined ? undefined : { path: `/src/${path}`, text };
      },
    });
    expect(hex(result)).toBe('0201');
    expect(asked).toEqual(['main.asm from ', 'a.inc from /src/main.asm', 'b.inc from /src/a.inc']);
  });
  it('that cannot be found are an error in the line that wants them', () => {
    expect(problems(run('nop\n%include "none.inc"\nincbin "none.bin"'))).toEqual(['2:1 include-not-found', '3:1 file-not-found']);
    expect(assemble({ file: 'x.asm', read: () => undefined }).errors[0]?.message).toContain('x.asm');
  });
  it('that include each other are refused', () => {
    const result = run('%include "a"', { files: { a: '%include "b"', b: '%include "a"' } });
    expect(result.errors.map((error) => [error.file, error.code])).toEqual([['b', 'include-cycle']]);
  });
  it('may be bytes, and are taken in part by INCBIN', () => {
    expect(hex(run('incbin "x", 1, 2', { files: { x: Uint8Array.of(1, 2, 3, 4) } }))).toBe('0203');
  });
});

describe('diagnostics', () => {
  it('name line, columns and reason, several in one run', () => {
    const { errors, bytes } = run('nop\n  mov ax, nowhere\ndb 1, bogus');
    expect(errors.map(({ line, column, endColumn, message }) => ({ line, column, endColumn, message }))).toEqual([
      { line: 2, column: 11, endColumn: 18, message: "symbol `nowhere' not defined" },
      { line: 3, column: 7, endColumn: 12, message: "symbol `bogus' not defined" },
    ]);
    expect(bytes.length).toBe(0);
  });
  it('in a macro point to its use and tell the way through the macros', () => {
    const { errors } = run('%macro inner 0\nmov ax, eax\n%endmacro\n%macro outer 0\ninner\n%endmacro\nnop\n  outer');
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatchObject({
      line: 8,
      column: 3,
      macroStack: [
        { name: 'inner', file: 'main.asm', line: 2 },
        { name: 'outer', file: 'main.asm', line: 5 },
      ],
    });
  });
  it('do not name the standard macros', () => {
    expect(run('bits 48').errors[0]).toMatchObject({ file: 'main.asm', line: 1, macroStack: [] });
  });
  it('stop after a bound, with a sentence', () => {
    const { errors } = run('bogus x\n'.repeat(500), { limits: { errors: 20 } });
    expect(errors).toHaveLength(21);
    expect(errors[20]).toMatchObject({ code: 'too-many-errors', message: expect.stringContaining('more than 20 errors') });
  });
  it('are told once, though lines are visited in several passes', () => {
    expect(run('jmp x\ntimes 200 nop\nx: mov ax, eax').errors).toHaveLength(1);
  });
  it('say that 64-bit code is not supported', () => {
    expect(problems(run('bits 64'))).toEqual(['1:1 no-64-bit']);
    expect(run('mov rax, 5').errors[0]?.message).toContain('rax');
  });
  it('warn where NASM warns', () => {
    expect(run('db 300\nlonely\nresb 1').warnings.map(({ line, code }) => [line, code])).toEqual([
      [2, 'label-orphan'],
      [3, 'zeroing'],
      [1, 'number-overflow'],
    ]);
  });
});

describe('a program cannot make the assembler hang or fill the memory', () => {
  const small = { lines: 10_000, output: 100_000, macroDepth: 100 };
  const refused = (text: string) => {
    const result = run(text, { limits: small });
    expect(result.errors.length).toBeGreaterThan(0);
    expect(result.errors.map((error) => error.code)).not.toContain('internal');
    return result.errors[0]?.code;
  };
  it('with endless loops and deep calls', () => {
    expect(refused('%rep 1000000000\nnop\n%endrep')).toBe('too-many-lines');
    const chain = Array.from({ length: 200 }, (_, index) => `%macro m${index + 1} 0\nm${index}\n%endmacro`);
    expect(refused(`%macro m0 0\nnop\n%endmacro\n${chain.join('\n')}\nm200`)).toBe('macro-too-deep');
  });
  it('with macros that use themselves, which are not expanded again', () => {
    expect([...run('%macro nop 0\ndb 1\nnop\n%endmacro\nnop').bytes]).toEqual([1, 0x90]);
    expect([...run('%macro a 0\nb\n%endmacro\n%macro b 0\na\n%endmacro\na').bytes]).toEqual([]);
  });
  it('with macros that double', () => {
    let text = '%define a0 1,1\n';
    for (let index = 1; index < 40; index++) text += `%define a${index} a${index - 1},a${index - 1}\n`;
    expect(refused(`${text}db a39`)).toBe('line-too-long');
  });
  it('with huge counts', () => {
    expect(refused('times 1000000000 db 0')).toBe('output-too-large');
    expect(refused('db 1000000000 dup (1000000000 dup (0))')).toBe('output-too-large');
    expect(refused('resb 0x7fffffff')).toBe('output-too-large');
    expect(refused('times 100000000 jmp $')).toBe('output-too-large');
    expect(refused('section .a start=0x7fffffff\ndb 1\nsection .text\ndb 1')).toBe('output-too-large');
  });
  it('with deep nesting', () => {
    expect(refused(`dw ${'('.repeat(100_000)}`)).toBe('expression-too-deep');
    expect(refused(`dw ${'-'.repeat(100_000)}1x`)).toBe('expression-too-deep');
    expect(refused(`db ${'1 dup ('.repeat(10_000)}`)).toBe('expression-too-deep');
    expect(refused(`%define m(x) x\ndb ${'m('.repeat(1000)}1${')'.repeat(1000)}`)).toBe('macro-too-deep');
  });
  it('with labels that chase each other', () => {
    expect(refused('a equ b+1\nb equ a+1\ndw a')).toBe('circular');
    expect(refused('x: times (x2-x == 4) ? 2 : 4 nop\nx2:')).toBeDefined();
  });
  it('with deeply nested conditionals', () => {
    expect(refused('%if 1\n'.repeat(5000))).toBe('unterminated-conditional');
  });
});

describe('the listing', () => {
  it('shows address, bytes, source and macro level', () => {
    const { listing } = run('org 0x7c00\n%macro two 0\ndb 1\ndb 2\n%endmacro\nstart: nop\ntwo\ntimes 3 db 0xff\nresb 2');
    const rows = formatListing(listing).split('\n');
    expect(rows).toContain('     6 00007C00 90                         start: nop');
    expect(rows).toContain('     3 00007C01 01                     <1> db 1');
    expect(rows).toContain('     8 00007C03 FF<rep 3h>                 times 3 db 0xff');
  });
  it('tells where in the binary each line is', () => {
    const { listing, bytes } = run('section .data\nd: db 7\nsection .text\nmov al, 1\n');
    const row = listing.find((line) => line.text === 'd: db 7');
    expect(row?.offset).toBe(4);
    expect(bytes[row?.offset ?? 0]).toBe(7);
  });
});

describe('any input', () => {
  const words = [
    'mov',
    'add',
    'jmp',
    'call',
    'db',
    'dw',
    'times',
    'equ',
    'resb',
    'x',
    'y',
    '.z',
    'eax',
    'ax',
    'al',
    'ds',
    'cr0',
    'st0',
    'byte',
    'word',
    'dword',
    'far',
    'short',
    'strict',
    '[',
    ']',
    '(',
    ')',
    '{',
    '}',
    ',',
    ':',
    '+',
    '-',
    '*',
    '/',
    '%',
    '$',
    '$$',
    '5',
    '0x10',
    '1.5',
    "'a'",
    '"',
    '`\\n`',
    '%define',
    '%macro',
    '%endmacro',
    '%rep',
    '%endrep',
    '%if',
    '%else',
    '%endif',
    '%1',
    '%%a',
    '%{',
    '%[',
    '%+',
    '%$c',
    '%push',
    '%pop',
    '%include',
    'struc',
    'endstruc',
    'align',
    'section',
    '.text',
    '.bss',
    'org',
    'bits',
    '16',
    '32',
    'dup',
    '?',
    'lock',
    'rep',
    'fadd',
    'istruc',
    'at',
    'iend',
    'absolute',
    'incbin',
    ';',
    '\\',
    '\n',
    '\n',
    '\n',
    '%assign',
    '%substr',
    '%rotate',
    '%exitrep',
  ];
  const limits = { lines: 5_000, output: 50_000, macroDepth: 50, passes: 20 };
  it('ends where bytes end, though an empty section would stand further on by its alignment', () => {
    const result = run('fadd\nsection other align=64\n');
    expect(result.errors).toEqual([]);
    expect([...result.bytes]).toEqual([0xde, 0xc1]);
  });

  it('gives a result: words of the language in random order', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...words), { maxLength: 60 }), (list) => {
        const result = run(list.join(' '), { limits });
        expect(result.errors.filter((error) => error.code === 'internal')).toEqual([]);
        if (result.errors.length > 0) expect(result.bytes.length).toBe(0);
      }),
      { numRuns: 3000 },
    );
  });
  it('gives a result: arbitrary text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        expect(run(text, { limits }).errors.filter((error) => error.code === 'internal')).toEqual([]);
      }),
      { numRuns: 1000 },
    );
  });
});
