/**
 * The instruction table: its entries and the little language they are written in. Decoder, encoder, interpreter,
 * editor hovers and oracles derive from these entries; no other place in the project knows an opcode.
 *
 * Operand codes are those of the SDM's opcode maps (vol. 2, appendix A.2):
 *   E  register or memory by ModRM       G  register by ModRM.reg     Z  register in the opcode's low three bits
 *   M  memory by ModRM only              R  register by ModRM.rm only (mod is ignored)
 *   S  segment register by ModRM.reg     C, D  control, debug register by ModRM.reg
 *   I  immediate      J  relative target      A  far pointer in the instruction      O  memory at a plain offset
 *   X  DS:(E)SI (segment may be overridden)      Y  ES:(E)DI
 * and sizes
 *   b byte · w word · d doubleword · q quadword · v word or doubleword by operand size · z the same for immediates
 *   t ten bytes · p far pointer (16:16 or 16:32 by operand size) · s pseudo-descriptor · a pair for BOUND
 * Further codes: Ibs = byte sign-extended to the operand size; Ev/w = register of the operand size or a *word* in
 * memory (MOV from Sreg, SLDT, STR, SMSW); M alone = address only (LEA, INVLPG); 1 = the constant one;
 * AL AX eAX CL DX = that register (eAX: AX or EAX by operand size); ES CS SS DS FS GS; ST = ST(0), STi = ST(ModRM.rm).
 */
import type { Emitter } from './emitter.ts';

export type OperandCode =
  | 'Eb' | 'Ew' | 'Ed' | 'Ev' | 'Ev/w'
  | 'Gb' | 'Gw' | 'Gd' | 'Gv'
  | 'Zb' | 'Zv'
  | 'M' | 'Mw' | 'Md' | 'Mq' | 'Mt' | 'Mp' | 'Ms' | 'Ma'
  | 'Rd' | 'Sw' | 'Cd' | 'Dd'
  | 'Ib' | 'Ibs' | 'Iw' | 'Iz' | 'Jb' | 'Jz' | 'Ap' | 'Ob' | 'Ov'
  | 'Xb' | 'Xw' | 'Xd' | 'Xv' | 'Yb' | 'Yw' | 'Yd' | 'Yv'
  | '1' | 'AL' | 'AX' | 'eAX' | 'CL' | 'DX' | 'ES' | 'CS' | 'SS' | 'DS' | 'FS' | 'GS' | 'ST' | 'STi';

/** One encoding of an instruction. */
export interface Form {
  /**
   * Opcode bytes in hex, then `/r` (ModRM with register operands) or `/0`-`/7` (ModRM.reg extends the opcode); for Z
   * operands the first of the eight opcodes. Example: '0f ba /4', '50' with operand Zv, '0f 01 c1'.
   */
  readonly opcode: string;
  /** Operand codes in the assembler's order. */
  readonly operands: readonly OperandCode[];
  /** Exists with this operand size only (CBW 16, CWDE 32). Absent: both if an operand is v/z/p or `sized`, else no matter. */
  readonly operandSize?: 16 | 32;
  /** The operand size matters although no operand shows it (PUSHA, IRET, LEAVE). */
  readonly sized?: boolean;
  /** Exists with this address size only (JCXZ 16, JECXZ 32). */
  readonly addressSize?: 16 | 32;
  /** A mandatory prefix byte (PAUSE: f3). */
  readonly prefix?: 0xf2 | 0xf3 | 0x66;
  /** 66, F2 and F3 make it another (undefined) instruction: "NP" in the SDM. */
  readonly noPrefix?: boolean;
  /** The decoder knows it, the assembler never chooses it (82 /0, undocumented aliases). */
  readonly decodeOnly?: boolean;
  /** The register operand 1 selects a word of a bit string when operand 0 is memory (BT Ev, Gv). */
  readonly bitString?: boolean;
  /** This form's own name, where it differs from the instruction's. */
  readonly mnemonic?: string;
}

export type FlagLetter = 'o' | 's' | 'z' | 'a' | 'p' | 'c' | 'i' | 'd' | 't';

export interface Instruction {
  /** NASM's name, lower case. */
  readonly mnemonic: string;
  /** Other names for the same encodings (JE, JZ); the first name is what the disassembler shows. */
  readonly aliases?: readonly string[];
  /** What it does, in one line, for the editor's hover. */
  readonly summary: string;
  /** Names that also fix the operand size (PUSHAW, PUSHAD); the mnemonic alone takes the code's default. */
  readonly sizedNames?: { readonly 16: string; readonly 32: string };
  readonly reads?: string;
  /** Flags written with a defined result / left undefined, as letters of FlagLetter. */
  readonly writes?: string;
  readonly undefined?: string;
  readonly forms: readonly Form[];
  /** LOCK is allowed when operand 0 is memory. */
  readonly lock?: boolean;
  /** The address size matters although no ModRM shows it (strings, LOOP, JCXZ, XLAT). */
  readonly addressSized?: boolean;
  /** POP to memory: an address based on (E)SP is computed after the increment (SDM vol. 2, POP). */
  readonly addressAfterPop?: boolean;
  /** Takes REP (count only) or REPE / REPNE (count and ZF). */
  readonly repeat?: 'rep' | 'repe';
  /** Ends a block: the emitter's jump, a control service or a fault always leaves it. */
  readonly terminates?: boolean;
  /** Needs CPL 0 (shown by tools; the check is part of the semantics). */
  readonly privileged?: boolean;
  /** Emits the semantics for one sized form; called once per handler of the interpreter, once per use in the translator. */
  readonly semantics: (e: Emitter) => void;
}

/** `form('81 /0', 'Ev Iz')`. */
export function form(opcode: string, operands = '', options: Omit<Form, 'opcode' | 'operands'> = {}): Form {
  return { opcode, operands: (operands === '' ? [] : operands.split(' ')) as OperandCode[], ...options };
}
