import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { InterruptLine } from '../../machine/bus.ts';
import { FakeBus } from '../testing/fake-bus.ts';
import { Pic } from './pic.ts';

function programmed(options: { slaveMode?: number; mode?: number } = {}) {
  const bus = new FakeBus();
  let requests = 0;
  const pic = new Pic(bus, { onInterruptRequest: () => requests++ });
  const lines: (InterruptLine | undefined)[] = [];
  for (let irq = 0; irq < 16; irq++) lines.push(irq === 2 ? undefined : pic.line(irq));
  pic.reset();
  for (const [port, vector, cascade, mode] of [
    [0x20, 0x20, 0x04, options.mode ?? 0x01],
    [0xa0, 0x28, 0x02, options.slaveMode ?? options.mode ?? 0x01],
  ] as const) {
    bus.out(port, 0x11);
    bus.out(port + 1, vector);
    bus.out(port + 1, cascade);
    bus.out(port + 1, mode);
  }
  return { bus, pic, set: (irq: number, level: boolean) => lines[irq]?.set(level), requests: () => requests };
}

function pulse(machine: ReturnType<typeof programmed>, irq: number) {
  machine.set(irq, false);
  machine.set(irq, true);
}

describe('the interrupt controllers', () => {
  it('give the vector of the highest priority first and hold lower ones back until the EOI', () => {
    const machine = programmed();
    pulse(machine, 5);
    pulse(machine, 1);
    expect(machine.pic.acknowledge()).toBe(0x21);
    expect(machine.pic.pending()).toBe(false);
    pulse(machine, 0);
    expect(machine.pic.acknowledge()).toBe(0x20);
    machine.bus.out(0x20, 0x20);
    expect(machine.pic.pending()).toBe(false);
    machine.bus.out(0x20, 0x20);
    expect(machine.pic.acknowledge()).toBe(0x25);
  });

  it('report the slave through input 2, and again after both EOIs', () => {
    const machine = programmed();
    pulse(machine, 8);
    pulse(machine, 12);
    expect(machine.pic.acknowledge()).toBe(0x28);
    machine.bus.out(0xa0, 0x20);
    expect(machine.pic.pending()).toBe(false);
    machine.bus.out(0x20, 0x20);
    expect(machine.pic.acknowledge()).toBe(0x2c);
  });

  it('call back once for each time INTR goes up', () => {
    const machine = programmed();
    pulse(machine, 3);
    pulse(machine, 1);
    expect(machine.requests()).toBe(1);
    machine.pic.acknowledge();
    machine.bus.out(0x20, 0x20);
    expect(machine.requests()).toBe(2);
  });

  it('answer a request that has gone with the spurious vector, and nothing in service', () => {
    const machine = programmed();
    machine.set(4, true);
    machine.set(4, false);
    expect(machine.pic.pending()).toBe(false);
    expect(machine.pic.acknowledge()).toBe(0x27);
    machine.bus.out(0x20, 0x0b);
    expect(machine.bus.in(0x20)).toBe(0);
  });

  it('keep a level-triggered request up until its line falls', () => {
    const machine = programmed();
    machine.bus.out(0x4d1, 0x08);
    machine.set(11, true);
    expect(machine.pic.acknowledge()).toBe(0x2b);
    machine.bus.out(0xa0, 0x20);
    machine.bus.out(0x20, 0x20);
    expect(machine.pic.acknowledge()).toBe(0x2b);
    machine.set(11, false);
    machine.bus.out(0xa0, 0x20);
    machine.bus.out(0x20, 0x20);
    expect(machine.pic.pending()).toBe(false);
  });

  it('do not let IRQ 0, 1, 2, 8 and 13 be level-triggered', () => {
    const { bus } = programmed();
    bus.out(0x4d0, 0xffff, 2);
    expect(bus.in(0x4d0, 2)).toBe(0xdef8);
  });

  it('assert a wire while any of its drivers does', () => {
    const bus = new FakeBus();
    const pic = new Pic(bus);
    const [first, second] = [pic.line(9), pic.line(9)];
    pic.reset();
    for (const [port, mode] of [
      [0x20, 0x11],
      [0x21, 0x20],
      [0x21, 4],
      [0x21, 1],
      [0xa0, 0x11],
      [0xa1, 0x28],
      [0xa1, 2],
      [0xa1, 1],
      [0x4d1, 2],
    ] as const) {
      bus.out(port, mode);
    }
    first.set(true);
    second.set(true);
    first.set(false);
    expect(pic.pending()).toBe(true);
    second.set(false);
    expect(pic.pending()).toBe(false);
  });

  it('serve what a poll reports', () => {
    const machine = programmed();
    pulse(machine, 6);
    machine.bus.out(0x20, 0x0c);
    expect(machine.bus.in(0x20)).toBe(0x86);
    expect(machine.pic.pending()).toBe(false);
    machine.bus.out(0x20, 0x0c);
    expect(machine.bus.in(0x20)).toBe(0);
  });

  it('let lower levels in under special mask mode while the served level is masked', () => {
    const machine = programmed();
    pulse(machine, 1);
    machine.pic.acknowledge();
    pulse(machine, 6);
    machine.bus.out(0x21, 0x02);
    expect(machine.pic.pending()).toBe(false);
    machine.bus.out(0x20, 0x68);
    expect(machine.pic.acknowledge()).toBe(0x26);
  });

  it('let the slave interrupt its own service routine in special fully nested mode, and not otherwise', () => {
    for (const [mode, expected] of [
      [0x11, true],
      [0x01, false],
    ] as const) {
      const machine = programmed({ mode, slaveMode: 0x01 });
      pulse(machine, 12);
      machine.pic.acknowledge();
      pulse(machine, 8);
      expect(machine.pic.pending()).toBe(expected);
    }
  });

  it('need a new edge for an input that was high during initialization', () => {
    const machine = programmed();
    pulse(machine, 3);
    for (const [port, value] of [
      [0x20, 0x11],
      [0x21, 0x40],
      [0x21, 4],
      [0x21, 1],
    ] as const)
      machine.bus.out(port, value);
    expect(machine.pic.pending()).toBe(false);
    pulse(machine, 3);
    expect(machine.pic.acknowledge()).toBe(0x43);
  });

  it('refuse lines that are no inputs', () => {
    const pic = new Pic(new FakeBus());
    expect(() => pic.line(2)).toThrow(RangeError);
    expect(() => pic.line(16)).toThrow(RangeError);
  });
});

