/**
 * What a client is, for a machine that takes its shape: its displays and what a person has to type, point and touch with. The limits are those
 * of the RDP display control ([MS-RDPEDISP], 2.2.2.2.1). Pure; any thread.
 */
import { mostOutputs, type DisplayProperties, type InputProperties, type Orientation, type OutputProperties } from '../machine/display-face.ts';

export { mostOutputs };
export type { DisplayProperties, InputProperties, OutputProperties };

export const leastSize = 200;
export const largestSize = 8192;
export const leastMillimetres = 10;
export const largestMillimetres = 10_000;
export const leastScale = 100;
export const largestScale = 500;
/** Of all outputs together, on each axis. */
export const largestDesktop = 32_766;
export const mostTouchPoints = 10;
const leastRefresh = 24;
const largestRefresh = 240;
const usualRefresh = 60;
const depths: readonly number[] = [8, 15, 16, 24, 32];
const usualDepth = 32;
/** A pixel of a scanout in memory: blue, green, red, and a byte nobody looks at. */
export const bytesAPixel = 4;

const orientations: readonly number[] = [0, 90, 180, 270];

/** A display as a client describes it. Sizes are pixels as they are shown: a portrait display is higher than wide. */
export interface OutputRequest {
  /** 200 to 8,192 each, the width even; 0 × 0 is off. */
  width: number;
  height: number;
  /** Of the picture, 10 to 10,000 each; both are ignored where one is not. */
  widthMillimetres?: number | undefined;
  heightMillimetres?: number | undefined;
  /** The millimetres are a guess of the client's. */
  estimated?: boolean | undefined;
  /** Per cent, 100 to 500; otherwise ignored. */
  scale?: number | undefined;
  orientation?: number | undefined;
  /** Bits a pixel. */
  depth?: number | undefined;
  /** Frames a second, 24 to 240; otherwise ignored. */
  refresh?: number | undefined;
  /** Top left corner in the desktop. */
  x?: number | undefined;
  y?: number | undefined;
  primary?: boolean | undefined;
}

export interface InputRequest {
  keyboard?: boolean | undefined;
  /** Relative motion. */
  mouse?: boolean | undefined;
  /** Absolute position on an output. */
  pointer?: boolean | undefined;
  /** Fingers that can touch at once, 0 to 10; 0: no touch. */
  touchPoints?: number | undefined;
  pen?: boolean | undefined;
}

export interface DisplayRequest {
  /** By output; those that are not named are off. */
  outputs: readonly OutputRequest[];
  input?: InputRequest | undefined;
}

export type CheckedRequest =
  | { ok: true; properties: DisplayProperties; /** A sentence for each property that was left out. */ ignored: string[] }
  /** Nothing of it counts. */
  | { ok: false; reason: string };

class Malformed extends Error {}

const within = (value: number, least: number, most: number): boolean => Number.isInteger(value) && value >= least && value <= most;

/**
 * Checks a request as a whole: either every output is good and the request is what the display becomes, or nothing of it is. `memoryBytes` is what
 * the frames of all outputs have to fit in together.
 */
export function checkRequest(request: DisplayRequest, memoryBytes: number): CheckedRequest {
  const ignored: string[] = [];
  try {
    if (request.outputs.length > mostOutputs)
      throw new Malformed(`There are ${mostOutputs} outputs; the request names ${request.outputs.length}.`);
    const outputs = Array.from({ length: mostOutputs }, (_, index) => {
      const output = request.outputs[index];
      return output === undefined ? undefined : checkOutput(output, index, ignored);
    });
    checkTogether(outputs, memoryBytes);
    return { ok: true, properties: { outputs: withPrimary(outputs), input: checkInput(request.input ?? {}, ignored) }, ignored };
  } catch (error) {
    if (error instanceof Malformed) return { ok: false, reason: error.message };
    throw error;
  }
}

