/** The timer of the local APIC (SDM vol. 3, section 11.5.4), at 1 GHz before the divider. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ApicRegister } from './registers.ts';
import { ApicBench } from './testing/apic-bench.ts';

const vector = 0x40;
const periodic = 1 << 17;
const deadlineMode = 2 << 17;
const byOne = 0b1011;

function armed(entry: number, initial: number, divide = byOne): ApicBench {
  const bench = new ApicBench(1);
  bench.write(0, ApicRegister.localTimer, entry);
  bench.write(0, ApicRegister.timerDivide, divide);
  bench.write(0, ApicRegister.timerInitial, initial);
  return bench;
}

const current = (bench: ApicBench) => bench.read(0, ApicRegister.timerCurrent);

/** How many times the timer's interrupt came and was served since the last call. */
function served(bench: ApicBench): number {
  if (bench.apics.acknowledge(0) !== vector) return 0;
  bench.write(0, ApicRegister.endOfInterrupt, 0);
  return 1;
}

describe('the timer, one-shot', () => {
  it('counts down to zero once, interrupts there, and stays at zero', () => {
    const bench = armed(vector, 1000);
    expect(current(bench)).toBe(1000);
    bench.pass(400);
    expect(current(bench)).toBe(600);
    bench.pass(599);
    expect([current(bench), served(bench)]).toEqual([1, 0]);
    bench.pass(1);
    expect([current(bench), served(bench)]).toEqual([0, 1]);
    bench.pass(10_000);
    expect([current(bench), served(bench), bench.deadlines[0]]).toEqual([0, 0, undefined]);
  });

  it.each([
    [0b0000, 2],
    [0b0001, 4],
    [0b0010, 8],
    [0b0011, 16],
    [0b1000, 32],
    [0b1001, 64],
    [0b1010, 128],
    [0b1011, 1],
  ])('with the divide configuration %i counts each %i nanoseconds', (code, divisor) => {
    const bench = armed(vector, 100, code);
    bench.pass(7 * divisor);
    expect(current(bench)).toBe(93);
    bench.pass(93 * divisor - 1);
    expect(served(bench)).toBe(0);
    bench.pass(1);
    expect(served(bench)).toBe(1);
  });

  it('begins anew with each initial count, and ends with the count 0', () => {
    const bench = armed(vector, 1000);
    bench.pass(900);
    bench.write(0, ApicRegister.timerInitial, 1000);
    bench.pass(999);
    expect(served(bench)).toBe(0);
    bench.write(0, ApicRegister.timerInitial, 0);
    bench.pass(10_000);
    expect([current(bench), served(bench)]).toEqual([0, 0]);
  });

  it('counts while it is masked, and gives no interrupt for that afterwards', () => {
    const bench = armed(0x10000 | vector, 1000);
    bench.pass(1500);
    bench.write(0, ApicRegister.localTimer, vector);
    bench.pass(1500);
    expect([current(bench), served(bench)]).toEqual([0, 0]);
  });

  it('goes on from its count when the divider changes', () => {
    const bench = armed(vector, 1000);
    bench.pass(400);
    bench.write(0, ApicRegister.timerDivide, 0b0001);
    expect(current(bench)).toBe(600);
    bench.pass(4 * 599);
    expect([current(bench), served(bench)]).toEqual([1, 0]);
    bench.pass(4);
    expect(served(bench)).toBe(1);
  });

  it('that is due still interrupts when the divider is written before it was served', () => {
    const bench = armed(vector, 1000);
    bench.now += 1500;
    bench.write(0, ApicRegister.timerDivide, 0b0001);
    bench.pass(0);
    expect(served(bench)).toBe(1);
  });
});

describe('the timer, periodic', () => {
  it('reloads at zero and interrupts each time', () => {
    const bench = armed(periodic | vector, 1000);
    for (let period = 0; period < 5; period++) {
      bench.pass(999);
      expect(served(bench)).toBe(0);
      bench.pass(1);
      expect([served(bench), current(bench)]).toEqual([1, 1000]);
    }
  });

  it('makes up for no period that nobody looked at', () => {
    const bench = armed(periodic | vector, 1000);
    bench.now += 10_500;
    bench.pass(0);
    expect(served(bench)).toBe(1);
    expect([bench.deadlines[0], served(bench), current(bench)]).toEqual([1_011_000, 0, 500]);
  });

  it('becomes one-shot at the count that it has, and the other way round', () => {
    const bench = armed(periodic | vector, 1000);
    bench.pass(2300);
    served(bench);
    bench.write(0, ApicRegister.localTimer, vector);
    expect(current(bench)).toBe(700);
    bench.pass(700);
    expect([served(bench), current(bench)]).toEqual([1, 0]);
    bench.write(0, ApicRegister.localTimer, periodic | vector);
    bench.pass(1000);
    expect(served(bench)).toBe(1);
  });
});

