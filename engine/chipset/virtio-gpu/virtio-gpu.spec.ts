import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DisplayProperties, OutputProperties } from '../../machine/display-face.ts';
import { edidOfOutput } from '../../display/edid-output.ts';
import { DisplayFunction } from '../display/display-function.ts';
import { TestDriver } from '../virtio/testing/test-driver.ts';
import { VirtioGpu } from './virtio-gpu.ts';

const requests = 0x20000;
const pixels = 0x100000;

const output = (width: number, height: number, x = 0): OutputProperties => ({ width, height, millimetres: undefined, scale: 100, orientation: 0, depth: 32, refresh: 60, x, y: 0, primary: x === 0 });
const input = { keyboard: true, mouse: true, pointer: false, touchPoints: 0, pen: false };

/** A driver of the GPU. */
class Driver extends TestDriver {
  readonly display: DisplayFunction;
  readonly gpu: VirtioGpu;
  private answered = 0;

  constructor() {
    super();
    this.display = new DisplayFunction(this.bus, this.pci);
    this.gpu = new VirtioGpu(this.bus, this.pci, this.display.device);
    this.display.reset();
    this.gpu.reset();
    this.place(this.gpu);
  }

  attach(...outputs: OutputProperties[]): void {
    const properties: DisplayProperties = { outputs, input };
    this.display.device.configure(properties, outputs.map((one, index) => edidOfOutput(one, index)), 1);
    this.gpu.displayChanged();
  }

  started(): this {
    this.start(2, 1);
    return this;
  }

  /** Sends a command of words behind its header; gives the answer. */
  command(type: number, words: number[], room = 24, fence = 0): DataView {
    const request = new DataView(new ArrayBuffer(24 + 4 * words.length));
    request.setUint32(0, type, true);
    request.setUint32(4, fence === 0 ? 0 : 1, true);
    request.setUint32(8, fence, true);
    words.forEach((word, index) => request.setUint32(24 + 4 * index, word >>> 0, true));
    this.ram(requests, new Uint8Array(request.buffer));
    // In two pieces, as a driver may.
    this.descriptor(0, 0, requests, 24, 1, 1);
    this.descriptor(0, 1, requests + 24, request.byteLength - 24, 1, 2);
    this.descriptor(0, 2, requests + 0x8000, room, 2);
    this.offer(0, 0);
    this.notify(0);
    expect(this.used(0)).toBe(++this.answered & 0xffff);
    expect(this.line.asserted).toBe(true);
    expect(this.read(0x1000, 1) & 1).toBe(1);
    expect(this.line.asserted).toBe(false);
    const answer = new Uint8Array(room);
    this.bus.memory.dmaRead(requests + 0x8000, answer);
    return new DataView(answer.buffer);
  }

  type(...command: Parameters<Driver['command']>): number {
    return this.command(...command).getUint32(0, true);
  }
}

const OK = 0x1100;

