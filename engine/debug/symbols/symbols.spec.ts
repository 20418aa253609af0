/** Symbols of files as real tools make them: gcc, ld, nm, addr2line and NASM, where they are installed. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { assemble, formatListing } from '../../assembler/assembler.ts';
import { readSymbols } from './read-symbols.ts';
import { SymbolError, SymbolTable } from './symbol-table.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'vitrine-symbols-'));
afterAll(() => rmSync(folder, { recursive: true }));

const has = (program: string): boolean => spawnSync(program, ['--version']).error === undefined;
const run = (program: string, ...words: string[]): string => execFileSync(program, words, { cwd: folder, encoding: 'utf8' });
const at = (name: string): string => path.join(folder, name);

const source = `
static int twice(int value)
{
    return value * 2;
}
int shared = 7;
int work(int count)
{
    int sum = 0;
    for (int i = 0; i < count; i++)
        sum += twice(i) + shared;
    return sum;
}
void _start(void)
{
    shared = work(3);
}
`;

const nasmSource = `        org 0x7c00
start:  mov ax, 1
.again: jmp .again
data:   db 1, 2, 3
CONSTANT equ 5
other:
.again: ret
`;

describe.skipIf(!has('gcc') || !has('ld') || !has('addr2line'))('an ELF file of gcc and ld', () => {
  for (const version of [3, 4, 5]) {
    it(`gives nm's symbols and addr2line's lines, with DWARF ${version}`, () => {
      writeFileSync(at('work.c'), source);
      run(
        'gcc',
        '-m32',
        `-gdwarf-${version}`,
        '-O1',
        '-fno-inline',
        '-ffreestanding',
        '-fno-pie',
        '-fcf-protection=none',
        '-c',
        'work.c',
        '-o',
        'work.o',
      );
      run('ld', '-m', 'elf_i386', '-Ttext=0x100000', '-Map=work.map', 'work.o', '-o', 'work.elf');
      const file = readSymbols(new Uint8Array(readFileSync(at('work.elf'))), 'work.elf');
      const table = new SymbolTable();
      table.add('work.elf', file);
      for (const line of run('nm', 'work.elf').trim().split('\n')) {
        const [value = '', , name = ''] = line.split(' ');
        expect(table.find(name), name).toBe(Number.parseInt(value, 16));
      }
      const [begin = 0, end = 0] = [table.find('twice'), (table.find('_start') ?? 0) + 8];
      const addresses = Array.from({ length: end - begin }, (_, index) => begin + index);
      const oracle = run('addr2line', '-e', 'work.elf', ...addresses.map((address) => address.toString(16)))
        .trim()
        .split('\n');
      const ours = addresses.map((address) => {
        const found = table.lineAt(address);
        return found === undefined ? '??:?' : `${path.basename(found.file)}:${found.line}`;
      });
      expect(ours).toEqual(oracle.map((text) => path.basename(text).replace(/ \(discriminator \d+\)/u, '')));
      const map = readSymbols(new Uint8Array(readFileSync(at('work.map'))), 'work.map');
      expect(map.symbols.find(({ name }) => name === 'work')?.address).toBe(table.find('work'));
      const nm = readSymbols(Buffer.from(run('nm', 'work.elf')), 'System.map');
      expect(nm.symbols.find(({ name }) => name === 'shared')).toMatchObject({ address: table.find('shared'), kind: 'data' });
    });
  }

  it('is refused with a sentence when it is cut or damaged, and never does worse', () => {
    writeFileSync(at('cut.c'), source);
    run('gcc', '-m32', '-g', '-ffreestanding', '-fno-pie', '-c', 'cut.c', '-o', 'cut.o');
    const whole = new Uint8Array(readFileSync(at('cut.o')));
    fc.assert(
      fc.property(
        fc.nat(whole.length),
        fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 8 }),
        (length, changes) => {
          const bytes = whole.slice(0, length);
          for (const [place, value] of changes) if (place < length) bytes[place] = value;
          try {
            new SymbolTable().add('x', readSymbols(bytes, 'x'));
          } catch (error) {
            expect(error).toBeInstanceOf(SymbolError);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('texts', () => {
  it('of NASM’s map give places, not constants', () => {
    const map = `
- NASM Map file ---------------------------------------------------------------

---- No Section ---------------------------------------------------------------

Value     Name
00000005  CONSTANT

---- Section .text ------------------------------------------------------------

Real              Virtual           Name
            7C00              7C00  start
            7C03              7C03  start.again
`;
    expect(readSymbols(Buffer.from(map), 'x.map').symbols).toEqual([
      { name: 'start', address: 0x7c00, size: 0, kind: 'code' },
      { name: 'start.again', address: 0x7c03, size: 0, kind: 'code' },
    ]);
  });

  it('of our listings give labels and lines', () => {
    const bytes = new TextEncoder().encode(nasmSource);
    const result = assemble({ file: 'x.asm', read: (file) => (file === 'x.asm' ? { path: file, bytes } : undefined) });
    const table = new SymbolTable();
    table.add('x.lst', readSymbols(Buffer.from(formatListing(result.listing)), 'x.lst'));
    for (const name of ['start', 'start.again', 'data', 'other', 'other.again']) {
      expect(table.find(name), name).toBe(Number(result.symbols.get(name)?.value));
    }
    expect(table.lineAt(0x7c00)?.line).toBe(2);
    expect(table.lineAt(0x7c04)?.line).toBe(3);
    expect(table.lineAt(0x7c08)?.line).toBe(7);
    expect(table.lineAt(0x7c09)).toBeUndefined();
    expect(table.addressOf('x.lst', 4)).toBe(0x7c05);
  });

  it('without symbols are refused', () => {
    expect(() => readSymbols(Buffer.from('hello'), 'x.txt')).toThrow('x.txt has no symbols that are understood');
    expect(() => readSymbols(Uint8Array.of(1, 0, 2), 'x.bin')).toThrow('x.bin is neither an ELF file nor a text with symbols.');
  });
});

describe('a table', () => {
  const symbol = (name: string, address: number, size = 0, kind: 'code' | 'data' | 'other' = 'code') => ({
    name,
    address,
    size,
    kind,
  });

  it('finds what an address lies in, moved by the bias of its file', () => {
    const table = new SymbolTable();
    table.add(
      'a',
      { symbols: [symbol('one', 0x100, 0x10), symbol('two', 0x200), symbol('mark', 0x200, 0, 'other')], lines: [] },
      0xc0000000,
    );
    expect(table.at(0xc0000104)).toMatchObject({ name: 'one', offset: 4 });
    expect(table.at(0xc0000110)).toBeUndefined();
    expect(table.at(0xc0000234)).toMatchObject({ name: 'two', offset: 0x34 });
    expect(table.labels(0xc0000200)).toEqual(['two', 'mark']);
    expect(table.at(0)).toBeUndefined();
    expect(table.remove('a')).toBe(true);
    expect(table.find('one')).toBeUndefined();
  });

  it('finds names by a part of them, the closest first', () => {
    const table = new SymbolTable();
    table.add('a', { symbols: [symbol('interrupt_enable', 3), symbol('Enable', 1), symbol('x', 2)], lines: [] });
    expect(table.search('enable', 5).map(({ name }) => name)).toEqual(['Enable', 'interrupt_enable']);
  });
});
