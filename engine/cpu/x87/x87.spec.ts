import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { Reg } from '../../isa/state.ts';
import { X87, X87Format } from '../../isa/x87.ts';
import { Control0 } from '../control-bits.ts';
import { enterProtected } from '../testing/tables.ts';
import { TestMachine } from '../testing/test-machine.ts';
import { add, compare, divide, multiply, Order, remainder, squareRoot, subtract } from './arithmetic.ts';
import { fromBcd, fromReal, toBcd, toInteger, toReal } from './convert.ts';
import { Exception, fromInteger, indefinite, kindOf, Kind, type Extended } from './extended.ts';
import { arcTangent, cosine, logarithm, powerOfTwo, sine, tangent } from './functions.ts';
import { round, roundTo, single, Rounding } from './rounding.ts';

/** All masked, nearest; extended and double precision. */
const extendedControl = 0x37f;
const doubleControl = 0x27f;
const doubleBits = (value: number): bigint => new BigUint64Array(new Float64Array([value]).buffer)[0] ?? 0n;
const fromDouble = (value: number): Extended => fromReal(doubleBits(value), 8);
const toDouble = (value: Extended): number =>
  new Float64Array(new BigUint64Array([toReal(value, 8, extendedControl).bits]).buffer)[0] ?? NaN;
/** Far from overflow and underflow, where double rounding would make a difference. */
const ordinary = fc.double({ min: -1e100, max: 1e100, noNaN: true }).filter((value) => value === 0 || Math.abs(value) > 1e-100);

describe('arithmetic in double precision', () => {
  it('is that of JavaScript', () => {
    fc.assert(
      fc.property(ordinary, ordinary, (a, b) => {
        const [x, y] = [fromDouble(a), fromDouble(b)];
        expect(toDouble(add(x, y, doubleControl).value)).toBe(a + b);
        expect(toDouble(subtract(x, y, doubleControl).value)).toBe(a - b);
        expect(toDouble(multiply(x, y, doubleControl).value)).toBe(a * b);
        expect(toDouble(divide(x, y, doubleControl).value)).toBe(a / b);
        expect(toDouble(squareRoot(fromDouble(Math.abs(a)), doubleControl).value)).toBe(Math.sqrt(Math.abs(a)));
      }),
    );
  });

  it('finds the remainder that JavaScript finds', () => {
    const near = fc.double({ min: 1e-3, max: 1e3, noNaN: true });
    fc.assert(
      fc.property(near, near, (a, b) => {
        expect(toDouble(remainder(fromDouble(a), fromDouble(b), extendedControl, false).value)).toBe(a % b);
      }),
    );
  });

  it('orders numbers as JavaScript does', () => {
    fc.assert(
      fc.property(fc.double(), fc.double(), (a, b) => {
        const expected = a > b ? Order.greater : a < b ? Order.less : a === b ? Order.equal : Order.unordered;
        expect(compare(fromDouble(a), fromDouble(b), false).order).toBe(expected);
      }),
    );
  });
});

describe('conversions', () => {
  it('keep every double, and every single', () => {
    fc.assert(
      fc.property(fc.double(), (value) => {
        expect(toDouble(fromDouble(value))).toBe(value);
      }),
    );
    fc.assert(
      fc.property(fc.float({ noNaN: true }), (value) => {
        const bits = BigInt(new Uint32Array(new Float32Array([value]).buffer)[0] ?? 0);
        expect(toReal(fromReal(bits, 4), 4, extendedControl)).toEqual({ bits, exceptions: 0, roundedUp: false });
      }),
    );
  });

  it('round to single as JavaScript does', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true }), (value) => {
        const expected = BigInt(new Uint32Array(new Float32Array([value]).buffer)[0] ?? 0);
        expect(toReal(fromDouble(value), 4, extendedControl).bits).toBe(expected);
      }),
    );
  });

  it('keep integers of 64 bits, and refuse what does not fit', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
        expect(BigInt.asIntN(64, toInteger(fromInteger(value), 8, extendedControl).bits)).toBe(value);
      }),
    );
    expect(toInteger(fromInteger(32768n), 2, extendedControl)).toEqual({
      bits: 0x8000n,
      exceptions: Exception.invalid,
      roundedUp: false,
    });
    expect(toInteger(fromInteger(-32768n), 2, extendedControl)).toEqual({ bits: 0x8000n, exceptions: 0, roundedUp: false });
  });

  it('keep 18 decimal digits', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 18n - 1n }), (value) => {
        const { bits } = toBcd(fromInteger(-value), extendedControl);
        expect(bits & ((1n << 72n) - 1n)).toBe(BigInt(`0x${value}`));
        expect(toInteger(fromBcd(bits), 8, extendedControl).bits).toBe(BigInt.asUintN(64, -value));
      }),
    );
    expect(toBcd(fromInteger(10n ** 18n), extendedControl).exceptions).toBe(Exception.invalid);
  });
});

