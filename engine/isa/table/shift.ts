/** Shifts, rotates and bit instructions (SDM vol. 1, 5.1.5 and 5.1.6). Counts are taken modulo 32. */
import { i32, i64, type I32 } from '../../wasm/value.ts';
import type { Emitter, Size } from '../emitter.ts';
import { carry, setCarry, setCarryOverflowKeepAdjust, setResultWith, signExtend, zeroExtend } from '../flags.ts';
import { form, type Form, type Instruction } from '../instruction.ts';

const one = i32.const(1);

function shiftForms(digit: number): Form[] {
  return [
    form(`d0 /${digit}`, 'Eb 1'),
    form(`d2 /${digit}`, 'Eb CL'),
    form(`c0 /${digit}`, 'Eb Ib'),
    form(`d1 /${digit}`, 'Ev 1'),
    form(`d3 /${digit}`, 'Ev CL'),
    form(`c1 /${digit}`, 'Ev Ib'),
  ];
}

/** Bit `position` (0-31, may be computed) of a value. */
const bit = (value: I32, position: I32) => i32.and(i32.shrU(value, position), one);
const topBit = (value: I32, size: Size) => bit(value, i32.const(size * 8 - 1));

/**
 * Common frame: a count of zero changes neither the destination nor flags (but a memory operand is still checked for
 * writing, as processors do).
 */
function shift(change: (e: Emitter, value: I32, count: I32, size: Size) => I32) {
  return (e: Emitter) => {
    const count = e.f.let(i32.and(e.read(1), i32.const(31)));
    e.update(0, (value) => {
      const result = e.f.local('i32');
      e.f.set(result, value);
      e.f.if(count, () => e.f.set(result, change(e, value, count, e.size(0))));
      return result.get;
    });
  };
}

/** A value of `size` bytes as 64 bits, so that shifting by up to 31 and one more never wraps. */
function shiftLeft(e: Emitter, value: I32, count: I32, size: Size): I32 {
  const wide = e.f.let(i64.shl(i64.extendU(value), i64.extendU(count)));
  const result = e.f.let(i32.wrap(wide));
  const out = e.f.let(i32.and(i32.wrap(i64.shrU(wide, i64.const(BigInt(size * 8)))), one));
  setResultWith(e, result, size, out, i32.xor(topBit(result, size), out));
  return result;
}

function shiftRight(e: Emitter, value: I32, count: I32, size: Size): I32 {
  const result = e.f.let(i32.shrU(value, count));
  const out = bit(value, i32.sub(count, one));
  // For a count of one OF is the old top bit; the same formula is what processors give for larger counts.
  setResultWith(e, result, size, out, i32.xor(topBit(result, size), bit(result, i32.const(size * 8 - 2))));
  return result;
}

function shiftRightArithmetic(e: Emitter, value: I32, count: I32, size: Size): I32 {
  const extended = e.f.let(signExtend(value, size));
  const result = e.f.let(i32.shrS(extended, count));
  const out = i32.and(i32.shrS(extended, i32.sub(count, one)), one);
  setResultWith(e, result, size, out, i32.const(0));
  return result;
}

function rotateLeft(e: Emitter, value: I32, count: I32, size: Size): I32 {
  const result = e.f.let(
    size === 4
      ? i32.rotl(value, count)
      : (() => {
          const steps = e.f.let(i32.and(count, i32.const(size * 8 - 1)));
          return i32.or(i32.shl(value, steps), i32.shrU(value, i32.sub(i32.const(size * 8), steps)));
        })(),
  );
  const out = e.f.let(i32.and(result, one));
  setCarryOverflowKeepAdjust(e, out, i32.xor(out, topBit(result, size)));
  return result;
}

function rotateRight(e: Emitter, value: I32, count: I32, size: Size): I32 {
  const result = e.f.let(
    size === 4
      ? i32.rotr(value, count)
      : (() => {
          const steps = e.f.let(i32.and(count, i32.const(size * 8 - 1)));
          return i32.or(i32.shrU(value, steps), i32.shl(value, i32.sub(i32.const(size * 8), steps)));
        })(),
  );
  const top = e.f.let(topBit(result, size));
  setCarryOverflowKeepAdjust(e, top, i32.xor(top, bit(result, i32.const(size * 8 - 2))));
  return result;
}

