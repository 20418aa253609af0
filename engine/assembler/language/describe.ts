/** What the instruction table says of an instruction, in words. */
import type { FlagLetter, Form, Instruction, OperandCode } from '../../isa/instruction.ts';
import { mnemonics } from './words.ts';

export interface DescribedForm {
  /** "r/m32, imm8". */
  readonly operands: string;
  /** "83 /0 ib". */
  readonly encoding: string;
}

export interface DescribedInstruction {
  readonly mnemonic: string;
  /** Other names of the same. */
  readonly aliases: readonly string[];
  readonly summary: string;
  readonly forms: readonly DescribedForm[];
  /** Names of flags, "CF, ZF"; empty for none. */
  readonly reads: string;
  readonly writes: string;
  readonly undefined: string;
  /** Sentences on privilege and prefixes. */
  readonly remarks: readonly string[];
}

const flagNames: Readonly<Record<FlagLetter, string>> = {
  o: 'OF',
  s: 'SF',
  z: 'ZF',
  a: 'AF',
  p: 'PF',
  c: 'CF',
  i: 'IF',
  d: 'DF',
  t: 'TF',
};

function flagsOf(letters: string | undefined): string {
  return [...(letters ?? '')].map((letter) => flagNames[letter as FlagLetter] ?? letter).join(', ');
}

const sizes: Readonly<Record<string, string>> = { b: '8', w: '16', d: '32', q: '64', t: '80', v: '16/32', z: '16/32' };
const fixed: Readonly<Partial<Record<OperandCode, string>>> = {
  'Ev/w': 'r16/32 or m16',
  M: 'address',
  Mp: 'm16:16/32',
  Ms: 'm16&32',
  Ma: 'm16&16 or m32&32',
  Ibs: 'imm8, sign-extended',
  Ap: 'ptr16:16/32',
  '1': '1',
  eAX: 'ax/eax',
  ST: 'st0',
  STi: 'sti',
};

/** An operand as manuals write it. */
export function operandText(code: OperandCode): string {
  const known = fixed[code];
  if (known !== undefined) return known;
  if (/^[A-Z]{2}$/.test(code)) return code.toLowerCase();
  const size = sizes[code[1] ?? ''] ?? '';
  switch (code[0]) {
    case 'E':
      return `r/m${size}`;
    case 'G':
    case 'Z':
    case 'R':
      return `r${size}`;
    case 'M':
      return `m${size}`;
    case 'S':
      return 'sreg';
    case 'C':
      return 'cr';
    case 'D':
      return 'dr';
    case 'I':
      return `imm${size}`;
    case 'J':
      return `rel${size}`;
    case 'O':
      return `moffs${size}`;
    case 'X':
      return '[ds:(e)si]';
    case 'Y':
      return '[es:(e)di]';
    default:
      return code;
  }
}

function immediate(code: OperandCode): string {
  if (code === 'Ib' || code === 'Ibs') return ' ib';
  if (code === 'Iw') return ' iw';
  if (code === 'Iz') return ' iz';
  if (code === 'Jb') return ' cb';
  if (code === 'Jz') return ' cz';
  if (code === 'Ap') return ' cp';
  return code.startsWith('O') ? ' moffs' : '';
}

function described({ opcode, operands, prefix }: Form): DescribedForm {
  const register = operands.some((code) => code.startsWith('Z')) ? '+r' : '';
  return {
    operands: operands.map(operandText).join(', '),
    encoding: `${prefix === undefined ? '' : `${prefix.toString(16)} `}${opcode}${register}${operands.map(immediate).join('')}`,
  };
}

function remarksOf({ privileged, lock, repeat }: Instruction): string[] {
  return [
    ...(privileged ? ['Privileged: only at CPL 0.'] : []),
    ...(lock ? ['May be locked when its destination is memory.'] : []),
    ...(repeat === 'rep' ? ['Takes REP.'] : repeat === 'repe' ? ['Takes REPE and REPNE.'] : []),
  ];
}

/** By any of its names, in any case; empty for what is no instruction. */
export function describeInstruction(name: string): DescribedInstruction[] {
  const wanted = name.toLowerCase();
  return (mnemonics.get(wanted) ?? []).map((instruction) => {
    const { mnemonic, aliases = [], summary } = instruction;
    const forms = instruction.forms.filter(
      (form) => !form.decodeOnly && (form.mnemonic === undefined || form.mnemonic === wanted),
    );
    return {
      mnemonic: wanted,
      aliases: [mnemonic, ...aliases].filter((each) => each !== wanted),
      summary,
      forms: forms.map(described),
      reads: flagsOf(instruction.reads),
      writes: flagsOf(instruction.writes),
      undefined: flagsOf(instruction.undefined),
      remarks: remarksOf(instruction),
    };
  });
}
