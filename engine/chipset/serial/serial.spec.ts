import { describe, expect, it } from 'vitest';
import { FakeBus, FakeLine } from '../testing/fake-bus.ts';
import { Serial } from './serial.ts';

const base = 0x3f8;
/** One character at 9,600 bits a second, 10 bits, in nanoseconds. */
const characterTime = 1_041_667;

function port(setup: { fifo?: number; interrupts?: number } = {}) {
  const bus = new FakeBus();
  const irq = new FakeLine();
  const serial = new Serial(bus, irq, { name: 'com1', port: base });
  serial.reset();
  bus.out(base + 3, 0x03);
  if (setup.fifo !== undefined) bus.out(base + 2, setup.fifo);
  bus.out(base + 1, setup.interrupts ?? 0);
  bus.out(base + 4, 0x0b);
  return { bus, irq, serial, output: bus.output('com1') };
}

function drain(bus: FakeBus): number[] {
  const bytes: number[] = [];
  while (bus.in(base + 5) & 1) bytes.push(bus.in(base));
  return bytes;
}

const identification = (bus: FakeBus) => bus.in(base + 2) & 0x0f;
const numbers = (count: number) => Uint8Array.from({ length: count }, (_, index) => index);

describe('a serial port', () => {
  it('sends bytes to the host and has its transmitter empty again', () => {
    const { bus, output } = port();
    for (const character of 'hello') bus.out(base, character.charCodeAt(0));
    expect(output.text).toBe('hello');
    expect(bus.in(base + 5)).toBe(0x60);
  });

  it('keeps THRE clear while the host takes nothing, and loses nothing', () => {
    const { bus, output } = port();
    output.space = 0;
    bus.out(base, 0x41);
    expect(bus.in(base + 5) & 0x60).toBe(0);
    output.space = 10;
    bus.advance(2_000_000);
    expect(output.text).toBe('A');
    expect(bus.in(base + 5) & 0x60).toBe(0x60);
  });

  it('interrupts again for each emptied transmitter, with an edge', () => {
    const { bus, irq } = port({ interrupts: 0x02 });
    expect(irq.risingEdges).toBe(1);
    bus.out(base, 0x41);
    expect(irq.risingEdges).toBe(2);
    expect(identification(bus)).toBe(0x2);
    expect(identification(bus)).toBe(0x1);
    expect(irq.asserted).toBe(false);
  });

  it('gives each byte without FIFO a time of its own, so that every one has its edge', () => {
    const { bus, irq, serial } = port({ interrupts: 0x01 });
    expect(serial.receive(numbers(5))).toBe(5);
    const bytes: number[] = [];
    for (let step = 0; step < 5; step++) {
      bus.advance(characterTime);
      expect(irq.asserted).toBe(true);
      bytes.push(...drain(bus));
      expect(irq.asserted).toBe(false);
    }
    expect(bytes).toEqual([0, 1, 2, 3, 4]);
    expect(irq.risingEdges).toBe(5);
  });

  it('feeds a FIFO of 16 as it is emptied, without an overrun', () => {
    const { bus, serial } = port({ fifo: 0xc1 });
    serial.receive(numbers(100));
    const bytes: number[] = [];
    while (bytes.length < 100) {
      bus.advance(characterTime);
      expect(bus.in(base + 5) & 0x02).toBe(0);
      const burst = drain(bus);
      expect(burst.length).toBeLessThanOrEqual(16);
      bytes.push(...burst);
    }
    expect(bytes).toEqual([...numbers(100)]);
  });

  it('tells of bytes below the trigger level after four character times', () => {
    const { bus, serial, irq } = port({ fifo: 0xc1, interrupts: 0x01 });
    serial.receive(numbers(3));
    bus.advance(characterTime);
    expect(irq.asserted).toBe(false);
    bus.advance(4 * characterTime);
    expect(identification(bus)).toBe(0xc);
    bus.in(base);
    expect(irq.asserted).toBe(false);
  });

  it('accepts what its ring holds and says how much that was', () => {
    const { serial } = port();
    const space = serial.inputSpace;
    expect(serial.receive(new Uint8Array(space + 10))).toBe(space);
    expect(serial.receive(numbers(1))).toBe(0);
  });

  it('puts line status before data, data before an empty transmitter, that before modem status', () => {
    const { bus } = port({ interrupts: 0x0f });
    bus.out(base + 4, 0x10);
    bus.out(base, 0x55);
    bus.out(base, 0x56);
    const order: number[] = [];
    order.push(identification(bus));
    bus.in(base + 5);
    order.push(identification(bus));
    expect(bus.in(base)).toBe(0x56);
    order.push(identification(bus), identification(bus));
    bus.in(base + 6);
    order.push(identification(bus));
    expect(order).toEqual([0x6, 0x4, 0x2, 0x0, 0x1]);
  });

  it('shows modem outputs as inputs in loop-back mode and keeps its interrupt off the bus', () => {
    const { bus, irq } = port({ interrupts: 0x0f });
    const edges = irq.risingEdges;
    bus.out(base + 4, 0x1a);
    expect(bus.in(base + 6) >> 4).toBe(0x9);
    bus.out(base + 4, 0x15);
    expect(bus.in(base + 6)).toBe(0x60 | 0x0b);
    bus.out(base, 0x33);
    expect(bus.in(base)).toBe(0x33);
    expect(irq.risingEdges).toBe(edges);
  });

  it('says that it is a 16550A', () => {
    const { bus } = port({ fifo: 0x01 });
    expect(bus.in(base + 2) >> 6).toBe(3);
    bus.out(base + 2, 0);
    expect(bus.in(base + 2) >> 6).toBe(0);
    bus.out(base + 7, 0xa5);
    expect(bus.in(base + 7)).toBe(0xa5);
    bus.out(base + 3, 0x83);
    bus.out(base, 0x0102, 2);
    expect([bus.in(base), bus.in(base + 1)]).toEqual([2, 1]);
  });
});
