/**
 * The identity of a display as its EEPROM would hold it: one block of VESA E-EDID, release A2 (EDID structure 1.4). A display adapter
 * offers these bytes to the guest (engine/chipset/vga/adapter-registers.ts); firmware passes them on by INT 10h, AX = 4F15h.
 */

export const edidBytes = 128;

/** What a display is. Sizes that the format cannot say are refused with a RangeError whose message is a sentence. */
export interface DisplayIdentity {
  /** The preferred mode in pixels: 64 to 4,095 each. */
  width: number;
  height: number;
  /** Of the picture, 10 to 4,095 each, or 0 for both: not known. Absent: as many as 96 pixels an inch make of it. */
  widthMillimetres?: number;
  heightMillimetres?: number;
  /** Frames a second, 24 to 240. Absent: 60. */
  refresh?: number;
  /** Up to 13 printable ASCII characters. */
  name?: string;
  /** Tells displays of one name apart; 0 or absent: none. */
  serial?: number;
}

/** What a machine's first display is until somebody says otherwise. */
export const defaultDisplay: DisplayIdentity = { width: 1280, height: 800, name: 'Vitrine' };

/** Three letters of five bits each. */
export const manufacturer = 'VTR';
export const productCode = 0x0001;
export const modelYear = 2026;
const millimetresAnInch = 25.4;
const pixelsAnInch = 96;
const textBytes = 13;

/** An uncompressed timing; counts of pixels and lines. */
export interface DisplayTiming {
  /** In units of 10 kHz. */
  clock: number;
  width: number;
  height: number;
  horizontalBlank: number;
  horizontalFrontPorch: number;
  horizontalSync: number;
  verticalBlank: number;
  verticalFrontPorch: number;
  verticalSync: number;
}

/**
 * VESA Coordinated Video Timings 1.2, reduced blanking version 1. Small displays get longer lines than that: readers take a pixel clock below 10 MHz for
 * garbage.
 */
export function reducedBlankingTiming(width: number, height: number, refresh: number): DisplayTiming {
  const leastBlankMicroseconds = 460;
  const clockStep = 0.25;
  const usualBlank = 160;
  const longestBlank = 4095;
  const leastMegahertz = 10;
  const verticalFrontPorch = 3;
  const leastBackPorch = 6;
  const verticalSync = syncLines(width, height);
  const line = (1e6 / refresh - leastBlankMicroseconds) / height;
  const blank = Math.max(Math.floor(leastBlankMicroseconds / line) + 1, verticalFrontPorch + verticalSync + leastBackPorch);
  const lines = refresh * (height + blank);
  const horizontalBlank = Math.min(longestBlank, Math.max(usualBlank, Math.ceil((leastMegahertz * 1e6) / lines) - width));
  const megahertz = (lines * (width + horizontalBlank)) / 1e6;
  return {
    clock: Math.max(1, Math.floor(megahertz / clockStep + 1e-9) * clockStep * 100),
    width,
    height,
    horizontalBlank,
    horizontalFrontPorch: 48,
    horizontalSync: 32,
    verticalBlank: blank,
    verticalFrontPorch,
    verticalSync,
  };
}

/** Coordinated Video Timings say the aspect ratio by the length of the vertical pulse. */
function syncLines(width: number, height: number): number {
  const known: readonly [number, number, number][] = [
    [4, 3, 4],
    [16, 9, 5],
    [16, 10, 6],
    [5, 4, 7],
    [15, 9, 7],
  ];
  return known.find(([across, down]) => width * down === height * across)?.[2] ?? 10;
}

function check(what: string, value: number, least: number, most: number): void {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new RangeError(`The ${what} of a display must be a whole number from ${least} to ${most}, not ${value}.`);
  }
}

/** Standard timings by width and aspect ratio bits, at 60 Hz; a display has those that are smaller than itself. */
const standardModes: readonly { width: number; height: number; aspect: number }[] = [
  { width: 1920, height: 1200, aspect: 0 },
  { width: 1920, height: 1080, aspect: 3 },
  { width: 1680, height: 1050, aspect: 0 },
  { width: 1600, height: 1200, aspect: 1 },
  { width: 1440, height: 900, aspect: 0 },
  { width: 1280, height: 1024, aspect: 2 },
  { width: 1280, height: 960, aspect: 1 },
  { width: 1280, height: 800, aspect: 0 },
  { width: 1280, height: 720, aspect: 3 },
  { width: 1152, height: 864, aspect: 1 },
];

const establishedModes: readonly { width: number; height: number; byte: number; bit: number }[] = [
  { width: 640, height: 480, byte: 35, bit: 0x20 },
  { width: 800, height: 600, byte: 35, bit: 0x01 },
  { width: 1024, height: 768, byte: 36, bit: 0x08 },
];

/**
 * The block for a display; `extensions` is how many further blocks of 128 bytes the caller puts behind it, whose timings go beyond this block's, so
 * that it gives no limits. Throws a RangeError with a sentence for
 * what the format or a display cannot have.
 */
