/**
 * Every form of the instruction table, in both code sizes, with registers, memory and immediates of each kind, assembled
 * by NASM and by ours in one batch. A line is refused by both or gives the same bytes; forms that NASM cannot express
 * are listed here with their reason.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { assemble } from '../../engine/assembler/assembler.ts';
import type { Form, Instruction, OperandCode } from '../../engine/isa/instruction.ts';
import { instructions } from '../../engine/isa/table.ts';

const nasm = spawnSync('nasm', ['-v']).status === 0;
const scratch = mkdtempSync(path.join(tmpdir(), 'encoding-oracle-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const general: Readonly<Record<number, readonly string[]>> = {
  8: ['al', 'cl', 'dl', 'bl', 'ah', 'ch', 'dh', 'bh'],
  16: ['ax', 'cx', 'dx', 'bx', 'sp', 'bp', 'si', 'di'],
  32: ['eax', 'ecx', 'edx', 'ebx', 'esp', 'ebp', 'esi', 'edi'],
};
const addresses = [
  '[bx+si]',
  '[bp+di+5]',
  '[si]',
  '[bp]',
  '[bx-0x1234]',
  '[word 0x1234]',
  '[es:di]',
  '[eax]',
  '[ebp]',
  '[esp]',
  '[esp+8]',
  '[ebp+ecx*4]',
  '[esi*8+0x12345678]',
  '[edx+edi*2-4]',
  '[dword 0x1234]',
  '[fs:ebx+0x80]',
  '[0x1234]',
  '[ecx*2]',
  '[eax+eax*8-0x80]',
  '[byte ebx]',
  '[gs:0x10]',
];
const keywords: Readonly<Record<string, string>> = { b: 'byte ', w: 'word ', d: 'dword ', q: 'qword ', t: 'tword ' };

function widthOf(code: OperandCode, size: 16 | 32): number {
  const letter = code[1] ?? '';
  return { b: 8, w: 16, d: 32, q: 64 }[letter] ?? size;
}

/** Source texts for an operand code; `turn` varies the choice, so that a form's lines pair different things. */
function texts(code: OperandCode, size: 16 | 32, far: boolean): readonly string[] {
  const width = widthOf(code, size);
  const registers = general[width] ?? [];
  switch (code) {
    case '1':
      return ['1'];
    case 'AL':
    case 'AX':
    case 'CL':
    case 'DX':
    case 'ES':
    case 'CS':
    case 'SS':
    case 'DS':
    case 'FS':
    case 'GS':
      return [code.toLowerCase()];
    case 'eAX':
      return [size === 16 ? 'ax' : 'eax'];
    case 'Ib':
      return ['0', '5', '127', '128', '255', '-128'];
    case 'Ibs':
      return ['5', '-1', '127', '-128', 'byte 7', '0'];
    case 'Iw':
      return ['0', '5', '0x1234', '0xffff'];
    case 'Iz':
      return size === 16
        ? ['0', '0x1234', '128', '-129', '0xffff', 'strict word 5']
        : ['0', '0x12345678', '128', '-129', '0xffffffff', 'strict dword 5'];
    case 'Jb':
      return ['$', '$+2', '$-100', '$+100'];
    case 'Jz':
      return ['near $', '$+0x1000', '$-0x1000', 'near $+5'];
    case 'Ap':
      return size === 16 ? ['word 0x1234:0x5678', '8:0x10'] : ['dword 0x1234:0x56789abc', '8:0x10'];
    case 'Sw':
      return ['es', 'ss', 'ds', 'fs', 'gs', 'cs'];
    case 'Cd':
      return ['cr0', 'cr2', 'cr3', 'cr4'];
    case 'Dd':
      return ['dr0', 'dr1', 'dr6', 'dr7'];
    case 'Rd':
      return general[32] ?? [];
    case 'ST':
      return ['st0'];
    case 'STi':
      return ['st0', 'st1', 'st3', 'st7'];
    case 'Ob':
    case 'Ov':
      return ['[0x1234]', '[word 0x1234]', '[dword 0x12345]', '[es:0x10]'];
    case 'Ev/w':
      return [...(general[size] ?? []), ...addresses, ...addresses.slice(0, 3).map((address) => `word ${address}`)];
    default:
      break;
  }
  const prefix = far
    ? `${size === 16 ? 'word' : 'dword'} far `
    : (keywords[code[1] === 'v' ? (size === 16 ? 'w' : 'd') : (code[1] ?? '')] ?? '');
  switch (code[0]) {
    case 'E':
      return [...registers, ...addresses.map((address) => prefix + address)];
    case 'M':
      return [...addresses.map((address) => prefix + address), ...addresses.slice(0, 4)];
    case 'G':
    case 'Z':
      return registers;
    default:
      return [];
  }
}

/** Where the table's name is not NASM's: the manuals call DB E4 FNSETPM, NASM FSETPM. */
const nasmNames: Readonly<Record<string, string>> = { fnsetpm: 'fsetpm' };