/** Priorities as a list, highest first; everything else follows from it. */
class Model {
  order = [0, 1, 2, 3, 4, 5, 6, 7];
  requests = new Set<number>();
  service = new Set<number>();
  mask = 0;

  next(): number | undefined {
    for (const input of this.order) {
      if (this.service.has(input)) return undefined;
      if (this.requests.has(input) && (this.mask & (1 << input)) === 0) return input;
    }
    return undefined;
  }

  rotate(lowest: number) {
    while (this.order[7] !== lowest) this.order.push(...this.order.splice(0, 1));
  }
}

describe('priorities', () => {
  it('agree with a list that is rotated, for any sequence of requests, masks, acknowledges and EOIs', () => {
    const input = fc.constantFrom(0, 1, 3, 4, 5, 6, 7);
    const step = fc.oneof(
      fc.record({ kind: fc.constant('request' as const), input }),
      fc.record({ kind: fc.constant('withdraw' as const), input }),
      fc.record({ kind: fc.constant('acknowledge' as const), input }),
      fc.record({ kind: fc.constant('mask' as const), input: fc.integer({ min: 0, max: 255 }) }),
      fc.record({ kind: fc.constantFrom('eoi', 'rotateEoi', 'specific', 'rotateSpecific', 'priority'), input }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const machine = programmed();
        const model = new Model();
        const high = new Set<number>();
        for (const { kind, input: at } of steps) {
          const serving = model.order.find((each) => model.service.has(each));
          if (kind === 'request') {
            machine.set(at, true);
            if (!high.has(at)) model.requests.add(at);
            high.add(at);
          } else if (kind === 'withdraw') {
            machine.set(at, false);
            high.delete(at);
            model.requests.delete(at);
          } else if (kind === 'mask') {
            machine.bus.out(0x21, at);
            model.mask = at;
          } else if (kind === 'acknowledge') {
            const next = model.next();
            expect(machine.pic.pending()).toBe(next !== undefined);
            if (next === undefined) continue;
            expect(machine.pic.acknowledge()).toBe(0x20 + next);
            model.requests.delete(next);
            model.service.add(next);
          } else if (kind === 'eoi' || kind === 'rotateEoi') {
            machine.bus.out(0x20, kind === 'eoi' ? 0x20 : 0xa0);
            if (serving === undefined) continue;
            model.service.delete(serving);
            if (kind === 'rotateEoi') model.rotate(serving);
          } else {
            machine.bus.out(0x20, { specific: 0x60, rotateSpecific: 0xe0, priority: 0xc0 }[kind as 'specific'] | at);
            if (kind !== 'priority') model.service.delete(at);
            if (kind !== 'specific') model.rotate(at);
          }
          expect(machine.pic.pending()).toBe(model.next() !== undefined);
        }
      }),
      { numRuns: 300 },
    );
  });
});