/** RCL and RCR rotate through CF: the value with CF on top is one bit wider. */
function rotateThroughCarry(direction: 'left' | 'right') {
  return (e: Emitter, value: I32, count: I32, size: Size): I32 => {
    const width = size * 8 + 1;
    const steps = e.f.let(size === 4 ? count : i32.remU(count, i32.const(width)));
    const result = e.f.local('i32');
    e.f.set(result, value);
    // With 8 and 16 bits a count of 9 or 17 is a whole turn: nothing changes, and flags keep what they were (OF too).
    e.f.if(steps, () => {
      const wide = e.f.let(i64.or(i64.shl(i64.extendU(carry(e)), i64.const(BigInt(size * 8))), i64.extendU(value)));
      const forward = e.f.let(i64.extendU(steps));
      const backward = e.f.let(i64.sub(i64.const(BigInt(width)), forward));
      const turned = e.f.let(
        direction === 'left'
          ? i64.or(i64.shl(wide, forward), i64.shrU(wide, backward))
          : i64.or(i64.shrU(wide, forward), i64.shl(wide, backward)),
      );
      const out = e.f.let(i32.and(i32.wrap(i64.shrU(turned, i64.const(BigInt(size * 8)))), one));
      e.f.set(result, i32.wrap(turned));
      const overflowed =
        direction === 'left'
          ? i32.xor(out, topBit(result.get, size))
          : i32.xor(topBit(result.get, size), bit(result.get, i32.const(size * 8 - 2)));
      setCarryOverflowKeepAdjust(e, out, overflowed);
    });
    return result.get;
  };
}

const shifts: readonly Instruction[] = [
  { mnemonic: 'rol', summary: 'Rotate left', writes: 'c', undefined: 'o', forms: shiftForms(0), semantics: shift(rotateLeft) },
  { mnemonic: 'ror', summary: 'Rotate right', writes: 'c', undefined: 'o', forms: shiftForms(1), semantics: shift(rotateRight) },
  {
    mnemonic: 'rcl',
    summary: 'Rotate left through carry',
    reads: 'c',
    writes: 'c',
    undefined: 'o',
    forms: shiftForms(2),
    semantics: shift(rotateThroughCarry('left')),
  },
  {
    mnemonic: 'rcr',
    summary: 'Rotate right through carry',
    reads: 'c',
    writes: 'c',
    undefined: 'o',
    forms: shiftForms(3),
    semantics: shift(rotateThroughCarry('right')),
  },
  {
    mnemonic: 'shl',
    aliases: ['sal'],
    summary: 'Shift left',
    writes: 'szpc',
    undefined: 'oa',
    forms: [...shiftForms(4), ...shiftForms(6).map((each) => ({ ...each, decodeOnly: true }))],
    semantics: shift(shiftLeft),
  },
  {
    mnemonic: 'shr',
    summary: 'Shift right',
    writes: 'szpc',
    undefined: 'oa',
    forms: shiftForms(5),
    semantics: shift(shiftRight),
  },
  {
    mnemonic: 'sar',
    summary: 'Shift right, keeping the sign',
    writes: 'szpc',
    undefined: 'oa',
    forms: shiftForms(7),
    semantics: shift(shiftRightArithmetic),
  },
];

/**
 * SHLD and SHRD. With 16-bit operands a count above 16 is undefined; processors shift a 48-bit pattern
 * (destination : source : destination), and so do we.
 */
function doubleShift(direction: 'left' | 'right') {
  return (e: Emitter) => {
    const size = e.size(0);
    const filler = e.read(1);
    const count = e.f.let(i32.and(e.read(2), i32.const(31)));
    e.update(0, (value) => {
      const result = e.f.local('i32');
      e.f.set(result, value);
      e.f.if(count, () => {
        const steps = e.f.let(i64.extendU(count));
        const out = e.f.local('i32');
        if (size === 4) {
          const pair = e.f.let(
            direction === 'left'
              ? i64.or(i64.shl(i64.extendU(value), i64.const(32n)), i64.extendU(filler))
              : i64.or(i64.shl(i64.extendU(filler), i64.const(32n)), i64.extendU(value)),
          );
          if (direction === 'left') {
            e.f.set(result, i32.wrap(i64.shrU(i64.shl(pair, steps), i64.const(32n))));
            e.f.set(out, bit(value, i32.sub(i32.const(32), count)));
          } else {
            e.f.set(result, i32.wrap(i64.shrU(pair, steps)));
            e.f.set(out, bit(value, i32.sub(count, one)));
          }
        } else {
          const low = e.f.let(zeroExtend(value, 2));
          const fill = e.f.let(zeroExtend(filler, 2));
          const pattern = e.f.let(
            i64.or(
              i64.or(i64.shl(i64.extendU(low), i64.const(32n)), i64.shl(i64.extendU(fill), i64.const(16n))),
              i64.extendU(low),
            ),
          );
          if (direction === 'left') {
            e.f.set(result, i32.wrap(i64.shrU(i64.shl(pattern, steps), i64.const(32n))));
            e.f.set(out, i32.and(i32.wrap(i64.shrU(i64.shl(pattern, steps), i64.const(48n))), one));
          } else {
            e.f.set(result, i32.wrap(i64.shrU(pattern, steps)));
            e.f.set(out, i32.and(i32.wrap(i64.shrU(pattern, i64.sub(steps, i64.const(1n)))), one));
          }
        }
        const changed = e.f.let(result.get);
        const sign = i32.xor(topBit(value, size), topBit(changed, size));
        setResultWith(e, changed, size, out.get, sign);
      });
      return result.get;
    });
  };
}