describe('rounding', () => {
  it('goes the way RC says', () => {
    const rounded = (sign: 0 | 1, mode: Rounding) => roundTo(single, sign, (1n << 24n) | 1n, 0, mode, false).mantissa;
    expect([Rounding.nearest, Rounding.down, Rounding.up, Rounding.zero].map((mode) => rounded(0, mode))).toEqual([
      1n << 23n,
      1n << 23n,
      (1n << 23n) | 1n,
      1n << 23n,
    ]);
    expect([Rounding.nearest, Rounding.down, Rounding.up, Rounding.zero].map((mode) => rounded(1, mode))).toEqual([
      1n << 23n,
      (1n << 23n) | 1n,
      1n << 23n,
      1n << 23n,
    ]);
  });

  it('never lies: without the precision exception the value is exact', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 1n, max: 2n ** 90n }),
        fc.integer({ min: -200, max: 200 }),
        fc.constantFrom(0x37f, 0x77f, 0xb7f, 0xf7f, 0x27f, 0x7f),
        (magnitude, weight, control) => {
          const { value, exceptions } = round(0, magnitude, weight, control);
          const shift = value.exponent - 0x3fff - 63 - weight;
          const same =
            shift >= 0 ? value.mantissa << BigInt(shift) === magnitude : value.mantissa === magnitude << BigInt(-shift);
          expect((exceptions & Exception.precision) === 0).toBe(same);
        },
      ),
    );
  });

  it('wraps the exponent where overflow and underflow are unmasked', () => {
    const huge: Extended = { sign: 0, exponent: 0x7ffe, mantissa: 1n << 63n };
    expect(kindOf(multiply(huge, huge, extendedControl).value)).toBe(Kind.infinity);
    const wrapped = multiply(huge, huge, extendedControl & ~Exception.overflow);
    expect(wrapped).toEqual({
      value: { sign: 0, exponent: 2 * 0x7ffe - 0x3fff - 24576, mantissa: 1n << 63n },
      exceptions: Exception.overflow,
      roundedUp: false,
    });
  });
});

describe('transcendental functions', () => {
  it('agree with JavaScript to its precision', () => {
    const one = fromDouble(1);
    const close = (mine: Extended, theirs: number) =>
      expect(Math.abs(toDouble(mine) - theirs)).toBeLessThanOrEqual(4e-16 * Math.max(Math.abs(theirs), 1e-3));
    fc.assert(
      fc.property(fc.double({ min: 1e-6, max: 3, noNaN: true }), fc.double({ min: -1, max: 1, noNaN: true }), (a, b) => {
        close(sine(fromDouble(a), extendedControl).value, Math.sin(a));
        close(cosine(fromDouble(a), extendedControl).value, Math.cos(a));
        if (a < 1.5) expect(toDouble(tangent(fromDouble(a), extendedControl).value) / Math.tan(a)).toBeCloseTo(1, 14);
        close(logarithm(one, fromDouble(a), extendedControl).value, Math.log2(a));
        close(arcTangent(fromDouble(b), fromDouble(a), extendedControl).value, Math.atan2(b, a));
        expect(toDouble(add(powerOfTwo(fromDouble(b), extendedControl).value, one, extendedControl).value)).toBeCloseTo(
          2 ** b,
          14,
        );
      }),
      { numRuns: 60 },
    );
  });
});

