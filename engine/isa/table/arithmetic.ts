/** Integer arithmetic and logic (SDM vol. 1, 5.1.2 and 5.1.4; vol. 2 for each). */
import { i32, i64, type I32 } from '../../wasm/value.ts';
import type { Emitter } from '../emitter.ts';
import { adjust, carry, setAdd, setLogic, setResultWith, setStep, setSubtract, signExtend, zeroExtend } from '../flags.ts';
import { form, type Form, type Instruction } from '../instruction.ts';
import { Reg } from '../state.ts';

/** The eight classic two-operand instructions; the opcode's middle bits tell them apart. Order of forms is NASM's preference. */
function classicForms(index: number): Form[] {
  const opcode = (low: number) => (index * 8 + low).toString(16).padStart(2, '0');
  return [
    form(`${opcode(0)} /r`, 'Eb Gb'),
    form(`${opcode(1)} /r`, 'Ev Gv'),
    form(`${opcode(2)} /r`, 'Gb Eb'),
    form(`${opcode(3)} /r`, 'Gv Ev'),
    form(opcode(4), 'AL Ib'),
    form(`83 /${index}`, 'Ev Ibs'),
    form(opcode(5), 'eAX Iz'),
    form(`80 /${index}`, 'Eb Ib'),
    form(`81 /${index}`, 'Ev Iz'),
    form(`82 /${index}`, 'Eb Ib', { decodeOnly: true }),
  ];
}

const allFlags = 'oszapc';

function binary(change: (e: Emitter, a: I32, b: I32) => I32) {
  return (e: Emitter) => {
    const b = e.read(1);
    e.update(0, (a) => change(e, a, b));
  };
}

function add(e: Emitter, a: I32, b: I32): I32 {
  const result = e.f.let(i32.add(a, b));
  setAdd(e, a, b, result, e.size(0));
  return result;
}
function subtract(e: Emitter, a: I32, b: I32): I32 {
  const result = e.f.let(i32.sub(a, b));
  setSubtract(e, a, b, result, e.size(0));
  return result;
}
/** ADC and SBB. CF is read before the destination: under LOCK the change may be tried more than once, and it sets CF. */
function withCarry(direction: 'add' | 'subtract') {
  return (e: Emitter) => {
    const b = e.read(1);
    const carried = e.f.let(carry(e));
    e.update(0, (a) => {
      const adds = direction === 'add';
      const result = e.f.let(adds ? i32.add(i32.add(a, b), carried) : i32.sub(i32.sub(a, b), carried));
      (adds ? setAdd : setSubtract)(e, a, b, result, e.size(0));
      return result;
    });
  };
}
function logic(operation: (a: I32, b: I32) => I32) {
  return (e: Emitter, a: I32, b: I32): I32 => {
    const result = e.f.let(operation(a, b));
    setLogic(e, result, e.size(0));
    return result;
  };
}

const classic: readonly Instruction[] = [
  { mnemonic: 'add', summary: 'Add', writes: allFlags, lock: true, forms: classicForms(0), semantics: binary(add) },
  {
    mnemonic: 'or',
    summary: 'Logical inclusive OR',
    writes: 'oszpc',
    undefined: 'a',
    lock: true,
    forms: classicForms(1),
    semantics: binary(logic(i32.or)),
  },
  {
    mnemonic: 'adc',
    summary: 'Add with carry',
    reads: 'c',
    writes: allFlags,
    lock: true,
    forms: classicForms(2),
    semantics: withCarry('add'),
  },
  {
    mnemonic: 'sbb',
    summary: 'Subtract with borrow',
    reads: 'c',
    writes: allFlags,
    lock: true,
    forms: classicForms(3),
    semantics: withCarry('subtract'),
  },
  {
    mnemonic: 'and',
    summary: 'Logical AND',
    writes: 'oszpc',
    undefined: 'a',
    lock: true,
    forms: classicForms(4),
    semantics: binary(logic(i32.and)),
  },
  { mnemonic: 'sub', summary: 'Subtract', writes: allFlags, lock: true, forms: classicForms(5), semantics: binary(subtract) },
  {
    mnemonic: 'xor',
    summary: 'Logical exclusive OR',
    writes: 'oszpc',
    undefined: 'a',
    lock: true,
    forms: classicForms(6),
    semantics: binary(logic(i32.xor)),
  },
  {
    mnemonic: 'cmp',
    summary: 'Compare two operands',
    writes: allFlags,
    forms: classicForms(7),
    semantics: (e) => {
      const a = e.read(0);
      subtract(e, a, e.read(1));
    },
  },
];