const doubleShifts: readonly Instruction[] = [
  {
    mnemonic: 'shld',
    summary: 'Double precision shift left',
    writes: 'szpc',
    undefined: 'oa',
    forms: [form('0f a4 /r', 'Ev Gv Ib'), form('0f a5 /r', 'Ev Gv CL')],
    semantics: doubleShift('left'),
  },
  {
    mnemonic: 'shrd',
    summary: 'Double precision shift right',
    writes: 'szpc',
    undefined: 'oa',
    forms: [form('0f ac /r', 'Ev Gv Ib'), form('0f ad /r', 'Ev Gv CL')],
    semantics: doubleShift('right'),
  },
];

/**
 * BT, BTS, BTR, BTC. With a register as bit index a memory operand is a bit string: the index, signed, selects the
 * operand-sized word to access (SDM vol. 2, 3.1.1.9, BitOffset).
 */
function bitTest(change: ((value: I32, mask: I32) => I32) | undefined) {
  return (e: Emitter) => {
    const size = e.size(0);
    const index = e.read(1);
    const position = e.f.let(i32.and(index, i32.const(size * 8 - 1)));
    const apply = (value: I32) => {
      const old = e.f.let(value);
      setCarry(e, bit(old, position));
      return change ? change(old, i32.shl(one, position)) : old;
    };
    if (change) e.update(0, apply);
    else apply(e.read(0));
  };
}

function bitForms(registerOpcode: string, digit: number): Form[] {
  return [form(`${registerOpcode} /r`, 'Ev Gv', { bitString: true }), form(`0f ba /${digit}`, 'Ev Ib')];
}

/** BSF and BSR: a source of zero sets ZF and leaves the destination (as processors do; the manual says undefined). */
function bitScan(direction: 'forward' | 'reverse') {
  return (e: Emitter) => {
    const value = e.read(1);
    setResultWith(e, value, e.size(1), i32.const(0), i32.const(0));
    e.f.if(value, () => e.write(0, direction === 'forward' ? i32.ctz(value) : i32.sub(i32.const(31), i32.clz(value))));
  };
}

const bits: readonly Instruction[] = [
  {
    mnemonic: 'bt',
    summary: 'Bit test',
    writes: 'c',
    undefined: 'osap',
    forms: bitForms('0f a3', 4),
    semantics: bitTest(undefined),
  },
  {
    mnemonic: 'bts',
    summary: 'Bit test and set',
    writes: 'c',
    undefined: 'osap',
    lock: true,
    forms: bitForms('0f ab', 5),
    semantics: bitTest(i32.or),
  },
  {
    mnemonic: 'btr',
    summary: 'Bit test and reset',
    writes: 'c',
    undefined: 'osap',
    lock: true,
    forms: bitForms('0f b3', 6),
    semantics: bitTest((value, mask) => i32.and(value, i32.xor(mask, i32.const(-1)))),
  },
  {
    mnemonic: 'btc',
    summary: 'Bit test and complement',
    writes: 'c',
    undefined: 'osap',
    lock: true,
    forms: bitForms('0f bb', 7),
    semantics: bitTest(i32.xor),
  },
  {
    mnemonic: 'bsf',
    summary: 'Bit scan forward',
    writes: 'z',
    undefined: 'osapc',
    forms: [form('0f bc /r', 'Gv Ev')],
    semantics: bitScan('forward'),
  },
  {
    mnemonic: 'bsr',
    summary: 'Bit scan reverse',
    writes: 'z',
    undefined: 'osapc',
    forms: [form('0f bd /r', 'Gv Ev')],
    semantics: bitScan('reverse'),
  },
];

export const shiftAndBit: readonly Instruction[] = [...shifts, ...doubleShifts, ...bits];