describe('the timer, by deadline of the time-stamp counter', () => {
  it('interrupts once, when the guest counter has reached the deadline, and then reads zero', () => {
    const bench = armed(deadlineMode | vector, 0);
    bench.vcpu(0).tscOffset = 5_000_000n;
    bench.apics.writeDeadline(0, 6_000_500n);
    expect(bench.apics.readDeadline(0)).toBe(6_000_500n);
    bench.pass(499);
    expect(served(bench)).toBe(0);
    bench.pass(1);
    expect([served(bench), bench.apics.readDeadline(0)]).toEqual([1, 0n]);
    bench.pass(100_000);
    expect(served(bench)).toBe(0);
  });

  it('interrupts at once for a deadline in the past, and never for zero', () => {
    const bench = armed(deadlineMode | vector, 0);
    bench.apics.writeDeadline(0, 1n);
    bench.pass(0);
    expect(served(bench)).toBe(1);
    bench.apics.writeDeadline(0, 2_000_000n);
    bench.apics.writeDeadline(0, 0n);
    bench.pass(10_000_000);
    expect(served(bench)).toBe(0);
  });

  it('keeps a deadline that is written while the one before comes to its end on another thread', () => {
    const bench = armed(deadlineMode | vector, 0);
    bench.apics.writeDeadline(0, 1_000_500n);
    bench.now = 1_000_500;
    bench.beforeNoneExpires = () => bench.apics.timerExpired(0);
    bench.apics.writeDeadline(0, 1_000_900n);
    bench.beforeNoneExpires = () => undefined;
    expect([served(bench), bench.apics.readDeadline(0)]).toEqual([1, 1_000_900n]);
    bench.pass(400);
    expect(served(bench)).toBe(1);
  });

  it('takes the deadline as an unsigned number: all ones is far away', () => {
    const bench = armed(deadlineMode | vector, 0);
    bench.apics.writeDeadline(0, 2n ** 64n - 1n);
    bench.pass(2 ** 51);
    expect(served(bench)).toBe(0);
    expect(bench.apics.readDeadline(0)).toBe(2n ** 64n - 1n);
    expect(bench.deadlines[0]).toBeGreaterThan(bench.now);
  });

  it('follows when the counter is written', () => {
    const bench = armed(deadlineMode | vector, 0);
    bench.apics.writeDeadline(0, 2_000_000n);
    bench.vcpu(0).tscOffset = 900_000n;
    bench.apics.timestampMoved(0);
    bench.pass(100_000);
    expect(served(bench)).toBe(1);
  });

  it('does not count: initial and current count are dead', () => {
    const bench = armed(deadlineMode | vector, 1000);
    bench.pass(5000);
    expect([bench.read(0, ApicRegister.timerInitial), current(bench), served(bench)]).toEqual([0, 0, 0]);
  });

  it('is disarmed on the way to and from the other modes, where the deadline reads zero and takes nothing', () => {
    const bench = armed(deadlineMode | vector, 0);
    bench.apics.writeDeadline(0, 1_500_000n);
    bench.write(0, ApicRegister.localTimer, vector);
    expect([bench.apics.readDeadline(0), bench.deadlines[0]]).toEqual([0n, undefined]);
    bench.apics.writeDeadline(0, 1_000_001n);
    bench.write(0, ApicRegister.timerInitial, 1000);
    bench.write(0, ApicRegister.localTimer, deadlineMode | vector);
    bench.pass(1_000_000);
    expect(served(bench)).toBe(0);
  });
});

describe('the reserved mode of the timer', () => {
  it('stands still', () => {
    const bench = armed((3 << 17) | vector, 1000);
    bench.pass(10_000);
    expect([current(bench), served(bench), bench.deadlines[0]]).toEqual([0, 0, undefined]);
  });
});

describe('the timer under any traffic', () => {
  it('never shows more than its initial count, and its deadline is where the count is zero', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('initial' as const), value: fc.integer({ min: 0, max: 5000 }) }),
      fc.record({ kind: fc.constant('divide' as const), value: fc.integer({ min: 0, max: 15 }) }),
      fc.record({
        kind: fc.constant('entry' as const),
        value: fc.constantFrom(vector, periodic | vector, 0x10000 | vector, deadlineMode | vector),
      }),
      fc.record({ kind: fc.constant('deadline' as const), value: fc.integer({ min: 0, max: 2_000_000 }) }),
      fc.record({ kind: fc.constant('pass' as const), value: fc.integer({ min: 0, max: 20_000 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const bench = new ApicBench(1);
        for (const { kind, value } of steps) {
          if (kind === 'initial') bench.write(0, ApicRegister.timerInitial, value);
          else if (kind === 'divide') bench.write(0, ApicRegister.timerDivide, value);
          else if (kind === 'entry') bench.write(0, ApicRegister.localTimer, value);
          else if (kind === 'deadline') bench.apics.writeDeadline(0, BigInt(value));
          else bench.pass(value);
          const initial = bench.read(0, ApicRegister.timerInitial);
          const count = current(bench);
          expect(count).toBeLessThanOrEqual(initial);
          const mode = (bench.read(0, ApicRegister.localTimer) >>> 17) & 3;
          if (count === 0 || mode === 2) continue;
          const code = bench.read(0, ApicRegister.timerDivide);
          const divisor = (code & 0xb) === 0xb ? 1 : 2 << ((code & 3) | ((code & 8) >> 1));
          const left = (bench.deadlines[0] ?? 0) - bench.now;
          expect(left).toBeGreaterThan((count - 1) * divisor);
          expect(left).toBeLessThanOrEqual(count * divisor);
        }
      }),
      { numRuns: 300 },
    );
  });
});
