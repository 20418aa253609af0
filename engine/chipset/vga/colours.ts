/** From attribute colours to RGBA: attribute palette, colour select, PEL mask and DAC. */
import { Attribute, AttributeMode } from './registers.ts';
import type { VgaRegisters } from './registers.ts';

/** One DAC entry as a 32-bit RGBA word in memory order (red in the lowest byte), opaque. Components have 8 bits with `dac8`, else 6. */
export function dacColour(registers: VgaRegisters, index: number, dac8 = false): number {
  const at = 3 * (index & registers.pelMask);
  const widen = (value: number): number => (dac8 ? value : (value << 2) | (value >> 4));
  const red = widen(registers.palette[at] ?? 0);
  const green = widen(registers.palette[at + 1] ?? 0);
  const blue = widen(registers.palette[at + 2] ?? 0);
  return (red | (green << 8) | (blue << 16) | 0xff000000) >>> 0;
}

/** Fills `into` with the colours of the 16 attribute codes. */
export function attributeColours(registers: VgaRegisters, into: Uint32Array, dac8 = false): void {
  const { attribute } = registers;
  const select = attribute[Attribute.colourSelect] ?? 0;
  const replace54 = ((attribute[Attribute.modeControl] ?? 0) & AttributeMode.colourSelect54) !== 0;
  const enable = attribute[Attribute.colourPlaneEnable] ?? 0;
  for (let code = 0; code < 16; code++) {
    const entry = (attribute[code & enable] ?? 0) & 0x3f;
    const low = replace54 ? (entry & 0x0f) | ((select & 3) << 4) : entry;
    into[code] = dacColour(registers, low | ((select & 0x0c) << 4), dac8);
  }
}
