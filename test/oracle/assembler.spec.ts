/** Programs assembled with NASM and with ours, byte by byte; wrong programs, by the lines that have errors. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { assemble, type AssemblyResult } from '../../engine/assembler/assembler.ts';

const corpus = path.join(import.meta.dirname, 'assembler');
const wrong = path.join(corpus, 'errors');
const guests = path.join(import.meta.dirname, '../../assets/guests');
const nasm = spawnSync('nasm', ['-v']).status === 0;
const scratch = mkdtempSync(path.join(tmpdir(), 'assembler-oracle-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const programs = (folder: string): string[] =>
  (existsSync(folder) ? readdirSync(folder) : []).filter((name) => name.endsWith('.asm')).sort();

function withNasm(folder: string, file: string): { bytes: Uint8Array | undefined; errorLines: number[]; messages: string } {
  const output = path.join(scratch, 'nasm.bin');
  rmSync(output, { force: true });
  const run = spawnSync('nasm', ['-f', 'bin', file, '-o', output], { cwd: folder, encoding: 'utf8' });
  const errorLines = [...run.stderr.matchAll(/^[^:\n]+:(\d+): (?:error|fatal)/gm)].map((match) => Number(match[1]));
  return {
    bytes: existsSync(output) ? readFileSync(output) : undefined,
    errorLines: [...new Set(errorLines)].sort((a, b) => a - b),
    messages: run.stderr,
  };
}

function withOurs(folder: string, file: string): AssemblyResult {
  return assemble({
    file,
    read: (name) => {
      const full = path.join(folder, name);
      return existsSync(full) ? { path: name, bytes: readFileSync(full) } : undefined;
    },
  });
}

describe.skipIf(!nasm)('programs give the bytes that NASM gives', () => {
  it('has a corpus', () => {
    expect(programs(corpus).length).toBeGreaterThanOrEqual(59);
  });
  for (const folder of [corpus, guests]) {
    for (const file of programs(folder)) {
      it(file, () => {
        const expected = withNasm(folder, file);
        expect(expected.messages.includes('error:'), expected.messages).toBe(false);
        const actual = withOurs(folder, file);
        expect(actual.errors).toEqual([]);
        expect(Buffer.from(actual.bytes).toString('hex')).toBe(Buffer.from(expected.bytes ?? []).toString('hex'));
      });
    }
  }
});

/** A snippet of a file of snippets: from its line `;;; name` to the next one. */
function snippets(file: string): { name: string; text: string }[] {
  const parts = readFileSync(path.join(corpus, 'snippets', file), 'utf8').split(/^;;; (.*)$/m);
  return parts
    .slice(1)
    .flatMap((name, index) => (index % 2 === 0 ? [{ name, text: (parts[index + 2] ?? '').replace(/^\n/, '') }] : []));
}

/** Assembles a text as a file of the corpus's folder, so that it finds what it includes. */
function bothOf(text: string): { nasm: ReturnType<typeof withNasm>; ours: AssemblyResult } {
  const file = path.join(scratch, 'snippet.asm');
  writeFileSync(file, text);
  const ours = assemble({
    file: 'snippet.asm',
    read: (name, from) => {
      if (from === '') return { path: name, text };
      const full = path.join(corpus, name);
      return existsSync(full) ? { path: name, bytes: readFileSync(full) } : undefined;
    },
  });
  return { nasm: withNasm(corpus, file), ours };
}

const right = ['instructions.txt', 'addresses.txt', 'data.txt', 'expressions.txt', 'preprocessor.txt', 'programs.txt'];

describe.skipIf(!nasm)('snippets give the bytes that NASM gives', () => {
  it('with the programs there are more than 300', () => {
    const all = [...right, 'wrong.txt'].reduce((sum, file) => sum + snippets(file).length, 0);
    expect(all + programs(corpus).length + programs(guests).length + programs(wrong).length).toBeGreaterThan(300);
  });
  for (const file of right) {
    for (const { name, text } of snippets(file)) {
      it(`${file}: ${name}`, () => {
        const { nasm: expected, ours } = bothOf(text);
        expect(expected.errorLines, expected.messages).toEqual([]);
        expect(ours.errors).toEqual([]);
        expect(Buffer.from(ours.bytes).toString('hex')).toBe(Buffer.from(expected.bytes ?? []).toString('hex'));
      });
    }
  }
});

