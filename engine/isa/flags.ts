/**
 * Lazy arithmetic flags (decision 0002): three words that any result can be written to with plain stores.
 *   flagZero         ZF is set when it is 0
 *   flagSignParity   bit 31 is SF, PF is the even parity of the low byte
 *   flagAux          bit 31 is CF, bit 31 ^ bit 30 is OF, bit 3 is AF
 * Carries are computed as a vector: bit i is the carry out of bit i. SDM vol. 1, 3.4.3.1.
 */
import { i32, type I32 } from '../wasm/value.ts';
import type { Emitter, Size } from './emitter.ts';

const one = i32.const(1);
const allOnes = i32.const(-1);

/** Sign-extends the low `size` bytes. */
export function signExtend(value: I32, size: Size): I32 {
  return size === 1 ? i32.extend8(value) : size === 2 ? i32.extend16(value) : value;
}

/** Zero-extends the low `size` bytes. */
export function zeroExtend(value: I32, size: Size): I32 {
  return size === 4 ? value : i32.and(value, i32.const(size === 1 ? 0xff : 0xffff));
}

function setResult(e: Emitter, result: I32, size: Size): void {
  const extended = e.f.let(signExtend(result, size));
  e.setField('flagZero', extended);
  e.setField('flagSignParity', extended);
}

/** Moves a carry vector so that the carry out of the top bit is bit 31; AF stays at bit 3. */
function placeCarries(e: Emitter, carries: I32, size: Size): I32 {
  if (size === 4) return carries;
  const vector = e.f.let(carries);
  return i32.or(i32.shl(vector, i32.const(size === 1 ? 24 : 16)), i32.and(vector, i32.const(8)));
}

function addCarries(a: I32, b: I32, result: I32): I32 {
  return i32.or(i32.and(a, b), i32.and(i32.or(a, b), i32.xor(result, allOnes)));
}

function subtractBorrows(a: I32, b: I32, result: I32): I32 {
  return i32.or(i32.and(i32.xor(a, allOnes), b), i32.and(i32.xor(i32.xor(a, b), allOnes), result));
}

/** After result = a + b (+ carry). */
export function setAdd(e: Emitter, a: I32, b: I32, result: I32, size: Size): void {
  e.setField('flagAux', placeCarries(e, addCarries(a, b, result), size));
  setResult(e, result, size);
}

/** After result = a - b (- borrow). */
export function setSubtract(e: Emitter, a: I32, b: I32, result: I32, size: Size): void {
  e.setField('flagAux', placeCarries(e, subtractBorrows(a, b, result), size));
  setResult(e, result, size);
}

/** After AND, OR, XOR, TEST: CF = OF = 0; AF, which is undefined, is cleared. */
export function setLogic(e: Emitter, result: I32, size: Size): void {
  e.setField('flagAux', i32.const(0));
  setResult(e, result, size);
}

/** INC (b = 1 added) and DEC (subtracted): CF is kept. */
export function setStep(e: Emitter, a: I32, result: I32, size: Size, direction: 'up' | 'down'): void {
  const carries = e.f.let(placeCarries(e, direction === 'up' ? addCarries(a, one, result) : subtractBorrows(a, one, result), size));
  const carry = e.f.let(i32.and(e.field('flagAux'), i32.const(0x80000000)));
  const overflow = i32.and(i32.xor(carries, i32.shrU(carries, one)), i32.const(0x40000000));
  e.setField('flagAux', i32.or(i32.or(carry, i32.and(carries, i32.const(8))), i32.xor(i32.shrU(carry, one), overflow)));
  setResult(e, result, size);
}

/** SF, ZF, PF from a result; CF and OF given as 0 or 1; AF cleared. */
export function setResultWith(e: Emitter, result: I32, size: Size, carry: I32, overflow: I32): void {
  setCarryOverflow(e, carry, overflow);
  setResult(e, result, size);
}

/** CF and OF (0 or 1) alone; SF, ZF and PF stay, AF is cleared. */
export function setCarryOverflow(e: Emitter, carry: I32, overflow: I32): void {
  const c = e.f.let(carry);
  e.setField('flagAux', i32.or(i32.shl(c, i32.const(31)), i32.shl(i32.xor(c, overflow), i32.const(30))));
}

/** As setCarryOverflow, but AF stays as it is (rotates leave it unaffected). */
export function setCarryOverflowKeepAdjust(e: Emitter, carry: I32, overflow: I32): void {
  const adjust = e.f.let(i32.and(e.field('flagAux'), i32.const(8)));
  const c = e.f.let(carry);
  e.setField('flagAux', i32.or(adjust, i32.or(i32.shl(c, i32.const(31)), i32.shl(i32.xor(c, overflow), i32.const(30)))));
}

