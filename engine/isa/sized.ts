/**
 * Forms with everything fixed that generated code depends on: operand size, address size, register or memory, LOCK, REP.
 * Encodings that mean the same (ADD Ev,Gv and ADD Gv,Ev with registers; ADD AL,Ib and ADD Eb,Ib) share one sized form, so that
 * the interpreter has one handler for them.
 */
import type { OperandShape, Size } from './emitter.ts';
import type { Form, Instruction, OperandCode } from './instruction.ts';
import { instructions } from './table.ts';

export type Repeat = 'none' | 'rep' | 'repne';

export interface SizedForm {
  /** Index in `sizedForms`: the handler's number. */
  readonly id: number;
  readonly instruction: Instruction;
  readonly operandSize: 2 | 4;
  readonly addressSize: 2 | 4;
  readonly locked: boolean;
  readonly repeat: Repeat;
  readonly operands: readonly OperandShape[];
  /** BT and its kin with a register index and memory: the address depends on the index. */
  readonly bitString: boolean;
}

const fixedRegisters: Partial<Record<OperandCode, number>> = { AL: 0, AX: 0, eAX: 0, CL: 1, DX: 2 };
const fixedSegments: Partial<Record<OperandCode, number>> = { ES: 0, CS: 1, SS: 2, DS: 3, FS: 4, GS: 5 };
const fixedStack: Partial<Record<OperandCode, number>> = { ST: 0 };

/** The register number a code implies, if it does. */
export function impliedNumber(code: OperandCode): number | undefined {
  return fixedRegisters[code] ?? fixedSegments[code] ?? fixedStack[code];
}

const sizeLetters: Record<string, number> = { b: 1, w: 2, d: 4, q: 8, t: 10, s: 6, a: 0, p: 0 };

/** The shape of an operand code for an operand size, as register or as memory. */
export function shapeOf(code: OperandCode, operandSize: 2 | 4, memory: boolean): OperandShape {
  if (code === '1') return { kind: 'one' };
  if (code === 'AL' || code === 'CL') return { kind: 'register', size: 1 };
  if (code === 'AX' || code === 'DX') return { kind: 'register', size: 2 };
  if (code === 'eAX') return { kind: 'register', size: operandSize };
  if (fixedSegments[code] !== undefined || code === 'Sw') return { kind: 'segment' };
  if (code === 'ST' || code === 'STi') return { kind: 'stack' };
  if (code === 'Cd') return { kind: 'control' };
  if (code === 'Dd') return { kind: 'debug' };
  if (code === 'Ibs') return { kind: 'immediate', size: operandSize };
  if (code === 'Ev/w') return memory ? { kind: 'memory', size: 2 } : { kind: 'register', size: operandSize };
  const letter = code[1] ?? '';
  const size = letter === 'v' || letter === 'z' ? operandSize : (sizeLetters[letter] ?? 0);
  switch (code[0]) {
    case 'E':
      return memory ? { kind: 'memory', size } : { kind: 'register', size: size as Size };
    case 'M':
    case 'O':
      return { kind: 'memory', size };
    case 'G':
    case 'Z':
    case 'R':
      return { kind: 'register', size: size as Size };
    case 'I':
      return { kind: 'immediate', size: size as Size };
    case 'J':
      return { kind: 'relative' };
    case 'A':
      return { kind: 'far' };
    default:
      return { kind: 'implicit', size };
  }
}

/** Whether the operand size changes anything about a form. */
export function dependsOnOperandSize(form: Form): boolean {
  return form.sized === true || form.operands.some((code) => /^(E|G|Z|O|X|Y)v|^[IJ]z|^Ibs|[pa]$|^eAX|\/w/.test(code));
}

/** Whether a form has a ModRM operand that may be memory. */
export function takesMemory(form: Form): boolean {
  return form.operands.some((code) => code[0] === 'E' || code[0] === 'M');
}
export function takesRegister(form: Form): boolean {
  return !form.operands.some((code) => code[0] === 'M');
}

const all: SizedForm[] = [];
const byKey = new Map<string, SizedForm>();

