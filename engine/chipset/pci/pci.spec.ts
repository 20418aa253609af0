import { beforeEach, describe, expect, it } from 'vitest';
import { FakeBus } from '../testing/fake-bus.ts';
import { PciFunction } from './function.ts';
import { PciBus } from './pci.ts';
import { Vga } from '../vga/vga.ts';
import { VideoFunction } from './video-function.ts';

/** With as much video memory as a VGA has. */
class VgaBus extends FakeBus {
  override readonly vram = new Uint8Array(new SharedArrayBuffer(1 << 18));
}

let bus: FakeBus;
let device: PciFunction;
let routed: [number, number, boolean][];

const select = (slot: number, offset: number) => bus.out(0xcf8, (0x8000_0000 | (slot << 11) | (offset & 0xfc)) >>> 0, 4);
const read = (offset: number) => (select(3, offset), bus.in(0xcfc, 4));
const write = (offset: number, value: number) => (select(3, offset), bus.out(0xcfc, value, 4));

beforeEach(() => {
  bus = new FakeBus();
  const pci = new PciBus(bus);
  device = new PciFunction(
    bus,
    { device: 3, function: 0 },
    {
      vendor: 0x1234,
      device: 0x5678,
      revision: 9,
      classCode: 0x030000,
      subsystemVendor: 0x1af4,
      subsystem: 0x1100,
      interruptPin: 1,
    },
  );
  const answer = (name: number) => ({ read: () => name, write: () => undefined });
  device.addMemoryBar(0, bus.mmio('memory', undefined, 0x10000, answer(0x11)), { prefetchable: true });
  device.addIoBar(1, bus.ports(0, 16, answer(0x22)));
  device.addRomBar(bus.mmio('rom', undefined, 0x8000, answer(0x33)));
  device.addCapability(0x50, 0x09, [0x10, 0x00], [0x00, 0xff]);
  pci.add(device);
  routed = [];
  pci.connect({ route: (address, pin, asserted) => routed.push([address.device, pin, asserted]) });
  pci.reset();
  device.reset();
});

describe('configuration mechanism #1', () => {
  it('reads the header by words, halves and bytes, and ones where nothing is', () => {
    expect(read(0)).toBe(0x56781234);
    select(3, 8);
    expect([bus.in(0xcfc), bus.in(0xcfe, 2)]).toEqual([9, 0x0300]);
    select(4, 0);
    expect(bus.in(0xcfc, 4)).toBe(0xffff_ffff);
    bus.out(0xcf8, 0x1800, 4);
    expect(bus.in(0xcfc, 4)).toBe(0xffff_ffff);
  });

  it('takes whole words only in CONFIG_ADDRESS', () => {
    select(3, 0);
    bus.out(0xcf8, 0x00, 1);
    expect(bus.in(0xcf8, 4)).toBe(0x8000_1800);
  });

  it('refuses two functions in one place', () => {
    const pci = new PciBus(new FakeBus());
    pci.add(device);
    expect(() => pci.add(device)).toThrow(RangeError);
  });
});

