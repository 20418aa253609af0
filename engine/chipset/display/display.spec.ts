import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DisplayProperties, OutputProperties } from '../../machine/display-face.ts';
import { edidOfOutput } from '../../display/edid-output.ts';
import { FakeBus, FakeLine } from '../testing/fake-bus.ts';
import { migrations } from '../../machine/block-migration.ts';
import { PciBus } from '../pci/pci.ts';
import { vgaBlock } from '../vga/registers.ts';
import { DisplayFunction } from './display-function.ts';
import { ScanoutScreen } from './scanout-screen.ts';
import { displayBlock } from './state.ts';

const base = 0xe000_0000;
const memoryBase = 0xe200_0000;

const output = (width: number, height: number, more: Partial<OutputProperties> = {}): OutputProperties => ({
  width,
  height,
  millimetres: undefined,
  scale: 100,
  orientation: 0,
  depth: 32,
  refresh: 60,
  x: 0,
  y: 0,
  primary: false,
  ...more,
});
const input = { keyboard: true, mouse: true, pointer: true, touchPoints: 2, pen: false };
const desk: DisplayProperties = {
  outputs: [
    output(640, 480, { primary: true, scale: 150, millimetres: { width: 300, height: 200, estimated: true } }),
    output(300, 400, { x: -300, y: 20, orientation: 90 }),
  ],
  input,
};

class Wiring {
  readonly bus = new FakeBus();
  readonly line = new FakeLine();
  readonly display: DisplayFunction;
  readonly vga = { registers: this.bus.block(vgaBlock) };

  constructor() {
    const pci = new PciBus(this.bus);
    pci.connect({ route: (_address, _pin, asserted) => this.line.set(asserted) });
    this.display = new DisplayFunction(this.bus, pci);
    this.display.reset();
    this.display.write(0x10, 4, base);
    this.display.write(0x18, 4, memoryBase);
    this.display.write(0x04, 2, 2);
  }

  configure(properties = desk, session = 1): boolean {
    return this.display.device.configure(
      properties,
      properties.outputs.map((one, index) => one && edidOfOutput(one, index)),
      session,
    );
  }

  read(offset: number): number {
    return this.bus.mmioRead(base + offset);
  }

  write(offset: number, value: number): void {
    this.bus.mmioWrite(base + offset, value);
  }

  frame(index: number, values: { at: number; stride: number; width: number; height: number }): number {
    const from = 0x1000 * (index + 1);
    this.write(from + 0x40, values.at);
    this.write(from + 0x44, values.stride);
    this.write(from + 0x48, values.width);
    this.write(from + 0x4c, values.height);
    this.write(from + 0x50, 1);
    return this.read(from + 0x54);
  }
}