/** CF alone (0 or 1): everything else stays. */
export function setCarry(e: Emitter, carry: I32): void {
  const old = e.f.let(e.field('flagAux'));
  const overflow = e.f.let(i32.and(i32.xor(old, i32.shl(old, one)), i32.const(0x80000000)));
  const c = e.f.let(i32.shl(carry, i32.const(31)));
  e.setField('flagAux', i32.or(i32.and(old, i32.const(8)), i32.or(c, i32.shrU(i32.xor(c, overflow), one))));
}

/** ZF alone (0 or 1): SF and PF stay. */
export function setZero(e: Emitter, zero: I32): void {
  e.setField('flagZero', i32.xor(zero, one));
}

/** Sets all six from an image with their architectural bit positions (SAHF keeps OF by passing it in). */
export function setAll(e: Emitter, image: I32): void {
  const bits = e.f.let(image);
  e.setField('flagZero', i32.xor(i32.and(i32.shrU(bits, i32.const(6)), one), one));
  // The low byte's parity is even for 0 and odd for 1: PF clear wants an odd one.
  const parity = i32.xor(i32.and(i32.shrU(bits, i32.const(2)), one), one);
  e.setField('flagSignParity', i32.or(i32.shl(i32.and(bits, i32.const(0x80)), i32.const(24)), parity));
  const carry = e.f.let(i32.and(bits, one));
  const overflow = i32.and(i32.shrU(bits, i32.const(11)), one);
  const adjust = i32.shrU(i32.and(bits, i32.const(0x10)), one);
  e.setField('flagAux', i32.or(adjust, i32.or(i32.shl(carry, i32.const(31)), i32.shl(i32.xor(carry, overflow), i32.const(30)))));
}

/** Each gives 0 or 1. */
export const carry = (e: Emitter): I32 => i32.shrU(e.field('flagAux'), i32.const(31));
export const adjust = (e: Emitter): I32 => i32.and(i32.shrU(e.field('flagAux'), i32.const(3)), one);
export const zero = (e: Emitter): I32 => i32.eqz(e.field('flagZero'));
export const sign = (e: Emitter): I32 => i32.shrU(e.field('flagSignParity'), i32.const(31));
export const overflow = (e: Emitter): I32 => {
  const aux = e.f.let(e.field('flagAux'));
  return i32.shrU(i32.xor(aux, i32.shl(aux, one)), i32.const(31));
};
export const parity = (e: Emitter): I32 =>
  i32.xor(i32.and(i32.popcnt(i32.and(e.field('flagSignParity'), i32.const(0xff))), one), one);

const not = (value: I32): I32 => i32.xor(value, one);

/** The sixteen conditions of Jcc, SETcc and CMOVcc by their encoding (SDM vol. 1, appendix B), with all their names. */
export const conditions: readonly { names: readonly string[]; reads: string; test: (e: Emitter) => I32 }[] = [
  { names: ['o'], reads: 'o', test: overflow },
  { names: ['no'], reads: 'o', test: (e) => not(overflow(e)) },
  { names: ['c', 'b', 'nae'], reads: 'c', test: carry },
  { names: ['nc', 'ae', 'nb'], reads: 'c', test: (e) => not(carry(e)) },
  { names: ['z', 'e'], reads: 'z', test: zero },
  { names: ['nz', 'ne'], reads: 'z', test: (e) => i32.ne(e.field('flagZero'), i32.const(0)) },
  { names: ['na', 'be'], reads: 'cz', test: (e) => i32.or(carry(e), zero(e)) },
  { names: ['a', 'nbe'], reads: 'cz', test: (e) => not(i32.or(carry(e), zero(e))) },
  { names: ['s'], reads: 's', test: sign },
  { names: ['ns'], reads: 's', test: (e) => not(sign(e)) },
  { names: ['pe', 'p'], reads: 'p', test: parity },
  { names: ['po', 'np'], reads: 'p', test: (e) => not(parity(e)) },
  { names: ['l', 'nge'], reads: 'so', test: (e) => i32.xor(sign(e), overflow(e)) },
  { names: ['nl', 'ge'], reads: 'so', test: (e) => not(i32.xor(sign(e), overflow(e))) },
  { names: ['ng', 'le'], reads: 'soz', test: (e) => i32.or(zero(e), i32.xor(sign(e), overflow(e))) },
  { names: ['g', 'nle'], reads: 'soz', test: (e) => not(i32.or(zero(e), i32.xor(sign(e), overflow(e)))) },
];
