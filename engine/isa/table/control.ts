/** Control transfer (SDM vol. 1, 5.1.7; vol. 2 for each). */
import { i32, type I32 } from '../../wasm/value.ts';
import type { Emitter } from '../emitter.ts';
import { conditions, overflow, zero } from '../flags.ts';
import { form, type Instruction } from '../instruction.ts';
import { Reg } from '../state.ts';

/** An offset as the operand size has it. */
function target(e: Emitter, offset: I32): I32 {
  return e.f.let(e.operandSize === 2 ? i32.and(offset, i32.const(0xffff)) : offset);
}

const jumps: readonly Instruction[] = [
  ...conditions.map((condition, code): Instruction => ({
    mnemonic: `j${condition.names[0]}`,
    aliases: condition.names.slice(1).map((name) => `j${name}`),
    summary: 'Jump if the condition holds',
    reads: condition.reads,
    forms: [form((0x70 + code).toString(16), 'Jb', { sized: true }), form(`0f ${(0x80 + code).toString(16)}`, 'Jz')],
    semantics: (e) => e.f.if(condition.test(e), () => e.jumpRelative()),
  })),
  {
    mnemonic: 'jmp',
    summary: 'Jump',
    terminates: true,
    forms: [form('eb', 'Jb', { sized: true }), form('e9', 'Jz')],
    semantics: (e) => e.jumpRelative(),
  },
  {
    mnemonic: 'jmp',
    summary: 'Jump near, indirect',
    terminates: true,
    forms: [form('ff /4', 'Ev')],
    semantics: (e) => {
      const offset = target(e, e.read(0));
      e.checkTarget(offset);
      e.jump(offset);
    },
  },
  {
    mnemonic: 'jmp',
    summary: 'Jump far',
    terminates: true,
    forms: [form('ea', 'Ap')],
    semantics: (e) => e.callControl('farJump', e.immediateHigh(), e.immediate(), i32.const(e.operandSize)),
  },
  {
    mnemonic: 'jmp',
    summary: 'Jump far, indirect',
    terminates: true,
    forms: [form('ff /5', 'Mp')],
    semantics: (e) => {
      const [selector, offset] = readFarPointer(e);
      e.callControl('farJump', selector, offset, i32.const(e.operandSize));
    },
  },
  {
    mnemonic: 'call',
    summary: 'Call near',
    terminates: true,
    forms: [form('e8', 'Jz')],
    semantics: (e) => {
      e.checkTarget();
      e.push(e.nextInstructionPointer(), e.operandSize);
      e.jumpRelative();
    },
  },
  {
    mnemonic: 'call',
    summary: 'Call near, indirect',
    terminates: true,
    forms: [form('ff /2', 'Ev')],
    semantics: (e) => {
      const offset = target(e, e.read(0));
      e.checkTarget(offset);
      e.push(e.nextInstructionPointer(), e.operandSize);
      e.jump(offset);
    },
  },
  {
    mnemonic: 'call',
    summary: 'Call far',
    terminates: true,
    forms: [form('9a', 'Ap')],
    semantics: (e) => e.callControl('farCall', e.immediateHigh(), e.immediate(), i32.const(e.operandSize)),
  },
  {
    mnemonic: 'call',
    summary: 'Call far, indirect',
    terminates: true,
    forms: [form('ff /3', 'Mp')],
    semantics: (e) => {
      const [selector, offset] = readFarPointer(e);
      e.callControl('farCall', selector, offset, i32.const(e.operandSize));
    },
  },
  {
    mnemonic: 'ret',
    aliases: ['retn'],
    summary: 'Return near',
    terminates: true,
    forms: [form('c3', '', { sized: true }), form('c2', 'Iw', { sized: true })],
    semantics: (e) => {
      const offset = target(e, e.peekStack(0, e.operandSize));
      const extra = e.operands.length > 0 ? e.immediate() : i32.const(0);
      e.checkTarget(offset);
      e.adjustStack(i32.add(i32.const(e.operandSize), extra));
      e.jump(offset);
    },
  },
  {
    mnemonic: 'retf',
    summary: 'Return far',
    terminates: true,
    forms: [form('cb', '', { sized: true }), form('ca', 'Iw', { sized: true })],
    semantics: (e) => e.callControl('farReturn', i32.const(e.operandSize), e.operands.length > 0 ? e.immediate() : i32.const(0)),
  },
  {
    mnemonic: 'iret',
    summary: 'Return from interrupt',
    terminates: true,
    sizedNames: { 16: 'iretw', 32: 'iretd' },
    forms: [form('cf', '', { sized: true })],
    semantics: (e) => e.callControl('interruptReturn', i32.const(e.operandSize)),
  },
];

function readFarPointer(e: Emitter): [I32, I32] {
  const at = e.offset(0);
  const segment = e.segment();
  const offset = e.load(segment, at, e.operandSize);
  const selector = e.load(segment, i32.add(at, i32.const(e.operandSize)), 2);
  return [selector, offset];
}