function checkOutput(output: OutputRequest, index: number, ignored: string[]): OutputProperties | undefined {
  const { width, height } = output;
  const name = `Output ${index}`;
  if (width === 0 && height === 0) return undefined;
  for (const [what, value] of [
    ['width', width],
    ['height', height],
  ] as const) {
    if (!within(value, leastSize, largestSize))
      throw new Malformed(`${name} cannot have a ${what} of ${value} pixels: it is ${leastSize} to ${largestSize}, or 0 × 0 for off.`);
  }
  if (width % 2 !== 0) throw new Malformed(`${name} cannot be ${width} pixels wide: the width is even.`);
  const [x, y] = [output.x ?? 0, output.y ?? 0];
  if (!within(x, -largestDesktop, largestDesktop) || !within(y, -largestDesktop, largestDesktop))
    throw new Malformed(`${name} cannot stand at ${x}, ${y}: a place is a whole number of pixels, at most ${largestDesktop} from the corner.`);
  const usual = <Value extends number>(what: string, value: number | undefined, good: (value: number) => boolean, otherwise: Value, limits: string) => {
    if (value === undefined) return otherwise;
    if (good(value)) return value as Value;
    ignored.push(`${name}: a ${what} of ${value} was ignored; ${limits}.`);
    return otherwise;
  };
  return {
    width,
    height,
    millimetres: millimetresOf(output, name, ignored),
    scale: usual('scale', output.scale, (value) => within(value, leastScale, largestScale), 100, `${leastScale} to ${largestScale} % count`),
    orientation: usual<Orientation>('rotation', output.orientation, (value) => orientations.includes(value), 0, '0, 90, 180 and 270 degrees count'),
    depth: usual('depth', output.depth, (value) => depths.includes(value), usualDepth, `${depths.join(', ')} bits count`),
    refresh: usual('refresh rate', output.refresh, (value) => within(value, leastRefresh, largestRefresh), usualRefresh, `${leastRefresh} to ${largestRefresh} Hz count`),
    x,
    y,
    primary: output.primary === true,
  };
}

function millimetresOf({ widthMillimetres, heightMillimetres, estimated }: OutputRequest, name: string, ignored: string[]): OutputProperties['millimetres'] {
  if (widthMillimetres === undefined && heightMillimetres === undefined) return undefined;
  const [width, height] = [widthMillimetres ?? NaN, heightMillimetres ?? NaN];
  if ([width, height].every((value) => within(value, leastMillimetres, largestMillimetres))) return { width, height, estimated: estimated === true };
  ignored.push(`${name}: a size of ${width} × ${height} mm was ignored; ${leastMillimetres} to ${largestMillimetres} mm count.`);
  return undefined;
}

function checkTogether(outputs: readonly (OutputProperties | undefined)[], memoryBytes: number): void {
  const on = outputs.filter((output) => output !== undefined);
  if (on.length === 0) throw new Malformed('At least one output is on.');
  if (on.filter(({ primary }) => primary).length > 1) throw new Malformed('Only one output is the primary one.');
  const { width, height } = desktopOf(on);
  for (const [what, extent] of [
    ['wide', width],
    ['high', height],
  ] as const) {
    if (extent > largestDesktop) throw new Malformed(`The desktop cannot be ${extent} pixels ${what}: ${largestDesktop} is the most.`);
  }
  const bytes = on.reduce((sum, output) => sum + output.width * output.height * bytesAPixel, 0);
  if (bytes > memoryBytes)
    throw new Malformed(`The outputs need ${mebibytes(bytes)} MiB of video memory together, and there are ${mebibytes(memoryBytes)} MiB.`);
}

const mebibytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(1).replace(/\.0$/, '');

/** The rectangle around all outputs that are on. */
export function desktopOf(outputs: readonly (Pick<OutputProperties, 'x' | 'y' | 'width' | 'height'> | undefined)[]): {
  x: number;
  y: number;
  width: number;
  height: number;
} {
  const on = outputs.filter((output) => output !== undefined);
  if (on.length === 0) return { x: 0, y: 0, width: 0, height: 0 };
  const x = Math.min(...on.map((output) => output.x));
  const y = Math.min(...on.map((output) => output.y));
  const width = Math.max(...on.map((output) => output.x + output.width)) - x;
  const height = Math.max(...on.map((output) => output.y + output.height)) - y;
  return { x, y, width, height };
}

/** One output is the primary one: the first that is on, where the client named none. */
function withPrimary(outputs: readonly (OutputProperties | undefined)[]): (OutputProperties | undefined)[] {
  const first = outputs.findIndex((output) => output?.primary === true);
  const primary = first >= 0 ? first : outputs.findIndex((output) => output !== undefined);
  return outputs.map((output, index) => output && { ...output, primary: index === primary });
}

function checkInput(input: InputRequest, ignored: string[]): InputProperties {
  let { touchPoints = 0 } = input;
  if (!within(touchPoints, 0, mostTouchPoints)) {
    ignored.push(`${touchPoints} touch points were ignored; 0 to ${mostTouchPoints} count.`);
    touchPoints = 0;
  }
  return {
    keyboard: input.keyboard ?? true,
    mouse: input.mouse ?? false,
    pointer: input.pointer ?? false,
    touchPoints,
    pen: input.pen ?? false,
  };
}
