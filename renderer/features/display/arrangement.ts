import type { DisplayStateMessage, OutputStateMessage } from '../../../main/contract/display.ts';

export interface PlacedOutput {
  output: OutputStateMessage;
  /** On the drawing, in its pixels. */
  left: number;
  top: number;
  width: number;
  height: number;
  /** For its name below it: up to where another output begins. */
  room: number;
}

/** The outputs that are on, to scale, as large as they go in an area; in the middle of it. `name`: how high a name below an output is. */
export function arrange({ outputs, desktop }: Pick<DisplayStateMessage, 'outputs' | 'desktop'>, area: { width: number; height: number }, name = 0): PlacedOutput[] {
  if (desktop.width === 0 || desktop.height === 0) return [];
  const scale = Math.max(0, Math.min(area.width / desktop.width, area.height / desktop.height));
  const left = (area.width - desktop.width * scale) / 2;
  const top = (area.height - desktop.height * scale) / 2;
  const placed = outputs.flatMap((output): PlacedOutput[] => {
    const { properties } = output;
    if (properties === null) return [];
    return [
      {
        output,
        left: left + (properties.x - desktop.x) * scale,
        top: top + (properties.y - desktop.y) * scale,
        width: properties.width * scale,
        height: properties.height * scale,
        room: area.width - left - (properties.x - desktop.x) * scale,
      },
    ];
  });
  for (const one of placed) {
    const below = one.top + one.height;
    for (const other of placed)
      if (other.left > one.left && other.top < below + name && other.top + other.height + name > below) one.room = Math.min(one.room, other.left - one.left);
  }
  return placed;
}

/** The first output that nobody has; undefined when all are on. */
export function freeOutput(outputs: readonly OutputStateMessage[]): number | undefined {
  return outputs.find(({ properties }) => properties === null)?.output;
}