/** (E)CX as LOOP, JCXZ and repeated strings count: by address size. */
function countRegister(e: Emitter): I32 {
  return e.register(Reg.ecx, e.addressSize);
}

function loop(condition: ((e: Emitter) => I32) | undefined) {
  return (e: Emitter) => {
    const count = e.f.let(i32.sub(countRegister(e), i32.const(1)));
    const remaining = e.f.let(e.addressSize === 2 ? i32.and(count, i32.const(0xffff)) : count);
    const more = i32.ne(remaining, i32.const(0));
    const taken = e.f.let(condition ? i32.and(more, condition(e)) : more);
    e.f.if(taken, () => e.checkTarget());
    e.setRegister(Reg.ecx, remaining, e.addressSize);
    e.f.if(taken, () => e.jumpRelative());
  };
}

const loopForms = (opcode: string) => [form(opcode, 'Jb', { sized: true })];

const loops: readonly Instruction[] = [
  {
    mnemonic: 'loopne',
    aliases: ['loopnz'],
    summary: 'Loop while not zero and ZF clear',
    reads: 'z',
    addressSized: true,
    forms: loopForms('e0'),
    semantics: loop((e) => i32.xor(zero(e), i32.const(1))),
  },
  {
    mnemonic: 'loope',
    aliases: ['loopz'],
    summary: 'Loop while not zero and ZF set',
    reads: 'z',
    addressSized: true,
    forms: loopForms('e1'),
    semantics: loop(zero),
  },
  {
    mnemonic: 'loop',
    summary: 'Loop while CX or ECX is not zero',
    addressSized: true,
    forms: loopForms('e2'),
    semantics: loop(undefined),
  },
  {
    mnemonic: 'jcxz',
    summary: 'Jump if CX is zero',
    addressSized: true,
    forms: [form('e3', 'Jb', { sized: true, addressSize: 16 })],
    semantics: (e) => e.f.if(i32.eqz(countRegister(e)), () => e.jumpRelative()),
  },
  {
    mnemonic: 'jecxz',
    summary: 'Jump if ECX is zero',
    addressSized: true,
    forms: [form('e3', 'Jb', { sized: true, addressSize: 32 })],
    semantics: (e) => e.f.if(i32.eqz(countRegister(e)), () => e.jumpRelative()),
  },
];

const invalidOpcode = 6;

const interrupts: readonly Instruction[] = [
  {
    mnemonic: 'int3',
    aliases: ['int03'],
    summary: 'Breakpoint',
    terminates: true,
    forms: [form('cc')],
    semantics: (e) => e.callControl('softwareInterrupt', i32.const(3), i32.const(1)),
  },
  {
    mnemonic: 'int',
    summary: 'Software interrupt',
    terminates: true,
    forms: [form('cd', 'Ib')],
    semantics: (e) => e.callControl('softwareInterrupt', e.read(0), i32.const(0)),
  },
  {
    mnemonic: 'into',
    summary: 'Interrupt if overflow',
    reads: 'o',
    terminates: true,
    forms: [form('ce')],
    semantics: (e) => {
      e.f.if(overflow(e), () => e.callControl('softwareInterrupt', i32.const(4), i32.const(1)));
      e.flow();
    },
  },
  {
    mnemonic: 'int1',
    aliases: ['icebp', 'int01'],
    summary: 'Debug trap',
    terminates: true,
    forms: [form('f1')],
    semantics: (e) => e.callControl('softwareInterrupt', i32.const(1), i32.const(2)),
  },
  {
    mnemonic: 'bound',
    summary: 'Check an array index against bounds',
    forms: [form('62 /r', 'Gv Ma')],
    semantics: (e) => {
      const size = e.operandSize;
      const extend = (value: I32) => e.f.let(size === 2 ? i32.extend16(value) : value);
      const at = e.offset(1);
      const index = extend(e.read(0));
      const lower = extend(e.load(e.segment(), at, size));
      const upper = extend(e.load(e.segment(), i32.add(at, i32.const(size)), size));
      e.f.if(i32.or(i32.ltS(index, lower), i32.gtS(index, upper)), () => e.fault(5));
    },
  },
  {
    mnemonic: 'ud2',
    summary: 'Undefined instruction',
    terminates: true,
    forms: [form('0f 0b')],
    semantics: (e) => e.fault(invalidOpcode),
  },
  {
    mnemonic: 'ud1',
    summary: 'Undefined instruction',
    terminates: true,
    forms: [form('0f b9 /r', 'Gv Ev')],
    semantics: (e) => e.fault(invalidOpcode),
  },
  {
    mnemonic: 'ud0',
    summary: 'Undefined instruction',
    terminates: true,
    forms: [form('0f ff /r', 'Gv Ev')],
    semantics: (e) => e.fault(invalidOpcode),
  },
];

export const control: readonly Instruction[] = [...jumps, ...loops, ...interrupts];