function intern(entry: Omit<SizedForm, 'id'>, index: number, sized: boolean): SizedForm {
  const shapes = entry.operands.map((shape) => `${shape.kind}${'size' in shape ? shape.size : ''}`).join(',');
  const key = [
    index, shapes, sized ? entry.operandSize : 0, entry.instruction.addressSized ? entry.addressSize : 0, entry.locked, entry.repeat, entry.bitString,
  ].join(' ');
  let found = byKey.get(key);
  if (!found) {
    found = { ...entry, id: all.length };
    byKey.set(key, found);
    all.push(found);
  }
  return found;
}

/** How a decoded encoding selects its sized form: by what prefixes and ModRM say. */
export interface Encoding {
  readonly form: Form;
  readonly instruction: Instruction;
  /** Opcode bytes; for Z operands the first of eight. */
  readonly opcode: readonly number[];
  /** What follows the opcode: nothing, any ModRM, or a ModRM with this reg field. */
  readonly modrm: 'none' | 'any' | number;
  /** The ModRM byte, where it is part of the opcode ('0f 01 c1', 'd9 e8'). */
  readonly fixedModrm: number | undefined;
  /** Undefined where the combination does not exist. */
  select(operandSize: 2 | 4, addressSize: 2 | 4, memory: boolean, locked: boolean, repeat: Repeat): SizedForm | undefined;
}

function encodingOf(instruction: Instruction, index: number, form: Form): Encoding {
  const parts = form.opcode.split(' ');
  const slash = parts.find((part) => part.startsWith('/'));
  const opcode = parts.filter((part) => !part.startsWith('/')).map((part) => parseInt(part, 16));
  const variants = new Map<number, SizedForm>();
  const code = (operandSize: number, addressSize: number, memory: boolean, locked: boolean, repeat: Repeat) =>
    (operandSize === 2 ? 1 : 0) | (addressSize === 2 ? 2 : 0) | (memory ? 4 : 0) | (locked ? 8 : 0) | (repeat === 'none' ? 0 : repeat === 'rep' ? 16 : 32);
  const repeats: Repeat[] = instruction.repeat ? ['none', 'rep', 'repne'] : ['none'];
  const memories = [...(takesRegister(form) ? [false] : []), ...(takesMemory(form) ? [true] : [])];
  for (const operandSize of [4, 2] as const) {
    if (form.operandSize !== undefined && form.operandSize !== operandSize * 8) continue;
    for (const addressSize of [4, 2] as const) {
      if (form.addressSize !== undefined && form.addressSize !== addressSize * 8) continue;
      for (const memory of memories) {
        const operands = form.operands.map((each) => shapeOf(each, operandSize, memory));
        for (const locked of instruction.lock === true && operands[0]?.kind === 'memory' ? [false, true] : [false]) {
          for (const repeat of repeats) {
            // REPNE before MOVS and its kin repeats like REP.
            const effective = repeat === 'repne' && instruction.repeat === 'rep' ? 'rep' : repeat;
            const sized = intern(
              { instruction, operandSize, addressSize, locked, repeat: effective, operands, bitString: form.bitString === true && memory },
              index,
              dependsOnOperandSize(form) || form.operandSize !== undefined,
            );
            variants.set(code(operandSize, addressSize, memory, locked, repeat), sized);
          }
        }
      }
    }
  }
  return {
    form,
    instruction,
    opcode,
    fixedModrm: opcode[opcode[0] === 0x0f ? 2 : 1],
    modrm: slash === undefined ? 'none' : slash === '/r' ? 'any' : Number(slash.slice(1)),
    select: (operandSize, addressSize, memory, locked, repeat) => variants.get(code(operandSize, addressSize, memory, locked, repeat)),
  };
}

/** Every encoding of the table, in its order. */
export const encodings: readonly Encoding[] = instructions.flatMap((instruction, index) =>
  instruction.forms.map((form) => encodingOf(instruction, index, form)),
);

/** Every sized form; `id` is the index. */
export const sizedForms: readonly SizedForm[] = all;
