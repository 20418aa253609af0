/** The words of the language by kind, with a line on each: for colours, completion and hovers. Instructions come from the instruction table. */
import { instructions } from '../../isa/table.ts';
import type { Instruction } from '../../isa/instruction.ts';
import { candidatesOf } from '../candidate.ts';
import { handlers } from '../directive.ts';
import { registers, type Register } from '../register.ts';

export type WordKind = 'instruction' | 'flow' | 'prefix' | 'register' | 'data' | 'directive' | 'keyword';

export interface Word {
  readonly kind: WordKind;
  readonly summary: string;
}

/** Every name that an instruction may be written by, with the entries that it may mean; the one with the most forms first. */
export const mnemonics: ReadonlyMap<string, readonly Instruction[]> = new Map(
  [...candidatesOf(instructions)].map(([name, list]) => [
    name,
    [...new Set(list.map(({ instruction }) => instruction))].sort((a, b) => b.forms.length - a.forms.length),
  ]),
);

/** Those after which the next line may not be the next to run; the table knows them as the ends of blocks. */
const flow = /^(j\w+|call|ret\w*|iret\w*|loop\w*|int\w*|into|hlt|rsm|sysenter|sysexit|syscall|sysret)$/;

const others: readonly [WordKind, string, string][] = [
  ['prefix', 'lock', 'The instruction’s access to memory is one step for all processors'],
  ['prefix', 'rep', 'Repeats the string instruction (E)CX times'],
  ['prefix', 'repe', 'Repeats while the elements are equal, at most (E)CX times'],
  ['prefix', 'repz', 'Repeats while the elements are equal, at most (E)CX times'],
  ['prefix', 'repne', 'Repeats while the elements differ, at most (E)CX times'],
  ['prefix', 'repnz', 'Repeats while the elements differ, at most (E)CX times'],
  ['prefix', 'o16', '16-bit operand size'],
  ['prefix', 'o32', '32-bit operand size'],
  ['prefix', 'a16', '16-bit address size'],
  ['prefix', 'a32', '32-bit address size'],
  ['data', 'db', 'Bytes'],
  ['data', 'dw', 'Words: 2 bytes each'],
  ['data', 'dd', 'Doublewords: 4 bytes each'],
  ['data', 'dq', 'Quadwords: 8 bytes each'],
  ['data', 'dt', 'Ten bytes each: numbers of the x87'],
  ['data', 'do', '16 bytes each'],
  ['data', 'resb', 'Room for so many bytes'],
  ['data', 'resw', 'Room for so many words'],
  ['data', 'resd', 'Room for so many doublewords'],
  ['data', 'resq', 'Room for so many quadwords'],
  ['data', 'rest', 'Room for so many ten-byte numbers'],
  ['data', 'reso', 'Room for so many 16-byte units'],
  ['data', 'incbin', 'The bytes of a file: incbin "name", from, length'],
  ['data', 'times', 'Assembles the rest of the line so many times'],
  ['data', 'equ', 'The label in front stands for this value'],
  ['directive', 'bits', 'Code size of what follows: 16 or 32'],
  ['directive', 'use16', '16-bit code follows'],
  ['directive', 'use32', '32-bit code follows'],
  ['directive', 'org', 'The address at which the program will be loaded'],
  ['directive', 'section', 'What follows goes into this section'],
  ['directive', 'segment', 'What follows goes into this section'],
  ['directive', 'absolute', 'What follows only counts addresses, from this one on'],
  ['directive', 'align', 'Fills up to a multiple of this address'],
  ['directive', 'alignb', 'Leaves room up to a multiple of this address'],
  ['directive', 'sectalign', 'The least alignment of the section'],
  ['directive', 'struc', 'Begins a structure: names for offsets'],
  ['directive', 'endstruc', 'Ends a structure'],
  ['directive', 'istruc', 'Begins an instance of a structure'],
  ['directive', 'at', 'Places a member of an instance'],
  ['directive', 'iend', 'Ends an instance of a structure'],
  ['directive', 'global', 'Exports a name; a flat binary has none to export to'],
  ['directive', 'extern', 'A name from elsewhere; a flat binary has no elsewhere'],
  ['directive', 'cpu', 'The processor that instructions may be of'],
  ['directive', 'default', 'How addresses without registers are meant'],
  ['keyword', 'byte', '8 bits'],
  ['keyword', 'word', '16 bits'],
  ['keyword', 'dword', '32 bits'],
  ['keyword', 'qword', '64 bits'],
  ['keyword', 'tword', '80 bits'],
  ['keyword', 'short', 'A jump of one byte'],
  ['keyword', 'near', 'A jump within the segment'],
  ['keyword', 'far', 'With a segment: selector and offset'],
  ['keyword', 'strict', 'Keeps the operand’s size as it is written'],
  ['keyword', 'nosplit', 'Keeps the index as it is written'],
  ['keyword', 'dup', 'Repeats the data that follow: 4 dup (0)'],
  ['keyword', 'to', 'FADD TO ST1: the register is the destination'],
];

