/** The register values of a text mode, computed as a video BIOS's tables have them, for guests that start without firmware. */
import { Attribute, Crtc, General, Graphics, Sequencer } from './registers.ts';
import type { VgaRegisters } from './registers.ts';

/** The 16 colours of the default text palette: DAC indices behind the attribute controller's registers. */
const attributePalette = [0, 1, 2, 3, 4, 5, 0x14, 7, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e, 0x3f];

/** Horizontal timing of 80 columns at 28.322 MHz (31.5 kHz lines), as IBM's table of mode 3 has it. */
const horizontal80 = { total: 0x5f, blankingStart: 0x50, blankingEnd: 0x82, retraceStart: 0x55, retraceEnd: 0x81 };
const horizontal40 = { total: 0x2d, blankingStart: 0x28, blankingEnd: 0x90, retraceStart: 0x2b, retraceEnd: 0xa0 };

/** Lines of the two frames that a VGA monitor knows: 400 lines at 70 Hz, 480 at 60 Hz. */
const vertical400 = { total: 449, retraceStart: 412, retraceEnd: 0x8e, blankingStart: 406, blankingEnd: 441, polarity: 0x40 };
const vertical480 = { total: 525, retraceStart: 490, retraceEnd: 0x8c, blankingStart: 487, blankingEnd: 516, polarity: 0xc0 };

/** Sets sequencer, CRTC, graphics and attribute controller and the palette for `columns` × `rows` cells of `height` lines. */
export function programTextMode(registers: VgaRegisters, columns: number, rows: number, height: number): void {
  const lines = rows * height;
  const vertical = lines <= 400 ? vertical400 : vertical480;
  const narrow = columns <= 40;
  const wide = columns > 90;

  // Nine dots a character at 28.322 MHz up to 90 columns; beyond, eight dots, as 132-column modes have.
  registers.general[General.miscellaneousOutput] = 0x23 | (1 << 2) | vertical.polarity;
  registers.general[General.videoSubsystemEnable] = 1;
  registers.sequencer.fill(0);
  registers.sequencer[Sequencer.reset] = 3;
  registers.sequencer[Sequencer.clockingMode] = (wide ? 1 : 0) | (narrow ? 8 : 0);
  registers.sequencer[Sequencer.mapMask] = 3;
  registers.sequencer[Sequencer.memoryMode] = 2;

  const crtc = registers.crtc;
  crtc.fill(0);
  const horizontal = narrow
    ? horizontal40
    : wide
      ? {
          total: columns + 0x16,
          blankingStart: columns,
          blankingEnd: 0x80 | ((columns + 0x17) & 0x1f),
          retraceStart: columns + 5,
          retraceEnd: (columns + 0x11) & 0x1f,
        }
      : horizontal80;
  crtc[Crtc.horizontalTotal] = horizontal.total;
  crtc[Crtc.horizontalDisplayEnd] = columns - 1;
  crtc[Crtc.horizontalBlankingStart] = horizontal.blankingStart;
  crtc[Crtc.horizontalBlankingEnd] = horizontal.blankingEnd;
  crtc[Crtc.horizontalRetraceStart] = horizontal.retraceStart;
  crtc[Crtc.horizontalRetraceEnd] = horizontal.retraceEnd;
  const total = vertical.total - 2;
  const displayEnd = lines - 1;
  crtc[Crtc.verticalTotal] = total & 0xff;
  crtc[Crtc.verticalDisplayEnd] = displayEnd & 0xff;
  crtc[Crtc.verticalRetraceStart] = vertical.retraceStart & 0xff;
  crtc[Crtc.verticalRetraceEnd] = vertical.retraceEnd;
  crtc[Crtc.verticalBlankingStart] = vertical.blankingStart & 0xff;
  crtc[Crtc.verticalBlankingEnd] = vertical.blankingEnd & 0xff;
  const bit = (value: number, from: number, to: number): number => ((value >> from) & 1) << to;
  crtc[Crtc.overflow] =
    bit(total, 8, 0) |
    bit(displayEnd, 8, 1) |
    bit(vertical.retraceStart, 8, 2) |
    bit(vertical.blankingStart, 8, 3) |
    0x10 |
    bit(total, 9, 5) |
    bit(displayEnd, 9, 6) |
    bit(vertical.retraceStart, 9, 7);
  crtc[Crtc.maximumScanLine] = 0x40 | (height - 1);
  crtc[Crtc.cursorStart] = height - 3;
  crtc[Crtc.cursorEnd] = height - 2;
  crtc[Crtc.offset] = columns / 2;
  // Underline below the last line: none.
  crtc[Crtc.underlineLocation] = 0x1f;
  crtc[Crtc.modeControl] = 0xa3;
  crtc[Crtc.lineCompare] = 0xff;

  registers.graphics.fill(0);
  registers.graphics[Graphics.mode] = 0x10;
  registers.graphics[Graphics.miscellaneous] = 0x0e;
  registers.graphics[Graphics.bitMask] = 0xff;

  registers.attribute.fill(0);
  registers.attribute.set(attributePalette);
  registers.attribute[Attribute.modeControl] = wide ? 0x08 : 0x0c;
  registers.attribute[Attribute.colourPlaneEnable] = 0x0f;
  registers.attribute[Attribute.horizontalPelPanning] = wide ? 0 : 8;
  registers.attributeIndex = 0x20;
  registers.attributeFlipFlop = 0;

  registers.pelMask = 0xff;
  programPalette(registers.palette);
}

/** The DAC's 64 colours of text modes: two bits a component, the low three index bits the strong ones; the rest black. */
function programPalette(palette: Uint8Array): void {
  palette.fill(0);
  for (let index = 0; index < 64; index++) {
    for (let component = 0; component < 3; component++) {
      const strong = (index >> (2 - component)) & 1;
      const weak = (index >> (5 - component)) & 1;
      palette[3 * index + component] = strong * 0x2a + weak * 0x15;
    }
  }
}
