import { beforeEach, describe, expect, it } from 'vitest';
import { HostBridge } from '../host-bridge/host-bridge.ts';
import { oscillator } from '../oscillator.ts';
import { PciBus } from '../pci/pci.ts';
import { FakeBus, FakeLine } from '../testing/fake-bus.ts';
import { Lpc } from './lpc.ts';
import { pmTimerHertz } from './power-management.ts';

let bus: FakeBus;
let pci: PciBus;
let bridge: HostBridge;
let lpc: Lpc;
let lines: Map<number, FakeLine>;

const select = (slot: number, offset: number) => bus.out(0xcf8, (0x8000_0000 | (slot << 11) | (offset & 0xfc)) >>> 0, 4);
const read = (slot: number, offset: number) => (select(slot, offset), bus.in(0xcfc + (offset & 3)));
const write = (slot: number, offset: number, value: number) => (select(slot, offset), bus.out(0xcfc + (offset & 3), value));
const write32 = (slot: number, offset: number, value: number) => (select(slot, offset), bus.out(0xcfc, value, 4));
const asserted = () => [...lines].filter(([, line]) => line.asserted).map(([irq]) => irq);

/** As SeaBIOS sets the bridge up. */
function setUp(options: { smm?: boolean } = {}) {
  bus = new FakeBus({ ramBytes: 64 << 20 });
  pci = new PciBus(bus);
  bridge = new HostBridge(bus, pci);
  lines = new Map();
  const line = (irq: number) => {
    const made = new FakeLine();
    lines.set(irq, made);
    return made;
  };
  lpc = new Lpc(bus, pci, { line, ...options });
  for (const chip of [pci, bridge, lpc]) chip.reset();
  write32(31, 0x40, 0x601);
  write(31, 0x44, 0x80);
  write32(31, 0xf0, 0xfed1_c001);
}
beforeEach(() => setUp());

describe('the host bridge', () => {
  it('is QEMU’s Q35 to firmware', () => {
    select(0, 0);
    expect(bus.in(0xcfc, 4)).toBe(0x29c0_8086);
    select(0, 0x2c);
    expect(bus.in(0xcfc, 4)).toBe(0x1100_1af4);
    select(0, 0xb0);
    expect(bus.in(0xcfc, 2)).toBe(64 << 4);
  });

  it('routes the legacy segments as PAM says', () => {
    const last = () => bus.routed.at(-1);
    write(0, 0x90, 0x10);
    expect(last()).toEqual({ base: 0xf0000, size: 0x10000, routing: { readRam: true, writeRam: false } });
    write(0, 0x91, 0x20);
    expect(bus.routed.slice(-2)).toEqual([
      { base: 0xc0000, size: 0x4000, routing: { readRam: false, writeRam: false } },
      { base: 0xc4000, size: 0x4000, routing: { readRam: false, writeRam: true } },
    ]);
    write(0, 0x96, 0x33);
    expect(last()).toEqual({ base: 0xec000, size: 0x4000, routing: { readRam: true, writeRam: true } });
  });

  it('opens SMRAM by D_OPEN, and never again after D_LCK', () => {
    write(0, 0x9d, 0x4a);
    expect(bus.smramOpen).toBe(true);
    write(0, 0x9d, 0x1a);
    expect([bus.smramOpen, bridge.smramLocked]).toEqual([false, true]);
    write32(0, 0x9c, 0xffff_4a00);
    expect([bus.smramOpen, read(0, 0x9d), read(0, 0x9e)]).toEqual([false, 0x1a, 0x38]);
    bridge.reset();
    write(0, 0x9d, 0x4a);
    expect(bus.smramOpen).toBe(true);
  });

  it('has TSEG where TSEGMB says, and no longer moves it after D_LCK', () => {
    write32(0, 0xac, 0x0370_0000);
    write(0, 0x9d, 0x0a);
    expect(bridge.tseg).toBeUndefined();
    write(0, 0x9e, 0x01);
    expect(bridge.tseg).toEqual({ base: 0x0370_0000, size: 1 << 20 });
    write(0, 0x9e, 0x05);
    expect(bridge.tseg).toEqual({ base: 0x0370_0000, size: 8 << 20 });
    write(0, 0x9d, 0x1a);
    write(0, 0x9e, 0x00);
    write32(0, 0xac, 0);
    expect(bridge.tseg).toEqual({ base: 0x0370_0000, size: 8 << 20 });
  });

  it('cannot have D_OPEN and D_LCK together', () => {
    write(0, 0x9d, 0x5a);
    expect([bus.smramOpen, read(0, 0x9d)]).toEqual([false, 0x1a]);
  });

  it('shows configuration space in memory where PCIEXBAR says', () => {
    write32(0, 0x60, 0xb000_0001);
    expect(bus.mmioRead(0xb000_0000)).toBe(0x29c0_8086);
    expect(bus.mmioRead(0xb00f_8000)).toBe(0x2918_8086);
    expect(bus.mmioRead(0xb00f_8100)).toBe(0xffff_ffff);
    expect(bus.mmioRead(0xb010_0000)).toBe(0xffff_ffff);
    bus.mmioWrite(0xb00f_803c, 0x0b, 1);
    expect(read(31, 0x3c)).toBe(0x0b);
    write32(0, 0x60, 0xc000_0005);
    expect([bus.mmioRead(0xb000_0000), bus.mmioRead(0xc000_0000)]).toEqual([0xffff_ffff, 0x29c0_8086]);
    write32(0, 0x60, 0xc000_0000);
    expect(bus.mmioRead(0xc000_0000)).toBe(0xffff_ffff);
  });
});