describe('the display device', () => {
  it('shows a guest exactly the properties of a client, and its desktop', () => {
    const wiring = new Wiring();
    expect([wiring.read(0), wiring.read(4), wiring.read(8), wiring.read(0x0c)]).toEqual([0x44525456, 2, 8, 1 << 22]);
    wiring.configure();
    expect([wiring.read(0x1c), wiring.read(0x20), wiring.read(0x24)]).toEqual([3, 1, 0]);
    expect([wiring.read(0x28) | 0, wiring.read(0x2c), wiring.read(0x30), wiring.read(0x34)]).toEqual([-300, 0, 940, 480]);
    const words = (index: number) => Array.from({ length: 12 }, (_, word) => wiring.read(0x1000 * (index + 1) + 4 * word) | 0);
    expect(words(0)).toEqual([7, 640, 480, 0, 0, 300, 200, 150, 0, 60, 32, 1]);
    expect(words(1)).toEqual([1, 300, 400, -300, 20, 0, 0, 100, 90, 60, 32, 1]);
    expect(words(2)).toEqual(Array(12).fill(0));
    expect([wiring.read(0x40), wiring.read(0x44)]).toEqual([0b1111, 2]);
  });

  it('offers the EDID of each output, and notes when the guest first read it', () => {
    const wiring = new Wiring();
    wiring.configure();
    wiring.bus.advance(5000);
    const state = () => wiring.display.device.look(1, { width: 720, height: 400 });
    expect([wiring.read(0x2060), state().edidRead]).toEqual([128, undefined]);
    const bytes = Array.from({ length: 128 }, (_, at) => wiring.bus.mmioRead(base + 0x2100 + at, 1));
    expect(bytes).toEqual([...edidOfOutput(output(300, 400), 1)]);
    expect(state().edidRead).toBe(5000);
    wiring.configure({ ...desk, outputs: [desk.outputs[0], output(302, 400)] });
    expect(state().edidRead).toBeUndefined();
  });

  it('interrupts for what changed and nothing else', () => {
    const wiring = new Wiring();
    wiring.write(0x14, 7);
    wiring.configure();
    expect([wiring.line.asserted, wiring.read(0x10), wiring.read(0x18)]).toEqual([true, 3, 1]);
    wiring.write(0x10, 7);
    expect(wiring.line.asserted).toBe(false);
    expect(wiring.configure(desk, 2)).toBe(false);
    expect([wiring.line.asserted, wiring.read(0x20)]).toEqual([false, 2]);
    wiring.configure({ ...desk, outputs: [desk.outputs[0], output(400, 300)] }, 2);
    expect([wiring.read(0x10), wiring.read(0x18), wiring.read(0x102c), wiring.read(0x202c)]).toEqual([1, 2, 1, 2]);
    wiring.write(0x14, 0);
    expect(wiring.line.asserted).toBe(false);
    wiring.configure({ outputs: desk.outputs, input: { ...input, touchPoints: 0 } }, 2);
    expect([wiring.read(0x10), wiring.read(0x40), wiring.read(0x48)]).toEqual([3, 0b0111, 2]);
  });

  it('lets go of what a finger held when the touch screen is gone', () => {
    const wiring = new Wiring();
    wiring.configure();
    const { device } = wiring.display;
    expect(device.touch({ output: 1, contact: 1, phase: 'down', x: 0x8000, y: 0xffff })).toBe(true);
    expect([wiring.read(0x110), wiring.read(0x114), wiring.read(0x118), wiring.read(0x11c)]).toEqual([1, 1, 150, 399]);
    expect(device.touch({ output: 1, contact: 2, phase: 'down', x: 0, y: 0 })).toBe(false);
    wiring.configure({ ...desk, input: { ...input, touchPoints: 0 } });
    expect([wiring.read(0x110), wiring.read(0x60)]).toEqual([0, 0]);
    expect(device.touch({ output: 1, contact: 1, phase: 'up', x: 0, y: 0 })).toBe(false);
  });

  it('hands over what the pointer did in order; only motion is joined', () => {
    const wiring = new Wiring();
    wiring.configure();
    const { device } = wiring.display;
    const point = (x: number, buttons: number, wheel = 0) => device.point({ output: 0, x, y: 0, buttons, wheel });
    point(100, 0);
    point(0x8000, 0, 1);
    point(0x8000, 1);
    point(0xffff, 1, -1);
    const taken = [];
    for (; wiring.read(0x60) > 0; wiring.write(0x60, 1)) taken.push([wiring.read(0x64), wiring.read(0x6c), wiring.read(0x74)]);
    expect(taken).toEqual([
      [1, 320, 0x100],
      [1, 639, 0xff01],
    ]);
    expect([wiring.read(0x54), wiring.read(0x5c)]).toEqual([639, 1]);
    expect(device.point({ output: 5, x: 0, y: 0, buttons: 0, wheel: 0 })).toBe(false);
  });

  it('counts events for which there is no room, and its registers say where things are all the same', () => {
    const wiring = new Wiring();
    wiring.configure();
    for (let index = 0; index < 70; index++) wiring.display.device.point({ output: 0, x: 1000 * index, y: 0, buttons: index & 1, wheel: 0 });
    expect([wiring.read(0x60), wiring.read(0x78), wiring.read(0x5c)]).toEqual([64, 3, 1]);
    wiring.write(0x60, 0xffff_ffff);
    expect([wiring.read(0x60), wiring.read(0x64)]).toEqual([0, 0]);
  });

  it('keeps what is attached through a reset, and nothing of the guest’s', () => {
    const wiring = new Wiring();
    wiring.configure();
    wiring.frame(0, { at: 0, stride: 2560, width: 640, height: 480 });
    wiring.write(0x14, 7);
    wiring.display.reset();
    wiring.display.write(0x10, 4, base);
    wiring.display.write(0x04, 2, 2);
    expect([wiring.read(0x1c), wiring.read(0x1004), wiring.read(0x1054), wiring.read(0x14), wiring.line.asserted]).toEqual([3, 640, 0, 0, false]);
  });

  it('does nothing for narrow and unknown writes, and gives narrow reads their part', () => {
    const wiring = new Wiring();
    wiring.configure();
    const before = wiring.bus.image();
    wiring.bus.mmioWrite(base + 0x14, 7, 1);
    wiring.bus.mmioWrite(base + 0x1016, 7, 4);
    wiring.write(0x0, 1);
    wiring.write(0xf000, 1);
    expect(wiring.bus.image()).toEqual(before);
    expect([wiring.bus.mmioRead(base + 0x1005, 1), wiring.bus.mmioRead(base + 0x0, 2)]).toEqual([2, 0x5456]);
  });
});

describe('the block of the display device', () => {
  it('is that of a saved state from before there were pens, and they are away', () => {
    const before = new Uint8Array(4416).fill(7);
    const now = migrations['display']?.[1]?.(before) ?? new Uint8Array(0);
    expect(now.length).toBe(displayBlock.size);
    expect([...now.subarray(displayBlock.offset.penState)].filter((byte) => byte !== 0 && byte !== 7)).toEqual([]);
    expect(displayBlock.offset.penPressure + 4).toBeLessThanOrEqual(displayBlock.size);
  });
});