/** The low `size` bytes of EDX:EAX or AX, as multiplication and division use them. */
function setWideResult(e: Emitter, low: I32, high: I32): void {
  const size = e.size(0);
  if (size === 1) {
    e.setRegister(Reg.eax, low, 2);
  } else {
    e.setRegister(Reg.eax, low, size);
    e.setRegister(Reg.edx, high, size);
  }
}

function multiply(signed: boolean) {
  return (e: Emitter) => {
    const size = e.size(0);
    const a = e.register(Reg.eax, size);
    const b = e.read(0);
    if (size === 4) {
      const extend = signed ? i64.extendS : i64.extendU;
      const product = e.f.let(i64.mul(extend(a), extend(b)));
      const low = e.f.let(i32.wrap(product));
      const high = e.f.let(i32.wrap(i64.shrU(product, i64.const(32n))));
      setWideResult(e, low, high);
      const truncated = signed ? i32.ne(high, i32.shrS(low, i32.const(31))) : i32.ne(high, i32.const(0));
      const lost = e.f.let(truncated);
      setResultWith(e, low, 4, lost, lost);
      return;
    }
    const product = e.f.let(signed ? i32.mul(signExtend(a, size), signExtend(b, size)) : i32.mul(a, b));
    setWideResult(e, product, i32.shrU(product, i32.const(16)));
    const truncated = signed
      ? i32.ne(signExtend(product, size), product)
      : i32.ne(i32.shrU(product, i32.const(size * 8)), i32.const(0));
    const lost = e.f.let(truncated);
    setResultWith(e, product, size, lost, lost);
  };
}

function signedMultiplyTruncated(e: Emitter, a: I32, b: I32): void {
  const size = e.size(0);
  if (size === 4) {
    const product = e.f.let(i64.mul(i64.extendS(a), i64.extendS(b)));
    const low = e.f.let(i32.wrap(product));
    const lost = e.f.let(i64.ne(i64.extendS(low), product));
    e.write(0, low);
    setResultWith(e, low, 4, lost, lost);
    return;
  }
  const product = e.f.let(i32.mul(signExtend(a, size), signExtend(b, size)));
  const lost = e.f.let(i32.ne(signExtend(product, size), product));
  e.write(0, product);
  setResultWith(e, product, size, lost, lost);
}

const divideError = 0;