function linesOf(instruction: Instruction, form: Form): string[] {
  const names = (form.mnemonic !== undefined ? [form.mnemonic] : [instruction.mnemonic, ...(instruction.aliases ?? [])]).map(
    (name) => nasmNames[name] ?? name,
  );
  const implied = form.operands.some((code) => code[0] === 'X' || code[0] === 'Y');
  const codes = implied ? [] : form.operands;
  const far = /^(jmp|call)$/.test(instruction.mnemonic) && form.operands[0] === 'Mp';
  const lines: string[] = [];
  for (const size of [16, 32] as const) {
    const choices = codes.map((code) => texts(code, size, far));
    const rounds = Math.max(1, ...choices.map((choice) => choice.length));
    for (let round = 0; round < rounds; round++) {
      const operands = choices.map((choice, index) => choice[(round + index * 3) % choice.length] ?? '');
      lines.push(`${names[0]} ${operands.join(', ')}`.trim());
    }
    for (const name of names.slice(1)) lines.push(`${name} ${choices.map((choice) => choice[0] ?? '').join(', ')}`.trim());
  }
  if (instruction.sizedNames) lines.push(instruction.sizedNames[16], instruction.sizedNames[32]);
  const first = lines.find((line) => line.includes('['));
  if (instruction.lock && first !== undefined) lines.push(`lock ${first}`);
  if (instruction.repeat)
    lines.push(...['rep', 'repe', 'repne', 'a16', 'a32', 'a16 rep', 'fs rep'].map((prefix) => `${prefix} ${lines[0]}`));
  // A prefix on a name that fixes the size itself (O16 CWDE) contradicts it; WAIT is itself a prefix for NASM.
  if (codes.length === 0 && form.operandSize === undefined && instruction.mnemonic !== 'wait')
    lines.push(`o16 ${lines[0]}`, `o32 ${lines[0]}`);
  return [...new Set(lines)];
}

/** Forms of the table that have no text in NASM, or none that chooses them. */
const inexpressible: readonly { form: string; reason: string }[] = [];

function nasmRun(source: string): { bytes: Uint8Array | undefined; refused: Set<number>; messages: string } {
  const input = path.join(scratch, 'forms.asm');
  const output = path.join(scratch, 'forms.bin');
  writeFileSync(input, source);
  rmSync(output, { force: true });
  const run = spawnSync('nasm', ['-f', 'bin', input, '-o', output], { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  const refused = new Set([...run.stderr.matchAll(/:(\d+): error/g)].map((match) => Number(match[1])));
  return { bytes: existsSync(output) ? readFileSync(output) : undefined, refused, messages: run.stderr };
}

describe.skipIf(!nasm)('every form of the instruction table', () => {
  for (const bits of [16, 32] as const) {
    it(`is encoded as NASM does in ${bits}-bit code`, () => {
      const entries = instructions.flatMap((instruction) =>
        instruction.forms
          .filter((form) => !form.decodeOnly)
          .map((form) => ({ instruction, form, lines: linesOf(instruction, form) })),
      );
      const lines = [...new Set(entries.flatMap((entry) => entry.lines))];
      const program = (chosen: readonly string[]) => `bits ${bits}\n${chosen.join('\n')}\n`;
      const ours = (source: string) =>
        assemble({ file: 'forms.asm', read: () => ({ path: 'forms.asm', text: source }), limits: { errors: 100_000 } });

      // Lines that either refuses are taken out; both must refuse the same.
      const refusedByNasm = new Set<string>();
      let accepted = lines;
      for (let round = 0; round < 5; round++) {
        const run = nasmRun(program(accepted));
        if (run.bytes) break;
        for (const number of run.refused) refusedByNasm.add(accepted[number - 2] ?? '');
        accepted = accepted.filter((line) => !refusedByNasm.has(line));
      }
      const refusedByOurs = new Set(ours(program(lines)).errors.map((error) => lines[error.line - 2] ?? ''));
      expect([...refusedByOurs].filter((line) => !refusedByNasm.has(line))).toEqual([]);
      expect([...refusedByNasm].filter((line) => !refusedByOurs.has(line))).toEqual([]);

      const expected = nasmRun(program(accepted));
      expect(expected.bytes, expected.messages).toBeDefined();
      const actual = ours(program(accepted));
      const bytes = Buffer.from(expected.bytes ?? []);
      const different: string[] = [];
      for (const row of actual.listing) {
        if (row.offset === undefined || row.size === 0) continue;
        const theirs = bytes.subarray(row.offset, row.offset + row.size).toString('hex');
        const mine = Buffer.from(actual.bytes.subarray(row.offset, row.offset + row.size)).toString('hex');
        if (theirs !== mine) different.push(`${row.text}: NASM ${theirs}, ours ${mine}`);
      }
      expect(different.slice(0, 20)).toEqual([]);
      expect(actual.bytes.length).toBe(bytes.length);

      // A form nobody reaches would be untested: every opcode has to occur among the accepted lines' bytes.
      const reached = new Set(actual.listing.filter((row) => row.size > 0).map((row) => row.text));
      const untested = entries
        .filter((entry) => !entry.lines.some((line) => reached.has(line)))
        .map((entry) => `${entry.instruction.mnemonic} ${entry.form.opcode} ${entry.form.operands.join(' ')}`)
        .filter((form) => !inexpressible.some((each) => each.form === form));
      expect(untested).toEqual([]);
      expect(accepted.length).toBeGreaterThan(2000);
    });
  }
});
