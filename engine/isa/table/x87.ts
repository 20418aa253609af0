/**
 * The x87 up to the Pentium Pro (SDM vol. 1, 5.2; vol. 2 for each). The work is done by the floating-point unit of cpu/. Of
 * register operands the first is the destination; ST is ST(0), STi is named by ModRM.rm.
 */
import { i32 } from '../../wasm/value.ts';
import type { Emitter } from '../emitter.ts';
import { form, type Form, type Instruction } from '../instruction.ts';
import { popShift, X87, X87Format } from '../x87.ts';

type Semantics = (e: Emitter) => void;

/** No, one (the source, with ST(0) the destination) or two registers. */
function stack(operation: X87, pops = 0): Semantics {
  return (e) => {
    const zero = i32.const(0);
    const [destination, source] =
      e.operands.length === 2 ? [e.read(0), e.read(1)] : [zero, e.operands.length === 1 ? e.read(0) : zero];
    e.call('x87Stack', i32.const(operation | (pops << popShift)), destination, source, e.instructionPointer());
  };
}

function memory(operation: X87, format: X87Format, pops = 0): Semantics {
  return (e) =>
    e.call(
      'x87Memory',
      i32.const(operation | (pops << popShift)),
      i32.const(format),
      e.segment(),
      e.offset(0),
      e.instructionPointer(),
    );
}

/** Environment or state: its layout goes by the operand size. */
const image =
  (operation: X87): Semantics =>
  (e) =>
    memory(operation, e.operandSize === 2 ? X87Format.image16 : X87Format.image32)(e);

const plain = (mnemonic: string, summary: string, opcode: string, operation: X87, pops = 0): Instruction => ({
  mnemonic,
  summary,
  forms: [form(opcode)],
  semantics: stack(operation, pops),
});

const decodeOnly = { decodeOnly: true };

/** ADD and its kin: ST, m32 · ST, m64 · ST, STi · STi, ST · with pop · with integers. `toStack` is the digit where STi is the destination. */
function arithmetic(name: string, summary: string, operation: X87, digit: number, toStack: number): Instruction[] {
  const integer = `fi${name.slice(1)}`;
  return [
    { mnemonic: name, summary, forms: [form(`d8 /${digit}`, 'Md')], semantics: memory(operation, X87Format.real32) },
    { mnemonic: name, summary, forms: [form(`dc /${digit}`, 'Mq')], semantics: memory(operation, X87Format.real64) },
    {
      mnemonic: name,
      summary,
      forms: [form(`d8 /${digit}`, 'ST STi'), form(`dc /${toStack}`, 'STi ST')],
      semantics: stack(operation),
    },
    {
      mnemonic: `${name}p`,
      summary: `${summary} and pop`,
      forms: [form(`de /${toStack}`, 'STi ST')],
      semantics: stack(operation, 1),
    },
    {
      mnemonic: integer,
      summary: `${summary} (integer)`,
      forms: [form(`da /${digit}`, 'Md')],
      semantics: memory(operation, X87Format.integer32),
    },
    {
      mnemonic: integer,
      summary: `${summary} (integer)`,
      forms: [form(`de /${digit}`, 'Mw')],
      semantics: memory(operation, X87Format.integer16),
    },
  ];
}

/** FCOM (0 pops) and FCOMP (1). */
function compare(name: string, digit: number, pops: number, others: readonly Form[]): Instruction[] {
  const summary = pops === 0 ? 'Compare' : 'Compare and pop';
  const integer = `fi${name.slice(1)}`;
  return [
    { mnemonic: name, summary, forms: [form(`d8 /${digit}`, 'Md')], semantics: memory(X87.compare, X87Format.real32, pops) },
    { mnemonic: name, summary, forms: [form(`dc /${digit}`, 'Mq')], semantics: memory(X87.compare, X87Format.real64, pops) },
    { mnemonic: name, summary, forms: [form(`d8 /${digit}`, 'STi'), ...others], semantics: stack(X87.compare, pops) },
    {
      mnemonic: integer,
      summary: `${summary} (integer)`,
      forms: [form(`da /${digit}`, 'Md')],
      semantics: memory(X87.compare, X87Format.integer32, pops),
    },
    {
      mnemonic: integer,
      summary: `${summary} (integer)`,
      forms: [form(`de /${digit}`, 'Mw')],
      semantics: memory(X87.compare, X87Format.integer16, pops),
    },
  ];
}

