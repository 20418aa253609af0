/** Register names. */

export type RegisterClass = 'general' | 'segment' | 'control' | 'debug' | 'test' | 'float';

export interface Register {
  readonly name: string;
  readonly class: RegisterClass;
  /** Bits. */
  readonly size: 8 | 16 | 32 | 80;
  /** The number in ModRM. */
  readonly number: number;
}

const names: readonly [RegisterClass, 8 | 16 | 32 | 80, string][] = [
  ['general', 8, 'al cl dl bl ah ch dh bh'],
  ['general', 16, 'ax cx dx bx sp bp si di'],
  ['general', 32, 'eax ecx edx ebx esp ebp esi edi'],
  ['segment', 16, 'es cs ss ds fs gs'],
  ['control', 32, 'cr0 cr1 cr2 cr3 cr4 cr5 cr6 cr7'],
  ['debug', 32, 'dr0 dr1 dr2 dr3 dr4 dr5 dr6 dr7'],
  ['float', 80, 'st0 st1 st2 st3 st4 st5 st6 st7'],
  ['test', 32, 'tr0 tr1 tr2 tr3 tr4 tr5 tr6 tr7'],
];

/** By lower-case name. */
export const registers: ReadonlyMap<string, Register> = new Map(
  names.flatMap(([kind, size, list]) =>
    list.split(' ').map((name, number): [string, Register] => [name, { name, class: kind, size, number }]),
  ),
);

/** The registers NASM knows and this assembler does not: their names are no labels, and the error says so. */
const later =
  /^(mm[0-7]|[xyz]mm\d{1,2}|k[0-7]|bnd[0-3]|r[abcd]x|r[sb]p|r[sd]i|r\d{1,2}[bwdl]?|[sb]pl|[sd]il|rip|cr\d{1,2}|dr\d{1,2})$/;

export function isLaterRegister(name: string): boolean {
  return later.test(name) && !registers.has(name);
}
