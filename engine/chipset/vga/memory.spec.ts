import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { VgaMemory } from './memory.ts';
import { vgaBlock } from './registers.ts';
import type { VgaRegisters } from './registers.ts';

interface Setup {
  registers: VgaRegisters;
  memory: VgaMemory;
  vram: Uint8Array<SharedArrayBuffer>;
  changes: () => number;
}

function setup(): Setup {
  const registers = vgaBlock.at(new SharedArrayBuffer(vgaBlock.size), 0);
  const vram = new Uint8Array(new SharedArrayBuffer(256 * 1024));
  let changes = 0;
  registers.general[0] = 0x03;
  registers.sequencer[2] = 0x0f;
  registers.sequencer[4] = 0x06;
  registers.graphics[8] = 0xff;
  registers.graphics[6] = 0x05;
  return { registers, vram, memory: new VgaMemory(registers, vram, () => changes++), changes: () => changes };
}

interface GraphicsRegisters {
  setReset: number;
  enableSetReset: number;
  rotate: number;
  mode: number;
  bitMask: number;
}

/**
 * The graphics controller bit by bit, written from the register descriptions and sharing nothing with the implementation: what plane
 * `p` holds after a write of `value` over the old byte `old` with latch `latch`.
 */
function plane(p: number, value: number, old: number, latch: number, g: GraphicsRegisters, mapMask: number): number {
  if (((mapMask >> p) & 1) === 0) return old;
  const writeMode = g.mode & 3;
  const rotate = g.rotate & 7;
  let result = 0;
  for (let bit = 0; bit < 8; bit++) {
    const latched = (latch >> bit) & 1;
    const rotated = (value >> ((bit + rotate) % 8)) & 1;
    let selected = (g.bitMask >> bit) & 1;
    let data: number;
    if (writeMode === 1) {
      result |= latched << bit;
      continue;
    }
    if (writeMode === 0) data = (g.enableSetReset >> p) & 1 ? (g.setReset >> p) & 1 : rotated;
    else if (writeMode === 2) data = (value >> p) & 1;
    else {
      data = (g.setReset >> p) & 1;
      selected &= rotated;
    }
    const logic = [data, data & latched, data | latched, data ^ latched][(g.rotate >> 3) & 3] ?? 0;
    result |= (selected ? logic : latched) << bit;
  }
  return result;
}

describe('the VGA memory', () => {
  it('writes as the bit-by-bit model says, in every write mode and with every function', () => {
    const byte = fc.integer({ min: 0, max: 255 });
    const four = fc.tuple(byte, byte, byte, byte);
    // The window is A0000, 64 KiB, not chained, not odd/even: those have tests of their own.
    const g = fc.record({
      setReset: byte,
      enableSetReset: byte,
      rotate: byte,
      mode: fc.integer({ min: 0, max: 3 }),
      bitMask: byte,
    });
    fc.assert(
      fc.property(
        g,
        byte,
        byte,
        four,
        four,
        fc.integer({ min: 0, max: 0xffff }),
        (graphics, mapMask, value, before, latch, address) => {
          const { memory, registers, vram } = setup();
          const { setReset, enableSetReset, rotate, mode, bitMask } = graphics;
          registers.graphics.set([setReset, enableSetReset, 0, rotate, 0, mode, 0x05, 0, bitMask]);
          registers.sequencer[2] = mapMask;
          vram.set(before, 4 * address);
          registers.latch.set(latch);
          memory.write(address, 1, value);
          const expected = before.map((old, p) => plane(p, value, old, latch[p] ?? 0, graphics, mapMask));
          expect([...vram.subarray(4 * address, 4 * address + 4)]).toEqual(expected);
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('loads all four latches on a read, and copies them in write mode 1', () => {
    const { memory, registers, vram } = setup();
    vram.set([1, 2, 3, 4], 4 * 100);
    registers.graphics[4] = 2;
    expect(memory.read(100, 1)).toBe(3);
    registers.graphics[5] = 1;
    memory.write(200, 1, 0x55);
    expect([...vram.subarray(800, 804)]).toEqual([1, 2, 3, 4]);
  });

  it('leaves the latches alone on a peek', () => {
    const { memory, registers } = setup();
    registers.latch.set([0x12, 0x34, 0x56, 0x78]);
    memory.peek(100, 4);
    expect([...registers.latch]).toEqual([0x12, 0x34, 0x56, 0x78]);
  });

  it('compares colours in read mode 1, over the planes that matter', () => {
    const { memory, registers, vram } = setup();
    vram.set([0b11110000, 0b11001100, 0b10101010, 0xff], 0);
    registers.graphics[5] = 0x08;
    registers.graphics[2] = 0b0011;
    registers.graphics[7] = 0b0111;
    // Planes 0 and 1 set, plane 2 clear, plane 3 of no matter.
    expect(memory.read(0, 1)).toBe(0b01000000);
    registers.graphics[7] = 0;
    expect(memory.read(0, 1)).toBe(0xff);
  });

  it('sends even addresses to planes 0 and 2 and odd ones to 1 and 3 when odd/even is on', () => {
    const { memory, registers, vram } = setup();
    registers.sequencer[4] = 0x02;
    registers.sequencer[2] = 0x03;
    registers.graphics[5] = 0x10;
    registers.graphics[6] = 0x0e;
    memory.write(0x18000 + 10, 2, 0x0741);
    expect([...vram.subarray(40, 44)]).toEqual([0x41, 0x07, 0, 0]);
    expect(memory.read(0x18000 + 10, 2)).toBe(0x0741);
  });

  it('chains four planes: the two low address bits choose the plane', () => {
    const { memory, registers, vram } = setup();
    registers.sequencer[4] = 0x0e;
    memory.write(0x104, 4, 0x44332211);
    expect([...vram.subarray(4 * 0x104, 4 * 0x104 + 4)]).toEqual([0x11, 0x22, 0x33, 0x44]);
    expect(memory.read(0x104, 4)).toBe(0x44332211);
    expect(memory.read(0x106, 1)).toBe(0x33);
  });

  it.each([
    [0, 0x00000, 0x1ffff],
    [1, 0x00000, 0x0ffff],
    [2, 0x10000, 0x17fff],
    [3, 0x18000, 0x1ffff],
  ])('with memory map %i answers from %i to %i only', (map, first, last) => {
    const { memory, registers, changes } = setup();
    registers.graphics[6] = map << 2;
    const before = changes();
    for (const outside of [first - 1, last + 1]) {
      if (outside < 0 || outside > 0x1ffff) continue;
      memory.write(outside, 1, 0x5a);
      expect(memory.read(outside, 1)).toBe(0xff);
    }
    expect(changes()).toBe(before);
    memory.write(first, 1, 0x5a);
    expect(memory.read(first, 1)).toBe(0x5a);
    memory.write(last, 1, 0x5b);
    expect(memory.read(last, 1)).toBe(0x5b);
  });

  it('is a hole while the miscellaneous output keeps it off', () => {
    const { memory, registers, vram } = setup();
    registers.general[0] = 1;
    memory.write(0, 4, 0);
    expect(memory.read(0, 4)).toBe(0xffffffff);
    expect(vram.every((byte) => byte === 0)).toBe(true);
  });

  it('reports a change only when a byte got another value', () => {
    const { memory, changes } = setup();
    memory.write(5, 1, 7);
    expect(changes()).toBe(1);
    memory.write(5, 1, 7);
    expect(changes()).toBe(1);
  });
});