describe('interrupt routing', () => {
  it('leads the pins of a slot to PIRQ E-H in rotation, and on to the IRQ that firmware chose', () => {
    write(31, 0x68, 10);
    write(31, 0x69, 11);
    pci.setInterrupt({ device: 1, function: 0 }, 1, true);
    expect(asserted()).toEqual([11]);
    pci.setInterrupt({ device: 4, function: 0 }, 1, true);
    expect(asserted()).toEqual([10, 11]);
    write(31, 0x69, 0x8b);
    expect(asserted()).toEqual([10]);
  });

  it('shares an IRQ until the last one lets go', () => {
    write(31, 0x68, 10);
    pci.setInterrupt({ device: 4, function: 0 }, 1, true);
    pci.setInterrupt({ device: 8, function: 0 }, 1, true);
    pci.setInterrupt({ device: 4, function: 0 }, 1, false);
    expect(asserted()).toEqual([10]);
    pci.setInterrupt({ device: 8, function: 0 }, 1, false);
    expect(asserted()).toEqual([]);
  });

  it('asks the root complex registers for devices 25 to 31', () => {
    write(31, 0x61, 5);
    write(31, 0x62, 6);
    pci.setInterrupt({ device: 31, function: 2 }, 2, true);
    expect(asserted()).toEqual([5]);
    bus.mmioWrite(0xfed1_c000 + 0x3140, 0x3220, 2);
    expect(asserted()).toEqual([6]);
  });
});

