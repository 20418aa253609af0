/** The instruction table: the one description of every instruction (see instruction.ts). Order decides between equal encodings. */
import type { Instruction } from './instruction.ts';
import { arithmetic } from './table/arithmetic.ts';
import { control } from './table/control.ts';
import { move } from './table/move.ts';
import { shiftAndBit } from './table/shift.ts';
import { string } from './table/string.ts';
import { systemAndOther } from './table/system.ts';
import { x87 } from './table/x87.ts';

export const instructions: readonly Instruction[] = [...systemAndOther, ...arithmetic, ...move, ...shiftAndBit, ...control, ...string, ...x87];