/** DIV and IDIV: #DE for a zero divisor or a quotient that does not fit (SDM vol. 2, DIV, IDIV). */
function divide(signed: boolean) {
  return (e: Emitter) => {
    const size = e.size(0);
    const divisor = e.read(0);
    e.f.if(i32.eqz(divisor), () => e.fault(divideError));
    if (size === 4) {
      const dividend = e.f.let(
        i64.or(i64.shl(i64.extendU(e.register(Reg.edx)), i64.const(32n)), i64.extendU(e.register(Reg.eax))),
      );
      const wide = e.f.let(signed ? i64.extendS(divisor) : i64.extendU(divisor));
      if (signed) {
        // -2^63 / -1 overflows in WebAssembly as well: it would trap.
        e.f.if(i32.and(i64.eq(wide, i64.const(-1n)), i64.eq(dividend, i64.const(-(2n ** 63n)))), () => e.fault(divideError));
      }
      const quotient = e.f.let(signed ? i64.divS(dividend, wide) : i64.divU(dividend, wide));
      const back = signed ? i64.extendS(i32.wrap(quotient)) : i64.extendU(i32.wrap(quotient));
      e.f.if(i64.ne(back, quotient), () => e.fault(divideError));
      e.setRegister(Reg.eax, i32.wrap(quotient));
      e.setRegister(Reg.edx, i32.wrap(i64.sub(dividend, i64.mul(quotient, wide))));
      return;
    }
    const dividend = e.f.let(
      size === 1
        ? signed
          ? i32.extend16(e.register(Reg.eax, 2))
          : e.register(Reg.eax, 2)
        : i32.or(i32.shl(e.register(Reg.edx, 2), i32.const(16)), e.register(Reg.eax, 2)),
    );
    const wide = e.f.let(signed ? signExtend(divisor, size) : divisor);
    if (signed) {
      e.f.if(i32.and(i32.eq(wide, i32.const(-1)), i32.eq(dividend, i32.const(0x80000000))), () => e.fault(divideError));
    }
    const quotient = e.f.let(signed ? i32.divS(dividend, wide) : i32.divU(dividend, wide));
    const back = signed ? signExtend(quotient, size) : zeroExtend(quotient, size);
    e.f.if(i32.ne(back, quotient), () => e.fault(divideError));
    const remainder = e.f.let(i32.sub(dividend, i32.mul(quotient, wide)));
    if (size === 1) {
      e.setRegister(Reg.eax, i32.or(i32.and(quotient, i32.const(0xff)), i32.shl(remainder, i32.const(8))), 2);
    } else {
      e.setRegister(Reg.eax, quotient, 2);
      e.setRegister(Reg.edx, remainder, 2);
    }
  };
}

const unary: readonly Instruction[] = [
  {
    mnemonic: 'inc',
    summary: 'Increment by 1',
    writes: 'oszap',
    lock: true,
    forms: [form('40', 'Zv'), form('fe /0', 'Eb'), form('ff /0', 'Ev')],
    semantics: (e) =>
      e.update(0, (a) => {
        const result = e.f.let(i32.add(a, i32.const(1)));
        setStep(e, a, result, e.size(0), 'up');
        return result;
      }),
  },
  {
    mnemonic: 'dec',
    summary: 'Decrement by 1',
    writes: 'oszap',
    lock: true,
    forms: [form('48', 'Zv'), form('fe /1', 'Eb'), form('ff /1', 'Ev')],
    semantics: (e) =>
      e.update(0, (a) => {
        const result = e.f.let(i32.sub(a, i32.const(1)));
        setStep(e, a, result, e.size(0), 'down');
        return result;
      }),
  },
  {
    mnemonic: 'neg',
    summary: "Two's complement negation",
    writes: allFlags,
    lock: true,
    forms: [form('f6 /3', 'Eb'), form('f7 /3', 'Ev')],
    semantics: (e) => e.update(0, (a) => subtract(e, i32.const(0), a)),
  },
  {
    mnemonic: 'not',
    summary: "One's complement negation",
    lock: true,
    forms: [form('f6 /2', 'Eb'), form('f7 /2', 'Ev')],
    semantics: (e) => e.update(0, (a) => i32.xor(a, i32.const(-1))),
  },
  {
    mnemonic: 'test',
    summary: 'Logical compare',
    writes: 'oszpc',
    undefined: 'a',
    forms: [
      form('84 /r', 'Eb Gb'),
      form('85 /r', 'Ev Gv'),
      form('a8', 'AL Ib'),
      form('a9', 'eAX Iz'),
      form('f6 /0', 'Eb Ib'),
      form('f7 /0', 'Ev Iz'),
      form('f6 /1', 'Eb Ib', { decodeOnly: true }),
      form('f7 /1', 'Ev Iz', { decodeOnly: true }),
    ],
    semantics: (e) => {
      const a = e.read(0);
      setLogic(e, e.f.let(i32.and(a, e.read(1))), e.size(0));
    },
  },
  {
    mnemonic: 'mul',
    summary: 'Unsigned multiply',
    writes: 'oc',
    undefined: 'szap',
    forms: [form('f6 /4', 'Eb'), form('f7 /4', 'Ev')],
    semantics: multiply(false),
  },
  {
    mnemonic: 'imul',
    summary: 'Signed multiply',
    writes: 'oc',
    undefined: 'szap',
    forms: [
      form('f6 /5', 'Eb'),
      form('f7 /5', 'Ev'),
      form('0f af /r', 'Gv Ev'),
      form('6b /r', 'Gv Ev Ibs'),
      form('69 /r', 'Gv Ev Iz'),
    ],
    semantics: (e) => {
      if (e.operands.length === 1) multiply(true)(e);
      else if (e.operands.length === 2) {
        const a = e.read(0);
        signedMultiplyTruncated(e, a, e.read(1));
      } else {
        const a = e.read(1);
        signedMultiplyTruncated(e, a, e.read(2));
      }
    },
  },
  {
    mnemonic: 'div',
    summary: 'Unsigned divide',
    undefined: allFlags,
    forms: [form('f6 /6', 'Eb'), form('f7 /6', 'Ev')],
    semantics: divide(false),
  },
  {
    mnemonic: 'idiv',
    summary: 'Signed divide',
    undefined: allFlags,
    forms: [form('f6 /7', 'Eb'), form('f7 /7', 'Ev')],
    semantics: divide(true),
  },
];