const percent: readonly [string, string][] = [
  ['define', 'A name that stands for text'],
  ['idefine', 'As %define, whatever the case of the name'],
  ['xdefine', 'A name that stands for text, which is expanded now'],
  ['assign', 'A name that stands for a number'],
  ['undef', 'Forgets a name'],
  ['defstr', 'A name that stands for text as a string'],
  ['deftok', 'A name that stands for what a string spells'],
  ['strlen', 'The length of a string'],
  ['strcat', 'Strings, joined'],
  ['substr', 'Part of a string'],
  ['macro', 'Begins a macro: %macro name parameters'],
  ['imacro', 'Begins a macro, whatever the case of its name'],
  ['endmacro', 'Ends a macro'],
  ['exitmacro', 'Leaves the macro here'],
  ['unmacro', 'Forgets a macro'],
  ['rotate', 'Turns the parameters of the macro'],
  ['rep', 'Assembles the lines up to %endrep so many times'],
  ['endrep', 'Ends what is repeated'],
  ['exitrep', 'Leaves what is repeated'],
  ['include', 'The lines of another file'],
  ['push', 'Enters a context'],
  ['pop', 'Leaves a context'],
  ['repl', 'Renames the context'],
  ['error', 'An error with this text'],
  ['warning', 'A warning with this text'],
  ['fatal', 'An error with this text, and the end'],
  ['line', 'The place that messages name'],
  ['if', 'Assembles what follows if the value is not 0'],
  ['ifdef', 'Assembles what follows if the name is defined'],
  ['ifndef', 'Assembles what follows if the name is not defined'],
  ['ifmacro', 'Assembles what follows if there is such a macro'],
  ['ifidn', 'Assembles what follows if the texts are the same'],
  ['ifidni', 'Assembles what follows if the texts are the same but for case'],
  ['ifid', 'Assembles what follows if it is a name'],
  ['ifnum', 'Assembles what follows if it is a number'],
  ['ifstr', 'Assembles what follows if it is a string'],
  ['ifempty', 'Assembles what follows if it is nothing'],
  ['elif', 'Otherwise, if the value is not 0'],
  ['else', 'Otherwise'],
  ['endif', 'Ends a condition'],
];

/** Preprocessor words without their percent sign. */
export const preprocessorWords: ReadonlyMap<string, string> = new Map([
  ...[...handlers.keys()].map((name): [string, string] => [name, '']),
  ...percent,
]);

const classes: Readonly<Record<Register['class'], string>> = {
  general: 'general register',
  segment: 'segment register',
  control: 'control register',
  debug: 'debug register',
  test: 'test register of the 486',
  float: 'register of the x87',
};

/** Every word that has a meaning of its own, in lower case. */
export const words: ReadonlyMap<string, Word> = new Map<string, Word>([
  ...others.map(([kind, name, summary]): [string, Word] => [name, { kind, summary }]),
  ...[...registers.values()].map((register): [string, Word] => [
    register.name,
    { kind: 'register', summary: `${register.size}-bit ${classes[register.class]}` },
  ]),
  ...[...mnemonics].map(([name, [entry]]): [string, Word] => [
    name,
    { kind: flow.test(name) ? 'flow' : 'instruction', summary: entry?.summary ?? '' },
  ]),
]);
