import type { Settings } from '../../../main/contract/application.ts';

/**
 * How a guest's pixels become the host's. `pixel-exact`: the largest whole factor that fits; `fit` and `smooth`: as large as the
 * window, pixels sharp or smoothed; numbers: that many host pixels for a guest pixel.
 */
export type Scaling = Settings['scaling'] | 1 | 2 | 3;

/** What can be the default. */
export const DEFAULT_SCALINGS: readonly { value: Settings['scaling']; title: string; hint: string }[] = [
  { value: 'pixel-exact', title: 'Exact pixels', hint: 'the largest whole factor that fits' },
  { value: 'fit', title: 'Fit the window', hint: 'as large as it goes, sharp' },
  { value: 'smooth', title: 'Fit, smooth', hint: 'as large as it goes, smoothed' },
];

export const SCALINGS: readonly { value: Scaling; title: string }[] = [
  ...DEFAULT_SCALINGS,
  { value: 1, title: '1:1 pixels' },
  { value: 2, title: '2:1 pixels' },
  { value: 3, title: '3:1 pixels' },
];

interface Size {
  width: number;
  height: number;
}

/**
 * The size of the guest's screen on the page, in CSS pixels. `pixelRatio` is host pixels per CSS pixel: at 1:1 one guest pixel is
 * exactly one host pixel, whatever the zoom. A screen that is larger than the mat at a factor of 1 is shrunk by `pixel-exact` as well.
 */
export function screenSize(guest: Size, mat: Size, scaling: Scaling, pixelRatio: number): Size & { factor: number } {
  const host = { width: mat.width * pixelRatio, height: mat.height * pixelRatio };
  const fitting = Math.min(host.width / guest.width, host.height / guest.height);
  const whole = Math.floor(fitting);
  const factor = typeof scaling === 'number' ? scaling : scaling === 'pixel-exact' && whole >= 1 ? whole : fitting;
  return { width: (guest.width * factor) / pixelRatio, height: (guest.height * factor) / pixelRatio, factor };
}

/** Where a machine's choice is kept: for each screen of the host its own, by its size and pixels. */
export function scalingKey(machine: string, display: Size, pixelRatio: number): string {
  return `vitrine.console.scaling.${machine} @ ${display.width}x${display.height} ${pixelRatio}`;
}

/** The choice that is kept as this text; undefined when it is none. */
export function parseScaling(text: string | null): Scaling | undefined {
  return SCALINGS.find(({ value }) => String(value) === text)?.value;
}
