import { beforeEach, describe, expect, it } from 'vitest';
import { FakeBus } from '../testing/fake-bus.ts';
import { AdapterRegisters } from './adapter-registers.ts';
import { Vga } from './vga.ts';

class VgaBus extends FakeBus {
  override readonly vram = new Uint8Array(new SharedArrayBuffer(1 << 20));
}

let vga: Vga;
let registers: AdapterRegisters;

beforeEach(() => {
  const bus = new VgaBus();
  vga = new Vga(bus);
  vga.reset();
  vga.setTextMode();
  registers = new AdapterRegisters(bus, vga);
});

describe('the registers of the display adapter in memory', () => {
  it('show the EDID at the start, by any width, and zeros behind it', () => {
    expect(registers.bare).toBe(true);
    registers.setEdid(Uint8Array.of(0, 0xff, 0x12, 0x34, 0x56));
    expect([
      registers.read(0, 4),
      registers.read(1, 1),
      registers.read(2, 2),
      registers.read(4, 4),
      registers.read(0x3fc, 4),
    ]).toEqual([0x3412_ff00, 0xff, 0x3412, 0x56, 0]);
    registers.write(0, 4, 0);
    expect(registers.read(1, 1)).toBe(0xff);
    registers.setEdid(Uint8Array.of(7));
    expect(registers.read(0, 4)).toBe(7);
    registers.setEdid(undefined);
    expect(registers.bare).toBe(true);
    expect(() => registers.setEdid(new Uint8Array(257))).toThrow(RangeError);
  });

  it('reach the ports 3C0 to 3DF', () => {
    registers.write(0x408, 1, 5); // DAC write index
    for (const value of [1, 2, 3]) registers.write(0x409, 1, value);
    expect([...vga.registers.palette.subarray(15, 18)]).toEqual([1, 2, 3]);
    registers.write(0x414, 2, 0x120a); // CRTC index and data
    expect([registers.read(0x415, 1), vga.registers.crtc[10]]).toEqual([0x12, 0x12]);
  });

  it('reach the display interface without its index port', () => {
    vga.dispi.registers.index = 3;
    const set = (index: number, value: number) => registers.write(0x500 + 2 * index, 2, value);
    set(1, 320);
    set(2, 200);
    set(3, 32);
    registers.write(0x508, 4, 0x41);
    expect(vga.dispi.mode).toMatchObject({ width: 320, height: 200, depth: 32 });
    expect([registers.read(0x500, 2), registers.read(0x502, 4), registers.read(0x514, 2)]).toEqual([
      0xb0c5,
      (200 << 16) | 320,
      16,
    ]);
    expect(vga.dispi.registers.index).toBe(3);
    registers.write(0x509, 1, 0);
    expect(vga.dispi.mode).toBeDefined();
  });

  it('say the byte order of the frame buffer, and nothing elsewhere', () => {
    expect([registers.read(0x600, 4), registers.read(0x604, 4), registers.read(0x700, 4), registers.peek(0x600, 1)]).toEqual([
      8, 0x1e1e_1e1e, 0xffff_ffff, 8,
    ]);
  });
});
