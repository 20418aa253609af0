import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { oscillator } from '../oscillator.ts';
import { FakeBus, FakeLine } from '../testing/fake-bus.ts';
import { Channel8254, channelBlock } from './channel.ts';
import { Pit, pitHertz } from './pit.ts';

/** One counter, clock by clock, as the datasheet's timing diagrams have it. */
class TickModel {
  mode = 3;
  out = true;
  element = 0;
  loading = false;
  counting = false;
  gate = true;
  nullCount = true;
  private strobe = false;
  private done = false;
  private half = 0;
  private toEndOfCycle = false;
  private count = 65_536;

  constructor(readonly modulus: number) {}

  control(mode: number) {
    this.mode = mode;
    this.out = mode !== 0;
    this.counting = this.loading = this.toEndOfCycle = this.strobe = false;
    this.done = true;
    this.nullCount = true;
  }

  write(count: number) {
    this.count = count;
    this.nullCount = true;
    if (this.mode === 1 || this.mode === 5) return;
    if (this.mode === 0) {
      this.out = this.counting = false;
      this.loading = true;
    } else if (this.mode === 4 || !this.counting) this.loading = true;
    else this.toEndOfCycle = true;
  }

  trigger() {
    this.loading = true;
  }

  private load() {
    this.element = this.count % this.modulus;
    this.loading = this.toEndOfCycle = this.done = this.nullCount = this.strobe = false;
    this.counting = true;
    if (this.mode === 1) this.out = false;
    else if (this.mode !== 0) this.out = true;
    if (this.mode === 3) this.startHalf();
  }

  /** A half cycle takes as many clocks as the element has steps of two, and one more for an odd count while high. */
  private startHalf() {
    this.half = this.out ? Math.ceil(this.count / 2) : Math.floor(this.count / 2);
    this.element = (this.count - (this.count % 2)) % this.modulus;
  }

  clock() {
    if (this.strobe) {
      this.out = true;
      this.strobe = false;
    }
    if (this.loading) {
      this.load();
      return;
    }
    if (!this.counting) return;
    if (this.mode === 3) {
      if (--this.half === 0) {
        this.out = !this.out;
        if (this.toEndOfCycle) this.nullCount = this.toEndOfCycle = false;
        this.startHalf();
      } else this.element = (this.element - 2 + this.modulus) % this.modulus;
      return;
    }
    if (this.mode === 2 && this.element === 1) {
      this.element = this.count % this.modulus;
      this.nullCount = this.toEndOfCycle = false;
      this.out = true;
      return;
    }
    this.element = (this.element - 1 + this.modulus) % this.modulus;
    if (this.mode === 2) this.out = this.element !== 1;
    else if (this.element === 0 && !this.done) {
      this.done = true;
      if (this.mode === 0 || this.mode === 1) this.out = true;
      else {
        this.out = false;
        this.strobe = true;
      }
    }
  }
}

function channel() {
  const bus = new FakeBus();
  const chip = new Channel8254(bus.block(channelBlock));
  chip.reset(true);
  return chip;
}

function readCount(chip: Channel8254, tick: number): number {
  chip.latchCount(tick);
  return chip.read(tick) | (chip.read(tick) << 8);
}

const counts = fc.oneof(fc.integer({ min: 2, max: 24 }), fc.integer({ min: 2, max: 200 }));

