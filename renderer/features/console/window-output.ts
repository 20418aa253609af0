import type { OutputRequestMessage } from '../../../main/contract/display.ts';

/** What a page knows of the screen that it is on. */
export interface HostScreen {
  /** Host pixels a CSS pixel. */
  pixelRatio: number;
  /** Degrees by which the screen is turned. */
  angle: number;
}

const LEAST = 200;
const LARGEST = 8192;
/** CSS pixels are defined as 96 an inch; browsers tell no millimetres, so what follows from that is a guess, and said to be one. */
const MILLIMETRES = 25.4 / 96;
const within = (value: number, least: number, most: number): number => Math.max(least, Math.min(most, value));

/** The display that a part of a window is, of so many CSS pixels; within the limits that every machine takes. */
export function outputOf(output: number, area: { width: number; height: number }, { pixelRatio, angle }: HostScreen): OutputRequestMessage {
  const pixels = (size: number): number => within(Math.round(size * pixelRatio), LEAST, LARGEST);
  return {
    output,
    width: pixels(area.width) & ~1,
    height: pixels(area.height),
    widthMillimetres: within(Math.round(area.width * MILLIMETRES), 10, 10_000),
    heightMillimetres: within(Math.round(area.height * MILLIMETRES), 10, 10_000),
    estimated: true,
    scale: within(Math.round(pixelRatio * 100), 100, 500),
    orientation: angle % 90 === 0 ? ((angle % 360) + 360) % 360 : 0,
  };
}