/** Decimal adjustment (SDM vol. 2; undefined flags as processors set them). */
function adjustDecimal(direction: 'add' | 'subtract') {
  return (e: Emitter) => {
    const old = e.register(Reg.eax, 1);
    const oldCarry = e.f.let(carry(e));
    const low = e.f.let(i32.or(i32.gtU(i32.and(old, i32.const(15)), i32.const(9)), adjust(e)));
    const high = e.f.let(i32.or(i32.gtU(old, i32.const(0x99)), oldCarry));
    const delta = e.f.let(i32.add(i32.mul(low, i32.const(6)), i32.mul(high, i32.const(0x60))));
    const result = e.f.let(direction === 'add' ? i32.add(old, delta) : i32.sub(old, delta));
    e.setRegister(Reg.eax, result, 1);
    // DAS also carries when the low correction borrows out of the byte.
    const carryOut = direction === 'add' ? high : e.f.let(i32.or(high, i32.and(low, i32.ltU(old, i32.const(6)))));
    setAdjusted(e, result, carryOut, low);
  };
}

/** SF ZF PF from a byte, CF and AF as given, OF cleared. */
function setAdjusted(e: Emitter, result: I32, carryOut: I32, adjusted: I32): void {
  setResultWith(e, result, 1, carryOut, i32.const(0));
  e.setField('flagAux', i32.or(e.field('flagAux'), i32.shl(adjusted, i32.const(3))));
}

function adjustAscii(direction: 'add' | 'subtract') {
  return (e: Emitter) => {
    const old = e.register(Reg.eax, 2);
    const needed = e.f.let(i32.or(i32.gtU(i32.and(old, i32.const(15)), i32.const(9)), adjust(e)));
    const delta = e.f.let(i32.mul(needed, i32.const(0x106)));
    const result = e.f.let(direction === 'add' ? i32.add(old, delta) : i32.sub(old, delta));
    e.setRegister(Reg.eax, i32.and(result, i32.const(0xff0f)), 2);
    setAdjusted(e, result, needed, needed);
  };
}