describe('the unit', () => {
  let machine: TestMachine;
  const place = 0xa000;
  const ds = 3 * 32;
  const stack = (operation: X87, destination = 0, source = 0) =>
    machine.services.x87Stack(operation, destination, source, 0x1234);
  const memory = (operation: X87, format: X87Format, offset = place) =>
    machine.services.x87Memory(operation, format, ds, offset, 0x1234);
  beforeEach(() => {
    machine = new TestMachine();
    enterProtected(machine);
    machine.services.moveToControl(0, Control0.protectionEnable | Control0.numericError);
    stack(X87.initialise);
  });

  it('reports an unmasked exception at the next instruction that waits, and not before', () => {
    machine.bytes(place, 0x7b, 0x03);
    memory(X87.loadControl, X87Format.word);
    stack(X87.loadOne);
    stack(X87.loadZero);
    stack(X87.divide, 1, 0);
    expect(machine.takeFault()).toBe('none');
    stack(X87.storeStatusToAx);
    expect(machine.state.register(Reg.eax) & 0xffff).toBe(0xb084);
    expect(machine.takeFault()).toBe('none');
    stack(X87.absolute);
    expect(machine.takeFault()).toBe('16(0x0)');
    machine.services.x87Wait();
    expect(machine.takeFault()).toBe('16(0x0)');
    stack(X87.clearExceptions);
    machine.services.x87Wait();
    expect(machine.takeFault()).toBe('none');
  });

  it('answers a ninth load with the indefinite and a stack fault', () => {
    for (let count = 0; count < 9; count++) stack(X87.loadOne);
    expect(machine.state.block.fpuStatus & 0x2ff).toBe(0x241);
    stack(X87.store, 0, 7);
    expect(machine.state.block.fpuRegisters[2 * 7]).toBe(indefinite.mantissa);
  });

  it('stores nothing and pops nothing if the operand cannot be written', () => {
    stack(X87.loadPi);
    machine.services.loadSegment(3, 0);
    memory(X87.store | (1 << 8), X87Format.real80);
    expect(machine.takeFault()).toBe('13(0x0)');
    expect(machine.state.block.fpuTags).toBe(0x80);
    expect(machine.state.block.fpuDataOffset).toBe(0n);
  });

  it.each([X87Format.image16, X87Format.image32])('saves and restores its state (format %i)', (format) => {
    stack(X87.loadPi);
    stack(X87.loadOne);
    stack(X87.examine);
    const { block } = machine.state;
    const before = [block.fpuStatus, block.fpuTags, block.fpuControl, ...block.fpuRegisters];
    memory(X87.save, format);
    expect([block.fpuStatus, block.fpuTags, block.fpuControl]).toEqual([0, 0, 0x37f]);
    block.fpuRegisters.fill(0n);
    memory(X87.restore, format);
    expect([block.fpuStatus, block.fpuTags, block.fpuControl, ...block.fpuRegisters]).toEqual(before);
    expect(block.fpuInstructionOffset).toBe(0x1234n);
    expect(machine.takeFault()).toBe('none');
  });

  describe('with FXSAVE and FXRSTOR', () => {
    it('keeps registers in stack order, a tag bit each, and goes on with the state it has', () => {
      stack(X87.loadPi);
      stack(X87.loadOne);
      const { block } = machine.state;
      const before = [block.fpuStatus, block.fpuTags, block.fpuControl, ...block.fpuRegisters];
      memory(X87.saveExtended, X87Format.image32);
      expect([block.fpuStatus, block.fpuTags, block.fpuControl, ...block.fpuRegisters]).toEqual(before);
      const words = (...at: number[]) => at.map((offset) => machine.word(place + offset));
      expect(words(0, 2, 4)).toEqual([0x37f, 6 << 11, 0xc0]);
      expect(machine.word(place + 8)).toBe(0x1234);
      // ST(0) is 1, ST(1) is pi; each has sixteen bytes.
      expect(words(32, 36, 38, 40, 42)).toEqual([0, 0, 0x8000, 0x3fff, 0]);
      expect(words(48, 50, 52, 54, 56)).toEqual([0xc235, 0x2168, 0xdaa2, 0xc90f, 0x4000]);
      stack(X87.initialise);
      block.fpuRegisters.fill(0n);
      memory(X87.restoreExtended, X87Format.image32);
      expect([block.fpuStatus, block.fpuTags, block.fpuControl, ...block.fpuRegisters]).toEqual(before);
      expect(machine.takeFault()).toBe('none');
    });

    it('wants its image at a multiple of 16', () => {
      machine.services.x87Memory(X87.saveExtended, X87Format.image32, 3 * 32, place + 8, 0);
      expect(machine.takeFault()).toBe('13(0x0)');
      machine.services.x87Memory(X87.restoreExtended, X87Format.image32, 3 * 32, place + 4, 0);
      expect(machine.takeFault()).toBe('13(0x0)');
    });

    it('does not report exceptions that are pending', () => {
      machine.state.block.fpuControl = 0x340;
      machine.state.block.fpuStatus = 0x8081;
      memory(X87.saveExtended, X87Format.image32);
      expect(machine.takeFault()).toBe('none');
    });
  });

  it('stores linear addresses in real mode', () => {
    stack(X87.loadOne);
    machine.services.moveToControl(0, 0);
    machine.state.setSegment(1, 0xf123, 0xf1230, 0xffff, 0x93);
    stack(X87.loadOne);
    memory(X87.storeEnvironment, X87Format.image16);
    const linear = 0xf1230 + 0x1234;
    expect(machine.word(place + 6)).toBe(linear & 0xffff);
    expect(machine.word(place + 8)).toBe((linear >>> 16) << 12);
  });
});