describe('a function', () => {
  it('changes only what software may write', () => {
    write(0, 0);
    write(4, 0xffff_ffff);
    expect(read(0)).toBe(0x56781234);
    expect(read(4)).toBe(0x0010_0547);
    write(0x3c, 0xffff_ff0b);
    expect(read(0x3c)).toBe(0x0000_010b);
  });

  it('shows the sizes of its BARs, and no BAR where none is', () => {
    for (const [offset, value] of [
      [0x10, 0xffff_0008],
      [0x14, 0xffff_fff1],
      [0x18, 0],
      [0x30, 0xffff_8001],
    ] as const) {
      write(offset, 0xffff_ffff);
      expect(read(offset)).toBe(value);
    }
  });

  it('decodes memory and ports at the BAR while the command register allows it', () => {
    write(0x10, 0xe000_0000);
    write(0x14, 0xc000);
    expect([bus.mmioRead(0xe000_0010, 1), bus.in(0xc004)]).toEqual([0xff, 0xff]);
    write(4, 3);
    expect([bus.mmioRead(0xe000_0010, 1), bus.in(0xc004)]).toEqual([0x11, 0x22]);
    write(0x10, 0xd000_0000);
    expect([bus.mmioRead(0xe000_0010, 1), bus.mmioRead(0xd000_0010, 1)]).toEqual([0xff, 0x11]);
    write(4, 1);
    expect([bus.mmioRead(0xd000_0010, 1), bus.in(0xc004)]).toEqual([0xff, 0x22]);
  });

  it('is nowhere while its size is asked for with decoding on', () => {
    write(4, 3);
    write(0x10, 0xffff_ffff);
    write(0x14, 0xffff_ffff);
    expect([bus.mmioRead(0xffff_0000, 1), bus.in(0xfff0)]).toEqual([0xff, 0xff]);
  });

  it('shows its ROM when both enables are on', () => {
    write(4, 2);
    write(0x30, 0xe100_0000);
    expect(bus.mmioRead(0xe100_0000, 1)).toBe(0xff);
    write(0x30, 0xe100_0001);
    expect(bus.mmioRead(0xe100_0000, 1)).toBe(0x33);
  });

  it('lists its capabilities', () => {
    expect(read(0x34) & 0xff).toBe(0x50);
    write(0x50, 0xffff_ffff);
    expect(read(0x50)).toBe(0xff10_0009);
  });

  it('asserts its pin unless command bit 10 keeps it', () => {
    device.setInterrupt(true);
    write(4, 0x400);
    expect(read(4) & 0x0008_0000).toBe(0x0008_0000);
    write(4, 0);
    device.setInterrupt(false);
    expect(routed).toEqual([
      [3, 1, true],
      [3, 1, false],
      [3, 1, true],
      [3, 1, false],
    ]);
  });

  it('refuses BARs of sizes that cannot be decoded', () => {
    const answer = { read: () => 0, write: () => undefined };
    expect(() => device.addMemoryBar(2, bus.mmio('small', undefined, 0x800, answer))).toThrow(RangeError);
    expect(() => device.addMemoryBar(2, bus.mmio('odd', undefined, 0x3000, answer))).toThrow(RangeError);
  });
});

describe('the video function', () => {
  it('lets firmware find, map and read the VGA BIOS, shows VRAM at BAR 0 and its registers at BAR 2', () => {
    bus = new VgaBus();
    const pci = new PciBus(bus);
    const video = new VideoFunction(bus, pci, new Vga(bus));
    video.registers.setEdid(Uint8Array.of(1, 2, 3, 4));
    video.setRom(Uint8Array.of(0x55, 0xaa, 0x4c));
    video.reset();
    expect(() => video.setRom(new Uint8Array(65_537))).toThrow(RangeError);
    const at = (offset: number) => bus.out(0xcf8, (0x8000_0800 | offset) >>> 0, 4);
    at(8);
    expect(bus.in(0xcfc, 4)).toBe(0x0300_0002);
    at(0x30);
    bus.out(0xcfc, 0xffff_fffe, 4);
    expect(bus.in(0xcfc, 4)).toBe(0xffff_0000);
    bus.out(0xcfc, 0xfe00_0001, 4);
    at(0x10);
    bus.out(0xcfc, 0xfd00_0000, 4);
    at(0x18);
    bus.out(0xcfc, 0xfe10_0000, 4);
    at(4);
    bus.out(0xcfc, 3, 4);
    expect(bus.mmioRead(0xfe10_0000, 4)).toBe(0x0403_0201);
    expect([bus.mmioRead(0xfe00_0000, 2), bus.mmioRead(0xfe00_0002, 2)]).toEqual([0xaa55, 0xff4c]);
    bus.mmioWrite(0xfd00_0004, 0x12345678);
    expect([...bus.vram.subarray(4, 8)]).toEqual([0x78, 0x56, 0x34, 0x12]);
  });
});