describe('power management', () => {
  it('is at PMBASE while ACPI is enabled', () => {
    bus.advance(1_000_000);
    expect(bus.in(0x608, 4)).toBeGreaterThan(0);
    write(31, 0x44, 0);
    expect(bus.in(0x608, 4)).toBe(0xffff_ffff);
  });

  it('counts 24 bits at 3.579545 MHz', () => {
    const { timeOf } = oscillator(pmTimerHertz);
    bus.advance(timeOf(0xff_fffe));
    expect(bus.in(0x608, 4)).toBe(0xff_fffe);
    bus.advance(timeOf(0x100_0003) - timeOf(0xff_fffe));
    expect(bus.in(0x608, 4)).toBe(3);
  });

  it('sets TMROF_STS when bit 23 changes, and raises SCI if asked to', () => {
    bus.out(0x602, 0x0001, 2);
    bus.out(0x604, 0x0001, 2);
    bus.advance(2_343_000_000);
    expect([bus.in(0x600, 2), asserted()]).toEqual([0, []]);
    bus.advance(1_000_000);
    expect([bus.in(0x600, 2), asserted()]).toEqual([1, [9]]);
    bus.out(0x600, 1, 2);
    expect([bus.in(0x600, 2), asserted()]).toEqual([0, []]);
  });

  it('tells of the power button by SCI', () => {
    expect(lpc.pressPowerButton()).toBe(false);
    bus.out(0x600, 0x100, 2);
    bus.out(0x602, 0x0100, 2);
    bus.out(0x604, 0x0001, 2);
    expect(asserted()).toEqual([]);
    expect(lpc.pressPowerButton()).toBe(true);
    expect([bus.in(0x600, 2), asserted()]).toEqual([0x100, [9]]);
    write(31, 0x44, 0x81);
    expect(asserted()).toEqual([10]);
  });

  it('switches off for S5, S4 and QEMU’s type 0, and wakes at once from S1', () => {
    bus.out(0x604, 0x0400 | 0x2000, 2);
    expect([bus.posted, bus.in(0x600, 2)]).toEqual([[], 0x8000]);
    for (const type of [7, 6, 0]) bus.out(0x604, (type << 10) | 0x2000, 2);
    expect(bus.posted.map((request) => request.kind)).toEqual(['powerOff', 'powerOff', 'powerOff']);
    expect(bus.in(0x604, 2) & 0x2000).toBe(0);
  });

  it('has APMC_EN set from the start only in a machine without SMM', () => {
    expect(bus.in(0x630, 4)).toBe(0x20);
    setUp({ smm: true });
    expect(bus.in(0x630, 4)).toBe(0);
  });
});

describe('SMIs', () => {
  beforeEach(() => setUp({ smm: true }));

  it('come from port 0xB2 when APMC_EN and GBL_SMI_EN are set, and SMI_STS says so', () => {
    for (const enabled of [0x00, 0x20, 0x01]) {
      bus.out(0x630, enabled, 4);
      bus.out(0xb2, 0x11);
      expect([bus.posted, bus.in(0x634, 4)]).toEqual([[], 0]);
    }
    bus.out(0x630, 0x21, 4);
    bus.out(0xb2, 0x12);
    expect(bus.posted).toEqual([{ kind: 'smi', cause: 'apm' }]);
    expect([bus.in(0xb2), bus.in(0x634, 4)]).toEqual([0x12, 0x20]);
    bus.out(0x634, 0x20, 4);
    expect(bus.in(0x634, 4)).toBe(0);
  });

  it('come instead of sleep when SLP_SMI_EN is set, and from GBL_RLS when BIOS_EN is', () => {
    bus.out(0x630, 0x15, 4);
    bus.out(0x604, 0x3c00, 2);
    bus.out(0x604, 0x0004, 2);
    expect(bus.posted).toEqual([
      { kind: 'smi', cause: 'chipset' },
      { kind: 'smi', cause: 'chipset' },
    ]);
    expect(bus.in(0x634, 4)).toBe(0x14);
  });
});

describe('reset and the odd ports', () => {
  it('resets on a rising edge at 0xCF9 and at 0x92, not on a level', () => {
    bus.out(0xcf9, 0x02);
    bus.out(0xcf9, 0x06);
    bus.out(0xcf9, 0x06);
    bus.out(0x92, 0x01);
    bus.out(0x92, 0x01);
    expect(bus.posted).toHaveLength(2);
    expect(bus.in(0xcf9)).toBe(0x06);
  });

  it('leaves CONFIG_ADDRESS alone when 0xCF9 is written', () => {
    select(0, 0);
    bus.out(0xcf9, 0x02);
    expect(bus.in(0xcfc, 2)).toBe(0x8086);
  });

  it('moves the A20 gate, and keeps the APM ports', () => {
    expect(bus.in(0x92)).toBe(2);
    bus.out(0x92, 0x00);
    expect([bus.memory.a20, bus.in(0x92)]).toEqual([false, 0]);
    bus.out(0x92, 0x02);
    expect([bus.memory.a20, bus.in(0x92)]).toEqual([true, 2]);
    bus.out(0xb2, 0x34);
    bus.out(0xb3, 0x56);
    expect([bus.in(0xb2), bus.in(0xb3)]).toEqual([0x34, 0x56]);
  });
});