const decimal: readonly Instruction[] = [
  {
    mnemonic: 'daa',
    summary: 'Decimal adjust AL after addition',
    reads: 'ac',
    writes: 'szapc',
    undefined: 'o',
    forms: [form('27')],
    semantics: adjustDecimal('add'),
  },
  {
    mnemonic: 'das',
    summary: 'Decimal adjust AL after subtraction',
    reads: 'ac',
    writes: 'szapc',
    undefined: 'o',
    forms: [form('2f')],
    semantics: adjustDecimal('subtract'),
  },
  {
    mnemonic: 'aaa',
    summary: 'ASCII adjust AL after addition',
    reads: 'a',
    writes: 'ac',
    undefined: 'oszp',
    forms: [form('37')],
    semantics: adjustAscii('add'),
  },
  {
    mnemonic: 'aas',
    summary: 'ASCII adjust AL after subtraction',
    reads: 'a',
    writes: 'ac',
    undefined: 'oszp',
    forms: [form('3f')],
    semantics: adjustAscii('subtract'),
  },
  {
    mnemonic: 'aam',
    summary: 'ASCII adjust AX after multiply',
    writes: 'szp',
    undefined: 'oac',
    forms: [form('d4', 'Ib')],
    semantics: (e) => {
      const base = e.read(0);
      e.f.if(i32.eqz(base), () => e.fault(divideError));
      const value = e.register(Reg.eax, 1);
      const low = e.f.let(i32.remU(value, base));
      e.setRegister(Reg.eax, i32.or(i32.shl(i32.divU(value, base), i32.const(8)), low), 2);
      setLogic(e, low, 1);
    },
  },
  {
    mnemonic: 'aad',
    summary: 'ASCII adjust AX before division',
    writes: 'szp',
    undefined: 'oac',
    forms: [form('d5', 'Ib')],
    semantics: (e) => {
      const base = e.read(0);
      const value = e.register(Reg.eax, 2);
      const result = e.f.let(
        i32.and(i32.add(i32.and(value, i32.const(0xff)), i32.mul(i32.shrU(value, i32.const(8)), base)), i32.const(0xff)),
      );
      e.setRegister(Reg.eax, result, 2);
      setLogic(e, result, 1);
    },
  },
];

const conversion: readonly Instruction[] = [
  {
    mnemonic: 'cbw',
    summary: 'Sign-extend AL into AX',
    forms: [form('98', '', { operandSize: 16 })],
    semantics: (e) => e.setRegister(Reg.eax, i32.extend8(e.register(Reg.eax, 1)), 2),
  },
  {
    mnemonic: 'cwde',
    summary: 'Sign-extend AX into EAX',
    forms: [form('98', '', { operandSize: 32 })],
    semantics: (e) => e.setRegister(Reg.eax, i32.extend16(e.register(Reg.eax, 2))),
  },
  {
    mnemonic: 'cwd',
    summary: 'Sign-extend AX into DX:AX',
    forms: [form('99', '', { operandSize: 16 })],
    semantics: (e) => e.setRegister(Reg.edx, i32.shrS(i32.extend16(e.register(Reg.eax, 2)), i32.const(15)), 2),
  },
  {
    mnemonic: 'cdq',
    summary: 'Sign-extend EAX into EDX:EAX',
    forms: [form('99', '', { operandSize: 32 })],
    semantics: (e) => e.setRegister(Reg.edx, i32.shrS(e.register(Reg.eax), i32.const(31))),
  },
];

const exchange: readonly Instruction[] = [
  {
    mnemonic: 'xadd',
    summary: 'Exchange and add',
    writes: allFlags,
    lock: true,
    forms: [form('0f c0 /r', 'Eb Gb'), form('0f c1 /r', 'Ev Gv')],
    semantics: (e) => {
      const b = e.read(1);
      const before = e.f.local('i32');
      const after = e.f.local('i32');
      e.update(0, (a) => {
        e.f.set(before, a);
        e.f.set(after, add(e, a, b));
        return after.get;
      });
      e.write(1, before.get);
      // XADD of a register with itself: the sum wins (the destination is written last).
      if (!e.isMemory(0)) e.write(0, after.get);
    },
  },
  {
    mnemonic: 'cmpxchg',
    summary: 'Compare and exchange',
    writes: allFlags,
    lock: true,
    forms: [form('0f b0 /r', 'Eb Gb'), form('0f b1 /r', 'Ev Gv')],
    semantics: (e) => {
      const size = e.size(0);
      const replacement = e.read(1);
      const expected = e.register(Reg.eax, size);
      const found = e.f.local('i32');
      // The destination is always written, with the old value when the comparison fails (SDM vol. 2, CMPXCHG).
      e.update(0, (a) => {
        e.f.set(found, a);
        subtract(e, expected, a);
        return i32.select(i32.eq(a, expected), replacement, a);
      });
      e.f.if(i32.ne(found.get, expected), () => e.setRegister(Reg.eax, found.get, size));
    },
  },
];

export const arithmetic: readonly Instruction[] = [...classic, ...unary, ...decimal, ...conversion, ...exchange];
