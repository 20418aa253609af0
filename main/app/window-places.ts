import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';

const place = z.object({
  x: z.int(),
  y: z.int(),
  width: z.int().min(200).max(32767),
  height: z.int().min(200).max(32767),
  maximized: z.boolean(),
  fullScreen: z.boolean().optional(),
});
const stored = z.object({ version: z.literal(1), places: z.record(z.string(), place) });

export type Place = z.infer<typeof place>;

/** A part of the desktop, in the pixels that windows are placed in. */
export interface Area {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Forget the oldest beyond this. */
const MOST = 500;
/** How much of a window's top must be on a screen for a person to get hold of it. */
const HANDLE = 64;

/** Whether a window there could be seen and moved. */
export function isReachable(window: Area, areas: readonly Area[]): boolean {
  return areas.some(
    (area) =>
      window.y >= area.y &&
      window.y + HANDLE <= area.y + area.height &&
      Math.min(window.x + window.width, area.x + area.width) - Math.max(window.x, area.x) >= HANDLE,
  );
}

/** Which screens there are, as a key: a place is remembered per arrangement of screens. */
export function arrangement(areas: readonly Area[]): string {
  return areas
    .map(({ x, y, width, height }) => `${width}x${height}+${x}+${y}`)
    .sort()
    .join(' ');
}

/**
 * Where windows were, by window and arrangement of screens. One small file in the app's own folder; a damaged one costs the places,
 * not the start.
 */
export class WindowPlaces {
  #places: Record<string, Place>;

  constructor(private readonly file: string) {
    this.#places = read(file);
  }

  get(window: string, areas: readonly Area[]): Place | undefined {
    const found = this.#places[`${window} @ ${arrangement(areas)}`];
    return found && isReachable(found, areas) ? found : undefined;
  }

  /** Throws when the file cannot be written; the caller says so in the log. */
  set(window: string, areas: readonly Area[], value: Place): void {
    const key = `${window} @ ${arrangement(areas)}`;
    const { [key]: _before, ...others } = this.#places;
    this.#places = Object.fromEntries([...Object.entries(others), [key, value] as const].slice(-MOST));
    mkdirSync(path.dirname(this.file), { recursive: true });
    const beside = `${this.file}.new`;
    writeFileSync(beside, `${JSON.stringify({ version: 1, places: this.#places })}\n`);
    renameSync(beside, this.file);
  }
}

function read(file: string): Record<string, Place> {
  try {
    return stored.parse(JSON.parse(readFileSync(file, 'utf8'))).places;
  } catch {
    return {};
  }
}
