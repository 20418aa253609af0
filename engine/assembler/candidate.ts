/** The table's forms as the encoder looks for them: by mnemonic, in the order that decides between equals. */
import type { Form, Instruction, OperandCode } from '../isa/instruction.ts';

export interface Candidate {
  readonly instruction: Instruction;
  readonly form: Form;
  /** Operands that are written in the source; strings' implied ones are not. */
  readonly codes: readonly OperandCode[];
  /** For each written operand its place in the form (TEST r,m is encoded as TEST m,r). */
  readonly opcode: readonly number[];
  readonly modrm: 'none' | 'register' | number;
  /** The name or the form leaves only this operand size. */
  readonly onlySize: 16 | 32 | undefined;
  /** An operand-size prefix changes its meaning. */
  readonly sizeMatters: boolean;
  /** IMUL r, imm: the register stands for two operands. */
  readonly repeatsFirst: boolean;
  /** The operand needs the word TO (FADD TO ST1). */
  readonly to: boolean;
  /** ModRM.rm where no operand gives it: FXCH means ST1. */
  readonly impliedRm: number;
  /** A WAIT comes first (FINIT is WAIT and FNINIT). */
  readonly waits: boolean;
}

const sizeDependent = /^(E|G|Z|O|X|Y)v|^[IJ]z|^Ibs|[pa]$|^eAX|\/w/;

function candidateOf(instruction: Instruction, form: Form, onlySize: 16 | 32 | undefined): Candidate {
  const parts = form.opcode.split(' ');
  const slash = parts.find((part) => part.startsWith('/'));
  const implied = form.operands.some((code) => code[0] === 'X' || code[0] === 'Y');
  return {
    instruction,
    form,
    codes: implied ? [] : form.operands,
    opcode: parts.filter((part) => !part.startsWith('/')).map((part) => parseInt(part, 16)),
    modrm: slash === undefined ? 'none' : slash === '/r' ? 'register' : Number(slash.slice(1)),
    onlySize: onlySize ?? form.operandSize,
    sizeMatters: form.sized === true || form.operandSize !== undefined || form.operands.some((code) => sizeDependent.test(code)),
    repeatsFirst: false,
    to: false,
    impliedRm: 0,
    waits: false,
  };
}

/** The x87 opcode of arithmetic that pops. */
const popOpcode = 0xde;

/** Forms NASM accepts besides the table's: other ways to write the same encoding. */
function alternatives(candidate: Candidate): Candidate[] {
  const { instruction, form, codes } = candidate;
  // TEST is symmetric, and has one opcode for both orders.
  if (instruction.mnemonic === 'test' && codes[1]?.startsWith('G')) return [{ ...candidate, codes: [...codes].reverse() }];
  if (instruction.mnemonic === 'imul' && codes.length === 3 && codes[0] && codes[2]) {
    return [{ ...candidate, codes: [codes[0], codes[2]], repeatsFirst: true }];
  }
  // AAM and AAD without an operand divide by ten.
  if ((instruction.mnemonic === 'aam' || instruction.mnemonic === 'aad') && codes.length === 1) {
    return [{ ...candidate, codes: [], opcode: [...candidate.opcode, 10], form: { ...form, operands: [] } }];
  }
  const floating = codes.join();
  const implied: Candidate = { ...candidate, codes: [], impliedRm: 1 };
  if (floating === 'ST,STi') {
    const arithmetic = instruction.forms.some((each) => each.operands.join() === 'STi,ST');
    return [{ ...candidate, codes: ['STi'] }, ...(arithmetic ? [] : [implied])];
  }
  if (floating === 'STi,ST') {
    if (instruction.mnemonic.endsWith('p')) return [{ ...candidate, codes: ['STi'] }, implied];
    // FADD alone is FADDP ST1, ST0.
    return [
      { ...candidate, codes: ['STi'], to: true },
      { ...implied, opcode: [popOpcode] },
    ];
  }
  if (floating === 'STi') {
    if (/^fu?comp?$/.test(instruction.mnemonic)) return [{ ...candidate, codes: ['ST', 'STi'] }, implied];
    if (instruction.mnemonic === 'fxch')
      return [{ ...candidate, codes: ['ST', 'STi'] }, { ...candidate, codes: ['STi', 'ST'] }, implied];
    return [implied];
  }
  // UD0 and UD1 may be written without the operands that nobody reads.
  if (instruction.mnemonic === 'ud0' || instruction.mnemonic === 'ud1') return [{ ...candidate, codes: [], modrm: 'none' }];
  return [];
}

/** Names that fix the operand size of returns, besides the table's. */
const sizedReturns: Readonly<Record<string, readonly [string, 16 | 32][]>> = {
  ret: [
    ['retw', 16],
    ['retd', 32],
    ['retnw', 16],
    ['retnd', 32],
  ],
  retf: [
    ['retfw', 16],
    ['retfd', 32],
  ],
};

/** All candidates of a table by lower-case name. */
export function candidatesOf(instructions: readonly Instruction[]): ReadonlyMap<string, readonly Candidate[]> {
  const byName = new Map<string, Candidate[]>();
  const add = (name: string, candidate: Candidate) => {
    const list = byName.get(name);
    if (list) list.push(candidate);
    else byName.set(name, [candidate]);
  };
  for (const instruction of instructions) {
    for (const form of instruction.forms) {
      if (form.decodeOnly) continue;
      const candidate = candidateOf(instruction, form, undefined);
      const names = form.mnemonic !== undefined ? [form.mnemonic] : [instruction.mnemonic, ...(instruction.aliases ?? [])];
      for (const each of [candidate, ...alternatives(candidate)]) {
        for (const name of names) {
          add(name, each);
          // The names without N wait for pending exceptions first (SDM vol. 1, 8.3.1).
          if (/^fn(init|clex|save|stcw|stenv|stsw|eni|disi)$/.test(name)) add(`f${name.slice(2)}`, { ...each, waits: true });
          if (name === 'fnsetpm') add('fsetpm', each);
        }
        for (const [name, size] of sizedReturns[instruction.mnemonic] ?? []) add(name, { ...each, onlySize: size });
        if (instruction.sizedNames) {
          add(instruction.sizedNames[16], { ...each, onlySize: 16 });
          add(instruction.sizedNames[32], { ...each, onlySize: 32 });
        }
      }
    }
  }
  // FADD ST0, ST0 has two encodings; NASM takes the one whose destination is STi.
  for (const [name, list] of byName) {
    const toStack = (candidate: Candidate) => Number(candidate.codes.join() === 'STi,ST');
    if (list.some(toStack))
      byName.set(
        name,
        [...list].sort((a, b) => toStack(b) - toStack(a)),
      );
  }
  // XCHG is symmetric; of two registers NASM puts the first into ModRM.reg.
  const exchange = byName.get('xchg');
  if (exchange)
    byName.set(
      'xchg',
      [...exchange].sort((a, b) => Number(b.codes[0]?.startsWith('G')) - Number(a.codes[0]?.startsWith('G'))),
    );
  return byName;
}