describe('a counter', () => {
  it('has the count, output and null-count flag of a clock-by-clock model in every mode, through new counts', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 5 }),
        fc.array(fc.tuple(counts, fc.integer({ min: 1, max: 90 })), { minLength: 1, maxLength: 5 }),
        (mode, writes) => {
          const chip = channel();
          const model = new TickModel(65_536);
          let tick = 10;
          chip.control(0x30 | (mode << 1), tick);
          model.control(mode);
          for (const [count, wait] of writes) {
            // Mode 0 stops at the first byte; both come at the same tick here.
            chip.writeCount(count & 0xff, tick);
            chip.writeCount(count >> 8, tick);
            model.write(count);
            if (mode === 1 || mode === 5) {
              chip.setGate(false, tick);
              chip.setGate(true, tick);
              model.trigger();
            }
            for (let step = 0; step < wait; step++) {
              const edge = chip.nextRisingEdge(tick);
              const before = model.out;
              tick++;
              model.clock();
              expect({ tick, out: chip.output(tick) }).toEqual({ tick, out: model.out });
              if (!before && model.out) expect(edge).toBe(tick);
              else expect(edge).toBeGreaterThan(tick);
              chip.latchStatus(tick);
              expect((chip.read(tick) >> 6) & 1).toBe(model.nullCount ? 1 : 0);
              if (!model.nullCount || model.counting) expect(readCount(chip, tick)).toBe(model.element);
            }
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('stops while the gate is low and goes on where it was in modes 0 and 4', () => {
    for (const mode of [0, 4]) {
      const chip = channel();
      chip.control(0x10 | (mode << 1), 0);
      chip.writeCount(10, 0);
      expect(chip.output(4)).toBe(mode === 4);
      chip.setGate(false, 4);
      expect(readCountLow(chip, 100)).toBe(7);
      chip.setGate(true, 100);
      expect(readCountLow(chip, 103)).toBe(4);
      const ends = 107;
      expect([chip.output(ends - 1), chip.output(ends), chip.output(ends + 1)]).toEqual(
        mode === 0 ? [false, true, true] : [true, false, true],
      );
    }
  });

  it('starts its cycle again when the gate comes back in modes 2 and 3, with the output high meanwhile', () => {
    for (const mode of [2, 3]) {
      const chip = channel();
      chip.control(0x10 | (mode << 1), 0);
      chip.writeCount(10, 0);
      expect(chip.output(10)).toBe(false);
      chip.setGate(false, 10);
      expect(chip.output(10)).toBe(true);
      expect(chip.nextRisingEdge(10)).toBe(Infinity);
      chip.setGate(true, 20);
      expect(readCountLow(chip, 21)).toBe(10);
      expect(chip.nextRisingEdge(21)).toBe(31);
    }
  });

  it('counts in decimal when told so', () => {
    const chip = channel();
    chip.control(0x31, 0);
    chip.writeCount(0x00, 0);
    chip.writeCount(0x10, 0);
    expect(readCount(chip, 1)).toBe(0x1000);
    expect(readCount(chip, 2)).toBe(0x0999);
    expect(readCount(chip, 1001)).toBe(0x0000);
    expect(chip.output(1000)).toBe(false);
    expect(chip.output(1001)).toBe(true);
    expect(readCount(chip, 1002)).toBe(0x9999);
  });

  it('takes a count of zero as the largest', () => {
    const chip = channel();
    chip.control(0x34, 0);
    chip.writeCount(0, 0);
    chip.writeCount(0, 0);
    expect(chip.nextRisingEdge(1)).toBe(65_537);
  });

  it('keeps a latched count until it was read, whatever is latched again', () => {
    const chip = channel();
    chip.control(0x34, 0);
    chip.writeCount(0x34, 0);
    chip.writeCount(0x12, 0);
    chip.latchCount(1);
    chip.latchCount(50);
    expect(chip.read(60)).toBe(0x34);
    expect(chip.read(61)).toBe(0x12);
    expect(chip.read(61)).toBe((0x1234 - 60) & 0xff);
  });
});

function readCountLow(chip: Channel8254, tick: number): number {
  chip.latchCount(tick);
  return chip.read(tick);
}

describe('the interval timer', () => {
  function machine() {
    const bus = new FakeBus();
    const irq0 = new FakeLine();
    const pit = new Pit(bus, irq0);
    pit.reset();
    return { bus, irq0, pit };
  }

  it('raises IRQ 0 once a period, on time', () => {
    const { bus, irq0 } = machine();
    bus.out(0x43, 0x34);
    bus.out(0x40, 11_932 & 0xff);
    bus.out(0x40, 11_932 >> 8);
    const before = irq0.risingEdges;
    bus.advance(1_000_000_000);
    expect(irq0.risingEdges - before).toBe(Math.floor((pitHertz - 1) / 11_932));
  });

  it('makes one interrupt of those the host was too late for, and goes on in phase', () => {
    const { bus, irq0 } = machine();
    bus.out(0x43, 0x14);
    bus.out(0x40, 100);
    bus.stall(50_000_000);
    const before = irq0.risingEdges;
    bus.advance(0);
    expect(irq0.risingEdges - before).toBe(1);
    bus.advance(oscillator(pitHertz).timeOf(100_000) - 50_000_000);
    // The count was loaded at tick 1, so edges come at 101, 201, …
    const edges = (tick: number) => Math.floor((tick - 1) / 100);
    expect(irq0.risingEdges - before).toBe(1 + edges(100_000) - edges(oscillator(pitHertz).ticksAt(50_000_000)));
  });

  it('shows channel 2 and the refresh clock at port 0x61', () => {
    const { bus } = machine();
    bus.out(0x43, 0xb0);
    bus.out(0x61, 0x01);
    bus.out(0x42, 0x00);
    bus.out(0x42, 0x10);
    expect(bus.in(0x61) & 0x21).toBe(0x01);
    bus.advance(4096 * 838 + 10_000);
    expect(bus.in(0x61) & 0x21).toBe(0x21);
    const seen = new Set<number>();
    for (let step = 0; step < 8; step++) {
      seen.add(bus.in(0x61) & 0x10);
      bus.advance(15_000);
    }
    expect(seen).toEqual(new Set([0, 0x10]));
  });

  it('gives status and count by the read-back command', () => {
    const { bus } = machine();
    bus.out(0x43, 0x34);
    bus.out(0x43, 0xe2);
    expect(bus.in(0x40)).toBe(0x80 | 0x40 | 0x34);
    bus.out(0x40, 10);
    bus.out(0x40, 0);
    bus.advance(900);
    bus.out(0x43, 0xc2);
    expect(bus.in(0x40)).toBe(0x80 | 0x34);
    expect(bus.in(0x40)).toBe(10);
  });
});

describe('an oscillator', () => {
  it('gives the edge of a short count although time goes by while it is written', () => {
    const bus = new FakeBus();
    const line = new FakeLine();
    const pit = new Pit(bus, line);
    pit.reset();
    for (const [port, value] of [
      [0x43, 0x30],
      [0x40, 0x20],
    ] as const)
      bus.out(port, value);
    const now = vi.spyOn(bus.clock, 'now');
    let time = 0;
    now.mockImplementation(() => (time += 20_000));
    bus.out(0x40, 0);
    now.mockRestore();
    bus.advance(200_000);
    expect([line.risingEdges, line.asserted]).toEqual([1, true]);
  });

  it('turns times into ticks and back without drift, up to a hundred days', () => {
    const { ticksAt, timeOf } = oscillator(pitHertz);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 8.64e15 }), (time) => {
        const exact = Number((BigInt(time) * BigInt(pitHertz)) / 1_000_000_000n);
        expect(ticksAt(time)).toBe(exact);
        expect(ticksAt(timeOf(exact))).toBe(exact);
        if (exact > 0) expect(ticksAt(timeOf(exact) - 1)).toBe(exact - 1);
      }),
    );
  });
});
