import { describe, expect, it } from 'vitest';
import { FlushScope, Page } from '../cpu/platform.ts';
import { Attention } from '../isa/state.ts';
import { BareMachine } from './testing/bare-machine.ts';

const mebibyte = 1 << 20;

function kind(machine: BareMachine, address: number): number {
  return machine.memory.pageFlags[address >>> 12] ?? 0;
}

function backing(machine: BareMachine, address: number): [read: number, write: number] {
  return [machine.memory.pageRead[address >>> 12] ?? 0, machine.memory.pageWrite[address >>> 12] ?? 0];
}

function attention(machine: BareMachine): number {
  return Atomics.exchange(machine.memory.words, machine.control.attentionWord(0), 0);
}

const noisy = { read: (offset: number) => 0x40 + offset, write: () => undefined, peek: () => 0x77 };

describe('the physical map', () => {
  it('shows RAM below the legacy area and above 1 MiB, and holes elsewhere', () => {
    const machine = BareMachine.create();
    const { ramBase } = machine.memory;
    expect(backing(machine, 0)).toEqual([ramBase, ramBase]);
    expect(backing(machine, 0x9f000)).toEqual([ramBase + 0x9f000, ramBase + 0x9f000]);
    expect(backing(machine, 2 * mebibyte - 1)).toEqual([ramBase + 0x1ff000, ramBase + 0x1ff000]);
    for (const hole of [0xa0000, 0xc0000, 0xf0000, 2 * mebibyte, 0xffff_f000]) {
      expect(backing(machine, hole)).toEqual([0, 0]);
      expect(machine.bus.mmioRead(hole, 4)).toBe(0xffff_ffff);
      machine.bus.mmioWrite(hole, 4, 1);
    }
    expect(machine.memory.ram.every((byte) => byte === 0)).toBe(true);
  });

  it('routes reads and writes of the legacy area apart', () => {
    const machine = BareMachine.create();
    const { bus, memory } = machine;
    bus.memory.mapRom(0xf0000, new Uint8Array(0x10000).fill(0x5a));
    bus.memory.mapRom(0xffff_0000, new Uint8Array(0x10000).fill(0x5a));
    expect(kind(machine, 0xf0000)).toBe(Page.rom);
    expect(memory.pageRead[0xf0]).toBeGreaterThan(0);
    expect(memory.pageWrite[0xf0]).toBe(0);
    bus.mmioWrite(0xf0000, 1, 0x11);
    expect(memory.ram[0xf0000]).toBe(0);

    // The shadowing copy: ROM is read, RAM is written, one and the same address.
    bus.memory.routeLegacy(0xf0000, 0x10000, { readRam: false, writeRam: true });
    expect(backing(machine, 0xf0000)).toEqual([0, 0]);
    expect(bus.mmioRead(0xf0000, 2)).toBe(0x5a5a);
    bus.mmioWrite(0xf0000, 2, 0x1234);
    expect(bus.mmioRead(0xf0000, 2)).toBe(0x5a5a);
    bus.memory.routeLegacy(0xf0000, 0x10000, { readRam: true, writeRam: false });
    expect(new Uint16Array(memory.buffer, memory.pageRead[0xf0], 1)[0]).toBe(0x1234);
    expect(memory.pageWrite[0xf0]).toBe(0);
    bus.memory.routeLegacy(0xf0000, 0x10000, { readRam: true, writeRam: true });
    expect(backing(machine, 0xf0000)).toEqual([memory.ramBase + 0xf0000, memory.ramBase + 0xf0000]);
    expect(kind(machine, 0xec000)).toBe(0);

    bus.memory.reset();
    expect(kind(machine, 0xf0000)).toBe(Page.rom);
  });

  it('has every vCPU drop its translations when a page goes elsewhere, and only then', () => {
    const machine = BareMachine.create();
    attention(machine);
    bus(machine).routeLegacy(0xc0000, 0x4000, { readRam: true, writeRam: true });
    expect(attention(machine)).toBe(Attention.flush);
    bus(machine).routeLegacy(0xc0000, 0x4000, { readRam: true, writeRam: true });
    expect(attention(machine)).toBe(0);
  });

  it('moves regions for every thread, hides them below RAM and lets go of where they were', () => {
    const machine = BareMachine.create();
    const region = machine.bus.mmio('card', undefined, 0x2000, noisy);
    expect(machine.bus.mmioRead(0xe000_0000, 1)).toBe(0xff);
    machine.memory.directory.seal();
    const other = machine.onAnotherThread();
    const otherRegion = other.bus.mmio('card', undefined, 0x2000, noisy);
    region.place(0xe000_0000);
    expect(otherRegion.base).toBe(0xe000_0000);
    expect(other.bus.mmioRead(0xe000_0012, 1)).toBe(0x52);
    expect(other.bus.mmioPeek(0xe000_0012, 1)).toBe(0x77);
    otherRegion.place(0xd000_0000);
    expect(machine.bus.mmioRead(0xe000_0012, 1)).toBe(0xff);
    expect(machine.bus.mmioRead(0xd000_0001, 1)).toBe(0x41);
    region.place(0x100000);
    expect(kind(machine, 0x100000)).toBe(Page.ram);
    region.place(undefined);
    expect(kind(machine, 0xd000_0000)).toBe(0);
  });

  it('opens the SMRAM window to RAM, and DMA never sees it', () => {
    const machine = BareMachine.create();
    machine.bus.mmio('vga', 0xa0000, 0x20000, noisy);
    machine.memory.ram[0xa0000] = 0x99;
    expect(kind(machine, 0xa0000)).toBe(Page.mmio);
    machine.bus.memory.routeSmram({ compatible: true, tseg: undefined, open: true, closed: false });
    expect(kind(machine, 0xa0000)).toBe(Page.ram | Page.smram);
    const copy = new Uint8Array(4);
    machine.bus.memory.dmaRead(0x9fffe, copy);
    expect([...copy]).toEqual([0, 0, 0xff, 0xff]);
    machine.bus.memory.dmaWrite(0xa0000, Uint8Array.of(1));
    expect(machine.memory.ram[0xa0000]).toBe(0x99);
    machine.bus.memory.routeSmram({ compatible: true, tseg: undefined, open: false, closed: false });
    expect(kind(machine, 0xa0000)).toBe(Page.mmio | Page.smram);
  });

  it('hides TSEG from everybody but those in SMM, from DMA always, and from data accesses while D_CLS is set', () => {
    const machine = BareMachine.create();
    const { bus, memory } = machine;
    const tseg = { base: 0x100000, size: mebibyte };
    memory.ram.fill(0x77, tseg.base, tseg.base + 16);
    bus.memory.routeSmram({ compatible: true, tseg, open: false, closed: false });
    expect(bus.memory.smramRanges).toEqual([
      { name: 'compatible', base: 0xa0000, size: 0x20000 },
      { name: 'tseg', ...tseg },
    ]);
    expect([kind(machine, tseg.base), ...backing(machine, tseg.base)]).toEqual([Page.smram, 0, 0]);
    expect(bus.mmioRead(tseg.base, 4)).toBe(0xffff_ffff);
    bus.mmioWrite(tseg.base, 4, 0);
    const copy = new Uint8Array(4);
    bus.memory.dmaRead(tseg.base, copy);
    bus.memory.dmaWrite(tseg.base, Uint8Array.of(1));
    // Nor is it a place for rings of a device, nor is what lies across an edge of memory.
    expect([tseg.base, tseg.base - 4, 0xa0000, 0x9fffc, 2 * mebibyte, 0xffff_fffc].map((address) => bus.memory.dmaReaches(address, 8, true))).toEqual([false, false, false, false, false, false]);
    expect([bus.memory.dmaReaches(0x9fff8, 8, true), bus.memory.dmaReaches(0x9fff8, 8, false)]).toEqual([true, true]);
    expect([[...copy], memory.ram[tseg.base]]).toEqual([[0xff, 0xff, 0xff, 0xff], 0x77]);

    // Any word will do for this test: 0 is not in the view, 1 is.
    const word = machine.control.word('displayChanges');
    const view = bus.memory.smramView(word);
    const page = tseg.base >>> 12;
    const there = memory.ramBase + tseg.base;
    expect([view.codePage(page), view.dataPage(page)]).toEqual([0, 0]);
    memory.words[word] = 1;
    expect([view.codePage(page), view.dataPage(page)]).toEqual([there, there]);
    bus.memory.routeSmram({ compatible: true, tseg, open: false, closed: true });
    expect([view.codePage(page), view.dataPage(page)]).toEqual([there, 0]);
    bus.memory.routeSmram({ compatible: true, tseg, open: true, closed: false });
    expect(backing(machine, tseg.base)).toEqual([there, there]);
    bus.memory.dmaRead(tseg.base, copy);
    expect(copy[0]).toBe(0xff);
    bus.memory.routeSmram({ compatible: false, tseg: undefined, open: false, closed: false });
    expect([kind(machine, tseg.base), ...backing(machine, tseg.base)]).toEqual([Page.ram, there, there]);
  });

  it('stamps pages written by DMA, and drops code that lay there', () => {
    const machine = BareMachine.create();
    expect(machine.control.advanceEpoch().epoch).toBe(1);
    expect(attention(machine)).toBe(Attention.flush);
    machine.bus.memory.dmaWrite(0x1ffe, Uint8Array.of(1, 2, 3, 4));
    expect([...machine.memory.ram.subarray(0x1ffe, 0x2002)]).toEqual([1, 2, 3, 4]);
    expect([...machine.memory.pageEpoch.subarray(0, 4)]).toEqual([0, 1, 1, 0]);
    expect(attention(machine)).toBe(0);
    machine.bus.memory.addAttributes(2, Page.code);
    attention(machine);
    machine.bus.memory.dmaWrite(0x2000, Uint8Array.of(1));
    expect(attention(machine)).toBe(Attention.flush);
    expect(kind(machine, 0x2000)).toBe(Page.ram | Page.code);
  });

  it('takes a right away only when every running vCPU has passed a poll', () => {
    const machine = BareMachine.create({ cpus: 2 });
    const { control } = machine;
    Atomics.store(machine.memory.words, control.stopWords.stop(0), 1);
    const generation = machine.bus.memory.addAttributes(1, Page.traced);
    expect(control.flushPassed(generation)).toBe(false);
    expect(control.takeFlushScope(0) & FlushScope.translations).not.toBe(0);
    // vCPU 1 is quiescent: it drops its caches before it runs anything.
    expect(control.flushPassed(generation)).toBe(true);
  });

  it('shows VRAM directly through a frame buffer', () => {
    const machine = BareMachine.create();
    machine.bus.frameBuffer('lfb', 0xfd00_0000, 0x4000, 0x1000);
    expect(backing(machine, 0xfd00_1000)).toEqual([machine.memory.vramBase + 0x2000, machine.memory.vramBase + 0x2000]);
  });

  it('refuses images that do not fit', () => {
    const { memory } = BareMachine.create().bus;
    expect(() => memory.writeRam(2 * mebibyte - 1, Uint8Array.of(1, 2))).toThrow(/do not fit in 2 MiB/);
    expect(() => memory.mapRom(0x100000, Uint8Array.of(1))).toThrow(/cannot be shown/);
    expect(() => memory.mapRom(0xfff0_0000, new Uint8Array(2 * mebibyte))).toThrow(/cannot be shown/);
    memory.mapRom(0xfff0_0000, new Uint8Array(mebibyte));
    expect(() => memory.mapRom(0xffe0_0000, new Uint8Array(4096))).toThrow(/no room/);
  });
});

function bus(machine: BareMachine) {
  return machine.bus.memory;
}
