/**
 * The EDID of an output: the base block, and for what that cannot say (more than 4,095 pixels on an axis, or a pixel clock above 655 MHz) a
 * DisplayID section in an extension block with the true timing. The base block then prefers a whole fraction of the size, for readers that know no
 * extensions. Source: VESA DisplayID 1.3, sections 2, 4.1, 4.2, 4.4.1 and 4.13.
 */
import { edidBytes, edidOf, manufacturer, modelYear, productCode, reducedBlankingTiming, type DisplayTiming } from './edid.ts';
import type { OutputProperties } from './properties.ts';

const largestOfBase = 4095;
const largestClockOfBase = 0xffff;
/** Larger sizes of the picture are not known to EDID. */
const largestMillimetresOfBase = 4095;

const Extension = { displayId: 0x70 } as const;
const displayIdVersion = 0x12;
/** Bytes of the data blocks of a section that fills an extension block: 128 less tag, section head, and two checksums. */
const sectionBytes = 121;
const standaloneDisplay = 3;
const identificationBlock = 0x00;
const identificationBytes = 12;
const parametersBlock = 0x01;
const interfaceBlock = 0x0f;
const parametersBytes = 12;
const interfaceBytes = 10;
const largestTenths = 0xffff;
const timingBlock = 0x03; // Type I detailed timing
/** Where its payload begins in the extension block. */
export const timingAt = 5 + 3 + identificationBytes + 3 + parametersBytes + 3 + interfaceBytes + 3;
const timingBytes = 20;
const preferredTiming = 1 << 7;
const positivePolarity = 1 << 15;

/** 128 bytes, or 256 with an extension. `index` is the output's number, which its name and serial number carry. */
export function edidOfOutput(output: Pick<OutputProperties, 'width' | 'height' | 'refresh' | 'millimetres'>, index: number): Uint8Array {
  const { width, height, refresh } = output;
  const known = output.millimetres;
  const sayable = known !== undefined && known.width <= largestMillimetresOfBase && known.height <= largestMillimetresOfBase;
  const identity = {
    refresh,
    widthMillimetres: sayable ? known.width : 0,
    heightMillimetres: sayable ? known.height : 0,
    name: `Output ${index}`,
    serial: index + 1,
  };
  let parts = 1;
  while (!fitsBase(Math.floor(width / parts), Math.floor(height / parts), refresh)) parts++;
  if (parts === 1) return edidOf({ ...identity, width, height });
  const whole = new Uint8Array(2 * edidBytes);
  whole.set(edidOf({ ...identity, width: Math.floor(width / parts), height: Math.floor(height / parts) }, 1));
  whole.set(displayIdBlock(reducedBlankingTiming(width, height, refresh), identity.serial, known), edidBytes);
  return whole;
}

function fitsBase(width: number, height: number, refresh: number): boolean {
  return width <= largestOfBase && height <= largestOfBase && reducedBlankingTiming(width, height, refresh).clock <= largestClockOfBase;
}

function displayIdBlock(timing: DisplayTiming, serial: number, millimetres: OutputProperties['millimetres']): Uint8Array {
  const block = new Uint8Array(edidBytes);
  const view = new DataView(block.buffer);
  block.set([Extension.displayId, displayIdVersion, sectionBytes, standaloneDisplay, 0]);
  block.set([identificationBlock, 0, identificationBytes, ...new TextEncoder().encode(manufacturer)], 5);
  view.setUint16(11, productCode, true);
  view.setUint32(13, serial, true);
  block[18] = modelYear - 2000;
  const parameters = 5 + 3 + identificationBytes;
  const sayable = millimetres !== undefined && Math.max(millimetres.width, millimetres.height) * 10 <= largestTenths;
  block.set([parametersBlock, 0, parametersBytes], parameters);
  [sayable ? millimetres.width * 10 : 0, sayable ? millimetres.height * 10 : 0, timing.width, timing.height].forEach((word, index) =>
    view.setUint16(parameters + 3 + 2 * index, word, true),
  );
  const ratio = Math.round((100 * Math.max(timing.width, timing.height)) / Math.min(timing.width, timing.height)) - 100;
  block.set([0, 120, Math.min(255, ratio), 0x77], parameters + 11); // gamma 2.2, 8 bits a colour
  block.set([interfaceBlock, 0, interfaceBytes, 0xa1, 0x12, 0x02], parameters + 3 + parametersBytes); // DisplayPort 1.2, 8 bits a colour
  block.set([timingBlock, 0, timingBytes], timingAt - 3);
  const at = timingAt;
  const clock = timing.clock - 1;
  block.set([clock & 0xff, (clock >> 8) & 0xff, clock >> 16, preferredTiming | aspectOf(timing.width, timing.height)], at);
  const words = [
    timing.width - 1,
    timing.horizontalBlank - 1,
    (timing.horizontalFrontPorch - 1) | positivePolarity,
    timing.horizontalSync - 1,
    timing.height - 1,
    timing.verticalBlank - 1,
    timing.verticalFrontPorch - 1,
    timing.verticalSync - 1,
  ];
  words.forEach((word, index) => view.setUint16(at + 4 + 2 * index, word, true));
  // The section's own checksum, over what follows the extension's tag; then that of the block.
  block[126] = -block.subarray(1, 126).reduce((sum, byte) => sum + byte, 0) & 0xff;
  block[127] = -block.reduce((sum, byte) => sum + byte, 0) & 0xff;
  return block;
}

/** The aspect ratio of a Type I timing; 8 is one that has no number. */
function aspectOf(width: number, height: number): number {
  const known: readonly [number, number, number][] = [
    [1, 1, 0],
    [5, 4, 1],
    [4, 3, 2],
    [15, 9, 3],
    [16, 9, 4],
    [16, 10, 5],
    [64, 27, 6],
    [256, 135, 7],
  ];
  return known.find(([across, down]) => width * down === height * across)?.[2] ?? 8;
}