function transfer(
  mnemonic: string,
  summary: string,
  opcode: string,
  operand: 'Mw' | 'Md' | 'Mq' | 'Mt',
  operation: X87,
  format: X87Format,
  pops = 0,
): Instruction {
  return { mnemonic, summary, forms: [form(opcode, operand)], semantics: memory(operation, format, pops) };
}

function conditionalMove(condition: string, summary: string, opcode: string, operation: X87): Instruction {
  return { mnemonic: `fcmov${condition}`, summary, reads: 'zpc', forms: [form(opcode, 'ST STi')], semantics: stack(operation) };
}

export const x87: readonly Instruction[] = [
  ...arithmetic('fadd', 'Add', X87.add, 0, 0),
  ...arithmetic('fmul', 'Multiply', X87.multiply, 1, 1),
  ...arithmetic('fsub', 'Subtract', X87.subtract, 4, 5),
  ...arithmetic('fsubr', 'Subtract reversed', X87.subtractReversed, 5, 4),
  ...arithmetic('fdiv', 'Divide', X87.divide, 6, 7),
  ...arithmetic('fdivr', 'Divide reversed', X87.divideReversed, 7, 6),

  ...compare('fcom', 2, 0, [form('dc /2', 'STi', decodeOnly)]),
  ...compare('fcomp', 3, 1, [form('dc /3', 'STi', decodeOnly), form('de /2', 'STi', decodeOnly)]),
  plain('fcompp', 'Compare and pop twice', 'de d9', X87.compare, 2),
  { mnemonic: 'fucom', summary: 'Unordered compare', forms: [form('dd /4', 'STi')], semantics: stack(X87.compareQuietly) },
  {
    mnemonic: 'fucomp',
    summary: 'Unordered compare and pop',
    forms: [form('dd /5', 'STi')],
    semantics: stack(X87.compareQuietly, 1),
  },
  plain('fucompp', 'Unordered compare and pop twice', 'da e9', X87.compareQuietly, 2),
  {
    mnemonic: 'fcomi',
    summary: 'Compare to EFLAGS',
    writes: 'zpc',
    forms: [form('db /6', 'ST STi')],
    semantics: stack(X87.compareToFlags),
  },
  {
    mnemonic: 'fcomip',
    summary: 'Compare to EFLAGS and pop',
    writes: 'zpc',
    forms: [form('df /6', 'ST STi')],
    semantics: stack(X87.compareToFlags, 1),
  },
  {
    mnemonic: 'fucomi',
    summary: 'Unordered compare to EFLAGS',
    writes: 'zpc',
    forms: [form('db /5', 'ST STi')],
    semantics: stack(X87.compareQuietlyToFlags),
  },
  {
    mnemonic: 'fucomip',
    summary: 'Unordered compare to EFLAGS and pop',
    writes: 'zpc',
    forms: [form('df /5', 'ST STi')],
    semantics: stack(X87.compareQuietlyToFlags, 1),
  },
  plain('ftst', 'Compare with zero', 'd9 e4', X87.test),
  plain('fxam', 'Examine', 'd9 e5', X87.examine),

  transfer('fld', 'Load real', 'd9 /0', 'Md', X87.load, X87Format.real32),
  transfer('fld', 'Load real', 'dd /0', 'Mq', X87.load, X87Format.real64),
  transfer('fld', 'Load real', 'db /5', 'Mt', X87.load, X87Format.real80),
  { mnemonic: 'fld', summary: 'Load from a register', forms: [form('d9 /0', 'STi')], semantics: stack(X87.load) },
  transfer('fst', 'Store real', 'd9 /2', 'Md', X87.store, X87Format.real32),
  transfer('fst', 'Store real', 'dd /2', 'Mq', X87.store, X87Format.real64),
  { mnemonic: 'fst', summary: 'Store to a register', forms: [form('dd /2', 'STi')], semantics: stack(X87.store) },
  transfer('fstp', 'Store real and pop', 'd9 /3', 'Md', X87.store, X87Format.real32, 1),
  transfer('fstp', 'Store real and pop', 'dd /3', 'Mq', X87.store, X87Format.real64, 1),
  transfer('fstp', 'Store real and pop', 'db /7', 'Mt', X87.store, X87Format.real80, 1),
  {
    mnemonic: 'fstp',
    summary: 'Store to a register and pop',
    forms: [form('dd /3', 'STi'), form('df /2', 'STi', decodeOnly), form('df /3', 'STi', decodeOnly)],
    semantics: stack(X87.store, 1),
  },
  {
    mnemonic: 'fstp',
    summary: 'Store to a register and pop, empty or not',
    forms: [form('d9 /3', 'STi', decodeOnly)],
    semantics: stack(X87.storeUnchecked),
  },
  transfer('fild', 'Load integer', 'df /0', 'Mw', X87.load, X87Format.integer16),
  transfer('fild', 'Load integer', 'db /0', 'Md', X87.load, X87Format.integer32),
  transfer('fild', 'Load integer', 'df /5', 'Mq', X87.load, X87Format.integer64),
  transfer('fist', 'Store integer', 'df /2', 'Mw', X87.store, X87Format.integer16),
  transfer('fist', 'Store integer', 'db /2', 'Md', X87.store, X87Format.integer32),
  transfer('fistp', 'Store integer and pop', 'df /3', 'Mw', X87.store, X87Format.integer16, 1),
  transfer('fistp', 'Store integer and pop', 'db /3', 'Md', X87.store, X87Format.integer32, 1),
  transfer('fistp', 'Store integer and pop', 'df /7', 'Mq', X87.store, X87Format.integer64, 1),
  transfer('fbld', 'Load packed decimal', 'df /4', 'Mt', X87.load, X87Format.decimal),
  transfer('fbstp', 'Store packed decimal and pop', 'df /6', 'Mt', X87.store, X87Format.decimal, 1),
  {
    mnemonic: 'fxch',
    summary: 'Exchange registers',
    forms: [form('d9 /1', 'STi'), form('dd /1', 'STi', decodeOnly), form('df /1', 'STi', decodeOnly)],
    semantics: stack(X87.exchange),
  },
  { mnemonic: 'ffree', summary: 'Free a register', forms: [form('dd /0', 'STi')], semantics: stack(X87.free) },
  { mnemonic: 'ffreep', summary: 'Free a register and pop', forms: [form('df /0', 'STi')], semantics: stack(X87.free, 1) },
  conditionalMove('b', 'Move if below', 'da /0', X87.moveIfBelow),
  conditionalMove('e', 'Move if equal', 'da /1', X87.moveIfEqual),
  conditionalMove('be', 'Move if below or equal', 'da /2', X87.moveIfBelowOrEqual),
  conditionalMove('u', 'Move if unordered', 'da /3', X87.moveIfUnordered),
  conditionalMove('nb', 'Move if not below', 'db /0', X87.moveIfNotBelow),
  conditionalMove('ne', 'Move if not equal', 'db /1', X87.moveIfNotEqual),
  conditionalMove('nbe', 'Move if not below or equal', 'db /2', X87.moveIfAbove),
  conditionalMove('nu', 'Move if not unordered', 'db /3', X87.moveIfOrdered),

  plain('fchs', 'Change sign', 'd9 e0', X87.changeSign),
  plain('fabs', 'Absolute value', 'd9 e1', X87.absolute),
  plain('fsqrt', 'Square root', 'd9 fa', X87.squareRoot),
  plain('frndint', 'Round to integer', 'd9 fc', X87.roundToInteger),
  plain('fscale', 'Scale by a power of two', 'd9 fd', X87.scale),
  plain('fxtract', 'Extract exponent and significand', 'd9 f4', X87.extract),
  plain('fprem', 'Partial remainder', 'd9 f8', X87.remainder),
  plain('fprem1', 'IEEE partial remainder', 'd9 f5', X87.nearestRemainder),
  plain('f2xm1', 'Two to the power of x, minus one', 'd9 f0', X87.powerOfTwo),
  plain('fyl2x', 'y times the binary logarithm of x', 'd9 f1', X87.logarithm, 1),
  plain('fyl2xp1', 'y times the binary logarithm of x plus one', 'd9 f9', X87.logarithmPlusOne, 1),
  plain('fptan', 'Partial tangent', 'd9 f2', X87.tangent),
  plain('fpatan', 'Partial arctangent', 'd9 f3', X87.arcTangent, 1),
  plain('fsin', 'Sine', 'd9 fe', X87.sine),
  plain('fcos', 'Cosine', 'd9 ff', X87.cosine),
  plain('fsincos', 'Sine and cosine', 'd9 fb', X87.sineAndCosine),

  plain('fld1', 'Load 1', 'd9 e8', X87.loadOne),
  plain('fldl2t', 'Load the binary logarithm of 10', 'd9 e9', X87.loadLogarithm2Of10),
  plain('fldl2e', 'Load the binary logarithm of e', 'd9 ea', X87.loadLogarithmE),
  plain('fldpi', 'Load pi', 'd9 eb', X87.loadPi),
  plain('fldlg2', 'Load the decimal logarithm of 2', 'd9 ec', X87.loadLogarithm10),
  plain('fldln2', 'Load the natural logarithm of 2', 'd9 ed', X87.loadNaturalLogarithm2),
  plain('fldz', 'Load 0', 'd9 ee', X87.loadZero),

  plain('fdecstp', 'Decrement the stack top', 'd9 f6', X87.decrementTop),
  plain('fincstp', 'Increment the stack top', 'd9 f7', X87.incrementTop),
  plain('fnop', 'No operation', 'd9 d0', X87.nothing),
  plain('fninit', 'Initialise', 'db e3', X87.initialise),
  plain('fnclex', 'Clear exceptions', 'db e2', X87.clearExceptions),
  plain('fneni', 'Enable interrupts (8087)', 'db e0', X87.ignored),
  plain('fndisi', 'Disable interrupts (8087)', 'db e1', X87.ignored),
  plain('fnsetpm', 'Set protected mode (80287)', 'db e4', X87.ignored),
  {
    mnemonic: 'fldcw',
    summary: 'Load the control word',
    forms: [form('d9 /5', 'Mw')],
    semantics: memory(X87.loadControl, X87Format.word),
  },
  {
    mnemonic: 'fnstcw',
    summary: 'Store the control word',
    forms: [form('d9 /7', 'Mw')],
    semantics: memory(X87.storeControl, X87Format.word),
  },
  {
    mnemonic: 'fnstsw',
    summary: 'Store the status word',
    forms: [form('dd /7', 'Mw')],
    semantics: memory(X87.storeStatus, X87Format.word),
  },
  {
    mnemonic: 'fnstsw',
    summary: 'Store the status word',
    forms: [form('df e0', 'AX')],
    semantics: (e) => stackOnly(e, X87.storeStatusToAx),
  },
  {
    mnemonic: 'fldenv',
    summary: 'Load the environment',
    forms: [form('d9 /4', 'M', { sized: true })],
    semantics: image(X87.loadEnvironment),
  },
  {
    mnemonic: 'fnstenv',
    summary: 'Store the environment',
    forms: [form('d9 /6', 'M', { sized: true })],
    semantics: image(X87.storeEnvironment),
  },
  {
    mnemonic: 'frstor',
    summary: 'Restore the state',
    forms: [form('dd /4', 'M', { sized: true })],
    semantics: image(X87.restore),
  },
  { mnemonic: 'fnsave', summary: 'Save the state', forms: [form('dd /6', 'M', { sized: true })], semantics: image(X87.save) },
  {
    mnemonic: 'fxsave',
    summary: 'Save the state in 512 bytes',
    forms: [form('0f ae /0', 'M', { noPrefix: true })],
    semantics: memory(X87.saveExtended, X87Format.image32),
  },
  {
    mnemonic: 'fxrstor',
    summary: 'Restore the state from 512 bytes',
    forms: [form('0f ae /1', 'M', { noPrefix: true })],
    semantics: memory(X87.restoreExtended, X87Format.image32),
  },
  {
    mnemonic: 'wait',
    aliases: ['fwait'],
    summary: 'Wait for the floating-point unit',
    forms: [form('9b')],
    semantics: (e) => e.call('x87Wait'),
  },
];

/** An operation without stack operands, whatever the form's operands are. */
function stackOnly(e: Emitter, operation: X87): void {
  e.call('x87Stack', i32.const(operation), i32.const(0), i32.const(0), e.instructionPointer());
}