/** Programs of labels, jumps and alignments by chance, which move each other: the same for the same seed. */
function randomProgram(seed: number): string {
  let state = seed;
  const below = (limit: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return (state >> 8) % limit;
  };
  const wide = below(2) === 1;
  const count = 20 + below(60);
  const label = (): string => `l${below(count)}`;
  const lines = [`bits ${wide ? 32 : 16}`, 'org 0x1000'];
  for (let index = 0; index < count; index++) {
    const made = [
      () => `jmp ${label()}`,
      () => `jz ${label()}`,
      () => `call ${label()}`,
      () => `times ${below(90)} nop`,
      () => `mov ax, [${label()}]`,
      () => `align ${2 << below(4)}`,
      () => `dw ${label()} - ${label()}`,
      () => `add bx, ${label()} - ${label()}`,
      () => `push ${wide ? 'dword' : 'word'} ${label()}`,
      () => `jnz ${label()}\nc${index} equ ${label()} - $$\nmov dx, c${index}`,
      () => `lea ${wide ? 'esi, [ebx' : 'si, [bx'} + ${label()} - l${index}]`,
    ];
    lines.push(`l${index}: ${made[below(made.length)]?.() ?? ''}`);
  }
  return `${lines.join('\n')}\n`;
}

it.skipIf(!nasm)('programs of jumps that move each other give the bytes that NASM gives', () => {
  const programs = Number(process.env['VITRINE_ASSEMBLER_PROGRAMS'] ?? 60);
  for (let seed = 1; seed <= programs; seed++) {
    const { nasm: expected, ours } = bothOf(randomProgram(seed));
    if (expected.bytes === undefined) expect(ours.errors, `seed ${seed}: ${expected.messages}`).not.toEqual([]);
    else expect(Buffer.from(ours.bytes).toString('hex'), `seed ${seed}`).toBe(Buffer.from(expected.bytes).toString('hex'));
  }
});

describe.skipIf(!nasm)('wrong snippets have their errors in the lines in which NASM has them', () => {
  for (const { name, text } of snippets('wrong.txt')) {
    it(name, () => {
      const marked = text.split('\n').flatMap((line, index) => (line.endsWith('; wrong') ? [index + 1] : []));
      const { nasm: expected, ours } = bothOf(text);
      expect(expected.errorLines, expected.messages).toEqual(marked);
      const lines = [...new Set(ours.errors.map((error) => error.line))].sort((a, b) => a - b);
      expect(lines, ours.errors.map((error) => `${error.line}: ${error.message}`).join('\n')).toEqual(marked);
    });
  }
});

/** NASM tells of these lines, we of others: it skips no body of a macro whose head is wrong, and finds an open %if at the end. */
const elsewhere: Readonly<Record<string, readonly number[]>> = { 'preprocessor.asm': [9], 'unfinished.asm': [4] };

describe('wrong programs have an error in each wrong line and in no other', () => {
  for (const file of programs(wrong)) {
    it(file, () => {
      const marked = readFileSync(path.join(wrong, file), 'utf8')
        .split('\n')
        .flatMap((line, index) => (line.endsWith('; wrong') ? [index + 1] : []));
      const actual = withOurs(wrong, file);
      const lines = [...new Set(actual.errors.map((error) => error.line))].sort((a, b) => a - b);
      expect(lines, actual.errors.map((error) => `${error.line}: ${error.message}`).join('\n')).toEqual(marked);
      expect(actual.bytes.length).toBe(0);
    });
    // NASM stops after the pass that found errors, so it may see fewer of them in one run.
    it.skipIf(!nasm)(`${file}: NASM finds no error elsewhere`, () => {
      const expected = withNasm(wrong, file);
      expect(expected.errorLines.length).toBeGreaterThan(0);
      const ours = new Set(withOurs(wrong, file).errors.map((error) => error.line));
      expect(expected.errorLines.filter((line) => !ours.has(line))).toEqual(elsewhere[file] ?? []);
    });
  }
});
