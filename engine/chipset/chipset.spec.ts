import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Width } from '../machine/bus.ts';
import { DebugPort } from './debug-port/debug-port.ts';
import { Dma } from './dma/dma.ts';
import { HostBridge } from './host-bridge/host-bridge.ts';
import { Lpc } from './lpc/lpc.ts';
import { PciBus } from './pci/pci.ts';
import { Pic } from './pic/pic.ts';
import { Pit } from './pit/pit.ts';
import { Ps2 } from './ps2/ps2.ts';
import { Rtc } from './rtc/rtc.ts';
import { Serial } from './serial/serial.ts';
import { FakeBus } from './testing/fake-bus.ts';

function wire(bus: FakeBus) {
  const pic = new Pic(bus);
  const pci = new PciBus(bus);
  const rtc = new Rtc(bus, pic.line(8));
  const ps2 = new Ps2(bus, { keyboardIrq: pic.line(1), mouseIrq: pic.line(12) });
  const com1 = new Serial(bus, pic.line(4), { name: 'com1', port: 0x3f8 });
  const chips = [
    pic,
    pci,
    new Pit(bus, pic.line(0)),
    rtc,
    ps2,
    com1,
    new Serial(bus, pic.line(3), { name: 'com2', port: 0x2f8 }),
    new DebugPort(bus),
    new Dma(bus),
    new HostBridge(bus, pci),
    new Lpc(bus, pci, { line: (irq) => pic.line(irq) }),
  ];
  return { bus, pic, rtc, ps2, com1, chips };
}

function machine() {
  const system = wire(new FakeBus({ startTime: 1_000_000_000 }));
  for (const chip of system.chips) chip.reset();
  return system;
}

// prettier-ignore
const ownedPorts = [
  [0x00, 0x10], [0x20, 2], [0x40, 4], [0x60, 5], [0x70, 8], [0x80, 0x13], [0xa0, 2], [0xb2, 2], [0xc0, 0x20], [0xe9, 1],
  [0xf4, 1], [0x2f8, 8], [0x3f8, 8], [0x402, 1], [0x4d0, 2], [0x600, 0x80], [0xcf8, 8],
] as const;
const ports = ownedPorts.flatMap(([first, count]) => Array.from({ length: count }, (_, index) => first + index));

type Operation =
  | { kind: 'in'; port: number; width: Width }
  | { kind: 'out'; port: number; width: Width; value: number }
  | { kind: 'configuration'; device: number; offset: number; value: number }
  | { kind: 'pass'; time: number }
  | { kind: 'acknowledge' }
  | { kind: 'keys'; bytes: number[] }
  | { kind: 'mouse'; dx: number; dy: number; wheel: number; buttons: number }
  | { kind: 'serial'; bytes: number[] };

const byte = fc.integer({ min: 0, max: 255 });
const width = fc.constantFrom<Width>(1, 2, 4);
const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('in' as const), port: fc.constantFrom(...ports), width }) },
  {
    weight: 9,
    arbitrary: fc.record({
      kind: fc.constant('out' as const),
      port: fc.constantFrom(...ports),
      width,
      value: fc.oneof(byte, fc.integer({ min: 0, max: 0xffff_ffff })),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('configuration' as const),
      device: fc.constantFrom(0, 31),
      offset: fc.integer({ min: 0, max: 63 }).map((word) => word * 4),
      value: fc.integer({ min: 0, max: 0xffff_ffff }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('pass' as const), time: fc.integer({ min: 0, max: 3_000_000 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('acknowledge' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('keys' as const), bytes: fc.array(byte, { maxLength: 6 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('mouse' as const),
      dx: fc.integer({ min: -600, max: 600 }),
      dy: fc.integer({ min: -600, max: 600 }),
      wheel: fc.integer({ min: -9, max: 9 }),
      buttons: byte,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('serial' as const), bytes: fc.array(byte, { maxLength: 20 }) }) },
);

/** Gives all that the guest or the host can see of an operation. */
function perform({ bus, pic, ps2, com1 }: ReturnType<typeof wire>, step: Operation): unknown {
  switch (step.kind) {
    case 'in':
      return bus.in(step.port, step.width);
    case 'out':
      return bus.out(step.port, step.value, step.width);
    case 'configuration':
      bus.out(0xcf8, (0x8000_0000 | (step.device << 11) | step.offset) >>> 0, 4);
      bus.out(0xcfc, step.value, 4);
      return bus.in(0xcfc, 4);
    case 'pass':
      // Timers may be one every few ticks; the number that a test waits for is bounded by the time.
      return bus.advance(step.time);
    case 'acknowledge':
      return pic.pending() ? pic.acknowledge() : -1;
    case 'keys':
      return ps2.keyboardScancodes(step.bytes);
    case 'mouse':
      return ps2.mouse(step);
    case 'serial':
      return com1.receive(Uint8Array.from(step.bytes));
  }
}

describe('the chipset', () => {
  it('survives any sequence of port accesses and input, with results that fit the width and no byte outside its blocks', () => {
    fc.assert(
      fc.property(fc.array(operation, { minLength: 20, maxLength: 150 }), (steps) => {
        const system = machine();
        for (const step of steps) perform(system, step);
        expect(system.bus.blocksIntact()).toBe(true);
      }),
      { numRuns: 150 },
    );
  });

  it('keeps nothing in JavaScript: two threads that take turns see what one thread sees', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(operation, fc.boolean()), { minLength: 20, maxLength: 120 }), (steps) => {
        const alone = machine();
        const first = machine();
        const second = wire(first.bus.onAnotherThread());
        for (const [step, other] of steps) {
          expect(perform(other ? second : first, step)).toEqual(perform(alone, step));
        }
        expect(Buffer.compare(first.bus.image(), alone.bus.image())).toBe(0);
      }),
      { numRuns: 100 },
    );
  });

  it('can be peeked at without a trace', () => {
    fc.assert(
      fc.property(fc.array(operation, { minLength: 10, maxLength: 60 }), (steps) => {
        const system = machine();
        for (const step of steps) {
          perform(system, step);
          const before = system.bus.image();
          for (const port of ports) {
            const seen = system.bus.peek(port);
            if (seen !== undefined && (seen < 0 || seen > 255)) throw new RangeError(`port ${port} peeks as ${seen}`);
          }
          expect(Buffer.compare(system.bus.image(), before)).toBe(0);
        }
      }),
      { numRuns: 20 },
    );
  });

  it('comes out of a reset in the same state whatever was done before, but for the clock, CMOS and bytes in flight', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), (steps) => {
        const system = machine();
        for (const step of steps) perform(system, step);
        for (const chip of system.chips) chip.reset();
        expect(system.pic.pending()).toBe(false);
        expect([0x21, 0xa1, 0x64, 0x3f9, 0x61].map((port) => system.bus.in(port) & ~0x30)).toEqual([0xcf, 0xcf, 0, 0, 0]);
      }),
      { numRuns: 30 },
    );
  });
});
