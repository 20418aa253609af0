import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FakeBus, FakeLine } from '../testing/fake-bus.ts';
import { calendarFrom, secondsFrom } from './calendar.ts';
import { Rtc } from './rtc.ts';

/** Saturday, 3 February 2024, 23:59:50. */
const start = Date.UTC(2024, 1, 3, 23, 59, 50) / 1000;
const second = 1_000_000_000;

function clock() {
  const bus = new FakeBus({ startTime: start });
  const irq = new FakeLine();
  const rtc = new Rtc(bus, irq);
  rtc.reset();
  const read = (index: number) => (bus.out(0x70, index), bus.in(0x71));
  const write = (index: number, value: number) => {
    bus.out(0x70, index);
    bus.out(0x71, value);
  };
  const time = () => [0x32, 9, 8, 7, 6, 4, 2, 0].map((index) => read(index).toString(16).padStart(2, '0')).join(' ');
  return { bus, irq, rtc, read, write, time };
}

describe('the real-time clock', () => {
  it('shows the time it was started with, in BCD, and goes on', () => {
    const { bus, time } = clock();
    expect(time()).toBe('20 24 02 03 07 23 59 50');
    bus.advance(10 * second);
    expect(time()).toBe('20 24 02 04 01 00 00 00');
  });

  it('catches up with the world after a suspend, without alarms for what was missed; a stopped calendar stays stopped', () => {
    const { bus, irq, rtc, read, write, time } = clock();
    write(1, 0x59);
    write(3, 0x59);
    write(5, 0x23);
    write(0x0b, 0x22);
    rtc.passTime(20);
    expect(time()).toBe('20 24 02 04 01 00 00 10');
    expect([irq.asserted, read(0x0c) & 0x20]).toEqual([false, 0]);
    bus.advance(second);
    expect(time()).toBe('20 24 02 04 01 00 00 11');
    write(0x0b, 0x82);
    rtc.passTime(1000);
    expect(time()).toBe('20 24 02 04 01 00 00 11');
    expect(() => rtc.passTime(-1)).toThrow(RangeError);
  });

  it('tells of each event once, however often the clock is looked at by one read', () => {
    const { bus, read } = clock();
    // As a wall clock does: it is later at each look.
    let late = 0;
    Object.assign(bus.clock, { now: () => (late += 50_000) });
    let updates = 0;
    while (late < 12 * second) if ((read(0x0c) & 0x10) !== 0) updates += 1;
    expect(Math.abs(updates - 12)).toBeLessThanOrEqual(1);
  });

  it('has binary and 12-hour forms', () => {
    const { bus, read, write } = clock();
    write(0x0b, 0x04);
    expect([read(0), read(4)]).toEqual([50, 0x80 | 11]);
    bus.advance(10 * second);
    expect(read(4)).toBe(12);
    write(0x0b, 0x00);
    expect(read(4)).toBe(0x12);
  });

  it('is set with SET on, and starts with what was written', () => {
    const { bus, write, time } = clock();
    write(0x0b, 0x82);
    for (const [index, value] of [
      [0x32, 0x19],
      [9, 0x99],
      [8, 0x12],
      [7, 0x31],
      [4, 0x23],
      [2, 0x59],
      [0, 0x58],
    ] as const)
      write(index, value);
    bus.advance(5 * second);
    expect(time().slice(0, 11)).toBe('19 99 12 31');
    write(0x0b, 0x02);
    bus.advance(2 * second);
    expect(time()).toBe('20 00 01 01 07 00 00 00');
  });

  it('takes a register written while it runs', () => {
    const { bus, write, time } = clock();
    write(2, 0x30);
    bus.advance(second);
    expect(time()).toBe('20 24 02 03 07 23 30 51');
  });

  it('announces an update 244 microseconds before it', () => {
    const { bus, read } = clock();
    bus.advance(second - 300_000);
    expect(read(0x0a) & 0x80).toBe(0);
    bus.advance(100_000);
    expect(read(0x0a) & 0x80).toBe(0x80);
    bus.advance(200_000);
    expect([read(0x0a) & 0x80, read(0)]).toEqual([0, 0x51]);
  });

  it('interrupts at the periodic rate, once until register C is read', () => {
    const { bus, irq, read, write } = clock();
    write(0x0b, 0x42);
    bus.advance(second);
    expect(irq.risingEdges).toBe(1);
    expect(read(0x0c)).toBe(0xd0);
    expect(irq.asserted).toBe(false);
    for (let step = 0; step < 1024; step++) {
      bus.advance(976_563);
      read(0x0c);
    }
    expect(irq.risingEdges).toBe(1025);
  });

  it('gives an edge for each periodic interrupt also when the next one is due before register C has been read', () => {
    // Time goes on while the chip works, by more than a period each time it looks.
    class BusyBus extends FakeBus {
      looks = 0;
      override readonly clock = { startTime: start, now: () => ++this.looks * 1_000_000 };
    }
    const bus = new BusyBus();
    const irq = new FakeLine();
    new Rtc(bus, irq).reset();
    bus.out(0x70, 0x0b);
    bus.out(0x71, 0x42);
    const before = irq.risingEdges;
    for (let step = 0; step < 100; step++) {
      bus.out(0x70, 0x0c);
      bus.in(0x71);
    }
    expect(irq.risingEdges - before).toBe(100);
  });

  it('interrupts after each update and at the alarm, with don’t-care fields', () => {
    const { bus, irq, read, write } = clock();
    write(0x0b, 0x12);
    bus.advance(second);
    expect(read(0x0c)).toBe(0xd0);
    for (const [index, value] of [
      [1, 0x05],
      [3, 0xc0],
      [5, 0xff],
    ] as const)
      write(index, value);
    write(0x0b, 0x22);
    irq.risingEdges = 0;
    bus.advance(14 * second - 1);
    expect(irq.risingEdges).toBe(0);
    bus.advance(1);
    expect(irq.risingEdges).toBe(1);
    expect(read(0x0c) & 0xa0).toBe(0xa0);
    bus.advance(60 * second);
    expect(irq.risingEdges).toBe(2);
  });

  it('keeps CMOS and the time through a reset, and drops its interrupts', () => {
    const { bus, rtc, irq, read, write, time } = clock();
    write(0x0f, 0x0a);
    write(0x0b, 0x42);
    bus.advance(3 * second);
    rtc.reset();
    expect(irq.asserted).toBe(false);
    expect([read(0x0f), read(0x0b), read(0x0d)]).toEqual([0x0a, 0x02, 0x80]);
    expect(time()).toBe('20 24 02 03 07 23 59 53');
  });

  it('has a second bank, an NMI bit and no readable index port', () => {
    const { bus, rtc } = clock();
    bus.out(0x72, 0x10);
    bus.out(0x73, 0x5a);
    bus.out(0x70, 0x90);
    expect([rtc.nmiDisabled, bus.in(0x71), bus.in(0x70), bus.in(0x74), bus.in(0x73)]).toEqual([true, 0, 0xff, 0x10, 0x5a]);
  });

  it.each([
    [1, 640, 0, 0],
    [16, 640, 15 * 1024, 0],
    [128, 640, 0xffff, 112 * 16],
    [3072, 640, 0xffff, 3056 * 16],
  ])('tells firmware of %i MiB', (mebibytes, base, extended, above16) => {
    const { rtc, read } = clock();
    rtc.setMemory(mebibytes * 2 ** 20);
    const word = (index: number) => read(index) | (read(index + 1) << 8);
    expect([word(0x15), word(0x17), word(0x30), word(0x34)]).toEqual([base, extended, extended, above16]);
    let sum = 0;
    for (let index = 0x10; index < 0x2e; index++) sum += read(index);
    expect((read(0x2e) << 8) | read(0x2f)).toBe(sum);
  });
});

describe('the calendar', () => {
  it('goes there and back for every second from 1970 to 2099', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4_102_444_799 }), (seconds) => {
        expect(secondsFrom(calendarFrom(seconds))).toBe(seconds);
      }),
    );
  });
});
