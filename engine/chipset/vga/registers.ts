/**
 * The VGA's registers: ports, indices and bits, named as the IBM VGA documents name them (Personal System/2 Hardware
 * Interface Technical Reference, Video Subsystem), and the block of shared memory that holds them.
 */
import { array, defineBlock, scalar } from '../../layout/block.ts';

export const enum Port {
  crtcIndexMono = 0x3b4,
  crtcDataMono = 0x3b5,
  inputStatus1Mono = 0x3ba,
  /** Index and data in turn, by the flip-flop. */
  attribute = 0x3c0,
  attributeData = 0x3c1,
  /** Write: miscellaneous output. Read: input status 0. */
  miscellaneousOutputWrite = 0x3c2,
  videoSubsystemEnable = 0x3c3,
  sequencerIndex = 0x3c4,
  sequencerData = 0x3c5,
  pelMask = 0x3c6,
  /** Write: DAC read index. Read: DAC state. */
  dacReadIndex = 0x3c7,
  dacWriteIndex = 0x3c8,
  dacData = 0x3c9,
  featureControlRead = 0x3ca,
  miscellaneousOutputRead = 0x3cc,
  graphicsIndex = 0x3ce,
  graphicsData = 0x3cf,
  crtcIndexColour = 0x3d4,
  crtcDataColour = 0x3d5,
  inputStatus1Colour = 0x3da,
}

/** Index into the block's `general` registers. */
export const enum General {
  miscellaneousOutput = 0,
  featureControl = 1,
  videoSubsystemEnable = 2,
}

export const enum Miscellaneous {
  /** CRTC at 0x3Dx (else 0x3Bx). */
  ioAddressSelect = 1 << 0,
  enableRam = 1 << 1,
  /** Bits 2-3: 0 is 25.175 MHz, 1 is 28.322 MHz. */
  clockSelectShift = 2,
}

export const enum Sequencer {
  reset = 0,
  clockingMode = 1,
  mapMask = 2,
  characterMapSelect = 3,
  memoryMode = 4,
}
export const sequencerCount = 5;

export const enum ClockingMode {
  eightDots = 1 << 0,
  dotClockHalf = 1 << 3,
  screenOff = 1 << 5,
}

export const enum MemoryMode {
  extendedMemory = 1 << 1,
  /** Set: addresses go to planes as the map mask says. Clear: even addresses to planes 0 and 2, odd ones to 1 and 3. */
  oddEvenDisable = 1 << 2,
  chain4 = 1 << 3,
}

export const enum Crtc {
  horizontalTotal = 0x00,
  horizontalDisplayEnd = 0x01,
  horizontalBlankingStart = 0x02,
  horizontalBlankingEnd = 0x03,
  horizontalRetraceStart = 0x04,
  horizontalRetraceEnd = 0x05,
  verticalTotal = 0x06,
  overflow = 0x07,
  presetRowScan = 0x08,
  maximumScanLine = 0x09,
  cursorStart = 0x0a,
  cursorEnd = 0x0b,
  startAddressHigh = 0x0c,
  startAddressLow = 0x0d,
  cursorLocationHigh = 0x0e,
  cursorLocationLow = 0x0f,
  verticalRetraceStart = 0x10,
  verticalRetraceEnd = 0x11,
  verticalDisplayEnd = 0x12,
  offset = 0x13,
  underlineLocation = 0x14,
  verticalBlankingStart = 0x15,
  verticalBlankingEnd = 0x16,
  modeControl = 0x17,
  lineCompare = 0x18,
}
export const crtcCount = 25;
/** Undocumented, and on every VGA: reads the latch of the plane that Read Map Select names. */
export const crtcLatchRead = 0x22;
/** Vertical Retrace End, bit 7: CRTC registers 0-7 are read-only, but for line compare bit 8. */
export const crtcProtect = 0x80;
/** Overflow bit 4: line compare bit 8. */
export const overflowLineCompare8 = 0x10;

export const enum Graphics {
  setReset = 0,
  enableSetReset = 1,
  colourCompare = 2,
  dataRotate = 3,
  readMapSelect = 4,
  mode = 5,
  miscellaneous = 6,
  colourDontCare = 7,
  bitMask = 8,
}
export const graphicsCount = 9;

export const enum GraphicsMode {
  writeMode = 3,
  readMode = 1 << 3,
  oddEven = 1 << 4,
  shiftInterleave = 1 << 5,
  shift256 = 1 << 6,
}

export const enum GraphicsMiscellaneous {
  graphicsMode = 1 << 0,
  chainOddEven = 1 << 1,
  /** Bits 2-3: 0 A0000 128 KiB, 1 A0000 64 KiB, 2 B0000 32 KiB, 3 B8000 32 KiB. */
  memoryMapShift = 2,
}

export const enum Attribute {
  palette0 = 0x00,
  modeControl = 0x10,
  overscan = 0x11,
  colourPlaneEnable = 0x12,
  horizontalPelPanning = 0x13,
  colourSelect = 0x14,
}
export const attributeCount = 21;
/** Attribute index, bit 5: the palette belongs to the display; clear, it belongs to the CPU and the screen is blank. */
export const paletteAddressSource = 0x20;

export const enum AttributeMode {
  graphics = 1 << 0,
  monochrome = 1 << 1,
  lineGraphics = 1 << 2,
  blink = 1 << 3,
  panningCompatibility = 1 << 5,
  pixelWidth = 1 << 6,
  colourSelect54 = 1 << 7,
}

export const enum InputStatus1 {
  displayDisabled = 1 << 0,
  verticalRetrace = 1 << 3,
}

/** Addresses of each of the four planes; VRAM's first 256 KiB hold the planes' bytes interleaved: `address * 4 + plane`. */
export const planeAddresses = 0x10000;

/** Everything the guest can see of the VGA but its memory. Sizes are rounded up so that any index of the port fits. */
export const vgaBlock = defineBlock('vga', 1, {
  /** One byte a plane. First, so that it can be seen as one aligned word. */
  latch: array('u8', 4),
  general: array('u8', 4),
  sequencerIndex: scalar('u8'),
  crtcIndex: scalar('u8'),
  graphicsIndex: scalar('u8'),
  attributeIndex: scalar('u8'),
  /** 1: the next write to 0x3C0 is data. */
  attributeFlipFlop: scalar('u8'),
  pelMask: scalar('u8'),
  dacReadIndex: scalar('u8'),
  dacWriteIndex: scalar('u8'),
  /** 0: last set up for writes, 3: for reads. */
  dacState: scalar('u8'),
  /** Component that comes next: 0 red, 1 green, 2 blue. */
  dacComponent: scalar('u8'),
  /** Red and green of a write that waits for its blue. */
  dacPending: array('u8', 2),
  sequencer: array('u8', 8),
  crtc: array('u8', 32),
  graphics: array('u8', 16),
  attribute: array('u8', 32),
  /** 256 entries of red, green, blue, 6 bits each. */
  palette: array('u8', 768),
});

export type VgaRegisters = ReturnType<typeof vgaBlock.at>;