describe('a frame of an output', () => {
  it('is shown when it lies in the memory, and refused with a reason when not', () => {
    const wiring = new Wiring();
    wiring.configure();
    const good = { at: 4096, stride: 2560, width: 640, height: 480 };
    const look = () => wiring.display.device.look(0, { width: 720, height: 400 });
    expect([look().use, look().right]).toEqual(['vga', false]);
    expect([wiring.frame(0, good), look().use, look().right]).toEqual([1, 'frame', false]);
    wiring.write(0x1058, 1);
    expect([look().right, look().frames]).toEqual([true, 1]);
    expect(wiring.frame(0, { ...good, at: (1 << 22) - 2560 * 480 + 4 })).toBe(2);
    expect(look()).toMatchObject({ use: 'frame', shown: { width: 640, height: 480 }, refusal: 'The frame that the guest asked for does not lie in the display memory.' });
    expect(wiring.frame(0, { ...good, stride: 2556 })).toBe(3);
    expect(wiring.frame(0, { ...good, at: 2 })).toBe(3);
    expect(wiring.frame(0, { ...good, width: 8193, stride: 40_000 })).toBe(3);
    expect(wiring.frame(0, { ...good, at: 0xffff_fffc })).toBe(2);
    expect(wiring.frame(0, { ...good, stride: 0xffff_fffc })).toBe(2);
    expect(wiring.frame(0, { ...good, height: 0 })).toBe(3);
  });

  it('is never larger than the memory, also where it is changed while it is read', () => {
    const wiring = new Wiring();
    wiring.configure();
    const { device } = wiring.display;
    wiring.frame(0, { at: 0, stride: 16, width: 4, height: 8192 });
    expect(device.frame(0)).toMatchObject({ width: 4, height: 8192 });
    // The width of the frame before.
    device['state'].shownWidth[0] = 8192;
    expect(device.frame(0)).toBeUndefined();
  });

  it('is the wrong one when the output has another size by now', () => {
    const wiring = new Wiring();
    wiring.configure();
    wiring.frame(0, { at: 0, stride: 2560, width: 640, height: 480 });
    wiring.write(0x1058, 1);
    wiring.configure({ ...desk, outputs: [output(800, 600), desk.outputs[1]] });
    const look = () => wiring.display.device.look(0, { width: 720, height: 400 });
    expect(look().right).toBe(false);
    wiring.frame(0, { at: 0, stride: 3200, width: 800, height: 600 });
    expect(look().right).toBe(false);
    wiring.write(0x1058, 1);
    expect(look().right).toBe(true);
  });

  it('reaches a viewer as pixels, with what changed', () => {
    const wiring = new Wiring();
    wiring.configure();
    const { bus, display, vga } = wiring;
    const screen = new ScanoutScreen(1, { device: display.device, memory: bus.scanoutMemory, changes: () => bus.displayChanges, watch: () => bus.watch('scanouts'), vga: vga.registers });
    const dark = screen.render();
    expect([dark.width, dark.height, [...dark.rgba.subarray(0, 4)]]).toEqual([300, 400, [0, 0, 0, 255]]);
    wiring.frame(1, { at: 8192, stride: 1200, width: 300, height: 400 });
    expect(screen.render().changed).toEqual([{ x: 0, y: 0, width: 300, height: 400 }]);
    const before = screen.changeCounter();
    bus.mmioWrite(memoryBase + 8192 + 1200 * 7 + 4 * 40, 0x00ff8040);
    expect(screen.changeCounter()).not.toBe(before);
    const { changed, rgba } = screen.render();
    expect(changed).toEqual([{ x: 40, y: 7, width: 8, height: 1 }]);
    expect([...rgba.subarray(4 * (300 * 7 + 40), 4 * (300 * 7 + 41))]).toEqual([0xff, 0x80, 0x40, 0xff]);
    wiring.configure({ ...desk, outputs: [desk.outputs[0]] });
    expect(screen.render()).toMatchObject({ width: 640, height: 400, changed: [{ x: 0, y: 0, width: 640, height: 400 }] });
  });

  it('never makes a viewer read outside of the memory, whatever a guest writes', () => {
    const word = fc.oneof(fc.nat(0xffff_ffff), fc.nat(5000), fc.constantFrom(0, 4, 640, 2560, (1 << 22) - 4));
    fc.assert(
      fc.property(fc.array(fc.record({ register: fc.integer({ min: 0, max: 0x1ff }), index: fc.nat(8), value: word }), { maxLength: 80 }), (writes) => {
        const wiring = new Wiring();
        wiring.configure();
        for (const { register, index, value } of writes) {
          wiring.write(0x1000 * index + (register & ~3), value);
          wiring.write(0x1000 * (index || 1) + 0x50, 1);
          for (let one = 0; one < 8; one++) {
            const frame = wiring.display.device.frame(one);
            if (frame !== undefined) expect(frame.base + (frame.height - 1) * frame.stride + frame.width * 4).toBeLessThanOrEqual(1 << 22);
          }
        }
        expect(wiring.bus.blocksIntact()).toBe(true);
      }),
      { numRuns: 100 },
    );
  });
});
