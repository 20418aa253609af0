/** What the registers say is on the screen: kind, size, and where it lies in the planes. */
import {
  Attribute,
  ClockingMode,
  Crtc,
  Graphics,
  GraphicsMiscellaneous,
  GraphicsMode,
  Sequencer,
  overflowLineCompare8,
  paletteAddressSource,
} from './registers.ts';
import type { VgaRegisters } from './registers.ts';

/** A vertical CRTC value: eight low bits, bits 8 and 9 in the overflow register at the positions given. */
export function verticalValue(registers: VgaRegisters, low: number, bit8: number, bit9: number): number {
  const overflow = registers.crtc[Crtc.overflow] ?? 0;
  return low | (((overflow >> bit8) & 1) << 8) | (((overflow >> bit9) & 1) << 9);
}

export interface ScanGeometry {
  /** Character clocks a line. */
  columns: number;
  /** Lines the monitor shows. */
  lines: number;
  /** Scan lines of a character row before doubling. */
  rowScans: number;
  /** Each scan line is shown this many times. */
  repeat: 1 | 2;
  /** Address counter at the top left, and what each row adds to it. */
  start: number;
  pitch: number;
  /** First scan line of the topmost row, for smooth scrolling. */
  firstScan: number;
  /** Line after which the display starts again at address 0. */
  split: number;
}

export interface TextMode extends ScanGeometry {
  kind: 'text';
  /** Dots a character, 8 or 9. */
  dots: 8 | 9;
  /** Each dot is this many pixels wide: 2 with the halved dot clock of 40-column modes. */
  dotWidth: 1 | 2;
  /** Dots that the picture is shifted to the left. */
  pan: number;
}

export interface GraphicsModeGeometry extends ScanGeometry {
  kind: 'graphics';
  /** How a character clock's 32 bits become pixels. */
  shift: 'planar' | 'interleaved' | 'packed';
  /** Scan lines that show the same memory: a whole row's, unless the row scan counter takes part in addressing. */
  scansAPixel: number;
  pan: number;
}

export type DisplayMode = TextMode | GraphicsModeGeometry | { kind: 'off' };

/** The mode that the registers describe now. `off` while the sequencer is held in reset, the screen switched off or the palette taken away. */
export function displayMode(registers: VgaRegisters): DisplayMode {
  const { attribute, crtc, graphics, sequencer } = registers;
  const clocking = sequencer[Sequencer.clockingMode] ?? 0;
  const running = ((sequencer[Sequencer.reset] ?? 0) & 3) === 3;
  if (!running || (clocking & ClockingMode.screenOff) !== 0 || (registers.attributeIndex & paletteAddressSource) === 0) {
    return { kind: 'off' };
  }
  const maximumScan = crtc[Crtc.maximumScanLine] ?? 0;
  const preset = crtc[Crtc.presetRowScan] ?? 0;
  const panning = attribute[Attribute.horizontalPelPanning] ?? 0;
  const scan: ScanGeometry = {
    columns: (crtc[Crtc.horizontalDisplayEnd] ?? 0) + 1,
    lines: verticalValue(registers, crtc[Crtc.verticalDisplayEnd] ?? 0, 1, 6) + 1,
    rowScans: (maximumScan & 0x1f) + 1,
    repeat: maximumScan & 0x80 ? 2 : 1,
    start: (((crtc[Crtc.startAddressHigh] ?? 0) << 8) | (crtc[Crtc.startAddressLow] ?? 0)) + ((preset >> 5) & 3),
    pitch: 2 * (crtc[Crtc.offset] ?? 0),
    firstScan: preset & 0x1f,
    split:
      (crtc[Crtc.lineCompare] ?? 0) | (((crtc[Crtc.overflow] ?? 0) & overflowLineCompare8) << 4) | ((maximumScan & 0x40) << 3),
  };
  if ((graphics[Graphics.miscellaneous] ?? 0) & GraphicsMiscellaneous.graphicsMode) {
    const mode = graphics[Graphics.mode] ?? 0;
    const packed = (mode & GraphicsMode.shift256) !== 0;
    return {
      ...scan,
      kind: 'graphics',
      shift: packed ? 'packed' : mode & GraphicsMode.shiftInterleave ? 'interleaved' : 'planar',
      scansAPixel: ((crtc[Crtc.modeControl] ?? 0) & 3) === 3 ? scan.rowScans : 1,
      pan: packed ? (panning & 7) >> 1 : panning & 7,
    };
  }
  const dots = clocking & ClockingMode.eightDots ? 8 : 9;
  // Nine dots: 8 is no shift, 0-7 are one to eight. Eight dots: the value itself.
  const pan = dots === 9 ? (panning >= 8 ? 0 : (panning & 7) + 1) : panning & 7;
  return { ...scan, kind: 'text', dots, dotWidth: clocking & ClockingMode.dotClockHalf ? 2 : 1, pan };
}

/** Plane address for an address counter and a row scan counter, as the CRTC's mode control wires them. */
export function planeAddressOf(crtc: Uint8Array, counter: number, rowScan: number): number {
  const modeControl = crtc[Crtc.modeControl] ?? 0;
  const underline = crtc[Crtc.underlineLocation] ?? 0;
  let address: number;
  if (underline & 0x40) address = (counter << 2) | ((counter >> 14) & 3);
  else if (modeControl & 0x40) address = counter;
  else address = (counter << 1) | ((counter >> (modeControl & 0x20 ? 15 : 13)) & 1);
  if ((modeControl & 1) === 0) address = (address & ~0x2000) | ((rowScan & 1) << 13);
  if ((modeControl & 2) === 0) address = (address & ~0x4000) | ((rowScan & 2) << 13);
  return address & 0xffff;
}
