/** A span of time over a width in pixels, that can be zoomed and moved. */
export interface TimeScale {
  /** Host nanoseconds at the left and at the right edge. */
  from: number;
  to: number;
  /** Pixels of the left edge and of the whole width. */
  left: number;
  width: number;
}

const SHORTEST = 200;
const LONGEST = 60e9;

export function toPixels({ from, to, left, width }: TimeScale, time: number): number {
  return left + ((time - from) / (to - from)) * width;
}

export function toTime({ from, to, left, width }: TimeScale, pixels: number): number {
  return from + ((pixels - left) / width) * (to - from);
}

/** `factor` below 1 zooms in; the instant under `pixels` stays where it is. */
export function zoom(scale: TimeScale, pixels: number, factor: number): TimeScale {
  const span = scale.to - scale.from;
  const next = Math.min(LONGEST, Math.max(SHORTEST, span * factor));
  const at = toTime(scale, pixels);
  const share = (at - scale.from) / span;
  return { ...scale, from: at - share * next, to: at + (1 - share) * next };
}

export function move(scale: TimeScale, pixels: number): TimeScale {
  const by = (pixels / scale.width) * (scale.to - scale.from);
  return { ...scale, from: scale.from - by, to: scale.to - by };
}

/** Round instants on the scale, at most `most`, as distances from `origin`. */
export function ticks({ from, to }: TimeScale, origin: number, most: number): number[] {
  const rough = (to - from) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough) ?? 10 * power;
  const first = Math.ceil((from - origin) / step);
  const last = Math.floor((to - origin) / step);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => (first + index) * step);
}