describe('the virtio GPU', () => {
  it('is found by its capabilities, which lead to its structures', () => {
    const { gpu } = new Driver();
    expect([gpu.read(0, 2), gpu.read(2, 2), gpu.read(8, 1), gpu.read(0x3d, 1)]).toEqual([0x1af4, 0x1050, 1, 1]);
    const found: number[][] = [];
    for (let at = gpu.read(0x34, 1); at !== 0; at = gpu.read(at + 1, 1)) found.push([gpu.read(at, 1), gpu.read(at + 2, 1), gpu.read(at + 3, 1), gpu.read(at + 4, 1), gpu.read(at + 8, 4)]);
    expect(found).toEqual([
      [9, 16, 1, 4, 0],
      [9, 16, 3, 4, 0x1000],
      [9, 16, 4, 4, 0x2000],
      [9, 20, 2, 4, 0x3000],
      [9, 20, 5, 4, 0],
    ]);
    expect(gpu.read(0x80, 4)).toBe(4);
  });

  it('can be reached through configuration space alone', () => {
    const { gpu } = new Driver();
    gpu.write(0x8c, 4, 0x2008);
    gpu.write(0x90, 4, 4);
    gpu.write(0x88, 1, 4);
    expect(gpu.read(0x94, 4)).toBe(8);
    gpu.write(0x8c, 4, 0x14);
    gpu.write(0x90, 4, 1);
    gpu.write(0x94, 1, 3);
    expect(gpu.read(0x94, 1)).toBe(3);
  });

  it('does not take features that it has not', () => {
    const driver = new Driver();
    driver.write(0x08, 0);
    driver.write(0x0c, 3);
    driver.write(0x08, 1);
    driver.write(0x0c, 1);
    driver.write(0x14, 11, 1);
    expect(driver.read(0x14, 1)).toBe(3);
  });

  it('tells of the outputs as they are, with their EDID, and of each change', () => {
    const driver = new Driver();
    driver.attach(output(640, 480), output(300, 400, -300));
    driver.started();
    const info = driver.command(0x0100, [], 408);
    expect(info.getUint32(0, true)).toBe(0x1101);
    const scanout = (index: number) => Array.from({ length: 5 }, (_, word) => info.getUint32(24 + 24 * index + 4 * word, true));
    expect([scanout(0), scanout(1), scanout(2)]).toEqual([
      [300, 0, 640, 480, 1],
      [0, 0, 300, 400, 1],
      [0, 0, 0, 0, 0],
    ]);
    const edid = driver.command(0x010a, [1, 0], 24 + 8 + 1024);
    expect([edid.getUint32(0, true), edid.getUint32(24, true)]).toEqual([0x1104, 128]);
    expect(new Uint8Array(edid.buffer, 32, 128)).toEqual(edidOfOutput(output(300, 400), 1));
    expect(driver.display.device.look(1, { width: 0, height: 0 }).edidRead).toBe(0);
    expect(driver.type(0x010a, [8, 0], 24)).toBe(0x1202);
    driver.write(0x2004, 1);
    const generation = driver.read(0x15, 1);
    driver.attach(output(800, 600));
    expect([driver.line.asserted, driver.read(0x1000, 1), driver.read(0x2000), driver.read(0x15, 1)]).toEqual([true, 2, 1, generation + 1]);
    driver.write(0x2004, 1);
    expect([driver.read(0x2000), driver.read(0x2008), driver.read(0x200c)]).toEqual([0, 8, 0]);
  });

  it('shows a picture out of the guest’s scattered pages', () => {
    const driver = new Driver();
    driver.attach(output(640, 480), output(320, 200, 640));
    driver.started();
    expect(driver.type(0x0101, [1, 2, 320, 200], 24, 77)).toBe(OK);
    // Two runs, the second one below the first.
    expect(driver.type(0x0106, [1, 2, pixels + 0x8000, 0, 320 * 100 * 4, 0, pixels + 0x40000, 0, 320 * 100 * 4, 0])).toBe(OK);
    expect(driver.type(0x0103, [0, 0, 320, 200, 1, 1])).toBe(OK);
    const at = (row: number, column: number) => (row < 100 ? pixels + 0x8000 : pixels + 0x40000 - 320 * 100 * 4) + 4 * (320 * row + column);
    driver.ram(at(99, 7), Uint8Array.of(1, 2, 3, 0));
    driver.ram(at(100, 8), Uint8Array.of(4, 5, 6, 0));
    expect(driver.type(0x0105, [0, 0, 320, 200, 0, 0, 1, 0])).toBe(OK);
    const frame = driver.display.device.frame(1);
    expect(frame).toEqual({ base: 0, stride: 1280, width: 320, height: 200 });
    const pixel = (row: number, column: number) => [...driver.bus.scanoutMemory.subarray(row * 1280 + 4 * column, row * 1280 + 4 * column + 3)];
    expect([pixel(99, 7), pixel(100, 8)]).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    const look = () => driver.display.device.look(1, { width: 0, height: 0 });
    expect(look().right).toBe(false);
    expect(driver.type(0x0104, [0, 0, 320, 200, 1, 0])).toBe(OK);
    expect(look()).toMatchObject({ use: 'frame', right: true, frames: 1 });
    // A part of it alone: x 10, y 101, offset as the driver counts it.
    driver.ram(at(101, 10), Uint8Array.of(9, 9, 9, 0));
    expect(driver.type(0x0105, [10, 101, 1, 1, 4 * (320 * 101 + 10), 0, 1, 0])).toBe(OK);
    expect(pixel(101, 10)).toEqual([9, 9, 9]);
    expect(driver.type(0x0102, [1, 0])).toBe(OK);
    expect(look().use).toBe('dark');
  });

  it('answers with the driver’s fence', () => {
    const driver = new Driver().started();
    const answer = driver.command(0x0101, [1, 1, 16, 16], 24, 0x1234);
    expect([answer.getUint32(4, true), answer.getUint32(8, true)]).toEqual([1, 0x1234]);
  });

  it.each([
    ['a resource that is there', 0x0101, [1, 2, 8, 8], 0x1205],
    ['a format that no scanout has', 0x0101, [2, 67, 8, 8], 0x1205],
    ['a resource without size', 0x0101, [2, 2, 0, 8], 0x1205],
    ['more memory than there is', 0x0101, [2, 2, 2048, 2048], 0x1201],
    ['a resource that is not there', 0x0102, [9, 0], 0x1203],
    ['a scanout beyond the last', 0x0103, [0, 0, 8, 8, 8, 1], 0x1202],
    ['a rectangle beyond the resource', 0x0103, [0, 0, 65, 8, 0, 1], 0x1205],
    ['pages that nobody attached', 0x0105, [0, 0, 8, 8, 0, 0, 1, 0], 0x1205],
    ['more entries than came', 0x0106, [1, 5, pixels, 0, 64, 0], 0x1205],
    ['pages above 4 GiB', 0x0106, [1, 1, 0, 1, 64, 0], 0x1205],
    ['a command that is cut off', 0x0101, [2, 2], 0x1205],
    ['a cursor', 0x0300, [0, 0], 0x1200],
  ])('refuses %s', (_what, type, words, expected) => {
    const driver = new Driver().started();
    expect(driver.type(0x0101, [1, 2, 64, 64])).toBe(OK);
    expect(driver.type(type, words)).toBe(expected);
  });

  it('gives memory back, and the runs of resources that went', () => {
    const driver = new Driver().started();
    for (let round = 0; round < 40; round++) {
      for (const id of [1, 2, 3]) {
        expect(driver.type(0x0101, [id, 2, 512, 512])).toBe(OK);
        expect(driver.type(0x0106, [id, 1, pixels, 0, 512 * 512 * 4, 0])).toBe(OK);
      }
      for (const id of [2, 1, 3]) expect(driver.type(0x0102, [id, 0])).toBe(OK);
    }
  });

  it('wants a reset from a driver that breaks the queue, and comes back by one', () => {
    const driver = new Driver().started();
    driver.descriptor(0, 0, requests, 24, 1, 0);
    driver.offer(0, 0);
    driver.notify(0);
    expect(driver.read(0x14, 1) & 0x40).toBe(0x40);
    driver.write(0x14, 0, 1);
    expect(driver.read(0x14, 1)).toBe(0);
    // The driver's own count begins anew with its queue.
    const again = new Driver().started();
    expect(again.type(0x0100, [], 408)).toBe(0x1101);
  });

  it('stays whole whatever a driver sends', () => {
    const word = fc.oneof(fc.nat(0xffff_ffff), fc.nat(700), fc.constantFrom(0, 1, 2, 64, 320, pixels));
    const command = fc.record({ type: fc.constantFrom(0x100, 0x101, 0x102, 0x103, 0x104, 0x105, 0x106, 0x107, 0x10a), words: fc.array(word, { minLength: 1, maxLength: 12 }) });
    fc.assert(
      fc.property(fc.array(command, { maxLength: 25 }), (commands) => {
        const driver = new Driver().started();
        driver.attach(output(640, 480));
        driver.read(0x1000, 1);
        for (const { type, words } of commands) {
          const answer = driver.type(type, words, 2048);
          expect(answer >= OK && answer <= 0x1205).toBe(true);
          for (let scanout = 0; scanout < 8; scanout++) {
            const frame = driver.display.device.frame(scanout);
            if (frame !== undefined) expect(frame.base + (frame.height - 1) * frame.stride + frame.width * 4).toBeLessThanOrEqual(1 << 22);
          }
        }
        expect(driver.bus.blocksIntact()).toBe(true);
      }),
      { numRuns: 60 },
    );
  });
});