export function edidOf(display: DisplayIdentity, extensions = 0): Uint8Array {
  const { width, height } = display;
  const refresh = display.refresh ?? 60;
  check('width', width, 64, 4095);
  check('height', height, 64, 4095);
  check('refresh rate', refresh, 24, 240);
  const across = display.widthMillimetres ?? Math.round((width / pixelsAnInch) * millimetresAnInch);
  const down = display.heightMillimetres ?? Math.round((height / pixelsAnInch) * millimetresAnInch);
  if (across !== 0 || down !== 0) {
    check('width in millimetres', across, 10, 4095);
    check('height in millimetres', down, 10, 4095);
  }
  const serial = display.serial ?? 0;
  check('serial number', serial, 0, 0xffff_ffff);
  const name = display.name ?? 'Vitrine';
  if (!/^[\x20-\x7e]{1,13}$/.test(name))
    throw new RangeError(`The name of a display has 1 to 13 printable ASCII characters; "${name}" is none.`);
  const timing = reducedBlankingTiming(width, height, refresh);
  if (timing.clock > 0xffff)
    throw new RangeError(`A display of ${width}×${height} at ${refresh} Hz is beyond what an EDID block can say.`);

  const block = new Uint8Array(edidBytes);
  const view = new DataView(block.buffer);
  block.fill(0xff, 1, 7);
  const letters = [...manufacturer].reduce((bits, letter) => (bits << 5) | (letter.charCodeAt(0) - 64), 0);
  view.setUint16(8, letters);
  view.setUint16(10, productCode, true);
  view.setUint32(12, serial, true);
  block[16] = 0xff; // the year is the model's
  block[17] = modelYear - 1990;
  block[18] = 1;
  block[19] = 4;
  block[20] = 0xa5; // digital, 8 bits a colour, DisplayPort
  // Whole centimetres; 0 for both when either does not fit, then the timing's millimetres say it.
  const centimetres = [Math.round(across / 10), Math.round(down / 10)];
  if (centimetres.every((size) => size >= 1 && size <= 255)) block.set(centimetres, 21);
  block[23] = 120; // gamma 2.2
  block[24] = 0x07; // sRGB, the preferred timing is the native one, any frequency in the limits
  block.set([0xee, 0x91, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50, 0x54], 25); // the primaries of sRGB
  const smaller = (mode: { width: number; height: number }) => mode.width <= width && mode.height <= height;
  for (const mode of establishedModes) if (smaller(mode)) block[mode.byte] = (block[mode.byte] ?? 0) | mode.bit;
  block.fill(0x01, 38, 54);
  standardModes
    .filter((mode) => smaller(mode) && (mode.width !== width || mode.height !== height))
    .slice(0, 8)
    .forEach((mode, index) => block.set([mode.width / 8 - 31, mode.aspect << 6], 38 + 2 * index));
  putTiming(block.subarray(54, 72), timing, across, down);
  if (extensions === 0) putLimits(block.subarray(72, 90), timing, refresh);
  else {
    block[24] = 0x06; // as above, without limits
    block[75] = 0x10; // a descriptor that says nothing
  }
  putText(block.subarray(90, 108), 0xfc, name);
  if (serial === 0)
    block[111] = 0x10; // a descriptor that says nothing
  else putText(block.subarray(108, 126), 0xff, String(serial));
  block[126] = extensions;
  block[127] = -block.reduce((sum, byte) => sum + byte, 0) & 0xff;
  return block;
}

/** Detailed timing descriptor (3.10.2). */
function putTiming(into: Uint8Array, timing: DisplayTiming, across: number, down: number): void {
  const upper = (high: number, low: number) => ((high >> 8) << 4) | (low >> 8);
  const { horizontalBlank, verticalBlank, horizontalFrontPorch, horizontalSync, verticalFrontPorch, verticalSync } = timing;
  into.set([
    timing.clock & 0xff,
    timing.clock >> 8,
    timing.width & 0xff,
    horizontalBlank & 0xff,
    upper(timing.width, horizontalBlank),
    timing.height & 0xff,
    verticalBlank & 0xff,
    upper(timing.height, verticalBlank),
    horizontalFrontPorch & 0xff,
    horizontalSync & 0xff,
    ((verticalFrontPorch & 15) << 4) | (verticalSync & 15),
    ((horizontalFrontPorch >> 8) << 6) | ((horizontalSync >> 8) << 4) | ((verticalFrontPorch >> 4) << 2) | (verticalSync >> 4),
    across & 0xff,
    down & 0xff,
    upper(across, down),
    0,
    0,
    0x1a, // separate syncs, horizontal positive, vertical negative: reduced blanking
  ]);
}

/** Display range limits (3.10.3.3): what the modes of a virtual display need. */
function putLimits(into: Uint8Array, timing: DisplayTiming, refresh: number): void {
  const lineRate = (timing.clock * 10) / (timing.width + timing.horizontalBlank);
  const mostClock = Math.max(17, Math.ceil(timing.clock / 1000));
  const mostLineRate = Math.max(80, Math.ceil(lineRate));
  const offsets = mostLineRate > 255 ? 0x08 : 0; // the largest line rate is 255 kHz more than its byte says
  into.set([0, 0, 0, 0xfd, offsets, Math.min(refresh, 50), Math.max(refresh, 75), Math.min(30, Math.floor(lineRate))]);
  into.set([mostLineRate - (offsets === 0 ? 0 : 255), mostClock, 0x01, 0x0a], 8);
  into.fill(0x20, 12);
}

/** Display descriptor with a text: ends with a line feed when it is shorter than its place, then spaces. */
function putText(into: Uint8Array, tag: number, text: string): void {
  into.set([0, 0, 0, tag, 0]);
  const line = text.length < textBytes ? `${text}\n`.padEnd(textBytes, ' ') : text;
  into.set(new TextEncoder().encode(line), 5);
}
