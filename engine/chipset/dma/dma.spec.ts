import { describe, expect, it } from 'vitest';
import { FakeBus } from '../testing/fake-bus.ts';
import { Dma } from './dma.ts';

function machine() {
  const bus = new FakeBus();
  const dma = new Dma(bus);
  dma.reset();
  return { bus, dma };
}

describe('the DMA controllers', () => {
  it('read back addresses and counts, low byte first', () => {
    const { bus } = machine();
    for (const [port, flipFlop] of [
      [0x04, 0x0c],
      [0x05, 0x0c],
      [0xc8, 0xd8],
    ] as const) {
      bus.out(flipFlop, 0);
      bus.out(port, 0x34);
      bus.out(port, 0x12);
      expect([bus.in(port), bus.in(port)]).toEqual([0x34, 0x12]);
    }
  });

  it('give a device its channel, in bytes, with the page', () => {
    const { bus, dma } = machine();
    bus.out(0x81, 0x12);
    for (const [port, value] of [
      [0x0b, 0x46],
      [0x04, 0x00],
      [0x04, 0x80],
      [0x05, 0xff],
      [0x05, 0x01],
      [0x0a, 0x02],
    ] as const) {
      bus.out(port, value);
    }
    expect(dma.channel(2)).toEqual({ address: 0x128000, bytes: 512, mode: 0x44, masked: false });
    bus.out(0x8b, 0x03);
    for (const [port, value] of [
      [0xc4, 0x00],
      [0xc4, 0x40],
      [0xc6, 0x7f],
      [0xc6, 0x00],
    ] as const)
      bus.out(port, value);
    expect(dma.channel(5)).toEqual({ address: 0x028000, bytes: 256, mode: 0, masked: true });
  });

  it('reach terminal count, which status tells once, and mask the channel', () => {
    const { bus, dma } = machine();
    for (const [port, value] of [
      [0x05, 0xff],
      [0x05, 0x01],
      [0x0e, 0],
    ] as const)
      bus.out(port, value);
    dma.transferred(2, 256);
    expect([dma.channel(2).bytes, bus.in(0x08)]).toEqual([256, 0]);
    dma.transferred(2, 256);
    expect([bus.in(0x08), bus.in(0x08), dma.channel(2).masked]).toEqual([0x04, 0, true]);
  });

  it('start again from the base in automatic mode', () => {
    const { bus, dma } = machine();
    for (const [port, value] of [
      [0x0b, 0x56],
      [0x04, 0x00],
      [0x04, 0x10],
      [0x05, 0x0f],
      [0x05, 0x00],
      [0x0e, 0],
    ] as const) {
      bus.out(port, value);
    }
    dma.transferred(2, 16);
    expect(dma.channel(2)).toMatchObject({ address: 0x1000, bytes: 16, masked: false });
  });

  it('keep the POST code', () => {
    const { bus, dma } = machine();
    bus.out(0x80, 0x5a);
    expect([dma.postCode, bus.in(0x80)]).toEqual([0x5a, 0x5a]);
  });
});
